#include "session.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_attach.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_BYTES 1024u  /* every legal bulk packet size divides it */
#define FIRST_BYTES 16384u /* where the length of the answer is not known */
#define COMMAND_ROOM 2048u
#define CONTROL_MS 1000u
#define SILENCE_MS 300u       /* so long nothing after a cancel: the pipe is empty */
#define FIRST_ANSWER_MS 3000u /* a stale session is found out sooner than by the full time-out */
#define BUSY_TRIES 20
#define ANSWER_MAX (64u << 20) /* an answer that is longer breaks the protocol */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the interrupt pipe: one read always queued, what comes is counted and passed over ---- */

static void watch_events(struct session *s)
{
	if (!s->event || s->event->busy)
		return;
	if (s->event->status == 0 && s->event->len > 0)
		s->events++;
	if (s->event->status == 0 && transfer_submit(s->event, s->event->room) < 0)
		s->event->status = -EIO;
}

int session_idle(struct session *s)
{
	transport_run(s->transport, 0);
	watch_events(s);
	return transport_gone(s->transport) ? -ENODEV : 0;
}

/* ---- start and end ---- */

int session_widen(struct session *s, size_t bytes)
{
	for (unsigned i = 0; i < SESSION_SLOTS; i++) {
		transfer_free(s->slot[i]);
		s->slot[i] = transfer_new(s->transport, s->usb.in, bytes);
		if (!s->slot[i])
			return -ENOMEM;
	}
	s->read_bytes = bytes;
	return 0;
}

int session_start(struct session *s, struct transport *t, const struct usb_interface *usb,
    uint32_t quirks, unsigned timeout_ms)
{
	*s = (struct session){
		.transport = t,
		.usb = *usb,
		.quirks = quirks,
		.timeout_ms = timeout_ms,
		.depth = SESSION_READS,
		.wrong = "",
	};
	s->command = transfer_new(t, usb->out, COMMAND_ROOM);
	if (!s->command)
		return -ENOMEM;
	if (session_widen(s, SESSION_SMALL_BYTES) < 0)
		return -ENOMEM;
	if (usb->event) {
		s->event = transfer_new(t, usb->event, ROUND_BYTES);
		if (!s->event)
			return -ENOMEM;
	}
	watch_events(s);
	return 0;
}

/* Takes back all reads; last first, so that none of the earlier takes what a later one would. */
static void take_back_reads(struct session *s)
{
	for (unsigned i = s->count; i > 0; i--)
		transfer_cancel(s->slot[(s->head + i - 1) % SESSION_SLOTS]);
	s->count = 0;
}

void session_end(struct session *s)
{
	if (s->command && s->slot[SESSION_SLOTS - 1])
		take_back_reads(s);
	transfer_free(s->command);
	transfer_free(s->event);
	for (unsigned i = 0; i < SESSION_SLOTS; i++)
		transfer_free(s->slot[i]);
	free(s->body);
	*s = (struct session){ 0 };
}

/* ---- one transaction ---- */

static int send_out(struct session *s, size_t len)
{
	int r = transfer_submit(s->command, len);

	if (r == 0)
		r = transfer_wait(s->command, s->timeout_ms);
	if (r < 0) {
		transfer_cancel(s->command);
		return r;
	}
	if (s->command->status < 0)
		return s->command->status;
	return s->command->len == len ? 0 : -EIO;
}

static int queue_read(struct session *s, uint64_t bytes)
{
	struct transfer *x = s->slot[(s->head + s->count) % SESSION_SLOTS];
	uint64_t room = (bytes + ROUND_BYTES - 1) / ROUND_BYTES * ROUND_BYTES;
	int r;

	if (room > s->read_bytes)
		room = s->read_bytes;
	r = transfer_submit(x, (size_t)room);
	if (r == 0) {
		s->count++;
		s->asked_bytes += room;
	}
	return r;
}

/* Less in flight where USB memory is short (usbfs_memory_mb is one sum for the whole system). */
static int make_do(struct session *s)
{
	if (s->count > 0) {
		if (s->depth > s->count)
			s->depth = s->count;
		return 0;
	}
	s->depth = 1;
	if (s->read_bytes <= FIRST_BYTES)
		return -ENOMEM;
	s->read_bytes /= 2;
	log_warn("usb-memory-short", "read_bytes=%zu", s->read_bytes);
	return 0;
}

