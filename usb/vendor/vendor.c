/*
 * vendor: what the vendors' languages have in common as bytes; see vendor.h.
 */
#include "vendor.h"

#include "../../dockd/base/proto.h"

#include <string.h>

#define DAY_S 86400
#define LATEST_S INT64_C(253402300799) /* end of the year 9999 */

void vendor_id(const uint8_t *field, size_t width, char out[PROTO_ID_TEXT_LEN])
{
	const uint8_t *end = memchr(field, 0, width);
	size_t len = end ? (size_t)(end - field) : width;

	memset(out, 0, PROTO_ID_TEXT_LEN);
	while (len > 0 && field[len - 1] == ' ')
		len--;
	while (len > 0 && field[0] == ' ') {
		field++;
		len--;
	}
	if (len >= PROTO_ID_TEXT_LEN)
		return;
	for (size_t i = 0; i < len; i++) {
		if (field[i] < 0x20 || field[i] > 0x7e)
			return;
	}
	memcpy(out, field, len);
}

void vendor_serial(const uint8_t *field, size_t width, char out[PROTO_ID_TEXT_LEN])
{
	vendor_id(field, width, out);
	if (out[strspn(out, "0")] == '\0')
		memset(out, 0, PROTO_ID_TEXT_LEN);
}

bool vendor_id_put(uint8_t *field, size_t width, const char *id)
{
	size_t len = strlen(id);

	if (len == 0)
		return true;
	if (len > width)
		return false;
	memset(field, 0, width);
	memcpy(field, id, len);
	return true;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of(int64_t year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Days from 1970-01-01 to the first of January; year 1970 to 9999. */
static int64_t days_before(int64_t year)
{
	int64_t y = year - 1;

	return (year - 1970) * 365 + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
	    (y / 400 - 1969 / 400);
}

bool vendor_time(int64_t clock_s, struct vendor_time *out)
{
	int64_t days, rest, year;
	unsigned month = 1;

	if (clock_s < 0 || clock_s > LATEST_S)
		return false;
	days = clock_s / DAY_S;
	rest = clock_s % DAY_S;
	year = 1970 + days / 366;
	while (year < 9999 && days_before(year + 1) <= days)
		year++;
	days -= days_before(year);
	while (month < 12 && days >= days_of(year, month))
		days -= days_of(year, month++);
	out->year = (uint16_t)year;
	out->month = (uint8_t)month;
	out->day = (uint8_t)(days + 1);
	out->hour = (uint8_t)(rest / 3600);
	out->minute = (uint8_t)(rest % 3600 / 60);
	out->second = (uint8_t)(rest % 60);
	return true;
}

int64_t vendor_time_s(const struct vendor_time *t)
{
	int64_t days;

	if (t->year < 1970 || t->year > 9999 || t->month < 1 || t->month > 12 || t->day < 1 ||
	    t->day > days_of(t->year, t->month) || t->hour > 23 || t->minute > 59 || t->second > 59)
		return PROTO_NO_TIME;
	days = days_before(t->year) + t->day - 1;
	for (unsigned m = 1; m < t->month; m++)
		days += days_of(t->year, m);
	return days * DAY_S + t->hour * 3600 + t->minute * 60 + t->second;
}
