/*
 * bucket: the token bucket from which the bodies of all requests of a destination are paid; pure.
 *
 * Owned by the process (one destination), asked by http.c's read callback before each piece. The
 * caller brings the time. What is expedited pays like the rest, but is let through where nothing is
 * allowed (rate 0), and goes in front: while it sends, others get one byte for fifteen of its
 * own, so that their requests stay alive.
 */
#ifndef DOCKD_BUCKET_H
#define DOCKD_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket {
	uint64_t rate;     /* bytes a second; 0 nothing, UINT64_MAX no limit */
	uint64_t burst;    /* bytes that gather at most: a quarter of a second, 16 KiB at least */
	uint64_t tokens;   /* bytes that may go now */
	uint64_t trickle;  /* what those behind an expedited one may take */
	uint64_t rest;     /* thousandths of a byte that have gathered beyond them */
	int64_t at_ms;     /* CLOCK_MONOTONIC of the last look */
	int64_t urgent_ms; /* when something expedited last asked; INT64_MIN never */
};

void bucket_init(struct bucket *b, uint64_t rate, int64_t now_ms);
/* From now on; what has gathered is cut to the new burst. */
void bucket_rate(struct bucket *b, uint64_t rate, int64_t now_ms);
/* Takes up to want bytes. 0: nothing now, *wait_ms says when to ask again (1..1000). */
size_t bucket_take(
    struct bucket *b, int64_t now_ms, bool expedited, size_t want, unsigned *wait_ms);
/* Gives back what was taken and could not be used. */
void bucket_return(struct bucket *b, size_t bytes);

#endif
