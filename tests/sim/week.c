/*
 * week: forty cameras, a line of 10 Mbit/s and three days without it, hour by hour.
 *
 * Real: the whole core, dockd/core.c with every file it is made of (its turns, ledger, index,
 * staging, bays, intake, uplink with order, waits and breaker, forecasts, retention, retirement,
 * shipping, checkpoints, control), its sockets and their messages; what was told was asked of the
 * control socket. Simulated: time; the room on the disk (files are sparse, of true length); cameras
 * with their workers and dockd-verify (week_dock.c); the uploader, the line and the server
 * (week_server.c). `make week` writes tests/sim/WEEK.md; a day of it is a test (`--plan day`): it
 * fails where something is lost, arrives twice, or is late before anybody was told.
 */
#include "week.h"

#include "../../dockd/base/proto_asset.h"
#include "../../dockd/base/proto_light.h"
#include "../../dockd/base/proto_station.h"
#include "../../dockd/forecast.h"
#include "../../dockd/index_asset.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GB 1e9
#define HOURS_MAX 400
#define SAMPLE_S 600
#define NOTES_MAX 256
#define DELIVER_H 72
#define SOMEBODY 64001 /* the core knows no services that run as root */

/* Clips of 2.3 GB (18 GB a shift), 10 Mbit/s, three days without a server. */
#define WEEK_LONG                                                                                  \
	.clip_bytes = 2300000000, .line_per_s = 1250000, .disk_bytes = UINT64_C(4000000000000),    \
	.card_bytes = UINT64_C(128000000000), .down_s = 30 * HOUR_S, .up_s = 102 * HOUR_S

static const struct week_plan plans[] = {
	{ .name = "full",
	    .cameras = 40,
	    .hours = 168,
	    WEEK_LONG,
	    .expedite_s = 130 * HOUR_S,
	    .step_us = 20 * SECOND_US },
	{ .name = "fits",
	    .cameras = 2,
	    .hours = 192,
	    WEEK_LONG,
	    .expedite_s = 106 * HOUR_S,
	    .step_us = 10 * SECOND_US },
	{ .name = "day",
	    .cameras = 6,
	    .hours = 34,
	    .clip_bytes = 600000000,
	    .line_per_s = 1250000,
	    .disk_bytes = UINT64_C(400000000000),
	    .card_bytes = UINT64_C(64000000000),
	    .down_s = 12 * HOUR_S,
	    .up_s = 20 * HOUR_S,
	    .expedite_s = 21 * HOUR_S,
	    .step_us = 10 * SECOND_US },
};
struct week_plan plan;

static unsigned deliver_h = DELIVER_H;

/* What was shown at an hour. */
static struct row {
	int64_t at_s;
	bool up;
	unsigned lights[LIGHT_LEAVE + 1];
	unsigned station_light;
	uint64_t used_bytes, free_bytes, queued, queued_bytes, per_s;
	int64_t oldest_s;   /* staged */
	int64_t expected_s; /* as in the row of the destination */
	int64_t urgent_s, due_s;
	char state[PROTO_CLASS_LEN];
	char text[PROTO_TEXT_LEN * 4];
	unsigned not_recorded;
} rows[HOURS_MAX], now_row;
static size_t rows_n;

/* When the attention changed, at ten minutes' notice. */
static struct note {
	int64_t at_s;
	char state[PROTO_CLASS_LEN];
	char text[PROTO_TEXT_LEN * 4];
} notes[NOTES_MAX];
static size_t notes_n;

static struct {
	struct clip *clip;
	int64_t asked_s, before_s, told_s; /* expected in its turn, and when expedited */
	uint64_t queued_bytes;
	bool done;
} expedited;

static char folder[64];
static char control_path[128];

void week_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "week: %s: hour %.2f: ", plan.name, (double)virtual_s() / HOUR_S);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* ---- what is asked ---- */

static void take_status(const struct msg *m)
{
	struct proto_ctl_status s;
	struct proto_ctl_destination d;

	if (m->head.type == MSG_STATUS) {
		memcpy(&s, m->body, sizeof(s));
		now_row.station_light = s.station_light;
		now_row.free_bytes = s.disk_free_bytes;
		now_row.oldest_s = s.oldest_unsent_s;
		memcpy(now_row.text, s.text, sizeof(now_row.text));
		/* the sentences of forecast_text */
		snprintf(now_row.state, sizeof(now_row.state), "%s",
		    !strstr(s.text, "evidence: ")     ? "" :
			strstr(s.text, "was due by ") ? "past" :
			strstr(s.text, " is due by ") ? "late" :
							"never");
	} else if (m->head.type == MSG_DESTINED) {
		memcpy(&d, m->body, sizeof(d));
		now_row.queued = d.queued;
		now_row.queued_bytes = d.queued_bytes;
		now_row.per_s = d.bytes_per_s;
		now_row.expected_s = d.expected_s;
		now_row.urgent_s = d.oldest_expected_s;
		now_row.due_s = d.oldest_deadline_s;
	}
}

