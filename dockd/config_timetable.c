#include "config_timetable.h"

#include <string.h>

#define DAY_MIN 1440
#define EVERY_DAY 0x7fu
#define KBIT_BYTES 125 /* a second: 1000 bits */
#define KBIT_MAX INT64_C(1000000000)
#define DAYS_ALLOWED "days such as \"mon-fri\", \"sat,sun\" or \"mon,wed-fri\""
#define TIME_ALLOWED "a time of the day, \"00:00\" to \"24:00\""

struct draft_row {
	char days[64];
	char from[8], until[8];
};

/* The day that text begins with, 0 Monday ... 6 Sunday; -1: none. */
static int day_at(const char *text)
{
	static const char names[] = "montuewedthufrisatsun";

	for (int i = 0; i < 7; i++) {
		if (strncmp(text, names + 3 * i, 3) == 0)
			return i;
	}
	return -1;
}

/* A set of days, bit 0 Monday; 0: it is none. */
static uint32_t read_days(const char *text)
{
	uint32_t days = 0;

	for (;;) {
		int first = day_at(text), last = first;

		if (first < 0)
			return 0;
		text += 3;
		if (*text == '-') {
			last = day_at(text + 1);
			if (last < 0)
				return 0;
			text += 4;
		}
		for (int day = first;; day = (day + 1) % 7) {
			days |= 1u << day;
			if (day == last)
				break;
		}
		if (*text == '\0')
			return days;
		if (*text++ != ',')
			return 0;
	}
}

/* Minutes of the day, 0 to 1440; -1: it is none. */
static int read_time(const char *text)
{
	int hour, minute;

	if (strlen(text) != 5 || strspn(text, "0123456789:") != 5 || text[2] != ':' ||
	    strchr(text + 3, ':') || memchr(text, ':', 2))
		return -1;
	hour = (text[0] - '0') * 10 + text[1] - '0';
	minute = (text[3] - '0') * 10 + text[4] - '0';
	return minute > 59 || hour * 60 + minute > DAY_MIN ? -1 : hour * 60 + minute;
}

static bool good_days(const char *text)
{
	return read_days(text) != 0;
}

static bool good_time(const char *text)
{
	return read_time(text) >= 0;
}

/* clang-format off */
static const struct setting row_settings[] = {
	{ .name = "days", .type = SETTING_TEXT, SETTING_AT(draft_row, days),
	  .good = good_days, .allowed = DAYS_ALLOWED },
	{ .name = "from", .type = SETTING_TEXT, SETTING_AT(draft_row, from),
	  .good = good_time, .allowed = TIME_ALLOWED },
	{ .name = "until", .type = SETTING_TEXT, SETTING_AT(draft_row, until),
	  .good = good_time, .allowed = TIME_ALLOWED },
	{ .name = "rate-kbit", .type = SETTING_LATER },
};
/* clang-format on */

/* Kilobits a second, least of them or more, or "unlimited". */
static uint64_t read_rate(
    struct setting_errors *e, const struct config_setting_t *node, int64_t least)
{
	const char *text = setting_text(node);
	int64_t kbit;

	if (text && strcmp(text, "unlimited") == 0)
		return RATE_UNLIMITED;
	if (setting_whole(node, &kbit) && kbit >= least && kbit <= KBIT_MAX)
		return (uint64_t)kbit * KBIT_BYTES;
	setting_wrong(e, node, "kilobits a second, from %d on, or \"unlimited\"%s", (int)least,
	    least > 0 ? "; to send nothing for some hours, a timetable" :
			"; 0: nothing but what is expedited");
	return RATE_UNLIMITED;
}

/* One row of the file: one of the timetable, or two. Count of rows now. */
static size_t add_row(struct proto_rate *rate, size_t n, const struct proto_rate *row)
{
	struct proto_rate early = *row, late = *row;

	if (row->from_min < row->until_min) {
		if (n < PROTO_RATES)
			rate[n] = *row;
		return n + 1;
	}
	late.until_min = DAY_MIN;
	early.from_min = 0;
	early.days = (row->days << 1 | row->days >> 6) & EVERY_DAY;
	if (n < PROTO_RATES)
		rate[n] = late;
	if (early.until_min == 0)
		return n + 1;
	if (n + 1 < PROTO_RATES)
		rate[n + 1] = early;
	return n + 2;
}

static size_t read_row(struct setting_errors *e, const struct config_setting_t *node,
    struct proto_rate *rate, size_t n)
{
	struct draft_row d = { .days = "mon-sun", .from = "00:00", .until = "24:00" };
	bool seen[4] = { false };
	struct proto_rate row;

	if (!setting_is_group(node)) {
		setting_wrong(e, node, "{ days = ...; from = ...; until = ...; rate-kbit = ...; }");
		return n;
	}
	setting_read(e, node, row_settings, 4, &d, seen);
	row.days = read_days(d.days);
	row.from_min = (uint16_t)read_time(d.from);
	row.until_min = (uint16_t)read_time(d.until);
	row.bytes_per_s = RATE_UNLIMITED;
	if (seen[3])
		row.bytes_per_s = read_rate(e, setting_find(node, "rate-kbit"), 0);
	else
		setting_missing(e, node, "rate-kbit", "kilobits a second in these hours, 0: none");
	if (row.from_min == DAY_MIN || row.from_min == row.until_min) {
		setting_wrong(e, setting_find(node, seen[1] ? "from" : "until"),
		    "from is not until; the whole day is \"00:00\" to \"24:00\"");
		return n;
	}
	return add_row(rate, n, &row);
}

void config_timetable_read(
    struct setting_errors *e, const struct config_setting_t *node, struct proto_destination *d)
{
	const struct config_setting_t *rate = setting_find(node, "rate-kbit");
	const struct config_setting_t *list = setting_find(node, "timetable");
	size_t n = 0;

	if (rate)
		d->bytes_per_s = read_rate(e, rate, 1);
	if (list && (!setting_is_list(list) || setting_count(list) == 0)) {
		setting_wrong(e, list, "a list: ( { days = ...; rate-kbit = ...; }, ... )");
		return;
	}
	for (size_t i = 0; list && i < setting_count(list); i++)
		n = read_row(e, setting_member(list, i), d->rate, n);
	if (n > PROTO_RATES)
		setting_wrong(e, list, "at most %d rows; one that goes over midnight counts twice",
		    PROTO_RATES);
}
