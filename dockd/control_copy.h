/*
 * control_copy: rows that tell what comes of each copy of an asset, by preserving or disposing.
 *
 * Used by control_order and control_disposal. Each gives 0 or -errno: the client is to be dropped.
 */
#ifndef DOCKD_CONTROL_COPY_H
#define DOCKD_CONTROL_COPY_H

#include "asset.h"
#include "base/proto_order.h"

struct client;

/* One row. where: "station", "camera" or a destination; text for people. */
int copy_send(
    struct client *k, uint64_t number, enum copy_state state, const char *where, const char *text);

/* One row by this function for each destination that has an upload of the asset. */
int copy_each(struct client *k, const struct asset *a,
    int (*row)(struct client *k, const struct asset *a, const struct upload *u));

/*
 * Until when the store locks it whatever anybody orders, as the end of a sentence; "" it does not.
 * Valid until the next call.
 */
const char *copy_locked(const struct upload *u);

#endif
