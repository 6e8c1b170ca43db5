/*
 * journal: the one way to change state: record into the ledger, apply to the index, commit both.
 *
 * Owns ledger and index together. Called by everything in the core that decides. Rule: write what
 * shall be done, journal_commit, then do it. One commit serves all records since the last one.
 */
#ifndef DOCKD_JOURNAL_H
#define DOCKD_JOURNAL_H

#include "base/record.h"
#include "index.h"

struct journal;

/* Whose this state folder is, without opening it. 0, -ENOENT: nobody's yet; -errno. */
int journal_station(const char *state_dir, char *out, size_t room);

/* Told now and then of a long replay, at start: records done, of how many. NULL: nobody. */
void journal_watch(void (*on_replay)(uint64_t done, uint64_t last));

/*
 * Opens STATE/ledger and STATE/index.sqlite, brings the index up to the ledger (a corrupt or newer
 * index is set aside and rebuilt). Takes STATE/lock (flock): -EBUSY = another dockd runs on it.
 * Binds the folder to the station's name: -EREMOTE = it belongs to another. *why: for people.
 */
int journal_open(
    const char *state_dir, const char *station, struct journal **out, const char **why);
void journal_close(struct journal *j);

struct index *journal_index(struct journal *j);
struct ledger *journal_ledger(struct journal *j);

/*
 * Appends and applies, after a mark where the time of day was set (clock_set). 0 or -errno; once
 * something failed, the journal is broken: every later call gives -EIO and journal_works is false:
 * intake and erasing stop, questions are still answered.
 */
int journal_write(struct journal *j, struct record *r);
int journal_commit(struct journal *j);

/*
 * Asked before what cannot be undone is done to an asset (erase, retire, dispose, merge into it,
 * give up): 0 if the ledger itself says of it what the index says (witness.h; place as there).
 * -EAGAIN: some of it is not committed yet. Else it must not be done, and that has been told: the
 * index is set aside and made anew by the next start, or, where this start has made it,
 * journal_doubt says so.
 */
int journal_vouches(struct journal *j, uint64_t asset, const char *place);
/* The index was found to say of it what cannot be: the same is done. cell: for the log. */
void journal_contradicted(struct journal *j, uint64_t asset, const char *cell);
const char *journal_doubt(const struct journal *j); /* for people; "" none */

bool journal_works(const struct journal *j);
/* From now on it is broken, by decision: nothing is to be kept here. why: copied. */
void journal_refuse(struct journal *j, const char *why);
/* What broke it, "" while it works. */
const char *journal_why(const struct journal *j);
/* It broke, and the next start mends it: the damaged index was set aside. */
bool journal_restart_mends(const struct journal *j);
/* This start has made the index anew: what was wrong with the old one; "" it has not. */
const char *journal_rebuilt(const struct journal *j);
uint64_t journal_records(const struct journal *j);

#endif
