/*
 * node: opens a camera's device node and gives away what its worker must not have.
 *
 * Called by dockd-hotplug, when the core asks. It never speaks to the device: the descriptor leaves
 * with its kernel drivers detached and its privileges dropped.
 */
#ifndef DOCKD_NODE_H
#define DOCKD_NODE_H

#include "../../dockd/base/proto_hotplug.h"

/*
 * Opens the node of the device that facts describe, after asking sysfs (below root) that it is that
 * device still, and asking again once it is open. Only interfaces of classes that cameras use may
 * be claimed with it (still image, mass storage, vendor's own). Returns the descriptor (O_CLOEXEC)
 * or -errno: -ENODEV it left, -EACCES not (yet) ours to open, -EBUSY another program holds it,
 * -EPERM nothing on it looks like a camera; *why is then a fixed text.
 */
int node_open(const char *root, const struct proto_arrived *facts, const char **why);

#endif
