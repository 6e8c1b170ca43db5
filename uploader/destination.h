/*
 * destination: the one contract behind which every driver stands.
 *
 * A driver is one file and one row in main.c's table. It carries out single acts for a transfer and
 * says how each ended; what comes next, retries, and every word to the core are transfer.c's. A
 * driver never sends to the core, never sleeps, and does at most one slice of blocking work a call.
 *
 *   open      once: capabilities, credentials; fills READY
 *   create    looks whether the asset is there already, whoever brought it (t->found), else makes a
 *             new upload, or names one where the destination needs none made => address
 *   query     how much of it the destination holds without a hole => offset
 *   append    some of what is missing => offset; never called for an empty file
 *   finish    all is there: what makes an object of it, and the proof => receipt
 *   confirm   whether it still is there, asked anew => receipt
 *   remove    takes it away, where the store is ours to dispose of
 *   abandon   gives up what was begun at t->address and is not whole
 *   preserve  puts a hold on what is there, or takes it off
 *   end       lets go of all that the transfer holds; cuts what is under way
 *
 * An address stands in the ledger for good, and another run goes on from it: all that is needed for
 * that is in it (the size of parts), and no secret is (tokens are fetched anew). A destination
 * without resume holds 0 bytes until it holds all: its query says 0, not ACT_GONE. What an
 * interruption costs there, the core's forecast must know (outlook.c).
 *
 * A side object (ledger, checkpoint, bundle) goes through the same acts as an asset; one that is
 * sent again replaces what was there.
 */
#ifndef DOCKD_DESTINATION_H
#define DOCKD_DESTINATION_H

#include "../dockd/base/proto_upload.h"

struct http;
struct http_room;
struct transfer;

enum act_result {
	ACT_DONE = 1,
	ACT_AGAIN,  /* there is more to this act: call it again in the next turn of the loop */
	ACT_WAIT,   /* a request is under way: call again when t->http has ended */
	ACT_LOCAL,  /* no request is, but something here: call again after transfer_wake */
	ACT_HELD,   /* the line gives nothing now: call again at t->pause_until_ms */
	ACT_ASK,    /* passing trouble (t->failed says what): after a pause, query */
	ACT_GONE,   /* the destination has no such upload (t->failed says why); create anew */
	ACT_FAILED, /* t->failed says why: the slot ends */
};

struct destination {
	struct proto_destination conf;
	char station[PROTO_NAME_LEN];
	char name[PROTO_NAME_LEN];
	const struct driver *driver;
	struct http_room *room;   /* the process's connections */
	struct proto_ready ready; /* filled by open and by what it started */
	bool told;                /* open has learnt what it wanted: READY may be sent */
	bool mended; /* what could not work can now: the process ends, and is started anew */
	int side_fd; /* the driver's: hear is called when there is something to read; -1: none */
	void *own;   /* the driver's */
};

struct driver {
	const char *name;
	uint32_t id; /* enum destination_driver */
	/*
	 * Fills dest->ready and sets dest->told, now or when a request it started has ended. A
	 * destination that cannot work sets ready.status; open itself fails only without memory.
	 * Called again, until status is 0 or mended is set, for a destination that could not work.
	 */
	int (*open)(struct destination *dest);
	/*
	 * Now and then while nothing is under way: whether it still is what it was, into
	 * dest->ready.identity. NULL: its identity is its configuration.
	 */
	void (*look)(struct destination *dest);
	int (*begin)(struct transfer *t); /* t->job, upload and fd are set; 0 or -ENOMEM */
	enum act_result (*create)(struct transfer *t);
	enum act_result (*query)(struct transfer *t);
	enum act_result (*append)(struct transfer *t);
	enum act_result (*finish)(struct transfer *t);
	/*
	 * What it has is t->upload, at t->address. UPLOAD_DIFFERS: it is there and is not this.
	 * ACT_GONE only where the destination itself works and does not have it. Called again
	 * after ACT_GONE, a while later. Where the destination could not be asked: UPLOAD_AWAY.
	 * There is no fd. NULL: it cannot be asked.
	 */
	enum act_result (*confirm)(struct transfer *t);
	/* ACT_DONE: it is not there any more. Touches nothing that may be another asset's. NULL: it
	 * has no way. */
	enum act_result (*remove)(struct transfer *t);
	/*
	 * ACT_DONE: what is not whole there is not kept any more; what is whole is left alone
	 * (UPLOAD_CANNOT). NULL: it forgets by itself.
	 */
	enum act_result (*abandon)(struct transfer *t);
	/* ACT_DONE: the store itself says that t->upload.preserved holds now. NULL: it cannot. */
	enum act_result (*preserve)(struct transfer *t);
	void (*end)(struct transfer *t);
	/*
	 * Before the sandbox is loaded and before open: what needs more than it lets. Sets
	 * dest->side_fd where something is to be heard from there: 0 or -errno, then the process
	 * ends. NULL: nothing.
	 */
	int (*prepare)(struct destination *dest);
	int (*hear)(struct destination *dest);
};

extern const struct driver dir_driver;
extern const struct driver tus_driver;
extern const struct driver s3_driver;

#endif
