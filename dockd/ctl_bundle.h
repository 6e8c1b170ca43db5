/*
 * ctl_bundle: a proof bundle (dockd-bundle(5)) as dockctl reads and checks it, on any machine.
 *
 * Used by dockctl verify-bundle and statement. What a bundle says counts only after bundle_check
 * found it good: each record proved, each about this file, nothing else in it.
 */
#ifndef DOCKD_CTL_BUNDLE_H
#define DOCKD_CTL_BUNDLE_H

#include "base/note.h"
#include "base/record.h"
#include "ctl.h"
#include "tlog.h"

#define BUNDLE_LINES_MAX 1000
#define BUNDLE_BYTES_MAX (16u << 20)
#define BUNDLE_RECEIPTS 16

enum receipt_state {
	RECEIPT_STATE_UNSIGNED = 0,
	RECEIPT_STATE_NO_KEY, /* signed; none of the keys that were given signed it */
	RECEIPT_STATE_GOOD,
	RECEIPT_STATE_WRONG,
};

/* The newest receipt of one destination. */
struct bundle_receipt {
	uint64_t seq;
	char destination[PROTO_NAME_LEN];
	char level[32];
	char when[32]; /* recorded by the station */
	char signer[NOTE_NAME_LEN];
	char why[200]; /* WRONG */
	enum receipt_state state;
	/* what the store states of this version, by the newest record that tells it */
	char version[PROTO_TEXT_LEN];
	char lock[32];          /* "" none */
	int64_t retain_until_s; /* PROTO_NO_TIME none */
	bool held;
	int64_t began_s; /* when what is there was begun; PROTO_NO_TIME not known */
};

struct bundle_view {
	char *bytes; /* bundle_free's */
	size_t size;
	size_t lines; /* of records */
	struct {
		const char *text;
		size_t len;
	} line[BUNDLE_LINES_MAX];

	bool good;
	bool key_given;
	char problem[600]; /* "" where good */
	struct note_key key;
	struct tlog_checkpoint checkpoint;
	char checkpoint_note[RECORD_TEXT_MAX];
	uint64_t asset, length, omitted;
	char station[PROTO_NAME_LEN];
	char camera[PROTO_TEXT_LEN + 4];             /* by `found`; "" not in the bundle */
	char id[PROTO_ID_LEN], sha256[PROTO_ID_LEN]; /* by the newest `checked` record; "" none */
	size_t receipts;
	struct bundle_receipt receipt[BUNDLE_RECEIPTS];
};

struct bundle_keys {
	const char *key; /* of the station; NULL: the one in the bundle */
	size_t receipts;
	struct note_key receipt[CTL_REPEATS];
};

/* Takes bytes (malloc'ed) and judges them; all that it says is in out. */
void bundle_check(char *bytes, size_t n, const struct bundle_keys *keys, struct bundle_view *out);
void bundle_free(struct bundle_view *v);

/*
 * What the command line names (a bundle's file, or an asset of the daemon's), checked with the keys
 * that it gives. An enum ctl_exit; what went wrong before the check is on standard error.
 */
int bundle_take(struct ctl *c, const char *which, bool may_ask, struct bundle_view *out);

const char *receipt_state_word(enum receipt_state s);

#endif
