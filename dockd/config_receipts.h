/*
 * config_receipts: the settings of a destination about signed receipts.
 *
 * Called by config for each destination. The keys are parsed here once, so that a mistyped one is
 * found at start and not at the first receipt; they are kept as text, for dockd-verify.
 */
#ifndef DOCKD_CONFIG_RECEIPTS_H
#define DOCKD_CONFIG_RECEIPTS_H

#include "config.h"
#include "setting.h"

/* receipt-path: appended to an upload's URL. */
bool config_receipt_path_good(const char *text);
#define CONFIG_RECEIPT_PATH_ALLOWED "\"/receipt\" or the like: printable ASCII, no '?', no '#'"

/* Reads `receipt-keys` of the destination at node into d; checks that it and path go together. */
void config_receipts_read(
    struct setting_errors *e, const struct config_setting_t *node, struct config_destination *d);

#endif
