/*
 * bot: USB mass storage, bulk-only transport: one command, its data, its status.
 *
 * Owns the two bulk pipes, tags, and recovery: stalls, phase errors, Reset Recovery, port reset.
 * Called by disk.c (SCSI reads) and by the vendor languages that wrap their commands in it. What a
 * completed transfer means is wrapper.h's. Source: USB Mass Storage Class, Bulk-Only Transport 1.0.
 */
#ifndef DOCKD_BOT_H
#define DOCKD_BOT_H

#include "../descriptor.h"
#include "../transport.h"
#include "wrapper.h"

#define BOT_COMMAND_MAX WRAPPER_CDB_MAX
#define BOT_READS 4                  /* bulk-IN transfers in flight of one command */
#define BOT_PIECE_BYTES (256u << 10) /* of one of them, once widened */
#define BOT_SMALL_BYTES (64u << 10)  /* that one command brings before that */
#define BOT_RUNGS 2                  /* of bot_recover */
#define BOT_OUT_MAX 4096u            /* that one command may send */

/* Subclasses of what is read here (Mass Storage Class Overview 1.4, table 2). */
enum bot_subclass { BOT_UFI = 0x04, BOT_SFF_8070I = 0x05, BOT_SCSI = 0x06 };

/* Buffers of one command under way; with two of them one is emptied while the other fills. */
struct bot_half {
	struct transfer *slot[BOT_READS];
	unsigned slots;
	size_t data[BOT_READS]; /* bytes of data in each, of the last command */
	unsigned used;          /* slots that the last command asked for */
	unsigned queued;        /* of these, submitted */
	struct exchange exchange;
};

struct bot {
	struct transport *transport;
	struct usb_interface usb;
	uint32_t quirks;
	unsigned timeout_ms;
	bool packets; /* commands are packets of 12 bytes */
	uint32_t tag;
	unsigned recoveries; /* stalls where none was due, resets */
	unsigned luns;       /* 1 to 16, after bot_start */
	struct transfer *out, *status;
	bool status_queued; /* and not looked at yet */
	size_t slot_bytes;  /* room of each slot */
	struct bot_half half[2];
};

struct bot_result {
	bool passed;    /* CSW status 0; false: 1, ask for sense */
	uint32_t moved; /* bytes of data that really came or went */
	uint32_t valid; /* of these, what is no fill by its residue; all with ignore-residue */
};

/*
 * Claims nothing: the interface is claimed already. Asks Get Max LUN (a stall means one).
 * 0 or -errno.
 */
int bot_start(struct bot *b, struct transport *t, const struct usb_interface *usb, uint32_t quirks,
    unsigned timeout_ms);
void bot_end(struct bot *b);

/*
 * One command; cdb_len is at most BOT_COMMAND_MAX; in: data (at most BOT_SMALL_BYTES) comes from
 * the device, else (at most BOT_OUT_MAX) it goes to it. len 0: no data. 0: see *out; -errno: it
 * failed also after recovery (-ETIMEDOUT silent, -ENODEV gone, -EPROTO answers that cannot be,
 * -EPIPE).
 */
int bot_command(struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, void *data,
    uint32_t len, bool in, struct bot_result *out);

/*
 * Gives each half room for so many bytes of one command: at most BOT_READS * BOT_PIECE_BYTES; 0: as
 * after bot_start, half 0 alone and small. Between commands only. 0 or -ENOMEM (then small).
 */
int bot_widen(struct bot *b, size_t bytes);

/*
 * For long pulls, without a copy: begins a command that brings len bytes into a half; bot_await
 * waits for its status. One command at a time; the other half stays as it is. Neither tries again:
 * after -errno (but -ENODEV) bot_recover is due. What came before -ENODEV is in the half all the
 * same.
 */
int bot_begin(
    struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, uint32_t len, unsigned half);
int bot_await(struct bot *b, unsigned half, struct bot_result *out);

/* The pieces of data that a half holds, in order: 0 to BOT_READS - 1. Their length; 0: no more. */
size_t bot_piece(const struct bot *b, unsigned half, unsigned piece, const uint8_t **bytes);

/*
 * Gets the device back into step: rung 0 by Reset Recovery (5.3.4), 1 by a port reset. 0, -ENODEV
 * or -errno.
 */
int bot_recover(struct bot *b, unsigned rung);

#endif
