/*
 * index_db: what the files of the index share: the connection, its statements, one asset's
 * row. Included by index*.c only; it is the one place that includes sqlite3.h.
 */
#ifndef DOCKD_INDEX_DB_H
#define DOCKD_INDEX_DB_H

#include "index.h"
#include "index_listing.h"
#include "tally.h"

#include <sqlite3.h>

#define INDEX_DESTINATIONS 32
#define INDEX_LISTINGS 128

/* Statements, prepared at their first use and kept. */
enum statement {
	Q_STATE_READ,
	Q_STATE_WRITE,
	Q_ASSET,
	Q_ASSET_NEW,
	Q_ASSET_SET,
	Q_UPLOAD,
	Q_UPLOAD_ROW,
	Q_UPLOAD_SET,
	Q_REFUSALS,
	Q_ASSETS,
	Q_ASSETS_QUEUED,
	Q_UPLOADS,
	Q_BY_ID,
	Q_BY_PATH,
	Q_PREFIX,
	Q_IN_DOCKING,
	Q_TO_VERIFY,
	Q_CANDIDATES,
	Q_TO_ERASE,
	Q_OPEN_ERASES,
	Q_OPEN_DOCKINGS,
	Q_DOCKING,
	Q_DOCKING_BEFORE,
	Q_OLDEST,
	Q_DESTINATIONS,
	Q_DESTINATION_NEW,
	Q_DESTINATION_SET,
	Q_DESTINATION_DROP,
	Q_QUEUE_FILL,
	Q_TO_ABANDON,
	Q_QUEUE_SUM,
	Q_QUEUE_PUT,
	Q_QUEUE_TAKE,
	Q_ASSIGN,
	Q_ASSIGNMENT,
	Q_EXPEDITE_COUNT,
	Q_UNLOCK_PUT,
	Q_UNLOCKED,
	Q_UNLOCK_RETRY,
	Q_UNLOCKING,
	Q_FACE_PUT,
	Q_FACE,
	Q_EXPEDITE_PUT,
	Q_EXPEDITE_END,
	Q_EXPEDITE_OVER,
	Q_EXPEDITE_MOVE,
	Q_EXPEDITE_MERGE,
	Q_IS_EXPEDITED,
	Q_EXPEDITES_CAMERA,
	Q_EXPEDITED_NEXT,
	Q_EXPEDITED_ROW,
	Q_QUEUE_DROP,
	Q_RECEIPTED,
	Q_MERGED_INTO,
	Q_POLICY_SCAN,
	Q_REQUIRED,
	Q_REQUIRED_PUT,
	Q_DOCKED,
	Q_CAMERA,
	Q_UNDOCKED,
	Q_ERASE_PUT,
	Q_ERASE_TAKE,
	Q_TROUBLES,
	Q_TROUBLES_BAY,
	Q_REFUSED_ASSET,
	Q_REFUSED_DESTINATION,
	Q_REFUSED_ALL,
	Q_ROW_ADD,
	Q_ROW,
	Q_ROW_LINK,
	Q_ROW_TODO,
	Q_ROW_SKIP,
	Q_ROWS_OF_ASSET,
	Q_ROWS,
	Q_GROWING,
	Q_CARRY,
	Q_LINK_ALL,
	Q_UNIQUE,
	Q_TODO_ALL,
	Q_MISSING,
	Q_FLAGGED,
	Q_UNLINKED,
	Q_NEXT,
	Q_BY_ASSET,
	Q_ROW_BY_PATH,
	Q_PURGE,
	Q_MENTION,
	Q_MENTIONS,
	Q_ORDER_RECORDS,
	Q_BEGAN,
	Q_BUNDLE_DUE,
	Q_BUNDLE_DONE,
	Q_TO_BUNDLE,
	Q_SHIPPED,
	Q_SHIPPED_PUT,
	/* preservation and retention */
	Q_ORDER,
	Q_ORDERS,
	Q_ORDERS_ACTIVE,
	Q_ORDER_LAST,
	Q_ORDER_PUT,
	Q_SIGNED_BY,
	Q_JUDGE_PUT,
	Q_JUDGE_TAKE,
	Q_TO_JUDGE,
	Q_JUDGE_UNSIGNED,
	Q_JUDGE_AGAIN,
	Q_INQUIRE_PUT,
	Q_INQUIRE_TAKE,
	Q_TO_INQUIRE,
	Q_DOCKING_JUDGING,
	Q_DOCKING_CHECKING,
	Q_DOCKING_HELD,
	Q_KEY_PUT,
	Q_KEY_REVOKE,
	Q_KEYS,
	Q_REPORT,
	Q_REPORT_BEGUN,
	Q_REPORTS,
	Q_FINDINGS_DROP,
	Q_LOG_STATE,
	Q_LOG_STATE_READ,
	Q_FINDING_PUT,
	Q_FINDINGS,
	Q_FINDINGS_ASSET,
	Q_FINDINGS_COUNT,
	Q_SIGNATURES_WRONG,
	Q_ASSETS_AT,
	Q_ASSETS_BESIDE,
	Q_SIDECARS,
	Q_AUDIT_LOGS,
	Q_AUDIT_CLIPS,
	Q_TO_CONFIRM,
	Q_TO_RETIRE,
	Q_LOST_OPEN,
	Q_RECEIPTS_REFUSED,
	Q_COVERED_ASSET,
	Q_COVERED_CAMERA,
	Q_COVERED_DOCKING,
	Q_COVERED_PERIOD,
	Q_PRESERVED,
	Q_TO_CLASS,
	Q_DUE,
	Q_IS_RECEIPTED,
	Q_HAS_FINDING,
	Q_DISPOSALS,
	Q_DISPOSAL,
	Q_DISPOSAL_PUT,
	Q_DISPOSAL_DROP,
	Q_OVERDUE,
	Q_FORGET,
	Q_AHEAD,
	Q_WAITS,
	Q_HOURS,
	Q_BOUND,
	Q_BOUND_PUT,
	Q_BOUND_OTHER,
	Q_REBOUND,
	Q_REBOUND_BEGUN,
	Q_REBOUND_ALL,
	Q_REBOUND_HERE,
	Q_REBOUND_SHIPPED,
	Q_BOUND_NEXT,
	Q_FAILING,
	Q_FAILING_PUT,
	Q_FAILING_END,
	Q_FAILING_DROP,
	Q_DOUBTED,
	Q_HELD,
	Q_HEALTH_PUT,
	Q_HEALTH_PRUNE,
	Q_HEALTH_CAMERA,
	Q_HEALTH_SPEED,
	Q_HEALTH_MISHAP,
	Q_HEALTH_CURRENT,
	Q_HEALTH_CALM,
	Q_HEALTH_CALM_ALL,
	Q_HEALTH_PORT,
	Q_HEALTH_OF_CAMERA,
	Q_BEST_SPEED,
	Q_CURRENT,
	Q_CURRENT_PUT,
	Q_FLOW_ADD,
	Q_FLOW,
	Q_FLOW_FIRST,
	Q_KNOWN_PUT,
	Q_KNOWN_LEFT,
	Q_KNOWN_FILE,
	Q_KNOWN_ISSUED,
	Q_KNOWN_FORGET,
	Q_KNOWN,
	Q_KNOWN_ONE,
	Q_KNOWN_COUNT,
	Q_KNOWN_OVERDUE,
	Q_TALLIES,
	Q_TALLY_PUT,
	Q_BAY_SEEN,
	Q_STATEMENTS
};

