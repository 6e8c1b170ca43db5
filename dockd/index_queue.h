/*
 * index_queue: what waits for a destination, in the order in which it is sent (upload_order).
 *
 * Asked by uplink for the next ones, and by outlook for when all of them will be there.
 */
#ifndef DOCKD_INDEX_QUEUE_H
#define DOCKD_INDEX_QUEUE_H

#include "index.h"
#include "upload_order.h"

/* Which of those that wait for a destination are looked for. */
struct index_wish {
	bool fresh;           /* policy any: not yet begun anywhere; else begun there, or all */
	bool large;           /* above UPLOAD_LARGE_BYTES, or up to it */
	const uint64_t *skip; /* numbers under way or backing off in memory */
	size_t skip_n;
	size_t each; /* of one docking, within one class and hour; >= 1 */
};

/*
 * Those that are next (see upload_order), in its order but for the turns of the dockings: sealed,
 * CHECKED, not merged, not receipted there, not refused; with policy any not begun elsewhere and
 * receipted nowhere. Ends after the class and hour in which it has `each`. Cost: what it gives and
 * what it skips, however many wait. Count or -errno.
 */
int index_candidates(struct index *ix, const char *destination, const struct index_wish *wish,
    struct candidate *out, size_t room);
int index_queued(struct index *ix, const char *destination, uint64_t *count, uint64_t *bytes);

/* One of those that wait for a destination (index_outlook). */
struct index_ahead {
	uint64_t asset, size_bytes;
	int64_t
	    deadline_s; /* when it should be there, is disposed of or forgotten there; 0 no day */
	bool expedited; /* these come first */
};

/*
 * The first `room` of them, in the order in which they are sent: each to take, which ends it by
 * another number than 0. How many were given, or -errno, or what take said below 0.
 */
int index_ahead(struct index *ix, const char *destination, size_t room,
    int (*take)(void *arg, const struct index_ahead *row), void *arg);

/* Whether this one waits for it. */
bool index_waits(struct index *ix, const char *destination, uint64_t asset);

/* What waits of one class and hour. */
struct index_hour {
	uint64_t bytes, count;
	int64_t deadline_s; /* of none of them earlier; 0 no day */
};

/* All that waits, by the hour, in the order in which it is sent, each to take. As index_ahead. */
int index_hours(struct index *ix, const char *destination,
    int (*take)(void *arg, const struct index_hour *hour), void *arg);

#endif
