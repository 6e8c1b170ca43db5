/*
 * forecast: when something will have arrived, and whether that is too late; pure.
 *
 * Called by outlook with what it has seen of a destination, and by dockctl for the words. The
 * caller brings the time, also the local one (localtime_r); nothing here reads a clock, and only
 * the texts ask for the zone. What a line carries is measured only while something was being sent
 * and the timetable did not hold it back.
 */
#ifndef DOCKD_FORECAST_H
#define DOCKD_FORECAST_H

#include "base/proto_upload.h"

#include <time.h>

/* What a line has carried of late. */
struct pace {
	uint64_t bytes_per_s; /* kept_bytes over busy_ms; 0: not known yet */
	uint64_t busy_ms;     /* of sending that it rests on, at most an hour: older things fade */
	uint64_t wasted_bytes, kept_bytes; /* handed over and lost again; kept by the destination */
};

#define PACE_KNOWN_MS 5000u /* of sending, before a pace is named */

/* bytes arrived for good in ms of sending, wasted_bytes were handed over beside them. */
void pace_saw(struct pace *p, uint64_t ms, uint64_t bytes, uint64_t wasted_bytes);

/*
 * When `bytes` that are in front, and then, will be there: seconds since 1970; 0: not known (no
 * pace), INT64_MAX: never (the timetable allows nothing). away_until_s: not before, 0 none.
 */
int64_t forecast_arrival(const struct proto_destination *d, const struct pace *p, int64_t now_s,
    const struct tm *local, int64_t away_until_s, uint64_t bytes);

enum forecast_trouble {
	FORECAST_WELL = 0,
	FORECAST_LATE,  /* at this pace it comes after its deadline */
	FORECAST_NEVER, /* no hours, or no connection holds for as long as one request takes */
	FORECAST_PAST,  /* its deadline is over already */
};

/*
 * expected_s: of forecast_arrival. largest_bytes: of a file that must go in one request (dir, and
 * S3 parts: their size; tus: chunk-min); longest_s: how long a connection has held at best of late,
 * 0 not known.
 */
enum forecast_trouble forecast_judge(int64_t now_s, int64_t expected_s, int64_t deadline_s,
    const struct pace *p, uint64_t largest_bytes, uint64_t longest_s);

/* A sentence that says by when, how late, and what to do; for dockctl status. "" all is well. */
void forecast_text(enum forecast_trouble t, const char *destination, int64_t expected_s,
    int64_t deadline_s, const struct pace *p, char *out, size_t size);

/* "2 h 40 min", "3 d 4 h", "less than a minute". Returns out. */
const char *forecast_span(int64_t seconds, char *out, size_t size);
/* "Tue 24 Nov 14:10 (2 h 40 min)", local time; "not known yet", "never". Returns out. */
const char *forecast_when(int64_t expected_s, int64_t now_s, char *out, size_t size);
/* "1.2 Mbit/s", "640 kbit/s". Returns out. */
const char *forecast_rate(uint64_t bytes_per_s, char *out, size_t size);

#endif