/* An asset with what the index keeps beside it. */
struct entry {
	struct asset a;
	uint32_t receipts; /* destinations that have given one; a merged asset's are the other's */
	bool receipted;    /* as the policy asks */
	bool queued;       /* still has to be brought to its receipts */
	int64_t since_s;   /* when it was staged first; staged_at_s moves with each check */
	int64_t confirmed_s; /* since when every destination the policy asks has confirmed it; 0 */
};

/* One record being applied. */
struct act {
	struct index *ix;
	const struct record *r;
	uint64_t seq;
	int64_t time_s;
	uint64_t asset, docking;
};

struct destination {
	int64_t number;
	char name[PROTO_NAME_LEN];
	uint64_t count, bytes; /* assets waiting for it */
	bool changed;
	uint32_t kinds; /* that it takes: bits 1 << enum object_kind */
	uint32_t deliver_s;
};

#define KINDS_ALL UINT32_MAX

/* What a docking's camera shows: the last whole listing, the one being told, and the sums. */
struct listing {
	uint64_t docking;
	int64_t whole, coming; /* listing numbers, 0: none */
	struct listing_sum sum;
	uint64_t logs_open; /* log rows whose asset is not receipted */
};

struct index {
	sqlite3 *db;
	sqlite3_stmt *statement[Q_STATEMENTS];
	bool writing; /* a transaction is open */
	bool changed; /* the state row has to be written */
	uint64_t applied, last_asset, last_docking;
	int64_t time_s;                  /* of the record that is being applied */
	uint64_t findings;               /* rows, kept */
	uint64_t expedites;              /* rows, kept */
	uint64_t told;                   /* the last record that is not of our own sending */
	uint64_t new_asset, new_docking; /* handed out so far */
	struct index_counts counts;
	bool any;
	size_t required_n;
	char required[INDEX_DESTINATIONS][PROTO_NAME_LEN];
	uint32_t required_kinds[INDEX_DESTINATIONS];
	size_t destinations_n;
	struct destination destination[INDEX_DESTINATIONS];
	size_t listings_n;
	struct listing listing[INDEX_LISTINGS];
	int64_t last_listing;
	size_t dead_n; /* listings whose rows are still to be deleted */
	int64_t dead[2 * INDEX_LISTINGS];
	struct order *orders; /* those in force, NULL: never asked for */
	size_t orders_n;
	bool orders_known;
	size_t unmet_n; /* destinations that have still to say what they are */
	char unmet[INDEX_DESTINATIONS][PROTO_NAME_LEN];
	struct tally tally;
};

