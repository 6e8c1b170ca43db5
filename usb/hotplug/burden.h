/*
 * burden: what is plugged in below each host controller, what went over its current, and what of
 * both the core still has to be told.
 *
 * Called by dockd-hotplug in each scan: begin, see everything, end, then next/told until there is
 * none. Pure: no file, no clock of its own. What could not be sent stays owed.
 */
#ifndef DOCKD_BURDEN_H
#define DOCKD_BURDEN_H

#include "../../dockd/base/proto_hotplug.h"

#define BURDEN_CONTROLLERS 16
#define BURDEN_PORTS 512
#define BURDEN_SETTLE_MS 3000 /* before "not configured" is counted: enumeration takes a while */

struct burden;

struct burden_event {
	unsigned type; /* MSG_CONTROLLER or MSG_OVER_CURRENT */
	struct proto_controller controller;
	struct proto_over_current current;
};

struct burden *burden_new(void);
void burden_free(struct burden *b);

void burden_begin(struct burden *b);
/* A controller's bus: name, buses, endpoints_max of `c` count; several buses may be of one. */
void burden_bus(struct burden *b, const struct proto_controller *c);
/* A device (a hub too) on this bus, behind burden_bus of it. */
void burden_device(struct burden *b, unsigned bus, unsigned endpoints, bool configured);
void burden_port(struct burden *b, const struct proto_over_current *now);
/*
 * The scan is complete. at_once: the scan at start; else a controller's counts are told once two
 * scans agree on them, and devices without a configuration once they have been so for a while.
 */
void burden_end(struct burden *b, bool at_once, uint64_t now_ms);

/* The next message owed; false: none. A controller that is no more is told with nothing in it. */
bool burden_next(struct burden *b, struct burden_event *event);
void burden_told(struct burden *b, const struct burden_event *event);

/* Whether something is still settling, so that another scan soon is wanted. */
bool burden_unsettled(const struct burden *b);

#endif
