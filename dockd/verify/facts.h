/*
 * facts: what the core knows and hands over when a signature or a signed receipt is judged.
 *
 * Written by the core (judge, acceptance), read by judge_job. One line a fact, each with its
 * newline, in the form of ledger records (base/record.h); [ ] may be left out; times are UTC
 * seconds; bytes are lower-case hex unless told otherwise.
 *
 * VERIFY_SIGNATURE; descriptors: facts, sidecar, anchors and revocation lists (PEM; they may be
 * empty). The sidecar of scheme manifest is the signed list. In this order:
 *
 *   {"type":"asset"}    asset (id), serial (of the camera, as its maker writes it in certificates
 *                       and canonical lines), path (as listed), sha256, [sha384], [sha512], length,
 *                       docked (when the bytes came to this station: the station's own clock),
 *                       [recorded: when they were made, by the camera's clock, corrected],
 *                       [not-before: what was on the camera when its docking before this one ended
 *                       did not hold them, and it ended then],
 *                       clock-proved (1: recorded is corrected by an offset that was measured at
 *                       this docking; 0)
 *   {"type":"signing"}  scheme ("cms" "ecdsa" "ed25519" "manifest"), digests (words "sha256"
 *                       "sha384" "sha512", a space between: what the profile allows), [signer:
 *                       cms: "serial-number", the default, "common-name", "any"]
 *   {"type":"key"}      key (base64 of SubjectPublicKeyInfo, DER), serial (of the camera for which
 *                       it is enrolled; keys of other cameras may be told, so that a mix-up is
 *                       named), enrolled, [revoked]. Up to FACTS_KEYS_MAX; none for cms.
 *
 * VERIFY_RECEIPT; descriptors: facts, the raw note. In this order:
 *
 *   {"type":"receipt"}  asset (id), sha256, length, station, object (the last part of the upload's
 *                       address), sent (when the upload began), now: the receipt must say the same,
 *                       byte for byte
 *   {"type":"key"}      vkey (a note's verifier key), [from], [until]: 1 to FACTS_KEYS_MAX
 *
 * The answer is JUDGED, then RESULT: status 0 and a judgement; or JUDGED with result 0 and another
 * status: -EBADMSG (facts, anchors or revocation lists are not as agreed), -E2BIG (one of those is
 * too large), -EIO (an input could not be read): nothing was judged, and the trouble is ours.
 */
#ifndef DOCKD_VERIFY_FACTS_H
#define DOCKD_VERIFY_FACTS_H

#include "../base/note.h"
#include "../base/proto_verify.h"
#include "../base/record.h"

#define FACTS_MAX 65536 /* bytes of all lines */
#define FACTS_KEYS_MAX 32
#define SPKI_MAX 768 /* bytes of one camera key */

enum signer_is { SIGNER_IS_SERIAL_NUMBER = 0, SIGNER_IS_COMMON_NAME, SIGNER_IS_ANY };

/* Digests that a signature may be over; each may be used only where the asset has it. */
enum digest_name { DIGEST_IS_SHA256 = 0, DIGEST_IS_SHA384, DIGEST_IS_SHA512, DIGEST_NAMES };

struct signing_key {
	size_t len;
	uint8_t spki[SPKI_MAX];
	char serial[PROTO_TEXT_LEN + 4];
	int64_t enrolled_s, revoked_s; /* PROTO_NO_TIME: not */
};

struct signing_facts {
	char asset[PROTO_ID_LEN];
	char serial[PROTO_TEXT_LEN + 4];
	char path[PROTO_PATH_LEN];
	uint64_t length_bytes;
	bool has[DIGEST_NAMES];     /* the asset's digest was taken */
	bool allowed[DIGEST_NAMES]; /* the profile names it */
	uint8_t digest[DIGEST_NAMES][PROTO_SHA512_LEN];
	int64_t recorded_s, not_before_s, docked_s; /* PROTO_NO_TIME: not told */
	bool clock_proved;
	enum signing_scheme scheme;
	enum signer_is signer;
	unsigned keys;
	struct signing_key key[FACTS_KEYS_MAX];
};

struct receipt_facts {
	char asset[PROTO_ID_LEN];
	char station[PROTO_NAME_LEN];
	char object[PROTO_ADDRESS_LEN];
	char sha256[PROTO_ID_LEN]; /* hex */
	uint64_t length_bytes;
	int64_t sent_s, now_s;
	unsigned keys;
	struct note_key key[FACTS_KEYS_MAX];
	int64_t from_s[FACTS_KEYS_MAX], until_s[FACTS_KEYS_MAX]; /* PROTO_NO_TIME: open */
};

/* 0 or -EBADMSG: *why says which fact is not as agreed (fixed text). */
int facts_signing(const char *bytes, size_t len, struct signing_facts *out, const char **why);
int facts_receipt(const char *bytes, size_t len, struct receipt_facts *out, const char **why);

/* "SHA-256" ...; its length in bytes. */
const char *digest_title(enum digest_name d);
size_t digest_size(enum digest_name d);

#endif
