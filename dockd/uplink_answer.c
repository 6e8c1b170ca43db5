/*
 * uplink_answer: what came back of the upload of an asset, and what is recorded of it.
 *
 * Called by uplink with each message of an uploader for such a slot. What an uploader says moves
 * the rung at its own destination and nothing else, and never without a comparison with what verify
 * found.
 */
#include "hex.h"
#include "uplink_slot.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RECREATE_MAX 3

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

static struct record *begin(const char *type, uint64_t asset, const char *destination)
{
	static struct record r;

	record_begin(&r, type);
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", destination);
	return &r;
}

static const char *on_created(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	struct proto_address a;
	struct record *r = begin("created", s->asset, d->name);

	memcpy(&a, m->body, sizeof(a));
	if (s->state != SLOT_SENT)
		return "CREATED twice";
	if (!a.address[0])
		return "CREATED without an address";
	record_text(r, "address", a.address);
	if (a.text[0])
		record_text(r, "text", a.text);
	journal_write(u->journal, r);
	log_info("upload-created", "destination=%s asset=%" PRIu64 " address=\"%s\" text=\"%s\"",
	    d->name, s->asset, log_text(a.address), log_text(a.text));
	s->state = SLOT_CREATED;
	handover("uplink-created");
	return NULL;
}

static void refuse(struct uplink *u, struct destination *d, uint64_t asset, const char *text)
{
	struct record *r = begin("refused", asset, d->name);

	record_text(r, "text", text);
	journal_write(u->journal, r);
	log_error("upload-refused", "destination=%s asset=%" PRIu64 " reason=\"%s\"", d->name,
	    asset, log_text(text));
}

/* What the destination has is not what we hold: begin anew there, three times at most. */
static void receipt_differs(
    struct uplink *u, struct destination *d, const struct asset *a, const char *text)
{
	struct wait *w = waits_of(&d->waits, a->number, true);
	struct record *r;

	log_error("receipt-differs", "destination=%s asset=%" PRIu64 " reason=\"%s\"", d->name,
	    a->number, text);
	intake_doubt(u->intake, a->number);
	if (!w || ++w->recreated > RECREATE_MAX) {
		refuse(u, d, a->number, text);
		return;
	}
	r = begin("recreated", a->number, d->name);
	record_text(r, "text", text);
	journal_write(u->journal, r);
	uplink_later(u, d, a->number, 0, text);
}

static const char *on_receipt(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	static struct proto_receipt c;
	static struct asset a;
	char hex[PROTO_ID_LEN];
	const char *why;
	struct record *r;

	memcpy(&c, m->body, sizeof(c));
	why = uplink_receipt_form(&c);
	if (why)
		return why;
	if (c.level == LEVEL_SIGNED) /* a claim that nobody has checked */
		c.level = LEVEL_LENGTH;
	if (index_asset(ix(u), s->asset, &a) < 0)
		return "RECEIPT for an asset that does not exist";
	d->sent_bytes += c.sent_bytes;
	uplink_works(d);
	uplink_receipt_digest(&c, hex);
	s->state = SLOT_FREE;
	if (a.rung < RUNG_CHECKED) { /* our own copy turned out bad meanwhile: it is pulled again */
		receipt_differs(u, d, &a, "what was sent was not whole");
		return NULL;
	}
	if (c.length_bytes != a.size_bytes) {
		receipt_differs(u, d, &a, "the destination holds another length than was sent");
		return NULL;
	}
	if (hex[0] && strcmp(hex, a.sha256) != 0) {
		receipt_differs(u, d, &a, "the destination holds other bytes than were sent");
		return NULL;
	}
	r = begin("receipted", s->asset, d->name);
	record_text(r, "level", level_word(c.level));
	record_number(r, "length", (int64_t)c.length_bytes);
	if (hex[0])
		record_text(r, "sha256", hex);
	record_text(r, "object", c.object);
	if (c.version[0])
		record_text(r, "version", c.version);
	journal_write(u->journal, r);
	waits_end(&d->waits, s->asset);
	log_info("receipted",
	    "destination=%s asset=%" PRIu64 " level=%s length=%" PRIu64 " sent=%" PRIu64
	    " object=\"%s\"",
	    d->name, s->asset, level_word(c.level), c.length_bytes, c.sent_bytes,
	    log_text(c.object));
	handover("uplink-receipted");
	u->handlers->receipted(u->arg, s->asset);
	return NULL;
}

