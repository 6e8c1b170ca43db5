/*
 * ctl_report_text: activation reports for people to read.
 *
 * Called by ctl_report. It adds no judgement to what the report says. Times stay UTC, as a report
 * is read in other places than where it was made.
 */
#include "base/proto.h"
#include "ctl_report.h"
#include "ctl_text.h"

#include <inttypes.h>
#include <string.h>

#define SPAN 32

const char *report_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t report_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* "1:02:03", with thousandths where there are any */
static const char *span(json_int_t ms, char *out)
{
	json_int_t s = ms / 1000;
	int n = snprintf(out, SPAN, "%" PRId64 ":%02d:%02d", (int64_t)(s / 3600),
	    (int)(s % 3600 / 60), (int)(s % 60));

	if (ms % 1000 && n > 0 && n < SPAN)
		snprintf(out + n, SPAN - (size_t)n, ".%03d", (int)(ms % 1000));
	return out;
}

/* Text of a camera, made harmless. */
static void put(FILE *out, const char *text)
{
	char clean[TEXT_ESCAPED(PROTO_PATH_LEN)];

	fputs(text_clean(text, true, clean, sizeof(clean)), out);
}

static void put_of(FILE *out, const char *before, const json_t *object, const char *key)
{
	fputs(before, out);
	put(out, report_text(object, key));
}

/* ---- times ---- */

static const struct {
	const char *key, *words;
	const char *part, *part_words; /* of it */
} shares[] = {
	{ "recording", "recording", "muted", "muted" },
	{ "powered_not_recording", "powered, not recording", "buffer_on",
	    "with the before-event buffer on" },
	{ "off", "off", NULL, NULL },
	{ "docked", "on the dock", NULL, NULL },
	{ "power_lost", "power lost, not known", NULL, NULL },
	{ "log_missing", "log missing", NULL, NULL },
};
#define SHARES_N (sizeof(shares) / sizeof(shares[0]))

static void times(FILE *out, const json_t *times_ms)
{
	json_int_t all = 0;
	char text[SPAN];

	for (size_t i = 0; i < SHARES_N; i++) {
		json_int_t ms = report_number(times_ms, shares[i].key), part;

		if (__builtin_add_overflow(all, ms, &all))
			all = INT64_MAX;
		fprintf(out, "  %-24s %12s", shares[i].words, span(ms, text));
		part = shares[i].part ? report_number(times_ms, shares[i].part) : 0;
		if (part)
			fprintf(out, "   of which %s: %s", shares[i].part_words, span(part, text));
		fputc('\n', out);
	}
	fprintf(out, "  %-24s %12s\n", "all", span(all, text));
}

/* ---- one report ---- */

static void heading(FILE *out, const json_t *r)
{
	const json_t *clock = json_object_get(r, "clock"), *says = json_object_get(r, "says");
	const json_t *period = json_object_get(r, "period");
	size_t i;
	json_t *line;

	put_of(out, "ACTIVATION REPORT of camera ", r, "camera");
	fprintf(out, ", docking %" PRId64, (int64_t)report_number(r, "docking"));
	put_of(out, "\n  station ", r, "station");
	put_of(out, ", bay ", r, "bay");
	put_of(out, ", docked ", r, "docked");
	put_of(out, "\n  the log tells of ", period, "from");
	put_of(out, " to ", period, "until");
	put_of(out, "; continuity: ", r, "continuity");
	fputs("\n  times are UTC by the camera's clock", out);
	if (json_is_integer(json_object_get(clock, "offset_ms")))
		fprintf(out, ", which was %+.3f s off the station's at this docking",
		    (double)report_number(clock, "offset_ms") / 1000);
	put_of(out, "\n  station's clock: ", clock, "station_source");
	fputs(json_is_true(json_object_get(clock, "station_synchronised")) ? ", synchronised" :
									     ", NOT synchronised",
	    out);
	put_of(out, "; rule of the camera's local time: ", clock, "zone");
	fputs("\n\n", out);
	json_array_foreach((json_t *)says, i, line)
	{
		fputs("  ", out);
		put(out, json_string_value(line) ? json_string_value(line) : "");
		fputc('\n', out);
	}
	fputc('\n', out);
}

