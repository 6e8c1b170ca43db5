/*
 * asset: what is known of one thing taken off a camera, and its ladder; pure.
 *
 * Used by every file of the core that handles assets. It says, from facts alone, on which rung an
 * asset stands; whether a copy may go is the gate's (gate.h). It does no I/O.
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
	char officer
	    [PROTO_ID_TEXT_LEN]; /* to whom the camera said it was issued; ids, "" not told */
	char unit[PROTO_ID_TEXT_LEN];
	uint32_t damage;     /* OBJECT_CUT, SHARED, UNFINISHED: what its file system did to it */
	uint32_t storage;    /* of a disk: which of its units and partitions; 0 not on record */
	uint64_t told_bytes; /* OBJECT_CUT: as the camera's table says; else 0 */
	char sha384[100];    /* hex, "" unless the profile asks for it */
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
	bool astray; /* what answers for the destination now is another one, or has not said what */
	bool passed; /* policy any: another destination has taken it over */
	bool found;  /* what is at the address was there before: it may be another station's */
	int64_t receipted_at_s;
	int64_t confirmed_at_s;    /* asked again, and it still had it; 0 not yet */
	uint64_t bundle;           /* number of the record that says the proof bundle was sent; 0 */
	uint32_t lost;             /* times the destination has lost it */
	uint32_t refusals;         /* signed receipts in a row that were no good */
	int64_t began_s;           /* when what is at the address was begun; 0 not known */
	enum lock_mode lock;       /* as the store states it of this version */
	int64_t retain_until_s;    /* of the lock; PROTO_NO_TIME none */
	uint32_t held;             /* enum hold, as the store states it */
	bool releasing;            /* told to let go of that hold, and no answer: it may be over */
	int64_t expires_s;         /* the server forgets what is not whole by then; PROTO_NO_TIME */
	char sha256[PROTO_ID_LEN]; /* hex, of the receipt; "" where it states none */
	uint64_t length_bytes;
	char version[PROTO_TEXT_LEN];
	char key[PROTO_TEXT_LEN]; /* SIGNED: name of the key that signed the receipt */
	char reason[PROTO_TEXT_LEN * 2];
	char address[PROTO_ADDRESS_LEN];
};

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
