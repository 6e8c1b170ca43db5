#include "retention.h"

#include "clock_set.h"
#include "index_asset.h"
#include "index_clock.h"
#include "index_evidence.h"
#include "index_order.h"
#include "recorded.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_PAGE 16
#define CLASS_PAGE 64 /* assets that get their record in one turn */
#define WALK_PAGE 16
#define WALK_PAUSE_MS 1000
#define WALK_SHARE 20 /* a walk is followed by so many times its own length */
#define PRESERVED_MS 1000

/* What a recording's profile says of its camera. */
struct kind_of_camera {
	char name[PROTO_NAME_LEN];
	struct zone zone;
	bool signs, erasable;
};

struct retention {
	struct journal *journal;
	struct uplink *uplink;
	struct disposer *disposer;
	bool dispose, erase;
	struct retention_class class[RETENTION_CLASSES];
	size_t classes_n;
	struct kind_of_camera camera[CONFIG_PROFILES];
	size_t cameras_n;
	struct due_place at; /* of the walk */
	bool walking, told_stopped;
	uint64_t began_ms, next_ms;
	struct clock_state clock;
	int64_t now_s;                         /* of this walk */
	struct retention_numbers so_far, last; /* of the walk, and of the one before */
	uint64_t preserved_ms;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct index *ix(const struct retention *rt)
{
	return journal_index(rt->journal);
}

struct retention *retention_new(struct journal *j, struct uplink *u, struct disposer *d)
{
	struct retention *rt = calloc(1, sizeof(*rt));

	if (!rt)
		fatal("reason=\"out of memory\"");
	rt->journal = j;
	rt->uplink = u;
	rt->disposer = d;
	return rt;
}

void retention_free(struct retention *rt)
{
	free(rt);
}

void retention_configure(struct retention *rt, const struct config *c)
{
	rt->dispose = c->dispose;
	rt->erase = c->erase;
	memcpy(rt->class, c->retention, sizeof(rt->class));
	rt->classes_n = c->retention_n;
	rt->cameras_n = c->profiles_n;
	for (size_t i = 0; i < c->profiles_n; i++) {
		const struct profile *p = &c->profile[i];

		rt->camera[i] = (struct kind_of_camera){
			.zone = p->clock_zone,
			.signs = p->signing != SIGNING_NONE,
			.erasable = p->erasable,
		};
		memcpy(rt->camera[i].name, p->name, sizeof(p->name));
	}
	retention_changed(rt);
}

void retention_changed(struct retention *rt)
{
	rt->walking = false;
	rt->next_ms = rt->preserved_ms = 0;
}

static const struct kind_of_camera *camera_of(const struct retention *rt, const char *profile)
{
	for (size_t i = 0; i < rt->cameras_n; i++) {
		if (strcmp(rt->camera[i].name, profile) == 0)
			return &rt->camera[i];
	}
	return NULL;
}

/* ---- preservation ---- */

static bool covered(const struct order *orders, int n, const struct asset *a)
{
	for (int i = 0; i < n; i++) {
		if (order_covers(&orders[i], a))
			return true;
	}
	return false;
}

typedef int next_asset(
    struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room);

static bool any_covered(
    struct index *ix, next_asset *next, uint64_t asset, const struct order *orders, int n)
{
	static struct asset other;
	uint64_t page[GROUP_PAGE], after = 0;
	int got;

	do {
		got = next(ix, asset, after, page, GROUP_PAGE);
		for (int i = 0; i < got; i++) {
			after = page[i];
			if (index_asset(ix, page[i], &other) < 0 || covered(orders, n, &other))
				return true;
		}
	} while (got == GROUP_PAGE);
	return got < 0;
}

/* Itself, what was merged with it, and the clips whose signature it is. */
static bool group_covered(
    struct index *ix, const struct asset *a, const struct order *orders, int n)
{
	uint64_t root = a->merged_into ? a->merged_into : a->number;
	static struct asset other;

	if (covered(orders, n, a) || any_covered(ix, index_merged, root, orders, n) ||
	    any_covered(ix, index_signed_by, root, orders, n))
		return true;
	return root != a->number &&
	    (index_asset(ix, root, &other) < 0 || covered(orders, n, &other));
}

bool retention_preserves(struct index *ix, const struct asset *a)
{
	const struct order *orders;
	int n = index_active_orders(ix, &orders);

	return n <= 0 ? n < 0 : group_covered(ix, a, orders, n);
}

/* Whether an order that covered it was lifted after the one moment, and not after the other. */
static bool lifted_between(
    struct index *index, const struct asset *a, int64_t since_s, int64_t until_s)
{
	static struct order page[GROUP_PAGE];
	uint64_t after = 0;
	int n;

