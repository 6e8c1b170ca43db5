/*
 * controllers: the USB host controllers of the station, how much they bear and how much they can.
 *
 * Kept by bays from what hotplug tells; asked by health, control_status and control_root. Every
 * device costs a slot, every pipe to it an endpoint: a controller that has none left does not
 * configure the next camera, and no camera is at fault. In memory only: hotplug tells it anew.
 */
#ifndef DOCKD_CONTROLLERS_H
#define DOCKD_CONTROLLERS_H

#include "base/proto_hotplug.h"

#define CONTROLLERS_MAX 16

enum resources {
	RESOURCES_WELL = 0,
	RESOURCES_NEAR, /* nine tenths of its slots or endpoints are taken */
	RESOURCES_OUT,  /* a device is there that it has not configured */
};

struct controllers {
	struct proto_controller row[CONTROLLERS_MAX];
	enum resources told[CONTROLLERS_MAX]; /* in the log */
	size_t n;
	uint32_t slots_max, endpoints_max; /* settings, of each controller; 0: as hotplug knows */
};

void controllers_configure(struct controllers *c, uint32_t slots_max, uint32_t endpoints_max);
/* One controller told by hotplug; one without buses is no more. */
void controllers_take(struct controllers *c, const struct proto_controller *row);
void controllers_forget(struct controllers *c);

enum resources controllers_judge(const struct proto_controller *row);
/* The controller of this bus, or NULL: none was told of. */
const struct proto_controller *controllers_of(const struct controllers *c, unsigned bus);
/* What a person must know of this one, "" nothing. */
void controllers_text(const struct proto_controller *row, char *out, size_t room);

#endif
