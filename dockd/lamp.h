/*
 * lamp: one lamp of the LED class: /sys/class/leds/NAME/{brightness,multi_intensity}.
 *
 * Used by light only. Finds it by what the configuration calls it, and writes what it shall show.
 */
#ifndef DOCKD_LAMP_H
#define DOCKD_LAMP_H

#include "base/proto.h"

#include <stdbool.h>

#define LAMP_CHANNELS 8 /* colours that one lamp may have */

struct lamp {
	int brightness; /* descriptor, -1: not open */
	int intensity;  /* descriptor, -1: one colour */
	unsigned max;
	unsigned channels;
	unsigned shift[LAMP_CHANNELS]; /* of the channel's byte in 0xRRGGBB; 32: not mixed by us */
	bool lit, written;             /* what was written last, and whether anything was */
	uint32_t colour;               /* written last */
	char name[PROTO_NAME_LEN];     /* in the class folder */
};

/*
 * Finds the lamp that is called so (lamp_name.h) in the class folder and opens it, dark; that also
 * ends a trigger of the kernel's (Documentation/ABI/testing/sysfs-class-led: "Writing 0 to this file
 * clears active trigger"). 0; -ENODEV, -ENOENT: not there; -EACCES and others of open and write.
 */
int lamp_open(struct lamp *lamp, const char *folder, const char *called);
void lamp_close(struct lamp *lamp);

/* How many colours this lamp of the class folder has; 0 plain, or none such. */
unsigned lamp_channels(const char *folder, const char *name);

/* Writes what changed. -errno: it is closed then. Of one that is not open 0, and nothing. */
int lamp_show(struct lamp *lamp, bool lit, uint32_t colour);

#endif
