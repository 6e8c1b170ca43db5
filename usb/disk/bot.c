#include "bot.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_attach.h"

#include <errno.h>

#define CONTROL_MS 1000u
#define REQUEST_RESET 0xFF   /* 3.1 */
#define REQUEST_MAX_LUN 0xFE /* 3.2 */
#define PACKET_BYTES 12u
#define CLASS_STORAGE 0x08

/* ---- start and end ---- */

static void free_slots(struct bot *b)
{
	for (unsigned h = 0; h < 2; h++) {
		for (unsigned i = 0; i < BOT_READS; i++) {
			transfer_free(b->half[h].slot[i]);
			b->half[h].slot[i] = NULL;
		}
		b->half[h].slots = b->half[h].used = b->half[h].queued = 0;
	}
}

static int make_slots(struct bot *b, unsigned halves, unsigned slots, size_t bytes)
{
	free_slots(b);
	b->slot_bytes = bytes;
	for (unsigned h = 0; h < halves; h++) {
		for (unsigned i = 0; i < slots; i++) {
			b->half[h].slot[i] = transfer_new(b->transport, b->usb.in, bytes);
			if (!b->half[h].slot[i])
				return -ENOMEM;
			b->half[h].slots++;
		}
	}
	return 0;
}

int bot_widen(struct bot *b, size_t bytes)
{
	size_t slots = (bytes + BOT_PIECE_BYTES - 1) / BOT_PIECE_BYTES;
	int r;

	if (bytes > BOT_READS * BOT_PIECE_BYTES)
		return -EINVAL;
	if (bytes > 0 && bytes < BOT_PIECE_BYTES)
		r = make_slots(b, 2, 1, (bytes + 1023) / 1024 * 1024);
	else
		r = slots ? make_slots(b, 2, (unsigned)slots, BOT_PIECE_BYTES) :
			    make_slots(b, 1, 1, BOT_SMALL_BYTES);
	if (r < 0 && bytes > 0 && make_slots(b, 1, 1, BOT_SMALL_BYTES) < 0)
		free_slots(b);
	return r;
}

int bot_start(struct bot *b, struct transport *t, const struct usb_interface *usb, uint32_t quirks,
    unsigned timeout_ms)
{
	uint8_t last = 0;
	int n;

	*b = (struct bot){
		.transport = t,
		.usb = *usb,
		.quirks = quirks,
		.timeout_ms = timeout_ms,
		.packets = usb->class == CLASS_STORAGE &&
		    (usb->subclass == BOT_UFI || usb->subclass == BOT_SFF_8070I),
		.tag = 1,
		.luns = 1,
	};
	b->out = transfer_new(t, usb->out, BOT_OUT_MAX);
	b->status = transfer_new(t, usb->in, 1024);
	if (!b->out || !b->status || bot_widen(b, 0) < 0)
		return -ENOMEM;
	n = transport_control(t, 0xA1, REQUEST_MAX_LUN, 0, usb->number, &last, 1, CONTROL_MS);
	if (n == -ENODEV)
		return n;
	if (n == 1 && last <= 15)
		b->luns = last + 1u;
	return 0;
}

/* Takes back what is under way on the IN pipe; last first, so that none takes another's bytes. */
static void take_back(struct bot *b)
{
	transfer_cancel(b->status);
	b->status_queued = false;
	for (unsigned h = 2; h > 0; h--) {
		struct bot_half *half = &b->half[h - 1];

		for (unsigned i = half->slots; i > 0; i--)
			transfer_cancel(half->slot[i - 1]);
	}
}

void bot_end(struct bot *b)
{
	if (b->out && b->status)
		take_back(b);
	transfer_free(b->out);
	transfer_free(b->status);
	free_slots(b);
	*b = (struct bot){ 0 };
}

/* ---- one command ---- */

static size_t whole_packets(const struct bot *b, size_t bytes)
{
	size_t packet = b->usb.in_packet_bytes;

	return (bytes + packet - 1) / packet * packet;
}

static int submit_status(struct bot *b)
{
	int r = transfer_submit(b->status, b->usb.in_packet_bytes);

	b->status_queued = r == 0;
	return r;
}

/*
 * Queues all reads of the command; that of its status where no data come before it. Where USB memory
 * is short, what is under way already will make room: bot_await goes on. Where it was pulled out,
 * what came is to be taken.
 */
