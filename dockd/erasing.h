/*
 * erasing: what of a docked camera's files may be erased from it, and why the rest may not.
 *
 * Called by errand, which sends what was planned once the intent is committed; asked by control. It
 * gathers what the gate decides from, and has the ledger vouch for the asset before the intent.
 */
#ifndef DOCKD_ERASING_H
#define DOCKD_ERASING_H

#include "bay.h"

/*
 * The next asset that the gate lets go: writes its erase-intent, PLAN_ERASE; or one that must be
 * compared first: PLAN_COMPARE. false: none in this turn; all were asked unless b->erase_scan.
 */
bool erasing_plan(struct bay *b);

/*
 * Why this asset is not erased from its camera: the gate's code and sentence ("receipt-level: ...").
 * "" when it is erased. Where its camera is not docked, what can be said without it.
 */
const char *erasing_text(const struct bays *h, const struct asset *a);

#endif
