#include "ctl_text.h"

#include "asset.h"
#include "base/proto_asset.h"
#include "base/proto_object.h"
#include "base/proto_station.h"
#include "forecast.h"
#include "light_table.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* ---- text from outside ---- */

/* Length of the well-formed UTF-8 sequence at s (RFC 3629) and its value, 0 where there is none. */
static unsigned utf8_sequence(const unsigned char *s, uint32_t *value)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] < 0x80  ? 1 :
	    (s[0] & 0xe0) == 0xc0 ? 2 :
	    (s[0] & 0xf0) == 0xe0 ? 3 :
	    (s[0] & 0xf8) == 0xf0 ? 4 :
				    0;

	if (n == 0)
		return 0;
	*value = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*value = *value << 6 | (s[i] & 0x3f);
	}
	if (*value < least[n] || *value > 0x10ffff || (*value >= 0xd800 && *value <= 0xdfff))
		return 0;
	return n;
}

/* Controls (C0, DEL, C1), line separators and marks that turn the direction of writing. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

const char *text_clean(const char *text, bool terminal, char *out, size_t room)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;

	while (*s) {
		uint32_t value;
		unsigned n = utf8_sequence(s, &value);
		bool keep = n > 0 && !(terminal && is_harmful(value));

		if (n == 0)
			n = 1;
		if (used + (keep ? n : 4 * n) >= room)
			break;
		for (unsigned i = 0; i < n; i++, s++) {
			if (keep)
				out[used++] = (char)*s;
			else
				used += (size_t)snprintf(out + used, room - used, "\\x%02X", *s);
		}
	}
	out[used] = '\0';
	return out;
}

/* Prints text in a column: made harmless, padded and cut to columns (0: neither). */
static void put(FILE *out, const char *text, size_t columns)
{
	char clean[TEXT_ESCAPED(PROTO_PATH_LEN)];
	const char *s = text_clean(text, true, clean, sizeof(clean));
	size_t shown = 0;

	for (; *s && (columns == 0 || shown < columns || (*s & 0xc0) == 0x80); s++) {
		putc(*s, out);
		shown += ((unsigned char)*s & 0xc0) != 0x80;
	}
	for (; shown < columns; shown++)
		putc(' ', out);
	if (columns > 0)
		fputs("  ", out);
}

static void put_line(FILE *out, const char *label, const char *text)
{
	fprintf(out, "%-11s", label);
	put(out, text, 0);
	putc('\n', out);
}

/* ---- numbers ---- */

