/*
 * calendar: a clock face as seconds, without any zone. See calendar.h.
 */
#include "calendar.h"

#include <stdbool.h>

int64_t calendar_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int calendar_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

int64_t calendar_seconds(int year, int month, int day, int hour, int minute, int second)
{
	if (year < 1900 || month < 1 || month > 12 || day < 1 ||
	    day > calendar_month_days(year, month))
		return CALENDAR_NONE;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return CALENDAR_NONE;
	return calendar_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}
