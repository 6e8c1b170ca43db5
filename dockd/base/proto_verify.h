/*
 * proto_verify: what dockd-verify and the core say to each other, and the words of its verdicts.
 *
 * One question a process: a digest, a signature, a receipt, an audit. What holds for every
 * message is in proto.h.
 */
#ifndef DOCKD_PROTO_VERIFY_H
#define DOCKD_PROTO_VERIFY_H

#include "proto.h"

enum signing_scheme { SCHEME_NONE = 0, SCHEME_CMS, SCHEME_ECDSA, SCHEME_ED25519, SCHEME_MANIFEST };

/*
 * One question a process. The descriptors that come with VERIFY, in this order:
 *   DIGEST     the clip (read)
 *   SIGNATURE  facts, sidecar, anchors (PEM), revocation lists (PEM); all read
 *   RECEIPT    facts, the raw receipt; both read
 *   AUDIT      facts (read), the report (write); then LOG messages
 * Facts are lines in the form of ledger records (record.h); verify's headers say which.
 */
enum verify_job { VERIFY_DIGEST = 1, VERIFY_SIGNATURE, VERIFY_RECEIPT, VERIFY_AUDIT };

/* Digests that a profile may ask for beside SHA-256. */
#define DIGEST_SHA384 (1u << 0)
#define DIGEST_SHA512 (1u << 1)
#define DIGEST_ALL ((1u << 2) - 1)
#define PROTO_SHA512_LEN 64

struct proto_verify {
	uint32_t version;
	uint32_t job;        /* enum verify_job */
	uint64_t size_bytes; /* DIGEST: what the core believes */
	uint32_t digests;    /* DIGEST: a set of DIGEST_... */
	uint32_t logs;       /* AUDIT: LOG messages that follow, 0..VERIFY_LOGS_MAX */
};
_Static_assert(sizeof(struct proto_verify) == 24, "crank PROTO_VERSION");
#define VERIFY_LOGS_MAX 64

struct proto_digest {
	uint64_t length_bytes;
	uint32_t digests; /* which of those below were taken */
	uint32_t pad;
	uint8_t sha256[PROTO_SHA256_LEN];
	uint8_t sha384[48];
	uint8_t sha512[PROTO_SHA512_LEN];
};
_Static_assert(sizeof(struct proto_digest) == 160, "crank PROTO_VERSION");

/* What a signature shows (DESIGN 6); the words are signature_word's. */
enum signature_result {
	SIGNATURE_NONE = 0, /* not judged */
	SIGNATURE_VALID,
	SIGNATURE_UNSIGNED, /* no signature has come */
	SIGNATURE_MISMATCH, /* changed, damaged or wrongly signed: cannot tell which */
	SIGNATURE_UNTRUSTED_SIGNER,
	SIGNATURE_ANOTHER_CAMERA,
	SIGNATURE_CUT_SHORT,
	SIGNATURE_UNREADABLE, /* the signature itself breaks its format */
};

/* What a signed receipt shows. */
enum receipt_result {
	RECEIPT_GOOD = 1,
	RECEIPT_UNREADABLE,  /* not a signed note, or not our words in it */
	RECEIPT_UNKNOWN_KEY, /* signed by no key that is pinned and in force */
	RECEIPT_BAD_SIGNATURE,
	RECEIPT_OTHER_ASSET, /* another asset, station, object, digest or length */
	RECEIPT_WRONG_TIME,  /* before the upload began, or in the future */
};

#define JUDGED_TIME_UNPROVED (1u << 0)

struct proto_judged {
	uint32_t result; /* enum signature_result or receipt_result, by job */
	uint32_t flags;
	int64_t time_s; /* RECEIPT: the server's; SIGNATURE: signing time; or PROTO_NO_TIME */
	char signer[PROTO_TEXT_LEN];  /* certificate's subject, key name or fingerprint */
	char version[PROTO_TEXT_LEN]; /* RECEIPT: the object's version there, "" none */
	char text[PROTO_TEXT_LEN *
	    2]; /* why, with the clause of the specification; data, not trusted */
};
_Static_assert(sizeof(struct proto_judged) == 528, "crank PROTO_VERSION");

#define FINDINGS_MAX 64

struct proto_finding {
	uint64_t seq;   /* of the log line, 0: none */
	uint64_t asset; /* number of the clip, 0: none */
	char code[32];  /* a word of dockd-audit(5) */
	char text[PROTO_TEXT_LEN * 2];
};
_Static_assert(sizeof(struct proto_finding) == 304, "crank PROTO_VERSION");

struct proto_audited {
	uint64_t lines, damaged; /* lines read, and those of them that could not be understood */
	uint64_t first_seq, last_seq;          /* 0: no line understood */
	int64_t first_time_s, last_time_s;     /* camera time, or PROTO_NO_TIME */
	uint8_t last_sha256[PROTO_SHA256_LEN]; /* of the last good line, for the next docking */
	uint32_t findings;                     /* in all, also beyond FINDINGS_MAX */
	uint32_t opaque;                       /* 1: a log of another form; kept, not understood */
};
_Static_assert(sizeof(struct proto_audited) == 88, "crank PROTO_VERSION");

#endif
