/*
 * activation: adds up the times of a camera's use; see activation.h.
 *
 * What is open (recordings, muting) is held in a small table, so that a log of any length, also a
 * hostile one, takes the same memory.
 */
#include "activation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATTERY_LOW 5 /* percent: losing power after this is what the log itself explains */

void activation_begin(struct activation *a, struct findings *findings, bool docked)
{
	memset(a, 0, sizeof(*a));
	a->findings = findings;
	a->docked = docked;
	a->battery_first = a->battery_last = a->battery_least = -1;
}

void activation_clear(struct activation *a)
{
	for (size_t i = 0; i < a->open; i++)
		free(a->now[i].file);
	for (size_t i = 0; i < a->listed; i++)
		free(a->recording[i].file);
	a->open = a->listed = 0;
}

void activation_add(int64_t *sum_ms, int64_t ms)
{
	if (__builtin_add_overflow(*sum_ms, ms, sum_ms))
		*sum_ms = INT64_MAX;
}

void activation_pass(struct activation *a, int64_t ms)
{
	enum activation_share share = a->open ? SHARE_RECORDING :
	    a->docked                         ? SHARE_DOCKED :
	    a->power == POWER_OFF             ? SHARE_OFF :
						SHARE_POWERED;

	if (share == SHARE_POWERED && a->power == POWER_UNKNOWN) {
		activation_add(&a->unsure_ms, ms);
		return;
	}
	activation_add(&a->share_ms[share], ms);
	if (share == SHARE_POWERED && a->buffer)
		activation_add(&a->buffer_ms, ms);
	if (share != SHARE_RECORDING)
		return;
	if (a->muted)
		activation_add(&a->muted_ms, ms);
	for (size_t i = 0; i < a->open; i++) {
		activation_add(&a->now[i].passed_ms, ms);
		if (a->muted)
			activation_add(&a->now[i].muted_ms, ms);
	}
}

/* A line says what it had been before. */
static void resolve(struct activation *a, enum activation_share share)
{
	activation_add(&a->share_ms[share], a->unsure_ms);
	a->unsure_ms = 0;
}

/* Whether only a camera that is on writes such a line. */
static bool shows_power(enum audit_event event)
{
	return event == AUDIT_POWER_OFF || event == AUDIT_RECORD_START ||
	    event == AUDIT_RECORD_STOP || event == AUDIT_MUTE || event == AUDIT_UNMUTE ||
	    event == AUDIT_BUFFER_ON || event == AUDIT_BUFFER_OFF || event == AUDIT_USER ||
	    event == AUDIT_HEARTBEAT;
}

struct activation_mark *activation_mark(struct activation *a, enum mark_kind kind,
    const struct audit_line *line, int64_t jump_ms, const char *word)
{
	struct activation_mark *m;

	if (a->marks_all++ >= ACTIVATION_LIST)
		return NULL;
	m = &a->mark[a->marks++];
	m->kind = kind;
	m->seq = line->seq;
	m->time_ms = line->time_ms;
	m->jump_ms = jump_ms;
	m->word = word;
	memcpy(m->text, line->text, sizeof(m->text));
	return m;
}

/* ---- recordings ---- */

/* Takes an open one off the table and lists it. until_ms: when it ended as far as told. */
static void finish(
    struct activation *a, size_t i, int64_t until_ms, enum recording_end end, uint64_t asset)
{
	struct activation_recording r = a->now[i];

	r.until_ms = until_ms;
	r.end = end;
	r.asset = asset ? asset : r.asset;
	a->open--;
	memmove(&a->now[i], &a->now[i + 1], (a->open - i) * sizeof(r));
	a->recordings++;
	if (a->listed < ACTIVATION_LIST)
		a->recording[a->listed++] = r;
	else
		free(r.file);
}

static void begin(
    struct activation *a, const struct audit_line *line, uint64_t asset, bool start_known)
{
	struct activation_recording *r = &a->now[a->open];

	memset(r, 0, sizeof(*r));
	r->file = strdup(line->file);
	if (!r->file)
		abort(); /* nothing can be answered any more; the core reads that we died */
	memcpy(r->user, a->user, sizeof(r->user));
	r->from_ms = start_known ? line->time_ms : PROTO_NO_TIME;
	r->start_seq = line->seq;
	r->asset = asset;
	a->open++;
}

/* Its number in the table, or a->open. */
static size_t find(const struct activation *a, const char *file)
{
	size_t i;

	for (i = 0; i < a->open && strcmp(a->now[i].file, file) != 0;)
		i++;
	return i;
}

/* An open recording whose stop is not told. */
static void lose(struct activation *a, size_t i, int64_t until_ms, const char *why)
{
	finding_add(a->findings, FINDING_NO_STOP, a->now[i].start_seq, a->now[i].asset,
	    "The log tells when recording %.120s began, and not when it ended: %s.", a->now[i].file,
	    why);
	finish(a, i, until_ms, RECORDING_LOST, 0);
}

static void lose_all(struct activation *a, int64_t until_ms, const char *why)
{
	while (a->open)
		lose(a, 0, until_ms, why);
}

static void start(struct activation *a, const struct audit_line *line, uint64_t asset)
{
	size_t i = find(a, line->file);

	if (i < a->open)
		lose(a, i, line->time_ms, "it began again");
	if (a->open == ACTIVATION_OPEN)
		lose(a, 0, line->time_ms, "more began than a camera can make at once");
	a->power = POWER_ON;
	begin(a, line, asset, true);
}

