/*
 * uplink_errand: what a destination is asked for other parts of the core, one slot each.
 *
 * Called by what keeps side objects, confirmations and removals, and by uplink with the answers.
 * It records nothing: what an answer means is the asker's to say. It never drops a connection
 * itself, for an asker may be in the midst of one of its messages.
 */
#include "uplink_slot.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An asker that was sent away asks again at its next turn; nobody waits for one that does not. */
#define KEPT_FREE_MS 5000

/*
 * Uploads may keep their slots for a day, at a slow line or at an hour when nothing may be sent. A
 * hold does not wait for that: what it is to keep may be gone by then.
 */
static void press(struct destination *d)
{
	uint64_t now_ms = waits_now_ms();

	if (d->pressed_ms == 0)
		d->pressed_ms = now_ms;
	if (now_ms - d->pressed_ms >= KEPT_FREE_MS && !d->breaker.open &&
	    uplink_busy(d) <= breaker_slots(&d->breaker, now_ms))
		uplink_make_room(d);
}

int uplink_errand(struct uplink *u, const char *destination, const struct uplink_errand *e)
{
	struct destination *d = uplink_find(u, destination);
	struct slot *s;
	int r;

	if (!d)
		return -ENOENT;
	if (!d->peer || !d->ready || d->another || d->doomed)
		return -EAGAIN;
	if ((e->type == MSG_RECONFIRM && !(d->can & READY_CONFIRMS)) ||
	    (e->type == MSG_REMOVE && !(d->can & READY_REMOVES)) ||
	    (e->type == MSG_ABANDON && !(d->can & READY_ABANDONS)) ||
	    (e->type == MSG_PRESERVE && !(d->can & READY_PRESERVES)))
		return -EOPNOTSUPP;
	if (uplink_room(d) == 0) {
		d->kept_free_ms = waits_now_ms() + KEPT_FREE_MS;
		if (e->type == MSG_PRESERVE)
			press(d);
		return -EAGAIN;
	}
	/* holds come in numbers: the next one is not to interrupt an upload again */
	d->kept_free_ms = e->type == MSG_PRESERVE ? waits_now_ms() + KEPT_FREE_MS : 0;
	if (e->type == MSG_PRESERVE)
		d->pressed_ms = 0;
	s = uplink_take(d);
	s->errand = *e;
	s->errand.what = NULL;
	s->errand.fd = -1;
	s->size_bytes = e->what->size_bytes;
	memcpy(s->sha256, e->what->sha256, sizeof(s->sha256));
	r = peer_send(d->peer, e->type, (unsigned)(s - d->slot), s->generation, e->what, &e->fd,
	    e->type == MSG_UPLOAD ? 1 : 0);
	if (r < 0) {
		*s = (struct slot){ 0 };
		d->doomed = "it does not read";
		return -EAGAIN;
	}
	s->state = SLOT_SENT;
	return 0;
}

/* The slot is free before the asker hears of it: it may have the next errand at hand. */
static void end(const struct destination *d, struct slot *s, struct uplink_answer a)
{
	struct uplink_errand e = s->errand;

	*s = (struct slot){ 0 };
	a.destination = d->name;
	e.done(e.arg, e.key, &a);
}

void errands_break(struct destination *d)
{
	const struct uplink_answer broken = { .end = UPLINK_BROKEN };

	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].errand.type)
			end(d, &d->slot[i], broken);
	}
}

static const char *on_created(struct destination *d, struct slot *s)
{
	if (s->errand.type != MSG_UPLOAD)
		return "CREATED for what is no upload";
	if (s->proceeded)
		return "CREATED twice";
	s->proceeded = true;
	/* a side object's address is not kept: sent again, it is made anew */
	if (peer_send(d->peer, MSG_PROCEED, (unsigned)(s - d->slot), s->generation, NULL, NULL, 0) <
	    0)
		return "it does not read";
	return NULL;
}

static const char *on_receipt(struct destination *d, struct slot *s, const struct msg *m)
{
	static struct proto_receipt c;
	static struct proto_failed differs;
	struct uplink_answer a = { .end = UPLINK_DONE, .receipt = &c };
	char digest[PROTO_ID_LEN];
	const char *why;

	if (s->errand.type != MSG_UPLOAD && s->errand.type != MSG_RECONFIRM)
		return "RECEIPT for what was neither sent nor asked for";
	memcpy(&c, m->body, sizeof(c));
	why = uplink_receipt_form(&c);
	if (why)
		return why;
	d->sent_bytes += c.sent_bytes;
	uplink_works(d, true);
	uplink_receipt_digest(&c, digest);
	if (c.length_bytes != s->size_bytes ||
	    (digest[0] && memcmp(c.sha256, s->sha256, sizeof(c.sha256)) != 0)) {
		differs = (struct proto_failed){ .failure = UPLOAD_DIFFERS };
		snprintf(differs.text, sizeof(differs.text), "%s",
		    "the destination states another length or digest");
		a = (struct uplink_answer){ .end = UPLINK_FAILED, .failed = &differs };
	}
	end(d, s, a);
	return NULL;
}

/* REMOVED, PRESERVED */
static const char *on_status(struct destination *d, struct slot *s, const struct msg *m)
{
	struct uplink_answer a = { .end = UPLINK_DONE };
	struct proto_status status;

	if (m->head.type == MSG_PRESERVED ?
		s->errand.type != MSG_PRESERVE :
		s->errand.type != MSG_REMOVE && s->errand.type != MSG_ABANDON)
		return "an answer to what was not asked";
	memcpy(&status, m->body, sizeof(status));
	a.status = status.status;
	uplink_works(d, true);
	end(d, s, a);
	return NULL;
}

static const char *on_failed(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	static struct proto_failed f;
	struct uplink_answer a = { .end = UPLINK_FAILED, .failed = &f };

	memcpy(&f, m->body, sizeof(f));
	if (f.failure < UPLOAD_LATER || f.failure > UPLOAD_CANNOT)
		return "FAILED with a failure that does not exist";
	f.retry_after_ms = breaker_retry_after_ms(f.retry_after_ms);
	d->sent_bytes += f.sent_bytes;
	log_info("errand-failed", "destination=%s what=%s failure=%u http=%u reason=\"%s\"",
	    d->name, proto_name(s->errand.type), f.failure, f.http_status, log_text(f.text));
	/* what was refused to this question says nothing of uploads: another right may be needed */
	if (f.failure != UPLOAD_DESTINATION || f.http_status == 0)
		uplink_fails(u, d, 0, &f);
	end(d, s, a);
	return NULL;
}

const char *errand_message(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	struct proto_progress p;

	switch (m->head.type) {
	case MSG_CREATED:
		return on_created(d, s);
	case MSG_PROGRESS:
		memcpy(&p, m->body, sizeof(p));
		s->offset_bytes = p.offset_bytes;
		s->sent_bytes = p.sent_bytes;
		return NULL;
	case MSG_RECEIPT:
		return on_receipt(d, s, m);
	case MSG_REMOVED:
	case MSG_PRESERVED:
		return on_status(d, s, m);
	case MSG_FAILED:
		return on_failed(u, d, s, m);
	}
	return "a message that uploaders do not send";
}
