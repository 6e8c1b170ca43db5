/*
 * tus_chunk: how large a PATCH is; pure.
 *
 * One for all uploads to a destination: what one of them learns of the line holds for the others.
 * Called by tus.c and tus_upload.c.
 */
#ifndef DOCKD_TUS_CHUNK_H
#define DOCKD_TUS_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

/* Begins at its least: a first request of a minute on a line of 35 kbit/s. */
struct tus_chunk {
	uint64_t min_bytes, max_bytes, now_bytes;
	bool was_halved;
	unsigned wary; /* whole requests that must go well before it grows again */
};

#define TUS_CHUNK_CHECKED (16u << 20) /* with a checksum a cut chunk is lost as a whole */
#define TUS_PATCH_MS 60000u
#define TUS_CHUNK_WARY 3u

void tus_chunk_init(struct tus_chunk *c, uint64_t min_bytes, uint64_t max_bytes);

/*
 * A PATCH had bytes accepted in ms. complete: to its end; a cut one only ever shrinks the chunk.
 * Never more than a minute at that rate; four times as much at most, twice after a halving.
 */
void tus_chunk_took(struct tus_chunk *c, uint64_t bytes, uint64_t ms, bool complete);

/* Nothing of requests of cut_bytes arrives: half of that. False: it is as small already. */
bool tus_chunk_halve(struct tus_chunk *c, uint64_t cut_bytes);

/* 413: no PATCH of refused_bytes or more from now on. False: nothing smaller is allowed. */
bool tus_chunk_cap(struct tus_chunk *c, uint64_t refused_bytes);

#endif
