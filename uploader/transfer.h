/*
 * transfer: what a slot does, from UPLOAD or an errand's message to the message that ends it.
 *
 * Owns the order of acts (create, told to the core and on record, query, append, finish), the
 * bounded retries inside a slot, and the slot's messages. Called by main's loop. It never asks for
 * a new upload unless the driver has found that the old one is gone, and never says that a copy is
 * lost before the driver has found so twice.
 */
#ifndef DOCKD_TRANSFER_H
#define DOCKD_TRANSFER_H

#include "destination.h"

enum transfer_state {
	TRANSFER_IDLE = 0,
	TRANSFER_TURN,    /* its act is to be called in this turn */
	TRANSFER_WAIT,    /* a request is under way */
	TRANSFER_LOCAL,   /* something here is, until transfer_wake */
	TRANSFER_PAUSE,   /* until pause_until_ms, then its act */
	TRANSFER_PROCEED, /* CREATED was sent: no body byte before PROCEED */
	TRANSFER_HOLD,    /* its next body may not begin yet: the timetable, or an expedited one */
};

struct transfer {
	struct destination *dest;
	int core; /* the socket */
	unsigned slot;
	uint32_t generation;
	unsigned job; /* MSG_UPLOAD, RECONFIRM, REMOVE, ABANDON or PRESERVE */
	struct proto_upload upload;
	int fd; /* UPLOAD: the clip, read-only; else -1 */

	/* for drivers */
	char address[PROTO_ADDRESS_LEN];
	uint64_t offset_bytes; /* the destination's own word */
	bool offset_known;     /* create: nothing is there yet, no query needed */
	bool found;            /* create: it was there before, by this station or by another */
	int64_t expires_s;   /* the destination forgets what is not whole by then; PROTO_NO_TIME */
	uint64_t sent_bytes; /* body bytes handed over in this slot */
	struct proto_failed failed;   /* why it is not going on */
	struct proto_receipt receipt; /* filled by finish */
	struct http *http;            /* the slot's one request at a time */
	unsigned tries; /* without progress; a driver that changes its way of sending clears it */
	void *own;

	/* transfer.c's own */
	enum transfer_state state;
	enum act_result (*act)(struct transfer *t);
	unsigned recreated;
	unsigned gone;          /* times that RECONFIRM has not found it */
	uint64_t best_bytes;    /* furthest offset ever stated */
	int64_t pause_until_ms; /* a driver's, before ACT_HELD */
	bool appended, proven;
	bool asked;          /* the act's request is under way, or its answer not looked at */
	uint64_t told_bytes; /* of sent_bytes, what the line knows of */
	char reason[PROTO_TEXT_LEN]; /* why the address before was given up */
	bool broken;                 /* the core could not be told: the process ends */
};

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t transfer_now_ms(void);

/* Takes fd (-1 but for MSG_UPLOAD). 0 or -ENOMEM (then fd stays the caller's). */
int transfer_begin(struct transfer *t, unsigned job, const struct proto_upload *upload, int fd);

/* PROCEED came. False where the slot was not waiting for it. */
bool transfer_proceed(struct transfer *t);

/* STOP_UPLOAD came: FAILED with UPLOAD_STOPPED. */
void transfer_stop(struct transfer *t);

/* One turn: does what is due now. */
void transfer_turn(struct transfer *t, int64_t now_ms);

/* When it wants its next turn, in ms from now; -1 = when its request, the core or others say so.
 * Ask when all have had their turn. */
int transfer_due_ms(const struct transfer *t, int64_t now_ms);

/* PROGRESS, when the slot is at work. */
void transfer_progress(struct transfer *t);

/* Lets go of everything without a word (the core is gone). */
void transfer_drop(struct transfer *t);

/* For drivers: sets t->failed and returns ACT_FAILED. */
enum act_result transfer_fail(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For drivers: the same, as passing trouble: returns ACT_ASK. */
enum act_result transfer_ask(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * For drivers: what a request's end means where it was not answered, whoever the server is.
 * ACT_DONE: it was answered; else the act's result, with t->failed filled.
 */
enum act_result transfer_heard(struct transfer *t);

/*
 * For drivers: what ACT_LOCAL waited for is there, or a request has ended: its act is called. An
 * act with several requests under way looks itself which.
 */
void transfer_wake(struct transfer *t);

/*
 * For drivers, in an append with a body on the line: whether another one may begin now; if so it
 * counts as begun.
 */
bool transfer_begins_another(struct transfer *t);

/* Names the state of a failure by its word in the destination's page; call before or after. */
void transfer_state(struct transfer *t, const char *word);

#endif
