#include "responder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../dockd/base/buf.h"
#include "payload.h"

/* PIMA 15740 / USB still image class: container head (length, type, code, transaction). */
#define HEAD_BYTES 12u
#define TYPE_COMMAND 1u
#define TYPE_DATA 2u
#define TYPE_RESPONSE 3u
#define TYPE_EVENT 4u

uint64_t responder_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void responder_init(struct responder *r, struct camera *c)
{
	memset(r, 0, sizeof(*r));
	r->camera = c;
	r->packet = c->id.packet;
}

/* ---- the queue of transfers ---- */

static void drop_first(struct responder *r)
{
	struct transfer *t = r->first;

	r->first = t->next;
	if (!r->first)
		r->last = NULL;
	free(t->head);
	free(t);
}

void responder_drop_all(struct responder *r)
{
	while (r->first)
		drop_first(r);
	r->busy = false;
	r->waiting = false;
	r->data_out = false;
}

/* Appends a transfer; head is copied, with room bytes more behind it where more is given. */
static struct transfer *append(
    struct responder *r, const uint8_t *head, size_t len, const uint8_t *more, size_t more_len)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t || !(t->head = malloc(len + more_len + 1)))
		abort();
	memcpy(t->head, head, len);
	if (more_len)
		memcpy(t->head + len, more, more_len);
	t->head_len = len + more_len;
	t->total = t->head_len;
	t->zero_packet = true;
	if (r->last)
		r->last->next = t;
	else
		r->first = t;
	r->last = t;
	return t;
}

struct transfer *responder_queue(struct responder *r, const uint8_t *bytes, size_t len)
{
	struct transfer *t = append(r, bytes ? bytes : (const uint8_t *)"", len, NULL, 0);

	t->zero_packet = false;
	return t;
}

void responder_grow(struct transfer *t, const uint8_t *bytes, size_t len)
{
	t->head = realloc(t->head, t->head_len + len);
	if (!t->head)
		abort();
	memcpy(t->head + t->head_len, bytes, len);
	t->head_len += len;
	t->total += len;
}

void responder_unit(struct transfer *t, struct unit *u, uint64_t from, uint64_t len)
{
	t->unit = u;
	t->from = t->watched = from;
	t->total = t->head_len + len;
	t->paced = true;
}

static bool phase_fits(const struct fault *f, const char *phase)
{
	return !f->text[0] || strcmp(f->text, phase) == 0;
}

/* Makes a container head for the command under way, as faults want it. */
static void make_head(
    struct responder *r, uint8_t head[HEAD_BYTES], uint64_t length, uint16_t type, uint16_t code)
{
	struct faults *fs = &r->camera->faults;
	const char *phase = type == TYPE_DATA ? "data" : "response";
	uint32_t transaction = r->command.transaction;
	struct fault *f;

	if (length > UINT32_MAX)
		length = UINT32_MAX; /* "4 GiB or more": ends by its short packet */
	f = faults_find(fs, HURT_CONTAINER_LENGTH, r->command.code, NULL);
	if (f && phase_fits(f, phase)) {
		faults_fire(fs, f);
		length += (uint64_t)f->value;
	}
	f = faults_find(fs, HURT_WRONG_TYPE, r->command.code, NULL);
	if (f && phase_fits(f, phase)) {
		faults_fire(fs, f);
		type = (uint16_t)f->value;
	}
	f = faults_find(fs, HURT_WRONG_TRANSACTION, r->command.code, NULL);
	if (f && phase_fits(f, phase)) {
		faults_fire(fs, f);
		transaction += 1000;
	}
	buf_put_le(head, length, 4);
	buf_put_le(head + 4, type, 2);
	buf_put_le(head + 6, code, 2);
	buf_put_le(head + 8, transaction, 4);
}

/* What comes after the last transfer of a data phase, as faults want it. */
static void end_data(struct responder *r, struct transfer *t)
{
	struct faults *fs = &r->camera->faults;
	uint32_t op = r->command.code;
	bool whole = t->total % r->packet == 0;

	if (whole && faults_take(fs, HURT_MISSING_ZLP, op, NULL))
		t->zero_packet = false;
	if (whole && faults_find(fs, HURT_SURPLUS_BYTE, op, NULL)) {
		faults_take(fs, HURT_SURPLUS_BYTE, op, NULL);
		t->zero_packet = false;
		append(r, (const uint8_t *)"", 1, NULL, 0);
	}
	if (faults_take(fs, HURT_SURPLUS_ZLP, op, NULL))
		append(r, (const uint8_t *)"", 0, NULL, 0);
}

