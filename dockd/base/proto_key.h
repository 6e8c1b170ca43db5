/*
 * proto_key: public keys of cameras, rows of the answer to ASK_KEYS (proto_ctl.h).
 *
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_KEY_H
#define DOCKD_PROTO_KEY_H

#include "proto.h"

struct proto_ctl_key {
	uint32_t scheme; /* enum signing_scheme */
	uint32_t revoked;
	uint32_t uid;
	uint32_t pad;
	int64_t enrolled_s, revoked_s; /* 0 not */
	char camera[PROTO_TEXT_LEN + 4];
	char fingerprint[PROTO_ID_LEN]; /* hex of SHA-256 over SubjectPublicKeyInfo */
};
_Static_assert(sizeof(struct proto_ctl_key) == 232, "crank PROTO_VERSION");

#endif
