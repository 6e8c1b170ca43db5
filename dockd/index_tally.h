/*
 * index_tally: sums over the ledger that a scrape may ask for without walking anything.
 *
 * Kept with each record that is applied, written down with each commit, made again from the ledger
 * by a rebuild: so they are right across restarts, and reset by nothing.
 */
#ifndef DOCKD_INDEX_TALLY_H
#define DOCKD_INDEX_TALLY_H

#include "index.h"
#include "tally.h"

/* What is counted; a and b: the words of its rows. New ones at the end, with a new SCHEMA. */
enum tallied {
	TALLY_FOUND = 1,        /* files; a: kind */
	TALLY_PULLED_BYTES,     /* read from cameras */
	TALLY_PULLS,            /* FETCHes that ended; b: result */
	TALLY_RECEIPTS,         /* a: destination, b: level */
	TALLY_RECEIVED_BYTES,   /* a: destination */
	TALLY_RECEIPTS_REFUSED, /* a: destination, b: result */
	TALLY_REFUSED,          /* uploads, until a person retries; a: destination */
	TALLY_LOST,             /* a: destination */
	TALLY_CONFIRMED,        /* a: destination */
	TALLY_SIGNATURES,       /* judgements; b: result */
	TALLY_MISHAPS,          /* b: what */
	TALLY_FAULTS,
	TALLY_TROUBLES,
	TALLY_RESTAGED, /* copies here that were found bad: pulled again */
	TALLY_OVER_CURRENT,
	TALLY_DENIED,
	TALLY_CONTRADICTIONS,
	TALLY_ERASED,   /* b: result */
	TALLY_DISPOSED, /* copies; b: result */
	TALLY_DELAY,    /* clips, dock to receipt; a: destination, b: index of the bucket */
	TALLY_DELAY_S,  /* seconds of all of them; a: destination */
};

/* Upper bounds of the buckets of TALLY_DELAY; row DELAY_BUCKETS is what took longer. */
#define DELAY_BUCKETS 12
extern const uint32_t index_delay_s[DELAY_BUCKETS];

const struct tally *index_tally(const struct index *ix);

#endif
