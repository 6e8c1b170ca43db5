/*
 * reconcile: asks the destinations again whether they still have what they gave a receipt for.
 *
 * Called each turn by core. It asks a bounded number an hour at each destination, the oldest
 * receipts first, and records `confirmed` or `lost`; what is lost is in the queue again by that
 * record. It takes nothing away: the station's copies are retirement's.
 */
#ifndef DOCKD_RECONCILE_H
#define DOCKD_RECONCILE_H

#include "acceptance.h"
#include "uplink.h"

struct reconcile;

struct reconcile_handlers {
	/* A destination has lost it: receipts count for less than they did. */
	void (*lost)(void *arg, uint64_t asset);
	/* It has it, and states this and that of lock and hold. */
	void (*confirmed)(void *arg, uint64_t asset);
};

struct reconcile *reconcile_new(struct journal *j, struct staging *s, struct uplink *u,
    struct acceptance *a, const struct reconcile_handlers *handlers, void *arg);
/* After uplink_free: no answer comes any more. */
void reconcile_free(struct reconcile *r);
void reconcile_configure(struct reconcile *r, const struct config *c);

/* A destination was bound anew: what it should have is asked for at once. */
void reconcile_again(struct reconcile *r, const char *destination);

/* After the commit: asks what is due. */
void reconcile_act(struct reconcile *r);
/* What a person must know of receipts and confirmations, "" when nothing. */
void reconcile_text(const struct reconcile *r, char *out, size_t room);

#endif
