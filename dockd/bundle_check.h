/*
 * bundle_check: whether a proof bundle (dockd-bundle(5)) is good, and what it says; pure.
 *
 * Used by dockctl on any machine, and by the fuzzer. What a bundle says counts only where `good`:
 * each record proved, each about this file, nothing else in it. Who made it nobody knows before its
 * key was compared: its bytes are hostile.
 */
#ifndef DOCKD_BUNDLE_CHECK_H
#define DOCKD_BUNDLE_CHECK_H

#include "base/note.h"
#include "base/proto.h"
#include "base/record.h"
#include "tlog.h"

#define BUNDLE_LINES_MAX 1000
#define BUNDLE_BYTES_MAX (16u << 20)
#define BUNDLE_RECEIPTS 16
#define BUNDLE_KEYS 8 /* of receipts */

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
	uint32_t held;          /* enum hold */
	int64_t began_s;        /* when what is there was begun; PROTO_NO_TIME not known */
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
	struct note_key receipt[BUNDLE_KEYS];
};

/* Takes bytes (malloc'ed) and judges them; all that it says is in out. */
void bundle_check(char *bytes, size_t n, const struct bundle_keys *keys, struct bundle_view *out);
void bundle_free(struct bundle_view *v);
/* It is not good, for this reason. false. */
bool bundle_refuse(struct bundle_view *v, const char *form, ...)
    __attribute__((format(printf, 2, 3)));

const char *receipt_state_word(enum receipt_state s);

#endif
