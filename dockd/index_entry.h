/*
 * index_entry: one asset's row and its uploads, and what a change of them moves: queues, listings,
 * sums, each in the file of its noun.
 *
 * Included by index*.c only.
 */
#ifndef DOCKD_INDEX_ENTRY_H
#define DOCKD_INDEX_ENTRY_H

#include "asset.h"
#include "index_db.h"

struct destination;

/* An asset with what the index keeps beside it. */
struct entry {
	struct asset a;
	uint32_t receipts; /* destinations that have given one; a merged asset's are the other's */
	bool receipted;    /* as the policy asks */
	bool queued;       /* still has to be brought to its receipts */
	int64_t since_s;   /* when it was staged first; staged_at_s moves with each check */
	int64_t confirmed_s; /* since when every destination the policy asks has confirmed it; 0 */
};

#define ASSET_COLUMNS                                                                               \
	"number, docking, prefix_of, kind, protected, camera, profile, path, pulled_docking,"       \
	" merged_into, size, durable, pulled, mtime, staged_at, interruptions, restarts, file,"     \
	" rung, erased, gone, needs_person, boot, sha256, id, signature, trouble, receipts,"        \
	" receipted, queued, stamp, since, sidecar, recorded, recorded_proved, dispose_by, marked," \
	" disposed, time_unproved, class, sha384, sha512, signature_text, confirmed, kinds,"        \
	" officer, unit, damage, told_bytes, storage"

/* The asset of a row of ASSET_COLUMNS. */
void entry_load(sqlite3_stmt *st, struct entry *e);

/* Reads one asset; 0, -ENOENT or -errno. */
int entry_read(struct index *ix, uint64_t number, struct entry *out);
/*
 * Writes it back (before NULL: a new one) and keeps counters, queues and listings in step. `after`
 * gets its derived fields here. 0 or -errno.
 */
int entry_write(struct index *ix, const struct entry *before, struct entry *after);
/* The upload row of this very asset, merged or not. 0, -ENOENT or -errno. */
int upload_read(struct index *ix, uint64_t asset, const char *destination, struct upload *out);
int upload_write(struct index *ix, const struct upload *u);
/* Takes the receipts of an asset anew from its uploads, for it and those merged into it. */
int receipts_renew(struct index *ix, uint64_t asset);

/* Forgets what is at the destination: the next upload there begins anew. */
void upload_anew(struct upload *u);

/*
 * index_queue.c: its place in the queue of a destination, or none; and of all assets, for a new
 * destination.
 */
int queue_renew(struct index *ix, struct destination *d, uint64_t asset);
int queue_move(struct index *ix, uint64_t asset); /* the same in all queues */
int queue_fill(struct index *ix, struct destination *d);

/* index_policy.c: the one of this name; one not known yet gets its queue filled. 0 or -errno. */
int destination_find(struct index *ix, const char *name, struct destination **out);

/* index_listing.c: a change of an asset for the listings that show it. */
int listing_follow(struct index *ix, const struct entry *before, const struct entry *after);
/* All sums anew (the policy changed). */
int listing_resum(struct index *ix);
/* Deletes some of the rows that nobody will ask for again. */
int listing_purge(struct index *ix);

/* index_flow.c: what a change of an asset means for the days' sums. */
int flow_note(struct index *ix, const struct entry *before, const struct entry *after);

/* A signature that is there and does not hold. */
#define SIGNATURE_WRONG "signature NOT IN ('', 'valid', 'unsigned', 'cut-short')"

/* index_order.c: its name goes where nothing of it is left to go and no camera has it. */
int disposal_forget(struct index *ix, uint64_t asset);

#endif