static void logs(FILE *out, const json_t *list)
{
	size_t i;
	json_t *log;

	json_array_foreach((json_t *)list, i, log)
	{
		put_of(out, i ? "  " : "\nLogs\n  ", log, "path");
		put_of(out, "  signature: ", log, "signature");
		if (json_is_true(json_object_get(log, "opaque")))
			fputs("  of another form: kept, not understood\n", out);
		else
			fprintf(out,
			    "  %" PRId64 " lines, %" PRId64 " damaged, seq %" PRId64 " to %" PRId64
			    "\n",
			    (int64_t)report_number(log, "lines"),
			    (int64_t)report_number(log, "damaged"),
			    (int64_t)report_number(log, "first_seq"),
			    (int64_t)report_number(log, "last_seq"));
	}
}

static void recordings(FILE *out, const json_t *list)
{
	char text[SPAN];
	size_t i;
	json_t *r;

	json_array_foreach((json_t *)list, i, r)
	{
		const char *from = report_text(r, "from"), *until = report_text(r, "until");

		if (i == 0)
			fputs("\nRecordings\n", out);
		fprintf(out, "  %-20.20s  %-20.20s  %9s", from[0] ? from : "start not told",
		    strcmp(report_text(r, "end"), "stopped") == 0 ? until : "end not told",
		    span(report_number(r, "recorded_ms"), text));
		if (report_number(r, "muted_ms"))
			fprintf(out, "  muted %s", span(report_number(r, "muted_ms"), text));
		if (json_is_string(json_object_get(r, "user")))
			put_of(out, "  user ", r, "user");
		if (json_is_integer(json_object_get(r, "asset")))
			fprintf(out, "  clip %" PRId64, (int64_t)report_number(r, "asset"));
		put_of(out, "  ", r, "file");
		fputc('\n', out);
	}
}

/* A list of points in time; what each says is put by say. */
static void points(
    FILE *out, const char *title, const json_t *list, void (*say)(FILE *out, const json_t *point))
{
	size_t i;
	json_t *point;

	json_array_foreach((json_t *)list, i, point)
	{
		if (i == 0)
			fprintf(out, "\n%s\n", title);
		put_of(out, "  ", point, "time");
		fputs("  ", out);
		say(out, point);
		fputc('\n', out);
	}
}

static void say_user(FILE *out, const json_t *p)
{
	put(out, report_text(p, "id"));
}

static void say_power(FILE *out, const json_t *p)
{
	put_of(out, "powered on again; the line before is of ", p, "last_line");
	put_of(out, json_is_string(json_object_get(p, "explained")) ? "; " : "", p, "explained");
}

static void say_jump(FILE *out, const json_t *p)
{
	const char *kind = report_text(p, "kind");

	fprintf(out, "by %+.3f s: ", (double)report_number(p, "by_ms") / 1000);
	put(out,
	    strcmp(kind, "set") == 0             ? "the clock was set" :
		strcmp(kind, "summer-time") == 0 ? "the hour of summer time" :
		strcmp(kind, "back") == 0        ? "the clock went back, no line tells why" :
						   kind);
}

static void say_card(FILE *out, const json_t *p)
{
	put(out, report_text(p, "event"));
}

static void say_error(FILE *out, const json_t *p)
{
	put(out, report_text(p, "text"));
}

