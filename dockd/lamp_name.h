/*
 * lamp_name: which lamp of the LED class a name of the configuration means.
 *
 * Used by config, which asks whether it is a name, and by light, each time it opens a lamp. A lamp at USB
 * (a keyboard's) gets another name in the class whenever it is plugged in ("input7::capslock"), so it is
 * named by its port instead: "1-3/capslock". Only names and links of the class folder are read.
 */
#ifndef DOCKD_LAMP_NAME_H
#define DOCKD_LAMP_NAME_H

#include "base/proto.h"

#include <stdbool.h>
#include <stddef.h>

/* "bay1:green:status" as in /sys/class/leds, or "PORT/FUNCTION" with a USB port as sysfs names it. */
bool lamp_name_good(const char *text);

/*
 * The name in the class folder leds_dir, into out. A plain name is itself, there or not. "PORT/FUNCTION" is the
 * lamp of the device at exactly that port whose name ends in ":FUNCTION" (of several the first by name).
 * -ENODEV: none at present; -ENAMETOOLONG: out has no room for it.
 */
int lamp_name_find(const char *leds_dir, const char *name, char *out, size_t room);

/* The other way: how the configuration may call this lamp of the class folder, for good. */
void lamp_name_of(const char *leds_dir, const char *lamp, char *out, size_t room);

/* All lamps of the class folder, sorted; those with names too long for us are left out. How many. */
size_t lamp_name_list(const char *leds_dir, char (*out)[PROTO_NAME_LEN], size_t room);

#endif
