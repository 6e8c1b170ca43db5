/*
 * language_amba: the three languages of the Ambarella family, sent as control requests and lines.
 *
 * Acts over the bytes of ambarella.h; called by unlock.c. Two of the languages can be told apart
 * from others only by logging in: that is one try of the PIN, and the only one of this worker.
 */
#include "ambarella.h"
#include "unlock.h"

#include <errno.h>
#include <string.h>

#define CONTROL_MS 1000 /* at most, of one request */
#define LINE_MS 2000    /* of a line and of its answer; the source waits 3000 */
#define TO_CAMERA 0x40  /* vendor, to the device: needs no interface */
#define TO_HOST 0xC0

static unsigned at_most(const struct locked *l, unsigned ms)
{
	return l->timeout_ms < ms ? l->timeout_ms : ms;
}

static int control(
    struct locked *l, uint8_t type, uint8_t request, uint16_t value, void *data, size_t len)
{
	return transport_control(
	    l->transport, type, request, value, 0, data, (uint16_t)len, at_most(l, CONTROL_MS));
}

/* What the answer to a login has told. */
static int pin_was(struct locked *l, bool right)
{
	l->pin_state = right ? PIN_RIGHT : PIN_WRONG;
	return right ? 0 : -EACCES;
}

/* How a bus error is told while a language is tried: gone is gone, the rest is another language. */
static int not_this(int r)
{
	return r == -ENODEV ? r : -ENOTSUP;
}

/* ---- request ---- */

