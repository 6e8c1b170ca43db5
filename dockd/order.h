/*
 * order: one preservation order, and what it covers; pure.
 *
 * Used by index (which keeps them), retention (which asks before anything is disposed of, retired
 * or erased) and control (which shows them). An order is looked at at each decision and never
 * copied into assets, so it covers what has not arrived yet as well. In doubt it covers.
 */
#ifndef DOCKD_ORDER_H
#define DOCKD_ORDER_H

#include "asset.h"

#include "base/proto_order.h"

#define ORDERS_MAX 1024 /* in force at once */

/*
 * A camera may date a recording by its beginning or its end, and may not have followed the change
 * to or from summer time: a period is taken wider by so much.
 */
#define ORDER_BEFORE_S (2 * 3600)
#define ORDER_AFTER_S (12 * 3600)

struct order {
	uint64_t number;
	enum order_scope scope;
	int64_t from_s, until_s;   /* UTC; PROTO_NO_TIME: open; from is in it, until is not */
	int64_t given_s, lifted_s; /* lifted 0: in force */
	uint32_t uid;
	/* asset: its id, or its number here; camera: identity; docking: number; period: camera or "" */
	char value[PROTO_TEXT_LEN + 4];
	char reason[PROTO_TEXT_LEN * 2];
};

/*
 * Whether this order covers this asset. A recording whose time is not proved is covered by a period
 * that it may lie in: one that began before the recording arrived.
 */
bool order_covers(const struct order *o, const struct asset *a);

const char *order_scope_word(enum order_scope s);                 /* "camera" */
int order_scope_of_word(const char *word, enum order_scope *out); /* 0 or -EINVAL */

#endif
