#include "uplink.h"

#include "hex.h"
#include "waits.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define RECREATE_MAX 3

enum slot_state {
	SLOT_FREE = 0,
	SLOT_PLANNED, /* recorded; UPLOAD goes out after the commit */
	SLOT_SENT,    /* UPLOAD is out */
	SLOT_CREATED, /* CREATED recorded; PROCEED goes out after the commit */
	SLOT_STOPPING,
};

struct slot {
	enum slot_state state;
	uint32_t generation;
	uint64_t asset;
	uint64_t offset_bytes, sent_bytes;
};

struct destination {
	char name[PROTO_NAME_LEN];
	struct proto_destination wire;
	struct peer *peer;
	bool ready;
	enum receipt_level level;
	char trouble[PROTO_TEXT_LEN * 2]; /* "" works */
	bool away;                        /* one probe at a time until something works */
	unsigned away_attempts;
	uint64_t away_until_ms;
	uint64_t sent_bytes;
	uint32_t generation;
	struct slot slot[PROTO_SLOTS];
	struct waits waits;
};

struct uplink {
	struct journal *journal;
	struct staging *staging;
	struct intake *intake;
	const struct uplink_handlers *handlers;
	void *arg;
	bool any;
	uint32_t retry_min_s, retry_max_s;
	size_t n;
	struct destination *destination[CONFIG_DESTINATIONS];
};

static uint64_t backoff_ms(const struct uplink *u, unsigned attempt)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)waits_now_ms();
	return waits_backoff_ms(attempt, u->retry_min_s, u->retry_max_s, random);
}

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

struct uplink *uplink_new(struct journal *j, struct staging *s, struct intake *in,
    const struct uplink_handlers *handlers, void *arg)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (!u)
		fatal("reason=\"out of memory\"");
	u->journal = j;
	u->staging = s;
	u->intake = in;
	u->handlers = handlers;
	u->arg = arg;
	return u;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		free(u->destination[i]);
	free(u);
}

static struct destination *find(const struct uplink *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->destination[i]->name, name) == 0)
			return u->destination[i];
	}
	return NULL;
}

void uplink_configure(struct uplink *u, const struct config *c)
{
	struct destination *old[CONFIG_DESTINATIONS];
	struct peer *stale[CONFIG_DESTINATIONS];
	size_t old_n = u->n, stale_n = 0;

	memcpy(old, u->destination, sizeof(old));
	u->any = c->any;
	u->retry_min_s = c->retry_min_s;
	u->retry_max_s = c->retry_max_s;
	u->n = 0;
	for (size_t i = 0; i < c->destinations_n; i++) {
		struct destination *d = NULL;

		for (size_t k = 0; k < old_n; k++) {
			if (old[k] && strcmp(old[k]->name, c->destination[i].name) == 0) {
				d = old[k];
				old[k] = NULL;
			}
		}
		if (!d)
			d = calloc(1, sizeof(*d));
		if (!d)
			fatal("reason=\"out of memory\"");
		if (d->peer && memcmp(&d->wire, &c->destination[i].wire, sizeof(d->wire)) != 0)
			stale[stale_n++] = d->peer;
		memcpy(d->name, c->destination[i].name, sizeof(d->name));
		d->wire = c->destination[i].wire;
		u->destination[u->n++] = d;
	}
	for (size_t k = 0; k < old_n; k++) {
		if (!old[k])
			continue;
		if (old[k]->peer)
			stale[stale_n++] = old[k]->peer;
		free(old[k]);
	}
	for (size_t k = 0; k < stale_n; k++)
		peer_drop(stale[k], "its destination's settings have changed");
}

/* ---- waiting ---- */

static void wait_later(const struct uplink *u, struct destination *d, uint64_t asset,
    uint64_t at_least_ms, const char *reason)
{
	struct wait *w = waits_of(&d->waits, asset, true);
	uint64_t ms = backoff_ms(u, w ? ++w->attempts : 1);

	waits_later(&d->waits, asset, ms > at_least_ms ? ms : at_least_ms, reason);
}

static bool in_slot(const struct destination *d, uint64_t asset)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset == asset)
			return true;
	}
	return false;
}

