#include "ctl_screen.h"

#include "asset.h"
#include "check.h"
#include "ctl_text.h"
#include "forecast.h"
#include "light_table.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define BAYS_IN_ROWS 8 /* more are summed up */
#define TODO_LINES 3
#define LINE_ROOM 1024

enum ink { INK_PLAIN, INK_RED, INK_GREEN, INK_AMBER };

/* What is being shown, and how many lines of it. */
struct sheet {
	FILE *out;
	bool colour;
	unsigned lines;
};

/* ---- lines ---- */

/* Bytes of the first `columns` characters of text. */
static size_t fits(const char *text, unsigned columns)
{
	size_t n = 0;

	for (; text[n]; n++) {
		if (((unsigned char)text[n] & 0xc0) != 0x80 && columns-- == 0)
			break;
	}
	return n;
}

static void put(struct sheet *s, enum ink ink, const char *text)
{
	static const char *const escapes[] = { [INK_PLAIN] = "",
		[INK_RED] = "\033[31;1m",
		[INK_GREEN] = "\033[32m",
		[INK_AMBER] = "\033[33m" };
	bool coloured = s->colour && ink != INK_PLAIN;
	char safe[TEXT_ESCAPED(LINE_ROOM)];

	text_clean(text, true, safe, sizeof(safe));
	fprintf(s->out, "%s%.*s%s\n", coloured ? escapes[ink] : "", (int)fits(safe, SCREEN_COLUMNS),
	    safe, coloured ? "\033[0m" : "");
	s->lines++;
}

static void labelled(struct sheet *s, enum ink ink, const char *label, const char *text)
{
	char line[LINE_ROOM];

	snprintf(line, sizeof(line), "%-11s%.1000s", label, text);
	put(s, ink, line);
}

/* In lines of a screen's width behind a label; what does not go into `most` lines is said to be more. */
static void wrapped(
    struct sheet *s, enum ink ink, const char *label, const char *text, unsigned most)
{
	static const char more[] = " ... (dockctl doctor)";
	const unsigned width = SCREEN_COLUMNS - 11;
	char line[LINE_ROOM];

	for (unsigned i = 0; i < most && *text; i++) {
		size_t n = fits(text, width);

		if (text[n] && i + 1 == most)
			n = fits(text, width - (unsigned)sizeof(more) + 1);
		if (text[n]) {
			size_t word = n;

			while (word > 0 && text[word] != ' ')
				word--;
			n = word > 0 ? word : n;
		}
		snprintf(line, sizeof(line), "%.*s%s", (int)n, text,
		    text[n] && i + 1 == most ? more : "");
		labelled(s, ink, i == 0 ? label : "", line);
		text += n + strspn(text + n, " ");
	}
}

/* ---- the station ---- */

static void head(struct sheet *s, const struct proto_ctl_status *st)
{
	const struct light_row *row = light_station_row(st->station_light);
	unsigned flags = !st->hotplug_connected + (st->intake_stopped != 0) + (st->plaintext != 0);
	char line[LINE_ROOM];

	snprintf(line, sizeof(line), "%.30s: %" PRIu32 " docked, %" PRIu32 " bays; %s", st->station,
	    st->occupied, st->bays, row->summary);
	put(s,
	    st->station_light == STATION_WELL     ? INK_GREEN :
		st->station_light == STATION_AWAY ? INK_AMBER :
						    INK_RED,
	    line);
	if (st->text[0])
		wrapped(s, INK_RED, "TO DO", st->text, flags > 1 ? TODO_LINES - 1 : TODO_LINES);
	if (!st->hotplug_connected)
		labelled(s, INK_RED, "", "NOT WATCHED: dockd-hotplug is not connected");
	if (st->intake_stopped)
		labelled(s, INK_RED, "", "NOTHING IS TAKEN IN");
	if (st->plaintext)
		labelled(s, INK_RED, "",
		    "NOT ENCRYPTED: evidence lies on a plain volume (allow-plaintext)");
}

