/*
 * sysfs: what the kernel says about the USB devices on this station, read from files.
 *
 * Called by dockd-hotplug. It opens nothing but attributes below the given root, so no device is
 * spoken to. Texts are the device's own words: data, hostile.
 */
#ifndef DOCKD_SYSFS_H
#define DOCKD_SYSFS_H

#include "../../dockd/base/proto_hotplug.h"

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

/*
 * Endpoints that a device keeps its controller busy with: endpoint 0 and those of each interface of
 * its configuration, in the setting that is in use; 1 where it is not configured.
 */
unsigned sysfs_endpoints(const char *root, const char *port);

/*
 * The controller behind a bus (1..31), by where the bus's root hub lies: name, this one bus, and
 * endpoints_max where the chip is known for a limit; the rest zero. 0, or -ENOENT: no such bus.
 */
int sysfs_controller(const char *root, unsigned bus, struct proto_controller *out);

/*
 * Over-current counts of a hub's ports, with a device or without; hub is a port's name ("1-2"), or
 * "usb1" for the root hub. How many, at most max; 0 where the kernel does not count (before 5.0).
 */
size_t sysfs_over_current(
    const char *root, const char *hub, struct proto_over_current *out, size_t max);

#endif
