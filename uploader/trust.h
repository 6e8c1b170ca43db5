/*
 * trust: whom a destination's connections may go to and as whom, as options on an easy handle.
 *
 * Owns TLS versions, CA file, client certificate, pinned keys by date, proxy and its password.
 * Called by http.c for each request, so that what was renewed on disk or has come into force counts
 * at once. It makes no connection itself.
 */
#ifndef DOCKD_TRUST_H
#define DOCKD_TRUST_H

#include "secret.h"

#include "../dockd/base/proto.h"

#include <curl/curl.h>

struct trust {
	struct secret proxy; /* "USER:PASSWORD" */
	char why[256];       /* what is wrong with the files, for people */
};

/*
 * Sets all that the configuration says. now_s: CLOCK_REALTIME, for the pins in force. CURLE_OK; a
 * file that cannot be read: its error, and t->why says which and what to do. No pin in force where
 * pins are configured: refused, never unpinned.
 */
CURLcode trust_apply(struct trust *t, const struct proto_destination *c, int64_t now_s, CURL *easy);

/*
 * "sha256//BASE64;sha256//..." of the pins in force. Count, or -ENOSPC; 0 with pins configured: none
 * is in force.
 */
int trust_pins(const struct proto_destination *c, int64_t now_s, char *out, size_t size);

/*
 * A word for how a connection failed: "tls-name", "tls-expired", "tls-untrusted", "tls-pin",
 * "tls-client", "tls-version", "tls", "proxy", "dns", "refused", "unreachable"; "" where it was
 * none of these. verify: CURLINFO_SSL_VERIFYRESULT; oserr: CURLINFO_OS_ERRNO.
 */
const char *trust_word(CURLcode code, long verify, long oserr);

#endif
