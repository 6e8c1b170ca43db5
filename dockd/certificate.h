/*
 * certificate: how long the certificates of a destination's connections are still valid; pure.
 *
 * Used by uplink with what an uploader tells: numbers, believed for showing and warning only.
 */
#ifndef DOCKD_CERTIFICATE_H
#define DOCKD_CERTIFICATE_H

#include "base/proto_upload.h"

#define CERTIFICATES (CERTIFICATE_SERVER + 1)

struct certificate {
	bool known;
	int64_t not_before_s, not_after_s;
	unsigned told; /* stage, in the log */
};

/* NULL, or why such a message is none: which one, and times that a certificate may name. */
const char *certificate_form(const struct proto_certificate *c);

/* 0: more than 60 days are left, 1: 60 at most, 2: 30, 3: 7, 4: it is over. */
unsigned certificate_stage(int64_t not_after_s, int64_t now_s);

/*
 * Whether this stage is news, to be told; *told is the last one. One that is less comes of a renewal, or of a
 * clock that was ahead for a while: what follows is told again.
 */
bool certificate_is_news(unsigned *told, unsigned stage);

/* "client", "ca", "server" */
const char *certificate_word(unsigned which);
/* "the client certificate": for sentences. */
const char *certificate_noun(unsigned which);

#endif
