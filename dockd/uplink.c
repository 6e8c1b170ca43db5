#include "uplink.h"

#include "binding.h"
#include "hex.h"
#include "uplink_slot.h"

#include "index_asset.h"
#include "index_binding.h"
#include "index_expedite.h"
#include "index_policy.h"
#include "index_queue.h"
#include "retention.h"

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

static uint32_t any_number(void)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)waits_now_ms();
	return random;
}

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

struct uplink *uplink_new(struct journal *j, struct staging *s, struct intake *in,
    struct acceptance *acceptance, const struct uplink_handlers *handlers, void *arg)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (!u)
		fatal("reason=\"out of memory\"");
	u->journal = j;
	u->staging = s;
	u->intake = in;
	u->acceptance = acceptance;
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
	tally_free(&u->failures);
	free(u);
}

struct destination *uplink_find(const struct uplink *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->destination[i]->name, name) == 0)
			return u->destination[i];
	}
	return NULL;
}

static struct destination *destination_new(void)
{
	struct destination *d = calloc(1, sizeof(*d));

	if (!d)
		fatal("reason=\"out of memory\"");
	d->down_ms = waits_now_ms();
	d->unmet = true;
	return d;
}

/* Nothing rests on receipts of one that has still to say what it is. */
static void tell_unmet(const struct uplink *u)
{
	const char *names[CONFIG_DESTINATIONS];
	size_t n = 0;

	for (size_t i = 0; i < u->n; i++) {
		if (u->destination[i]->unmet)
			names[n++] = u->destination[i]->name;
	}
	index_set_unmet(ix(u), names, n);
}

/* What is on record of one that is named no more stays there: nobody is asked about it now. */
static void tell_unnamed(const struct uplink *u)
{
	char name[PROTO_NAME_LEN] = "";
	uint64_t held;

	while (index_bound_next(ix(u), name, &held) == 0) {
		if (!uplink_find(u, name))
			log_warn("destination-unnamed",
			    "destination=%s holds=%" PRIu64
			    " reason=\"configured no more: what was begun there is not gone on "
			    "with, and holds there stay as they are; name it again, or see to "
			    "them there\"",
			    name, held);
	}
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
	u->switch_ms = c->switch_s * UINT64_C(1000);
	u->n = 0;
	for (size_t i = 0; i < c->destinations_n; i++) {
		struct destination *d = NULL;
		bool is_new;

		for (size_t k = 0; k < old_n; k++) {
			if (old[k] && strcmp(old[k]->name, c->destination[i].name) == 0) {
				d = old[k];
				old[k] = NULL;
			}
		}
		is_new = !d;
		if (is_new)
			d = destination_new();
		if (memcmp(&d->wire, &c->destination[i].wire, sizeof(d->wire)) != 0) {
			d->unmet = true;
			memset(d->certificate, 0, sizeof(d->certificate));
			if (d->peer)
				stale[stale_n++] = d->peer;
		}
		memcpy(d->name, c->destination[i].name, sizeof(d->name));
		d->wire = c->destination[i].wire;
		d->deliver_s = c->destination[i].deliver_s;
		outlook_again(d);
		d->breaker.slots = d->wire.slots;
		d->uplink = u;
		if (is_new)
			uplink_recall(u, d);
		u->destination[u->n++] = d;
	}
	for (size_t k = 0; k < old_n; k++) {
		if (!old[k])
			continue;
		if (old[k]->peer)
			stale[stale_n++] = old[k]->peer;
		errands_break(old[k]);
		free(old[k]);
	}
	for (size_t k = 0; k < stale_n; k++)
		peer_drop(stale[k], "its destination's settings have changed");
	tell_unmet(u);
	tell_unnamed(u);
}

/* ---- waiting ---- */

void uplink_later(const struct uplink *u, struct destination *d, uint64_t asset,
    uint64_t at_least_ms, const char *reason)
{
	const struct wait *w;
	uint64_t ms;

	waits_failed(&d->waits, asset, "", reason);
	w = waits_of(&d->waits, asset, false);
	ms = waits_backoff_ms(w ? w->attempts : 1, u->retry_min_s, u->retry_max_s, any_number());
	waits_later(&d->waits, asset, ms > at_least_ms ? ms : at_least_ms, reason);
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
		breaker_reset(&d->breaker);
		d->fresh_ms = d->abandon_ms = 0;
		d->trouble[0] = d->state[0] = '\0';
	}
}

/* ---- connections ---- */

bool uplink_known(struct uplink *u, const char *name)
{
	return uplink_find(u, name) != NULL;
}

void uplink_up(struct uplink *u, const char *name, struct peer *p)
{
	struct destination *d = uplink_find(u, name);

	if (!d)
		return;
	d->peer = p;
	d->ready = d->another = false;
	d->doomed = NULL;
	d->trouble[0] = d->state[0] = '\0';
	errands_break(d);
	memset(d->slot, 0, sizeof(d->slot));
	if (peer_send(p, MSG_DESTINATION, 0, 0, &d->wire, NULL, 0) < 0)
		snprintf(d->trouble, sizeof(d->trouble), "its uploader does not read");
}