static const char *on_failed(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	struct proto_failed f;
	uint64_t asset = s->asset;
	bool progress;

	memcpy(&f, m->body, sizeof(f));
	if (f.failure < UPLOAD_LATER || f.failure > UPLOAD_CANNOT)
		return "FAILED with a failure that does not exist";
	if (f.retry_after_ms > 24 * 3600 * UINT64_C(1000))
		f.retry_after_ms = 24 * 3600 * UINT64_C(1000);
	progress = f.sent_bytes > 0;
	d->sent_bytes += f.sent_bytes;
	s->state = SLOT_FREE;
	if (f.failure != UPLOAD_STOPPED)
		log_warn("upload-failed",
		    "destination=%s asset=%" PRIu64 " failure=%u http=%u offset=%" PRIu64
		    " sent=%" PRIu64 " reason=\"%s\"",
		    d->name, asset, f.failure, f.http_status, f.offset_bytes, f.sent_bytes,
		    log_text(f.text));
	switch ((enum upload_failure)f.failure) {
	case UPLOAD_LATER:
		if (progress)
			waits_end(&d->waits, asset);
		uplink_later(u, d, asset, f.retry_after_ms, f.text);
		break;
	case UPLOAD_AWAY:
		uplink_away(u, d, f.retry_after_ms, f.text);
		break;
	case UPLOAD_REFUSED:
		refuse(u, d, asset, f.text);
		break;
	case UPLOAD_DESTINATION:
		uplink_away(u, d, u->retry_max_s * UINT64_C(500), f.text);
		break;
	case UPLOAD_SOURCE:
		intake_doubt(u->intake, asset);
		uplink_later(u, d, asset, 0, f.text);
		break;
	case UPLOAD_LOST: /* answers to what is not asked here */
	case UPLOAD_DIFFERS:
	case UPLOAD_CANNOT:
	case UPLOAD_STOPPED: /* nobody asked for that */
		uplink_later(u, d, asset, 0, f.text);
		break;
	}
	return NULL;
}

static const char *on_progress(struct slot *s, const struct msg *m)
{
	struct proto_progress p;

	memcpy(&p, m->body, sizeof(p));
	s->offset_bytes = p.offset_bytes;
	s->sent_bytes = p.sent_bytes;
	return NULL;
}

const char *upload_message(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	switch (m->head.type) {
	case MSG_CREATED:
		return on_created(u, d, s, m);
	case MSG_PROGRESS:
		return on_progress(s, m);
	case MSG_RECEIPT:
		return on_receipt(u, d, s, m);
	case MSG_FAILED:
		return on_failed(u, d, s, m);
	}
	return "a message that uploaders do not send";
}

const char *uplink_receipt_form(const struct proto_receipt *c)
{
	if (c->level <= LEVEL_NONE || c->level > LEVEL_SIGNED || c->raw_len > sizeof(c->raw))
		return "RECEIPT of a level that it cannot have";
	return NULL;
}

void uplink_receipt_digest(const struct proto_receipt *c, char out[PROTO_ID_LEN])
{
	static const uint8_t none[PROTO_SHA256_LEN];

	out[0] = '\0';
	if (c->level == LEVEL_LOCAL || c->level == LEVEL_STORED_DIGEST ||
	    c->level == LEVEL_READBACK ||
	    (c->level == LEVEL_SIGNED && memcmp(c->sha256, none, sizeof(none)) != 0))
		hex_write(c->sha256, sizeof(c->sha256), out);
}