void responder_data(struct responder *r, const uint8_t *bytes, size_t len)
{
	uint8_t head[HEAD_BYTES];

	make_head(r, head, HEAD_BYTES + len, TYPE_DATA, r->command.code);
	if (len && faults_take(&r->camera->faults, HURT_SPLIT_HEADER, r->command.code, NULL)) {
		append(r, head, HEAD_BYTES, NULL, 0);
		end_data(r, append(r, bytes, len, NULL, 0));
		return;
	}
	end_data(r, append(r, head, HEAD_BYTES, bytes, len));
}

void responder_payload(struct responder *r, const struct object *o, uint64_t offset, uint64_t len)
{
	uint8_t head[HEAD_BYTES];
	struct transfer *t;

	make_head(r, head, HEAD_BYTES + len, TYPE_DATA, r->command.code);
	t = append(r, head, HEAD_BYTES, NULL, 0);
	if (len && faults_take(&r->camera->faults, HURT_SPLIT_HEADER, r->command.code, NULL))
		t = append(r, head, 0, NULL, 0);
	t->object = o->number;
	t->from = offset;
	t->watched = offset;
	t->total = t->head_len + len;
	t->paced = true;
	end_data(r, t);
}

void responder_answer(struct responder *r, uint16_t code, const uint32_t *params, size_t n)
{
	uint8_t bytes[HEAD_BYTES + 20];
	uint8_t junk[HEAD_BYTES];
	struct fault *f = faults_take(&r->camera->faults, HURT_JUNK, r->command.code, NULL);

	for (int64_t i = 0; f && i < f->value; i++) {
		buf_put_le(junk, HEAD_BYTES, 4);
		buf_put_le(junk + 4, (uint64_t)(5 + i % 9), 2);
		buf_put_le(junk + 6, (uint64_t)(i * 2654435761u) & 0xffff, 2);
		buf_put_le(junk + 8, (uint64_t)i, 4);
		append(r, junk, sizeof(junk), NULL, 0);
	}
	make_head(r, bytes, HEAD_BYTES + 4 * n, TYPE_RESPONSE, code);
	for (size_t i = 0; i < n; i++)
		buf_put_le(bytes + HEAD_BYTES + 4 * i, params[i], 4);
	append(r, bytes, HEAD_BYTES + 4 * n, NULL, 0)->response = true;
}

/* ---- what the host sends ---- */

static void count_op(struct stats *s, uint32_t op)
{
	size_t i = 0;

	while (i < OPS_MAX - 1 && s->ops[i].n && s->ops[i].op != op)
		i++;
	s->ops[i].op = op;
	s->ops[i].n++;
}

enum silence responder_silence(const char *text, enum silence usual)
{
	if (strcmp(text, "request") == 0)
		return UNTIL_REQUEST;
	if (strcmp(text, "reset") == 0)
		return UNTIL_RESET;
	return strcmp(text, "unplug") == 0 ? UNTIL_UNPLUG : usual;
}

/* The faults that keep a command from being answered at all. True: one did. */
static bool hurt_command(struct responder *r)
{
	struct faults *fs = &r->camera->faults;
	uint32_t op = r->command.code;
	struct fault *f;

	if (faults_take(fs, HURT_UNPLUG_AT_OP, op, NULL)) {
		r->pull = true;
		return true;
	}
	if (faults_take(fs, HURT_STALL_AT_OP, op, NULL)) {
		r->halt_in = r->halt_out = true;
		r->stats.halts++;
		responder_drop_all(r);
		return true;
	}
	f = faults_take(fs, HURT_SILENT_AT_OP, op, NULL);
	if (f) {
		r->silence = responder_silence(f->text, UNTIL_UNPLUG);
		return true;
	}
	if (r->camera->disk)
		return false;
	f = op == 0x1002 ? faults_take(fs, HURT_OPEN_SILENT, 0, NULL) : NULL;
	if (f) {
		r->silence = responder_silence(f->text, UNTIL_REQUEST);
		return true;
	}
	f = faults_take(fs, HURT_WRONG_RESPONSE, op, NULL);
	if (f)
		responder_answer(r, (uint16_t)f->value, NULL, 0);
	return f != NULL;
}

