/*
 * audit: chain, order, clock and continuity of logs; see audit.h. Clips are audit_clip's.
 */
#include "audit.h"

#include "audit_clip.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000
#define DAY_S 86400
#define QUIET_MS 300000 /* between the lines around a clock change, where no heartbeat is told */

static const uint8_t zeros[PROTO_SHA256_LEN];

struct audit *audit_new(struct audit_facts *facts)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!a->sha256) {
		free(a);
		return NULL;
	}
	a->facts = facts;
	a->zone_known = zone_read(facts->docking.zone, &a->zone) == 0;
	a->first_time_ms = a->from_ms = a->until_ms = PROTO_NO_TIME;
	if (facts->last.known) {
		a->anchor = (struct audit_anchor){
			.known = true, .seq = facts->last.seq, .time_ms = facts->last.time_s * 1000
		};
		memcpy(a->anchor.sha256, facts->last.sha256, sizeof(a->anchor.sha256));
		a->at = a->anchor;
		a->from_ms = a->anchor.time_ms;
	}
	/* A log is read on the dock: so the camera was there at the end of the last one. */
	activation_begin(&a->activation, &a->findings, facts->last.known);
	clips_sort(a);
	return a;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	activation_clear(&a->activation);
	clips_clear(a);
	EVP_MD_free(a->sha256);
	free(a);
}

static bool digest(const struct audit *a, const char *line, size_t len, uint8_t *sha256)
{
	return EVP_Digest(line, len, sha256, NULL, a->sha256, NULL) == 1;
}

uint64_t audit_seq(const char *line, size_t len)
{
	struct audit_line parsed;
	const char *why;

	return audit_line_parse(line, len, &parsed, &why) == 0 ? parsed.seq : 0;
}

/* ---- clock ---- */

/* Whether the zone's clock changes by this much between from and until (UTC seconds). */
static bool zone_changes(const struct audit *a, int64_t from, int64_t until, int64_t by_ms)
{
	return a->zone_known && from >= 0 &&
	    (zone_offset_s(&a->zone, until) - zone_offset_s(&a->zone, from)) * 1000LL == by_ms;
}

/* The clock was set, and the line says by how much. */
static int64_t clock_set(struct audit *a, const struct audit_line *line)
{
	int64_t jump = line->to_ms - line->from_ms, t = line->time_ms / 1000;
	bool hour = llabs(llabs(jump) - HOUR_MS) <= 2000;
	bool summer = hour &&
	    zone_changes(a, t - (int64_t)7 * DAY_S, t + DAY_S, jump < 0 ? -HOUR_MS : HOUR_MS);

	activation_mark(&a->activation, MARK_JUMP, line, jump, summer ? "summer-time" : "set");
	return line->from_ms - a->at.time_ms;
}

static int64_t quiet_ms(const struct audit *a)
{
	int64_t beat = (int64_t)a->heartbeat_s * 2000 + 5000;

	return a->heartbeat_s ? beat : QUIET_MS;
}

/* The clock went back by itself. What passed, as far as it can be told. */
static int64_t clock_back(struct audit *a, const struct audit_line *line, int64_t passed)
{
	int64_t t = line->time_ms / 1000;
	char from[FINDING_TIME], until[FINDING_TIME];

	if (passed + HOUR_MS >= 0 && passed + HOUR_MS <= quiet_ms(a) &&
	    zone_changes(a, t - DAY_S, t + DAY_S, -HOUR_MS)) {
		activation_mark(&a->activation, MARK_JUMP, line, -HOUR_MS, "summer-time");
		return passed + HOUR_MS;
	}
	activation_mark(&a->activation, MARK_JUMP, line, passed, "back");
	finding_add(&a->findings, FINDING_CLOCK_BACK, line->seq, 0,
	    "The clock goes back from %s to %s, and no line tells that it was set.",
	    finding_time(a->at.time_ms, from), finding_time(line->time_ms, until));
	return 0;
}