	do {
		n = index_orders(index, after, page, GROUP_PAGE);
		for (int i = 0; i < n; i++) {
			struct order o = page[i];

			after = o.number;
			if (o.lifted_s <= since_s || o.lifted_s > until_s)
				continue;
			o.lifted_s = 0;
			if (group_covered(index, a, &o, 1))
				return true;
		}
	} while (n == GROUP_PAGE);
	return false;
}

bool retention_preserved_before(struct index *ix, const struct asset *a)
{
	return lifted_between(ix, a, 0, INT64_MAX);
}

/* ---- the record of each asset ---- */

static void classify(struct retention *rt, const struct asset *a)
{
	const struct kind_of_camera *camera = camera_of(rt, a->profile);
	struct retention_facts f = {
		.kind = a->kind,
		.mtime_s = a->mtime_s,
		.zone = camera ? &camera->zone : NULL,
		.offset_ms = PROTO_NO_TIME,
		.staged_s = a->staged_at_s,
	};
	struct retention_told told;
	struct docking docked;
	struct record r;

	if (camera && recorded_docking(ix(rt), a, &camera->zone, &docked) == 0) {
		f.offset_ms = docked.offset_ms;
		f.synchronised = docked.synchronised;
	}
	retention_tell(&f, rt->class, rt->classes_n, &told);
	record_begin(&r, "retention");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "class", told.class ? told.class->name : "no-class");
	record_number(&r, "recorded", told.recorded_s);
	record_number(&r, "proved", told.proved);
	if (told.dispose_by_s != PROTO_NO_TIME)
		record_number(&r, "dispose-by", told.dispose_by_s);
	journal_write(rt->journal, &r);
}

static void classify_some(struct retention *rt)
{
	static struct asset a;
	uint64_t numbers[CLASS_PAGE];
	int n = index_to_class(ix(rt), numbers, CLASS_PAGE);

	for (int i = 0; i < n; i++) {
		if (index_asset(ix(rt), numbers[i], &a) == 0)
			classify(rt, &a);
	}
}

/* ---- the walk over what is due ---- */

/* What was seen of the same bytes elsewhere counts too: flags and findings. */
static void add_merged(struct index *ix, uint64_t root, struct dispose_facts *f)
{
	static struct asset other;
	uint64_t page[GROUP_PAGE], after = 0;
	int n;

	do {
		n = index_merged(ix, root, after, page, GROUP_PAGE);
		for (int i = 0; i < n; i++) {
			after = page[i];
			if (index_asset(ix, page[i], &other) < 0) {
				f->preserved = true; /* not known: it stays */
				return;
			}
			f->flagged |= other.protected_;
			f->kept_longer |= other.kind != f->asset->kind &&
			    (other.dispose_by_s == PROTO_NO_TIME ||
				other.dispose_by_s > f->asset->dispose_by_s);
			f->finding |= index_has_finding(ix, other.number, other.docking);
		}
	} while (n == GROUP_PAGE);
	f->preserved |= n < 0;
}

bool retention_due(
    struct retention *rt, const struct asset *a, enum due_stage *stage, const char **reason)
{
	const struct kind_of_camera *camera = camera_of(rt, a->profile);
	struct dispose_facts f = { .asset = a };
	struct docking docked;

	*stage = retention_stage(a->dispose_by_s, clock_now_s());
	if (!*stage || a->disposed || a->merged_into)
		return false;
	f.preserved = retention_preserves(ix(rt), a);
	f.receipted = index_is_receipted(ix(rt), a->number);
	f.flagged = a->protected_;
	f.finding = index_has_finding(ix(rt), a->number, a->docking);
	add_merged(ix(rt), a->number, &f);
	f.camera_signs = !camera || camera->signs;
	f.camera_empties = rt->erase && (!camera || camera->erasable) && a->docking;
	if (index_docking(ix(rt), a->docking, &docked) == 0)
		f.docked_s = docked.began_s;
	*reason = retention_refuses(&f);
	return true;
}

int retention_walk(struct retention *rt, struct due_place *at, uint64_t *numbers, size_t room)
{
	return index_due(
	    ix(rt), at, clock_now_s() + RETENTION_LISTED_DAYS * RETENTION_DAY_S, numbers, room);
}

static void mark(struct retention *rt, const struct asset *a)
{
	struct record r;

	record_begin(&r, "marked");
	record_number(&r, "asset", (int64_t)a->number);
	journal_write(rt->journal, &r);
	log_info("marked", "asset=%" PRIu64 " dispose-by=%" PRId64, a->number, a->dispose_by_s);
}

/* A mark gives people time: one from before a lift, or by a clock that was ahead, gives none. */
static bool mark_stands(struct retention *rt, const struct asset *a)
{
	return a->marked_s && a->marked_s <= rt->now_s + RETENTION_MARK_S &&
	    !lifted_between(ix(rt), a, a->marked_s, rt->now_s);
}

