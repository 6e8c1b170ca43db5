#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define DAY_S 86400

void check_say(const struct checks *to, enum check_level level, const char *check,
    const char *subject, const char *advice, const char *fmt, ...)
{
	struct proto_check row = { .level = level };
	va_list ap;

	snprintf(row.check, sizeof(row.check), "%s", check);
	snprintf(row.subject, sizeof(row.subject), "%s", subject);
	snprintf(row.advice, sizeof(row.advice), "%s", advice);
	va_start(ap, fmt);
	vsnprintf(row.what, sizeof(row.what), fmt, ap);
	va_end(ap);
	to->take(to->arg, &row);
}

const char *check_word(enum check_level level)
{
	switch (level) {
	case CHECK_WELL:
		return "well";
	case CHECK_UNSEEN:
		return "unseen";
	case CHECK_NOTE:
		return "note";
	case CHECK_WARN:
		return "warn";
	case CHECK_BAD:
		return "bad";
	}
	return "?";
}

enum check_level check_expiry(int64_t until_s, int64_t now_s)
{
	if (until_s < now_s || until_s - now_s <= (int64_t)7 * DAY_S)
		return CHECK_BAD;
	if (until_s - now_s <= (int64_t)30 * DAY_S)
		return CHECK_WARN;
	return until_s - now_s <= (int64_t)60 * DAY_S ? CHECK_NOTE : CHECK_WELL;
}

const char *check_day(int64_t at_s, int64_t now_s, char *out, size_t room)
{
	time_t t = (time_t)at_s;
	char day[32];
	struct tm tm;
	int64_t days;

	if (!gmtime_r(&t, &tm) || strftime(day, sizeof(day), "%e %b %Y", &tm) == 0)
		snprintf(day, sizeof(day), "a day that cannot be shown");
	days = at_s >= now_s ? (at_s - now_s) / DAY_S : (now_s - at_s) / DAY_S;
	if (days == 0)
		snprintf(out, room, "%s (%s)",
		    at_s >= now_s ? "within a day" : "less than a day ago",
		    day[0] == ' ' ? day + 1 : day);
	else
		snprintf(out, room, "%s%" PRId64 " day%s%s (%s)", at_s >= now_s ? "in " : "", days,
		    days == 1 ? "" : "s", at_s >= now_s ? "" : " ago",
		    day[0] == ' ' ? day + 1 : day);
	return out;
}
