/*
 * probe: what a plugged device is, for a person who has no profile for it yet.
 *
 * Called by camera_main in place of a driver where ATTACH says so. Owns the order in which drivers
 * and languages are tried, and the counts of what a bounded listing shows. It changes nothing on the
 * camera: no UNLOCK, no FETCH, no ERASE, no clock.
 */
#ifndef DOCKD_PROBE_H
#define DOCKD_PROBE_H

#include "camera.h"

struct proto_attach;
struct proto_object;
struct proto_probed;

#define PROBE_OBJECTS 20000 /* listed at most */

/*
 * Tries PTP where an interface says so; then a disk; then, where an interface is a vendor's own, the
 * vendors' languages: block, request, text. A disk that names itself DV16, or has no medium yet, is
 * asked in that. *out says what answered, or in text why nothing did. 0; -EIO: it has gone (*why).
 */
int probe_run(struct transport *t, const struct proto_attach *attach, struct proto_probed *out,
    struct proto_reason *why);

/* For camera_tell_object while a probe runs: one object of the listing. */
void probe_object(const struct proto_object *o);

#endif
