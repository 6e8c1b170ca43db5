/*
 * timetable: how much a destination may be sent, by weekday and time; pure.
 *
 * Shared by the uploader (what may go out now) and the core (when something will have arrived). The
 * caller brings the local time: nothing here reads a clock or the zone. Rows are those of
 * proto_destination.rate: the first that matches counts, and outside all rows bytes_per_s does.
 */
#ifndef DOCKD_TIMETABLE_H
#define DOCKD_TIMETABLE_H

#include "proto_upload.h"

#define TIMETABLE_WEEK_MIN (7 * 1440)

/* Minutes since Monday 00:00 of a local time; weekday as tm_wday counts (Sunday is 0). */
static inline unsigned timetable_minute(int wday, int hour, int minute)
{
	return (unsigned)((wday + 6) % 7 * 1440 + hour * 60 + minute);
}

/* Bytes a second allowed in this minute of the week; 0: nothing, RATE_UNLIMITED. */
uint64_t timetable_rate(const struct proto_destination *d, unsigned minute);

/* Minutes from this one until the allowed rate is another one; 0: it never is. */
unsigned timetable_next(const struct proto_destination *d, unsigned minute);

/*
 * Seconds that `bytes` take from this minute on, where the line itself carries line_per_s (0: not
 * known, then only the timetable counts); RATE_UNLIMITED: never. Whole weeks are skipped, so the
 * cost does not grow with bytes.
 */
uint64_t timetable_seconds(
    const struct proto_destination *d, unsigned minute, uint64_t line_per_s, uint64_t bytes);

#endif
