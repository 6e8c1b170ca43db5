/*
 * audit_report: writes the activation report; see audit_report.h.
 *
 * Text from a camera that is not UTF-8 is written with \xNN for its bytes, as JSON cannot hold it.
 */
#include "audit_report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const says[] = {
	"This report does not say that recording was required at any time.",
	"It rests on the camera's own word: a camera without power writes nothing.",
	"Officers appear by the id that the camera was given, which is not proof of who wore it.",
};

static const char *const continuities[] = {
	[CONTINUITY_FIRST] = "first",
	[CONTINUITY_CONTINUES] = "continues",
	[CONTINUITY_GAP] = "gap",
	[CONTINUITY_FORKED] = "forked",
	[CONTINUITY_RESTARTED] = "restarted",
	[CONTINUITY_ROLLED_BACK] = "rolled-back",
	[CONTINUITY_NOTHING_NEW] = "nothing-new",
	[CONTINUITY_NO_LOG] = "no-log",
};

/* How many bytes a character of UTF-8 has that begins here, or 0 (RFC 3629). */
static size_t character(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 :
	    p[0] < 0xc2        ? 0 :
	    p[0] < 0xe0        ? 2 :
	    p[0] < 0xf0        ? 3 :
	    p[0] < 0xf5        ? 4 :
				 0;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static json_t *text(const char *from)
{
	char clean[4 * PROTO_PATH_LEN];
	size_t used = 0;

	while (*from && used + 5 < sizeof(clean)) {
		size_t n = character((const unsigned char *)from);

		if (n == 0) {
			snprintf(clean + used, 5, "\\x%02x", (unsigned char)*from++);
			used += 4;
			continue;
		}
		memcpy(clean + used, from, n);
		used += n;
		from += n;
	}
	return json_stringn(clean, used);
}

static json_t *moment(int64_t ms)
{
	char out[FINDING_TIME];

	return ms == PROTO_NO_TIME ? json_null() : json_string(finding_time(ms, out));
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* A reference, or null where there is none. */
static json_t *number_or_null(uint64_t n)
{
	return n ? count(n) : json_null();
}

static json_t *says_list(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
		json_array_append_new(list, json_string(says[i]));
	return list;
}

static json_t *clock_of(const struct audit *a)
{
	const struct audit_docking *d = &a->facts->docking;

	return json_pack("{s:o, s:o, s:b, s:o}", "offset_ms",
	    d->clock_offset_ms == PROTO_NO_TIME ? json_null() : json_integer(d->clock_offset_ms),
	    "station_source", text(d->clock_source), "station_synchronised", d->clock_synchronised,
	    "zone", text(d->zone));
}

static json_t *logs_of(const struct audit *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->facts->logs; i++) {
		const struct audit_log *fact = &a->facts->log[i];
		const struct audit_log_result *log = &a->log[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "asset",
			count(fact->asset), "path", text(fact->path), "size_bytes",
			count(fact->size_bytes), "sha256", text(fact->sha256), "signature",
			text(fact->signature), "opaque", log->opaque, "lines", count(log->lines),
			"damaged", count(log->damaged), "first_seq", number_or_null(log->first_seq),
			"last_seq", number_or_null(log->last_seq)));
	}
	return list;
}

static json_t *times_of(const struct activation *act)
{
	static const char *const names[SHARES] = {
		[SHARE_RECORDING] = "recording",
		[SHARE_POWERED] = "powered_not_recording",
		[SHARE_OFF] = "off",
		[SHARE_DOCKED] = "docked",
		[SHARE_MISSING] = "log_missing",
		[SHARE_POWER_LOST] = "power_lost",
	};
	json_t *times = json_object();

	for (unsigned i = 0; i < SHARES; i++)
		json_object_set_new(times, names[i], json_integer(act->share_ms[i]));
	json_object_set_new(times, "muted", json_integer(act->muted_ms));
	json_object_set_new(times, "buffer_on", json_integer(act->buffer_ms));
	return times;
}

static json_t *recordings_of(const struct activation *act)
{
	static const char *const ends[] = {
		[RECORDING_OPEN] = "open",
		[RECORDING_STOPPED] = "stopped",
		[RECORDING_LOST] = "not-told",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < act->listed; i++) {
		const struct activation_recording *r = &act->recording[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "file", text(r->file),
			"from", moment(r->from_ms), "until", moment(r->until_ms), "recorded_ms",
			json_integer(r->passed_ms), "muted_ms", json_integer(r->muted_ms), "end",
			ends[r->end], "user", r->user[0] ? text(r->user) : json_null(), "asset",
			number_or_null(r->asset)));
	}
	return list;
}