static void findings(FILE *out, const json_t *r)
{
	const json_t *list = json_object_get(r, "findings");
	size_t i;
	json_t *f;

	fputs(json_array_size(list) ? "\nFindings: what the record itself cannot explain\n" :
				      "\nFindings: none\n",
	    out);
	json_array_foreach((json_t *)list, i, f)
	{
		put_of(out, "  ", f, "code");
		if (json_is_integer(json_object_get(f, "seq")))
			fprintf(out, ", line %" PRId64, (int64_t)report_number(f, "seq"));
		if (json_is_integer(json_object_get(f, "asset")))
			fprintf(out, ", clip %" PRId64, (int64_t)report_number(f, "asset"));
		put_of(out, ": ", f, "text");
		fputc('\n', out);
	}
	if (report_number(r, "not_listed"))
		fprintf(out, "  %" PRId64 " more rows of the lists above are counted, not shown\n",
		    (int64_t)report_number(r, "not_listed"));
}

void report_show(FILE *out, const json_t *r)
{
	const json_t *battery = json_object_get(r, "battery");
	const json_t *events = json_object_get(r, "events");

	heading(out, r);
	times(out, json_object_get(r, "times_ms"));
	recordings(out, json_object_get(r, "recordings"));
	points(out, "Users", json_object_get(r, "users"), say_user);
	if (json_is_integer(json_object_get(battery, "first")))
		fprintf(out, "\nBattery\n  from %d %% to %d %%, %d %% at the least\n",
		    (int)report_number(battery, "first"), (int)report_number(battery, "last"),
		    (int)report_number(battery, "least"));
	points(out, "Power lost", json_object_get(r, "power_lost"), say_power);
	points(out, "Clock", json_object_get(r, "clock_jumps"), say_jump);
	points(out, "Card", json_object_get(r, "card"), say_card);
	points(out, "Errors the camera told of", json_object_get(r, "errors"), say_error);
	if (report_number(events, "unknown"))
		fprintf(out, "\n%" PRId64 " events are of kinds that this version does not know\n",
		    (int64_t)report_number(events, "unknown"));
	logs(out, json_object_get(r, "logs"));
	findings(out, r);
}

/* ---- many ---- */

static void docking_row(FILE *out, const json_t *d)
{
	const json_t *times_ms = json_object_get(d, "times_ms");
	char text[SPAN];

	fprintf(out, "  %7" PRId64 "  %-20.20s", (int64_t)report_number(d, "docking"),
	    report_text(d, "docked"));
	for (size_t i = 0; i < SHARES_N; i++)
		fprintf(out, " %12s", span(report_number(times_ms, shares[i].key), text));
	fprintf(out, " %8" PRId64 "\n", (int64_t)report_number(d, "findings"));
}

void report_show_summary(FILE *out, const json_t *s)
{
	const json_t *counts = json_object_get(s, "findings_by_code");
	const json_t *says = json_object_get(s, "says");
	size_t i;
	const char *code;
	json_t *row, *n;

	put_of(out, "ACTIVATION of camera ", s, "camera");
	fprintf(out, ", %zu dockings", json_array_size(json_object_get(s, "dockings")));
	put_of(out, ", ", s, "from");
	put_of(out, " to ", s, "until");
	fputs("\n\n", out);
	json_array_foreach((json_t *)says, i, row)
	{
		fputs("  ", out);
		put(out, json_string_value(row) ? json_string_value(row) : "");
		fputc('\n', out);
	}
	fputc('\n', out);
	times(out, json_object_get(s, "times_ms"));
	fputs(
	    "\n  DOCKING  DOCKED                  RECORDING      POWERED          OFF       DOCKED"
	    "   POWER LOST  LOG MISSING FINDINGS\n",
	    out);
	json_array_foreach(json_object_get(s, "dockings"), i, row)
	{
		docking_row(out, row);
	}
	json_array_foreach(json_object_get(s, "gaps"), i, row)
	{
		put_of(out, i ? "  " : "\nNo report tells of\n  ", row, "from");
		put_of(out, " to ", row, "until");
		fputc('\n', out);
	}
	fputs(json_object_size(counts) ? "\nFindings\n" : "\nFindings: none\n", out);
	json_object_foreach((json_t *)counts, code, n)
	{
		fprintf(out, "  %8" PRId64 "  ", (int64_t)json_integer_value(n));
		put(out, code);
		fputc('\n', out);
	}
}
