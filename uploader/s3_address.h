/*
 * s3_address: where an object lies and how it is cut: keys, addresses, sizes of parts, ends of locks.
 *
 * Used by s3_request and the s3 driver; pure. An address on record is "KEY" or
 * "KEY?uploadId=ID&partBytes=N", both percent-encoded: the size of parts is fixed when a multipart
 * upload is made, for whoever goes on with it.
 */
#ifndef DOCKD_S3_ADDRESS_H
#define DOCKD_S3_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proto_destination;
struct proto_upload;

#define S3_KEY_LEN 512
#define S3_UPLOAD_ID_LEN 400
#define S3_PARTS_MAX 10000u
#define S3_PART_MIN (5u << 20)

struct s3_address {
	char key[S3_KEY_LEN];
	char upload_id[S3_UPLOAD_ID_LEN]; /* "" the object itself */
	uint64_t part_bytes;              /* 0 with "" */
};
int s3_address_read(const char *address, struct s3_address *out);         /* 0, -EINVAL */
int s3_address_write(const struct s3_address *a, char *out, size_t size); /* 0, -ENOSPC */

/* No part of it is "." or "..": clients on the way would fold them. */
bool s3_key_is_plain(const char *key);

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

#endif
