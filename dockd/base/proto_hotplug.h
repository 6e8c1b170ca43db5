/*
 * proto_hotplug: what dockd-hotplug and the core say to each other.
 *
 * Facts of devices from sysfs, and device nodes. What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_HOTPLUG_H
#define DOCKD_PROTO_HOTPLUG_H

#include "proto.h"

#define PROTO_INTERFACES 8

enum presence {
	PRESENCE_READY = 1,      /* configured: it can be opened */
	PRESENCE_NOT_AUTHORISED, /* sysfs authorized = 0 */
	PRESENCE_NOT_CONFIGURED, /* no bConfigurationValue: out of host resources, or power */
};

/* Whether the kernel may suspend it: power/control (Documentation/ABI/testing/sysfs-devices-power). */
enum power {
	POWER_AWAKE = 0, /* "on"; or the kernel does not say */
	POWER_MAY_SLEEP, /* "auto" */
};

struct proto_interface {
	uint8_t number;
	uint8_t class;
	uint8_t subclass;
	uint8_t protocol;
	char name[28]; /* the interface string, "MTP" for instance; cut to fit */
};
_Static_assert(sizeof(struct proto_interface) == 32, "crank PROTO_VERSION");

/* Facts read from sysfs; nothing is opened for them. Told again when one of them changes. */
struct proto_arrived {
	char port[PROTO_PORT_LEN];
	uint32_t generation;               /* of this arrival: another one at each plug-in */
	uint32_t presence;                 /* enum presence */
	uint16_t bus, device;              /* usbfs numbers */
	uint16_t vendor, product, release; /* idVendor, idProduct, bcdDevice */
	uint8_t class, subclass, protocol, interfaces;
	uint16_t speed_mbps;  /* 12, 480, 5000 ... */
	uint16_t usb_version; /* bcdUSB: 0x0200, 0x0320; 0 not known */
	uint16_t power;       /* enum power */
	struct proto_interface interface[PROTO_INTERFACES];
	char serial[PROTO_TEXT_LEN]; /* iSerial; "" where there is none */
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_arrived) == 732, "crank PROTO_VERSION");

struct proto_port {
	char port[PROTO_PORT_LEN];
	uint32_t generation;
};
_Static_assert(sizeof(struct proto_port) == 68, "crank PROTO_VERSION");

struct proto_opened {
	char port[PROTO_PORT_LEN];
	uint32_t generation;
	int32_t status; /* 0, -EACCES, -ENODEV (it left, or is another device now), -EBUSY ... */
	char text[PROTO_TEXT_LEN]; /* what failed, and who holds it where that can be told */
};
_Static_assert(sizeof(struct proto_opened) == 200, "crank PROTO_VERSION");

/*
 * One USB host controller: what is plugged in below it and what it can bear. Slots: one for each
 * device, hubs too. Endpoints: endpoint 0 and those of the configuration, of each device.
 */
struct proto_controller {
	char name[PROTO_NAME_LEN]; /* its device in sysfs: "0000:00:14.0", "dummy_hcd.0" */
	uint32_t buses;            /* bit n: bus n is one of its (1..31) */
	uint32_t slots, slots_max; /* max 0: not known */
	uint32_t endpoints, endpoints_max;
	uint32_t unconfigured; /* devices present that it has not configured */
};
_Static_assert(sizeof(struct proto_controller) == 88, "crank PROTO_VERSION");

struct proto_over_current {
	char port[PROTO_PORT_LEN]; /* the port, whether a device is in it or not */
	uint32_t count;            /* since its hub was found */
};
_Static_assert(sizeof(struct proto_over_current) == 68, "crank PROTO_VERSION");

#endif
