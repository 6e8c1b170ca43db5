/*
 * index_asset: assets and their uploads, by number, by name, by what is to be done with them.
 */
#ifndef DOCKD_INDEX_ASSET_H
#define DOCKD_INDEX_ASSET_H

#include "index.h"

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

/*
 * Whether it counts as receipted although its receipts are not what the policy asks, or cannot be
 * read. What another store gave counts here: who asks looks at `doubted` as well.
 */
bool index_overstates(struct index *ix, uint64_t asset);

/* An asset with this id other than `than`, whose bytes are held or receipted. 0, -ENOENT. */
int index_asset_by_id(struct index *ix, const char *id, uint64_t than, struct asset *out);

/* Assets merged into this one, with number > after. Count or -errno. */
int index_merged(struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room);

/* The newest asset of this camera and path on rung LISTED, whatever its size. 0, -ENOENT. */
int index_asset_by_path(struct index *ix, const char *camera, const char *path, struct asset *out);

/* Assets with number > after, sealed, on rung STAGED, without trouble (to be verified). Count. */
int index_to_verify(struct index *ix, uint64_t after, uint64_t *numbers, size_t room);

/*
 * Assets of this docking's camera, found in dockings so far, that are not erased and have a receipt
 * from somewhere; merged ones too, by the receipts of the other. Count.
 */
int index_to_erase(
    struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers, size_t room);

/* Open erase intents without outcome: number, docking pairs. Count or -errno. */
int index_open_erases(struct index *ix, uint64_t *assets, uint64_t *dockings, size_t room);
bool index_is_receipted(struct index *ix, uint64_t asset); /* as the policy asks */

#endif