static int queue(struct bot *b, struct bot_half *h)
{
	int r = 0;

	while (h->queued < h->used && r == 0) {
		size_t at = h->queued * b->slot_bytes;
		size_t bytes = h->exchange.len - at;

		r = transfer_submit(h->slot[h->queued],
		    whole_packets(b, bytes < b->slot_bytes ? bytes : b->slot_bytes));
		if (r == 0)
			h->queued++;
	}
	/* Behind data it is asked for when they are there: QEMU's disk answers it too early. */
	if (r == 0 && h->used == 0)
		r = submit_status(b);
	return (r == -ENOMEM || r == -ENODEV) && h->queued > 0 ? 0 : r;
}

static int send_out(struct bot *b, size_t len)
{
	int r = transfer_submit(b->out, len);

	if (r == 0)
		r = transfer_wait(b->out, b->timeout_ms);
	if (r < 0) {
		transfer_cancel(b->out);
		return r;
	}
	if (b->out->status < 0)
		return b->out->status;
	return b->out->len == len ? 0 : -EIO;
}

static void wrap(struct bot *b, struct exchange *x, unsigned lun, const uint8_t *cdb,
    size_t cdb_len, uint32_t len, bool in)
{
	uint8_t packet[PACKET_BYTES] = { 0 };
	uint32_t tag = b->tag++;

	exchange_begin(x, tag, len, in);
	/* SFF-8070i 2.1, UFI 1.0 3.2.1: command packets of 12 bytes, padded by zeros */
	if (b->packets && cdb_len < PACKET_BYTES) {
		memcpy(packet, cdb, cdb_len);
		cdb = packet;
		cdb_len = PACKET_BYTES;
	}
	wrapper_command(b->out->data, tag, len, in, lun, cdb, cdb_len);
}

int bot_begin(
    struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, uint32_t len, unsigned half)
{
	struct bot_half *h = &b->half[half];
	int r;

	if (transport_gone(b->transport))
		return -ENODEV;
	if (len > h->slots * b->slot_bytes || cdb_len > BOT_COMMAND_MAX)
		return -EINVAL;
	wrap(b, &h->exchange, lun, cdb, cdb_len, len, true);
	h->queued = 0;
	h->used = (unsigned)((len + b->slot_bytes - 1) / b->slot_bytes);
	memset(h->data, 0, sizeof(h->data));
	/* The reads are queued with it: the device answers without a gap. */
	r = transfer_submit(b->out, WRAPPER_COMMAND_BYTES);
	if (r == 0)
		r = queue(b, h);
	return r;
}

/* 6.7.2: a stall that ends short data is in step; one behind all of them is mended. */
static int clear_in(struct bot *b, const struct exchange *x)
{
	b->recoveries += x->moved == x->len;
	take_back(b);
	return transport_clear_halt(b->transport, b->usb.in);
}

/* Waits for the command's wrapper to be gone. */
static int await_out(struct bot *b)
{
	int r = transfer_wait(b->out, b->timeout_ms);

	if (r == 0)
		r = b->out->status;
	if (r == 0 && b->out->len != b->out->asked)
		r = -EIO;
	return r;
}

/* The next transfer on the pipe: number i of the data, or the status. NULL and *r: -errno. */
static struct transfer *next(struct bot *b, struct bot_half *h, unsigned i, int *r)
{
	struct transfer *x;

	*r = 0;
	if (i < h->queued) {
		x = h->slot[i];
	} else {
		x = b->status;
		if (h->exchange.phase == EXCHANGE_DATA)
			*r = transport_gone(b->transport) ? -ENODEV : -ENOMEM; /* not queued */
		else if (!b->status_queued)
			*r = submit_status(b);
		b->status_queued = false;
	}
	if (*r == 0)
		*r = transfer_wait(x, b->timeout_ms);
	if (*r == 0 && x->status < 0 && x->status != -EPIPE)
		*r = x->status == -EOVERFLOW ? -EPROTO : x->status;
	return x;
}

