/*
 * s3_body: the bodies of requests to S3, written as XML.
 *
 * Used by the s3 driver; pure. Source: Amazon S3 API Reference.
 */
#ifndef DOCKD_S3_BODY_H
#define DOCKD_S3_BODY_H

#include "../dockd/base/proto_upload.h"

#include <stdbool.h>

#define S3_ETAG_LEN 80

struct s3_part {
	unsigned number;
	uint64_t size_bytes;
	char etag[S3_ETAG_LEN]; /* with its quotes */
};

/* Each: bytes written, or -ENOSPC. */
int s3_complete_body(const struct s3_part *parts, size_t n, char *out, size_t size);
int s3_legal_hold_body(bool on, char *out, size_t size);
int s3_mark_body(const char *station, const char *asset, char *out, size_t size);
int s3_retention_body(enum lock_mode mode, int64_t until_s, char *out, size_t size);

#endif
