/*
 * proto_probe: what an unknown device is: said by its worker, and the row for dockctl.
 *
 * PROBED is a camera worker's answer to an ATTACH that probes, PROBE the row of ASK_PROBE's.
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_PROBE_H
#define DOCKD_PROTO_PROBE_H

#include "proto_camera.h"
#include "proto_hotplug.h"

#define PROTO_SUFFIXES 12

/* Files that end alike, as the probe saw them. */
struct proto_suffix {
	char suffix[12]; /* ".mp4", lower case; "" ends the list */
	uint32_t files;
	uint64_t bytes;
	char folder[64]; /* the folder that holds most of them */
};
_Static_assert(sizeof(struct proto_suffix) == 88, "crank PROTO_VERSION");

struct proto_probed {
	uint32_t driver;  /* enum camera_driver that can read it; 0 none */
	uint32_t luns;    /* msc: logical units that hold a medium */
	uint32_t objects; /* listed; 0 where it is locked */
	uint32_t truncated;
	struct proto_camera camera; /* as CAMERA; camera.unlock: the language that it speaks */
	struct proto_suffix suffix[PROTO_SUFFIXES]; /* most files first */
	char medium[PROTO_TEXT_LEN]; /* "exFAT on GPT, 512-byte blocks; FAT32 bare" or "" */
	char text[PROTO_TEXT_LEN];   /* why it cannot be read, what is odd; "" */
};
_Static_assert(sizeof(struct proto_probed) == 1976, "crank PROTO_VERSION");

struct proto_ctl_probe {
	struct proto_arrived device;
	struct proto_probed probed;
	char profile[PROTO_NAME_LEN]; /* that matches it now; "" none */
};
_Static_assert(sizeof(struct proto_ctl_probe) == 2776, "crank PROTO_VERSION");

#endif
