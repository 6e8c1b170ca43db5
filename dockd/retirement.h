/*
 * retirement: takes the station's copy away once it is needed no more, and never before.
 *
 * Called each turn by core. A copy goes when the gate's receipts have been confirmed by a later
 * answer of the destinations that the policy asks (gate.h, retire_ask). The record is committed
 * before the file is removed; what a crash left between the two is found at the next start.
 */
#ifndef DOCKD_RETIREMENT_H
#define DOCKD_RETIREMENT_H

#include "config.h"
#include "journal.h"
#include "staging.h"

struct retirement;

struct retirement *retirement_new(struct journal *j, struct staging *s);
void retirement_free(struct retirement *r);
void retirement_configure(struct retirement *r, const struct config *c);

/* What was asked about and kept is asked about anew. */
void retirement_again(struct retirement *r);
/*
 * may: nothing has stopped intake and erasing. refused: the configuration on disk is; then only where
 * space is needed, and by the strongest proof. Writes `retired`.
 */
void retirement_plan(struct retirement *r, bool may, bool refused);
/* After the commit: removes the files, and those that an earlier run left. */
void retirement_act(struct retirement *r);

#endif
