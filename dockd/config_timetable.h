/*
 * config_timetable: how much a destination may be sent and when, from `rate-kbit` and `timetable`.
 *
 * Called by config_destination. Rows become those of proto_destination.rate, in the order of the
 * file; one that goes over midnight becomes two. What they mean is timetable's to say.
 */
#ifndef DOCKD_CONFIG_TIMETABLE_H
#define DOCKD_CONFIG_TIMETABLE_H

#include "setting.h"

#include "base/proto_upload.h"

/* Reads both settings of the destination at node, where they are. */
void config_timetable_read(
    struct setting_errors *e, const struct config_setting_t *node, struct proto_destination *d);

#endif
