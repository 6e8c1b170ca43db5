/*
 * calendar: a clock face as seconds, without any zone.
 *
 * Called wherever a camera's dates are read or written. Pure.
 */
#ifndef DOCKD_CALENDAR_H
#define DOCKD_CALENDAR_H

#include <stdint.h>

#define CALENDAR_NONE INT64_MIN

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
int64_t calendar_days(int year, int month, int day);

/* Days of a month, 1 to 12. */
int calendar_month_days(int year, int month);

/*
 * Seconds since 1970 of this clock face read as UTC; CALENDAR_NONE where there is no such date
 * (from 1900 on; month and day count from 1) or time of day (a 60th second is taken).
 */
int64_t calendar_seconds(int year, int month, int day, int hour, int minute, int second);

#endif
