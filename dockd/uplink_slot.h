/*
 * uplink_slot: what the files of uplink share: destinations and what is under way there.
 *
 * Included by uplink*.c only. A slot is one exchange with an uploader: the upload of an asset, or
 * an errand for another part of the core.
 */
#ifndef DOCKD_UPLINK_SLOT_H
#define DOCKD_UPLINK_SLOT_H

#include "breaker.h"
#include "certificate.h"
#include "outlook.h"
#include "uplink.h"
#include "upload_order.h"
#include "waits.h"

enum slot_state {
	SLOT_FREE = 0,
	SLOT_PLANNED, /* recorded; UPLOAD goes out after the commit */
	SLOT_SENT,    /* UPLOAD is out, or the errand's message */
	SLOT_CREATED, /* CREATED recorded; PROCEED goes out after the commit */
};

/* An expedited one wants the slot. */
enum slot_stop {
	STOP_NONE = 0,
	STOP_WANTED, /* STOP_UPLOAD goes out after the commit */
	STOP_ASKED,
};

struct slot {
	enum slot_state state;
	uint32_t generation;
	uint64_t asset;   /* 0: an errand's */
	uint64_t docking; /* of the asset */
	bool expedited;
	bool told; /* PROGRESS has come */
	enum slot_stop stop;
	uint64_t offset_bytes, sent_bytes;
	int64_t expires_s;           /* as the destination last told; PROTO_NO_TIME */
	struct uplink_errand errand; /* without what and fd; type 0: an upload */
	uint64_t size_bytes;         /* of the asset, or of what the errand is about */
	uint8_t sha256[PROTO_SHA256_LEN];
	bool proceeded; /* errand: CREATED was answered */
};

struct destination {
	char name[PROTO_NAME_LEN];
	struct proto_destination wire;
	struct peer *peer;
	bool ready;
	bool unmet;   /* it has still to say what it is, with these settings */
	bool another; /* it is not what it was bound to: nothing is sent or asked there */
	char identity[sizeof(((struct proto_ready *)0)->identity)]; /* as it told */
	enum receipt_level level;
	char trouble[PROTO_TEXT_LEN * 2]; /* "" works */
	char state[PROTO_CLASS_LEN];      /* of the trouble: a word of its page; "" none */
	struct breaker breaker;
	uint64_t down_ms;   /* steady clock: its uploader is not there, or cannot work, since; 0 */
	uint64_t before_ms; /* it had failed for so long before this start */
	uint64_t told_ms;   /* it has failed for so long, as it is on record; 0 it is not */
	uint64_t heard_ms;  /* steady clock: something of its uploader, or nothing was expected */
	bool silent;        /* nothing for too long */
	struct upload_turns turns;
	struct uplink *uplink; /* whose it is */
	uint64_t fresh_ms;     /* any: failed, and tried with something new not before */
	uint64_t abandon_ms;   /* not before: something is given up there */
	bool abandoning;
	uint64_t sent_bytes;
	uint32_t generation;
	uint32_t can;          /* READY_... */
	const char *doomed;    /* why its peer is dropped in uplink_act; NULL it is not */
	uint64_t kept_free_ms; /* until then one slot is kept free for an errand */
	uint64_t pressed_ms;   /* a hold finds no slot since then; 0: none does */
	struct slot slot[PROTO_SLOTS];
	struct waits waits;
	uint32_t deliver_s; /* as configured; 0: whenever */
	struct outlook outlook;
	struct certificate certificate[CERTIFICATES]; /* by enum certificate_which */
	uint64_t expiry_ms; /* steady clock: when they were last looked at; 0 now */
};

struct uplink {
	struct journal *journal;
	struct staging *staging;
	struct intake *intake;
	struct acceptance *acceptance;
	const struct uplink_handlers *handlers;
	void *arg;
	bool any;
	uint32_t retry_min_s, retry_max_s;
	uint64_t switch_ms; /* any: failing for so long, and another destination may begin */
	size_t n;
	struct destination *destination[CONFIG_DESTINATIONS];
	struct tally failures;
};

/*
 * As what an asset goes to a destination: its kind, or, where only what was merged into it is taken
 * there, that one's.
 */
enum object_kind uplink_kind(
    const struct uplink *u, const char *destination, const struct asset *a);

/* The destination of this name, or NULL. */
struct destination *uplink_find(const struct uplink *u, const char *name);
/* Slots that something may be put into now; 0 where the destination is away or waits. */
unsigned uplink_room(const struct destination *d);
unsigned uplink_busy(const struct destination *d);
/* A free slot, its next generation given; call only where there is room. */
struct slot *uplink_take(struct destination *d);

/* The upload with most left to send makes room, where one can. */
void uplink_make_room(struct destination *d);

/* Back-off of an asset. */
void uplink_later(const struct uplink *u, struct destination *d, uint64_t asset,
    uint64_t at_least_ms, const char *reason);
/* What a failure says of the whole destination; asset 0: an errand's. */
void uplink_fails(
    struct uplink *u, struct destination *d, uint64_t asset, const struct proto_failed *f);
/* Something got through; whole: something was finished. */
void uplink_works(struct destination *d, bool whole);
/* Whether it may begin what no destination has begun yet (policy any), of this kind. */
bool uplink_begins(const struct uplink *u, const struct destination *d, enum object_kind kind);
/* Policy any: the asset goes to another destination than this one, where there is one. */
void uplink_pass(struct uplink *u, struct destination *from, uint64_t asset, const char *text);
/* A destination that is new here: how long it has failed, as far as it is on record. */
void uplink_recall(const struct uplink *u, struct destination *d);
/* Each turn, before slots are filled: who takes over, and what is given up. */
void uplink_switch(struct uplink *u);

/* Something came from its uploader. */
void uplink_hears(struct destination *d);
/* Each turn: whether nothing has come for too long. */
void uplink_listen(struct destination *d);
/* false: it is not silent. */
bool uplink_silence_text(const struct destination *d, char *out, size_t room);

#define EXPIRY_LOOK_MS 3600000u

/* CERTIFICATE came: NULL, or why the peer is dropped. */
const char *uplink_hears_certificate(struct destination *d, const struct msg *m);
/* Each turn: what comes to its end is logged, once at 60, 30 and 7 days, and when it is over. */
void uplink_certificates_turn(struct destination *d);

/* Whether a receipt is of a form and level that there is. NULL, or why not. */
const char *uplink_receipt_form(const struct proto_receipt *c);
/* The digest in it as hex; "" where its level states none. */
void uplink_receipt_digest(const struct proto_receipt *c, char out[PROTO_ID_LEN]);

/* A message for the slot of an upload, of an errand. NULL, or why the peer is to be dropped. */
const char *upload_message(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m);
const char *errand_message(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m);
/* The connection ended: all errands are told. */
void errands_break(struct destination *d);

#endif
