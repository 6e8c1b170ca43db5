/*
 * config_pins: the public keys that a destination's server may have, from `pins`.
 *
 * Called by config_destination. Which of them is in force at a moment is the uploader's to see
 * (trust): here only what is written is checked, so that a mistyped one is found at start.
 */
#ifndef DOCKD_CONFIG_PINS_H
#define DOCKD_CONFIG_PINS_H

#include "setting.h"

#include "base/proto_upload.h"

/* Reads `pins` of the destination at node, where there is such a setting. */
void config_pins_read(
    struct setting_errors *e, const struct config_setting_t *node, struct proto_destination *d);

#endif