/* SQLite's word as -errno: -EUCLEAN corrupt, -ENOSPC, -ENOMEM, else -EIO. */
int db_error(int rc);

/*
 * A statement, ready with its values: i = int64_t, t = const char *. 0 or -errno.
 */
int db_query(
    struct index *ix, enum statement q, const char *sql, sqlite3_stmt **st, const char *types, ...);
/* The next row: 1, or 0 at the end, or -errno; after 0 and -errno the statement is at rest. */
int db_step(sqlite3_stmt *st);
/* The first column of all rows of a statement that db_query gave with rc. Count or -errno. */
int db_numbers(sqlite3_stmt *st, int rc, uint64_t *numbers);
/* The same of its first row alone. 0, -ENOENT (it has none, *out stays as it was) or -errno. */
int db_value(sqlite3_stmt *st, int rc, int64_t *out);
/* Whether it has a row: 1, 0 or -errno. */
int db_any(sqlite3_stmt *st, int rc);
/* A statement that gives no rows, or whose rows do not matter. 0 or -errno. */
int db_run(struct index *ix, enum statement q, const char *sql, const char *types, ...);
int db_exec(struct index *ix, const char *sql);
void db_text(sqlite3_stmt *st, int column, char *out, size_t room);

static inline uint64_t db_u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

static inline int db_number(sqlite3_stmt *st, int rc, uint64_t *out)
{
	return db_value(st, rc, (int64_t *)out);
}

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

/* What a record says under a key; 0, "" or false where it does not. */
uint64_t act_number(const struct act *a, const char *key);
void act_text(const struct act *a, const char *key, char *out, size_t room);
bool act_is(const struct act *a, const char *key, const char *word);

