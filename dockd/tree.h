/*
 * tree: the hashes over the ledger, on disk.
 *
 * Owns STATE/ledger/tree: 32 bytes a hash, in tlog's order. Called by checkpoint only. It is made
 * from the ledger's lines and can be made anew at any time, so it is synced only before a
 * checkpoint is signed; what stands behind the newest checkpoint is cut off at the next start. It
 * must never be believed where no signed checkpoint says so.
 */
#ifndef DOCKD_TREE_H
#define DOCKD_TREE_H

#include "ledger.h"
#include "tlog.h"

struct tree;

/* Opens or makes the file; empty until tree_cut. ledger_dir: STATE/ledger. 0 or -errno. */
int tree_open(const char *ledger_dir, struct tree **out);
void tree_close(struct tree *t);

/* Goes back to the first `leaves` of what is on disk. 0; -ENODATA: it holds fewer; -errno. */
int tree_cut(struct tree *t, uint64_t leaves);

/* Records that it holds, from the first on. */
uint64_t tree_size(const struct tree *t);

/*
 * Takes in committed lines that it has not yet, until CLOCK_MONOTONIC passes until_us (at least 64
 * KiB). 1: there are more; 0: all are in; -EBADMSG: lines are missing (ledger_why); -errno: what
 * was read or written failed, and it can be called again.
 */
int tree_follow(struct tree *t, struct ledger *l, uint64_t until_us);

int tree_sync(struct tree *t);

/* As tlog_root, tlog_prove, tlog_prove_growth, of sizes up to tree_size. */
int tree_root(struct tree *t, uint64_t size, struct tlog_hash *out);
int tree_prove(struct tree *t, uint64_t size, uint64_t index, struct tlog_hash out[TLOG_DEPTH]);
int tree_prove_growth(
    struct tree *t, uint64_t size, uint64_t old, struct tlog_hash out[TLOG_DEPTH * 2]);
/* The first n of the hashes that were stored for record index + 1: its own, then what it closes. */
int tree_stored(struct tree *t, uint64_t index, unsigned n, struct tlog_hash *out);

#endif
