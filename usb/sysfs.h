/*
 * sysfs: what the kernel says about the USB devices on this station, read from files.
 *
 * Called by dockd-hotplug. It opens nothing but attributes below the given root, so no device is
 * spoken to. Texts are the device's own words: data, hostile.
 */
#ifndef DOCKD_SYSFS_H
#define DOCKD_SYSFS_H

#include "../dockd/base/proto_hotplug.h"

#define SYSFS_CLASS_HUB 0x09 /* USB 2.0, 11.23.1 */

/*
 * The ports that have a device, as names ("1-2.3"); root hubs are not ports. Returns how many, at
 * most max (*more is set when there were more), or -errno: the folder cannot be read.
 */
int sysfs_list(const char *root, char (*ports)[PROTO_PORT_LEN], size_t max, bool *more);

/*
 * The facts of the device on a port, generation 0, unused bytes zero: two readings of the same
 * facts compare equal byte for byte. root is "/sys", or a test's folder. 0, -ENOENT (it left),
 * -EINVAL (not a port's name, or numbers that no USB device has).
 */
int sysfs_read(const char *root, const char *port, struct proto_arrived *facts);

/* Whether name is a port's: digits, '-', digits, then any number of '.' and digits. */
bool sysfs_is_port(const char *name);

#endif
