/*
 * manifest: a signed list of digests, and what it says of one file.
 *
 * Called by signature and the fuzzer. Its form is in dockd-signature(5).
 */
#ifndef DOCKD_VERIFY_MANIFEST_H
#define DOCKD_VERIFY_MANIFEST_H

#include "signature.h"

/* 0, or -EBADMSG: an enrolled key cannot be used for lists, *why. */
int manifest_judge(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why);

#endif
