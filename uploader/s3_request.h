/*
 * s3_request: what is asked of an S3 server, as data; pure.
 *
 * Called by s3.c: fills an s3_request, which s3_sign then signs. Owns keys, addresses and part
 * sizes. Source: Amazon S3 API Reference; differences of Ceph RGW are named where they count.
 *
 * An address on record is "KEY" or "KEY?uploadId=ID&partBytes=N", both percent-encoded: the size of
 * parts is fixed when a multipart upload is made, for whoever goes on with it.
 */
#ifndef DOCKD_S3_REQUEST_H
#define DOCKD_S3_REQUEST_H

#include "s3_sign.h"

#include "../dockd/base/proto_upload.h"

#include <stdbool.h>

#define S3_KEY_LEN 512
#define S3_UPLOAD_ID_LEN 400
#define S3_ETAG_LEN 80
#define S3_PARTS_MAX 10000u
#define S3_PART_MIN (5u << 20)
#define S3_LISTED_PARTS 1000u /* asked for at once */
#define S3_LISTED_UPLOADS 200u
#define S3_LISTED_MARKS 100u

struct s3_address {
	char key[S3_KEY_LEN];
	char upload_id[S3_UPLOAD_ID_LEN]; /* "" the object itself */
	uint64_t part_bytes;              /* 0 with "" */
};
int s3_address_read(const char *address, struct s3_address *out);         /* 0, -EINVAL */
int s3_address_write(const struct s3_address *a, char *out, size_t size); /* 0, -ENOSPC */

/* prefix ASSETID; prefix "ledger/" station "/" name; prefix ASSETID ".bundle". 0, -EINVAL. */
int s3_key(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    char out[S3_KEY_LEN]);

/*
 * What stations put beside an asset that they preserve: "preserve/" ASSETID "/" station, where the
 * asset's own key, which ends with its id, has its ASSETID; with station "" what all of these begin
 * with. 0, -EINVAL.
 */
int s3_mark_key(const char *key, const char *asset, const char *station, char out[S3_KEY_LEN]);

/* At least part_bytes, in whole MiB, and so that S3_PARTS_MAX parts hold size_bytes. */
uint64_t s3_part_bytes(uint64_t size_bytes, uint64_t part_bytes);

/*
 * When the lock ends: the day to dispose by (a day from now at least), else now + retain_days;
 * PROTO_NO_TIME: none is asked for (lock_mode none, neither is known, a side object).
 */
int64_t s3_retain_until(
    const struct proto_destination *c, const struct proto_upload *u, int64_t now_s);

/*
 * All below: 0, -EINVAL (key, endpoint, bucket), -ENOSPC. Empty bodies' digests are set. The bucket
 * stands in the host's name, but in the path where the configuration says so, the endpoint is an
 * address, or the bucket's name is not one label of DNS (TLS wildcards stand for one).
 */
int s3_head(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r);
int s3_get(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r);
/*
 * digest: hex SHA-256 of the body; md5: base64. Metadata, lock and legal hold as of u. Metadata are
 * percent-encoded (all but visible ASCII, and '%').
 */
int s3_put(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    const char *key, int64_t now_s, const char *digest, const char *md5, struct s3_request *r);
/* A few bytes without metadata and lock: a mark. */
int s3_put_mark(const struct proto_destination *c, const char *key, const char *digest,
    const char *md5, struct s3_request *r);
/* ListObjectsV2: the first S3_LISTED_MARKS keys that begin with prefix. */
int s3_list_marks(const struct proto_destination *c, const char *prefix, struct s3_request *r);
/* Added to s3_put and s3_complete: what is there already is not replaced (412). */
int s3_only_if_new(struct s3_request *r);
int s3_create(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    const char *key, int64_t now_s, struct s3_request *r);
int s3_upload_part(const struct proto_destination *c, const struct s3_address *a, unsigned number,
    const char *digest, const char *md5, struct s3_request *r);
int s3_list_parts(const struct proto_destination *c, const struct s3_address *a, unsigned after,
    struct s3_request *r);
/* Uploads under way whose keys begin with key. */
int s3_list_uploads(const struct proto_destination *c, const char *key, const char *key_marker,
    const char *id_marker, struct s3_request *r);
/* digest and md5 of the XML that s3_complete_body wrote. */
int s3_complete(const struct proto_destination *c, const struct s3_address *a, const char *digest,
    const char *md5, struct s3_request *r);
int s3_abort(const struct proto_destination *c, const struct s3_address *a, struct s3_request *r);
int s3_delete(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r);
int s3_legal_hold(const struct proto_destination *c, const char *key, const char *version,
    const char *digest, const char *md5, struct s3_request *r);
/*
 * A lock on what is there: Ceph's gateway (16) passes over the lock that CreateMultipartUpload asks
 * for.
 */
int s3_retention(const struct proto_destination *c, const char *key, const char *version,
    const char *digest, const char *md5, struct s3_request *r);
int s3_legal_hold_ask(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r);
int s3_bucket_head(const struct proto_destination *c, struct s3_request *r);
int s3_object_lock(const struct proto_destination *c, struct s3_request *r); /* GET ?object-lock */

/* The XML bodies. Bytes written, or -ENOSPC. */
struct s3_part {
	unsigned number;
	uint64_t size_bytes;
	char etag[S3_ETAG_LEN]; /* with its quotes */
};
int s3_complete_body(const struct s3_part *parts, size_t n, char *out, size_t size);
int s3_legal_hold_body(bool on, char *out, size_t size);
int s3_mark_body(const char *station, const char *asset, char *out, size_t size);
int s3_retention_body(enum lock_mode mode, int64_t until_s, char *out, size_t size);

/* The endpoint, bucket and prefix, as the identity of a destination. 0, -EINVAL or -ENOSPC. */
int s3_identity(const struct proto_destination *c, char *out, size_t size);

#endif
