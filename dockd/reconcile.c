/*
 * reconcile: who is asked when, and what the answer is worth.
 *
 * Called each turn by core; answers come through uplink_errand and acceptance. One question at a
 * time to each destination. Where it goes on is found in the index, never in memory, so a restart
 * forgets nothing; in memory are only the pace and the place of a walk.
 */
#include "reconcile.h"

#include "clock.h"
#include "gate.h"
#include "index_asset.h"
#include "index_binding.h"
#include "index_receipt.h"
#include "retention.h"
#include "waits.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING_DUE_MS 1000
#define CANNOT_MS 60000
#define DENIED_MS 5000
#define TURN_PASSED 64 /* that are not asked about, passed over in one turn */
#define HOUR_MS UINT64_C(3600000)

/* One destination: what it was asked, and when it is asked next. */
struct query {
	char destination[PROTO_NAME_LEN];
	bool asked;                      /* an answer is due, from uplink or from acceptance */
	char address[PROTO_ADDRESS_LEN]; /* of what it was asked about */
	bool cannot;
	uint64_t next_ms;
	uint64_t rewind_ms;           /* when those that gave no answer come up again */
	struct confirm_place doubted; /* the walk over what another store gave receipts for */
	struct confirm_place first;   /* over what was never confirmed */
	struct confirm_place further; /* and over what was */
	int64_t asked_s;
};

struct reconcile {
	struct journal *journal;
	struct staging *staging;
	struct uplink *uplink;
	struct acceptance *acceptance;
	const struct reconcile_handlers *handlers;
	void *arg;
	enum receipt_level accept;
	int64_t after_s;
	uint32_t per_hour;
	uint64_t rewind_every_ms;
	size_t n;
	struct query query[CONFIG_DESTINATIONS];
};

struct reconcile *reconcile_new(struct journal *j, struct staging *s, struct uplink *u,
    struct acceptance *a, const struct reconcile_handlers *handlers, void *arg)
{
	struct reconcile *r = calloc(1, sizeof(*r));

	if (!r)
		fatal("reason=\"out of memory\"");
	r->journal = j;
	r->staging = s;
	r->uplink = u;
	r->acceptance = a;
	r->handlers = handlers;
	r->arg = arg;
	return r;
}

void reconcile_free(struct reconcile *r)
{
	free(r);
}

static struct index *ix(const struct reconcile *r)
{
	return journal_index(r->journal);
}

static struct query *query_of(struct reconcile *r, const char *destination)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->query[i].destination, destination) == 0)
			return &r->query[i];
	}
	return NULL;
}

void reconcile_configure(struct reconcile *r, const struct config *c)
{
	struct query old[CONFIG_DESTINATIONS];
	size_t old_n = r->n;

	memcpy(old, r->query, sizeof(old));
	r->accept = c->accept;
	r->after_s = c->confirm_after_days * INT64_C(86400);
	r->per_hour = c->confirm_per_hour;
	r->rewind_every_ms = c->retry_max_s * UINT64_C(1000);
	r->n = c->destinations_n;
	for (size_t i = 0; i < r->n; i++) {
		struct query *q = &r->query[i];

		memset(q, 0, sizeof(*q));
		for (size_t k = 0; k < old_n; k++) {
			if (strcmp(old[k].destination, c->destination[i].name) == 0)
				*q = old[k];
		}
		memcpy(q->destination, c->destination[i].name, sizeof(q->destination));
		q->next_ms = 0; /* the pace may be another one */
	}
}

void reconcile_again(struct reconcile *r, const char *destination)
{
	struct query *q = query_of(r, destination);

	if (q) {
		q->next_ms = q->rewind_ms = 0;
		q->cannot = false;
	}
}

/* ---- answers ---- */

static struct record *begin(const char *type, uint64_t asset, const char *destination)
{
	static struct record r;

	record_begin(&r, type);
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", destination);
	return &r;
}

/* What it states of lock and hold, where that differs from what is on record. */
static void add_stated(
    struct reconcile *r, struct record *rec, const struct upload *u, const struct proto_receipt *c)
{
	if (!(uplink_can(r->uplink, u->destination) & READY_PRESERVES) && !c->lock_mode && !c->held)
		return; /* it knows neither */
	if (c->lock_mode != u->lock || c->retain_until_s != u->retain_until_s) {
		record_text(rec, "lock", lock_word((enum lock_mode)c->lock_mode));
		if (c->retain_until_s != PROTO_NO_TIME)
			record_number(rec, "retain-until", c->retain_until_s);
	}
	if (c->held != u->held)
		record_number(rec, "held", c->held);
}

