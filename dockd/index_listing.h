/*
 * index_listing: what the camera of a docking shows now.
 *
 * Listings live in the index alone and are told afresh by each worker.
 */
#ifndef DOCKD_INDEX_LISTING_H
#define DOCKD_INDEX_LISTING_H

#include "index.h"

struct proto_object;

struct listing_row {
	uint64_t row;
	uint64_t asset; /* 0: not yet linked */
	uint64_t handle;
	uint32_t storage, flags;
	enum object_kind kind;
	uint64_t size_bytes;
	uint64_t told_bytes; /* as the camera's table says */
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
	uint64_t flagged_bytes;          /* of pending files that the camera protects */
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
 * gone ones, nor to one that a destination lost after its copy here went; never two rows to one
 * asset; where two rows or two assets look alike (two storages), only the link from the listing
 * before is kept, and the rest is pulled again. 0 or -errno.
 */
int listing_end(struct index *ix, uint64_t docking, const char *camera, int64_t now_s);

/* Rows that no asset is linked to, not ignored or skipped, up to room. Count or -errno. */
int listing_unlinked(struct index *ix, uint64_t docking, struct listing_row *out, size_t room);
int listing_link(struct index *ix, uint64_t docking, uint64_t row, uint64_t asset);

/*
 * The next row to pull: asset on rung LISTED, not needs_person, row not skipped; logs and sidecars
 * first, then flagged ones, growing last, then oldest time, then row. only_first: logs and sidecars
 * only. 0, -ENOENT.
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

#endif
