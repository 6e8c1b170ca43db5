/*
 * arrival: cameras that come and go, as dockd-hotplug tells it.
 *
 * Called by core with each of its messages. Matches profiles, begins, resumes and ends dockings,
 * takes the opened device and starts the worker, whose messages go to docking. It opens nothing.
 */
#ifndef DOCKD_ARRIVAL_H
#define DOCKD_ARRIVAL_H

#include "bays.h"

void arrival_hotplug_up(struct bays *b);
void arrival_message(struct bays *b, struct msg *m);
void arrival_hotplug_down(struct bays *b);
/* Devices that no profile knew: one of the new profiles may. */
void arrival_match_again(struct bays *b);

#endif
