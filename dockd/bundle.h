/*
 * bundle: the proof bundle of an asset (dockd-bundle(5)): its records as they stand in the ledger,
 * each with its inclusion proof, under one signed checkpoint.
 *
 * Called by shipping, which sends it, and by control, which hands it out. It reads the ledger and
 * the index and writes only into memory of its own; it never reads what a camera or a server wrote
 * but as text inside our own records.
 */
#ifndef DOCKD_BUNDLE_H
#define DOCKD_BUNDLE_H

#include "base/proto.h"
#include "index.h"
#include "ledger.h"
#include "tlog.h"

#define BUNDLE_VERSION 1
#define BUNDLE_RECORDS 400 /* of more, the first and the last half are taken */
#define BUNDLE_MAX (8u << 20)

/* What its records are proved with: the newest checkpoint and the tree beneath it. */
struct bundle_tree {
	const char *station;
	const char *key;        /* the verifier key as text */
	const char *checkpoint; /* the signed note */
	uint64_t size;          /* records under it */
	/* As checkpoint_prove: the audit path of a record. Count or -errno. */
	int (*prove)(void *arg, uint64_t seq, struct tlog_hash out[TLOG_DEPTH]);
	void *arg;
};

struct bundle {
	int fd; /* a sealed memfd; the caller's */
	uint64_t size_bytes;
	uint8_t sha256[PROTO_SHA256_LEN];
	unsigned records, omitted;
};

/*
 * Makes the bundle of an asset from the records under the checkpoint. 0; -ENOENT: no such asset, or
 * nothing about it is under the checkpoint yet; -EFBIG; -errno.
 */
int bundle_make(struct index *ix, struct ledger *l, const struct bundle_tree *t, uint64_t asset,
    struct bundle *out);

#endif
