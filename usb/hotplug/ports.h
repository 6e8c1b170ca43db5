/*
 * ports: which device is on which port, and what of it the core still has to be told.
 *
 * Called by dockd-hotplug: begin, see each device, end, then next/told until there is none. Pure:
 * no file, no clock of its own. It never drops an event: what could not be sent stays owed.
 */
#ifndef DOCKD_PORTS_H
#define DOCKD_PORTS_H

#include "../../dockd/base/proto_hotplug.h"

#define PORTS_MAX 256
#define PORTS_SOON_MS 100    /* scan again this soon after something new */
#define PORTS_SETTLE_MS 1000 /* before "not configured" is believed of a new device */

struct ports;

struct ports_event {
	unsigned type;                /* MSG_ARRIVED or MSG_LEFT */
	struct proto_arrived arrived; /* LEFT: port and generation of it */
};

struct ports *ports_new(void);
void ports_free(struct ports *p);

/* A scan begins: nothing has been seen yet. */
void ports_begin(struct ports *p);

/* The scan found this device. 0, or -ENOSPC: more than PORTS_MAX, this one is left out. */
int ports_see(struct ports *p, const struct proto_arrived *facts, uint64_t now_ms);

/*
 * The scan is complete: what was not seen has left. A new device is told once two scans agree on it
 * (its interfaces appear one by one), or at once where at_once is set (the scan at start).
 */
void ports_end(struct ports *p, bool at_once, uint64_t now_ms);

/* The next event owed, departures before arrivals; false: none. It stays owed until ports_told. */
bool ports_next(struct ports *p, struct ports_event *event);
void ports_told(struct ports *p, const struct ports_event *event);

/* Whether something is still settling, so that a scan in PORTS_SOON_MS is wanted. */
bool ports_unsettled(const struct ports *p);

/* What was told of this arrival, or NULL: it has left, or was never told. */
const struct proto_arrived *ports_find(
    const struct ports *p, const char *port, uint32_t generation);

#endif
