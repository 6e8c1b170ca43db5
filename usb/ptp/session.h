/*
 * session: transactions with one PTP camera, and how to get it back into step.
 *
 * Owns the bulk pipe with its queued reads, the interrupt pipe, transaction numbers and the ladder
 * of recovery. Called by the PTP driver only. All waits are bounded by timeout_ms. After a negative
 * answer but -ENODEV the camera is out of step until session_recover has mended it.
 */
#ifndef DOCKD_SESSION_H
#define DOCKD_SESSION_H

#include "../descriptor.h"
#include "../transport.h"
#include "reply.h"

#define SESSION_READS 4 /* reads in flight */
#define SESSION_READ_BYTES (256u << 10)
#define SESSION_SMALL_BYTES (64u << 10)
#define SESSION_SLOTS (SESSION_READS + 2) /* and the response's, and the one being written out */
#define SESSION_TRIES 3

struct session {
	struct transport *transport;
	struct usb_interface usb;
	uint32_t quirks;
	unsigned timeout_ms;

	bool is_open;
	bool renewed;         /* a new session was opened: handles told before are void */
	uint32_t transaction; /* the next one */
	unsigned recoveries;
	unsigned events; /* interrupt packets seen */

	struct reply reply; /* of the last transaction */
	const char *wrong;  /* what was wrong at the last -EPROTO, fixed text */
	uint8_t *body;      /* payload of the last session_ask */
	size_t body_len, body_room;

	struct transfer *command, *event;
	struct transfer *slot[SESSION_SLOTS];
	unsigned head, count; /* reads under way: count of them from slot[head] on */
	unsigned depth;       /* SESSION_READS, less where USB memory is short */
	size_t read_bytes;    /* of one read: the buffers' size, less where USB memory is short */
	uint64_t asked_bytes; /* taken in this transaction, plus the room of reads under way */
	int failed;           /* the read that ended the pipe, told after its last bytes */
};

/*
 * Readies s on a claimed interface; nothing is sent. The transport stays the caller's.
 * 0 or -ENOMEM.
 */
int session_start(struct session *s, struct transport *t, const struct usb_interface *usb,
    uint32_t quirks, unsigned timeout_ms);

/*
 * Before a long pull (bytes SESSION_READ_BYTES) and after it (SESSION_SMALL_BYTES): gives the reads
 * buffers of that size. Between transactions only. 0 or -ENOMEM.
 */
int session_widen(struct session *s, size_t bytes);

/* Takes back what is under way and frees it. */
void session_end(struct session *s);

/*
 * Begins a transaction with n parameters. payload_max: the most that it may bring; exact: that it
 * should bring exactly so much, so that reads can be queued ahead. Then session_read until it
 * gives no more. 0 or -errno.
 */
int session_begin(struct session *s, uint16_t operation, const uint32_t *params, unsigned n,
    uint64_t payload_max, bool exact);

/*
 * The next piece of payload: 1, valid until the next call; 0: the transaction is over, see
 * s->reply; -ETIMEDOUT, -EPIPE (stall), -EPROTO (s->wrong), -EOVERFLOW, -ENOMEM, -ENODEV, -EIO.
 */
int session_read(struct session *s, const uint8_t **bytes, size_t *len);

/*
 * A whole transaction; the first max bytes of its payload into s->body, the rest is passed over
 * (s->reply.payload_bytes tells). 0: see s->reply, or -errno.
 */
int session_ask(
    struct session *s, uint16_t operation, const uint32_t *params, unsigned n, size_t max);

/* A transaction that sends bytes (at most 1 KiB). 0: see s->reply, or -errno. */
int session_tell(struct session *s, uint16_t operation, const uint32_t *params, unsigned n,
    const uint8_t *bytes, size_t len);

/*
 * As session_ask, but asks again after recovery and after DeviceBusy, SESSION_TRIES times in all.
 * -ESTALE: mended, but by a new session: handles are void.
 */
int session_call(
    struct session *s, uint16_t operation, const uint32_t *params, unsigned n, size_t max);

/*
 * Opens the session, mending a stale one. 0 or -errno (-ETIMEDOUT: silent, also after reset).
 */
int session_open(struct session *s);

/* Closes it, as far as the camera still answers within a second. */
void session_close(struct session *s);

/*
 * Gets the camera back into step after why (a negative answer, or -ECANCELED to break off a
 * transaction that runs): 0; s->renewed tells whether the session is a new one. -ENODEV, or
 * -ETIMEDOUT: nothing helped.
 */
int session_recover(struct session *s, int why);

/* While nothing is asked: handles events. 0 or -ENODEV. */
int session_idle(struct session *s);

#endif