static unsigned bays_seen;

static void take_bay(const struct msg *m)
{
	struct proto_ctl_bay b;

	memcpy(&b, m->body, sizeof(b));
	bays_seen++;
	if (b.light <= LIGHT_LEAVE)
		now_row.lights[b.light]++;
}

static int64_t told_expected;

static void take_upload(const struct msg *m)
{
	struct proto_ctl_upload u;

	if (m->head.type != MSG_UPLOADING)
		return;
	memcpy(&u, m->body, sizeof(u));
	told_expected = u.expected_s;
}

static void ask_all(bool bays)
{
	now_row = (struct row){ .at_s = virtual_s(),
		.up = server_line_is_up(),
		.used_bytes = virtual_used_bytes,
		.not_recorded = dock_not_recorded };
	core_ask(control_path, (struct proto_ask){ .ask = ASK_STATUS }, take_status);
	if (!bays)
		return;
	bays_seen = 0;
	for (unsigned before = 1; bays_seen != before;) {
		before = bays_seen;
		core_ask(control_path, (struct proto_ask){ .ask = ASK_BAYS, .cursor = bays_seen },
		    take_bay);
	}
}

/* ---- the clip that cannot wait ---- */

static uint64_t number_of(const struct clip *c)
{
	static struct asset page[16];
	char hex[2 * PROTO_SHA256_LEN + 1] = "";
	uint64_t after = 0;
	int n;

	for (size_t i = 0; i < PROTO_SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", c->sha256[i]);
	do {
		n = index_assets(core_index(), after, true, page, 16);
		for (int i = 0; i < n; i++) {
			after = page[i].number;
			if (strcmp(page[i].sha256, hex) == 0)
				return after;
		}
	} while (n == 16);
	return 0;
}

static int64_t ask_expected(uint64_t number)
{
	told_expected = 0;
	core_ask(
	    control_path, (struct proto_ask){ .ask = ASK_ASSET, .number = number }, take_upload);
	return told_expected;
}

static void expedite(void)
{
	struct proto_ask ask = { .ask = ASK_EXPEDITE, .reason = "an inquiry waits for it" };
	struct clip *c = NULL;

	for (size_t i = 0; i < clips_n; i++) {
		if (clips[i].checked_s && !clips[i].receipted_s && clips[i].sent_bytes == 0)
			c = &clips[i];
	}
	expedited.done = true;
	if (!c)
		return;
	ask.number = c->number = number_of(c);
	expedited.clip = c;
	expedited.asked_s = virtual_s();
	expedited.queued_bytes = now_row.queued_bytes;
	expedited.before_s = ask_expected(c->number);
	told_expected = 0;
	if (core_ask(control_path, ask, take_upload) < 0)
		week_die("clip %u cannot be expedited", c->handle);
	expedited.told_s = told_expected;
}

/* ---- each step ---- */

void week_passed(void)
{
	static int64_t sampled_s = -SAMPLE_S, row_s = -HOUR_S;
	struct note *n = &notes[notes_n];
	bool hour = virtual_s() - row_s >= HOUR_S;

	if (virtual_s() - sampled_s < SAMPLE_S)
		return;
	sampled_s = virtual_s();
	ask_all(hour);
	if (hour && rows_n < HOURS_MAX) {
		row_s = virtual_s();
		rows[rows_n++] = now_row;
	}
	if (notes_n < NOTES_MAX && (notes_n == 0 || strcmp(n[-1].state, now_row.state) != 0)) {
		n->at_s = virtual_s();
		memcpy(n->state, now_row.state, sizeof(n->state));
		memcpy(n->text, now_row.text, sizeof(n->text));
		notes_n++;
	}
	if (plan.expedite_s && !expedited.done && virtual_s() >= plan.expedite_s)
		expedite();
}

/* ---- what it came to ---- */

static const char *clock_of(int64_t at_s, char out[32])
{
	time_t t = (time_t)(WEEK_BEGINS_S + at_s);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 32, "%a %e %b %H:%M", &tm);
	return out;
}

