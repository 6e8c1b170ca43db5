/*
 * configuration: what a docked camera is told: to whom it is issued, and its profile's settings.
 *
 * Called by errand (plan, act) and docking (the answer). Each thing is told once a docking, before
 * the camera is unlocked or listed. A camera that refuses is named and goes on: nothing here stops
 * a docking. What was told is in the ledger; what was so already is not.
 */
#ifndef DOCKD_CONFIGURATION_H
#define DOCKD_CONFIGURATION_H

#include "bay.h"

#include "base/msg.h"

/* Whether there is something left to tell: b->telling, to be sent as CONFIGURE. */
bool configuration_plan(struct bay *b);

/* CONFIGURED came. NULL, or why the worker must be killed. */
const char *configuration_told(struct bay *b, const struct msg *m);

/* A person has assigned the camera of this identity anew: where it is docked, it is told again. */
void configuration_renew(struct bays *h, const char *camera);

#endif
