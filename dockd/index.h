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
#include "order.h"
#include "upload_order.h"

#include "base/proto_camera.h"
#include "base/record.h"

struct index;

/* 0 or -errno. The caller then replays the ledger from index_applied()+1 through index_apply. */
int index_open(const char *path, struct index **out);
void index_close(struct index *ix);

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

/*
 * Which destinations an asset must reach, and whether one of them is enough: what "receipted" means
 * in counts, sums and queued. Kept in the index; costs a walk over all receipted assets when it
 * differs from the last one. Until it is told, one receipt from anywhere counts. Destinations not
 * named lose their queue (asking for one makes it anew). Committed with the next commit.
 */
int index_set_policy(struct index *ix, const char *const *destinations, size_t n, bool any);

/* The same, where a destination takes some kinds only: it must have those, and gets no others. */
struct index_route {
	const char *destination;
	uint32_t kinds;     /* bits 1 << enum object_kind */
	uint32_t deliver_s; /* what is staged is due so long after; 0: no day */
};
int index_set_routes(struct index *ix, const struct index_route *routes, size_t n, bool any);
/* Which of these (bits 1 << kind) the destination takes; one that no route names takes all. */
uint32_t index_takes(const struct index *ix, const char *destination, uint32_t kinds);

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

/* 0, -ENOENT, or -errno. The uploads of a merged asset are those of the one it was merged into. */
int index_asset(struct index *ix, uint64_t number, struct asset *out);
int index_upload(struct index *ix, uint64_t asset, const char *destination, struct upload *out);

/*
 * Up to room assets with number > after, in order. queued: only those not receipted as the policy
 * asks (and not merged, gone or retired). Count or -errno.
 */
int index_assets(struct index *ix, uint64_t after, bool queued, struct asset *out, size_t room);
/* All uploads of one asset, up to room. Count or -errno. */
int index_uploads(struct index *ix, uint64_t asset, struct upload *out, size_t room);

/* An asset with this id other than `than`, whose bytes are held or receipted. 0, -ENOENT. */
int index_asset_by_id(struct index *ix, const char *id, uint64_t than, struct asset *out);

/* Assets merged into this one, with number > after. Count or -errno. */
int index_merged(struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room);

/* The newest asset of this camera and path on rung LISTED, whatever its size. 0, -ENOENT. */
int index_asset_by_path(struct index *ix, const char *camera, const char *path, struct asset *out);

/* Assets with number > after, sealed, on rung STAGED, without trouble (to be verified). Count. */
int index_to_verify(struct index *ix, uint64_t after, uint64_t *numbers, size_t room);

/* Which of those that wait for a destination are looked for. */
struct index_wish {
	bool fresh;           /* policy any: not yet begun anywhere; else begun there, or all */
	bool large;           /* above UPLOAD_LARGE_BYTES, or up to it */
	const uint64_t *skip; /* numbers under way or backing off in memory */
	size_t skip_n;
	size_t each; /* of one docking, within one class and hour; >= 1 */
};
/*
 * Those that are next (see upload_order), in its order but for the turns of the dockings: sealed,
 * CHECKED, not merged, not receipted there, not refused; with policy any not begun elsewhere and
 * receipted nowhere. Ends after the class and hour in which it has `each`. Cost: what it gives and
 * what it skips, however many wait. Count or -errno.
 */
int index_candidates(struct index *ix, const char *destination, const struct index_wish *wish,
    struct candidate *out, size_t room);
int index_queued(struct index *ix, const char *destination, uint64_t *count, uint64_t *bytes);

/* One of those that wait for a destination (index_outlook). */
struct index_ahead {
	uint64_t asset, size_bytes;
	int64_t
	    deadline_s; /* when it should be there, is disposed of or forgotten there; 0 no day */
	bool expedited; /* these come first */
};
/*
 * The first `room` of them, in the order in which they are sent: each to take, which ends it by
 * another number than 0. How many were given, or -errno, or what take said below 0.
 */
int index_ahead(struct index *ix, const char *destination, size_t room,
    int (*take)(void *arg, const struct index_ahead *row), void *arg);