/* From a time that the core tells. */
static int64_t of_core(int64_t at_s)
{
	return at_s - WEEK_BEGINS_S;
}

/* When all that waited at this time was there; -1: not within the run. */
static int64_t all_there(int64_t at_s)
{
	int64_t last = at_s;

	for (size_t i = 0; i < clips_n; i++) {
		const struct clip *c = &clips[i];

		if (!c->checked_s || c->checked_s - 1 > at_s ||
		    (c->receipted_s && c->receipted_s - 1 <= at_s))
			continue;
		if (!c->receipted_s)
			return -1;
		if (c->receipted_s - 1 > last)
			last = c->receipted_s - 1;
	}
	return last;
}

static const char *state_at(int64_t at_s)
{
	const char *state = "";

	for (size_t i = 0; i < notes_n && notes[i].at_s <= at_s; i++)
		state = notes[i].state;
	return state;
}

struct outcome {
	unsigned recorded, staged, arrived, late, untold, erased;
	int64_t first_late_s, first_told_s; /* -1 none */
	int64_t least_notice_s;
};

static struct outcome judge(void)
{
	struct outcome o = { .first_late_s = -1, .first_told_s = -1, .least_notice_s = INT64_MAX };
	int64_t end_s = virtual_s(), told_since = -1;

	for (size_t i = 0; i < notes_n && o.first_told_s < 0; i++) {
		if (notes[i].state[0])
			o.first_told_s = notes[i].at_s;
	}
	for (size_t i = 0; i < clips_n; i++) {
		const struct clip *c = &clips[i];
		int64_t due_s = c->checked_s - 1 + (int64_t)deliver_h * HOUR_S;

		o.recorded++;
		o.erased += c->erased_s != 0;
		if (!c->checked_s) {
			if (!c->on_camera)
				week_die("clip %u is lost", c->handle);
			continue;
		}
		o.staged++;
		o.arrived += c->receipted_s != 0;
		if (c->objects > 1)
			week_die("clip %u was made %u times at the server", c->handle, c->objects);
		if (c->receipted_s && c->sent_bytes != c->size_bytes)
			week_die("clip %u: %" PRIu64 " bytes were sent of %" PRIu64, c->handle,
			    c->sent_bytes, c->size_bytes);
		if (due_s > end_s || (c->receipted_s && c->receipted_s - 1 <= due_s))
			continue;
		o.late++;
		if (o.first_late_s < 0 || due_s < o.first_late_s)
			o.first_late_s = due_s;
		if (!state_at(due_s - SAMPLE_S)[0]) {
			o.untold++;
			continue;
		}
		told_since = -1;
		for (size_t k = 0; k < notes_n && notes[k].at_s < due_s; k++) {
			if (!notes[k].state[0])
				told_since = -1;
			else if (told_since < 0)
				told_since = notes[k].at_s;
		}
		if (due_s - told_since < o.least_notice_s)
			o.least_notice_s = due_s - told_since;
	}
	return o;
}

/* What was told of the clip that cannot wait was true, to a tenth and three steps. */
static void judge_expedited(void)
{
	const struct clip *c = expedited.clip;
	int64_t took_s, told_s, off_s;

	if (!c)
		return;
	told_s = of_core(expedited.told_s) - expedited.asked_s;
	if (!c->receipted_s)
		week_die("clip %u was expedited and is not there", c->handle);
	took_s = c->receipted_s - 1 - expedited.asked_s;
	off_s = took_s > told_s ? took_s - told_s : told_s - took_s;
	if (off_s > took_s / 10 + 3 * (int64_t)plan.step_us / SECOND_US)
		week_die("clip %u, expedited, was there after %" PRId64 " s, and told was %" PRId64
			 " s",
		    c->handle, took_s, told_s);
}

