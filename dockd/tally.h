/*
 * tally: counters that only rise, by what is counted and up to two words of ours; pure.
 *
 * Used by index (what the ledger tells, so that a restart forgets nothing) and by uplink (what has
 * no record, since the start). The table is bounded: where words come from a program that may be
 * taken over, what does not fit any more is counted together as "other". No serial number, no id of
 * a person and no text from outside is ever a word here.
 */
#ifndef DOCKD_TALLY_H
#define DOCKD_TALLY_H

#include "base/proto.h"

#define TALLY_WORDS 1024 /* rows; from then on what is new is "other" */

struct tally_row {
	unsigned what; /* the owner's enum */
	char a[PROTO_NAME_LEN];
	char b[PROTO_CLASS_LEN];
	uint64_t n;
	bool changed; /* the owner's: not yet written down */
};

struct tally {
	size_t n, room;
	struct tally_row *row;
};

/* Counts n more. 0 or -ENOMEM. */
int tally_add(struct tally *t, unsigned what, const char *a, const char *b, uint64_t n);
/* How much was counted so; 0 nothing. */
uint64_t tally_of(const struct tally *t, unsigned what, const char *a, const char *b);
/* The row after `at` (NULL: the first) with this `what`, or NULL. */
const struct tally_row *tally_next(
    const struct tally *t, unsigned what, const struct tally_row *at);
/* A word that may be a label: small letters, digits and '-', at most 31. */
bool tally_is_word(const char *text);
void tally_free(struct tally *t);

#endif
