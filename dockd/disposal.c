#include "disposal.h"

#include "clock.h"
#include "index_asset.h"
#include "index_clock.h"
#include "retention.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 32
#define REMOVALS 8 /* at once, over all destinations */
#define PAUSE_MIN_MS 5000
#define PAUSE_MAX_MS (3600 * 1000)
#define KEPT_AGAIN_S 86400 /* a copy that its store does not let go, and does not say until when */
#define STATION "station"

/* A copy at a destination that is being removed, or will be in this turn. */
struct removal {
	uint64_t asset; /* 0: free */
	char place[PROTO_NAME_LEN];
	bool asked;
};

struct place {
	char name[PROTO_NAME_LEN];
	bool ours;
	uint64_t until_ms, pause_ms; /* it did not work there: not before, and for how long */
};

struct disposer {
	struct journal *journal;
	struct staging *staging;
	struct uplink *uplink;
	struct place place[CONFIG_DESTINATIONS];
	size_t places_n;
	uint64_t after;
	uint64_t local[PAGE]; /* copies of the station's to be removed in this turn */
	unsigned local_n;
	struct removal removal[REMOVALS];
	uint64_t local_until_ms;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct index *ix(const struct disposer *d)
{
	return journal_index(d->journal);
}

struct disposer *disposer_new(struct journal *j, struct staging *s, struct uplink *u)
{
	struct disposer *d = calloc(1, sizeof(*d));

	if (!d)
		fatal("reason=\"out of memory\"");
	d->journal = j;
	d->staging = s;
	d->uplink = u;
	return d;
}

void disposer_free(struct disposer *d)
{
	free(d);
}

void disposer_configure(struct disposer *d, const struct config *c)
{
	d->places_n = c->destinations_n;
	for (size_t i = 0; i < c->destinations_n; i++) {
		d->place[i] = (struct place){
			.ours = c->destination[i].wire.flags & DESTINATION_DISPOSE,
		};
		memcpy(d->place[i].name, c->destination[i].name, sizeof(d->place[i].name));
	}
}

static struct place *place_of(struct disposer *d, const char *name)
{
	for (size_t i = 0; i < d->places_n; i++) {
		if (strcmp(d->place[i].name, name) == 0)
			return &d->place[i];
	}
	return NULL;
}

bool disposer_owns(const struct disposer *d, const char *destination)
{
	const struct place *p = place_of((struct disposer *)d, destination);

	return p && p->ours;
}

/* ---- the intent ---- */

/* Whether the station has a file of it, or of what was merged with it, bad ones set aside too. */
static bool station_has(struct disposer *d, const struct asset *a)
{
	uint64_t page[PAGE], after = 0;
	int n;

	if (a->file == FILE_SEALED || staging_keeps(d->staging, a->number))
		return true;
	do {
		n = index_merged(ix(d), a->number, after, page, PAGE);
		for (int i = 0; i < n; i++) {
			after = page[i];
			if (staging_keeps(d->staging, page[i]))
				return true;
		}
	} while (n == PAGE);
	return n < 0;
}

/* What was written of it in this very turn is committed first: the ledger cannot speak for it before. */
static int vouched(struct disposer *d, uint64_t asset)
{
	int rc = journal_vouches(d->journal, asset, NULL);

	if (rc != -EAGAIN)
		return rc;
	rc = journal_commit(d->journal);
	return rc < 0 ? rc : journal_vouches(d->journal, asset, NULL);
}

int disposal_begin(struct disposer *d, const struct asset *a, const struct disposal_order *by)
{
	static struct upload up[CONFIG_DESTINATIONS];
	char where[(CONFIG_DESTINATIONS + 1) * PROTO_NAME_LEN] = "";
	struct uplink_asset now;
	struct record r;
	size_t used = 0;
	int n;

	for (size_t i = 0; i < d->places_n; i++) {
		uplink_asset(d->uplink, d->place[i].name, a->number, &now);
		if (now.active)
			return -EBUSY;
	}
	n = vouched(d, a->number);
	if (n < 0)
		return n;
	n = index_uploads(ix(d), a->number, up, CONFIG_DESTINATIONS);
	if (n < 0)
		return n;
	if (station_has(d, a))
		used = (size_t)snprintf(where, sizeof(where), STATION);
	for (int i = 0; i < n; i++) {
		if (up[i].address[0] && (by->order || disposer_owns(d, up[i].destination)))
			used += (size_t)snprintf(where + used, sizeof(where) - used, "%s%s",
			    used ? " " : "", up[i].destination);
	}
	record_begin(&r, "dispose-intent");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "where", where);
	record_text(&r, "by", by->order ? "order" : "age");
	if (by->order) {
		record_text(&r, "order", by->order);
		record_text(&r, "reason", by->reason);
		record_number(&r, "uid", by->uid);
	}
	log_info("dispose", "asset=%" PRIu64 " by=%s where=\"%s\"", a->number,
	    by->order ? "order" : "age", where);
	return journal_write(d->journal, &r);
}

