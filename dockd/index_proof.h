/*
 * index_proof: which records are about what, and where ledger and proof bundles have been sent.
 */
#ifndef DOCKD_INDEX_PROOF_H
#define DOCKD_INDEX_PROOF_H

#include "index.h"

/* BINDING: `rebound` of any destination, number 0. */
enum mention { MENTION_ASSET = 0, MENTION_DOCKING, MENTION_BEGAN, MENTION_ORDER, MENTION_BINDING };

/*
 * Numbers of the records after `after` that name this asset (but `durable`, `bundled`), or this
 * docking and no asset (or are its `audited`), or this preservation order; ascending. Count or
 * -errno.
 */
int index_mentions(struct index *ix, enum mention what, uint64_t number, uint64_t after,
    uint64_t *seqs, size_t room);

/* Numbers of the records after `after` that give or lift any order; ascending. Count or -errno. */
int index_order_records(struct index *ix, uint64_t after, uint64_t *seqs, size_t room);

/* The newest `began` record. 0, -ENOENT or -errno. */
int index_began(struct index *ix, uint64_t *seq);

/* The last record that tells of something else than our own sending of ledger and bundles. */
uint64_t index_told(const struct index *ix);

/* Up to which record the ledger is at this destination; 0: nothing. 0 or -errno. */
int index_shipped(struct index *ix, const char *destination, uint64_t *to);

/*
 * The next asset with number > after whose bundle this destination lacks, for reasons that are on
 * record up to `upto`. 0, -ENOENT or -errno.
 */
int index_to_bundle(
    struct index *ix, const char *destination, uint64_t after, uint64_t upto, uint64_t *asset);

#endif
