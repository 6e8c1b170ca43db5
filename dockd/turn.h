/*
 * turn: what each bay is to do in this turn of the event loop. Called by core, once a turn. Plans
 * alone: it sends nothing.
 *
 * All bays are prepared before the first pull is planned. On a busy station many events come in one
 * turn: a log that is found in it goes before the clip of another camera.
 */
#ifndef DOCKD_TURN_H
#define DOCKD_TURN_H

#include "bays.h"

/* Sets each bay's plan. Writes only to the journal; bays_act does it after the commit. */
void turn_plan(struct bays *h);

#endif
