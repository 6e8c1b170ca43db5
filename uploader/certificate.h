/*
 * certificate: from when to when certificates are valid: those in our files, and the server's.
 *
 * Used by trust for each request; told to the core by main. OpenSSL reads the bytes, here and only
 * here; two numbers are all that goes on to the core. It decides nothing: who is trusted is
 * libcurl's and OpenSSL's business, also while it looks on.
 */
#ifndef DOCKD_CERTIFICATE_H
#define DOCKD_CERTIFICATE_H

#include "../dockd/base/proto_upload.h"

#include <curl/curl.h>

#define CERTIFICATE_FILE_MAX 256 /* certificates of one file that are looked at */

struct certificate {
	bool known, told;
	int64_t not_before_s, not_after_s;
};

/*
 * Reads a PEM file: its first certificate (a client's), or, with last, the one of all that ends
 * last (a CA file). 0, -errno, -ENOENT: none in it.
 */
int certificate_read(const char *path, bool last, struct certificate *out);

/* It is another one than before: it is to be told. */
void certificate_take(struct certificate *c, int64_t not_before_s, int64_t not_after_s);

/*
 * From the next handshake on the server's own certificate goes into *server, whether it is accepted
 * or not; server must outlive the handle's connections. Nothing where libcurl offers no way.
 */
void certificate_watch(CURL *easy, struct certificate *server);

#endif