void uplink_asset_changed(struct uplink *u, uint64_t asset)
{
	for (size_t i = 0; i < u->n; i++)
		waits_release(&u->destination[i]->waits, asset);
}

void uplink_retry(struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct destination *d = u->destination[i];

		memset(&d->waits, 0, sizeof(d->waits));
		d->away_until_ms = 0;
		d->trouble[0] = '\0';
	}
}

/* ---- connections ---- */

bool uplink_known(struct uplink *u, const char *name)
{
	return find(u, name) != NULL;
}

void uplink_up(struct uplink *u, const char *name, struct peer *p)
{
	struct destination *d = find(u, name);

	if (!d)
		return;
	d->peer = p;
	d->ready = false;
	d->trouble[0] = '\0';
	memset(d->slot, 0, sizeof(d->slot));
	if (peer_send(p, MSG_DESTINATION, 0, 0, &d->wire, NULL, 0) < 0)
		snprintf(d->trouble, sizeof(d->trouble), "its uploader does not read");
}

void uplink_down(struct uplink *u, const char *name, struct peer *p)
{
	struct destination *d = find(u, name);

	if (!d || d->peer != p)
		return;
	d->peer = NULL;
	d->ready = false;
	/* what was in flight becomes "ask the server": the address is on record */
	memset(d->slot, 0, sizeof(d->slot));
}

static void on_ready(struct destination *d, const struct msg *m)
{
	struct proto_ready r;

	memcpy(&r, m->body, sizeof(r));
	if (r.status < 0) {
		snprintf(
		    d->trouble, sizeof(d->trouble), "%s", r.text[0] ? r.text : strerror(-r.status));
		log_error("destination-trouble", "destination=%s reason=\"%s\"", d->name,
		    log_text(d->trouble));
		return;
	}
	d->ready = true;
	d->level = r.level <= LEVEL_SIGNED ? r.level : LEVEL_NONE;
	d->away = false;
	d->away_until_ms = 0;
	log_info("destination-ready", "destination=%s proof=%s text=\"%s\"", d->name,
	    level_word(d->level), log_text(r.text));
}

static struct record *begin(const char *type, uint64_t asset, const char *destination)
{
	static struct record r;

	record_begin(&r, type);
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", destination);
	return &r;
}

static void works(struct destination *d)
{
	d->away = false;
	d->away_attempts = 0;
	d->away_until_ms = 0;
	d->trouble[0] = '\0';
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
	wait_later(u, d, a->number, 0, text);
}

static const char *on_receipt(
    struct uplink *u, struct destination *d, struct slot *s, const struct msg *m)
{
	static struct proto_receipt c;
	static struct asset a;
	char hex[PROTO_ID_LEN] = "";
	struct record *r;

