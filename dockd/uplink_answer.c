/*
 * uplink_answer: what came back of the upload of an asset, and what is recorded of it.
 *
 * Called by uplink with each message of an uploader for such a slot. What an uploader says moves
 * the rung at its own destination and nothing else, and never without a comparison with what verify
 * found.
 */
#include "hex.h"
#include "index_asset.h"
#include "index_expedite.h"
#include "uplink_slot.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECREATE_MAX 3
#define EXPIRY_MOVED_S 60
#define REFUSALS_MAX 5    /* receipts that are no good, in a row */
#define BESIDE_NOTE 2560u /* of `receipted`: key and version as escaped, digest, numbers, salt */

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
	if (a.found)
		record_number(r, "found", 1);
	if (a.expires_s > 0)
		record_number(r, "expires", a.expires_s);
	journal_write(u->journal, r);
	log_info("upload-created",
	    "destination=%s asset=%" PRIu64 " found=%u address=\"%s\" text=\"%s\"", d->name,
	    s->asset, a.found ? 1 : 0, log_text(a.address), log_text(a.text));
	s->expires_s = a.expires_s;
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
	uplink_pass(u, d, asset, text);
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

/* What a destination has, as it is recorded. */
struct stated {
	enum receipt_level level;
	uint64_t length_bytes;
	const char *sha256, *object, *version; /* "" not stated */
	const char *key, *note;                /* SIGNED; else NULL */
	int64_t server_s;
	enum lock_mode lock; /* of this version */
	int64_t retain_until_s;
	uint32_t held; /* enum hold */
};

static void receipted(
    struct uplink *u, struct destination *d, uint64_t asset, const struct stated *what)
{
	bool expedited = index_is_expedited(ix(u), asset);
	struct record *r = begin("receipted", asset, d->name);

	record_text(r, "level", level_word(what->level));
	record_number(r, "length", (int64_t)what->length_bytes);
	if (what->sha256[0])
		record_text(r, "sha256", what->sha256);
	record_text(r, "object", what->object);
	if (what->version[0])
		record_text(r, "version", what->version);
	if (what->lock != LOCK_NONE) {
		record_text(r, "lock", lock_word(what->lock));
		if (what->retain_until_s != PROTO_NO_TIME)
			record_number(r, "retain-until", what->retain_until_s);
	}
	if (what->held)
		record_number(r, "held", what->held);
	if (what->note) {
		record_text(r, "key", what->key);
		record_number(r, "server-time", what->server_s);
		record_text(r, "note", what->note);
	}
	journal_write(u->journal, r);
	waits_end(&d->waits, asset);
	log_info("receipted",
	    "destination=%s asset=%" PRIu64 " level=%s length=%" PRIu64 " object=\"%s\"", d->name,
	    asset, level_word(what->level), what->length_bytes, log_text(what->object));
	if (expedited)
		log_info("expedited-arrived", "destination=%s asset=%" PRIu64, d->name, asset);
	handover("uplink-receipted");
	u->handlers->receipted(u->arg, asset);
}

/*
 * A receipt that is no good. The object may well be there, so its bytes are not sent again: it is
 * asked for again, later and later, and after some in a row by a person.
 */
static void receipt_refused(struct uplink *u, struct destination *d, uint64_t asset,
    enum receipt_result result, const char *text)
{
	struct record *r = begin("receipt-refused", asset, d->name);
	static struct upload up;

	record_text(r, "result", acceptance_word(result));
	record_text(r, "text", text);
	journal_write(u->journal, r);
	log_error("receipt-refused", "destination=%s asset=%" PRIu64 " result=%s reason=\"%s\"",
	    d->name, asset, acceptance_word(result), log_text(text));
	waits_release(&d->waits, asset);
	uplink_later(u, d, asset, 0, text);
	if (index_upload(ix(u), asset, d->name, &up) == 0 && up.refusals >= REFUSALS_MAX)
		refuse(u, d, asset, text);
	handover("uplink-receipt-refused");
}