static json_t *mark_of(const struct activation_mark *m)
{
	json_t *o = json_pack("{s:o, s:o}", "seq", count(m->seq), "time", moment(m->time_ms));

	switch (m->kind) {
	case MARK_USER:
		json_object_set_new(o, "id", text(m->text));
		break;
	case MARK_POWER_LOST:
		json_object_set_new(o, "last_line", moment(m->jump_ms));
		json_object_set_new(o, "explained", m->text[0] ? text(m->text) : json_null());
		break;
	case MARK_CARD:
		json_object_set_new(o, "event", text(m->word));
		break;
	case MARK_ERROR:
		json_object_set_new(o, "text", text(m->text));
		break;
	case MARK_JUMP:
		json_object_set_new(o, "by_ms", json_integer(m->jump_ms));
		json_object_set_new(o, "kind", text(m->word));
		break;
	}
	return o;
}

static json_t *marks_of(const struct activation *act, enum mark_kind kind)
{
	json_t *list = json_array();

	for (size_t i = 0; i < act->marks; i++) {
		if (act->mark[i].kind == kind)
			json_array_append_new(list, mark_of(&act->mark[i]));
	}
	return list;
}

static json_t *events_of(const struct activation *act)
{
	json_t *events = json_object();

	for (unsigned i = 0; i < AUDIT_EVENTS; i++) {
		if (act->events[i])
			json_object_set_new(
			    events, audit_event_name((enum audit_event)i), count(act->events[i]));
	}
	return events;
}

static json_t *percent(int value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *findings_of(const struct audit *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->findings.kept; i++) {
		const struct finding *f = &a->findings.finding[i];

		json_array_append_new(list,
		    json_pack("{s:s, s:o, s:o, s:o}", "code", finding_name(f->code), "seq",
			number_or_null(f->seq), "asset", number_or_null(f->asset), "text",
			text(f->text)));
	}
	return list;
}

static json_t *counts_of(const struct audit *a)
{
	json_t *counts = json_object();

	for (unsigned i = 0; i < FINDING_CODES; i++) {
		if (a->findings.count[i])
			json_object_set_new(counts, finding_name((enum finding_code)i),
			    count(a->findings.count[i]));
	}
	return counts;
}

static json_t *heading(const struct audit *a)
{
	const struct audit_docking *d = &a->facts->docking;

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "report",
	    "dockd activation report v1", "says", says_list(), "station", text(d->station), "bay",
	    text(d->bay), "camera", text(d->camera), "profile", text(d->profile), "docking",
	    count(d->docking), "docked", moment(d->docked_s * 1000), "made",
	    moment(d->now_s * 1000), "clock", clock_of(a));
}

static void body(const struct audit *a, json_t *report)
{
	const struct activation *act = &a->activation;
	uint64_t more = act->marks_all - act->marks + act->recordings - act->listed +
	    a->findings.total - a->findings.kept;

	json_object_set_new(report, "continuity", json_string(continuities[audit_continuity(a)]));
	json_object_set_new(report, "log_version",
	    json_integer(a->unknown_version ? (json_int_t)a->unknown_version : AUDIT_VERSION));
	json_object_set_new(report, "logs", logs_of(a));
	json_object_set_new(report, "period",
	    json_pack("{s:o, s:o}", "from", moment(a->from_ms), "until", moment(a->until_ms)));
	json_object_set_new(report, "times_ms", times_of(act));
	json_object_set_new(report, "recordings", recordings_of(act));
	json_object_set_new(report, "users", marks_of(act, MARK_USER));
	json_object_set_new(report, "battery",
	    json_pack("{s:o, s:o, s:o}", "first", percent(act->battery_first), "last",
		percent(act->battery_last), "least", percent(act->battery_least)));
	json_object_set_new(report, "power_lost", marks_of(act, MARK_POWER_LOST));
	json_object_set_new(report, "clock_jumps", marks_of(act, MARK_JUMP));
	json_object_set_new(report, "card", marks_of(act, MARK_CARD));
	json_object_set_new(report, "errors", marks_of(act, MARK_ERROR));
	json_object_set_new(report, "events", events_of(act));
	json_object_set_new(report, "findings", findings_of(a));
	json_object_set_new(report, "findings_by_code", counts_of(a));
	json_object_set_new(report, "not_listed", count(more));
}

char *audit_report(const struct audit *a)
{
	json_t *report = heading(a);
	char *out;

	if (!report)
		return NULL;
	body(a, report);
	out = json_dumps(report, JSON_INDENT(1));
	json_decref(report);
	return out;
}
