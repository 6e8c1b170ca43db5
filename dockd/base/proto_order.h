/*
 * proto_order: what is preserved, what is due, and what came of each copy.
 *
 * Rows of the answers to ASK_PRESERVE, ASK_LIFT, ASK_ORDERS, ASK_DUE and ASK_DISPOSE (proto_ctl.h).
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_ORDER_H
#define DOCKD_PROTO_ORDER_H

#include "proto.h"

#define DUE_REVIEW (1u << 0) /* the review list: what may never go by age */

enum order_scope { ORDER_ASSET = 1, ORDER_CAMERA, ORDER_DOCKING, ORDER_PERIOD };

enum copy_state {
	COPY_PRESERVED = 1, /* dockd keeps it, and nothing of ours takes it away */
	COPY_CONFIRMED,     /* the store was told, and confirmed */
	COPY_NOT_PRESERVED, /* text says what a person must do */
	COPY_GONE,          /* there is none */
	COPY_DISPOSED,      /* it is gone, by this command */
	COPY_KEPT,          /* it could not be reached or may not go: text says why */
};

struct proto_ctl_copy {
	uint64_t number; /* asset; 0: of what has not arrived yet */
	uint32_t state;  /* enum copy_state */
	uint32_t pad;
	char where[PROTO_NAME_LEN]; /* "station", "camera", or a destination */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_ctl_copy) == 336, "crank PROTO_VERSION");

struct proto_ctl_order {
	uint64_t number;
	uint64_t assets; /* that it covers now */
	uint32_t scope;  /* enum order_scope */
	uint32_t lifted;
	uint32_t uid;
	uint32_t pad;
	int64_t given_s, from_s, until_s;
	char value[PROTO_TEXT_LEN + 4]; /* asset id, camera, docking; "" a period of all cameras */
	char reason[PROTO_TEXT_LEN * 2];
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_order) == 448, "crank PROTO_VERSION");

enum due_stage { DUE_LISTED = 1, DUE_MARKED, DUE_NOW, DUE_NEVER };

struct proto_ctl_due {
	uint64_t number;
	int64_t recorded_s, dispose_by_s;
	uint32_t stage; /* enum due_stage */
	uint32_t pad;
	char asset[PROTO_ID_LEN];
	char camera[PROTO_TEXT_LEN + 4];
	char class[PROTO_CLASS_LEN];
	char reason[PROTO_TEXT_LEN * 2]; /* why it may not go by age, and who decides */
	char pad2[4];
};
_Static_assert(sizeof(struct proto_ctl_due) == 528, "crank PROTO_VERSION");

#endif
