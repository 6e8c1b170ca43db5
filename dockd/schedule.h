/*
 * schedule: whose turn it is to be pulled. Pure: facts of the bays in, an order out. Called by bay
 * each turn.
 *
 * Cameras below one root port share its bandwidth, so few are pulled at once: one that is done early
 * frees an officer's camera early.
 */
#ifndef DOCKD_SCHEDULE_H
#define DOCKD_SCHEDULE_H

#include "bays.h"

/* All h->n bays into order: those a person wants first, those with logs or sidecars left, then those with least left. */
void schedule_order(const struct bays *h, struct bay **order);

/*
 * Fewer pulls are under way or planned below its root port than pulls-per-port; one more is allowed
 * for a camera that a person wants first.
 */
bool schedule_may_pull(const struct bays *h, const struct bay *b);

#endif
