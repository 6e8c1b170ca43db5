#include "ctl_time.h"

#include "base/proto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Exactly n digits. */
static bool digits(const char **at, unsigned n, int *out)
{
	*out = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return true;
}

static bool sign(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool is_date(const struct tm *tm)
{
	struct tm back = *tm;

	back.tm_isdst = 0;
	timegm(&back);
	return back.tm_mday == tm->tm_mday && back.tm_mon == tm->tm_mon &&
	    back.tm_year == tm->tm_year;
}

/* Of local times that come twice the first or the last; of those that never come, none. */
static bool local(const struct tm *tm, bool last, int64_t *out)
{
	bool found = false;

	for (int dst = 0; dst <= 1; dst++) {
		struct tm try = *tm, back;
		time_t t;

		try.tm_isdst = dst;
		t = mktime(&try);
		if (t == (time_t)-1 || !localtime_r(&t, &back) || back.tm_hour != tm->tm_hour ||
		    back.tm_min != tm->tm_min || back.tm_mday != tm->tm_mday)
			continue;
		if (!found || (last ? t > *out : t < *out))
			*out = t;
		found = true;
	}
	return found;
}

/* "Z", "+01:00", "-0530": seconds east of UTC. */
static bool zone(const char **at, int *out)
{
	int way = **at == '-' ? -1 : 1, hours, minutes;

	*out = 0;
	if (sign(at, 'Z'))
		return true;
	(*at)++;
	if (!digits(at, 2, &hours))
		return false;
	sign(at, ':');
	if (!digits(at, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	*out = way * (hours * 3600 + minutes * 60);
	return true;
}

bool time_read(const char *text, bool end, int64_t *out)
{
	struct tm tm = { 0 };
	const char *at = text;
	bool whole_day;
	int east;

	if (strcmp(text, "-") == 0) {
		*out = PROTO_NO_TIME;
		return true;
	}
	if (!digits(&at, 4, &tm.tm_year) || !sign(&at, '-') || !digits(&at, 2, &tm.tm_mon) ||
	    !sign(&at, '-') || !digits(&at, 2, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (tm.tm_year < 70 || !is_date(&tm))
		return false;
	whole_day = *at == '\0' || *at == 'Z' || *at == '+';
	if (!whole_day) {
		if (!(sign(&at, 'T') || sign(&at, ' ')) || !digits(&at, 2, &tm.tm_hour) ||
		    !sign(&at, ':') || !digits(&at, 2, &tm.tm_min) ||
		    (sign(&at, ':') && !digits(&at, 2, &tm.tm_sec)) || tm.tm_hour > 23 ||
		    tm.tm_min > 59 || tm.tm_sec > 59)
			return false;
	} else if (end) {
		tm.tm_mday++;
		timegm(&tm); /* the next day, whatever month it is in */
		tm.tm_isdst = 0;
	}
	if (*at == '\0')
		return local(&tm, end, out);
	if (*at != 'Z' && *at != '+' && *at != '-')
		return false;
	if (!zone(&at, &east) || *at)
		return false;
	*out = (int64_t)timegm(&tm) - east;
	return true;
}

const char *time_both(int64_t seconds, char *out, size_t room)
{
	time_t t = (time_t)seconds;
	char here[48], utc[32];
	struct tm a, b;

	if (seconds == PROTO_NO_TIME || !localtime_r(&t, &a) || !gmtime_r(&t, &b) ||
	    strftime(here, sizeof(here), "%Y-%m-%d %H:%M:%S %z", &a) == 0 ||
	    strftime(utc, sizeof(utc), "%Y-%m-%d %H:%M:%S", &b) == 0)
		snprintf(out, room, "any time");
	else if (a.tm_gmtoff == 0)
		snprintf(out, room, "%s UTC", utc);
	else
		snprintf(out, room, "%s (%s UTC)", here, utc);
	return out;
}