/* Queues as many reads as the answer, as far as it is known, can fill; one for the response. */
static int fill(struct session *s)
{
	uint64_t total = s->reply.total_bytes;
	int r = 0;

	if (total == 0 && s->reply.exact)
		total = PTP_HEAD_BYTES + s->reply.payload_max;
	while (s->count <= s->depth) {
		if (total == 0) {
			if (s->count > 0)
				return 0;
			r = queue_read(s, FIRST_BYTES);
		} else if (s->asked_bytes < total) {
			if (s->count == s->depth)
				return 0;
			r = queue_read(s, total - s->asked_bytes);
		} else if (s->asked_bytes < total + ROUND_BYTES || s->count == 0) {
			r = queue_read(s, ROUND_BYTES);
		} else {
			return 0;
		}
		if (r == -ENOMEM) {
			r = make_do(s);
			if (r == 0 && s->count > 0)
				return 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* As fill; but what came before it was pulled out is still to be taken. */
static int fill_on(struct session *s)
{
	int r = fill(s);

	return r == -ENODEV && s->count > 0 ? 0 : r;
}

int session_begin(struct session *s, uint16_t operation, const uint32_t *params, unsigned n,
    uint64_t payload_max, bool exact)
{
	uint32_t transaction = s->is_open ? s->transaction++ : 0;
	int r;

	if (transport_gone(s->transport))
		return -ENODEV;
	watch_events(s);
	reply_begin(&s->reply, operation, transaction, payload_max, exact,
	    (s->quirks & QUIRK_IGNORE_HEADERS) != 0);
	s->asked_bytes = 0;
	s->failed = 0;
	s->depth = SESSION_READS;
	r = send_out(s, ptp_command(s->command->data, operation, transaction, params, n));
	return r < 0 ? r : fill_on(s);
}

static int out_of_step(struct session *s, const char *wrong)
{
	s->wrong = wrong;
	s->failed = -EPROTO;
	return -EPROTO;
}

int session_read(struct session *s, const uint8_t **bytes, size_t *len)
{
	for (;;) {
		struct reply_piece piece;
		struct transfer *x;
		const char *wrong;
		int r;

		if (s->failed < 0)
			return s->failed;
		if (s->reply.phase == REPLY_DONE) {
			take_back_reads(s);
			return 0;
		}
		r = fill_on(s);
		if (r < 0)
			return r;
		x = s->slot[s->head];
		r = transfer_wait(x, s->timeout_ms);
		watch_events(s);
		if (r < 0)
			return r;
		s->head = (s->head + 1) % SESSION_SLOTS;
		s->count--;
		s->asked_bytes -= x->asked - x->len;
		s->failed = x->status;
		/* What arrived before it was pulled out is as good as any. */
		if (s->failed < 0 && (s->failed != -ENODEV || x->len == 0))
			return s->failed;
		wrong = reply_feed(&s->reply, x->data, x->len, x->len < x->asked, &piece);
		if (wrong)
			return out_of_step(s, wrong);
		if (s->failed == 0 && s->reply.phase != REPLY_DONE)
			s->failed = fill_on(s);
		if (piece.len > 0) {
			*bytes = piece.bytes;
			*len = piece.len;
			return 1;
		}
	}
}

static int keep(struct session *s, const uint8_t *bytes, size_t len)
{
	if (s->body_room - s->body_len < len) {
		size_t room = s->body_room ? 2 * s->body_room : 4096;
		uint8_t *body;

		while (room - s->body_len < len)
			room *= 2;
		body = realloc(s->body, room);
		if (!body)
			return -ENOMEM;
		s->body = body;
		s->body_room = room;
	}
	memcpy(s->body + s->body_len, bytes, len);
	s->body_len += len;
	return 0;
}

/* Reads the rest of a transaction; the first max bytes of its payload into s->body. */
static int gather(struct session *s, size_t max)
{
	const uint8_t *bytes;
	size_t len;
	int r;

	s->body_len = 0;
	while ((r = session_read(s, &bytes, &len)) > 0) {
		r = keep(s, bytes, len < max - s->body_len ? len : max - s->body_len);
		if (r < 0)
			return r;
	}
	if (r == 0 && s->reply.short_data && s->reply.code == PTP_OK)
		return out_of_step(s, "data shorter than its head told");
	return r;
}

int session_ask(
    struct session *s, uint16_t operation, const uint32_t *params, unsigned n, size_t max)
{
	int r = session_begin(s, operation, params, n, ANSWER_MAX, false);

	return r < 0 ? r : gather(s, max);
}

int session_tell(struct session *s, uint16_t operation, const uint32_t *params, unsigned n,
    const uint8_t *bytes, size_t len)
{
	uint32_t transaction = s->is_open ? s->transaction++ : 0;
	int r;

	if (len > COMMAND_ROOM - PTP_HEAD_BYTES)
		return -EINVAL;
	reply_begin(
	    &s->reply, operation, transaction, 0, false, (s->quirks & QUIRK_IGNORE_HEADERS) != 0);
	s->asked_bytes = 0;
	s->failed = 0;
	r = send_out(s, ptp_command(s->command->data, operation, transaction, params, n));
	if (r < 0)
		return r;
	ptp_data_head(s->command->data, operation, transaction, (uint32_t)len);
	memcpy(s->command->data + PTP_HEAD_BYTES, bytes, len);
	r = send_out(s, PTP_HEAD_BYTES + len);
	if (r == 0)
		r = fill(s);
	return r < 0 ? r : gather(s, 0);
}

/* Lets time pass without being deaf to the device. */
static void rest(struct session *s, unsigned ms)
{
	int64_t end = now_ms() + ms;

	for (int64_t left = ms; left > 0 && !transport_gone(s->transport); left = end - now_ms()) {
		transport_run(s->transport, (unsigned)left);
		watch_events(s);
	}
}

int session_call(
    struct session *s, uint16_t operation, const uint32_t *params, unsigned n, size_t max)
{
	unsigned busy = 0;

	for (unsigned tries = 1;; tries++) {
		int r = session_ask(s, operation, params, n, max);
		int mended;

		while (r == 0 && s->reply.code == PTP_DEVICE_BUSY && busy++ < BUSY_TRIES) {
			rest(s, 100);
			r = session_ask(s, operation, params, n, max);
		}
		if (r == 0 || r == -ENODEV || r == -ENOMEM)
			return r;
		log_warn("camera-transaction", "operation=0x%04x status=%d wrong=\"%s\"", operation,
		    r, s->wrong);
		mended = session_recover(s, r);
		if (mended < 0)
			return mended;
		if (s->renewed)
			return -ESTALE;
		if (tries == SESSION_TRIES)
			return r;
	}
}

/* ---- recovery (Still Image 5.2 and 7.2.2; the order is mtp-rs's and libmtp's) ---- */

static unsigned control_ms(const struct session *s)
{
	return s->timeout_ms < CONTROL_MS ? s->timeout_ms : CONTROL_MS;
}

static void class_request_cancel(struct session *s)
{
	uint8_t data[6];

	buf_put_le(data, 0x4001, 2);
	buf_put_le(data + 2, s->reply.transaction, 4);
	transport_control(s->transport, 0x21, PTP_REQUEST_CANCEL, 0, s->usb.number, data,
	    sizeof(data), control_ms(s));
}

static void clear_halts(struct session *s)
{
	transport_clear_halt(s->transport, s->usb.in);
	transport_clear_halt(s->transport, s->usb.out);
}

/* Reads and throws away until the pipe is silent. false: it does not end, or there is no device. */
static bool drain(struct session *s)
{
	int64_t end = now_ms() + s->timeout_ms;
	bool silent = false;

	while (!silent && now_ms() < end && !transport_gone(s->transport)) {
		struct transfer *x;

		if (s->count == 0 && queue_read(s, FIRST_BYTES) < 0)
			break;
		x = s->slot[s->head];
		if (transfer_wait(x, SILENCE_MS) < 0) {
			silent = true;
			break;
		}
		s->head = (s->head + 1) % SESSION_SLOTS;
		s->count--;
		if (x->status == -EPIPE) {
			take_back_reads(s);
			clear_halts(s);
		} else if (x->status < 0 && x->status != -EOVERFLOW) {
			break;
		}
		watch_events(s);
	}
	take_back_reads(s);
	return silent;
}

/* Waits while the camera says that it is busy cancelling; clears the halts that it names. */
static void ask_status(struct session *s)
{
	for (unsigned tries = 0; tries < BUSY_TRIES; tries++) {
		uint8_t data[64];
		int n = transport_control(s->transport, 0xA1, PTP_REQUEST_STATUS, 0, s->usb.number,
		    data, sizeof(data), control_ms(s));
		struct buf b = buf_of(data, n > 0 ? (size_t)n : 0);
		uint16_t code;

		buf_u16(&b);
		code = buf_u16(&b);
		if (b.broken) /* Android answers with a stall, others with nothing */
			return;
		while (buf_left(&b) >= 4) {
			uint32_t endpoint = buf_u32(&b);

			if (endpoint == s->usb.in || endpoint == s->usb.out)
				transport_clear_halt(s->transport, (uint8_t)endpoint);
		}
		if (code != PTP_DEVICE_BUSY)
			return;
		rest(s, 100);
	}
}

static int short_ask(struct session *s, uint16_t operation, const uint32_t *params, unsigned n)
{
	unsigned timeout_ms = s->timeout_ms;
	int r;

	if (s->timeout_ms > FIRST_ANSWER_MS && !(s->quirks & QUIRK_LONG_TIMEOUT))
		s->timeout_ms = FIRST_ANSWER_MS;
	r = session_ask(s, operation, params, n, 1u << 16);
	s->timeout_ms = timeout_ms;
	return r;
}

static int open_session(struct session *s)
{
	const uint32_t id = 1;
	int r;

	s->is_open = false;
	r = short_ask(s, PTP_OPEN_SESSION, &id, 1);
	if (r < 0)
		return r;
	if (s->reply.code == PTP_SESSION_ALREADY_OPEN)
		s->recoveries++;
	else if (s->reply.code != PTP_OK)
		return -EPROTO;
	s->is_open = true;
	s->transaction = 1;
	return 0;
}

/* Whether it answers; in a session, whether that session is still there. */
static int probe(struct session *s)
{
	int r = short_ask(s, s->is_open ? PTP_GET_STORAGE_IDS : PTP_GET_DEVICE_INFO, NULL, 0);

	if (r == 0 && s->reply.code != PTP_OK && s->reply.code != PTP_DEVICE_BUSY)
		return -EPROTO;
	return r;
}

/* One rung of the ladder; what it does beyond the one before is harsher. */
static int mend(struct session *s, int why, unsigned rung)
{
	bool was_open = s->is_open;
	int r;

	if (rung == 1 && !(s->quirks & QUIRK_NO_RESET_REQUEST)) {
		transport_control(s->transport, 0x21, PTP_REQUEST_RESET, 0, s->usb.number, NULL, 0,
		    control_ms(s));
		clear_halts(s);
	} else if (rung == 2) {
		if (s->event)
			transfer_cancel(s->event);
		r = transport_reset(s->transport);
		if (r < 0)
			return r;
		if (s->event)
			s->event->status = 0;
	} else if (why == -EPIPE) {
		take_back_reads(s);
		clear_halts(s);
	} else {
		class_request_cancel(s);
	}
	drain(s);
	if (rung < 2)
		ask_status(s);
	if (rung == 0)
		return probe(s);
	if (!was_open)
		return probe(s);
	s->renewed = true;
	return open_session(s);
}

int session_recover(struct session *s, int why)
{
	const char *wrong = s->wrong;

	s->recoveries++;
	transfer_cancel(s->command);
	for (unsigned rung = 0; rung < 3; rung++) {
		bool was_open = s->is_open;
		int r;

		if (transport_gone(s->transport))
			return -ENODEV;
		r = mend(s, why, rung);
		s->wrong = wrong;
		if (r == 0) {
			if (why != -ECANCELED || rung > 0)
				log_info("camera-mended", "rung=%u after=%d", rung, why);
			return 0;
		}
		s->is_open = was_open;
		log_warn("camera-not-mended", "rung=%u status=%d", rung, r);
		why = r;
	}
	take_back_reads(s);
	return transport_gone(s->transport) ? -ENODEV : -ETIMEDOUT;
}

int session_open(struct session *s)
{
	int r = open_session(s);

	for (unsigned tries = 1; r < 0 && tries < SESSION_TRIES; tries++) {
		r = session_recover(s, r);
		if (r < 0)
			return r;
		r = open_session(s);
	}
	s->renewed = false;
	return r;
}

void session_close(struct session *s)
{
	if (!s->is_open || (s->quirks & QUIRK_KEEP_SESSION) || transport_gone(s->transport))
		return;
	if (s->timeout_ms > CONTROL_MS)
		s->timeout_ms = CONTROL_MS;
	session_ask(s, PTP_CLOSE_SESSION, NULL, 0, 0);
	s->is_open = false;
}
