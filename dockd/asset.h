/*
 * asset: what is known of one thing taken off a camera, its ladder and the gate; pure.
 *
 * Used by every file of the core that handles assets. It decides, from facts alone, on which rung
 * an asset stands and whether it may be erased from its camera. It does no I/O.
 */
#ifndef DOCKD_ASSET_H
#define DOCKD_ASSET_H

#include "base/kind.h"
#include "base/proto_upload.h"
#include "base/proto_verify.h"

/* How far it has come; goes over the wire (proto_ask, proto_ctl_asset): see PROTO_VERSION. */
enum rung {
	RUNG_LISTED = 1,
	RUNG_STAGED,
	RUNG_CHECKED,
	RUNG_SENT,
	RUNG_RECEIPTED,
	RUNG_ERASABLE,
	RUNG_ERASED,
};

enum asset_file {
	FILE_NONE = 0,
	FILE_PART,    /* NUMBER.part: being pulled */
	FILE_SEALED,  /* NUMBER: whole, fsynced, no writer left */
	FILE_RETIRED, /* given up after the receipt, or merged into another */
};

struct asset {
	uint64_t number;         /* the station's own: 1, 2, 3 ... and the staging file's name */
	uint64_t docking;        /* in which it was found */
	uint64_t pulled_docking; /* in which the last byte was pulled or it was compared again; 0 */
	uint64_t merged_into;    /* 0 = itself */
	uint64_t prefix_of;      /* log: the earlier snapshot that this one begins with; 0 */
	uint64_t size_bytes;     /* as listed */
	uint64_t durable_bytes;  /* of the .part, good for boot `boot` and later ones */
	uint64_t pulled_bytes;   /* read from cameras for it, in all */
	int64_t mtime_s;         /* camera time or PROTO_NO_TIME */
	int64_t staged_at_s;     /* CLOCK_REALTIME, 0 = not yet */
	int64_t stamp_ns; /* ctime of the sealed copy when its digest was taken, 0 = not yet */
	uint32_t interruptions;
	uint32_t restarts;  /* times it was begun anew (mismatch, bad copy) */
	uint64_t sidecar;   /* the asset by which its signature was judged; 0 */
	int64_t recorded_s; /* UTC, corrected by the measured offset; PROTO_NO_TIME not yet told */
	int64_t dispose_by_s; /* by its retention class; PROTO_NO_TIME: never by age */
	int64_t marked_s;     /* marked for disposal, CLOCK_REALTIME; 0 not */
	enum object_kind kind;
	uint32_t kinds; /* bits 1 << kind: its own, and of what was merged into it */
	enum asset_file file;
	enum rung rung;  /* LISTED, STAGED, CHECKED; the rungs above are per destination */
	bool protected_; /* the camera says: do not delete */
	bool erased;     /* from the camera */
	bool gone;       /* the camera lost it before it was whole */
	bool
	    recorded_proved; /* recorded_s comes from a camera clock that was measured and plausible */
	bool time_unproved;        /* signature: nothing bounds the time at which it was made */
	bool disposed;             /* by age or by order: no copy of ours is to come back */
	bool needs_person;         /* trouble says why; nothing more is tried until retry */
	char boot[40];             /* boot id of the last durable or staged record */
	char sha256[PROTO_ID_LEN]; /* hex, "" until checked */
	char id[PROTO_ID_LEN];     /* the same at every station: see asset_id */
	char camera[PROTO_TEXT_LEN + 4]; /* identity */
	char profile[PROTO_NAME_LEN];
	char sha384[100]; /* hex, "" unless the profile asks for it */
	char sha512[132];
	char signature[32];                      /* signature result: signature_word's */
	char class[PROTO_CLASS_LEN];             /* retention class, "" until told */
	char signature_text[PROTO_TEXT_LEN * 2]; /* what it rests on, by verify */
	char trouble[PROTO_TEXT_LEN * 2];
	char path[PROTO_PATH_LEN];
};

/* One asset at one destination. */
struct upload {
	uint64_t asset;
	char destination[PROTO_NAME_LEN];
	enum rung rung; /* CHECKED = waiting, SENT = begun there, RECEIPTED */
	enum receipt_level level;
	bool refused; /* needs a person */
	bool doubted; /* receipted before the destination was bound anew, not confirmed since */
	bool astray;  /* what answers for the destination now is another one */
	bool passed;  /* policy any: another destination has taken it over */
	bool found;   /* what is at the address was there before: it may be another station's */
	int64_t receipted_at_s;
	int64_t confirmed_at_s;    /* asked again, and it still had it; 0 not yet */
	uint64_t bundle;           /* number of the record that says the proof bundle was sent; 0 */
	uint32_t lost;             /* times the destination has lost it */
	uint32_t refusals;         /* signed receipts in a row that were no good */
	int64_t began_s;           /* when what is at the address was begun; 0 not known */
	enum lock_mode lock;       /* as the store states it of this version */
	int64_t retain_until_s;    /* of the lock; PROTO_NO_TIME none */
	uint32_t held;             /* enum hold, as the store states it */
	int64_t expires_s;         /* the server forgets what is not whole by then; PROTO_NO_TIME */
	char sha256[PROTO_ID_LEN]; /* hex, of the receipt; "" where it states none */
	uint64_t length_bytes;
	char version[PROTO_TEXT_LEN];
	char key[PROTO_TEXT_LEN]; /* SIGNED: name of the key that signed the receipt */
	char reason[PROTO_TEXT_LEN * 2];
	char address[PROTO_ADDRESS_LEN];
};