/* Longer without a line than the camera promises. What passed as told; the rest is missing. */
static int64_t silence(struct audit *a, const struct audit_line *line, int64_t passed)
{
	int64_t t = line->time_ms / 1000, beat = (int64_t)a->heartbeat_s * 1000;
	char from[FINDING_TIME], span[FINDING_TIME];

	if (passed >= HOUR_MS && passed - HOUR_MS <= quiet_ms(a) &&
	    zone_changes(a, t - DAY_S, t + DAY_S, HOUR_MS)) {
		activation_mark(&a->activation, MARK_JUMP, line, HOUR_MS, "summer-time");
		return passed - HOUR_MS;
	}
	finding_add(&a->findings, FINDING_SILENCE, line->seq, 0,
	    "No line for %s from %s on, while the log says that the camera was on and writes one at "
	    "least every %" PRIu32 " seconds.",
	    finding_span(passed, span), finding_time(a->at.time_ms, from), a->heartbeat_s);
	activation_add(&a->activation.share_ms[SHARE_MISSING], passed - beat);
	return beat;
}

/* Accounts for the time since the line before, which is the one of the seq before. */
static void pass(struct audit *a, const struct audit_line *line)
{
	struct activation *act = &a->activation;
	int64_t passed = line->time_ms - a->at.time_ms;

	if (line->event == AUDIT_CLOCK_SET)
		passed = clock_set(a, line);
	if (passed < 0)
		passed = clock_back(a, line, passed);
	else if (activation_lost(act, line)) {
		activation_lose(act, passed);
		return;
	} else if (a->heartbeat_s && act->power == POWER_ON && !act->docked && passed > quiet_ms(a))
		passed = silence(a, line, passed);
	activation_pass(act, passed);
}

/* ---- what is missing between the last audit and what is there now ---- */

static int64_t camera_ms(const struct audit *a, int64_t station_s)
{
	int64_t offset = a->facts->docking.clock_offset_ms;

	return station_s * 1000 + (offset == PROTO_NO_TIME ? 0 : offset);
}

/* No line tells of the time up to until; on the dock it was until it left, as the station knows. */
static void miss_until(struct audit *a, int64_t until_ms)
{
	const struct audit_last *last = &a->facts->last;
	int64_t from = a->at.time_ms;

	if (a->new_lines == 0 && last->known && last->ended_s != PROTO_NO_TIME) {
		int64_t left = camera_ms(a, last->ended_s);

		if (left > from && left <= until_ms) {
			activation_add(&a->activation.share_ms[SHARE_DOCKED], left - from);
			from = left;
		}
	}
	activation_miss(&a->activation, until_ms > from ? until_ms - from : 0);
	a->until_ms = until_ms;
	a->activation.docked = false;
	a->gap = true;
}

/* ---- chain and order ---- */

static bool follows(const struct audit_line *line, const uint8_t *sha256)
{
	return memcmp(line->prev, sha256, sizeof(line->prev)) == 0;
}

static void chain_broken(struct audit *a, const struct audit_line *line)
{
	bool from_before =
	    a->new_lines == 0 && a->facts->last.known && a->at.seq == a->facts->last.seq;

	if (from_before && a->forked)
		return; /* the line before is not ours: said already */
	if (from_before) {
		a->forked = true;
		finding_add(&a->findings, FINDING_LOG_FORKED, line->seq, 0,
		    "Line %" PRIu64 " was not written after the line %" PRIu64
		    " that was read at docking %" PRIu64 ": one of the two is not the line that "
		    "this camera wrote.",
		    line->seq, a->at.seq, a->facts->last.docking);
		return;
	}
	finding_add(&a->findings, FINDING_LINE_CHANGED, line->seq, 0,
	    "Line %" PRIu64 " was not written after line %" PRIu64
	    " as it stands there: one of the two was changed.",
	    line->seq, a->at.seq);
}

/* Lines that could not be understood stand before this one. */
static void judge_damaged(struct audit *a, const struct audit_line *line)
{
	bool as_written = a->raw_known && follows(line, a->raw_sha256);

	finding_add(&a->findings, FINDING_LINE_DAMAGED, line->seq, 0,
	    "%" PRIu64 " %s before line %" PRIu64 " cannot be understood: %s.", a->damaged_run,
	    a->damaged_run == 1 ? "line" : "lines", line->seq,
	    as_written ? "the chain says that the camera wrote it so" :
			 "damaged or changed since the camera wrote it");
	a->activation.after_gap = true;
}

