/*
 * config_destination: the destinations of dockd.conf, by a table of their settings.
 *
 * Called by config. Which setting belongs to which driver, what is allowed, and what goes together
 * is decided here and nowhere else: an uploader is told only what can work. Files that are named
 * here are the uploader's to read; the core never opens one.
 */
#ifndef DOCKD_CONFIG_DESTINATION_H
#define DOCKD_CONFIG_DESTINATION_H

#include "config.h"
#include "setting.h"

/* Reads `destinations` of root into c, where there is such a setting. */
void config_destinations_read(struct setting_errors *e, const struct config_setting_t *root,
    bool allow_http, struct config *c);

/* What there is without that setting: one folder on this station. */
void config_destinations_default(struct config *c);

#endif