bool responder_command(struct responder *r, uint32_t op)
{
	r->command.code = (uint16_t)op;
	r->stats.commands++;
	count_op(&r->stats, op);
	return hurt_command(r);
}

static void take_command(struct responder *r, const uint8_t *data, size_t len)
{
	struct buf b = buf_of(data, len);
	uint32_t length = buf_u32(&b);

	memset(&r->command, 0, sizeof(r->command));
	r->command.type = buf_u16(&b);
	r->command.code = buf_u16(&b);
	r->command.transaction = buf_u32(&b);
	while (buf_left(&b) >= 4 && r->command.nparams < 5)
		r->command.params[r->command.nparams++] = buf_u32(&b);
	if (b.broken || length != len || r->command.type != TYPE_COMMAND || buf_left(&b)) {
		/* what a real device does with bytes that are no command: it refuses them */
		r->stats.bad_commands++;
		r->stats.halts++;
		r->halt_in = r->halt_out = true;
		responder_drop_all(r);
		return;
	}
	r->busy = true;
	r->stats.commands++;
	count_op(&r->stats, r->command.code);
	if (!hurt_command(r))
		operation_run(r);
}

int responder_out(struct responder *r, const uint8_t *data, size_t len)
{
	if (r->halt_out)
		return -EPIPE;
	if (r->silence != TALKS)
		return 0; /* the endpoint's buffer takes it, nobody reads it */
	if (locked_speaks(r->camera))
		return amba_out(r, data, len);
	if (r->camera->disk)
		return bot_out(r, data, len);
	if (r->data_out) {
		r->data_out = false;
		operation_data(r, data, len);
		return 0;
	}
	if (r->busy) {
		if (r->waiting || len > sizeof(r->waiting_bytes))
			return -EAGAIN;
		memcpy(r->waiting_bytes, data, len);
		r->waiting_len = len;
		r->waiting = true;
		return 0;
	}
	if (len > 0)
		take_command(r, data, len);
	return 0;
}

/* ---- what the host reads ---- */

static void finish(struct responder *r, const struct transfer *t)
{
	bool response = t->response;
	bool halt = t->halt_after;
	uint8_t bytes[sizeof(r->waiting_bytes)];

	drop_first(r);
	if (halt)
		r->halt_in = true;
	if (!response)
		return;
	r->busy = false;
	r->pull |= r->leave;
	if (r->waiting && !r->halt_out) {
		r->waiting = false;
		memcpy(bytes, r->waiting_bytes, r->waiting_len);
		take_command(r, bytes, r->waiting_len);
	}
}

/* The next packets of t into at most room bytes. True: the URB goes on after it. */
static bool send_some(struct responder *r, struct transfer *t, uint8_t *buf, size_t room,
    size_t *got, enum in_result *result)
{
	uint64_t n = t->total - t->done;
	struct fault *f;

	if (n > room - *got) {
		n = (t->done + room - *got) / r->packet * r->packet;
		n = n > t->done ? n - t->done : 0;
		*result = IN_BABBLE;
		if (n == 0) {
			t->done += t->total - t->done < r->packet ? t->total - t->done : r->packet;
			return false;
		}
	}
	f = payload_due(r, t, &n);
	if (!f) {
		n = payload_allow(r, t, n);
		*result = IN_NOTHING;
		if (n == 0)
			return false;
	}
	payload_copy(r, t, buf + *got, (size_t)n);
	*got += (size_t)n;
	if (f && payload_hurt(r, t, f, result))
		return false;
	*result = IN_SHORT;
	if (t->done < t->total || t->total % r->packet == 0)
		return true;
	finish(r, t);
	return false;
}

enum in_result responder_in(struct responder *r, uint8_t *buf, size_t room, size_t *got)
{
	enum in_result result = IN_NOTHING;
	bool zero_packet;