/* Whether this one waits for it. */
bool index_waits(struct index *ix, const char *destination, uint64_t asset);
/* What waits of one class and hour. */
struct index_hour {
	uint64_t bytes, count;
	int64_t deadline_s; /* of none of them earlier; 0 no day */
};
/* All that waits, by the hour, in the order in which it is sent, each to take. As index_ahead. */
int index_hours(struct index *ix, const char *destination,
    int (*take)(void *arg, const struct index_hour *hour), void *arg);

/* ---- what a person wants first (index_expedite) ---- */

uint64_t index_expedites(const struct index *ix); /* in force */
bool index_is_expedited(struct index *ix, uint64_t asset);
/* Something of this camera is to be read first. */
bool index_expedites_camera(struct index *ix, const char *camera);
/* What is not receipted of a camera up to this docking, number > after. Count or -errno. */
int index_expedited_next(struct index *ix, const char *camera, uint64_t docking, uint64_t after,
    uint64_t *numbers, size_t room);
/*
 * Assets of this docking's camera, found in dockings so far, that are not erased and have a receipt
 * from somewhere; merged ones too, by the receipts of the other. Count.
 */
int index_to_erase(
    struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers, size_t room);

/* Open erase intents without outcome: number, docking pairs. Count or -errno. */
int index_open_erases(struct index *ix, uint64_t *assets, uint64_t *dockings, size_t room);

/* ---- receipts and the copies behind them (index_receipt) ---- */

/* Where a walk over what is due has come to; zeros: its beginning. */
struct confirm_place {
	int64_t since_s;
	uint64_t asset;
};

/* Why a destination is asked whether it still has something. */
enum confirm {
	CONFIRM_FIRST = 1, /* never asked since its receipt */
	CONFIRM_AGAIN,     /* it has confirmed it, and there is still a copy here */
	CONFIRM_DOUBTED,   /* bound anew since the receipt, and there is still a copy here */
};

/*
 * The next asset after `place`, oldest first, for which a destination is to be asked for this
 * reason: receipted there, not disposed of, and receipted or confirmed last before before_s. While no
 * order is in force nothing that is marked for disposal; else it is the caller's to ask whether one
 * covers it. 0, -ENOENT, -errno.
 */
int index_to_confirm(struct index *ix, const char *destination, enum confirm why, int64_t before_s,
    struct confirm_place *place);
/* The next clip or other file whose receipts the policy's destinations have confirmed. As above. */
int index_to_retire(struct index *ix, struct confirm_place *place);
/* What another destination took over and has receipted since, and was begun here. 0, -ENOENT. */
int index_to_abandon(struct index *ix, const char *destination, uint64_t *asset);
/*
 * Uploads that a destination has lost and does not have again, of assets not receipted as the policy
 * asks and not settled by a person's `retry`; and uploads of such assets whose last receipt was no
 * good.
 */
int index_receipt_troubles(struct index *ix, uint64_t *lost, uint64_t *refused);

/* ---- what destinations are bound to (index_binding) ---- */

struct bound {
	char identity[PROTO_ADDRESS_LEN + 256]; /* "": the next one that it tells */
	char other[PROTO_ADDRESS_LEN + 256];    /* what answers under its name instead; "" none */
};
int index_bound(struct index *ix, const char *destination, struct bound *out); /* 0, -ENOENT */
/*
 * The next one, by name after `name`, that was ever bound: its name into `name`, and how many holds
 * it states. 0, -ENOENT, -errno.
 */
int index_bound_next(struct index *ix, char name[PROTO_NAME_LEN], uint64_t *held);
/* How long a destination had failed when that was put on record. 0, -ENOENT. */
struct failing {
	int64_t seconds;
	int64_t at_s; /* steady clock of that boot */
	char boot[40];
};
int index_failing(struct index *ix, const char *destination, struct failing *out);
/* Whether another one answers for a destination that takes such things. */
bool index_astray(struct index *ix, enum object_kind kind);
/* Receipts of a destination from before it was bound anew, of which there is a copy here. */
int index_doubted(struct index *ix, const char *destination, uint64_t *count);

