/*
 * ctl_bundle: getting hold of a proof bundle (dockd-bundle(5)), and what verify-bundle prints.
 *
 * Used by dockctl verify-bundle and statement. What a bundle says counts only after bundle_check
 * found it good.
 */
#ifndef DOCKD_CTL_BUNDLE_H
#define DOCKD_CTL_BUNDLE_H

#include "bundle_check.h"

struct ctl;

/*
 * What the command line names (a bundle's file, or an asset of the daemon's), checked with the keys
 * that it gives. An enum ctl_exit; what went wrong before the check is on standard error.
 */
int bundle_take(struct ctl *c, const char *which, bool may_ask, struct bundle_view *out);

#endif
