/*
 * md5_lanes: MD5 of several streams of bytes at the same time (RFC 1321).
 *
 * One step of MD5 waits for the one before, so that a processor mostly idles in it: each stream has
 * a lane of its vectors, and they go on together. Called by digester.c. S3 wants MD5 (Content-MD5)
 * against faults of the line, which is all that it is good for. Pure.
 */
#ifndef DOCKD_MD5_LANES_H
#define DOCKD_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

#define MD5_LANES 4
#define MD5_BLOCK_BYTES 64
#define MD5_BYTES 16

struct md5_lanes {
	uint32_t state[4][MD5_LANES]; /* RFC 1321 3.3: A, B, C, D of each */
};

void md5_lanes_begin(struct md5_lanes *m, unsigned lane);

/* So many whole blocks of each stream; of a lane with NULL nothing changes. */
void md5_lanes_add(struct md5_lanes *m, const uint8_t *const from[MD5_LANES], size_t blocks);

/* The rest, less than a block, of a stream of all_bytes, and its digest. */
void md5_lanes_end(struct md5_lanes *m, unsigned lane, const uint8_t *rest, uint64_t all_bytes,
    uint8_t md5[MD5_BYTES]);

#endif