static int request_meet(struct locked *l)
{
	uint8_t out[AMBA_REQUEST_BYTES], in[AMBA_REQUEST_ANSWER_BYTES] = { 0 };
	int r, answer;

	if (l->no_login || !amba_request_login(out, locked_pin(l, AMBA_REQUEST_PIN)))
		return -ENOTSUP;
	r = control(l, TO_CAMERA, AMBA_REQUEST_LOGIN, AMBA_REQUEST_VALUE, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
	if (r < 0)
		return not_this(r);
	r = control(l, TO_HOST, AMBA_REQUEST_LOGIN, AMBA_REQUEST_VALUE, in, sizeof(in));
	if (r < 0)
		return not_this(r);
	answer = amba_request_answer(in, (size_t)r);
	if (answer < 0)
		return -ENOTSUP;
	pin_was(l, answer == 1);
	return 0;
}

static int request_facts(struct locked *l, struct vendor_facts *out)
{
	(void)out; /* no request for any of them is known */
	return transport_gone(l->transport) ? -ENODEV : 0;
}

static int request_unlock(struct locked *l)
{
	uint8_t out[AMBA_REQUEST_BYTES], in[AMBA_REQUEST_ANSWER_BYTES] = { 0 };
	int r;

	if (l->pin_state != PIN_RIGHT)
		return -EACCES;
	amba_request_disk(out);
	r = control(l, TO_CAMERA, AMBA_REQUEST_DISK, AMBA_REQUEST_VALUE, out, sizeof(out));
	if (r < 0)
		return r == -EPIPE ? -EREMOTEIO : r;
	r = control(l, TO_HOST, AMBA_REQUEST_LOGIN, AMBA_REQUEST_VALUE, in, sizeof(in));
	return r >= 0 && amba_request_answer(in, (size_t)r) == 0 ? -EREMOTEIO : 0;
}

const struct language amba_request_language = {
	.id = UNLOCK_AMBA_REQUEST,
	.meet = request_meet,
	.facts = request_facts,
	.unlock = request_unlock,
};

/* ---- block ---- */

/* One command. Its answer's data in *data (inside answer), *len bytes. */
static int block_ask(struct locked *l, enum amba_block command, const void *give, size_t give_len,
    uint8_t answer[AMBA_BLOCK_BYTES_MAX], const uint8_t **data, size_t *len)
{
	uint8_t out[AMBA_BLOCK_BYTES_MAX];
	size_t n = amba_block_put(out, command, give, give_len);
	int r;

	memset(answer, 0, AMBA_BLOCK_BYTES_MAX);
	if (n == 0)
		return -EINVAL;
	r = control(l, TO_CAMERA, AMBA_BLOCK_REQUEST, AMBA_BLOCK_VALUE, out, n);
	explicit_bzero(out, sizeof(out));
	if (r >= 0)
		r = control(l, TO_HOST, AMBA_BLOCK_REQUEST, 0, answer, n);
	if (r < 0)
		return r == -EPIPE ? -EREMOTEIO : r;
	*data = amba_block_answer(answer, (size_t)r, len);
	return *data ? 0 : -EREMOTEIO;
}

static int block_meet(struct locked *l)
{
	uint8_t answer[AMBA_BLOCK_BYTES_MAX];
	const uint8_t *data;
	size_t len;
	int r = block_ask(l, AMBA_BLOCK_PING, NULL, 0, answer, &data, &len);

	if (r < 0)
		return not_this(r);
	return amba_block_is_ping(data, len) ? 0 : -ENOTSUP;
}

static int block_log_in(struct locked *l)
{
	const char *pin = locked_pin(l, AMBA_BLOCK_PIN);
	uint8_t answer[AMBA_BLOCK_BYTES_MAX];
	const uint8_t *data;
	size_t len;
	int r;

	if (l->pin_state == PIN_UNTRIED && !l->no_login) {
		r = block_ask(l, AMBA_BLOCK_USER_LOGIN, pin, strlen(pin), answer, &data, &len);
		if (r < 0 && r != -EREMOTEIO && r != -EINVAL)
			return r;
		pin_was(l, r == 0);
	}
	return l->pin_state == PIN_RIGHT ? 0 : -EACCES;
}

static int block_facts(struct locked *l, struct vendor_facts *out)
{
	uint8_t answer[AMBA_BLOCK_BYTES_MAX];
	const uint8_t *data;
	size_t len;
	int r = block_ask(l, AMBA_BLOCK_BATTERY, NULL, 0, answer, &data, &len);

	if (r == 0)
		out->battery_percent = amba_block_battery(data, len);
	if (r == 0 || r == -EREMOTEIO)
		r = block_ask(l, AMBA_BLOCK_READ_IDS, NULL, 0, answer, &data, &len);
	if (r == -EREMOTEIO) { /* some tell them only after a login */
		r = block_log_in(l);
		if (r == 0)
			r = block_ask(l, AMBA_BLOCK_READ_IDS, NULL, 0, answer, &data, &len);
	}
	if (r == 0)
		amba_block_ids_read(data, len, out);
	explicit_bzero(answer, sizeof(answer)); /* names */
	return r == -EREMOTEIO || r == -EACCES ? 0 : r;
}

static int block_set_clock(struct locked *l, int64_t clock_s)
{
	uint8_t time[AMBA_BLOCK_TIME_BYTES], answer[AMBA_BLOCK_BYTES_MAX];
	const uint8_t *data;
	size_t len;
	int r = block_log_in(l);

	if (r == 0 && !amba_block_time_put(time, clock_s))
		r = -EINVAL;
	return r < 0 ? r :
		       block_ask(l, AMBA_BLOCK_SYNC_TIME, time, sizeof(time), answer, &data, &len);
}

/* Read, changed, written: what else stands in the block stays as it is on the camera. */
static int block_set_owner(struct locked *l, const char *officer, const char *unit)
{
	uint8_t answer[AMBA_BLOCK_BYTES_MAX], ids[AMBA_BLOCK_IDS_BYTES];
	const uint8_t *data;
	size_t len = 0;
	int r = block_log_in(l);

	if (r == 0)
		r = block_ask(l, AMBA_BLOCK_READ_IDS, NULL, 0, answer, &data, &len);
	if (r == 0 && len != sizeof(ids))
		r = -EPROTO;
	if (r == 0) {
		memcpy(ids, data, sizeof(ids));
		r = amba_block_ids_put(ids, officer, unit) ? 0 : -EINVAL;
	}
	if (r == 0)
		r = block_ask(l, AMBA_BLOCK_WRITE_IDS, ids, sizeof(ids), answer, &data, &len);
	explicit_bzero(answer, sizeof(answer));
	explicit_bzero(ids, sizeof(ids));
	return r;
}

static int block_unlock(struct locked *l)
{
	uint8_t answer[AMBA_BLOCK_BYTES_MAX];
	const uint8_t *data;
	size_t len;
	int r = block_log_in(l);

	if (r < 0)
		return r;
	r = block_ask(l, AMBA_BLOCK_STORAGE, NULL, 0, answer, &data, &len);
	return r == -EREMOTEIO ? r : 0; /* it may be gone before it has answered */
}

const struct language amba_block_language = {
	.id = UNLOCK_AMBA_BLOCK,
	.sets_clock = true,
	.sets_owner = true,
	.meet = block_meet,
	.facts = block_facts,
	.set_clock = block_set_clock,
	.set_owner = block_set_owner,
	.unlock = block_unlock,
};

/* ---- text ---- */

/* One transfer on a pipe. Bytes moved, or -errno; a stalled pipe is cleared. */
static int pipe_once(struct locked *l, uint8_t endpoint, void *data, size_t len, size_t room)
{
	struct transfer *x = transfer_new(l->transport, endpoint, room);
	bool in = (endpoint & 0x80) != 0;
	int r;

	if (!x)
		return -ENOMEM;
	if (!in)
		memcpy(x->data, data, len);
	r = transfer_submit(x, in ? room : len);
	if (r == 0) {
		r = transfer_wait(x, at_most(l, LINE_MS));
		if (r < 0)
			transfer_cancel(x);
		else
			r = x->status;
	}
	if (r == -EPIPE)
		transport_clear_halt(l->transport, endpoint);
	if (r == 0) {
		r = (int)x->len;
		if (in)
			memcpy(data, x->data, x->len < len ? x->len : len);
	}
	explicit_bzero(x->data, room); /* a PIN, an id */
	transfer_free(x);
	return r;
}

/* A line, and what comes back: bytes in answer (at most AMBA_TEXT_MAX), or -errno. */
static int text_ask(
    struct locked *l, char line[AMBA_TEXT_MAX], size_t len, uint8_t answer[AMBA_TEXT_MAX])
{
	size_t packet = l->usb.in_packet_bytes;
	size_t room = packet > AMBA_TEXT_MAX ? packet : AMBA_TEXT_MAX / packet * packet;
	int r = len ? pipe_once(l, l->usb.out, line, len, AMBA_TEXT_MAX) : -EINVAL;

	memset(answer, 0, AMBA_TEXT_MAX);
	if (r < 0)
		return r;
	r = pipe_once(l, l->usb.in, answer, AMBA_TEXT_MAX, room);
	return r > AMBA_TEXT_MAX ? AMBA_TEXT_MAX : r;
}

static int text_meet(struct locked *l)
{
	char line[AMBA_TEXT_MAX];
	uint8_t answer[AMBA_TEXT_MAX];
	int r, said;

	/* the pipes that the source names; a disk's are not to be talked to in this language */
	if (l->usb.out != AMBA_TEXT_OUT || l->usb.in != AMBA_TEXT_IN || l->bot_up || l->no_login)
		return -ENOTSUP;
	r = text_ask(l, line, amba_text_login(line, locked_pin(l, AMBA_TEXT_PIN)), answer);
	explicit_bzero(line, sizeof(line));
	if (r < 0)
		return not_this(r);
	said = amba_text_login_answer(answer, (size_t)r);
	if (said < 0)
		return -ENOTSUP;
	pin_was(l, said == 1);
	return 0;
}

static int text_command(struct locked *l, enum amba_text command, int64_t clock_s)
{
	char line[AMBA_TEXT_MAX];
	uint8_t answer[AMBA_TEXT_MAX];
	int r = text_ask(l, line, amba_text_put(line, command, clock_s), answer);

	if (r < 0)
		return r;
	return amba_text_is_done(answer, (size_t)r, command) ? 0 : -EREMOTEIO;
}

static int text_facts(struct locked *l, struct vendor_facts *out)
{
	char line[AMBA_TEXT_MAX];
	uint8_t answer[AMBA_TEXT_MAX];
	int r;

	if (l->pin_state != PIN_RIGHT)
		return 0;
	r = text_ask(l, line, amba_text_put(line, AMBA_TEXT_GDV, 0), answer);
	if (r >= 0)
		amba_text_id(answer, (size_t)r, out);
	return r < 0 ? r : 0;
}

static int text_set_clock(struct locked *l, int64_t clock_s)
{
	int r;

	if (l->pin_state != PIN_RIGHT)
		return -EACCES;
	r = text_command(l, AMBA_TEXT_SDT, clock_s);
	return r < 0 ? r : text_command(l, AMBA_TEXT_STM, clock_s);
}

static int text_unlock(struct locked *l)
{
	int r;

	if (l->pin_state != PIN_RIGHT)
		return -EACCES;
	r = text_command(l, AMBA_TEXT_ATH, 0);
	/* no answer: it may be gone already; the wait tells */
	return r == -EREMOTEIO || r == -EINVAL ? r : 0;
}

const struct language amba_text_language = {
	.id = UNLOCK_AMBA_TEXT,
	.sets_clock = true,
	.meet = text_meet,
	.facts = text_facts,
	.set_clock = text_set_clock,
	.unlock = text_unlock,
};