static void disk(struct sheet *s, const struct proto_ctl_status *st, int64_t now_s)
{
	char line[LINE_ROOM], a[32], b[32], when[64] = "";
	bool soon = st->disk_full_s > 0 && st->disk_full_s != INT64_MAX &&
	    st->disk_full_s - now_s < INT64_C(7) * 86400;

	if (st->disk_full_s == INT64_MAX)
		snprintf(when, sizeof(when), "; it does not fill up");
	else if (st->disk_full_s > 0) {
		char day[56];

		snprintf(when, sizeof(when), "; full %s",
		    check_day(st->disk_full_s, now_s, day, sizeof(day)));
	}
	snprintf(line, sizeof(line), "%s free, %s of it in reserve%s",
	    text_bytes(st->disk_free_bytes, a, sizeof(a)),
	    text_bytes(st->disk_reserve_bytes, b, sizeof(b)), when);
	labelled(s, soon ? INK_AMBER : INK_PLAIN, "Disk", line);
}

static void numbers(struct sheet *s, const struct proto_ctl_status *st, int64_t now_s)
{
	char line[LINE_ROOM], a[32], span[32];

	snprintf(line, sizeof(line),
	    "%" PRIu64 " taken in, %" PRIu64 " receipted, %" PRIu64 " erased from cameras",
	    st->assets, st->receipted, st->erased);
	labelled(s, INK_PLAIN, "Files", line);
	if (st->unsent_bytes > 0 || st->oldest_unsent_s != 0)
		snprintf(line, sizeof(line), "%s, the oldest here for %s",
		    text_bytes(st->unsent_bytes, a, sizeof(a)),
		    forecast_span(now_s - st->oldest_unsent_s, span, sizeof(span)));
	else
		snprintf(line, sizeof(line), "nothing");
	labelled(s, INK_PLAIN, "To send", line);
	disk(s, st, now_s);
	snprintf(line, sizeof(line),
	    "erasing: %s%s; disposal: %s; %" PRIu64 " preserved, %" PRIu64 " due",
	    st->erase ? "when receipted, proof " : "never",
	    st->erase ? level_word((enum receipt_level)st->accept_level) : "",
	    st->dispose ? "by age" : "off", st->preserved, st->due);
	labelled(s, INK_PLAIN, "Rules", line);
	snprintf(line, sizeof(line),
	    "%s (%.30s); ledger: %" PRIu64 " records, %" PRIu64 " signed%s",
	    st->clock_synchronised ? "synchronised" : "NOT SYNCHRONISED", st->time_source,
	    st->records, st->checkpoint_size, st->findings ? "; audits:" : "");
	if (st->findings) {
		size_t used = strlen(line);

		snprintf(line + used, sizeof(line) - used, " %" PRIu64 " findings", st->findings);
	}
	labelled(s, st->clock_synchronised ? INK_PLAIN : INK_RED, "Clock", line);
}

/* What is not here; a line only where one is left. */
static void cameras(struct sheet *s, const struct proto_ctl_status *st)
{
	char line[LINE_ROOM];

	snprintf(line, sizeof(line),
	    "%" PRIu64 " overdue: ask for them; which: dockctl camera list --overdue",
	    st->cameras_overdue);
	labelled(s, INK_AMBER, "Cameras", line);
}

/* ---- destinations ---- */

static void destination(
    struct sheet *s, const struct proto_ctl_destination *d, int64_t now_s, bool outlook)
{
	char line[LINE_ROOM], waiting[64], bytes[32], when[96], busy[96], rate[32], allowed[32];
	const char *state = !d->connected ? "its uploader is not connected" :
	    d->away                       ? "out of reach" :
	    d->active                     ? busy :
					    "ready";