/*
 * What the answer proves. Whether a folder that was bound anew is another disk than the station's
 * is seen beside the station's copy, and there is none any more: what was read back there may lie
 * on the station's own disk.
 */
static enum receipt_level level_of(
    const struct reconcile *r, const struct upload *u, const struct proto_receipt *c)
{
	return u->doubted && c->level != LEVEL_SIGNED &&
		uplink_is_folder(r->uplink, u->destination) ?
	    LEVEL_LOCAL :
	    (enum receipt_level)c->level;
}

static void confirmed(struct reconcile *r, const struct upload *u, const struct proto_receipt *c)
{
	struct record *rec = begin("confirmed", u->asset, u->destination);
	enum receipt_level level = level_of(r, u, c);
	const char *destination = u->destination;
	uint64_t asset = u->asset;

	record_text(rec, "level", level_word(level));
	add_stated(r, rec, u, c);
	journal_write(r->journal, rec);
	log_info("confirmed", "destination=%s asset=%" PRIu64 " level=%s", destination, asset,
	    level_word(level));
	handover("reconcile-confirmed");
	r->handlers->confirmed(r->arg, asset);
}

static void lost(
    struct reconcile *r, const char *destination, const struct asset *a, const char *text)
{
	struct record *rec = begin("lost", a->number, destination);
	struct record call;

	record_text(rec, "text", text);
	journal_write(r->journal, rec);
	log_error("lost", "destination=%s asset=%" PRIu64 " reason=\"%s\"", destination, a->number,
	    log_text(text));
	if (a->file != FILE_SEALED) {
		record_begin(&call, "trouble");
		record_number(&call, "asset", (int64_t)a->number);
		record_text(&call, "text",
		    "a destination has lost it, and this station has no copy any more: restore it "
		    "there from its backup, or from another destination, then dockctl retry");
		journal_write(r->journal, &call);
	}
	handover("reconcile-lost");
	r->handlers->lost(r->arg, a->number);
}

/*
 * It was receipted before the destination was bound anew, and the one that it is bound to does not
 * have it, cannot be asked for it, or is to find it anew: it gets it as any other.
 */
static void begin_anew(
    struct reconcile *r, const char *destination, const struct asset *a, const char *text)
{
	struct record *rec = begin("recreated", a->number, destination);

	record_text(rec, "text", text);
	journal_write(r->journal, rec);
	log_info("sent-anew", "destination=%s asset=%" PRIu64 " reason=\"%s\"", destination,
	    a->number, log_text(text));
	handover("reconcile-anew");
	r->handlers->lost(r->arg, a->number);
}

/* What is there is not it, or nothing is. */
static void missing(struct reconcile *r, const char *destination, const struct asset *a,
    const struct upload *u, const char *text)
{
	if (u->doubted && a->file == FILE_SEALED)
		begin_anew(r, destination, a, text);
	else
		lost(r, destination, a, text);
}

/*
 * What was receipted before a rebinding may be on the station's own disk now, which only a new
 * beginning tells: it is found there and compared, not sent again, and the new receipt's level is
 * that of where it is. Where no copy is left here, or it is signed, the answer has to do (level_of).
 */
static bool is_found_anew(
    const struct reconcile *r, const struct asset *a, const struct upload *u, uint32_t level)
{
	return u->doubted && a->file == FILE_SEALED && level != LEVEL_SIGNED &&
	    uplink_can(r->uplink, u->destination) & READY_FINDS;
}

/* The answer is too weak to let a copy go by it: as good as none. */
static void weak(struct query *q, uint64_t asset, enum receipt_level level)
{
	log_warn("confirm-weak", "destination=%s asset=%" PRIu64 " level=%s", q->destination, asset,
	    level_word(level));
	q->cannot = true;
	q->next_ms = waits_now_ms() + CANNOT_MS;
}