static void print_rows(FILE *out)
{
	static const char *const stations[] = { "", "well", "away", "needs IT" };
	char at[32], told[32], real[32], due[32];

	fputs(
	    "| hour | line | bays: take / charging / reading / leave / empty | station | disk used"
	    " | free | waits | oldest | pace | all there: told | really | off | most urgent due |"
	    " told |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
	    out);
	for (size_t i = 0; i < rows_n; i++) {
		const struct row *r = &rows[i];
		int64_t there_s = all_there(r->at_s);
		char off[32] = "", rate[32];

		snprintf(told, sizeof(told), "%s", r->queued ? "not known" : "–");
		if (r->queued && r->expected_s)
			clock_of(of_core(r->expected_s), told);
		snprintf(real, sizeof(real), "%s", r->queued ? "after the end" : "–");
		if (r->queued && there_s >= 0)
			clock_of(there_s, real);
		if (r->queued && there_s > r->at_s && r->expected_s) {
			bool cut = r->at_s < plan.up_s && there_s > plan.down_s;

			if (cut)
				snprintf(off, sizeof(off), "cut");
			else
				snprintf(off, sizeof(off), "%+.1f %%",
				    100.0 * (double)(there_s - of_core(r->expected_s)) /
					(double)(there_s - r->at_s));
		}
		snprintf(due, sizeof(due), "–");
		if (r->due_s)
			clock_of(of_core(r->due_s), due);
		fprintf(out,
		    "| %s | %s | %u / %u / %u / %u / %u | %s | %.0f GB | %.0f GB | %" PRIu64
		    " (%.0f GB) | ",
		    clock_of(r->at_s, at), r->up ? "up" : "DOWN", r->lights[LIGHT_TAKE],
		    r->lights[LIGHT_CHARGING], r->lights[LIGHT_READING], r->lights[LIGHT_LEAVE],
		    r->lights[LIGHT_EMPTY], stations[r->station_light % 4],
		    (double)r->used_bytes / GB, (double)r->free_bytes / GB, r->queued,
		    (double)r->queued_bytes / GB);
		if (r->oldest_s)
			fprintf(
			    out, "%.0f h | ", (double)(r->at_s - of_core(r->oldest_s)) / HOUR_S);
		else
			fputs("– | ", out);
		fprintf(out, "%s | %s%s | %s | %s | %s | %s |\n",
		    r->per_s ? forecast_rate(r->per_s, rate, sizeof(rate)) : "–", told,
		    r->up ? "" : " *", real, off, due, r->state[0] ? r->state : "");
	}
}

static void print_notes(FILE *out)
{
	char at[32];

	for (size_t i = 0; i < notes_n; i++) {
		if (notes[i].state[0])
			fprintf(out, "* %s: **%s**: %s\n", clock_of(notes[i].at_s, at),
			    notes[i].state, notes[i].text);
		else if (i > 0)
			fprintf(out, "* %s: all in time again\n", clock_of(notes[i].at_s, at));
	}
}

/* How far off what was told was, over the hours in which the line was up until all was there. */
static void print_errors(FILE *out)
{
	double sum = 0, worst = 0;
	unsigned n = 0;

	for (size_t i = 0; i < rows_n; i++) {
		const struct row *r = &rows[i];
		int64_t there_s = all_there(r->at_s);
		double off;

		if (!r->queued || !r->expected_s || there_s - r->at_s < HOUR_S / 2 ||
		    (r->at_s < plan.up_s && there_s > plan.down_s))
			continue;
		off = 100.0 * (double)(there_s - of_core(r->expected_s)) /
		    (double)(there_s - r->at_s);
		off = off < 0 ? -off : off;
		sum += off;
		worst = off > worst ? off : worst;
		n++;
	}
	if (n)
		fprintf(out,
		    "\nExpected against real, over the %u hours with something waiting for half an"
		    " hour or more and the line up until all of it was there: %.1f %% off in "
		    "the mean,"
		    " %.1f %% at worst.\n",
		    n, sum / n, worst);
}

static void print_expedited(FILE *out)
{
	const struct clip *c = expedited.clip;
	char a[96], b[96], d[32];
	int64_t at_s = WEEK_BEGINS_S + expedited.asked_s;

	if (!c)
		return;
	fprintf(out,
	    "\nExpedited %s, with %.0f GB in front of it and the line full: expected in its"
	    " turn %s, expedited %s; ",
	    clock_of(expedited.asked_s, d), (double)expedited.queued_bytes / GB,
	    forecast_when(expedited.before_s, at_s, a, sizeof(a)),
	    forecast_when(expedited.told_s, at_s, b, sizeof(b)));
	if (!c->receipted_s)
		fputs("it did not arrive within the run.\n", out);
	else
		fprintf(out, "receipted after %s (%.1f %% later than told).\n",
		    forecast_span(c->receipted_s - 1 - expedited.asked_s, a, sizeof(a)),
		    100.0 * (double)(c->receipted_s - 1 - of_core(expedited.told_s)) /
			(double)(c->receipted_s - 1 - expedited.asked_s));
}