static void judge_gap(struct audit *a, const struct audit_line *line)
{
	uint64_t n = line->seq - a->at.seq - 1;
	char from[FINDING_TIME], until[FINDING_TIME];

	finding_add(&a->findings, FINDING_LINES_MISSING, line->seq, 0,
	    "%" PRIu64 " %s missing before line %" PRIu64 ", between %s and %s.", n,
	    n == 1 ? "line is" : "lines are", line->seq, finding_time(a->at.time_ms, from),
	    finding_time(line->time_ms, until));
	if (a->new_lines == 0)
		a->gap_from_last = true;
	miss_until(a, line->time_ms);
}

/* A line that stands after one of a higher seq. */
static void out_of_order(struct audit *a, const struct audit_line *line)
{
	/* Where it alone was missing, it is not missing but in another place. */
	finding_drop(&a->findings, FINDING_LINES_MISSING, line->seq + 1);
	finding_add(&a->findings, FINDING_OUT_OF_ORDER, line->seq, 0,
	    "Line %" PRIu64 " stands behind line %" PRIu64 ": lines were put in another order.",
	    line->seq, a->at.seq);
}

/* A log that begins anew: its chain has nothing before it. */
static bool begins_anew(const struct audit *a, const struct audit_line *line)
{
	return line->seq == 1 && line->event == AUDIT_LOG_START && follows(line, zeros) &&
	    a->at.known && line->time_ms > a->at.time_ms;
}

/* ---- lines ---- */

static void settle(struct audit *a, const struct audit_line *line, const uint8_t *sha256)
{
	a->at = (struct audit_anchor){ .known = true, .seq = line->seq, .time_ms = line->time_ms };
	memcpy(a->at.sha256, sha256, sizeof(a->at.sha256));
}

static void start_line(struct audit *a, const struct audit_line *line)
{
	if (line->heartbeat_s)
		a->heartbeat_s = line->heartbeat_s;
	if (line->event != AUDIT_LOG_START)
		return;
	if (line->version > AUDIT_VERSION)
		a->unknown_version = line->version;
	if (strncmp(a->facts->docking.camera, "unproved:", 9) != 0 &&
	    strcmp(line->text, a->facts->docking.camera) != 0)
		finding_add(&a->findings, FINDING_OTHER_CAMERA, line->seq, 0,
		    "The log says that it is of camera %.60s, and it was read from camera %.60s.",
		    line->text, a->facts->docking.camera);
}

/* A line of the time that was audited before: only what it tells of clips counts. */
static void history(struct audit *a, const struct audit_line *line, const uint8_t *sha256)
{
	clips_remember(a, line);
	if (line->heartbeat_s)
		a->heartbeat_s = line->heartbeat_s;
	if (line->seq != a->anchor.seq)
		return;
	a->anchored = memcmp(sha256, a->anchor.sha256, PROTO_SHA256_LEN) == 0;
	if (a->anchored || a->forked)
		return;
	a->forked = true;
	if (a->newest.known)
		finding_add(&a->findings, FINDING_LOG_FORKED, line->seq, 0,
		    "Line %" PRIu64 " stands in two logs of this docking, and not the same.",
		    line->seq);
	else
		finding_add(&a->findings, FINDING_LOG_FORKED, line->seq, 0,
		    "Line %" PRIu64 " is not the one that was read at docking %" PRIu64
		    ": what was read then was written anew.",
		    line->seq, a->facts->last.docking);
}

static void restart(struct audit *a, const struct audit_line *line)
{
	char time[FINDING_TIME];

	a->restarted = true;
	finding_add(&a->findings, FINDING_LOG_RESTARTED, line->seq, 0,
	    "The log begins anew at %s: it was reset, or is of other storage.",
	    finding_time(line->time_ms, time));
	miss_until(a, line->time_ms);
}

