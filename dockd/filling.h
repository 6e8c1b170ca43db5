/*
 * filling: when the station's disk will be full, at the pace of the last days; pure.
 *
 * Called by control (status, doctor) and metrics with what index_flow tells. The caller brings the
 * time. "Full" is where intake stops: the reserve is all that is left.
 */
#ifndef DOCKD_FILLING_H
#define DOCKD_FILLING_H

#include <stddef.h>
#include <stdint.h>

#define FILLING_DAYS 7      /* that the pace rests on, at most */
#define FILLING_DAY_S 86400 /* days are of UTC, counted from 1970 */

/* What came into the staging area on one day, and what left it (retired, merged, disposed of). */
struct filling_day {
	int64_t day;
	uint64_t came_bytes, went_bytes;
};

struct filling {
	int64_t full_s;      /* CLOCK_REALTIME; 0: not known yet, INT64_MAX: it does not fill up */
	int64_t per_day;     /* bytes that it grows by in a day; below 0 it empties */
	double days_left;    /* until full_s; below 0: not known, or it does not fill up */
	uint64_t left_bytes; /* of free space above the reserve */
};

/*
 * days: of the last FILLING_DAYS + 1 days, in any order; days without anything may be missing.
 * first_s: when the station took in something for the first time, 0 never: with less than a day of
 * work the pace is not known, and a day that it was not there yet does not count.
 */
struct filling filling_judge(const struct filling_day *days, size_t n, int64_t first_s,
    int64_t now_s, uint64_t free_bytes, uint64_t reserve_bytes);

#endif