static void print(FILE *out, const struct outcome *o)
{
	char a[32], b[32], span[32];

	fprintf(out,
	    "\n## %s: %u cameras, %.1f GB an hour of each, %.0f Mbit/s\n\n"
	    "%u recordings, %u taken in and checked, %u receipted, %u erased from their "
	    "cameras, %u hours"
	    " not recorded because the card was full. %.0f GB were sent; %u connections were tried"
	    " while the line was down.\n",
	    plan.name, plan.cameras, (double)plan.clip_bytes / GB,
	    (double)plan.line_per_s * 8 / 1e6, o->recorded, o->staged, o->arrived, o->erased,
	    dock_not_recorded, (double)server_sent_bytes / GB, server_attempts);
	if (o->late)
		fprintf(out,
		    "%u files missed their deadline, the first %s; attention was raised first "
		    "%s, and"
		    " at least %s before each of them; %u were missed with nobody told.\n",
		    o->late, clock_of(o->first_late_s, a),
		    o->first_told_s >= 0 ? clock_of(o->first_told_s, b) : "never",
		    o->least_notice_s < INT64_MAX ?
			forecast_span(o->least_notice_s, span, sizeof(span)) :
			"no time",
		    o->untold);
	else
		fputs("No deadline was missed.\n", out);
	print_errors(out);
	print_expedited(out);
	fputs("\n### What status said\n\n", out);
	print_notes(out);
	fputs("\n### Hour by hour\n\n", out);
	print_rows(out);
}

/* What is real in it, and what the columns say. */
static void print_about(FILE *out)
{
	fputs(
	    "# A simulated week\n\n"
	    "Written by `make week` (tests/sim); a day of it is a test (`make check-week`).\n\n"
	    "**The shifts.** Each camera belongs to one of three shifts, from 7, 15 and 23 "
	    "o'clock, is"
	    " taken out a quarter of an hour before, records for eight hours, a clip an hour "
	    "(2.3 GB,"
	    " 18.4 GB a shift), and is docked within a quarter of an hour after, until its next "
	    "shift."
	    " Cameras hold 128 GB, the station's disk 4 TB; a camera takes three hours to "
	    "charge. The"
	    " line carries 10 Mbit/s, 108 GB a day, and is down from Tuesday 06:00 to Friday "
	    "06:00. The"
	    " week begins on a Monday at 00:00. What is staged should be at the server within "
	    "72 hours"
	    " (`deliver-within-hours`, the default); cameras are erased when the server has "
	    "stated the"
	    " digest of what it stored; the station's copy goes when it has said so again a day"
	    " later.\n\n"
	    "**Real:** the whole core, linked with its own `core.c`, turn by turn: configuration,"
	    " ledger and its checkpoints, index, staging on a real (sparse) file system with its"
	    " leases, renames and syncs, bays and dockings, intake, uplink with order, waits and"
	    " breaker, forecasts, the gate, erasing, confirmation, retention and retirement, "
	    "shipping"
	    " of the ledger and of proof bundles. Its two sockets are real sockets and carry "
	    "the real"
	    " messages; every figure of what was *told* was asked of the control socket, as dockctl"
	    " does.\n\n"
	    "**Simulated:** time (the core's clocks are virtual; it is given one turn and one tick"
	    " every 20 s (10 s in the second run), not every 250 ms); the room on the disk "
	    "(true lengths are counted, "
	    "nothing is"
	    " written but a line at each file's head); cameras, `dockd-camera` (25 MB/s a pull),"
	    " `dockd-verify` (400 MB/s; digests are of the head and the length) and hotplug; the"
	    " uploader, the line (shared evenly by the uploads under way; while an expedited one "
	    "sends, all others together have one byte for its fifteen, as the uploader's token "
	    "bucket has it; no loss, no delay, no chunks) and the"
	    " server, which keeps every byte that arrived when a connection is cut, as tus does "
	    "without"
	    " a buffering proxy. So nothing here measures speed or a driver: `make "
	    "bench-upload` and"
	    " the system tests do.\n\n"
	    "**Columns.** *all there, told*: when the core said, at that hour, that all that waited"
	    " then would be there; `*` where the line was down and it said: were it to answer now."
	    " *really*: when the last of them was receipted. *off*: how much later than told, "
	    "of the"
	    " time between; *cut*: the line went down or was down meanwhile, which nobody can "
	    "foretell."
	    " Told times are a little early while more comes in: the last of the old ones share the"
	    " line with the first of the new. *most urgent due*: the file that is nearest to "
	    "being late,"
	    " or longest late. *oldest*: since it was staged.\n",
	    out);
}

