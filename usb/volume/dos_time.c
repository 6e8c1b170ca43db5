/*
 * dos_time: reads the moments in directory entries. By arithmetic: the C library's would look for
 * zone files, which the sandbox does not let it open.
 */
#include "dos_time.h"

#include "../calendar.h"

int64_t dos_time(uint16_t date, uint16_t time)
{
	int second = 2 * (time & 31);

	if (second > 59)
		return CALENDAR_NONE;
	return calendar_seconds(
	    1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, second);
}
