/*
 * waits: which assets are not to be tried yet at a destination, and for how long. In memory only: a
 * restart tries everything again. Used by uplink, one table a destination.
 */
#ifndef DOCKD_WAITS_H
#define DOCKD_WAITS_H

#include "base/proto.h"

#define WAITS_MAX 512

/* An asset that waits before it is tried again. */
struct wait {
	uint64_t asset;    /* 0: free */
	uint64_t until_ms; /* CLOCK_MONOTONIC; UINT64_MAX: until waits_release */
	unsigned attempts;
	unsigned recreated;  /* uploads given up because the destination held something else */
	uint64_t since_ms;   /* it has failed since, without a byte of progress; 0 not */
	uint64_t best_bytes; /* the most that the destination has said it has */
	bool sent;           /* that was all of it: what fails is its proof */
	char state[PROTO_CLASS_LEN]; /* of the last failure: a word of the destination's page */
	char reason[PROTO_TEXT_LEN * 2];
};

struct waits {
	struct wait wait[WAITS_MAX];
};

/*
 * Pure: the wait before try number `attempt` (1, 2, ...): full jitter between half of min and the
 * doubled bound, at most max; random is any 32-bit number.
 */
uint64_t waits_backoff_ms(unsigned attempt, uint32_t min_s, uint32_t max_s, uint32_t random);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t waits_now_ms(void);

/*
 * The wait of an asset; make: a new one where there is none, in a full table in the place of one
 * that waits no more. NULL: none, or no room.
 */
struct wait *waits_of(struct waits *w, uint64_t asset, bool make);
void waits_end(struct waits *w, uint64_t asset);
/* It failed, whatever is done about it: attempts, what is shown, and since when. */
void waits_failed(struct waits *w, uint64_t asset, const char *state, const char *reason);
/*
 * The destination says that it has so much of it: whether that is more than ever since the wait was
 * made. Then what failed before counts no more; the wait itself stays.
 */
bool waits_moved(struct waits *w, uint64_t asset, uint64_t offset_bytes);
/* The attempt was counted by the caller; waits for ms. A full table: it simply comes up again. */
void waits_later(struct waits *w, uint64_t asset, uint64_t ms, const char *reason);
/* Waits without end, for waits_release. */
void waits_hold(struct waits *w, uint64_t asset, const char *reason);
void waits_release(struct waits *w, uint64_t asset);
/*
 * Numbers of those that still wait, into skip (room for WAITS_MAX); unsent: and of those that are
 * all there. Count.
 */
size_t waits_pending(const struct waits *w, bool unsent, uint64_t *skip);

#endif