/* ---- the station's folder ---- */

static void write_file(const char *name, const char *fmt, ...)
{
	char path[160];
	va_list ap;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "a");
	if (!f)
		week_die("%s: %s", path, strerror(errno));
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

static void make_station(void)
{
	char path[160];

	snprintf(folder, sizeof(folder), "%s/dockd-week-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		week_die("%s: %s", folder, strerror(errno));
	snprintf(control_path, sizeof(control_path), "%s/run/control.sock", folder);
	write_file("dockd.conf",
	    "station = \"week\";\nstate-dir = \"%s/state\";\nrun-dir = \"%s/run\";\n"
	    "log = \"%s/log\";\nallow-plaintext = true;\nhotplug-user = %u;\n"
	    "uploader-user = %u;\ncore-group = %u;\nit-group = %u;\nevidence-group = %u;\nreports = \"none\";\n"
	    "erase = \"when-receipted\";\naccept-receipt = \"stored-digest\";\n"
	    "confirm-after-days = 1;\nverify-jobs = 2;\nship-seconds = 3600;\n"
	    "destinations = ( { name = \"evidence\"; driver = \"tus\"; slots = 4;\n"
	    " url = \"http://127.0.0.1:1/files\"; deliver-within-hours = %u; } );\nbays = (\n",
	    folder, folder, folder, (unsigned)getuid(), (unsigned)getuid(), (unsigned)getgid(),
	    (unsigned)getgid(), (unsigned)getgid(), deliver_h);
	for (unsigned i = 0; i < plan.cameras; i++)
		write_file("dockd.conf", "%s{ name = \"%u\"; port = \"1-%u.%u\"; }\n", i ? "," : "",
		    i + 1, i / 10 + 1, i % 10 + 1);
	write_file("dockd.conf", ");\n");
	snprintf(path, sizeof(path), "%s/profiles", folder);
	if (mkdir(path, 0755) < 0)
		week_die("%s: %s", path, strerror(errno));
	write_file("profiles/week.conf",
	    "name = \"week\";\nmatch = { vendor = 0x1209; product = 0xbcbc; model = \"vcam*\"; };\n"
	    "driver = \"ptp\";\nidentity = \"usb\";\nsigning = \"none\";\nlogs = \"none\";\n"
	    "erasable = true;\nset-clock = true;\nsettle-seconds = 5;\nclips = ( \"*.mp4\" );\n");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int main(int argc, char **argv)
{
	static char config[160], profiles[160], core_path[160];
	struct outcome o;
	bool keep = getenv("WEEK_KEEP") != NULL;

	if (argc == 2 && strcmp(argv[1], "--about") == 0) {
		print_about(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]) && argc == 3; i++) {
		if (strcmp(argv[1], "--plan") == 0 && strcmp(argv[2], plans[i].name) == 0)
			plan = plans[i];
	}
	if (!plan.name) {
		fputs("usage: week --about | --plan full | fits | day\n", stderr);
		return 2;
	}
	if (strcmp(plan.name, "day") == 0)
		deliver_h = 6;
	if (getuid() == 0 && (setgid(SOMEBODY) < 0 || setuid(SOMEBODY) < 0))
		week_die("cannot become somebody else than root");
	setenv("TZ", "UTC", 1);
	tzset();
	virtual_disk_bytes = plan.disk_bytes;
	make_station();
	snprintf(config, sizeof(config), "%s/dockd.conf", folder);
	snprintf(profiles, sizeof(profiles), "%s/profiles", folder);
	snprintf(core_path, sizeof(core_path), "%s/run/core.sock", folder);
	dock_open(core_path);
	server_open(core_path);
	if (core_run(config, profiles) != EXIT_SUCCESS)
		week_die("the core failed; its log is in %s", folder);
	o = judge();
	print(stdout, &o);
	if (keep)
		fprintf(stderr, "week: kept in %s\n", folder);
	else
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (o.untold)
		week_die("%u files were late and nobody was told", o.untold);
	judge_expedited();
	if (strcmp(plan.name, "day") == 0 && (o.staged == 0 || o.late == 0 || !expedited.clip))
		week_die("the day does not show what it is for");
	return EXIT_SUCCESS;
}