/* ---- the copies ---- */

static void put_down(struct disposer *d, uint64_t asset, const char *where, const char *result,
    const char *text, int64_t again_s)
{
	struct record r;

	record_begin(&r, "disposed");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "where", where);
	record_text(&r, "result", result);
	if (text[0])
		record_text(&r, "text", text);
	if (again_s)
		record_number(&r, "again", again_s);
	journal_write(d->journal, &r);
	log_info("disposed", "asset=%" PRIu64 " where=%s result=%s text=\"%s\"", asset, where,
	    result, log_text(text));
}

static void disposed(
    struct disposer *d, uint64_t asset, const char *where, const char *result, const char *text)
{
	put_down(d, asset, where, result, text, 0);
}

/*
 * The store does not let it go: its lock, or a hold that is none of ours, or another station that
 * preserves it (state of dockd-s3(5)); later it may.
 */
static void kept(struct disposer *d, const struct upload *u, const char *state, const char *text)
{
	int64_t now_s = clock_now_s(), again_s = 0;

	if (u->lock != LOCK_NONE || u->held || strcmp(state, "preserved") == 0 ||
	    strcmp(state, "locked") == 0)
		again_s = now_s + KEPT_AGAIN_S;
	if (u->lock != LOCK_NONE && u->retain_until_s != PROTO_NO_TIME && u->retain_until_s > now_s)
		again_s = u->retain_until_s + 1;
	put_down(d, u->asset, u->destination, "kept", text, again_s);
}

/* Whether it is locked there at this time, for which the store is not asked first. */
static bool is_locked(const struct upload *u)
{
	return u->lock != LOCK_NONE && u->retain_until_s != PROTO_NO_TIME &&
	    u->retain_until_s > clock_now_s();
}

/* Whether this copy may go now. */
static bool may_go(struct disposer *d, const struct disposal *copy, bool clock_counts)
{
	static struct asset a;

	if ((copy->kept && (!copy->again_s || clock_now_s() < copy->again_s)) ||
	    (copy->by_age && !clock_counts) || index_asset(ix(d), copy->asset, &a) < 0)
		return false;
	return !retention_preserves(ix(d), &a);
}

/* A hold of ours that is still to be taken off (hold.c): it could only be refused. */
static bool holds_yet(struct disposer *d, uint64_t asset, const struct upload *u)
{
	static struct asset a;

	return u->held && uplink_can(d->uplink, u->destination) & READY_PRESERVES &&
	    index_asset(ix(d), asset, &a) == 0 && retention_preserved_before(ix(d), &a);
}

static void plan_removal(struct disposer *d, const struct disposal *copy)
{
	static struct upload u;
	struct place *p = place_of(d, copy->place);
	struct removal *free_ = NULL;

	if (!p) {
		disposed(d, copy->asset, copy->place, "kept",
		    "no destination of that name is configured any more");
		return;
	}
	if (now_ms() < p->until_ms)
		return;
	if (index_upload(ix(d), copy->asset, copy->place, &u) == 0) {
		if (is_locked(&u)) {
			kept(d, &u, "locked", "it is locked there");
			return;
		}
		if (holds_yet(d, copy->asset, &u))
			return;
	}
	for (unsigned i = 0; i < REMOVALS; i++) {
		struct removal *m = &d->removal[i];

		if (m->asset == copy->asset && strcmp(m->place, copy->place) == 0)
			return;
		if (!m->asset && !free_)
			free_ = m;
	}
	if (!free_)
		return;
	*free_ = (struct removal){ .asset = copy->asset };
	memcpy(free_->place, p->name, sizeof(free_->place));
}

void disposer_plan(struct disposer *d)
{
	static struct disposal page[PAGE];
	struct clock_state clock;
	bool counts;
	int n = 0;

	if (!journal_works(d->journal))
		return;
	n = index_disposals(ix(d), d->after, page, PAGE);
	if (n <= 0) {
		d->after = 0;
		return;
	}
	clock_state(&clock);
	counts = clock.synchronised && !index_clock_doubt_s(ix(d));
	d->after = n < PAGE ? 0 : page[n - 1].asset - (page[n - 1].asset > page[0].asset);
	for (int i = 0; i < n; i++) {
		if (!may_go(d, &page[i], counts))
			continue;
		if (strcmp(page[i].place, STATION) != 0)
			plan_removal(d, &page[i]);
		else if (d->local_n < PAGE && now_ms() >= d->local_until_ms)
			d->local[d->local_n++] = page[i].asset;
	}
}