static void stop(struct activation *a, const struct audit_line *line, uint64_t asset)
{
	size_t i = find(a, line->file);

	if (i == a->open) {
		finding_add(a->findings, FINDING_NO_START, line->seq, asset,
		    "The log tells when recording %.120s ended, and not when it began%s.",
		    line->file, a->after_gap ? "; lines before it are missing" : "");
		if (a->open == ACTIVATION_OPEN)
			return;
		begin(a, line, asset, false);
	}
	finish(a, i, line->time_ms, RECORDING_STOPPED, asset);
}

/* ---- power and sound ---- */

static void forget_mute(struct activation *a, const char *when)
{
	if (a->muted)
		finding_add(a->findings, FINDING_NO_UNMUTE, a->muted_seq, 0,
		    "The log tells when sound was muted, and not when that ended: %s.", when);
	a->muted = false;
}

bool activation_lost(const struct activation *a, const struct audit_line *line)
{
	return line->event == AUDIT_POWER_ON && a->power == POWER_ON;
}

void activation_lose(struct activation *a, int64_t ms)
{
	activation_add(&a->share_ms[SHARE_POWER_LOST], ms);
}

/* Power came again and had not gone as far as the log tells. */
static void power_lost(struct activation *a, const struct audit_line *line, int64_t before_ms)
{
	char from[FINDING_TIME], until[FINDING_TIME];
	struct activation_mark *m = activation_mark(a, MARK_POWER_LOST, line, before_ms, NULL);

	if (a->battery_last >= 0 && a->battery_last <= BATTERY_LOW) {
		if (m)
			snprintf(m->text, sizeof(m->text), "the battery had told %d %% before",
			    a->battery_last);
	} else {
		finding_add(a->findings, FINDING_POWER_LOST, line->seq, 0,
		    "Powered on again at %s without a power-off in the log; the line before is of "
		    "%s: battery removed, flat, or a fault: cannot tell which.",
		    finding_time(line->time_ms, until), finding_time(before_ms, from));
	}
	lose_all(a, before_ms, "power was lost");
	a->muted = false;
	a->buffer = false;
}

void activation_miss(struct activation *a, int64_t ms)
{
	activation_add(&a->share_ms[SHARE_MISSING], ms);
	a->after_gap = true;
	resolve(a, SHARE_MISSING);
	/* What was open may have ended there: what is not told is not guessed. */
	a->power = POWER_UNKNOWN;
	a->muted = a->buffer = false;
	while (a->open)
		lose(a, 0, PROTO_NO_TIME, "lines are missing after it");
}

static void battery(struct activation *a, int percent)
{
	if (a->battery_first < 0)
		a->battery_first = percent;
	if (a->battery_least < 0 || percent < a->battery_least)
		a->battery_least = percent;
	a->battery_last = percent;
}

static void user(struct activation *a, const struct audit_line *line)
{
	snprintf(a->user, sizeof(a->user), "%.63s", line->text);
	activation_mark(a, MARK_USER, line, 0, NULL);
}

static void power_off(struct activation *a, const struct audit_line *line)
{
	lose_all(a, line->time_ms, "the camera was powered off");
	forget_mute(a, "the camera was powered off");
	a->power = POWER_OFF;
	a->buffer = false;
}

void activation_line(
    struct activation *a, const struct audit_line *line, uint64_t asset, int64_t before_ms)
{
	a->events[line->event]++;
	if (a->power == POWER_UNKNOWN && shows_power(line->event)) {
		resolve(a, SHARE_POWERED);
		a->power = POWER_ON;
	} else if (a->power == POWER_UNKNOWN && line->event == AUDIT_POWER_ON) {
		resolve(a, SHARE_OFF);
	}
	switch (line->event) {
	case AUDIT_POWER_ON:
		if (activation_lost(a, line))
			power_lost(a, line, before_ms);
		a->power = POWER_ON;
		break;
	case AUDIT_POWER_OFF:
		power_off(a, line);
		break;
	case AUDIT_RECORD_START:
		start(a, line, asset);
		break;
	case AUDIT_RECORD_STOP:
		stop(a, line, asset);
		break;
	case AUDIT_MUTE:
		a->muted_seq = a->muted ? a->muted_seq : line->seq;
		a->muted = true;
		break;
	case AUDIT_UNMUTE:
		a->muted = false;
		break;
	case AUDIT_BUFFER_ON:
	case AUDIT_BUFFER_OFF:
		a->buffer = line->event == AUDIT_BUFFER_ON;
		break;
	case AUDIT_BATTERY:
		battery(a, (int)line->percent);
		break;
	case AUDIT_DOCKED:
	case AUDIT_UNDOCKED:
		a->docked = line->event == AUDIT_DOCKED;
		break;
	case AUDIT_USER:
		user(a, line);
		break;
	case AUDIT_CARD_REMOVED:
	case AUDIT_CARD_INSERTED:
		activation_mark(a, MARK_CARD, line, 0, audit_event_name(line->event));
		break;
	case AUDIT_ERROR:
		activation_mark(a, MARK_ERROR, line, 0, NULL);
		break;
	case AUDIT_UNKNOWN:
	case AUDIT_LOG_START:
	case AUDIT_CLOCK_SET:
	case AUDIT_DELETE:
	case AUDIT_HEARTBEAT:
	case AUDIT_EVENTS:
		break;
	}
	if (line->event == AUDIT_RECORD_START || line->event == AUDIT_RECORD_STOP)
		a->after_gap = false;
}

void activation_end(struct activation *a, int64_t time_ms)
{
	resolve(a, SHARE_MISSING);
	lose_all(a, time_ms, "the log ends before");
	forget_mute(a, "the log ends before");
}
