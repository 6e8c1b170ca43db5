/*
 * responder: the USB function and the PTP transaction machine of a simulated camera.
 *
 * Owns endpoint halts, the session, the queue of transfers that bulk-in will send, and the events.
 * Called by the faces with what the host does on the wire, and it answers what the device would. It
 * knows no socket, no file and no thread; operations.c does the PTP operations for it, bot.c the
 * commands of a camera that is a disk.
 */
#ifndef VCAM_RESPONDER_H
#define VCAM_RESPONDER_H

#include "bot.h"
#include "camera.h"

#define EP_IN 0x81u
#define EP_OUT 0x01u
#define EP_EVENT 0x82u
#define EVENT_PACKET 28u
#define EVENTS_MAX 64u
#define OPS_MAX 64u

enum in_result {
	IN_NOTHING, /* the device has no more packets for now (NAK) */
	IN_FULL,    /* the room is used up on a packet's end */
	IN_SHORT,   /* a short or zero-length packet came */
	IN_HALT,    /* STALL */
	IN_BABBLE,  /* the next packet is larger than the room left; it is lost */
	IN_UNPLUG,  /* pulled out after these bytes */
};

/* One USB transfer on bulk-in: head, then payload of an object; ends by a short packet. */
struct transfer {
	struct transfer *next;
	uint8_t *head;
	size_t head_len;
	uint32_t object;   /* number, 0 = no payload */
	struct unit *unit; /* or the payload is this one's */
	uint64_t from;     /* byte of object or unit at which the payload begins */
	uint64_t total;    /* head and payload */
	uint64_t done;
	uint64_t watched; /* byte of the object up to which faults were looked at */
	bool zero_packet; /* a zero-length packet where total is a multiple of a packet */
	bool zeros;       /* payload is zeros from now on */
	bool response;    /* ends the transaction */
	bool halt_after;  /* bulk-in halts behind it */
	bool paced;
};

/* What ends a silence. */
enum silence { TALKS, UNTIL_REQUEST, UNTIL_RESET, UNTIL_UNPLUG };

struct command {
	uint16_t type, code;
	uint32_t transaction, params[5], nparams;
};

struct stats {
	uint64_t sessions, payload, commands, stale_opens, bad_transactions, bad_commands;
	uint64_t halts, clear_halts, cancels, device_resets, port_resets, events;
	struct {
		uint32_t op;
		uint64_t n;
	} ops[OPS_MAX];
};

struct responder {
	struct camera *camera;
	struct transfer *first, *last;
	bool halt_in, halt_out, halt_event;
	enum silence silence;
	bool pull;    /* a fault wants the plug out: the face does it once all is delivered */
	bool leave;   /* the same, once the transaction has ended */
	bool busy;    /* a transaction is under way */
	bool waiting; /* a command has come meanwhile */
	uint8_t waiting_bytes[64];
	size_t waiting_len;
	struct command command;
	bool data_out; /* the command's data phase is to come from the host */
	struct bot bot;
	bool session;
	uint32_t next_transaction;
	uint32_t handle_base; /* added to numbers to make handles */
	uint32_t session_id;
	uint16_t packet; /* what is really sent, whatever the descriptor says */
	uint64_t paced_at_ns, tokens, wake_ns;
	uint8_t events[EVENTS_MAX][EVENT_PACKET];
	uint8_t event_len[EVENTS_MAX];
	unsigned event_first, event_count;
	uint64_t flood_left;
	struct stats stats;
};

void responder_init(struct responder *r, struct camera *c);

/* The cable: plugged forgets session, halts and queues; pulled does too. */
void responder_plug(struct responder *r);

/* Port reset. */
void responder_port_reset(struct responder *r);

/* Bytes of one OUT transfer. 0, -EPIPE (halted), -EAGAIN (not taken yet: offer them again). */
int responder_out(struct responder *r, const uint8_t *data, size_t len);

/*
 * Fills buf with what bulk-in sends next, packet by packet, at most room bytes, *got of them. With
 * IN_NOTHING and wake_ns not 0 there is more at that time (CLOCK_MONOTONIC).
 */
enum in_result responder_in(struct responder *r, uint8_t *buf, size_t room, size_t *got);

/* The same for the interrupt endpoint: one event or nothing. */
enum in_result responder_event(struct responder *r, uint8_t *buf, size_t room, size_t *got);

/*
 * A control request. data holds wLength bytes for OUT; for IN at most room are written and *len
 * told. 0, -EPIPE (refused) or -EAGAIN (it is never answered).
 */
int responder_control(
    struct responder *r, const uint8_t setup[8], uint8_t *data, size_t room, size_t *len);

void responder_clear_halt(struct responder *r, uint8_t endpoint);

/* The class requests 0x64 and 0x66 by themselves, for faces whose kernel handles the rest. */
void responder_cancel(struct responder *r, uint32_t transaction);
void responder_device_reset(struct responder *r);

/* Queues an event where the camera sends events. */
void responder_say(struct responder *r, uint16_t code, uint32_t param);

/* Device descriptor (18 bytes) and raw configuration as told now. Returns its length, <= room. */
size_t responder_descriptors(struct responder *r, uint8_t device[18], uint8_t *config, size_t room);

/* CLOCK_MONOTONIC. */
uint64_t responder_now_ns(void);

/* ---- between responder.c and operations.c ---- */

/* Carries out the command in r->command; queues data and response, or sets data_out. */
void operation_run(struct responder *r);

/* The host's data phase for r->command. */
void operation_data(struct responder *r, const uint8_t *data, size_t len);

/* Queues a dataset as data phase. bytes are copied. */
void responder_data(struct responder *r, const uint8_t *bytes, size_t len);

/* Queues len bytes of an object from byte offset as data phase. */
void responder_payload(struct responder *r, const struct object *o, uint64_t offset, uint64_t len);

/* Queues the response; params is what comes after the code. */
void responder_answer(struct responder *r, uint16_t code, const uint32_t *params, size_t n);

/* ---- between responder.c and bot.c ---- */

/* Queues a transfer with these bytes and no zero-length packet at its end. */
struct transfer *responder_queue(struct responder *r, const uint8_t *bytes, size_t len);

/* Puts more bytes behind those of a transfer that has no payload. */
void responder_grow(struct transfer *t, const uint8_t *bytes, size_t len);

/* Gives it len bytes of a unit as payload. */
void responder_unit(struct transfer *t, struct unit *u, uint64_t from, uint64_t len);

/* Counts a command. True: a fault keeps it from being carried out. */
bool responder_command(struct responder *r, uint32_t op);

#endif