/* Why the gate refuses; the words that dockctl shows come from gate_word. */
enum gate {
	GATE_OPEN = 0,
	GATE_NEVER, /* erase = "never" */
	GATE_NOT_CHECKED,
	GATE_NOT_RECEIPTED,     /* not at every destination that must have it */
	GATE_RECEIPT_DOUBTED,   /* given by another store than the one that is there now */
	GATE_RECEIPT_LENGTH,    /* receipt's length is not ours */
	GATE_RECEIPT_DIGEST,    /* receipt's digest is not ours */
	GATE_RECEIPT_LEVEL,     /* proof weaker than accept-receipt */
	GATE_RECEIPT_LOCAL,     /* on the station's own disk: never */
	GATE_SIGNATURE,         /* signature result not allowed by the profile */
	GATE_SIGNATURE_UNKNOWN, /* the profile does not say whether its cameras sign */
	GATE_LOG,               /* the log that covers the clip is not receipted */
	GATE_LOG_UNKNOWN,       /* the profile does not say whether its cameras keep logs */
	GATE_IDENTITY,          /* no serial, or one that two cameras share */
	GATE_PROTECTED,
	GATE_PRESERVED,    /* a preservation order covers it */
	GATE_NOT_COMPARED, /* neither pulled nor compared again in this docking */
	GATE_CANNOT_ERASE, /* the camera or its profile offers no erasing */
	GATE_NEEDS_PERSON, /* the asset has an open trouble */
	GATE_ERASED,       /* nothing left to do */
	GATE_SPACE,        /* reserved: intake stopped, ledger broken */
};

enum profile_signing { SIGNING_UNSET = 0, SIGNING_NONE, SIGNING_YES };
enum profile_logs { LOGS_UNSET = 0, LOGS_NONE, LOGS_YES };

/* All that the gate asks, gathered by the caller. */
struct gate_facts {
	bool erase;                /* configuration: erase = "when-receipted" */
	enum receipt_level accept; /* configuration */
	bool journal_works;        /* the intent can be committed */
	bool camera_erases;        /* worker and profile */
	bool identity_proved;
	bool unpreserved;    /* no preservation order covers it */
	bool logs_receipted; /* every log of this docking's camera is receipted */
	enum profile_signing signing;
	enum profile_logs logs;
	uint64_t docking; /* the docking now */
	const struct asset *asset;
	const struct upload *const *uploads; /* one for each destination that must have it */
	size_t uploads_n; /* with policy "any": one that is receipted is enough */
	bool any;
};

/*
 * DESIGN of the gate: the first reason to refuse, or GATE_OPEN. Everything unknown refuses.
 */
enum gate gate_ask(const struct gate_facts *f);

/* A stable code ("receipt-level") and a sentence for people; never NULL. */
const char *gate_word(enum gate g);
const char *gate_sentence(enum gate g);

/* Why the station's copy stays; the words are retire_word's. */
enum retire {
	RETIRE_OPEN = 0,
	RETIRE_KIND,          /* logs, sidecars and reports are small: retention's */
	RETIRE_NO_COPY,       /* there is none of its own */
	RETIRE_NOT_RECEIPTED, /* the gate would not open for these receipts */
	RETIRE_NOT_CONFIRMED, /* not asked again yet, or the destination cannot be asked */
	RETIRE_PRESERVED,
	RETIRE_NEEDS_PERSON,
	RETIRE_JOURNAL,
};

/*
 * Whether the station's copy may go: the receipts as the gate asks for them, each confirmed by a
 * later answer (any: one that is both), nothing preserved, nobody needed. Of the facts it looks at
 * accept, journal_works, unpreserved, asset, uploads, any.
 */
enum retire retire_ask(const struct gate_facts *f);
const char *retire_word(enum retire r);

/*
 * Whether an answer of this level confirms: what accept-receipt asks for, but never more than what
 * the destination states of the object it holds.
 */
bool level_confirms(enum receipt_level level, enum receipt_level accept);

/* The rung over all destinations: lowest for all, highest for any. */
enum rung asset_rung(
    const struct asset *a, const struct upload *const *uploads, size_t n, bool any);

/* "valid", "unsigned" ... and a sentence that a sergeant understands; never NULL. */
const char *signature_word(enum signature_result s);
const char *signature_sentence(const char *word);

const char *rung_word(enum rung r);                           /* "receipted" */
const char *level_word(enum receipt_level l);                 /* "readback" */
int level_of_word(const char *word, enum receipt_level *out); /* 0 or -EINVAL */
int kind_of_word(const char *word, enum object_kind *out);    /* 0 or -EINVAL */

const char *lock_word(enum lock_mode l);                 /* "governance"; "none" */
int lock_of_word(const char *word, enum lock_mode *out); /* 0 or -EINVAL */

const char *scheme_word(enum signing_scheme s);                 /* "ecdsa" */
int scheme_of_word(const char *word, enum signing_scheme *out); /* 0 or -EINVAL */

#define ASSET_EARLIEST_S 1420070400 /* 2015-01-01T00:00:00Z */
#define ASSET_AHEAD_S 86400

/* Whether a camera time may be believed: from 2015 on and at most a day ahead of now_s. */
bool asset_time_plausible(int64_t mtime_s, int64_t now_s);

/*
 * The asset id: hex of SHA-256 over "dockd asset v1\n" camera "\n" sha256-hex "\n". Hashing is the
 * caller's or asset_id's: this only lays out the text. Returns its length or -ENOSPC.
 */
int asset_id_text(const char *camera, const char *sha256_hex, char *out, size_t room);

/* The asset id itself: lower-case hex of SHA-256 over asset_id_text. 0 or -errno. */
int asset_id(const char *camera, const char *sha256_hex, char out[PROTO_ID_LEN]);

#endif
