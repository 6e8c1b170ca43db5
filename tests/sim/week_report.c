#include "week_report.h"

#include "../../dockd/forecast.h"

#include <inttypes.h>
#include <time.h>

#define GB 1e9

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

static const char *state_at(const struct week_told *w, int64_t at_s)
{
	const char *state = "";

	for (size_t i = 0; i < w->notes && w->note[i].at_s <= at_s; i++)
		state = w->note[i].state;
	return state;
}

struct week_outcome report_judge(const struct week_told *w)
{
	struct week_outcome o = {
		.first_late_s = -1, .first_told_s = -1, .least_notice_s = INT64_MAX
	};
	int64_t end_s = virtual_s(), told_since = -1;

	for (size_t i = 0; i < w->notes && o.first_told_s < 0; i++) {
		if (w->note[i].state[0])
			o.first_told_s = w->note[i].at_s;
	}
	for (size_t i = 0; i < clips_n; i++) {
		const struct clip *c = &clips[i];
		int64_t due_s = c->checked_s - 1 + (int64_t)w->deliver_h * HOUR_S;

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
		if (!state_at(w, due_s - WEEK_SAMPLE_S)[0]) {
			o.untold++;
			continue;
		}
		told_since = -1;
		for (size_t k = 0; k < w->notes && w->note[k].at_s < due_s; k++) {
			if (!w->note[k].state[0])
				told_since = -1;
			else if (told_since < 0)
				told_since = w->note[k].at_s;
		}
		if (due_s - told_since < o.least_notice_s)
			o.least_notice_s = due_s - told_since;
	}
	return o;
}

void report_judge_expedited(const struct week_told *w)
{
	const struct clip *c = w->expedited.clip;
	int64_t took_s, told_s, off_s;

	if (!c)
		return;
	told_s = of_core(w->expedited.told_s) - w->expedited.asked_s;
	if (!c->receipted_s)
		week_die("clip %u was expedited and is not there", c->handle);
	took_s = c->receipted_s - 1 - w->expedited.asked_s;
	off_s = took_s > told_s ? took_s - told_s : told_s - took_s;
	if (off_s > took_s / 10 + 3 * (int64_t)plan.step_us / SECOND_US)
		week_die("clip %u, expedited, was there after %" PRId64 " s, and told was %" PRId64
			 " s",
		    c->handle, took_s, told_s);
}

static void print_rows(FILE *out, const struct week_told *w)
{
	static const char *const stations[] = { "", "well", "away", "needs IT" };
	char at[32], told[32], real[32], due[32];

	fputs(
	    "| hour | line | bays: take / charging / reading / leave / empty | station | disk used"
	    " | free | waits | oldest | pace | all there: told | really | off | most urgent due |"
	    " told |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
	    out);
	for (size_t i = 0; i < w->rows; i++) {
		const struct week_row *r = &w->row[i];
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

static void print_notes(FILE *out, const struct week_told *w)
{
	char at[32];

	for (size_t i = 0; i < w->notes; i++) {
		if (w->note[i].state[0])
			fprintf(out, "* %s: **%s**: %s\n", clock_of(w->note[i].at_s, at),
			    w->note[i].state, w->note[i].text);
		else if (i > 0)
			fprintf(out, "* %s: all in time again\n", clock_of(w->note[i].at_s, at));
	}
}

/* How far off what was told was, over the hours in which the line was up until all was there. */
static void print_errors(FILE *out, const struct week_told *w)
{
	double sum = 0, worst = 0;
	unsigned n = 0;

	for (size_t i = 0; i < w->rows; i++) {
		const struct week_row *r = &w->row[i];
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

static void print_expedited(FILE *out, const struct week_told *w)
{
	const struct clip *c = w->expedited.clip;
	char a[96], b[96], d[32];
	int64_t at_s = WEEK_BEGINS_S + w->expedited.asked_s;

	if (!c)
		return;
	fprintf(out,
	    "\nExpedited %s, with %.0f GB in front of it and the line full: expected in its"
	    " turn %s, expedited %s; ",
	    clock_of(w->expedited.asked_s, d), (double)w->expedited.queued_bytes / GB,
	    forecast_when(w->expedited.before_s, at_s, a, sizeof(a)),
	    forecast_when(w->expedited.told_s, at_s, b, sizeof(b)));
	if (!c->receipted_s)
		fputs("it did not arrive within the run.\n", out);
	else
		fprintf(out, "receipted after %s (%.1f %% later than told).\n",
		    forecast_span(c->receipted_s - 1 - w->expedited.asked_s, a, sizeof(a)),
		    100.0 * (double)(c->receipted_s - 1 - of_core(w->expedited.told_s)) /
			(double)(c->receipted_s - 1 - w->expedited.asked_s));
}

void report_print(FILE *out, const struct week_told *w, const struct week_outcome *o)
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
	print_errors(out, w);
	print_expedited(out, w);
	fputs("\n### What status said\n\n", out);
	print_notes(out, w);
	fputs("\n### Hour by hour\n\n", out);
	print_rows(out, w);
}

void report_about(FILE *out)
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
