/*
 * s3_sign: AWS Signature Version 4 for one request; pure (libcrypto for digests).
 *
 * Called by s3.c and the unit tests. All that is sent in the request line, and every header but
 * those that libcurl adds, is signed. Source: AWS General Reference, "Signature Version 4 signing
 * process"; S3 API, "Authenticating Requests (AWS Signature Version 4)".
 */
#ifndef DOCKD_S3_SIGN_H
#define DOCKD_S3_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define S3_HEADERS 24
#define S3_PARAMS 8
#define S3_SIGNATURE_LEN 1024 /* of the whole Authorization value */

struct s3_keys {
	char access[132];
	char secret[132];
	char token[4096]; /* session token, "" none */
};

struct s3_header {
	char name[48];    /* lower case */
	char value[4200]; /* a session token is the longest */
};

struct s3_param {
	char name[32];
	char value[1024]; /* not encoded; "" stands as "name=" */
};

/* One request: filled by s3_request, signed here, sent by s3.c. 120 KB: one for the process. */
struct s3_request {
	const char *method;
	char scheme_host[320]; /* "https://bucket.host:9000", what the URL begins with */
	char host[288];        /* the Host header: "bucket.host:9000", without a default port */
	char path[3200];       /* encoded (RFC 3986, '/' kept): "/bucket/key" or "/key" */
	size_t params_n, headers_n;
	struct s3_param param[S3_PARAMS];    /* in any order */
	struct s3_header header[S3_HEADERS]; /* without host */
	char payload[68];                    /* hex SHA-256 of the body, or of nothing */
};

/*
 * Reads keys from text: lines "access-key: ...", "secret-key: ...", "session-token: ..."; or the
 * INI form of AWS (aws_access_key_id = ..., first section). '#' and ';' begin a comment line. 0;
 * -EINVAL: a key is missing, there twice, too long or has bytes that it cannot have; out is wiped.
 */
int s3_keys_read(const char *text, struct s3_keys *out);

/*
 * The Authorization value, x-amz-date, x-amz-content-sha256 (and x-amz-security-token): the last
 * three are set in r->header (again, where r is signed anew). region "": us-east-1. now_s: the time
 * that is signed. 0, -ENOSPC, -ENOMEM.
 */
int s3_sign(struct s3_request *r, const struct s3_keys *keys, const char *region, int64_t now_s,
    char out[S3_SIGNATURE_LEN]);

/*
 * Percent-encodes all but unreserved characters (RFC 3986 2.3), and '/' where slash is 0. 0 or
 * -ENOSPC.
 */
int s3_encode(const char *text, int slash, char *out, size_t size);

/* The URL with sorted, encoded parameters, as it was signed. 0 or -ENOSPC. */
int s3_url(const struct s3_request *r, char *out, size_t size);

#endif
