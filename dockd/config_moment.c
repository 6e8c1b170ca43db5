#include "config_moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Whether text is of this form, where '0' stands for any digit. */
static bool is_like(const char *text, const char *form)
{
	for (; *form; form++, text++) {
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	}
	return *text == '\0';
}

static int two(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

/* What text says behind the seconds, in seconds: "Z", "+01:00", "-05:30". */
static bool offset_of(const char *text, int64_t *out)
{
	*out = 0;
	if (strcmp(text, "Z") == 0)
		return true;
	if ((!is_like(text, "+00:00") && !is_like(text, "-00:00")) || two(text + 1) > 23 ||
	    two(text + 4) > 59)
		return false;
	*out = (two(text + 1) * 60 + two(text + 4)) * INT64_C(60) * (text[0] == '-' ? -1 : 1);
	return true;
}

bool config_moment(const char *text, int64_t *out)
{
	char day[16], again[16], clock[16] = "T00:00:00";
	size_t len = strlen(text);
	struct tm tm = { 0 };
	int64_t offset = 0;

	if (len != 10 && (len < 20 || len > 25))
		return false;
	snprintf(day, sizeof(day), "%.10s", text);
	if (len > 10) {
		snprintf(clock, sizeof(clock), "%.9s", text + 10);
		if (!offset_of(text + 19, &offset))
			return false;
	}
	if (!is_like(day, "0000-00-00") || !is_like(clock, "T00:00:00") || two(clock + 1) > 23 ||
	    two(clock + 4) > 59 || two(clock + 7) > 59)
		return false;
	tm.tm_year = two(day) * 100 + two(day + 2) - 1900;
	tm.tm_mon = two(day + 5) - 1;
	tm.tm_mday = two(day + 8);
	*out = (int64_t)timegm(&tm);
	/* the 31st of February would be a day of March */
	if (strftime(again, sizeof(again), "%Y-%m-%d", &tm) != 10 || strcmp(again, day) != 0)
		return false;
	*out += two(clock + 1) * 3600 + two(clock + 4) * 60 + two(clock + 7) - offset;
	return true;
}

bool config_moment_good(const char *text)
{
	int64_t at;

	return config_moment(text, &at);
}

bool config_moment_span(const char *from, const char *until, int64_t *from_s, int64_t *until_s)
{
	if (from[0])
		config_moment(from, from_s);
	if (until[0])
		config_moment(until, until_s);
	return !from[0] || !until[0] || *from_s < *until_s;
}