/* Its place in the order and the chain. false: it is not in its place, and is left aside. */
static bool place(struct audit *a, const struct audit_line *line)
{
	uint64_t expected = a->at.seq + 1;

	if (!a->at.known) {
		/* The first line that was ever seen of this camera. */
		if (line->seq == 1 && !follows(line, zeros))
			chain_broken(a, line);
		if (a->damaged_run)
			judge_damaged(a, line);
		return true;
	}
	if (begins_anew(a, line)) {
		restart(a, line);
		return true;
	}
	if (line->seq < expected) {
		out_of_order(a, line);
		return false;
	}
	if (a->damaged_run) {
		judge_damaged(a, line);
		if (line->seq == expected && !follows(line, a->at.sha256) &&
		    !(a->raw_known && follows(line, a->raw_sha256)))
			chain_broken(a, line);
		if (line->seq - expected > a->damaged_run)
			judge_gap(a, line);
		else
			pass(a, line);
		return true;
	}
	if (line->seq > expected) {
		judge_gap(a, line);
		return true;
	}
	if (!follows(line, a->at.sha256))
		chain_broken(a, line);
	pass(a, line);
	return true;
}

static void take_new(struct audit *a, const struct audit_line *line, const uint8_t *sha256)
{
	int64_t before = a->at.known ? a->at.time_ms : line->time_ms;
	uint64_t asset;

	if (!place(a, line)) {
		clips_compare(a, line);
		return;
	}
	a->new_lines++;
	if (a->from_ms == PROTO_NO_TIME)
		a->from_ms = line->time_ms;
	a->until_ms = line->time_ms;
	start_line(a, line);
	asset = clips_compare(a, line);
	activation_line(&a->activation, line, asset, before);
	if (line->event == AUDIT_DOCKED)
		a->dock_seq = line->seq;
	else if (line->event == AUDIT_UNDOCKED)
		a->other_dock_seq = a->dock_seq;
	settle(a, line, sha256);
	a->newest = a->at;
}

static void take_good(struct audit *a, const struct audit_line *line, const uint8_t *sha256)
{
	struct audit_log_result *log = a->this_log;

	if (a->first_time_ms == PROTO_NO_TIME)
		a->first_time_ms = line->time_ms;
	if (log->first_seq == 0)
		log->first_seq = line->seq;
	if (line->seq > log->last_seq)
		log->last_seq = line->seq;
	if (line->seq > a->highest_seq)
		a->highest_seq = line->seq;
	if (line->seq == 1)
		a->genesis = true;
	if (!a->restarted && a->anchor.known && line->seq <= a->anchor.seq && !begins_anew(a, line))
		history(a, line, sha256);
	else
		take_new(a, line, sha256);
}

void audit_log(struct audit *a, unsigned log)
{
	a->this_log = &a->log[log];
	a->damaged_run = 0;
	a->raw_known = false;
	if (a->newest.known)
		a->anchor = a->newest;
}

void audit_take(struct audit *a, const char *line, size_t len, enum line_end end)
{
	struct audit_log_result *log = a->this_log;
	uint8_t sha256[PROTO_SHA256_LEN];
	const char *why;

	log->lines++;
	if (end == LINE_TOO_LONG || !digest(a, line, len, sha256) ||
	    audit_line_parse(line, len, &a->line, &why) < 0) {
		/* A log may grow while it is read on the dock: its last line may come in part. */
		if (end == LINE_UNFINISHED && a->activation.docked && a->new_lines) {
			log->lines--;
			return;
		}
		log->damaged++;
		a->damaged_run++;
		a->raw_known = end == LINE_WHOLE;
		if (a->raw_known)
			memcpy(a->raw_sha256, sha256, sizeof(sha256));
		return;
	}
	take_good(a, &a->line, sha256);
	a->damaged_run = 0;
	a->raw_known = false;
}

void audit_log_end(struct audit *a)
{
	struct audit_log_result *log = a->this_log;

	log->opaque = log->lines > 0 && log->lines == log->damaged;
	if (a->damaged_run && !log->opaque)
		finding_add(&a->findings, FINDING_LINE_DAMAGED, log->last_seq, 0,
		    "%" PRIu64 " %s behind line %" PRIu64
		    ", at the end of the log, cannot be understood: cut off, damaged or changed.",
		    a->damaged_run, a->damaged_run == 1 ? "line" : "lines", log->last_seq);
}

/* ---- the end ---- */

static bool any_line(const struct audit *a)
{
	return a->first_time_ms != PROTO_NO_TIME;
}

enum audit_continuity audit_continuity(const struct audit *a)
{
	const struct audit_last *last = &a->facts->last;