	memcpy(&c, m->body, sizeof(c));
	if (c.level <= LEVEL_NONE || c.level > LEVEL_READBACK || c.raw_len > sizeof(c.raw))
		return "RECEIPT of a level that it cannot have";
	if (index_asset(ix(u), s->asset, &a) < 0)
		return "RECEIPT for an asset that does not exist";
	d->sent_bytes += c.sent_bytes;
	works(d);
	if (c.level == LEVEL_LOCAL || c.level >= LEVEL_STORED_DIGEST)
		hex_write(c.sha256, sizeof(c.sha256), hex);
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

static void be_away(struct uplink *u, struct destination *d, uint64_t at_least_ms, const char *text)
{
	uint64_t ms = backoff_ms(u, ++d->away_attempts);

	if (!d->away)
		log_warn(
		    "destination-away", "destination=%s reason=\"%s\"", d->name, log_text(text));
	d->away = true;
	d->away_until_ms = waits_now_ms() + (ms > at_least_ms ? ms : at_least_ms);
	snprintf(d->trouble, sizeof(d->trouble), "%s", text);
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
		wait_later(u, d, asset, f.retry_after_ms, f.text);
		break;
	case UPLOAD_AWAY:
		be_away(u, d, f.retry_after_ms, f.text);
		break;
	case UPLOAD_REFUSED:
		refuse(u, d, asset, f.text);
		break;
	case UPLOAD_DESTINATION:
		be_away(u, d, u->retry_max_s * UINT64_C(500), f.text);
		break;
	case UPLOAD_SOURCE:
		intake_doubt(u->intake, asset);
		wait_later(u, d, asset, 0, f.text);
		break;
	case UPLOAD_LOST: /* answers to what is not asked here */
	case UPLOAD_DIFFERS:
	case UPLOAD_CANNOT:
	case UPLOAD_STOPPED: /* nobody asked for that */
		wait_later(u, d, asset, 0, f.text);
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

void uplink_message(struct uplink *u, const char *name, struct peer *p, struct msg *m)
{
	struct destination *d = find(u, name);
	const char *why = NULL;
	struct slot *s;

	if (!d || d->peer != p)
		return;
	if (m->head.type == MSG_READY) {
		on_ready(d, m);
		return;
	}
	if (m->head.slot >= PROTO_SLOTS) {
		peer_drop(p, "a slot that does not exist");
		return;
	}
	s = &d->slot[m->head.slot];
	if (s->generation != m->head.generation || s->state == SLOT_FREE ||
	    s->state == SLOT_PLANNED)
		return; /* of an upload that is over */
	switch (m->head.type) {
	case MSG_CREATED:
		why = on_created(u, d, s, m);
		break;
	case MSG_PROGRESS:
		why = on_progress(s, m);
		break;
	case MSG_RECEIPT:
		why = on_receipt(u, d, s, m);
		break;
	case MSG_FAILED:
		why = on_failed(u, d, s, m);
		break;
	default:
		why = "a message that uploaders do not send";
	}
	if (why)
		peer_drop(p, why);
}

/* ---- what is sent next ---- */

static unsigned busy(const struct destination *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++)
		n += d->slot[i].state != SLOT_FREE;
	return n;
}

static unsigned room(const struct destination *d)
{
	unsigned most = d->away ? 1 : d->wire.slots;

	if (!d->peer || !d->ready || waits_now_ms() < d->away_until_ms)
		return 0;
	return most > busy(d) ? most - busy(d) : 0;
}

/* What may not be chosen now: in a slot, or waiting. Count of numbers in skip. */
static size_t skips(const struct destination *d, uint64_t *skip)
{
	size_t n = waits_pending(&d->waits, skip);

	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE)
			skip[n++] = d->slot[i].asset;
	}
	return n;
}

static void plan_one(struct uplink *u, struct destination *d, uint64_t number)
{
	static struct asset a;
	static struct upload up;
	struct slot *s = d->slot;

	if (in_slot(d, number) || index_asset(ix(u), number, &a) < 0)
		return;
	switch (intake_recheck(u->intake, &a)) {
	case RECHECK_NOT_NEEDED:
		break;
	case RECHECK_QUEUED:
		waits_hold(&d->waits, number, "its copy is being hashed again first");
		return;
	case RECHECK_LATER:
		return;
	}
	while (s < d->slot + PROTO_SLOTS && s->state != SLOT_FREE)
		s++;
	if (s == d->slot + PROTO_SLOTS)
		return;
	if (index_upload(ix(u), number, d->name, &up) < 0)
		journal_write(u->journal, begin("upload", number, d->name));
	*s = (struct slot){ .state = SLOT_PLANNED, .asset = number, .generation = ++d->generation };
}

