/*
 * index_retention: what goes by age, and the copies that are still to go.
 */
#ifndef DOCKD_INDEX_RETENTION_H
#define DOCKD_INDEX_RETENTION_H

#include "index.h"

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
