/*
 * policy: what the configuration asks of receipts, as it stands on record and in the index.
 *
 * Called by core at start and at a reload. The record is the one that a court reads: whatever
 * decides about erasing, about where something goes and whose word counts belongs into it.
 */
#ifndef DOCKD_POLICY_H
#define DOCKD_POLICY_H

#include "config.h"
#include "journal.h"

/* Tells the index which destinations an asset must reach. */
void policy_route(struct journal *j, const struct config *c);

/* Writes `policy`; `was` (NULL: none): only where it says something else than that one would. */
void policy_tell(struct journal *j, const struct config *c, const struct config *was);

#endif