	*got = 0;
	r->wake_ns = 0;
	for (;;) {
		struct transfer *t = r->first;

		if (r->halt_in)
			return IN_HALT;
		if (r->pull)
			return IN_UNPLUG;
		if (*got == room)
			return IN_FULL;
		if (!t || r->silence != TALKS)
			return IN_NOTHING;
		if (t->done == t->total) {
			zero_packet = t->zero_packet;
			finish(r, t);
			if (zero_packet)
				return IN_SHORT;
		} else if (!send_some(r, t, buf, room, got, &result)) {
			return result;
		}
	}
}

/* ---- events ---- */

static void put_event(uint8_t *p, const struct responder *r, uint16_t code, uint32_t param)
{
	buf_put_le(p, 16, 4);
	buf_put_le(p + 4, TYPE_EVENT, 2);
	buf_put_le(p + 6, code, 2);
	buf_put_le(p + 8, r->next_transaction - 1, 4);
	buf_put_le(p + 12, param, 4);
}

void responder_say(struct responder *r, uint16_t code, uint32_t param)
{
	unsigned at = (r->event_first + r->event_count) % EVENTS_MAX;

	if (!r->camera->events || !r->session || r->event_count == EVENTS_MAX)
		return;
	put_event(r->events[at], r, code, param);
	r->event_len[at] = 16;
	r->event_count++;
}

enum in_result responder_event(struct responder *r, uint8_t *buf, size_t room, size_t *got)
{
	struct fault *f =
	    r->session ? faults_take(&r->camera->faults, HURT_EVENT_FLOOD, 0, NULL) : NULL;
	uint8_t event[EVENT_PACKET];

	*got = 0;
	if (f)
		r->flood_left += (uint64_t)f->value;
	if (r->halt_event)
		return IN_HALT;
	if (r->silence != TALKS || (!r->event_count && !r->flood_left))
		return IN_NOTHING;
	if (r->flood_left) {
		put_event(event, r, 0x4002, (uint32_t)r->flood_left--);
	} else {
		memcpy(event, r->events[r->event_first], sizeof(event));
		r->event_first = (r->event_first + 1) % EVENTS_MAX;
		r->event_count--;
	}
	r->stats.events++;
	if (room < 16)
		return IN_BABBLE;
	memcpy(buf, event, 16);
	*got = 16;
	return IN_SHORT;
}

/* ---- recovery ---- */

void responder_clear_halt(struct responder *r, uint8_t endpoint)
{
	r->stats.clear_halts++;
	if (r->bot.broken)
		return;
	if (endpoint == EP_IN)
		r->halt_in = false;
	else if (endpoint == EP_OUT)
		r->halt_out = false;
	else if (endpoint == EP_EVENT)
		r->halt_event = false;
}

void responder_cancel(struct responder *r, uint32_t transaction)
{
	bool open = r->busy && r->command.transaction == transaction;

	r->stats.cancels++;
	if (r->silence == UNTIL_REQUEST)
		r->silence = TALKS;
	if (open)
		responder_drop_all(r);
}

void responder_device_reset(struct responder *r)
{
	r->stats.device_resets++;
	if (r->silence == UNTIL_REQUEST)
		r->silence = TALKS;
	responder_drop_all(r);
	if (r->camera->disk) {
		bot_reset(r); /* the halts are the host's to clear */
		return;
	}
	r->halt_in = r->halt_out = r->halt_event = false;
	r->session = false;
	r->event_count = 0;
}

void responder_port_reset(struct responder *r)
{
	r->stats.port_resets++;
	if (r->silence != UNTIL_UNPLUG)
		r->silence = TALKS;
	responder_drop_all(r);
	r->halt_in = r->halt_out = r->halt_event = false;
	r->session = false;
	r->event_count = 0;
	r->flood_left = 0;
	r->bot.broken = false;
	r->bot.take = 0;
	if (r->camera->disk)
		disk_attention(r->camera->disk, 0x29, 0x00); /* reset */
}

void responder_plug(struct responder *r)
{
	uint64_t resets = r->stats.port_resets;

	r->silence = TALKS;
	r->pull = r->leave = false;
	responder_port_reset(r);
	r->stats.port_resets = resets;
	if (r->camera->disk)
		disk_put_in(r->camera->disk);
	r->packet = r->camera->id.packet;
}