void uplink_plan(struct uplink *u)
{
	uint64_t skip[PROTO_SLOTS + WAITS_MAX], numbers[PROTO_SLOTS];

	if (!journal_works(u->journal))
		return;
	for (size_t i = 0; i < u->n; i++) {
		struct destination *d = u->destination[i];
		unsigned n = room(d);
		int got;

		if (n == 0)
			continue;
		got = index_to_upload(ix(u), d->name, skip, skips(d, skip), numbers, n);
		for (int k = 0; k < got; k++)
			plan_one(u, d, numbers[k]);
	}
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Text cut to fit at a character's end (UTF-8). */
static void copy_utf8(char *out, size_t room_bytes, const char *text)
{
	size_t n = strlen(text);

	if (n >= room_bytes) {
		n = room_bytes - 1;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(out, text, n);
	out[n] = '\0';
}

static int send_upload(struct uplink *u, struct destination *d, unsigned slot)
{
	static struct proto_upload up;
	static struct upload known;
	static struct asset a;
	struct slot *s = &d->slot[slot];
	int fd, r;

	if (index_asset(ix(u), s->asset, &a) < 0 || strlen(a.sha256) != 2 * PROTO_SHA256_LEN) {
		s->state = SLOT_FREE;
		return 0;
	}
	memset(&up, 0, sizeof(up));
	up.size_bytes = a.size_bytes;
	hex_read(a.sha256, up.sha256, PROTO_SHA256_LEN);
	up.recorded_s = a.recorded_s;
	up.dispose_by_s = a.dispose_by_s;
	up.kind = a.kind;
	memcpy(up.class, a.class, sizeof(up.class));
	memcpy(up.signature, a.signature, sizeof(up.signature));
	memcpy(up.asset, a.id, sizeof(up.asset));
	memcpy(up.camera, a.camera, sizeof(up.camera));
	copy_utf8(up.name, sizeof(up.name), last_part(a.path));
	if (index_upload(ix(u), s->asset, d->name, &known) == 0)
		memcpy(up.address, known.address, sizeof(up.address));
	fd = staging_read(u->staging, s->asset);
	if (fd < 0) {
		s->state = SLOT_FREE;
		intake_doubt(u->intake, s->asset);
		wait_later(u, d, s->asset, 0, "its copy cannot be opened");
		return 0;
	}
	handover("uplink-upload");
	r = peer_send(d->peer, MSG_UPLOAD, slot, s->generation, &up, &fd, 1);
	close(fd);
	s->state = SLOT_SENT;
	return r;
}

void uplink_act(struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct destination *d = u->destination[i];
		int r = 0;

		for (unsigned k = 0; k < PROTO_SLOTS && d->peer && r == 0; k++) {
			struct slot *s = &d->slot[k];

			if (!journal_works(u->journal)) {
				if (s->state == SLOT_PLANNED)
					s->state = SLOT_FREE;
			} else if (s->state == SLOT_PLANNED) {
				r = send_upload(u, d, k);
			} else if (s->state == SLOT_CREATED) {
				r = peer_send(
				    d->peer, MSG_PROCEED, k, s->generation, NULL, NULL, 0);
				s->state = SLOT_SENT;
			}
		}
		if (r < 0)
			peer_drop(d->peer, "it does not read");
	}
}

bool uplink_idle(const struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		uint64_t count = 0, bytes = 0;

		if (busy(u->destination[i]) > 0)
			return false;
		if (index_queued(ix(u), u->destination[i]->name, &count, &bytes) < 0 || count > 0)
			return false;
	}
	return true;
}

int uplink_state(const struct uplink *u, size_t n, struct uplink_state *out)
{
	static const char *const drivers[] = {
		[DESTINATION_DIR] = "dir", [DESTINATION_TUS] = "tus"
	};
	const struct destination *d;

	if (n >= u->n)
		return -ENOENT;
	d = u->destination[n];
	memset(out, 0, sizeof(*out));
	memcpy(out->name, d->name, sizeof(out->name));
	snprintf(out->driver, sizeof(out->driver), "%s", drivers[d->wire.driver]);
	snprintf(out->trouble, sizeof(out->trouble), "%s",
	    d->trouble[0] ? d->trouble :
		d->peer   ? "" :
			    "its uploader is not connected: is dockd-uploader running?");
	out->connected = d->peer && d->ready;
	out->away = d->away || !out->connected;
	out->active = busy(d);
	out->level = d->level;
	out->sent_bytes = d->sent_bytes;
	return 0;
}

void uplink_asset(
    const struct uplink *u, const char *destination, uint64_t asset, struct uplink_asset *out)
{
	struct destination *d = find(u, destination);
	struct wait *w;
	uint64_t now = waits_now_ms();

	memset(out, 0, sizeof(*out));
	if (!d)
		return;
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset == asset) {
			out->active = true;
			out->offset_bytes = d->slot[i].offset_bytes;
			out->sent_bytes = d->slot[i].sent_bytes;
		}
	}
	w = waits_of(&d->waits, asset, false);
	if (!w)
		return;
	out->attempts = w->attempts;
	snprintf(out->reason, sizeof(out->reason), "%s", w->reason);
	if (w->until_ms > now && w->until_ms != UINT64_MAX)
		out->next_try_s = time(NULL) + (int64_t)((w->until_ms - now) / 1000);
}
