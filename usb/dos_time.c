/*
 * dos_time: reads the moments in directory entries. By arithmetic: the C library's would look for
 * zone files, which the sandbox does not let it open.
 */
#include "dos_time.h"

static int month_days(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

int64_t dos_time(uint16_t date, uint16_t time)
{
	int year = 1980 + (date >> 9), month = date >> 5 & 15, day = date & 31;
	int hour = time >> 11, minute = time >> 5 & 63, second = 2 * (time & 31);
	int64_t days = 0;

	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 59)
		return INT64_MIN;
	for (int y = 1970; y < year; y++)
		days += 337 + month_days(y, 2);
	for (int m = 1; m < month; m++)
		days += month_days(year, m);
	return (days + day - 1) * 86400 + hour * 3600 + minute * 60 + second;
}
