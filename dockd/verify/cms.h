/*
 * cms: detached CMS signatures (RFC 5652), DER or PEM, against a digest that was taken already.
 *
 * Called by signature. Form, digest, signature, chain, name and revocation are each tested by
 * themselves, in this order; the first that fails is the result.
 */
#ifndef DOCKD_VERIFY_CMS_H
#define DOCKD_VERIFY_CMS_H

#include "signature.h"

#include "../base/proto_verify.h"

/* 0, or -EBADMSG: anchors, revocation lists or facts are not as agreed, *why. */
int cms_judge(const struct signing_facts *f, const struct signing_time *when, const char *bytes,
    size_t len, const struct trust *trust, struct proto_judged *out, const char **why);

#endif