	snprintf(busy, sizeof(busy), "sending %" PRIu32 "%s%s", d->active,
	    d->bytes_per_s ? " at " : "",
	    d->bytes_per_s ? forecast_rate(d->bytes_per_s, rate, sizeof(rate)) : "");
	if (d->connected && !d->away && d->allowed_per_s != RATE_UNLIMITED) {
		size_t used = strlen(busy);

		snprintf(busy + used, sizeof(busy) - used, ", allowed %s",
		    d->allowed_per_s ? forecast_rate(d->allowed_per_s, allowed, sizeof(allowed)) :
				       "nothing now");
	}
	snprintf(waiting, sizeof(waiting), "%" PRIu64 " (%s)", d->queued,
	    text_bytes(d->queued_bytes, bytes, sizeof(bytes)));
	if (d->text[0] && strncmp(d->text, state, strlen(state)) == 0) /* it says so itself */
		state = "";
	if (d->text[0] || d->away || !d->connected)
		snprintf(line, sizeof(line), "%-14.14s %-4.4s %" PRIu64 " wait; %s%s%s", d->name,
		    d->driver, d->queued, state, state[0] && d->text[0] ? ": " : "", d->text);
	else
		snprintf(line, sizeof(line), "%-14.14s %-4.4s %-15.15s %-14.14s %s", d->name,
		    d->driver, level_word((enum receipt_level)d->level), waiting, state);
	put(s, d->away || !d->connected ? INK_RED : INK_PLAIN, line);
	if (!outlook || d->queued == 0)
		return;
	snprintf(line, sizeof(line), "%-14s all %" PRIu64 " expected %s%s", "", d->queued,
	    forecast_when(d->expected_s, now_s, when, sizeof(when)),
	    d->away && d->expected_s ? ", were it to answer now" : "");
	put(s, INK_PLAIN, line);
}

static bool is_troubled(const struct proto_ctl_destination *d)
{
	return d->away || !d->connected || d->text[0];
}

/* In so many lines at most: those with a trouble first, then when all will be there. */
static void destinations(struct sheet *s, const struct screen *all, unsigned most, int64_t now_s)
{
	bool cut = all->destinations_n + 1 > most;
	size_t rows = cut ? (most > 2 ? most - 2 : 0) : all->destinations_n, spare, done = 0;
	char line[LINE_ROOM];

	spare = cut ? 0 : most - 1 - all->destinations_n;
	snprintf(line, sizeof(line), "%-14s %-4s %-15s %-14s %s", "DESTINATION", "KIND", "PROOF",
	    "WAITING", "STATE");
	put(s, INK_PLAIN, line);
	for (unsigned well = 0; well < 2; well++) {
		for (size_t i = 0; i < all->destinations_n && done < rows; i++) {
			if (is_troubled(&all->destination[i]) != (well == 0))
				continue;
			destination(s, &all->destination[i], now_s, spare > 0);
			if (spare > 0 && all->destination[i].queued)
				spare--;
			done++;
		}
	}
	if (!cut)
		return;
	snprintf(line, sizeof(line), "%zu more: dockctl --json status", all->destinations_n - rows);
	put(s, INK_PLAIN, line);
}

/* ---- bays ---- */

static enum ink ink_of(unsigned light)
{
	return light == LIGHT_LEAVE ? INK_RED :
	    light == LIGHT_TAKE     ? INK_GREEN :
	    light == LIGHT_CHARGING ? INK_AMBER :
				      INK_PLAIN;
}

static void bay(struct sheet *s, const struct proto_ctl_bay *b)
{
	char line[LINE_ROOM], battery[16] = "-", minutes[16] = "-", files[64] = "-";

	if (b->battery_percent >= 0)
		snprintf(battery, sizeof(battery), "%" PRId32 " %%", b->battery_percent);
	if (b->docking && b->minutes_left >= 0)
		snprintf(minutes, sizeof(minutes), "%" PRId32, b->minutes_left);
	if (b->docking && b->pending > 0)
		snprintf(files, sizeof(files), "%" PRIu32 " of %" PRIu32 " held", b->held,
		    b->held + b->pending);
	else if (b->docking)
		snprintf(files, sizeof(files), "%" PRIu32 " held, %" PRIu32 " receipted", b->held,
		    b->receipted);
	snprintf(line, sizeof(line), "%-8.8s %-15.15s %-23.23s %4.4s %5.5s %s", b->bay,
	    b->camera[0] ? b->camera : "-", light_row(b->light)->summary, minutes, battery, files);
	put(s, ink_of(b->light), line);
}

static bool needs_somebody(const struct proto_ctl_bay *b)
{
	return b->light == LIGHT_LEAVE || b->text[0] || b->attention[0];
}

