/*
 * draft: a profile for a device that was probed, as text for dockd-camera(5).
 *
 * Pure; called by ctl_probe. What a probe cannot know (how it signs, whether it keeps logs, whether
 * it may be erased) is a comment that says so: unset refuses. All that the device told is escaped.
 */
#ifndef DOCKD_DRAFT_H
#define DOCKD_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

struct proto_ctl_probe;

/* Its length without the NUL; -ENOTSUP: nothing can read the device; -ENOSPC (16 KiB do). */
int draft_write(const struct proto_ctl_probe *p, char *out, size_t room);

/* Whether a serial number is worth believing: not empty, and none of those that chips come with. */
bool draft_serial_is_real(const char *serial);

#endif