/* Records about uploads (index_receipt). */
int apply_upload(struct act *a);
int apply_created(struct act *a);
int apply_recreated(struct act *a);
int apply_receipted(struct act *a);
int apply_receipt_refused(struct act *a);
int apply_refused(struct act *a);
int apply_confirmed(struct act *a);
int apply_lost(struct act *a);
int apply_held(struct act *a);
int apply_retired(struct act *a);
int apply_switched(struct act *a);
int apply_abandoned(struct act *a);
int apply_expedited(struct act *a);
int apply_assigned(struct act *a);
int apply_unlock(struct act *a);
/* bay "": of all. */
int unlock_retry(struct index *ix, const char *bay);
int apply_unlocked(struct act *a);
int apply_preserve(struct act *a);
int apply_lift(struct act *a);
int apply_marked(struct act *a);
int apply_dispose_intent(struct act *a);
int apply_disposed(struct act *a);
/* `policy`, where an index is being rebuilt (index_policy). */
int apply_policy(struct act *a);
/* `retry` (index_retry). */
int apply_retry(struct act *a);
/* Records about bindings (index_binding). */
int apply_bound(struct act *a);
int apply_another(struct act *a);
int apply_rebound(struct act *a);
int apply_failing(struct act *a);
int apply_working(struct act *a);
/* Forgets what is at the destination: the next upload there begins anew. */
void upload_anew(struct upload *u);

/* Its place in the queue of a destination, or none; and of all assets, for a new destination. */
int queue_renew(struct index *ix, struct destination *d, uint64_t asset);
int queue_move(struct index *ix, uint64_t asset); /* the same in all queues */
int queue_fill(struct index *ix, struct destination *d);

/* The destination of this name; one not known yet gets its queue filled. 0 or -errno. */
int destination_find(struct index *ix, const char *name, struct destination **out);

/* A change of an asset for the listings that show it. */
int listing_follow(struct index *ix, const struct entry *before, const struct entry *after);
/* What a record, once applied, means for proofs: what it names, whose bundle is due (index_proof). */
int mention_note(struct index *ix, uint64_t seq, const struct record *r);

/* What a record, once applied, gives reason to judge or audit (index_evidence). 0 or -errno. */
int evidence_note(struct index *ix, uint64_t seq, int64_t time_s, const struct record *r);
/* Counts what is kept in memory. 0 or -errno. */
int evidence_open(struct index *ix);
int expedite_open(struct index *ix);
/* What a record, once applied, ends of what was expedited. 0 or -errno. */
int expedite_note(struct index *ix, const struct record *r);
int expedite_end(struct index *ix);
/* What a record, once applied, says of the health of bays and cameras (index_health). */
int health_note(struct index *ix, const struct record *r);

/* What a change of an asset means for the days' sums (index_flow). */
int flow_note(struct index *ix, const struct entry *before, const struct entry *after);
/* What a record, once applied, says of the cameras that come here (index_camera). */
int known_note(struct index *ix, int64_t time_s, const struct record *r);
/* What a record, once applied, adds to the sums; and how they are kept (index_tally). */
int tally_note(struct index *ix, const struct record *r);
int tally_open(struct index *ix);
int tally_write(struct index *ix);
/* The clip of the record has its first receipt from there: how long that took. */
int tally_delay(struct act *a, const char *destination);

/* A signature that is there and does not hold. */
#define SIGNATURE_WRONG "signature NOT IN ('', 'valid', 'unsigned', 'cut-short')"

/* All sums anew (the policy changed). */
int listing_resum(struct index *ix);
/* Its name goes where nothing of it is left to go and no camera has it. */
int disposal_forget(struct index *ix, uint64_t asset);

/* Deletes some of the rows that nobody will ask for again. */
int listing_purge(struct index *ix);

#endif