static void remark(struct sheet *s, const struct proto_ctl_bay *b)
{
	char line[LINE_ROOM];

	snprintf(line, sizeof(line), "%-8.8s %s%s%s", b->bay, b->text,
	    b->attention[0] ? (b->text[0] ? "; IT: " : "IT: ") : "", b->attention);
	put(s, ink_of(b->light), line);
}

/* " (2, 7, 31)": the bays that show this light. */
static void name_bays(const struct screen *all, unsigned light, char *out, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < all->bays_n && used + 80 < room; i++) {
		if (all->bay[i].light == light)
			used += (size_t)snprintf(out + used, room - used, "%s%.20s",
			    used ? ", " : " (", all->bay[i].bay);
	}
	snprintf(out + used, room - used, ")");
}

/* "12  take it", "3  leave it: call for help (2, 7, 31)": a line for each light that is shown. */
static void summed(struct sheet *s, const struct screen *all)
{
	for (unsigned light = LIGHT_STATES; light-- > 0;) {
		char line[LINE_ROOM];
		size_t used, n = 0;

		for (size_t i = 0; i < all->bays_n; i++)
			n += all->bay[i].light == light;
		if (n == 0)
			continue;
		used =
		    (size_t)snprintf(line, sizeof(line), "%5zu  %s", n, light_row(light)->summary);
		if (light == LIGHT_LEAVE || n <= 4)
			name_bays(all, light, line + used, sizeof(line) - used);
		if (light == LIGHT_LEAVE)
			wrapped(s, ink_of(light), "", line, 3);
		else
			labelled(s, ink_of(light), "", line);
	}
}

/* How many more need somebody than there was room to say so. */
static unsigned bays(struct sheet *s, const struct screen *all)
{
	unsigned unsaid = 0;
	char line[LINE_ROOM];

	if (all->bays_n <= BAYS_IN_ROWS) {
		snprintf(line, sizeof(line), "%-8s %-15s %-23s %4s %5s %s", "BAY", "CAMERA",
		    "LIGHT", "MIN", "POWER", "FILES");
		if (all->bays_n)
			put(s, INK_PLAIN, line);
		for (size_t i = 0; i < all->bays_n; i++)
			bay(s, &all->bay[i]);
	} else {
		put(s, INK_PLAIN, "BAYS       by what their lamps say");
		summed(s, all);
	}
	for (size_t i = 0; i < all->bays_n; i++) {
		if (!needs_somebody(&all->bay[i]))
			continue;
		if (s->lines + 1 < SCREEN_LINES)
			remark(s, &all->bay[i]);
		else
			unsaid++;
	}
	return unsaid;
}

/* That the rows of bays take, without remarks. */
static unsigned lines_of_bays(const struct screen *s)
{
	return s->bays_n == 0         ? 0 :
	    s->bays_n <= BAYS_IN_ROWS ? (unsigned)s->bays_n + 1 :
					LIGHT_STATES + 3;
}

void screen_show(FILE *out, const struct screen *s, int64_t now_s, bool colour)
{
	struct sheet sheet = { .out = out, .colour = colour };
	char line[LINE_ROOM] = "";
	unsigned unsaid;

	head(&sheet, &s->status);
	numbers(&sheet, &s->status, now_s);
	if (s->status.cameras_overdue &&
	    sheet.lines + lines_of_bays(s) + s->destinations_n + 4 <= SCREEN_LINES)
		cameras(&sheet, &s->status);
	else if (s->status.cameras_overdue)
		snprintf(
		    line, sizeof(line), "%" PRIu64 " cameras overdue. ", s->status.cameras_overdue);
	destinations(&sheet, s, SCREEN_LINES - 1 - sheet.lines - lines_of_bays(s), now_s);
	unsaid = bays(&sheet, s);
	if (unsaid)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    "%u more need somebody: dockctl bay. ", unsaid);
	snprintf(line + strlen(line), sizeof(line) - strlen(line),
	    "More: dockctl doctor, bay [NAME], queue, due");
	put(&sheet, unsaid ? INK_RED : INK_PLAIN, line);
}
