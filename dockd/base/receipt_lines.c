#include "receipt_lines.h"

#include <string.h>

static const char *const prefixes[RECEIPT_LINES] = {
	[RECEIPT_ORIGIN] = "",
	[RECEIPT_FORM] = "dockd receipt v1",
	[RECEIPT_SHA256] = "sha256 ",
	[RECEIPT_LENGTH] = "length ",
	[RECEIPT_ASSET] = "asset ",
	[RECEIPT_STATION] = "station ",
	[RECEIPT_OBJECT] = "object ",
	[RECEIPT_VERSION] = "version ",
	[RECEIPT_TIME] = "time ",
};

const char *receipt_prefix(enum receipt_line line)
{
	return prefixes[line];
}

int receipt_split(const char *text, size_t len, struct receipt_value values[RECEIPT_LINES])
{
	const char *at = text, *end = text + len;

	for (int i = 0; i < RECEIPT_LINES; i++) {
		size_t skip = strlen(prefixes[i]);
		const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		if (!stop || (size_t)(stop - at) < skip || memcmp(at, prefixes[i], skip) != 0)
			return i;
		values[i] = (struct receipt_value){ at + skip, (size_t)(stop - at) - skip };
		if (i == RECEIPT_FORM ? values[i].len != 0 : values[i].len == 0)
			return i;
		at = stop + 1;
	}
	return at == end ? -1 : RECEIPT_LINES;
}

bool receipt_equals(const struct receipt_value *v, const char *text)
{
	return strlen(text) == v->len && memcmp(v->at, text, v->len) == 0;
}

static unsigned two(const char *at)
{
	return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
}

int64_t receipt_time(const struct receipt_value *v)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day, hour, minute, second;
	int64_t total;
	bool leap;

	if (v->len != sizeof(form) - 1)
		return INT64_MIN;
	for (size_t i = 0; i < v->len; i++) {
		bool digit = v->at[i] >= '0' && v->at[i] <= '9';

		if (form[i] == 'd' ? !digit : v->at[i] != form[i])
			return INT64_MIN;
	}
	year = two(v->at) * 100 + two(v->at + 2);
	month = two(v->at + 5);
	day = two(v->at + 8);
	hour = two(v->at + 11);
	minute = two(v->at + 14);
	second = two(v->at + 17);
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1] + (month == 2 && leap ? 1 : 0) || hour > 23 || minute > 59 ||
	    second > 59)
		return INT64_MIN;
	total = (int64_t)(year - 1970) * 365 + (year - 1969) / 4 - (year - 1901) / 100 +
	    (year - 1601) / 400;
	for (unsigned i = 1; i < month; i++)
		total += days[i - 1];
	total += (month > 2 && leap ? 1 : 0) + day - 1;
	return total * 86400 + hour * 3600 + minute * 60 + second;
}