static void accepted(void *arg, const struct accepted *what)
{
	struct reconcile *r = arg;
	struct query *q = query_of(r, what->destination);
	char text[PROTO_TEXT_LEN * 2];
	static struct asset a;
	static struct upload u;

	if (!q)
		return;
	q->asked = false;
	if (index_asset(ix(r), what->asset, &a) < 0 || a.disposed ||
	    index_upload(ix(r), what->asset, what->destination, &u) < 0 || u.rung != RUNG_RECEIPTED)
		return;
	if (what->result == RECEIPT_OTHER_ASSET) {
		/* signed with its own key: what it has there is something else */
		snprintf(
		    text, sizeof(text), "what the destination has is not it: %.200s", what->text);
		missing(r, what->destination, &a, &u, text);
		return;
	}
	if (what->result == RECEIPT_GOOD)
		confirmed(r, &u, &what->receipt);
	else
		log_error("confirm-refused",
		    "destination=%s asset=%" PRIu64 " result=%s reason=\"%s\"", what->destination,
		    what->asset, acceptance_word(what->result), log_text(what->text));
}

static void failed(struct reconcile *r, struct query *q, const struct asset *a,
    const struct upload *u, const struct proto_failed *f)
{
	switch ((enum upload_failure)f->failure) {
	case UPLOAD_LOST:
	case UPLOAD_DIFFERS:
		missing(r, q->destination, a, u,
		    f->text[0]                    ? f->text :
			f->failure == UPLOAD_LOST ? "the destination has it no more" :
						    "what the destination has is not it");
		break;
	case UPLOAD_CANNOT:
		if (u->doubted && a->file == FILE_SEALED) {
			begin_anew(r, q->destination, a, f->text);
			break;
		}
		q->cannot = true;
		q->next_ms = waits_now_ms() + CANNOT_MS;
		break;
	case UPLOAD_DESTINATION: /* what it refuses for one it refuses for all */
		if (q->next_ms < waits_now_ms() + DENIED_MS)
			q->next_ms = waits_now_ms() + DENIED_MS;
		break;
	case UPLOAD_LATER:
	case UPLOAD_AWAY:
	case UPLOAD_REFUSED:
	case UPLOAD_SOURCE:
	case UPLOAD_STOPPED:
		break; /* no answer: it comes up again */
	}
}

static void answered(void *arg, uint64_t key, const struct uplink_answer *answer)
{
	struct reconcile *r = arg;
	/* by its name: a reload may have given its place to another one */
	struct query *q = query_of(r, answer->destination);
	static struct asset a;
	static struct upload u;

	if (!q || !q->asked)
		return;
	q->asked = false;
	if (answer->end == UPLINK_BROKEN) {
		q->next_ms = 0;
		return;
	}
	/* what became of it meanwhile counts more than what was asked */
	if (index_asset(ix(r), key, &a) < 0 || index_upload(ix(r), key, q->destination, &u) < 0 ||
	    u.rung != RUNG_RECEIPTED || a.disposed || strcmp(u.address, q->address) != 0)
		return;
	if (answer->end == UPLINK_FAILED) {
		failed(r, q, &a, &u, answer->failed);
		return;
	}
	q->cannot = false;
	if (answer->receipt->level == LEVEL_SIGNED)
		q->asked = acceptance_ask(r->acceptance, key, q->destination, q->asked_s,
			       answer->receipt, accepted, r) == 0;
	else if (is_found_anew(r, &a, &u, answer->receipt->level))
		begin_anew(r, q->destination, &a, "it is there: it is found and receipted anew");
	else if (level_confirms((enum receipt_level)answer->receipt->level, r->accept))
		confirmed(r, &u, answer->receipt);
	else
		weak(q, key, (enum receipt_level)answer->receipt->level);
}

/* ---- questions ---- */

/*
 * What comes next. Erasing waits for what is doubted; then what was never confirmed, for its copy
 * waits for that. at_once: without counting it among so many an hour.
 */
static bool next(struct reconcile *r, struct query *q, uint64_t *asset, bool *at_once)
{
	int64_t before_s = clock_now_s() - r->after_s;
	bool tight = staging_tight(r->staging);

	*at_once = tight;
	if (index_to_confirm(ix(r), q->destination, CONFIRM_DOUBTED, INT64_MAX, &q->doubted) == 0) {
		*asset = q->doubted.asset;
		*at_once = true;
		return true;
	}
	if (index_to_confirm(ix(r), q->destination, CONFIRM_FIRST, tight ? INT64_MAX : before_s,
		&q->first) == 0) {
		*asset = q->first.asset;
		return true;
	}
	if (index_to_confirm(ix(r), q->destination, CONFIRM_AGAIN, before_s, &q->further) == 0) {
		*asset = q->further.asset;
		return true;
	}
	return false;
}