void uplink_down(struct uplink *u, const char *name, struct peer *p)
{
	struct destination *d = uplink_find(u, name);

	if (!d || d->peer != p)
		return;
	d->peer = NULL;
	d->ready = false;
	d->doomed = NULL;
	if (d->down_ms == 0)
		d->down_ms = waits_now_ms();
	d->can = 0;
	errands_break(d);
	/* what was in flight becomes "ask the server": the address is on record */
	memset(d->slot, 0, sizeof(d->slot));
}

/* Printable: it goes into records and before people. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* NULL, or why the peer is to be dropped. */
static const char *on_ready(struct uplink *u, struct destination *d, const struct msg *m)
{
	struct proto_ready r;

	memcpy(&r, m->body, sizeof(r));
	if (r.status < 0) {
		if (d->down_ms == 0)
			d->down_ms = waits_now_ms();
		snprintf(
		    d->trouble, sizeof(d->trouble), "%s", r.text[0] ? r.text : strerror(-r.status));
		log_error("destination-trouble", "destination=%s reason=\"%s\"", d->name,
		    log_text(d->trouble));
		return NULL;
	}
	if (!is_plain(r.identity))
		return "READY with an identity that is no plain text";
	memcpy(d->identity, r.identity, sizeof(d->identity));
	d->another = !binding_meets(u->journal, d->name, d->identity);
	d->unmet = false;
	tell_unmet(u);
	if (d->another && uplink_busy(d) > 0)
		return "it has become another one in the midst of an upload";
	d->ready = true;
	d->can = r.can;
	d->level = r.level <= LEVEL_SIGNED ? r.level : LEVEL_NONE;
	d->fresh_ms = 0;
	if (d->another) {
		d->down_ms = d->down_ms ? d->down_ms : waits_now_ms();
		return NULL;
	}
	d->down_ms = 0;
	breaker_reset(&d->breaker);
	if (r.can & READY_UNHEARD)
		snprintf(d->trouble, sizeof(d->trouble), "%s", r.text);
	u->handlers->met(u->arg);
	log_info("destination-ready", "destination=%s proof=%s text=\"%s\"", d->name,
	    level_word(d->level), log_text(r.text));
	return NULL;
}

int uplink_rebind(struct uplink *u, const char *destination, const char *reason, uid_t uid)
{
	struct destination *d = uplink_find(u, destination);
	int rc;

	if (!d)
		return -ENOENT;
	if (!d->peer || !d->ready)
		return -ENOTCONN;
	if (!d->another)
		return -EALREADY;
	rc = binding_mean(u->journal, d->name, d->identity, reason, uid);
	if (rc < 0)
		return rc;
	memset(&d->waits, 0, sizeof(d->waits));
	d->breaker.since_ms = d->before_ms = d->told_ms = 0;
	d->doomed = "bound anew: its uploader begins afresh";
	return 0;
}

void uplink_works(struct destination *d, bool whole)
{
	if (d->breaker.open)
		log_info("destination-back", "destination=%s", d->name);
	breaker_works(&d->breaker, whole);
	d->before_ms = 0;
	d->trouble[0] = d->state[0] = '\0';
}

/* What such a failure says of the whole destination; 0: nothing. */
static enum breaker_how how_of(const struct proto_failed *f)
{
	switch ((enum upload_failure)f->failure) {
	case UPLOAD_AWAY:
		return BREAKER_AWAY;
	case UPLOAD_DESTINATION:
		return BREAKER_FOR_PERSON;
	case UPLOAD_LATER:
		if (f->http_status == 429 || (f->http_status == 503 && f->retry_after_ms > 0))
			return BREAKER_TOO_MANY;
		return f->sent_bytes == 0 ? BREAKER_STUMBLED : 0;
	case UPLOAD_REFUSED:
	case UPLOAD_SOURCE:
	case UPLOAD_STOPPED:
	case UPLOAD_LOST:
	case UPLOAD_DIFFERS:
	case UPLOAD_CANNOT:
		break;
	}
	return 0;
}

void uplink_fails(
    struct uplink *u, struct destination *d, uint64_t asset, const struct proto_failed *f)
{
	enum breaker_how how = how_of(f);
	bool was_open = d->breaker.open, was_person = d->breaker.person;

	if (how == 0)
		return;
	breaker_fails(&d->breaker, how, asset, waits_now_ms(), f->retry_after_ms, u->retry_min_s,
	    u->retry_max_s, any_number());
	if (!d->breaker.open)
		return;
	snprintf(d->trouble, sizeof(d->trouble), "%s", f->text);
	snprintf(d->state, sizeof(d->state), "%s", f->state);
	if (!was_open || was_person != d->breaker.person)
		log_warn(d->breaker.person ? "destination-trouble" : "destination-away",
		    "destination=%s state=%s reason=\"%s\"", d->name, log_text(d->state),
		    log_text(f->text));
}