static void accepted(void *arg, const struct accepted *what)
{
	struct uplink *u = arg;
	struct destination *d = uplink_find(u, what->destination);
	static char note[sizeof(what->receipt.raw) + 1];
	static struct asset a;
	static struct upload up;
	struct stated stated = { .level = LEVEL_SIGNED,
		.object = what->receipt.object,
		.version = what->version,
		.key = what->signer,
		.note = note,
		.server_s = what->server_s,
		.lock = (enum lock_mode)what->receipt.lock_mode,
		.retain_until_s = what->receipt.retain_until_s,
		.held = what->receipt.held };

	if (!d || index_asset(ix(u), what->asset, &a) < 0)
		return;
	if (index_upload(ix(u), what->asset, d->name, &up) < 0 || up.rung == RUNG_RECEIPTED ||
	    strcmp(up.address, what->receipt.object) != 0) {
		/* bound anew meanwhile, or begun again: this speaks of what is no more */
		waits_release(&d->waits, what->asset);
		return;
	}
	if (what->result != RECEIPT_GOOD) {
		receipt_refused(u, d, what->asset, what->result, what->text);
		return;
	}
	memcpy(note, what->receipt.raw, what->receipt.raw_len);
	note[what->receipt.raw_len] = '\0';
	/* verify has found that the note says these: what is recorded is what was signed */
	stated.length_bytes = a.size_bytes;
	stated.sha256 = a.sha256;
	receipted(u, d, what->asset, &stated);
}

/* Bytes that a text takes in a record at most, where all but plain ones are written as six. */
static size_t in_record(const void *text, size_t n)
{
	const unsigned char *p = text;
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i] >= 0x20 && p[i] < 0x7f ? 1 : 6;
	return sum;
}

/* Whether note and address go into one record, with all that comes with them. */
static bool is_recordable(const struct proto_receipt *c)
{
	return c->raw_len < RECORD_TEXT_MAX &&
	    in_record(c->raw, c->raw_len) + in_record(c->object, strlen(c->object)) <
	    RECORD_LINE_MAX - BESIDE_NOTE;
}

/* A receipt that claims to be signed: nothing is believed of it before verify has read it. */
static void claimed(
    struct uplink *u, struct destination *d, uint64_t asset, const struct proto_receipt *c)
{
	static struct upload up;

	if (index_upload(ix(u), asset, d->name, &up) < 0 || strcmp(up.address, c->object) != 0) {
		receipt_refused(u, d, asset, RECEIPT_OTHER_ASSET,
		    "it is for another object than the one that was made there");
		return;
	}
	if (!is_recordable(c)) {
		receipt_refused(u, d, asset, RECEIPT_UNREADABLE,
		    "it is longer than 2047 bytes, or with its address than a record");
		return;
	}
	waits_hold(&d->waits, asset, "its receipt is being checked");
	if (acceptance_ask(u->acceptance, asset, d->name, up.began_s, c, accepted, u) < 0) {
		waits_release(&d->waits, asset);
		uplink_later(u, d, asset, 0, "its receipt waits to be checked");
	}
	handover("uplink-claimed");
}

static const char *on_receipt(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	static struct proto_receipt c;
	static struct asset a;
	uint64_t asset = s->asset;
	char hex[PROTO_ID_LEN];
	const char *why;

	memcpy(&c, m->body, sizeof(c));
	why = uplink_receipt_form(&c);
	if (why)
		return why;
	if (index_asset(ix(u), asset, &a) < 0)
		return "RECEIPT for an asset that does not exist";
	d->sent_bytes += c.sent_bytes;
	uplink_works(d, true);
	uplink_receipt_digest(&c, hex);
	s->state = SLOT_FREE;
	if (a.rung < RUNG_CHECKED) /* our own copy turned out bad meanwhile: it is pulled again */
		receipt_differs(u, d, &a, "what was sent was not whole");
	else if (c.level == LEVEL_SIGNED)
		claimed(u, d, asset, &c);
	else if (c.length_bytes != a.size_bytes)
		receipt_differs(u, d, &a, "the destination holds another length than was sent");
	else if (hex[0] && strcmp(hex, a.sha256) != 0)
		receipt_differs(u, d, &a, "the destination holds other bytes than were sent");
	else
		receipted(u, d, asset,
		    &(struct stated){ .level = (enum receipt_level)c.level,
			.length_bytes = c.length_bytes,
			.sha256 = hex,
			.object = c.object,
			.version = c.version,
			.lock = (enum lock_mode)c.lock_mode,
			.retain_until_s = c.retain_until_s,
			.held = c.held });
	return NULL;
}

