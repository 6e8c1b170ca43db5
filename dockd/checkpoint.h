/*
 * checkpoint: what this station signs over its ledger, and whether the ledger still agrees with it.
 *
 * Owns STATE/ledger/tree, STATE/ledger/checkpoint and the station's key in memory. Called by core at
 * start, once a turn and at the end; asked by control and proof. It signs only a ledger that
 * contains all that was signed before. A ledger that contradicts its checkpoint is never signed
 * again: intake and erasing stop (checkpoint_trouble), uploading and recording go on.
 */
#ifndef DOCKD_CHECKPOINT_H
#define DOCKD_CHECKPOINT_H

#include "journal.h"
#include "tlog.h"

#define CHECKPOINT_NOTE_MAX 1024

struct checkpoint;

struct checkpoint_settings {
	const char *state_dir, *station;
	const char *key_file; /* "" = STATE/station.key */
	uint32_t every_s;     /* signed at most this often */
};

/*
 * Reads the key, or makes it where there is none; compares the newest checkpoint with the ledger in
 * constant time. 0 or -errno: the key may not be used as it is (*why says what to do). A ledger
 * that contradicts its checkpoint is no error here.
 */
int checkpoint_open(const struct checkpoint_settings *settings, struct journal *j,
    struct checkpoint **out, const char **why);
void checkpoint_close(struct checkpoint *c);

/* What a `began` record says of all this: the key, the newest checkpoint's size and root. */
void checkpoint_tell(const struct checkpoint *c, struct record *began);

/*
 * Once a turn, after its commit: follows the ledger, signs when it is due, goes on with the full
 * check; a few milliseconds at most. May write a record. Milliseconds until it wants to be called
 * again for work left over; 0: with the next turn, whenever that is.
 */
uint32_t checkpoint_turn(struct checkpoint *c);

/*
 * Signs all that is committed, now. 0 (also where nothing is new); -EAGAIN: the tree is still being
 * built; -EKEYREJECTED: the ledger contradicts its checkpoint; -errno.
 */
int checkpoint_now(struct checkpoint *c);

/* Why nothing may be taken in or erased, and what to do; "" when the ledger is as it was signed. */
const char *checkpoint_trouble(const struct checkpoint *c);

/* The newest signed note, "" before the first; how many records it covers; the station's key. */
const char *checkpoint_note(const struct checkpoint *c);
uint64_t checkpoint_size(const struct checkpoint *c);
const struct note_key *checkpoint_key(const struct checkpoint *c);
/* When it was signed, seconds since 1970; 0 there is none. */
int64_t checkpoint_signed_s(const struct checkpoint *c);
/* When the full check last found all well; 0: not since the start. */
int64_t checkpoint_checked_s(const struct checkpoint *c);
/* Records that the full check under way, or the last one, has been through. */
uint64_t checkpoint_checked(const struct checkpoint *c);

/*
 * The audit path of record seq (from 1) in the tree of the newest checkpoint. Count; -ENOENT: not
 * under it yet; -EAGAIN: the tree is being built; -errno.
 */
int checkpoint_prove(struct checkpoint *c, uint64_t seq, struct tlog_hash out[TLOG_DEPTH]);
/* That the tree of `old` records is the beginning of the newest checkpoint's. The same. */
int checkpoint_prove_growth(
    struct checkpoint *c, uint64_t old, struct tlog_hash out[TLOG_DEPTH * 2]);

#endif
