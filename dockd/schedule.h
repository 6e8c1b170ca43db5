/*
 * schedule: whose turn it is to be pulled. Pure: facts of the bays in, an order out. Called by
 * turn each turn.
 *
 * Cameras below one root port share its bandwidth, so few are pulled at once: one that is done early
 * frees an officer's camera early.
 */
#ifndef DOCKD_SCHEDULE_H
#define DOCKD_SCHEDULE_H

#include "bays.h"

/*
 * All h->n bays into order: those that a person wants first; those with logs or sidecars left,
 * those with flagged files left, then those with least left; behind all of them cameras that keep
 * failing. It is asked for anew at each object: a pull that is under way is never broken off, so
 * logs of a camera that has just come wait for one object below its root port at most.
 */
void schedule_order(const struct bays *h, struct bay **order);

/* Length of the root port's name in a port's: "1-2" of "1-2.3.1". */
size_t schedule_root_len(const char *port);

/*
 * Fewer pulls are under way or planned below its root port than pulls-per-port; one more is
 * allowed for a camera that a person wants first. A pull that is silent holds no place: it uses
 * nothing.
 */
bool schedule_may_pull(const struct bays *h, const struct bay *b);

#endif
