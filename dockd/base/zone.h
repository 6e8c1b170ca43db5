/*
 * zone: the time zone of a camera's clock face, as a rule; pure.
 *
 * Called by profile and its readers. The rule stands in the profile in the form of POSIX.1-2017
 * section 8.3 (TZ), with dates as Mm.w.d only: "GMT0BST,M3.5.0/1,M10.5.0". It knows no database of
 * zones: a station must not judge last year's recordings by whatever tzdata it has today.
 */
#ifndef DOCKD_ZONE_H
#define DOCKD_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* The d-th day of the week (0 Sunday) of week w (5: the last) of month m, time_s after midnight. */
struct zone_date {
	int month, week, day;
	int32_t time_s;
};

struct zone {
	int32_t winter_s, summer_s; /* east of UTC */
	bool summer;                /* there is summer time, from begins until ends */
	struct zone_date begins, ends;
};

#define ZONE_ALLOWED                                                                               \
	"a rule such as \"UTC0\" or \"GMT0BST,M3.5.0/1,M10.5.0\" (POSIX TZ, dates as Mm.w.d)"

/* 0, or -EINVAL: not a rule of this form. */
int zone_read(const char *text, struct zone *out);

/* What the clock face shows minus UTC, seconds, at this moment. */
int32_t zone_offset_s(const struct zone *z, int64_t utc_s);

/* The moment at which a face shows this; in the hour that comes twice, the first. */
int64_t zone_utc(const struct zone *z, int64_t face_s);

#endif
