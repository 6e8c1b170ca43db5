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
	uint64_t valid_bytes;   /* from the file's begin: the camera stands behind them */
	uint64_t durable_bytes; /* told */
	int error;              /* the first -errno of the file; nothing is written after it */
	const char *doing;      /* what failed: "write", "fdatasync" ... */
};

/* The file holds offset_bytes already. */
void part_begin(struct part *p, int file, uint64_t offset_bytes);

/* Whether the file reaches to the offset it began with. 1, 0 or -errno. */
int part_reaches(struct part *p);

/* Writes at at_bytes; valid only once part_valid says so. 0 or -errno (kept in error). */
int part_write(struct part *p, uint64_t at_bytes, const uint8_t *bytes, size_t len);

/* Whether the file has these bytes there. 0, -EILSEQ: others or none; -errno (kept in error). */
int part_compare(struct part *p, uint64_t at_bytes, const uint8_t *bytes, size_t len);

/*
 * All before to_bytes is valid. Their write-out begins, so that fdatasync finds little to wait for;
 * every 64 MiB they are made durable. 0 or -errno.
 */
int part_valid(struct part *p, uint64_t to_bytes);

/* Makes all that is valid durable, and tells it. 0 or -errno. */
int part_durable(struct part *p);

/* Cuts off what was written and is not valid. */
void part_cut(struct part *p);

#endif
