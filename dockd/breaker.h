/*
 * breaker: whether a destination is tried at all, and with how much at once; pure.
 *
 * Used by uplink, one for each destination. Closed: all slots. Open: nothing until a time, then one
 * probe; what works closes it again. A server that answers "too many" (429, 503) to several is left
 * alone for as long as it says and then given less at once. Tries never end, they get rarer.
 */
#ifndef DOCKD_BREAKER_H
#define DOCKD_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/* The most that a Retry-After may say: a wrong date there must not hold evidence for days. */
#define BREAKER_RETRY_AFTER_MAX_MS (3600 * UINT64_C(1000))
#define BREAKER_BUSY 3     /* "too many" in a row, and the destination as a whole is meant */
#define BREAKER_STUMBLES 8 /* different assets in a row that failed without a byte of progress */
#define BREAKER_PERSON 3   /* times retry-max between looks at what only a person can mend */

enum breaker_how {
	BREAKER_AWAY = 1,  /* out of reach */
	BREAKER_TOO_MANY,  /* it said so: 429, 503 with Retry-After */
	BREAKER_STUMBLED,  /* one asset failed */
	BREAKER_FOR_PERSON /* it refuses all: credentials, TLS, address */
};

struct breaker {
	bool open;
	bool person;       /* only a person can mend it */
	uint64_t until_ms; /* open: the next probe is not before */
	uint64_t since_ms; /* steady clock: failing since; 0: it works */
	unsigned failures; /* times it opened, or a probe failed, since it last worked */
	unsigned too_many, stumbles;
	unsigned slots;      /* of the destination; its owner says */
	unsigned allowance;  /* slots that it may be given now; 0: all */
	uint64_t last_asset; /* that stumbled */
};

/* A Retry-After as it is obeyed. */
uint64_t breaker_retry_after_ms(uint64_t told_ms);

/*
 * A failure; asset 0: an errand's, which is no stumble. min_s, max_s: retry-min, retry-max;
 * random: any number.
 */
void breaker_fails(struct breaker *b, enum breaker_how how, uint64_t asset, uint64_t now_ms,
    uint64_t retry_after_ms, uint32_t min_s, uint32_t max_s, uint32_t random);
/* A byte got there for good, or a question was answered. whole: something was finished. */
void breaker_works(struct breaker *b, bool whole);
/* A person asked, or its uploader has come anew: closed, nothing forgotten about busy servers. */
void breaker_reset(struct breaker *b);

/* How many of the slots may be in use now: all, fewer, one (a probe), or 0. */
unsigned breaker_slots(const struct breaker *b, uint64_t now_ms);

#endif
