/*
 * ledger_check: the full check: every line of the ledger hashed again, in slices.
 *
 * Called by checkpoint. It reads, compares with a signed root, and changes nothing.
 */
#ifndef DOCKD_LEDGER_CHECK_H
#define DOCKD_LEDGER_CHECK_H

#include "ledger_read.h"
#include "tree.h"

struct ledger_check {
	struct ledger *ledger;
	struct tree *tree;
	uint64_t size; /* of the checkpoint: records that are checked */
	struct tlog_hash root;
	struct ledger_cursor at;
	struct tlog_edge edge;
	uint64_t changed; /* the first record that is provably not the signed one; 0 none */
	bool
	    tree_differs; /* the store of hashes is damaged: the lines may be as they were signed */
};

/* From the first record on. 0, -EBADMSG (ledger_why), -errno. */
int ledger_check_begin(struct ledger_check *k, struct ledger *l, struct tree *t, uint64_t size,
    const struct tlog_hash *root);

/*
 * Goes on until CLOCK_MONOTONIC passes until_us. 1: there is more; 0: all lines together have the
 * signed root; -EKEYREJECTED: they have not (changed names the record where it can be told);
 * -EBADMSG: lines are missing or too many (ledger_why); -errno: could not be read.
 */
int ledger_check_go(struct ledger_check *k, uint64_t until_us);

#endif
