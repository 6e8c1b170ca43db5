/*
 * proto_known: cameras that come here, rows of the answer to ASK_CAMERAS (proto_ctl.h).
 *
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_KNOWN_H
#define DOCKD_PROTO_KNOWN_H

#include "proto.h"

#define CAMERAS_OVERDUE (1u << 0) /* only those not docked for too long */

struct proto_ctl_known {
	uint64_t docking; /* the last one */
	uint64_t dockings, files, findings;
	int64_t last_s; /* when it was here last */
	uint32_t docked, forgotten, overdue;
	uint32_t pad;
	char camera[PROTO_TEXT_LEN + 4];
	char profile[PROTO_NAME_LEN];
	char officer[PROTO_ID_TEXT_LEN];
	char unit[PROTO_ID_TEXT_LEN];
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_known) == 336, "crank PROTO_VERSION");

#endif
