/*
 * retention: what is kept how long; preservation orders; disposal by age and by order.
 *
 * Called by core each turn, by control for people, and by whoever is about to take a copy away
 * (uplink, erasing): they ask retention_preserves first. It writes the `retention` record of each
 * asset, marks what is due, and disposes of it where the configuration says that the store is ours.
 * It never disposes of anything while the station's clock is not synchronised, or has gone ahead by
 * more than a week and nobody has said that it is right.
 */
#ifndef DOCKD_RETENTION_H
#define DOCKD_RETENTION_H

#include "base/proto_order.h"
#include "clock.h"
#include "disposal.h"
#include "index_retention.h"

struct retention;

struct retention *retention_new(struct journal *j, struct uplink *u, struct disposer *d);
void retention_free(struct retention *rt);
void retention_configure(struct retention *rt, const struct config *c);

/* Writes the records of what was checked, marks what is due, and begins its disposal. */
void retention_plan(struct retention *rt);
/* Orders changed: all is looked at again at once. */
void retention_changed(struct retention *rt);

struct retention_numbers {
	uint64_t preserved, due, review; /* assets; as of the last walk */
	uint64_t overdue;                /* should be gone by now, and is not */
	bool dispose;                    /* configured */
	bool stopped;                    /* something is due, and nothing goes */
	struct clock_state clock;
};
/* What a person must do about it, "" when nothing. */
void retention_text(struct retention *rt, char *out, size_t room);
void retention_numbers(struct retention *rt, struct retention_numbers *out);

/*
 * One asset that is near or past its deadline: its stage, and why it may never go by age (reason
 * NULL: it may). false: it is neither.
 */
bool retention_due(
    struct retention *rt, const struct asset *a, enum due_stage *stage, const char **reason);
/* The next of them, moving *at: up to room numbers. Count or -errno. */
int retention_walk(struct retention *rt, struct due_place *at, uint64_t *numbers, size_t room);

/*
 * Whether a preservation order in force covers this asset, or one that was merged with it, or a
 * clip whose signature it is. An index that cannot be read says yes.
 */
bool retention_preserves(struct index *ix, const struct asset *a);
/* Whether an order that was lifted since covered it. An index that cannot be read says no. */
bool retention_preserved_before(struct index *ix, const struct asset *a);

#endif
