/*
 * uplink: the core's end of the uploaders: what is sent next, where, and what came back.
 *
 * Called by link (connections and messages of uploaders) and each turn by core. One destination has
 * one uploader process with up to PROTO_SLOTS uploads at once. A receipt is compared here with what
 * verify found; nothing an uploader says moves anything but the rung at its own destination.
 */
#ifndef DOCKD_UPLINK_H
#define DOCKD_UPLINK_H

#include "acceptance.h"
#include "config.h"
#include "intake.h"
#include "journal.h"
#include "link.h"
#include "staging.h"
#include "tally.h"

struct uplink;

struct uplink_handlers {
	void (*receipted)(void *arg, uint64_t asset);
	/* A destination has said what it is, and is the one that it was: its receipts count. */
	void (*met)(void *arg);
};

struct uplink *uplink_new(struct journal *j, struct staging *s, struct intake *in,
    struct acceptance *acceptance, const struct uplink_handlers *handlers, void *arg);
void uplink_free(struct uplink *u);
/* Destinations by name; one that is no longer named is dropped, new settings reconnect it. */
void uplink_configure(struct uplink *u, const struct config *c);

/* From link. */
bool uplink_known(struct uplink *u, const char *name);
void uplink_up(struct uplink *u, const char *name, struct peer *p);
void uplink_message(struct uplink *u, const char *name, struct peer *p, struct msg *m);
void uplink_down(struct uplink *u, const char *name, struct peer *p);

void uplink_plan(struct uplink *u);
void uplink_act(struct uplink *u);
/* An asset changed (rechecked, retried): its waiting ends. */
void uplink_asset_changed(struct uplink *u, uint64_t asset);
/* Something was expedited: its waiting ends, and what is under way goes on as that. */
void uplink_hurry(struct uplink *u);
/* A person asks: all waiting ends. */
void uplink_retry(struct uplink *u);
/*
 * A person: the one that answers as this destination now is meant (`rebound`). 0; -ENOENT; -ENOTCONN:
 * nobody answers; -EALREADY: it is the one that it was.
 */
int uplink_rebind(struct uplink *u, const char *destination, const char *reason, uid_t uid);
/* Nothing to send now (waiting for a back-off counts as something to do). */
bool uplink_idle(const struct uplink *u);

/*
 * What a destination is asked beside the uploads of assets, in a slot of its own: to take a side
 * object (MSG_UPLOAD, kinds from KIND_LEDGER on), whether it still has an asset (MSG_RECONFIRM), to
 * remove one (MSG_REMOVE), to put a hold on it or take it off (MSG_PRESERVE), to give up what was
 * begun (MSG_ABANDON).
 */
enum uplink_end {
	UPLINK_DONE = 1, /* receipt, or status of REMOVED */
	UPLINK_FAILED,   /* failed says why */
	UPLINK_BROKEN,   /* the connection ended: ask again */
};

struct uplink_answer {
	const char *destination; /* that was asked */
	enum uplink_end end;
	const struct proto_receipt *receipt;
	const struct proto_failed *failed;
	int32_t status; /* of REMOVED and PRESERVED */
};

struct uplink_errand {
	unsigned type;
	const struct proto_upload *what;
	int fd;       /* MSG_UPLOAD: what is sent, else -1; stays the caller's */
	uint64_t key; /* given back */
	void (*done)(void *arg, uint64_t key, const struct uplink_answer *a);
	void *arg;
};

/*
 * 0: `done` is called once, from the loop (not after uplink_free). -EAGAIN: no slot now, or the
 * destination is away; one is kept free for the next turn. -EOPNOTSUPP: it does not offer that.
 * -ENOENT: no such destination.
 */
int uplink_errand(struct uplink *u, const char *destination, const struct uplink_errand *e);

/* Fills what an uploader is told of an asset, address included. 0 or -errno. */
int uplink_describe(
    struct uplink *u, uint64_t asset, const char *destination, struct proto_upload *out);

struct uplink_state {
	char name[PROTO_NAME_LEN];
	char driver[32];
	char trouble[PROTO_TEXT_LEN * 2];
	bool connected, away;
	bool person;  /* only a person can mend it: trouble says what */
	bool another; /* it is not what it was bound to: trouble says so, and what to do */
	unsigned active;
	enum receipt_level level;
	uint32_t can; /* READY_... */
	uint64_t sent_bytes;
	uint64_t bytes_per_s, allowed_per_s; /* as in proto_ctl_destination */
	int64_t expected_s, urgent_expected_s, urgent_deadline_s;
	const char *late;            /* "late", "never", "past"; "" all will be there in time */
	char state[PROTO_CLASS_LEN]; /* of the trouble; "" none */
};
/* Uploads that failed since the start, UPLINK_FAILURES by destination and state (a word, or "other"). */
#define UPLINK_FAILURES 1
const struct tally *uplink_failures(const struct uplink *u);
/* The n-th destination. 0, -ENOENT. */
int uplink_state(const struct uplink *u, size_t n, struct uplink_state *out);
/*
 * From when to when a certificate of the n-th destination's connections is valid, as its uploader told.
 * 0; -ENOENT: no such destination; -ENODATA: not known (no such file, or nothing reached yet), and
 * both are PROTO_NO_TIME.
 */
int uplink_certificate(const struct uplink *u, size_t n, enum certificate_which which,
    int64_t *not_before_s, int64_t *not_after_s);
/* What a person must do about those that end within 7 days, "" nothing. True: there is some. */
bool uplink_certificates_text(const struct uplink *u, char *out, size_t size);
/* What it offers now, READY_...; 0 where it is not connected. */
uint32_t uplink_can(const struct uplink *u, const char *destination);
/* Whether it is a folder: of those only a new beginning tells on which disk they are. */
bool uplink_is_folder(const struct uplink *u, const char *destination);
/* Progress of an asset at a destination while it is in a slot, and when it is tried next. */
struct uplink_asset {
	bool active;
	uint64_t offset_bytes, sent_bytes;
	unsigned attempts;
	int64_t next_try_s; /* CLOCK_REALTIME, 0 = now */
	int64_t expected_s; /* there by then; 0 not known, or it does not wait */
	char state[PROTO_CLASS_LEN];
	char reason[PROTO_TEXT_LEN * 2];
};
void uplink_asset(
    struct uplink *u, const char *destination, uint64_t asset, struct uplink_asset *out);

#endif
