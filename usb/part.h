/*
 * part: the staging file that a driver pulls an object into.
 *
 * Called by the fetch of each driver: compares what the file holds already, writes what comes,
 * makes it durable at its pace and tells so. It knows nothing of cameras. The descriptor is the
 * caller's; how much may be in it is bounded by RLIMIT_FSIZE too.
 */
#ifndef DOCKD_PART_H
#define DOCKD_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PART_CHECK_BYTES (32u << 10) /* compared at the head and before the offset */

struct part {
	int file;
	uint64_t at_bytes;      /* where the next byte goes */
	uint64_t durable_bytes; /* told */
	int error;              /* the first -errno of writing */
};

void part_begin(struct part *p, int file, uint64_t offset_bytes);

/* Writes at at_bytes. 0 or -errno (kept in error). Every 64 MiB: fdatasync and DURABLE. */
int part_write(struct part *p, const uint8_t *bytes, size_t len);

/* Whether the file has these bytes at offset_bytes. 0, -EILSEQ: others; -errno of reading. */
int part_compare(struct part *p, uint64_t offset_bytes, const uint8_t *bytes, size_t len);

/* fdatasync of all. 0 or -errno. */
int part_end(struct part *p);

#endif