struct docking {
	uint64_t number;
	int64_t began_s, ended_s; /* 0: still open */
	char bay[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char serial[PROTO_TEXT_LEN];     /* USB iSerial */
	char camera[PROTO_TEXT_LEN + 4]; /* identity, "" until told */
	char profile[PROTO_NAME_LEN];
	int64_t offset_ms; /* camera clock minus station when it came; PROTO_NO_TIME not known */
	bool synchronised; /* the station's own clock was, when offset_ms was measured */
	bool held;         /* when it ended, all that the camera showed was held and checked */
	uint64_t report;   /* asset: its activation report; 0 none yet */
};
int index_open_dockings(struct index *ix, struct docking *out, size_t room); /* count */
int index_docking(struct index *ix, uint64_t number, struct docking *out);
/* The docking of this camera before that one. 0, -ENOENT. */
int index_docking_before(
    struct index *ix, const char *camera, uint64_t number, struct docking *out);

/* ---- listings: what the camera of a docking shows now ---- */

struct listing_row {
	uint64_t row;
	uint64_t asset; /* 0: not yet linked */
	uint32_t storage, handle, flags;
	enum object_kind kind;
	uint64_t size_bytes;
	int64_t mtime_s;
	bool growing; /* its size differed between two listings: last */
	char path[PROTO_PATH_LEN];
};

struct listing_sum {
	uint64_t objects, bytes;         /* clips, sidecars, logs and others; not ignored ones */
	uint64_t pending, pending_bytes; /* still to be pulled: what listing_next would give */
	uint64_t held;                   /* linked, STAGED or more */
	uint64_t checked;                /* linked, CHECKED or more */
	uint64_t receipted;              /* linked, receipted as the policy asks */
	uint64_t first_pending;          /* logs and sidecars among pending */
	uint64_t troubled;               /* linked to assets that need a person */
};

/*
 * A new listing of this docking begins; the rows of the one before are kept to compare with, and
 * all questions are answered from them until listing_end. -ENOSPC: more than 128 dockings list.
 */
int listing_begin(struct index *ix, uint64_t docking);
int listing_add(struct index *ix, uint64_t docking, const struct proto_object *o);
/*
 * The listing is whole: marks as growing what was there before with another size, drops the old
 * rows, and links rows to known assets of this camera: same path and size and time, and (time
 * plausible, or the asset still on rung LISTED, or last pulled in this docking). Never to erased or
 * gone ones, nor to one that a destination lost after its copy here went; never two rows to one asset; where two rows or two assets look alike (two storages),
 * only the link from the listing before is kept, and the rest is pulled again. 0 or -errno.
 */
int listing_end(struct index *ix, uint64_t docking, const char *camera, int64_t now_s);
/* Rows that no asset is linked to, not ignored or skipped, up to room. Count or -errno. */
int listing_unlinked(struct index *ix, uint64_t docking, struct listing_row *out, size_t room);
int listing_link(struct index *ix, uint64_t docking, uint64_t row, uint64_t asset);
/*
 * The next row to pull: asset on rung LISTED, not needs_person, row not skipped; logs and sidecars
 * first, growing last, then oldest time, then row. only_first: logs and sidecars only. 0, -ENOENT.
 */
int listing_next(struct index *ix, uint64_t docking, bool only_first, struct listing_row *out);
/* The row of an asset that is expedited by itself and still to be pulled. 0, -ENOENT. */
int listing_expedited(struct index *ix, uint64_t docking, struct listing_row *out);
/* Leaves a row out until the next listing (it changed, vanished, was refused). */
int listing_skip(struct index *ix, uint64_t docking, uint64_t row);
int listing_by_asset(struct index *ix, uint64_t docking, uint64_t asset, struct listing_row *out);
/* Any row of the listing with this path. 0, -ENOENT. */
int listing_by_path(struct index *ix, uint64_t docking, const char *path, struct listing_row *out);
int listing_sum(struct index *ix, uint64_t docking, struct listing_sum *out);
/* Newest earlier log of this camera and path, smaller than size, sealed: a prefix. 0, -ENOENT. */
int index_log_prefix(
    struct index *ix, const char *camera, const char *path, uint64_t size_bytes, struct asset *out);
/*
 * The newest asset of this camera and path that was found, pulled or compared in this docking, on
 * any rung, and that no row of the listing is linked to: the object grew, or the log got longer,
 * since. 0, -ENOENT.
 */
int index_asset_in_docking(
    struct index *ix, uint64_t docking, const char *camera, const char *path, struct asset *out);
/* Log rows of the listing whose asset is not receipted as the policy asks. Count or -errno. */
int listing_logs_open(struct index *ix, uint64_t docking);
/*
 * Assets of this docking's camera on rung LISTED, not gone, that its listing does not show; number
 * > after. Means "gone" only where the listing was whole and not truncated. Count or -errno.
 */
int listing_missing(
    struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers, size_t room);
/* Linked assets that the camera protects, and that are not on record as that. Count or -errno. */
int listing_flagged(struct index *ix, uint64_t docking, uint64_t *numbers, size_t room);
int listing_drop(struct index *ix, uint64_t docking);

/* ---- signatures, keys, audits (index_evidence.c) ---- */

/*
 * Assets with number > after that were checked, and whose pair is still to be looked for: signed
 * files and signatures alike. again: also where it was judged by the same signature. Count.
 */
int index_to_judge(struct index *ix, uint64_t after, uint64_t *numbers, bool *again, size_t room);
/* It is to be judged. 0 or -errno. */
int index_judge(struct index *ix, uint64_t asset);
/* Nothing is to be judged of it for now. 0 or -errno. */
int index_judged(struct index *ix, uint64_t asset);
/* A list of digests came: all of this camera without a signature may be in it. 0 or -errno. */
int index_judge_unsigned(struct index *ix, const char *camera);

/* Checked assets of this camera and path, newest first. Count or -errno. */
int index_assets_at(
    struct index *ix, const char *camera, const char *path, struct asset *out, size_t room);
/* Checked assets, no sidecars, whose paths are "STEM.something"; further '/' may follow. Count. */
int index_assets_beside(
    struct index *ix, const char *camera, const char *stem, struct asset *out, size_t room);
/* Checked sidecars of this camera with number < before, newest first. Count or -errno. */
int index_sidecars(
    struct index *ix, const char *camera, uint64_t before, struct asset *out, size_t room);

struct camera_key {
	char camera[PROTO_TEXT_LEN + 4];
	char fingerprint[PROTO_ID_LEN]; /* hex of SHA-256 over the key */
	enum signing_scheme scheme;
	char key[1024]; /* SubjectPublicKeyInfo, base64 */
	int64_t enrolled_s, revoked_s;
	uint32_t uid;
};
/* Of this camera, or "" of all; skip: so many rows are passed over. Count or -errno. */
int index_keys(
    struct index *ix, const char *camera, uint64_t skip, struct camera_key *out, size_t room);

/* Dockings with number > after that something new came of since their audit. Count or -errno. */
int index_to_inquire(struct index *ix, uint64_t after, uint64_t *numbers, size_t room);
/* Nothing is to be audited of it for now. 0 or -errno. */
int index_inquired(struct index *ix, uint64_t docking);
/* Whether a file of it waits for its digest (judged false) or its signature. 1, 0 or -errno. */
int index_docking_open(struct index *ix, uint64_t docking, bool judged);
/* Whether anything of it is held and checked. 1, 0 or -errno. */
int index_docking_held(struct index *ix, uint64_t docking);
/* Its checked logs, oldest first; of more than room the newest. Count or -errno. */
int index_audit_logs(struct index *ix, uint64_t docking, uint64_t *numbers, size_t room);
/*
 * Every recording of this camera that was not erased from it before docking `since`; in no order.
 * 0, or what take said (< 0 ends it), or -errno.
 */
int index_audit_clips(struct index *ix, const char *camera, uint64_t since,
    int (*take)(void *arg, const struct asset *a), void *arg);
/* The report of this docking that was begun and not made. 0, -ENOENT. */
int index_report_begun(struct index *ix, uint64_t docking, struct asset *out);

/* The last line of a camera's audit log, as audited at another docking than this one. */
struct log_state {
	uint64_t seq, docking;
	int64_t time_s;
	char sha256[PROTO_ID_LEN];
};
int index_log_state(struct index *ix, const char *camera, uint64_t docking, struct log_state *out);

struct report_wish {
	const char *camera; /* "" all */
	uint64_t docking;   /* 0 all */
	int64_t from_s, until_s;
};
/* Reports with number > after, the newest of each docking that touches the period. Count. */
int index_reports(
    struct index *ix, const struct report_wish *w, uint64_t after, struct asset *out, size_t room);

struct finding {
	uint64_t seq, docking, asset; /* seq: of its record */
	char code[32];
	char text[PROTO_TEXT_LEN * 2];
};
/* Of this docking, or (docking 0) of this asset. Count or -errno. */
int index_findings(
    struct index *ix, uint64_t docking, uint64_t asset, struct finding *out, size_t room);
uint64_t index_findings_count(const struct index *ix);
/* Assets whose signature is there and does not hold. 0 or -errno. */
int index_signatures_wrong(struct index *ix, uint64_t *count);

/* ---- proofs (index_proof.c) ---- */

enum mention { MENTION_ASSET = 0, MENTION_DOCKING, MENTION_BEGAN, MENTION_ORDER };

/*
 * Numbers of the records after `after` that name this asset (but `durable`, `bundled`), or this
 * docking and no asset (or are its `audited`), or this preservation order; ascending. Count or
 * -errno.
 */
int index_mentions(struct index *ix, enum mention what, uint64_t number, uint64_t after,
    uint64_t *seqs, size_t room);
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
/* ---- preservation and retention: index_order.c ---- */

/* 0, -ENOENT, or -errno. */
int index_order(struct index *ix, uint64_t number, struct order *out);
/* Orders with number > after, lifted ones too. Count or -errno. */
int index_orders(struct index *ix, uint64_t after, struct order *out, size_t room);
/* Those in force; *out is good until the next record. Count or -errno (-E2BIG: more than fit). */
int index_active_orders(struct index *ix, const struct order **out);
uint64_t index_new_order(struct index *ix); /* 0: the index cannot be read */
/* Assets whose signature was judged by this sidecar, number > after. Count or -errno. */
int index_signed_by(
    struct index *ix, uint64_t sidecar, uint64_t after, uint64_t *numbers, size_t room);
/* Assets that this order covers, lifted or not, number > after. Count or -errno. */
int index_covered(
    struct index *ix, const struct order *o, uint64_t after, uint64_t *numbers, size_t room);

/* Assets of which this destination states a hold, number > after. Count or -errno. */
int index_held(
    struct index *ix, const char *destination, uint64_t after, uint64_t *numbers, size_t room);

/* How many assets the orders in force cover: asks them all. */
uint64_t index_preserved(struct index *ix);

/* Assets on CHECKED without a `retention` record. Count or -errno. */
int index_to_class(struct index *ix, uint64_t *numbers, size_t room);
/* Where a walk by deadline stands; all zero: at its beginning. */
struct due_place {
	int64_t dispose_by_s;
	uint64_t number;
};
/* Next assets with a deadline up to until_s, not disposed of, not merged; moves *at. Count. */
int index_due(
    struct index *ix, struct due_place *at, int64_t until_s, uint64_t *numbers, size_t room);
bool index_is_receipted(struct index *ix, uint64_t asset); /* as the policy asks */
/* Whether a finding names this asset, or its docking and no asset. Unreadable: yes. */
bool index_has_finding(struct index *ix, uint64_t asset, uint64_t docking);

/* One copy of a disposed asset that is still to go. */
struct disposal {
	uint64_t asset;
	char place[PROTO_NAME_LEN]; /* "station" or a destination */
	bool kept;                  /* there is no way to take it away there: on record */
	bool by_age;                /* else by order */
	int64_t again_s;            /* kept: tried again from then on; 0 never */
};
/* Copies of assets with number > after. Count or -errno. */
int index_disposals(struct index *ix, uint64_t after, struct disposal *out, size_t room);
/* This copy: 0, -ENOENT: it is not (or no longer) to go. */
int index_disposal(struct index *ix, uint64_t asset, const char *place, struct disposal *out);
/* Copies that should be gone by now. */
uint64_t index_overdue(struct index *ix, int64_t now_s);

#endif
