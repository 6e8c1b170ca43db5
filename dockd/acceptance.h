/*
 * acceptance: whether a receipt that claims to be signed is.
 *
 * Called by uplink (receipts of uploads) and reconcile (confirmations). It hands the server's own
 * words, what they ought to say and the pinned keys to dockd-verify; it reads none of them itself,
 * and it records nothing. No answer of dockd-verify is an answer, too: the receipt is no good.
 */
#ifndef DOCKD_ACCEPTANCE_H
#define DOCKD_ACCEPTANCE_H

#include "config.h"
#include "journal.h"
#include "verifier.h"

#include "base/proto_upload.h"
#include "base/proto_verify.h"

#define CLAIMS_MAX 64 /* receipts that are being checked, or wait for that */

struct acceptance;

/* What a receipt has shown; valid during `done`. */
struct accepted {
	enum receipt_result result; /* 0: it could not be checked */
	int64_t server_s;           /* RECEIPT_GOOD: the server's time */
	uint64_t asset;
	char destination[PROTO_NAME_LEN];
	struct proto_receipt receipt; /* as it was handed over */
	char signer[PROTO_TEXT_LEN];  /* name of the key */
	char version[PROTO_TEXT_LEN];
	char text[PROTO_TEXT_LEN * 2]; /* why it is no good */
};

struct acceptance *acceptance_new(struct journal *j, struct verifier *v);
/* After verifier_free. */
void acceptance_free(struct acceptance *a);
void acceptance_configure(struct acceptance *a, const struct config *c);

/*
 * Has a receipt checked for an asset at a destination: it must be of after began_s. `done` is
 * called once, later, from the loop. 0; -EAGAIN: too many wait already; -ENOENT: no such asset.
 */
int acceptance_ask(struct acceptance *a, uint64_t asset, const char *destination, int64_t began_s,
    const struct proto_receipt *receipt, void (*done)(void *arg, const struct accepted *what),
    void *arg);
/* Each turn: hands on what waits. */
void acceptance_plan(struct acceptance *a);
/*
 * Numbers of the assets whose receipts of this destination have no answer yet, into asset (room for
 * CLAIMS_MAX). Count.
 */
size_t acceptance_open(const struct acceptance *a, const char *destination, uint64_t *asset);
bool acceptance_idle(const struct acceptance *a);

/* "good", "bad-signature" ...; "unchecked" for 0. */
const char *acceptance_word(enum receipt_result r);

#endif
