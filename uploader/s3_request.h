/*
 * s3_request: what is asked of an S3 server, as data; pure.
 *
 * Called by s3.c: fills an s3_request, which s3_sign then signs. Keys and addresses are those of
 * s3_address, bodies of s3_body. Source: Amazon S3 API Reference; differences of Ceph RGW are named
 * where they count.
 */
#ifndef DOCKD_S3_REQUEST_H
#define DOCKD_S3_REQUEST_H

#include "s3_address.h"
#include "s3_body.h"
#include "s3_sign.h"

#include "../dockd/base/proto_upload.h"

#include <stdbool.h>

#define S3_LISTED_PARTS 1000u /* asked for at once */
#define S3_LISTED_UPLOADS 200u
#define S3_LISTED_MARKS 100u

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

/* The endpoint, bucket and prefix, as the identity of a destination. 0, -EINVAL or -ENOSPC. */
int s3_identity(const struct proto_destination *c, char *out, size_t size);

#endif
