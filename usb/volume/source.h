/*
 * source: the bytes of one medium, as partition tables and file systems are read from them.
 *
 * Implemented by disk.c (a logical unit over USB) and, in tests and fuzzers, by an image file or
 * memory. There is no write in it: nothing above it can change a camera.
 */
#ifndef DOCKD_SOURCE_H
#define DOCKD_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
	/*
	 * Reads exactly len bytes at offset_bytes, any alignment; all of it lies within size_bytes
	 * (the caller has seen to that). 0; -EIO: the medium cannot give these, others may be read;
	 * any other -errno (-ENODEV, -ETIMEDOUT, -ECANCELED): it can give nothing more.
	 */
	int (*read)(struct source *s, uint64_t offset_bytes, void *out, size_t len);
	uint64_t size_bytes;
	uint32_t block_bytes; /* of the medium: 512 to 65536, a power of two */
	uint64_t reads;       /* by source_read, so far */
};

/* As read, but -EIO where it does not all lie within the medium. */
int source_read(struct source *s, uint64_t offset_bytes, void *out, size_t len);

#endif
