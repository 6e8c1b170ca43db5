/*
 * proto_camera: what a camera worker says of its camera, what is set on it, and why it gives up.
 *
 * One camera a worker. How it begins is in proto_attach.h, files in proto_object.h, an unknown
 * device in proto_probe.h. What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_CAMERA_H
#define DOCKD_PROTO_CAMERA_H

#include "proto.h"

#define CAMERA_PARTIAL64 (1u << 0) /* GetPartialObject64 */
#define CAMERA_PARTIAL (1u << 1)   /* GetPartialObject, below 4 GiB */
#define CAMERA_ERASES (1u << 2)    /* DeleteObject */
#define CAMERA_CLOCK (1u << 3)     /* clock_s is valid */
#define CAMERA_CLOCK_SET (1u << 4) /* the clock can be set */
#define CAMERA_BATTERY (1u << 5)   /* battery_percent is valid */
#define CAMERA_LOCKED (1u << 6)    /* files can be read only after UNLOCK */
#define CAMERA_OWNER_SET (1u << 7) /* officer and unit can be written (CONFIGURE_OWNER) */
#define CAMERA_SETTINGS (1u << 8)  /* settings can be written (CONFIGURE_SETTING) */
#define CAMERA_READ_ONLY (1u << 9) /* its card is locked: a person moved the switch */

struct proto_camera {
	uint32_t features;
	uint32_t battery_percent; /* 0..100 */
	int64_t clock_s;          /* the camera's own clock face read as UTC, or PROTO_NO_TIME */
	int64_t read_at_ms;       /* CLOCK_REALTIME of the station when clock_s was read */
	uint64_t capacity_bytes;  /* of all storages; 0 where not told */
	uint64_t free_bytes;
	uint32_t storages;
	uint32_t recoveries;  /* stale sessions and stalls mended so far by this worker */
	uint32_t unlock;      /* enum unlock: the language that answered; 0 none */
	uint32_t block_bytes; /* msc: of the first unit; else 0 */
	char officer[PROTO_ID_TEXT_LEN]; /* ids only; "" not told */
	char unit[PROTO_ID_TEXT_LEN];
	char serial[PROTO_TEXT_LEN]; /* the protocol's own serial (MTP DeviceInfo, the vendor's id
					code), "" if none */
	char manufacturer[PROTO_TEXT_LEN];
	char model[PROTO_TEXT_LEN];
	char firmware[PROTO_TEXT_LEN];
};
_Static_assert(sizeof(struct proto_camera) == 648, "crank PROTO_VERSION");

struct proto_set_clock {
	int64_t clock_s; /* what the camera's clock face shall show, as UTC seconds */
};
_Static_assert(sizeof(struct proto_set_clock) == 8, "crank PROTO_VERSION");

enum configure { CONFIGURE_OWNER = 1, CONFIGURE_SETTING };

struct proto_configure {
	uint32_t what; /* enum configure */
	uint32_t code; /* PTP device property; 0: the vendor's own place for the owner */
	char officer[PROTO_ID_TEXT_LEN]; /* CONFIGURE_OWNER; "" leaves it as it is */
	char unit[PROTO_ID_TEXT_LEN];
	char value
	    [PROTO_NAME_LEN]; /* CONFIGURE_SETTING: number or text, as the property's type is */
};
_Static_assert(sizeof(struct proto_configure) == 152, "crank PROTO_VERSION");

/* Why a worker gives up (MSG_FAULT, MSG_NOT_MINE). */
enum fault {
	FAULT_PROTOCOL = 1, /* the camera breaks its protocol beyond mending */
	FAULT_SILENT,       /* no answer, also after reset */
	FAULT_GONE,         /* unplugged */
	FAULT_DESCRIPTORS,  /* no usable interface in its descriptors */
	FAULT_SANDBOX,      /* the kernel lacks what the sandbox needs */
	FAULT_BUSY,         /* another program holds the interface */
	FAULT_CORE,         /* the core's message was wrong */
	FAULT_MEMORY,       /* no USB memory (usbfs_memory_mb) even at depth 1 */
	FAULT_MEDIUM,       /* no card, or nothing on it that can be read as a file system */
};

#endif
