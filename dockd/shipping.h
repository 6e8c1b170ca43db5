/*
 * shipping: the ledger, its newest checkpoint and proof bundles on their way to the destinations.
 *
 * Called by core each turn. It sends through errands of uplink, one at a time to each destination,
 * at most once in `ship-seconds`, and records what arrived (`shipped`, `bundled`). What it writes
 * never makes it send again. It never stands in the way of an upload, and nothing depends on it.
 */
#ifndef DOCKD_SHIPPING_H
#define DOCKD_SHIPPING_H

#include "bundle.h"
#include "checkpoint.h"
#include "config.h"
#include "journal.h"
#include "uplink.h"

struct shipping;

struct shipping *shipping_new(
    struct journal *j, struct uplink *u, struct checkpoint *c, const char *station);
void shipping_free(struct shipping *s);
/* The destinations and how often. A destination that could not take it is asked again. */
void shipping_configure(struct shipping *s, const struct config *c);

/* The proof bundle of an asset under the newest checkpoint; as bundle_make. */
int shipping_bundle(struct journal *j, struct checkpoint *c, const char *station, uint64_t asset,
    struct bundle *out);

/* Once a turn, after its commit. */
void shipping_turn(struct shipping *s);

#endif