void uplink_message(struct uplink *u, const char *name, struct peer *p, struct msg *m)
{
	struct destination *d = uplink_find(u, name);
	const char *why;
	struct slot *s;

	if (!d || d->peer != p)
		return;
	uplink_hears(d);
	if (m->head.type == MSG_READY) {
		why = on_ready(u, d, m);
		if (why)
			peer_drop(p, why);
		return;
	}
	if (m->head.type == MSG_CERTIFICATE) {
		why = uplink_hears_certificate(d, m);
		if (why)
			peer_drop(p, why);
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
	outlook_heard(d, s, m);
	why = s->errand.type ? errand_message(u, d, s, m) : upload_message(u, d, s, m);
	if (why)
		peer_drop(p, why);
}

/* ---- slots ---- */

unsigned uplink_busy(const struct destination *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++)
		n += d->slot[i].state != SLOT_FREE;
	return n;
}

unsigned uplink_room(const struct destination *d)
{
	unsigned most = breaker_slots(&d->breaker, waits_now_ms());

	if (!d->peer || !d->ready || d->another)
		return 0;
	return most > uplink_busy(d) ? most - uplink_busy(d) : 0;
}

struct slot *uplink_take(struct destination *d)
{
	struct slot *s = d->slot;

	while (s < d->slot + PROTO_SLOTS - 1 && s->state != SLOT_FREE)
		s++;
	*s = (struct slot){
		.state = SLOT_PLANNED, .generation = ++d->generation, .expires_s = PROTO_NO_TIME
	};
	return s;
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

enum object_kind uplink_kind(const struct uplink *u, const char *destination, const struct asset *a)
{
	uint32_t kinds = index_takes(ix(u), destination, a->kinds);

	for (int kind = KIND_FOLDER; kind <= KIND_REPORT; kind++) {
		if (!(kinds >> a->kind & 1) && kinds >> kind & 1)
			return (enum object_kind)kind;
	}
	return a->kind;
}

/* The path of the first that was merged into it and is of this kind; its own where none is. */
static void path_as(struct uplink *u, struct asset *a, enum object_kind kind)
{
	static struct asset other;
	uint64_t page[32], after = 0;
	int n = 32;

	while (n == 32) {
		n = index_merged(ix(u), a->number, after, page, 32);
		for (int i = 0; i < n; i++) {
			after = page[i];
			if (index_asset(ix(u), page[i], &other) < 0 || other.kind != kind)
				continue;
			memcpy(a->path, other.path, sizeof(a->path));
			return;
		}
	}
}

int uplink_describe(
    struct uplink *u, uint64_t asset, const char *destination, struct proto_upload *out)
{
	static struct upload known;
	static struct asset a;
	int rc = index_asset(ix(u), asset, &a);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	if (strlen(a.sha256) != 2 * PROTO_SHA256_LEN)
		return -EINVAL;
	out->size_bytes = a.size_bytes;
	hex_read(a.sha256, out->sha256, PROTO_SHA256_LEN);
	out->recorded_s = a.recorded_s;
	out->dispose_by_s = a.dispose_by_s;
	out->kind = uplink_kind(u, destination, &a);
	if (out->kind != a.kind)
		path_as(u, &a, (enum object_kind)out->kind);
	out->preserved = retention_preserves(ix(u), &a);
	out->urgency = index_is_expedited(ix(u), asset);
	memcpy(out->class, a.class, sizeof(out->class));
	memcpy(out->signature, a.signature, sizeof(out->signature));
	memcpy(out->asset, a.id, sizeof(out->asset));
	memcpy(out->camera, a.camera, sizeof(out->camera));
	memcpy(out->officer, a.officer, sizeof(out->officer));
	memcpy(out->unit, a.unit, sizeof(out->unit));
	copy_utf8(out->name, sizeof(out->name), last_part(a.path));
	if (index_upload(ix(u), asset, destination, &known) == 0) {
		memcpy(out->address, known.address, sizeof(out->address));
		memcpy(out->version, known.version, sizeof(out->version));
	}
	return 0;
}

static int send_upload(struct uplink *u, struct destination *d, unsigned slot)
{
	static struct proto_upload up;
	struct slot *s = &d->slot[slot];
	int fd, r;

	if (uplink_describe(u, s->asset, d->name, &up) < 0) {
		s->state = SLOT_FREE;
		return 0;
	}
	fd = staging_read(u->staging, s->asset);
	if (fd < 0) {
		s->state = SLOT_FREE;
		intake_doubt(u->intake, s->asset);
		uplink_later(u, d, s->asset, 0, "its copy cannot be opened");
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
			if (r == 0 && s->stop == STOP_WANTED && s->state == SLOT_SENT) {
				r = peer_send(
				    d->peer, MSG_STOP_UPLOAD, k, s->generation, NULL, NULL, 0);
				s->stop = STOP_ASKED;
			}
		}
		if (d->peer && (r < 0 || d->doomed))
			peer_drop(d->peer, d->doomed ? d->doomed : "it does not read");
		outlook_turn(u, d);
		uplink_certificates_turn(d);
	}
}

bool uplink_idle(const struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		uint64_t count = 0, bytes = 0;

		if (uplink_busy(u->destination[i]) > 0)
			return false;
		if (index_queued(ix(u), u->destination[i]->name, &count, &bytes) < 0 || count > 0)
			return false;
	}
	return true;
}