/* What goes by age is gone for good: why nothing may now, "" it may. */
static const char *stopped_why(const struct retention *rt)
{
	if (!rt->clock.synchronised)
		return "the station's clock is not synchronised";
	return index_clock_doubt_s(ix(rt)) ? "the station's clock went ahead by more than a week" :
					     "";
}

/*
 * What is due goes on its way, one step a walk: marked, then a day later at the earliest disposed
 * of. A clock that was set forward by mistake costs a mark, not a recording.
 */
static void step(struct retention *rt, const struct asset *a, enum due_stage stage)
{
	static const struct disposal_order by_age;
	int64_t marked_s = rt->now_s - a->marked_s;

	if (!rt->dispose || stage < DUE_MARKED)
		return;
	clock_set_look(rt->journal); /* after all times that say it is due were read */
	if (stopped_why(rt)[0])
		return;
	if (!mark_stands(rt, a))
		mark(rt, a);
	else if (stage == DUE_NOW && marked_s >= RETENTION_MARK_S)
		disposal_begin(rt->disposer, a, &by_age);
}

static void look(struct retention *rt, uint64_t number)
{
	static struct asset a;
	const char *reason;
	enum due_stage stage;

	if (index_asset(ix(rt), number, &a) < 0 || !retention_due(rt, &a, &stage, &reason))
		return;
	if (reason) {
		rt->so_far.review++;
		return;
	}
	rt->so_far.due++;
	rt->so_far.overdue += a.dispose_by_s <= rt->now_s;
	rt->so_far.stopped |= rt->dispose && stopped_why(rt)[0] && stage == DUE_NOW;
	step(rt, &a, stage);
}

static void tell_stopped(struct retention *rt)
{
	if (rt->last.stopped && !rt->told_stopped)
		log_warn("disposal-stopped", "overdue=%" PRIu64 " time-source=\"%s\" reason=\"%s\"",
		    rt->last.overdue, rt->clock.source, stopped_why(rt));
	rt->told_stopped = rt->last.stopped;
}

static void walk_ended(struct retention *rt)
{
	uint64_t took_ms = now_ms() - rt->began_ms;

	rt->so_far.overdue += index_overdue(ix(rt), rt->now_s);
	rt->so_far.preserved = rt->last.preserved;
	rt->last = rt->so_far;
	rt->walking = false;
	rt->next_ms = now_ms() + WALK_PAUSE_MS + took_ms * WALK_SHARE;
	tell_stopped(rt);
}

static void walk_some(struct retention *rt)
{
	uint64_t numbers[WALK_PAGE];
	int n;

	if (!rt->walking) {
		if (now_ms() < rt->next_ms)
			return;
		rt->walking = true;
		rt->began_ms = now_ms();
		rt->at = (struct due_place){ 0 };
		rt->so_far = (struct retention_numbers){ 0 };
		clock_state(&rt->clock);
		rt->now_s = clock_now_s();
	}
	n = retention_walk(rt, &rt->at, numbers, WALK_PAGE);
	for (int i = 0; i < n; i++)
		look(rt, numbers[i]);
	if (n < WALK_PAGE)
		walk_ended(rt);
}

void retention_plan(struct retention *rt)
{
	if (!journal_works(rt->journal))
		return;
	classify_some(rt);
	walk_some(rt);
	disposer_plan(rt->disposer);
}

void retention_numbers(struct retention *rt, struct retention_numbers *out)
{
	if (now_ms() >= rt->preserved_ms) {
		rt->last.preserved = index_preserved(ix(rt));
		rt->preserved_ms = now_ms() + PRESERVED_MS;
	}
	*out = rt->last;
	out->dispose = rt->dispose;
	clock_state(&out->clock);
}

void retention_text(struct retention *rt, char *out, size_t room)
{
	const struct retention_numbers *n = &rt->last;

	int64_t days = index_clock_doubt_s(ix(rt)) / RETENTION_DAY_S;

	out[0] = '\0';
	if (days && rt->dispose)
		snprintf(out, room,
		    "disposal by age stands still, because the station's clock went ahead by "
		    "%" PRId64
		    " days at once: evidence manager: where the date is right and dockctl due "
		    "too: dockctl settle clock --reason TEXT; else IT: see to its time service (%s)",
		    days, rt->clock.source);
	else if (n->stopped)
		snprintf(out, room,
		    "disposal by age stands still, because the station's clock is not synchronised: "
		    "%" PRIu64 " overdue; see to its time service (%s)",
		    n->overdue, rt->clock.source);
	else if (n->overdue && rt->dispose)
		snprintf(out, room,
		    "%" PRIu64 " overdue for disposal: dockctl due, and whether every destination "
		    "is in reach",
		    n->overdue);
}
