/*
 * index_policy: which destinations an asset must reach, as the index counts by it.
 *
 * Told by policy at start and at a reload.
 */
#ifndef DOCKD_INDEX_POLICY_H
#define DOCKD_INDEX_POLICY_H

#include "index.h"

/*
 * Which destinations an asset must reach, and whether one of them is enough: what "receipted" means
 * in counts, sums and queued. Kept in the index; costs a walk over all receipted assets when it
 * differs from the last one. Until it is told, one receipt from anywhere counts. Destinations not
 * named lose their queue (asking for one makes it anew). Committed with the next commit.
 */
int index_set_policy(struct index *ix, const char *const *destinations, size_t n, bool any);

/* The name of the i-th destination that has a queue. 0 or -ENOENT. */
int index_destination(const struct index *ix, size_t i, char name[PROTO_NAME_LEN]);

/* The same, where a destination takes some kinds only: it must have those, and gets no others. */
struct index_route {
	const char *destination;
	uint32_t kinds;     /* bits 1 << enum object_kind */
	uint32_t deliver_s; /* what is staged is due so long after; 0: no day */
};
int index_set_routes(struct index *ix, const struct index_route *routes, size_t n, bool any);

/* Which of these (bits 1 << kind) the destination takes; one that no route names takes all. */
uint32_t index_takes(const struct index *ix, const char *destination, uint32_t kinds);

#endif
