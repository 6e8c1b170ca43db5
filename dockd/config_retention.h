/* config_retention: the retention classes of dockd.conf. Called by config alone. */
#ifndef DOCKD_CONFIG_RETENTION_H
#define DOCKD_CONFIG_RETENTION_H

#include "config.h"
#include "setting.h"

/* Reads `retention` of the root group into c; without it the default classes stay. */
void config_retention_read(
    struct setting_errors *e, const struct config_setting_t *root, struct config *c);

#endif
