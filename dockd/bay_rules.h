/*
 * bay_rules: udev rules by which only cameras get anywhere in the configured bays. Printed by dockd
 * --udev-rules, for a person to put into place; nothing here changes the station.
 */
#ifndef DOCKD_BAY_RULES_H
#define DOCKD_BAY_RULES_H

#include "config.h"

#include <stdio.h>

#define BAY_PORTS (2 * CONFIG_BAYS)

/*
 * The rules for the bays of c, and for the ports that sys ("/sys") shows to be the same sockets at
 * another speed (peers). 0, or -EINVAL: no bays are configured, or -EIO.
 */
int bay_rules_write(FILE *out, const struct config *c, const char *sys);

#endif
