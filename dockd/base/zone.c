#include "zone.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define HOUR_S 3600
#define DAY_S 86400
#define NAME_MIN 3
#define OFFSET_HOURS 24 /* POSIX.1-2017 section 8.3: 0 to 24 */
#define TIME_HOURS 24

/* Up to most; false: no digit, or more than that. */
static bool number(const char **at, int most, int *out)
{
	int n = 0, digits = 0;

	while (isdigit((unsigned char)**at) && digits < 3) {
		n = n * 10 + (*(*at)++ - '0');
		digits++;
	}
	*out = n;
	return digits > 0 && n <= most;
}

/* hh[:mm[:ss]] */
static bool clock_time(const char **at, int hours_most, int32_t *out)
{
	int h, m = 0, s = 0;

	if (!number(at, hours_most, &h))
		return false;
	if (**at == ':') {
		(*at)++;
		if (!number(at, 59, &m))
			return false;
	}
	if (**at == ':') {
		(*at)++;
		if (!number(at, 59, &s))
			return false;
	}
	*out = h * HOUR_S + m * 60 + s;
	return true;
}

static bool name(const char **at)
{
	size_t n = 0;

	while (isalpha((unsigned char)(*at)[n]))
		n++;
	*at += n;
	return n >= NAME_MIN;
}

/* POSIX counts west of Greenwich: the sign is turned here. */
static bool offset(const char **at, int32_t *out)
{
	bool minus = **at == '-';

	if (**at == '-' || **at == '+')
		(*at)++;
	if (!clock_time(at, OFFSET_HOURS, out))
		return false;
	if (!minus)
		*out = -*out;
	return true;
}

static bool date(const char **at, struct zone_date *out)
{
	if (strncmp(*at, ",M", 2) != 0)
		return false;
	*at += 2;
	if (!number(at, 12, &out->month) || out->month == 0 || *(*at)++ != '.')
		return false;
	if (!number(at, 5, &out->week) || out->week == 0 || *(*at)++ != '.')
		return false;
	if (!number(at, 6, &out->day))
		return false;
	out->time_s = 2 * HOUR_S;
	if (**at != '/')
		return true;
	(*at)++;
	return clock_time(at, TIME_HOURS, &out->time_s);
}

int zone_read(const char *text, struct zone *out)
{
	const char *at = text;

	*out = (struct zone){ 0 };
	if (!name(&at) || !offset(&at, &out->winter_s))
		return -EINVAL;
	out->summer_s = out->winter_s;
	if (!*at)
		return 0;
	if (!name(&at))
		return -EINVAL;
	out->summer = true;
	out->summer_s = out->winter_s + HOUR_S;
	if (*at != ',' && !offset(&at, &out->summer_s))
		return -EINVAL;
	if (!date(&at, &out->begins) || !date(&at, &out->ends) || *at)
		return -EINVAL;
	return 0;
}

/* When that date is in this year, as the face shows it. */
static int64_t face_of(const struct zone_date *d, int year)
{
	struct tm first = { .tm_year = year, .tm_mon = d->month - 1, .tm_mday = 1 };
	int64_t start = (int64_t)timegm(&first), day;
	struct tm next = { .tm_year = year, .tm_mon = d->month, .tm_mday = 1 };
	int64_t end = (int64_t)timegm(&next);

	day = start + (int64_t)((d->day - first.tm_wday + 7) % 7 + (d->week - 1) * 7) * DAY_S;
	while (day >= end)
		day -= 7 * DAY_S;
	return day + d->time_s;
}

int32_t zone_offset_s(const struct zone *z, int64_t utc_s)
{
	time_t when = (time_t)utc_s;
	int64_t begins, ends;
	struct tm tm;

	if (!z->summer || !gmtime_r(&when, &tm))
		return z->winter_s;
	begins = face_of(&z->begins, tm.tm_year) - z->winter_s;
	ends = face_of(&z->ends, tm.tm_year) - z->summer_s;
	if (begins < ends)
		return utc_s >= begins && utc_s < ends ? z->summer_s : z->winter_s;
	return utc_s >= ends && utc_s < begins ? z->winter_s : z->summer_s;
}

int64_t zone_utc(const struct zone *z, int64_t face_s)
{
	int64_t in_summer = face_s - z->summer_s;

	return zone_offset_s(z, in_summer) == z->summer_s ? in_summer : face_s - z->winter_s;
}
