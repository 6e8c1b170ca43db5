/*
 * retention: what is kept how long; preservation orders; disposal by age and by order.
 *
 * Called by main each turn, by control for people, and by whoever is about to take a copy away
 * (uplink, errand): they ask retention_preserves first. It writes the `retention` record of each
 * asset, marks what is due, and disposes of it where the configuration says that the store is ours.
 * It never disposes of anything while the station's clock is not synchronised.
 */
#ifndef DOCKD_RETENTION_H
#define DOCKD_RETENTION_H

#include "index.h"

/*
 * Whether a preservation order in force covers this asset, or one that was merged with it, or a
 * clip whose signature it is. An index that cannot be read says yes.
 */
bool retention_preserves(struct index *ix, const struct asset *a);

#endif
