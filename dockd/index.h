/*
 * index: everything that can be asked quickly, in SQLite; a shadow of the ledger.
 *
 * Owns STATE/index.sqlite. Called by journal (apply, begin, commit) and, for questions, by the rest
 * of the core. It holds no truth: delete it and index_open replays the ledger. Only listings (what
 * a camera shows now) live here alone; they are told afresh by each worker. The only files that
 * include sqlite3.h are index*.c. SQLITE_CORRUPT: the file is set aside and rebuilt.
 */
#ifndef DOCKD_INDEX_H
#define DOCKD_INDEX_H

#include "asset.h"

#include "base/record.h"

struct index;

/* 0 or -errno. The caller then replays the ledger from index_applied()+1 through index_apply. */
int index_open(const char *path, struct index **out);

/* An empty one in memory, for a few records that are applied and forgotten with it. 0 or -errno. */
int index_open_beside(struct index **out);
void index_close(struct index *ix);

/*
 * The first failure of the database itself since index_open began, whoever met it: -EUCLEAN (it is
 * damaged, or cannot be opened) or -EIO; 0 none. Until it is 0, what questions answer counts not.
 */
int index_failure(void);

uint64_t index_applied(struct index *ix);

/* One transaction a loop turn. 0 or -errno (-EIO; -EUCLEAN: corrupt, rebuild). */
int index_begin(struct index *ix);
int index_commit(struct index *ix);

/*
 * Applies one record (see LEDGER.md for what each type says). Records of types unknown to this
 * version only move the applied number. 0 or -errno; -EBADMSG: a known type lacks a field.
 */
int index_apply(struct index *ix, uint64_t seq, const struct record *r);

/*
 * Whether index_apply could apply it: fields there, asset known (or, for `found`, new). 0, -EBADMSG
 * or -errno. Journal asks before the record goes into the ledger.
 */
int index_check(struct index *ix, const struct record *r);

/* Numbers not yet used by any record. They count up in memory at each call. */
uint64_t index_new_asset(struct index *ix);
uint64_t index_new_docking(struct index *ix);

struct index_counts {
	uint64_t assets, receipted, erased, dockings;
	uint64_t unsent_bytes;   /* sealed here, not receipted as the policy asks */
	int64_t oldest_unsent_s; /* staged_at of the oldest one not receipted; 0 none */
	uint64_t needs_person; /* assets with trouble; refusals of what is not receipted (policy) */
};
int index_counts(struct index *ix, struct index_counts *out); /* kept, not counted: O(1) */

#endif
