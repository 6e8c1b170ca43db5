#include "payload.h"

#include <string.h>

#include "../../dockd/base/buf.h"

uint64_t payload_allow(struct responder *r, const struct transfer *t, uint64_t want)
{
	struct fault *slow = faults_find(&r->camera->faults, HURT_SLOW, r->command.code, NULL);
	uint64_t rate = slow ? (uint64_t)slow->value : r->camera->rate;
	uint64_t now, least, most;

	r->wake_ns = 0;
	if (!rate || !t->paced)
		return want;
	now = responder_now_ns();
	most = rate / 20 > r->packet ? rate / 20 : r->packet;
	if (r->paced_at_ns)
		r->tokens += (uint64_t)((double)(now - r->paced_at_ns) * (double)rate / 1e9);
	if (r->tokens > most)
		r->tokens = most;
	r->paced_at_ns = now;
	least = rate / 200 > r->packet ? rate / 200 : r->packet;
	if (least > want)
		least = want;
	if (r->tokens < least) {
		r->wake_ns = now + (least - r->tokens) * 1000000000u / rate + 1000;
		return 0;
	}
	if (want > r->tokens)
		want = r->tokens - r->tokens % r->packet;
	r->tokens -= want;
	if (slow)
		r->camera->faults.fired[HURT_SLOW]++;
	return want;
}

static struct object *object_of(const struct responder *r, const struct transfer *t)
{
	return t->object ? r->camera->contents.objects[t->object - 1] : NULL;
}

/* How faults call what the payload is of; NULL: there is none. */
static const char *payload_name(const struct responder *r, const struct transfer *t)
{
	struct object *o = object_of(r, t);

	return t->unit ? t->unit->name : o ? o->path : NULL;
}

/* Bytes of a unit, as they are or as the medium makes them of a second reading. */
static void copy_unit(
    struct responder *r, struct transfer *t, uint64_t offset, uint8_t *buf, size_t n)
{
	struct fault *f = faults_find(&r->camera->faults, HURT_DISK_UNSTABLE, 0, t->unit->name);
	uint64_t end = f ? f->at + (uint64_t)f->value : 0;

	if (t->zeros)
		memset(buf, 0, n);
	else
		unit_read(t->unit, offset, buf, n);
	if (f && offset < end && f->at < offset + n && unit_was_sent(t->unit, offset, n)) {
		for (size_t i = 0; i < n; i++) {
			if (offset + i >= f->at && offset + i < end)
				buf[i] ^= 0x20;
		}
		faults_fire(&r->camera->faults, f);
	}
	unit_note(t->unit, offset, n);
}

void payload_copy(struct responder *r, struct transfer *t, uint8_t *buf, size_t n)
{
	size_t from_head = 0;
	struct object *o = object_of(r, t);

	if (t->done < t->head_len) {
		from_head = t->head_len - (size_t)t->done < n ? t->head_len - (size_t)t->done : n;
		memcpy(buf, t->head + t->done, from_head);
	}
	if (n > from_head && t->unit) {
		copy_unit(r, t, t->from + t->done + from_head - t->head_len, buf + from_head,
		    n - from_head);
		r->stats.payload += n - from_head;
	} else if (n > from_head && o) {
		if (t->zeros)
			memset(buf + from_head, 0, n - from_head);
		else
			contents_read(o, t->from + t->done + from_head - t->head_len,
			    buf + from_head, n - from_head);
		o->sent += n - from_head;
		r->stats.payload += n - from_head;
	}
	t->done += n;
}

/* Gives the response that waits behind t another code. */
static void change_response(struct transfer *t, uint16_t code)
{
	while (t && !t->response)
		t = t->next;
	if (t)
		buf_put_le(t->head + 6, code, 2);
}

/* The payload faults of a disk that do not end the filling by themselves. */
static void hurt_unit(struct responder *r, struct transfer *t, const struct fault *f)
{
	if (f->kind == HURT_ZERO_FILLED)
		t->zeros = true;
	if (f->kind == HURT_SHORT || f->kind == HURT_VANISH) {
		bot_cut(r, t, f->kind == HURT_SHORT ? BOT_PASSED : BOT_FAILED);
		t->zero_packet = true;
	}
	if (f->kind == HURT_VANISH) {
		t->unit->ejected = true;
		t->unit->sense = (struct sense){ 2, 0x3a, 0 };
	}
}

bool payload_hurt(struct responder *r, struct transfer *t, struct fault *f, enum in_result *result)
{
	struct object *o = object_of(r, t);

	t->watched = f->at + 1;
	faults_fire(&r->camera->faults, f);
	if (f->kind == HURT_UNPLUG) {
		r->pull = true;
		*result = IN_UNPLUG;
		return true;
	}
	if (f->kind == HURT_STALL) {
		r->halt_in = true;
		r->stats.halts++;
		if (t->unit) {
			bot_cut(r, t, BOT_FAILED);
			t->unit->sense = (struct sense){ 4, 0x44, 0 }; /* internal failure */
		} else {
			responder_drop_all(r);
		}
		*result = IN_HALT;
		return true;
	}
	if (f->kind == HURT_SILENT) {
		r->silence = responder_silence(f->text, UNTIL_UNPLUG);
		*result = IN_NOTHING;
		return true;
	}
	if (t->unit) {
		hurt_unit(r, t, f);
	} else if (f->kind == HURT_SHORT) {
		t->total = t->done;
	} else if (f->kind == HURT_ZERO_FILLED) {
		t->zeros = true;
		change_response(t, 0x2007);
	} else if (f->kind == HURT_GROW) {
		contents_grow(o, (uint64_t)f->value);
	} else if (f->kind == HURT_VANISH) {
		contents_remove(&r->camera->contents, o, false);
		t->total = t->done;
		change_response(t, 0x2009);
	} else if (f->kind == HURT_CHANGE) {
		o->seed += 1000003;
		o->mtime = o->mtime == NO_TIME ? NO_TIME : o->mtime + 2;
		for (uint64_t i = 0; o->bytes && i < o->size; i++)
			o->bytes[i] ^= 0x20;
	}
	return false;
}

struct fault *payload_due(struct responder *r, struct transfer *t, uint64_t *n)
{
	uint64_t first, upto, place;
	const char *name = payload_name(r, t);
	struct fault *f;

	if (!name || !r->camera->faults.n)
		return NULL;
	upto = t->from +
	    (t->done + *n + r->packet > t->head_len ? t->done + *n + r->packet - t->head_len : 0);
	if (upto > t->from + t->total - t->head_len)
		upto = t->from + t->total - t->head_len;
	first = t->watched;
	f = faults_due(&r->camera->faults, name, first, upto);
	if (!f)
		return NULL;
	place = t->head_len + (f->at - t->from);
	if (f->kind == HURT_STALL || f->kind == HURT_SILENT)
		place -= place % r->packet;
	if (place < t->done)
		place = t->done;
	if (place - t->done > *n || (place - t->done == *n && *n))
		return NULL;
	*n = place - t->done;
	return f;
}
