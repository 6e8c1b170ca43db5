/*
 * tlog: RFC 6962 Merkle trees, checkpoints (https://c2sp.org/tlog-checkpoint) and proofs
 * (https://c2sp.org/tlog-proof), pure.
 *
 * Used by the core (tree, checkpoint, bundle) and by dockctl, which checks them without a daemon. A
 * leaf is the SHA-256 of 0x00 and the bytes of one ledger line without its newline (RFC 6962, 2.1).
 * Record number n of the ledger is leaf n - 1. Interior hashes are stored in the order in which
 * they become complete: after leaf n, one for each subtree that it closes, lowest first. That is
 * the layout of Go's sumdb/tlog.
 */
#ifndef DOCKD_TLOG_H
#define DOCKD_TLOG_H

#include "base/note.h"

#include <stdbool.h>

#define TLOG_HASH_LEN 32
#define TLOG_DEPTH 64 /* hashes of the longest proof */

struct tlog_hash {
	uint8_t bytes[TLOG_HASH_LEN];
};

/* Reads the stored hash number index. 0 or -errno, which the caller of tlog_... gets back. */
typedef int tlog_read(void *arg, uint64_t index, struct tlog_hash *out);

void tlog_leaf(const void *line, size_t len, struct tlog_hash *out);
void tlog_node(const struct tlog_hash *left, const struct tlog_hash *right, struct tlog_hash *out);

/* Where in the store the hash of subtree n at this level (0: leaves) stands. */
uint64_t tlog_stored_index(unsigned level, uint64_t n);
/* How many hashes a store of a tree of this many leaves has. */
uint64_t tlog_stored_count(uint64_t leaves);
/* The right edge of a growing tree: all that is needed to go on, and to tell its root. Zeroed: empty. */
struct tlog_edge {
	uint64_t size;
	struct tlog_hash
	    part[TLOG_DEPTH]; /* by level: the whole subtree there, if size has that bit */
};

/* Adds a leaf. Returns the count of hashes that the store gets for it, which are in out. */
unsigned tlog_edge_add(
    struct tlog_edge *e, const struct tlog_hash *leaf, struct tlog_hash out[TLOG_DEPTH]);
void tlog_edge_root(const struct tlog_edge *e, struct tlog_hash *out);
/* The edge of a stored tree of this size. 0 or -errno. */
int tlog_edge_read(uint64_t size, tlog_read *read, void *arg, struct tlog_edge *out);

/* The root of the first `size` leaves; of an empty tree: SHA-256 of nothing. 0 or -errno. */
int tlog_root(uint64_t size, tlog_read *read, void *arg, struct tlog_hash *out);

/* The audit path of leaf index in the tree of size leaves (RFC 6962, 2.1.1). Count or -errno. */
int tlog_prove(
    uint64_t size, uint64_t index, tlog_read *read, void *arg, struct tlog_hash out[TLOG_DEPTH]);
/* Whether it leads from the leaf to the root (RFC 9162, 2.1.3.2). */
bool tlog_is_in(uint64_t size, uint64_t index, const struct tlog_hash *leaf,
    const struct tlog_hash *path, size_t path_n, const struct tlog_hash *root);

/* That the tree of `old` leaves is the beginning of the one of `size` (RFC 6962, 2.1.2). */
int tlog_prove_growth(
    uint64_t size, uint64_t old, tlog_read *read, void *arg, struct tlog_hash out[TLOG_DEPTH * 2]);
bool tlog_has_grown(uint64_t size, const struct tlog_hash *root, uint64_t old,
    const struct tlog_hash *old_root, const struct tlog_hash *path, size_t path_n);

struct tlog_checkpoint {
	char origin[NOTE_NAME_LEN];
	uint64_t size;
	struct tlog_hash root;
};

/* The text to be signed: three lines. Length or -ENOSPC. */
int tlog_checkpoint_format(const struct tlog_checkpoint *c, char *out, size_t room);
/* The reverse, of a text that note_open let through. 0; -EBADMSG, also for extension lines. */
int tlog_checkpoint_parse(const char *text, size_t len, struct tlog_checkpoint *out);

/* A proof as text: index, path, blank line, the signed checkpoint. Length or -ENOSPC. */
int tlog_proof_format(uint64_t index, const struct tlog_hash *path, size_t path_n,
    const char *checkpoint_note, char *out, size_t room);
/* The reverse: the path into out; *note is where the checkpoint begins in text. Count, -EBADMSG. */
int tlog_proof_parse(const char *text, size_t len, uint64_t *index,
    struct tlog_hash out[TLOG_DEPTH], const char **note);

#endif
