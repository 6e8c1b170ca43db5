/*
 * ctl_export: assets and ledger copied out. Used by ctl.
 */
#ifndef DOCKD_CTL_EXPORT_H
#define DOCKD_CTL_EXPORT_H

#include "base/proto.h"

struct json_t;

struct export_wish {
	const char *folder;
	bool ledger_only;
	bool quiet; /* no line a file */
	char reason[PROTO_TEXT_LEN * 2];
};

/*
 * Copies assets and ledger out by the descriptors that the daemon hands over. An enum ctl_exit;
 * what went wrong is on standard error, and *summary (a new reference) says what was done.
 */
int export_run(int sock, const struct export_wish *wish, struct json_t **summary);

#endif
