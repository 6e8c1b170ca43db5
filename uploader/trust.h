/*
 * trust: whom a destination's connections may go to and as whom, as options on an easy handle.
 *
 * Owns TLS versions, CA file, client certificate, pinned keys by date, proxy and its password.
 * Called by http.c for each request, so that what was renewed on disk or has come into force counts
 * at once. It makes no connection itself.
 */
#ifndef DOCKD_TRUST_H
#define DOCKD_TRUST_H

#include "certificate.h"
#include "secret.h"

#include "../dockd/base/proto_upload.h"

#include <curl/curl.h>

struct trust {
	struct secret proxy;                /* "USER:PASSWORD" */
	struct secret ca, certificate, key; /* marks: libcurl reads them itself */
	char pins[PROTO_PINS * 64];         /* in force at the last request */
	/*
	 * One more each time that what proves either side has become another: a connection made
	 * under an earlier one is not used again.
	 */
	unsigned epoch;
	int64_t changed_s; /* when a file was last replaced by another one; 0 never */
	struct certificate dates[CERTIFICATE_SERVER + 1]; /* by enum certificate_which */
	char why[256]; /* what is wrong with the files, for people */
};

/*
 * Whether all that the configuration names can be used: 0 or -errno, and t->why says which and what
 * to do. For a driver's open.
 */
int trust_check(struct trust *t, const struct proto_destination *c);

/*
 * Sets all that the configuration says. now_s: CLOCK_REALTIME, for the pins in force. CURLE_OK; a
 * file that cannot be read: its error, and t->why says which and what to do. No pin in force where
 * pins are configured: refused, never unpinned.
 */
CURLcode trust_apply(struct trust *t, const struct proto_destination *c, int64_t now_s, CURL *easy);

/*
 * "sha256//BASE64;sha256//..." of the pins in force. Count, or -ENOSPC; 0 with pins configured:
 * none is in force.
 */
int trust_pins(const struct proto_destination *c, int64_t now_s, char *out, size_t size);

/* How a request has ended, as libcurl tells it. */
struct trust_end {
	CURLcode code;
	long verify;     /* CURLINFO_SSL_VERIFYRESULT */
	long oserr;      /* CURLINFO_OS_ERRNO */
	long tunnel;     /* CURLINFO_HTTP_CONNECTCODE: the proxy's answer to CONNECT; 0 none */
	bool proxied;    /* a proxy is configured */
	const char *why; /* CURLOPT_ERRORBUFFER */
};

/*
 * A word for how a connection failed: "tls-name", "tls-expired", "tls-untrusted", "tls-pin",
 * "tls-client", "tls-key", "tls-version", "tls-files", "tls", "proxy", "proxy-refused", "dns", "refused",
 * "unreachable"; "" where it was none of these.
 */
const char *trust_word(const struct trust_end *e);

/*
 * Whether none of the schemes that a proxy asks for (CURLINFO_PROXYAUTH_AVAIL) is one in which it
 * is told who we are; then why says so, for people.
 */
bool trust_proxy_scheme(
    const struct trust *t, const struct proto_destination *c, long asked, char *why, size_t size);

/* What such a word means and what to do, for people; "" where there is nothing to add. */
const char *trust_text(const char *word);

#endif