/* The server moved the day on which it forgets what is not whole: on record, for the order. */
static void keep_expiry(struct uplink *u, struct destination *d, uint64_t asset, int64_t expires_s)
{
	static struct upload up;
	struct record *r;

	if (expires_s <= 0 || index_upload(ix(u), asset, d->name, &up) < 0 || !up.address[0] ||
	    (up.expires_s != PROTO_NO_TIME && up.expires_s - expires_s < EXPIRY_MOVED_S &&
		expires_s - up.expires_s < EXPIRY_MOVED_S))
		return;
	r = begin("created", asset, d->name);
	record_text(r, "address", up.address);
	record_number(r, "expires", expires_s);
	journal_write(u->journal, r);
}

static void told_failed(const struct destination *d, uint64_t asset, const struct proto_failed *f)
{
	log_warn("upload-failed",
	    "destination=%s asset=%" PRIu64 " failure=%u state=%s http=%u offset=%" PRIu64
	    " sent=%" PRIu64 " reason=\"%s\"",
	    d->name, asset, f->failure, log_text(f->state), f->http_status, f->offset_bytes,
	    f->sent_bytes, log_text(f->text));
}

static void show_state(struct destination *d, const struct slot *s, const char *state)
{
	struct wait *w = waits_of(&d->waits, s->asset, false);

	if (!w)
		return;
	snprintf(w->state, sizeof(w->state), "%s", state);
	w->sent = w->best_bytes >= s->size_bytes;
}

static const char *on_failed(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	struct proto_failed f;
	uint64_t asset = s->asset;
	bool wanted = s->stop != STOP_NONE;

	memcpy(&f, m->body, sizeof(f));
	if (f.failure < UPLOAD_LATER || f.failure > UPLOAD_CANNOT)
		return "FAILED with a failure that does not exist";
	f.retry_after_ms = breaker_retry_after_ms(f.retry_after_ms);
	d->sent_bytes += f.sent_bytes;
	s->state = SLOT_FREE;
	keep_expiry(u, d, asset, s->expires_s);
	if (f.failure != UPLOAD_STOPPED) {
		told_failed(d, asset, &f);
		tally_add(&u->failures, UPLINK_FAILURES, d->name,
		    tally_is_word(f.state) ? f.state : "other", 1);
	}
	/* handed over is not there: a proxy in front may have kept it for itself */
	if (!waits_moved(&d->waits, asset, f.offset_bytes))
		f.sent_bytes = 0;
	uplink_fails(u, d, asset, &f);
	switch ((enum upload_failure)f.failure) {
	case UPLOAD_AWAY:
	case UPLOAD_DESTINATION:
		waits_failed(&d->waits, asset, f.state, f.text);
		break;
	case UPLOAD_REFUSED:
		refuse(u, d, asset, f.text);
		break;
	case UPLOAD_SOURCE:
		intake_doubt(u->intake, asset);
		uplink_later(u, d, asset, 0, f.text);
		break;
	case UPLOAD_STOPPED:
		if (!wanted)
			uplink_later(u, d, asset, 0, f.text); /* nobody asked for that */
		break;
	case UPLOAD_LATER:
	case UPLOAD_LOST: /* answers to what is not asked here */
	case UPLOAD_DIFFERS:
	case UPLOAD_CANNOT:
		uplink_later(u, d, asset, f.retry_after_ms, f.text);
		break;
	}
	show_state(d, s, f.state);
	return NULL;
}

static const char *on_progress(struct destination *d, struct slot *s, const struct msg *m)
{
	struct proto_progress p;

	memcpy(&p, m->body, sizeof(p));
	/* the first one tells what was there before */
	if (s->told && p.offset_bytes > s->offset_bytes) {
		uplink_works(d, false);
		waits_moved(&d->waits, s->asset, p.offset_bytes);
	}
	s->told = true;
	s->offset_bytes = p.offset_bytes;
	s->sent_bytes = p.sent_bytes;
	s->expires_s = p.expires_s;
	return NULL;
}

const char *upload_message(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	switch (m->head.type) {
	case MSG_CREATED:
		return on_created(u, d, s, m);
	case MSG_PROGRESS:
		return on_progress(d, s, m);
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
	if (c->lock_mode > LOCK_COMPLIANCE || c->held > HOLD_MARK ||
	    (c->retain_until_s != PROTO_NO_TIME && c->retain_until_s < 0))
		return "RECEIPT with a lock that it cannot have";
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
