/*
 * hold: tells stores of preservation orders, and of their end, where a store can hold what it has.
 *
 * Called each turn by core, by uplink's handler when a receipt came, by control when an order was
 * given or lifted. What is wanted (retention_preserves) against what is on record (upload.held,
 * .releasing) is the queue, so a restart forgets nothing. One question at a time to each
 * destination; only its answer makes the `held` record, and `release-intent` stands before one to
 * let go. It decides nothing about orders, and takes off no hold that none of our orders ever asked
 * for.
 */
#ifndef DOCKD_HOLD_H
#define DOCKD_HOLD_H

#include "config.h"
#include "journal.h"
#include "uplink.h"

struct holder;

struct holder *holder_new(struct journal *j, struct uplink *u);
void holder_free(struct holder *h); /* after uplink_free */
void holder_configure(struct holder *h, const struct config *c);

/* The next questions go out. */
void holder_act(struct holder *h);

/* This asset has a receipt now, or its signature was found: what is wanted of it may be another. */
void holder_asset_changed(struct holder *h, uint64_t asset);
/* An order was given or lifted: all is looked at again, the newest order first. */
void holder_changed(struct holder *h);

/*
 * Whether this copy's store can hold it, and is still to be told that it shall: also where it is on
 * record as held, and the store was told to let go of it since, and has not answered.
 */
bool holder_waits(const struct holder *h, const struct asset *a, const struct upload *u);
/* Why the last question to this destination failed; "" it did not. */
const char *holder_trouble(const struct holder *h, const char *destination);

/* What a person must do about it, "" when nothing. */
void holder_text(const struct holder *h, char *out, size_t room);

#endif