	if (!any_line(a))
		return CONTINUITY_NO_LOG;
	if (a->restarted)
		return CONTINUITY_RESTARTED;
	if (a->forked)
		return CONTINUITY_FORKED;
	if (!last->known)
		return CONTINUITY_FIRST;
	if (a->highest_seq < last->seq)
		return CONTINUITY_ROLLED_BACK;
	if (a->new_lines == 0)
		return CONTINUITY_NOTHING_NEW;
	return a->gap_from_last ? CONTINUITY_GAP : CONTINUITY_CONTINUES;
}

static bool all_opaque(const struct audit *a)
{
	for (unsigned i = 0; i < a->facts->logs; i++) {
		if (!a->log[i].opaque)
			return false;
	}
	return a->facts->logs > 0;
}

/* No new line came: what that means. */
static void judge_nothing(struct audit *a)
{
	const struct audit_last *last = &a->facts->last;
	char time[FINDING_TIME];

	switch (audit_continuity(a)) {
	case CONTINUITY_NO_LOG:
		if (!all_opaque(a))
			finding_add(&a->findings, FINDING_NO_LOG, 0, 0,
			    "No audit log came from the camera, or an empty one.");
		break;
	case CONTINUITY_ROLLED_BACK:
		finding_add(&a->findings, FINDING_LOG_ROLLED_BACK, a->highest_seq, 0,
		    "The log ends at line %" PRIu64 "; at docking %" PRIu64
		    " it reached line %" PRIu64 ": what it told then is not in it any more.",
		    a->highest_seq, last->docking, last->seq);
		break;
	case CONTINUITY_NOTHING_NEW:
		finding_add(&a->findings, FINDING_NOTHING_NEW, last->seq, 0,
		    "The log ends where it ended at docking %" PRIu64 " (line %" PRIu64
		    ", %s): nothing in it is of the time since then.",
		    last->docking, last->seq, finding_time(last->time_s * 1000, time));
		break;
	case CONTINUITY_FIRST:
	case CONTINUITY_CONTINUES:
	case CONTINUITY_GAP:
	case CONTINUITY_FORKED:
	case CONTINUITY_RESTARTED:
		break;
	}
	if (a->at.known)
		miss_until(a, camera_ms(a, a->facts->docking.docked_s));
}

static void judge_end(struct audit *a)
{
	char end[FINDING_TIME], docked[FINDING_TIME];
	int64_t docked_ms = camera_ms(a, a->facts->docking.docked_s);

	if (a->activation.docked)
		return;
	finding_add(&a->findings, FINDING_ENDS_EARLY, a->at.seq, 0,
	    "The log ends with line %" PRIu64
	    " at %s and does not tell of this docking (%s): its end is missing.",
	    a->at.seq, finding_time(a->at.time_ms, end), finding_time(docked_ms, docked));
	miss_until(a, docked_ms);
}

void audit_end(struct audit *a)
{
	if (a->new_lines == 0)
		judge_nothing(a);
	else
		judge_end(a);
	activation_end(&a->activation, a->at.time_ms);
	clips_end(a, any_line(a));
}

void audit_fill(const struct audit *a, struct proto_audited *audited)
{
	memset(audited, 0, sizeof(*audited));
	audited->first_time_s = audited->last_time_s = PROTO_NO_TIME;
	audited->findings =
	    a->findings.total > UINT32_MAX ? UINT32_MAX : (uint32_t)a->findings.total;
	audited->opaque = all_opaque(a);
	for (unsigned i = 0; i < a->facts->logs; i++) {
		const struct audit_log_result *log = &a->log[i];

		audited->lines += log->lines;
		audited->damaged += log->damaged;
		if (log->first_seq && (!audited->first_seq || log->first_seq < audited->first_seq))
			audited->first_seq = log->first_seq;
	}
	/* From which the next docking goes on: the newest in its place, else the one before. */
	if (a->newest.known || a->facts->last.known) {
		audited->last_seq = a->at.seq;
		audited->last_time_s = a->at.time_ms / 1000;
		memcpy(audited->last_sha256, a->at.sha256, sizeof(audited->last_sha256));
	}
	if (a->first_time_ms != PROTO_NO_TIME)
		audited->first_time_s = a->first_time_ms / 1000;
}
