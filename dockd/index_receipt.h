/*
 * index_receipt: receipts, and the copies behind them: which are to be asked for again, which let a
 * copy here go, which are in doubt.
 */
#ifndef DOCKD_INDEX_RECEIPT_H
#define DOCKD_INDEX_RECEIPT_H

#include "index.h"

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

#endif
