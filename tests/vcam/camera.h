/*
 * camera: everything that a simulated camera is, apart from the session that a host has with it.
 *
 * Filled from the scenario (scenario.c); read by all parts of vcam; changed by the control socket
 * and by what the host does. It outlives dockings, like a camera in an officer's hand.
 */
#ifndef VCAM_CAMERA_H
#define VCAM_CAMERA_H

#include "contents.h"
#include "disk.h"
#include "faults.h"
#include "locked.h"

enum operation_group {
	HAS_PARTIAL64 = 1u << 0,
	HAS_PARTIAL = 1u << 1,
	HAS_PROPLIST = 1u << 2,
	HAS_PROPVALUE = 1u << 3,
	HAS_DELETE = 1u << 4,
	HAS_BATTERY = 1u << 5,
	HAS_CLOCK = 1u << 6,
	HAS_SETTINGS = 1u << 7,
};

struct identity {
	uint16_t vendor, product, release;
	uint8_t class, subclass, protocol; /* of the interface; the device says 0 */
	uint16_t packet;                   /* wMaxPacketSize of the bulk endpoints */
	uint16_t speed_mbps;
	char serial[128], manufacturer[128], model[128], interface[64];
	char ptp_serial[128], ptp_manufacturer[128], ptp_model[128], ptp_version[64];
	char extension[256]; /* vendor extension description */
};

struct camera {
	struct identity id;
	struct contents contents;
	struct faults faults;
	uint32_t operations; /* enum operation_group */
	bool clock_known;
	int64_t clock_offset_s; /* the camera's clock minus UTC */
	uint32_t clocks_set;
	uint8_t battery;
	char name[64]; /* device friendly name, 0xD402 */
	uint32_t settings_set;
	uint16_t mode; /* 0xD801, a number */
	bool events;
	uint64_t rate;         /* bytes a second of data phases, 0 = as fast as can be */
	struct disk *disk;     /* it is a disk; NULL: it speaks PTP */
	struct locked *locked; /* it is one only after its vendor's words; NULL: at once */
	uint32_t endless;      /* number of the folder that always has more, or 0 */
};

/* Reads a scenario file into *c. 0, or -EINVAL after a line on standard error. */
int scenario_load(struct camera *c, const char *path);

/* Adds one object from its JSON text ("add"). NULL: *why says what is wrong. */
struct object *scenario_add(struct camera *c, const char *json, const char **why);

/* Adds a fault and does at once what it does to the tree. NULL: *why says what is wrong. */
struct fault *camera_hurt(
    struct camera *c, const char *name, char *const *words, size_t n, const char **why);

/* The camera's clock now, seconds on its own face. Only where clock_known. */
int64_t camera_clock(const struct camera *c);

/* The serials as they are told now (faults count): "" for none. */
const char *camera_usb_serial(struct camera *c);
const char *camera_ptp_serial(struct camera *c);

#endif
