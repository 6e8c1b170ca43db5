/*
 * errand: what the worker of a docked camera is told to do next.
 *
 * Called by turn and bays each turn. Order: clock, LIST, pulls, LIST again (sizes are final when
 * two listings settle_s apart agree), erasing of what the gate lets go, a last LIST; then a LOOK now
 * and then. plan writes the intent; act, after the journal's commit, sends it.
 */
#ifndef DOCKD_ERRAND_H
#define DOCKD_ERRAND_H

#include "bay.h"

/*
 * What comes before any pull: the clock, settings, unlocking, and an asset for each object of a new
 * listing. Of all bays before the first pull is planned: a log that is found in this turn goes
 * before another camera's clip. Refreshes b->sum. false: this turn has no errand_plan for it.
 */
bool errand_prepare(struct bay *b);
/*
 * After errand_prepare, in the same turn: what next? Writes intents and sets b->plan. may_pull: the
 * scheduler's leave.
 */
void errand_plan(struct bay *b, bool may_pull);
/* Does what was planned. */
void errand_act(struct bay *b);

#endif