const char *text_bytes(uint64_t bytes, char *out, size_t room)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(out, room, "%" PRIu64 " B", bytes);
		return out;
	}
	for (; value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1000;
	snprintf(out, room, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

/* Local time; the date only where it is not today. "-" where no time is known. */
static const char *local_time(int64_t seconds, char *out, size_t room)
{
	time_t t = (time_t)seconds, now = time(NULL);
	struct tm tm, today;

	if (seconds == 0 || seconds == PROTO_NO_TIME || !localtime_r(&t, &tm) ||
	    !localtime_r(&now, &today) ||
	    strftime(out, room,
		tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday ? "%H:%M:%S" :
									     "%Y-%m-%d %H:%M",
		&tm) == 0)
		snprintf(out, room, "-");
	return out;
}

static const char *utc_time(int64_t seconds, char *out, size_t room)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == PROTO_NO_TIME || seconds == 0 || !gmtime_r(&t, &tm) ||
	    strftime(out, room, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(out, room, "not known");
	return out;
}

/* A time of the camera's own clock face, as that face showed it. */
static const char *camera_time(int64_t seconds, char *out, size_t room)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == PROTO_NO_TIME || !gmtime_r(&t, &tm) ||
	    strftime(out, room, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, room, "not known");
	return out;
}

/* ---- what is shown ---- */

void text_outlook(FILE *out, const struct proto_ctl_destination *d)
{
	char when[96];
	int64_t now = time(NULL);

	if (d->queued == 0)
		return;
	put(out, d->name, 16);
	fprintf(out, "all %" PRIu64 " expected %s", d->queued,
	    forecast_when(d->expected_s, now, when, sizeof(when)));
	if (d->expected_s == 0)
		fputs(": what the line carries is not known until something has been sent", out);
	else if (d->away)
		fputs(", were it to answer now", out);
	if (d->oldest_deadline_s) {
		if (d->oldest_deadline_s > now)
			fprintf(out, "; the most urgent is due %s",
			    forecast_when(d->oldest_deadline_s, now, when, sizeof(when)));
		else
			fprintf(out, "; the most urgent was due %s ago",
			    forecast_span(now - d->oldest_deadline_s, when, sizeof(when)));
		if (d->oldest_expected_s)
			fprintf(out, ", expected %s",
			    forecast_when(d->oldest_expected_s, now, when, sizeof(when)));
	}
	putc('\n', out);
}

/* "3 of 7, 1.2 GB to read" while reading; else how many are held. */
static void describe_progress(const struct proto_ctl_bay *b, char *out, size_t room)
{
	char bytes[32];

	if (b->docking == 0)
		snprintf(out, room, "-");
	else if (b->pending > 0)
		snprintf(out, room, "%" PRIu32 " of %" PRIu32 " held, %s to read", b->held,
		    b->held + b->pending, text_bytes(b->pending_bytes, bytes, sizeof(bytes)));
	else
		snprintf(
		    out, room, "%" PRIu32 " held, %" PRIu32 " receipted", b->held, b->receipted);
}

void text_bay_row(FILE *out, const struct proto_ctl_bay *b, bool first)
{
	char progress[96], battery[16] = "-", minutes[16] = "-";

	if (first) {
		put(out, "BAY", 10);
		put(out, "CAMERA", 18);
		put(out, "LIGHT", 23);
		put(out, "MIN", 4);
		put(out, "BATTERY", 7);
		put(out, "FILES", 30);
		fputs("REMARK\n", out);
	}
	if (b->battery_percent >= 0)
		snprintf(battery, sizeof(battery), "%" PRId32 " %%", b->battery_percent);
	if (b->docking && b->minutes_left >= 0)
		snprintf(minutes, sizeof(minutes), "%" PRId32, b->minutes_left);
	describe_progress(b, progress, sizeof(progress));
	put(out, b->bay, 10);
	put(out, b->camera[0] ? b->camera : "-", 18);
	put(out, light_row(b->light)->summary, 23);
	put(out, minutes, 4);
	put(out, battery, 7);
	put(out, progress, 30);
	put(out, b->text, 0);
	if (b->attention[0])
		fputs(b->text[0] ? "; IT: " : "IT: ", out);
	put(out, b->attention, 0);
	putc('\n', out);
}

/* How it is connected, how full it is, when it may be taken. */
static void text_bay_way(FILE *out, const struct proto_ctl_bay *b)
{
	char line[64];

	if (b->speed_mbps) {
		snprintf(line, sizeof(line), "%" PRIu32 " Mbit/s", b->speed_mbps);
		put_line(out, "USB", line);
	}
	if (b->fill_percent <= 100) {
		snprintf(line, sizeof(line), "%" PRIu32 " %%", b->fill_percent);
		put_line(out, "Full", line);
	}
	if (b->minutes_left > 0) {
		snprintf(line, sizeof(line), "in about %" PRId32 " min", b->minutes_left);
		put_line(out, "To take", line);
	}
}

void text_bay(FILE *out, const struct proto_ctl_bay *b)
{
	char line[256], a[32], c[32], when[48];

	put_line(out, "Bay", b->bay);
	put_line(out, "Port", b->port);
	put_line(out, "Light", light_row(b->light)->summary);
	put_line(out, "State", b->state);
	if (b->text[0])
		put_line(out, "Remark", b->text);
	if (b->attention[0])
		put_line(out, "For IT", b->attention);
	if (b->errors) {
		snprintf(line, sizeof(line), "%" PRIu32 " in its last 20 dockings", b->errors);
		put_line(out, "Errors", line);
	}
	if (b->docking == 0)
		return;
	put_line(out, "Camera", b->camera[0] ? b->camera : "not known");
	if (b->officer[0])
		put_line(out, "Officer", b->officer);
	if (b->unit[0])
		put_line(out, "Unit", b->unit);
	put_line(out, "Model", b->model);
	put_line(out, "Profile", b->profile);
	snprintf(line, sizeof(line), "%" PRIu64 ", since %s", b->docking,
	    local_time(b->docked_at_s, when, sizeof(when)));
	put_line(out, "Docking", line);
	if (b->battery_percent >= 0)
		snprintf(line, sizeof(line), "%" PRId32 " %%", b->battery_percent);
	put_line(out, "Battery", b->battery_percent >= 0 ? line : "not known");
	if (b->clock_offset_ms != INT64_MIN)
		snprintf(line, sizeof(line), "%+.1f s against the station's",
		    (double)b->clock_offset_ms / 1000);
	put_line(out, "Clock", b->clock_offset_ms != INT64_MIN ? line : "not known");
	describe_progress(b, line, sizeof(line));
	put_line(out, "Files", line);
	text_bay_way(out, b);
	snprintf(
	    line, sizeof(line), "%s from the camera", text_bytes(b->pulled_bytes, a, sizeof(a)));
	put_line(out, "Read", line);
	if (b->now_asset) {
		snprintf(line, sizeof(line), "file %" PRIu64 ": %s of %s", b->now_asset,
		    text_bytes(b->now_bytes, a, sizeof(a)), text_bytes(b->now_size, c, sizeof(c)));
		put_line(out, "Now", line);
	}
}

void text_asset_row(FILE *out, const struct proto_ctl_asset *a, bool first)
{
	char text[64];

	if (first) {
		put(out, "NUMBER", 8);
		put(out, "STATE", 9);
		put(out, "SIZE", 8);
		put(out, "CAMERA", 18);
		put(out, "FILE", 40);
		fputs("REMARK\n", out);
	}
	snprintf(text, sizeof(text), "%" PRIu64, a->number);
	put(out, text, 8);
	put(out, rung_word((enum rung)a->rung), 9);
	put(out, text_bytes(a->size_bytes, text, sizeof(text)), 8);
	put(out, a->camera, 18);
	put(out, a->path, 40);
	put(out, a->reason, 0);
	putc('\n', out);
}

static void put_damage(FILE *out, const struct proto_ctl_asset *a)
{
	char line[128];

	if ((a->damage & OBJECT_CUT) && a->told_bytes) {
		snprintf(line, sizeof(line),
		    "cut: the camera's table says %" PRIu64 " bytes, %" PRIu64 " can be read",
		    a->told_bytes, a->size_bytes);
		put_line(out, "Damaged", line);
	} else if (a->damage & OBJECT_CUT) {
		put_line(
		    out, "Damaged", "cut: the camera's table says more bytes than can be read");
	}
	if (a->damage & OBJECT_SHARED)
		put_line(out, "Damaged",
		    "the camera's file system gives parts of it to another file too");
	if (a->damage & OBJECT_UNFINISHED)
		put_line(out, "Unfinished",
		    "the camera never wrote down its size: its bytes are still on the card alone");
}

void text_asset(FILE *out, const struct proto_ctl_asset *a)
{
	char line[256], b[32], c[32], when[48];

	snprintf(line, sizeof(line), "%" PRIu64 " (%s)", a->number,
	    kind_word((enum object_kind)a->kind));
	put_line(out, "Number", line);
	put_line(out, "File", a->path);
	put_line(out, "Camera", a->camera);
	if (a->officer[0])
		put_line(out, "Officer", a->officer);
	if (a->unit[0])
		put_line(out, "Unit", a->unit);
	put_damage(out, a);
	if (a->bay[0])
		put_line(out, "Bay", a->bay);
	put_line(out, "State", rung_word((enum rung)a->rung));
	if (a->reason[0])
		put_line(out, "Why", a->reason);
	snprintf(line, sizeof(line), "%" PRIu64 " bytes (%s)", a->size_bytes,
	    text_bytes(a->size_bytes, b, sizeof(b)));
	put_line(out, "Size", line);
	put_line(out, "Written", camera_time(a->mtime_s, when, sizeof(when)));
	put_line(out, "Taken in", local_time(a->staged_at_s, when, sizeof(when)));
	snprintf(line, sizeof(line), "%s%s", utc_time(a->recorded_s, when, sizeof(when)),
	    a->recorded_proved ? "" : " at the latest: the camera's clock proves nothing");
	put_line(out, "Recorded", line);
	snprintf(line, sizeof(line), "%s; gone by %s%s", a->class[0] ? a->class : "no class yet",
	    a->dispose_by_s == PROTO_NO_TIME ? "no date" :
					       utc_time(a->dispose_by_s, when, sizeof(when)),
	    a->preserved        ? "; PRESERVED by order" :
		a->retired == 2 ? "; disposed of" :
				  "");
	put_line(out, "Retention", line);
	snprintf(line, sizeof(line), "%s here; %s read from cameras, %" PRIu32 " interruptions",
	    text_bytes(a->staged_bytes, b, sizeof(b)), text_bytes(a->pulled_bytes, c, sizeof(c)),
	    a->interruptions);
	put_line(out, "Pulled", line);
	put_line(out, "SHA-256", a->sha256[0] ? a->sha256 : "not yet");
	put_line(out, "Asset id", a->asset[0] ? a->asset : "not yet");
	put_line(out, "Signature", a->signature);
	if (a->merged_into) {
		snprintf(line, sizeof(line),
		    "file %" PRIu64 " holds the same bytes and stands for it", a->merged_into);
		put_line(out, "Merged", line);
	}
}

void text_upload(FILE *out, const struct proto_ctl_upload *u)
{
	char line[256], b[32], when[48];

	fputs("\n", out);
	put_line(out, "At", u->destination);
	if (u->rung >= RUNG_RECEIPTED)
		snprintf(line, sizeof(line), "receipted %s, proof: %s%s",
		    local_time(u->receipted_at_s, when, sizeof(when)),
		    level_word((enum receipt_level)u->level),
		    u->level == LEVEL_LOCAL ? " (on this station's own disk: proves nothing)" : "");
	else
		snprintf(line, sizeof(line), "%s, %s there",
		    u->rung == RUNG_SENT ? "being sent" : "waiting",
		    text_bytes(u->offset_bytes, b, sizeof(b)));
	put_line(out, "  State", line);
	if (u->expedited)
		put_line(out, "  Order", "expedited: before all others");
	if (u->expected_s)
		put_line(out, "  Expected",
		    forecast_when(u->expected_s, time(NULL), line, sizeof(line)));
	if (u->confirmed_at_s)
		put_line(out, "  Asked again", local_time(u->confirmed_at_s, when, sizeof(when)));
	if (u->lock_mode) {
		snprintf(line, sizeof(line), "locked (%s)%s%s",
		    lock_word((enum lock_mode)u->lock_mode),
		    u->retain_until_s == PROTO_NO_TIME ? "" : " until ",
		    u->retain_until_s == PROTO_NO_TIME ?
			"" :
			local_time(u->retain_until_s, when, sizeof(when)));
		put_line(out, "  Lock", line);
	}
	if (u->held)
		put_line(out, "  Hold",
		    u->held == HOLD_MARK ? "marked: no station of dockd's removes it" :
					   "the store states a legal hold on it");
	if (u->version[0])
		put_line(out, "  Version", u->version);
	if (u->reason[0])
		put_line(out, "  Why", u->reason);
	if (u->state[0])
		put_line(out, "  Trouble", u->state);
	if (u->next_try_s)
		put_line(out, "  Next try", local_time(u->next_try_s, when, sizeof(when)));
	snprintf(line, sizeof(line), "%" PRIu32 "; %s sent in all", u->attempts,
	    text_bytes(u->sent_bytes, b, sizeof(b)));
	put_line(out, "  Attempts", line);
	if (u->address[0])
		put_line(out, "  Address", u->address);
}