static void put_off(struct place *p, uint64_t asset, const char *why)
{
	p->pause_ms = p->pause_ms ? p->pause_ms * 2 : PAUSE_MIN_MS;
	if (p->pause_ms > PAUSE_MAX_MS)
		p->pause_ms = PAUSE_MAX_MS;
	p->until_ms = now_ms() + p->pause_ms;
	log_warn("disposal-failed", "asset=%" PRIu64 " where=%s again-s=%" PRIu64 " reason=\"%s\"",
	    asset, p->name, p->pause_ms / 1000, log_text(why));
}

/* It is not a question of time on the line: the store says no. */
static bool stays(const struct proto_failed *f)
{
	return f->failure == UPLOAD_CANNOT || f->failure == UPLOAD_REFUSED;
}

static void on_removed(void *arg, uint64_t key, const struct uplink_answer *a)
{
	struct disposer *d = arg;
	struct removal m = d->removal[key];
	struct place *p = place_of(d, m.place);
	static struct upload u;

	d->removal[key] = (struct removal){ 0 };
	handover("disposal-removed");
	if (a->end == UPLINK_BROKEN || !p)
		return;
	if (a->end == UPLINK_FAILED && stays(a->failed) &&
	    index_upload(ix(d), m.asset, m.place, &u) == 0)
		kept(d, &u, a->failed->state, a->failed->text);
	else if (a->end == UPLINK_FAILED)
		put_off(p, m.asset, a->failed->text);
	else if (a->status != 0 && a->status != -ENOENT)
		put_off(p, m.asset, strerror(-a->status));
	else
		disposed(d, m.asset, m.place, a->status ? "gone" : "done", "");
	if (a->end == UPLINK_DONE && (a->status == 0 || a->status == -ENOENT))
		p->pause_ms = 0;
}

static void act_removal(struct disposer *d, unsigned i)
{
	static struct proto_upload what;
	struct removal *m = &d->removal[i];
	struct uplink_errand e = {
		.type = MSG_REMOVE,
		.what = &what,
		.fd = -1,
		.key = i,
		.done = on_removed,
		.arg = d,
	};
	int rc = uplink_describe(d->uplink, m->asset, m->place, &what);

	if (rc == 0)
		rc = journal_vouches(d->journal, m->asset, m->place);
	handover("disposal-remove");
	if (rc == 0)
		rc = uplink_errand(d->uplink, m->place, &e);
	if (rc == 0) {
		m->asked = true;
		return;
	}
	if (rc == -EOPNOTSUPP)
		disposed(d, m->asset, m->place, "kept",
		    "the destination offers no way to remove it: its keeper has to");
	*m = (struct removal){ 0 };
}

/* Every file of it and of what was merged with it. 0 or -errno. */
static int dispose_files(struct disposer *d, uint64_t asset)
{
	uint64_t page[PAGE], after = 0;
	int n, rc = staging_dispose(d->staging, asset);

	do {
		n = index_merged(ix(d), asset, after, page, PAGE);
		for (int i = 0; i < n && rc == 0; i++) {
			after = page[i];
			if (staging_keeps(d->staging, page[i]))
				rc = staging_dispose(d->staging, page[i]);
		}
	} while (n == PAGE && rc == 0);
	return rc < 0 ? rc : n < 0 ? n : 0;
}

static void act_local(struct disposer *d, uint64_t asset)
{
	int rc;

	if (journal_vouches(d->journal, asset, STATION) < 0)
		return;
	handover("disposal-station");
	rc = dispose_files(d, asset);
	handover("disposal-gone");
	if (rc == 0) {
		disposed(d, asset, STATION, "done", "");
		return;
	}
	d->local_until_ms = now_ms() + PAUSE_MIN_MS;
	log_warn("disposal-failed", "asset=%" PRIu64 " where=station again-s=%d reason=\"%s\"",
	    asset, PAUSE_MIN_MS / 1000, strerror(-rc));
}

void disposer_act(struct disposer *d)
{
	if (!journal_works(d->journal)) {
		d->local_n = 0;
		return;
	}
	while (d->local_n > 0)
		act_local(d, d->local[--d->local_n]);
	for (unsigned i = 0; i < REMOVALS; i++) {
		if (d->removal[i].asset && !d->removal[i].asked)
			act_removal(d, i);
	}
}