int bot_await(struct bot *b, unsigned half, struct bot_result *out)
{
	struct bot_half *h = &b->half[half];
	enum exchange_next what = EXCHANGE_GO_ON;
	int r = await_out(b);

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; r == 0 && what != EXCHANGE_OVER; i++) {
		struct transfer *x = next(b, h, i, &r);
		size_t data = 0;

		if (r < 0 && (r != -ENODEV || x->len == 0 || x == b->status))
			break;
		what = exchange_take(
		    &h->exchange, x->data, x->len, x->asked, x->status == -EPIPE, &data);
		if (i < h->queued)
			h->data[i] = data;
		if (r < 0)
			break;
		if (what == EXCHANGE_RESET)
			r = -EPROTO;
		else if (what == EXCHANGE_CLEAR_HALT)
			r = clear_in(b, &h->exchange);
		else if (what == EXCHANGE_GO_ON && h->queued < h->used &&
		    h->exchange.phase == EXCHANGE_DATA)
			r = queue(b, h);
		if (what == EXCHANGE_CLEAR_HALT)
			h->queued = h->queued < i + 1 ? h->queued : i + 1;
	}
	out->moved = h->exchange.moved;
	if (r < 0)
		return r;
	take_back(b);
	out->passed = h->exchange.status.status == 0;
	out->valid = (b->quirks & QUIRK_IGNORE_RESIDUE) ? out->moved : exchange_valid(&h->exchange);
	return 0;
}

size_t bot_piece(const struct bot *b, unsigned half, unsigned piece, const uint8_t **bytes)
{
	const struct bot_half *h = &b->half[half];

	if (piece >= h->used)
		return 0;
	*bytes = h->slot[piece]->data;
	return h->data[piece];
}

int bot_recover(struct bot *b, unsigned rung)
{
	int r;

	b->recoveries++;
	transfer_cancel(b->out);
	take_back(b);
	if (transport_gone(b->transport))
		return -ENODEV;
	if (rung > 0)
		return transport_reset(b->transport);
	r = transport_control(
	    b->transport, 0x21, REQUEST_RESET, 0, b->usb.number, NULL, 0, CONTROL_MS);
	if (r < 0)
		return r;
	r = transport_clear_halt(b->transport, b->usb.in);
	return r < 0 ? r : transport_clear_halt(b->transport, b->usb.out);
}

/* ---- whole commands, tried again ---- */

static int ask(struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, uint8_t *data,
    uint32_t len, struct bot_result *out)
{
	int r = bot_begin(b, lun, cdb, cdb_len, len, 0);
	const uint8_t *bytes;
	size_t n;

	if (r == 0)
		r = bot_await(b, 0, out);
	for (unsigned i = 0; r == 0 && (n = bot_piece(b, 0, i, &bytes)) > 0; i++) {
		memcpy(data, bytes, n);
		data += n;
	}
	return r;
}

static int tell(struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len,
    const uint8_t *data, uint32_t len, struct bot_result *out)
{
	struct bot_half *h = &b->half[0];
	int r;

	if (len > BOT_OUT_MAX)
		return -EINVAL;
	h->used = h->queued = 0;
	wrap(b, &h->exchange, lun, cdb, cdb_len, len, false);
	r = send_out(b, WRAPPER_COMMAND_BYTES);
	if (r < 0)
		return r;
	memcpy(b->out->data, data, len);
	r = send_out(b, len);
	if (r == -EPIPE) {
		/* 6.7.3: it takes no more; the status tells why */
		h->exchange.moved = (uint32_t)b->out->len;
		r = transport_clear_halt(b->transport, b->usb.out);
		b->out->status = 0;
		b->out->len = b->out->asked;
	}
	return r < 0 ? r : bot_await(b, 0, out);
}

int bot_command(struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, void *data,
    uint32_t len, bool in, struct bot_result *out)
{
	for (unsigned rung = 0;; rung++) {
		int r = in || len == 0 ? ask(b, lun, cdb, cdb_len, data, len, out) :
					 tell(b, lun, cdb, cdb_len, data, len, out);
		int mended;

		if (r == 0 || r == -ENODEV || r == -ENOMEM || r == -EINVAL)
			return r;
		log_warn("camera-command", "operation=0x%02x status=%d rung=%u", cdb[0], r, rung);
		if (rung == BOT_RUNGS)
			return r;
		mended = bot_recover(b, rung);
		if (mended < 0 && mended != -ENODEV && rung == 0)
			mended = bot_recover(b, ++rung);
		if (mended == -ENODEV)
			return mended;
	}
}