/* Marked for disposal, and no order keeps it: it is asked for no more. */
static bool is_going(const struct reconcile *r, uint64_t asset)
{
	static struct asset a;

	return index_asset(ix(r), asset, &a) == 0 && a.marked_s && !retention_preserves(ix(r), &a);
}

static void ask(struct reconcile *r, struct query *q)
{
	static struct proto_upload what;
	struct uplink_errand e = {
		.type = MSG_RECONFIRM, .what = &what, .fd = -1, .done = answered, .arg = r
	};
	uint64_t now = waits_now_ms(), asset;
	struct confirm_place doubted, first, further;
	bool at_once;
	int rc;

	if (now >= q->rewind_ms) {
		q->doubted = q->first = q->further = (struct confirm_place){ 0 };
		q->rewind_ms = now + r->rewind_every_ms;
	}
	doubted = q->doubted;
	first = q->first;
	further = q->further;
	for (unsigned passed = 0;; passed++) {
		if (!next(r, q, &asset, &at_once)) {
			q->next_ms = now + NOTHING_DUE_MS;
			return;
		}
		if (!is_going(r, asset))
			break;
		if (passed == TURN_PASSED)
			return; /* the walk goes on in the next turn */
		doubted = q->doubted;
		first = q->first;
		further = q->further;
	}
	if (uplink_describe(r->uplink, asset, q->destination, &what) < 0)
		return; /* the walk has passed it */
	e.key = asset;
	memcpy(q->address, what.address, sizeof(q->address));
	q->asked_s = clock_now_s();
	q->asked = true;
	rc = uplink_errand(r->uplink, q->destination, &e);
	if (rc == 0) {
		q->next_ms = at_once ? now : now + HOUR_MS / r->per_hour;
		handover("reconcile-asked");
		return;
	}
	q->asked = false;
	q->doubted = doubted;
	q->first = first;
	q->further = further;
	if (rc == -EOPNOTSUPP) {
		q->cannot = true;
		q->next_ms = now + CANNOT_MS;
	}
}

void reconcile_act(struct reconcile *r)
{
	if (!journal_works(r->journal))
		return;
	for (size_t i = 0; i < r->n; i++) {
		struct query *q = &r->query[i];

		if (!q->asked && waits_now_ms() >= q->next_ms)
			ask(r, q);
	}
}

static void add(char *out, size_t room, const char *what)
{
	size_t used = strlen(out);

	snprintf(out + used, room - used, "%s%s", used ? "; " : "", what);
}

/* What another store gave receipts for, and this one cannot be asked about. */
static void add_doubted(const struct reconcile *r, const struct query *q, char *out, size_t room)
{
	char text[PROTO_TEXT_LEN * 2];
	uint64_t n = 0;

	if (!q->cannot || index_doubted(ix(r), q->destination, &n) < 0 || n == 0)
		return;
	snprintf(text, sizeof(text),
	    "destination %.63s cannot be asked whether it has the %" PRIu64
	    " files that were sent before it was bound anew, so nothing rests on their receipts: "
	    "give it a way to read back",
	    q->destination, n);
	add(out, room, text);
}

void reconcile_text(const struct reconcile *r, char *out, size_t room)
{
	uint64_t lost_n = 0, refused_n = 0;
	char text[PROTO_TEXT_LEN * 2];

	out[0] = '\0';
	if (index_receipt_troubles(ix(r), &lost_n, &refused_n) < 0)
		return;
	if (lost_n) {
		snprintf(text, sizeof(text),
		    "%" PRIu64 " files were lost by a destination and are not there again yet: "
		    "find out why it loses them",
		    lost_n);
		add(out, room, text);
	}
	if (refused_n) {
		snprintf(text, sizeof(text),
		    "%" PRIu64 " receipts of a destination are no good (dockctl queue): "
		    "check its receipt service and receipt-keys",
		    refused_n);
		add(out, room, text);
	}
	for (size_t i = 0; i < r->n; i++)
		add_doubted(r, &r->query[i], out, room);
	for (size_t i = 0; i < r->n && staging_tight(r->staging); i++) {
		if (!r->query[i].cannot)
			continue;
		snprintf(text, sizeof(text),
		    "destination %s cannot be asked whether it still has a file, so no copy here "
		    "may go: give it a way to read back, or a larger disk",
		    r->query[i].destination);
		add(out, room, text);
	}
}
