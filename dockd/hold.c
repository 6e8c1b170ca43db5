#include "hold.h"

#include "index_asset.h"
#include "index_order.h"
#include "retention.h"
#include "waits.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 64
#define URGENT 32         /* changed since, looked at before all others */
#define PACE_MS 50        /* between two questions to one store: 20 a second at most */
#define PAUSE_MIN_MS 1000 /* after a question that failed, doubled each time */
#define PAUSE_MAX_MS 300000
#define REST_MS 3600000 /* between walks, while nothing is known to have changed */
#define REST_SHARE 20   /* a walk is followed by so many times its own length, at least */

enum walk {
	WALK_REST = 0,
	WALK_ORDERS, /* what the orders in force cover, and is not held */
	WALK_HELD,   /* what is held, and covered no more */
};

/* One destination: what it was asked, and where the walk has come to. */
struct store {
	struct holder *holder;
	char destination[PROTO_NAME_LEN];
	bool asked;
	uint64_t at;                     /* the walk asked for this one; 0 it did not */
	uint32_t on;                     /* what was asked: a hold on or off */
	char address[PROTO_ADDRESS_LEN]; /* of what it was asked about */
	uint64_t next_ms, pause_ms;
	enum walk walk;
	uint64_t order, after; /* the order whose assets are walked; the asset last looked at */
	uint64_t began_ms, again_ms;
	uint64_t refused, refused_before; /* in this walk, and in the one before */
	unsigned urgent_n;
	uint64_t urgent[URGENT];
	char why[PROTO_TEXT_LEN * 2];
};

struct holder {
	struct journal *journal;
	struct uplink *uplink;
	uint64_t retry_ms;
	size_t n;
	struct store store[CONFIG_DESTINATIONS];
};

struct holder *holder_new(struct journal *j, struct uplink *u)
{
	struct holder *h = calloc(1, sizeof(*h));

	if (!h)
		fatal("reason=\"out of memory\"");
	h->journal = j;
	h->uplink = u;
	return h;
}

void holder_free(struct holder *h)
{
	free(h);
}

static struct index *ix(const struct holder *h)
{
	return journal_index(h->journal);
}

/* n: none of this name. */
static size_t place_of(const struct holder *h, const char *destination)
{
	size_t i = 0;

	while (i < h->n && strcmp(h->store[i].destination, destination) != 0)
		i++;
	return i;
}

static void begin_walk(struct store *s)
{
	s->walk = WALK_ORDERS;
	s->order = UINT64_MAX;
	s->after = s->at = 0;
	s->refused_before = s->refused > s->refused_before ? s->refused : s->refused_before;
	s->refused = 0;
	s->began_ms = waits_now_ms();
}

void holder_configure(struct holder *h, const struct config *c)
{
	struct store old[CONFIG_DESTINATIONS];
	size_t old_n = h->n;

	memcpy(old, h->store, sizeof(old));
	h->retry_ms = c->retry_max_s * UINT64_C(1000);
	h->n = c->destinations_n;
	for (size_t i = 0; i < h->n; i++) {
		struct store *s = &h->store[i];

		memset(s, 0, sizeof(*s));
		for (size_t k = 0; k < old_n; k++) {
			if (strcmp(old[k].destination, c->destination[i].name) == 0)
				*s = old[k];
		}
		memcpy(s->destination, c->destination[i].name, sizeof(s->destination));
		s->holder = h;
		begin_walk(s);
	}
}

void holder_changed(struct holder *h)
{
	for (size_t i = 0; i < h->n; i++) {
		begin_walk(&h->store[i]);
		h->store[i].next_ms = h->store[i].pause_ms = 0;
	}
}

/* Where there are too many, the walk finds them. */
static void hurry(struct store *s, uint64_t asset)
{
	if (s->urgent_n < URGENT)
		s->urgent[s->urgent_n++] = asset;
	else if (s->walk == WALK_REST)
		begin_walk(s);
	else
		s->again_ms = 0;
}

void holder_asset_changed(struct holder *h, uint64_t asset)
{
	for (size_t i = 0; i < h->n; i++)
		hurry(&h->store[i], asset);
}

/* ---- answers ---- */

static void put_on_record(struct store *s, uint64_t asset, enum hold on)
{
	struct record r;

	record_begin(&r, "held");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", s->destination);
	record_number(&r, "on", on);
	journal_write(s->holder->journal, &r);
	log_info("held", "destination=%s asset=%" PRIu64 " on=%d", s->destination, asset,
	    on != HOLD_NONE);
}

static void held(struct store *s, uint64_t asset)
{
	uint32_t can = uplink_can(s->holder->uplink, s->destination);

	put_on_record(s, asset, !s->on ? HOLD_NONE : can & READY_MARKS ? HOLD_MARK : HOLD_LEGAL);
	s->pause_ms = 0;
	handover("hold-held");
}

static void put_off(struct store *s, uint64_t asset, const char *why)
{
	s->pause_ms = s->pause_ms ? s->pause_ms * 2 : PAUSE_MIN_MS;
	if (s->pause_ms > PAUSE_MAX_MS)
		s->pause_ms = PAUSE_MAX_MS;
	s->next_ms = waits_now_ms() + s->pause_ms;
	s->refused++;
	if (s->at)
		s->after = s->at; /* the walk goes on behind it, and comes again */
	snprintf(s->why, sizeof(s->why), "%s", why);
	log_warn("hold-failed",
	    "destination=%s asset=%" PRIu64 " on=%" PRIu32 " again-s=%" PRIu64 " reason=\"%s\"",
	    s->destination, asset, s->on, s->pause_ms / 1000, log_text(why));
}

static void failed(struct store *s, uint64_t asset, const struct proto_failed *f)
{
	switch ((enum upload_failure)f->failure) {
	case UPLOAD_LOST: /* that is reconcile's to find out, and to mend */
	case UPLOAD_DIFFERS:
		put_off(s, asset, f->text[0] ? f->text : "it is not there any more");
		break;
	case UPLOAD_DESTINATION: /* it refuses: asked again all the same, later and later */
		put_off(s, asset, f->text[0] ? f->text : "it gives no reason");
		hurry(s, asset);
		break;
	case UPLOAD_AWAY: /* uplink waits for it */
	case UPLOAD_STOPPED:
		hurry(s, asset);
		break;
	case UPLOAD_LATER:
	case UPLOAD_REFUSED:
	case UPLOAD_SOURCE:
	case UPLOAD_CANNOT:
		put_off(s, asset, f->text[0] ? f->text : "it gives no reason");
		break;
	}
}

static void answered(void *arg, uint64_t key, const struct uplink_answer *answer)
{
	struct holder *h = arg;
	/* by its name: a reload may have given its place to another one */
	size_t place = place_of(h, answer->destination);
	struct store *s = &h->store[place];
	static struct upload u;

	if (place == h->n || !s->asked)
		return;
	s->asked = false;
	s->next_ms = waits_now_ms() + PACE_MS;
	if (answer->end == UPLINK_BROKEN) {
		hurry(s, key);
		return;
	}
	/* what became of it meanwhile counts more than what was asked */
	if (index_upload(ix(h), key, s->destination, &u) < 0 || u.rung != RUNG_RECEIPTED ||
	    strcmp(u.address, s->address) != 0)
		return;
	if (answer->end == UPLINK_FAILED)
		failed(s, key, answer->failed);
	else if (answer->status < 0)
		put_off(s, key, strerror(-answer->status));
	else
		held(s, key);
}

/* ---- what is wanted ---- */

/* One that it was told to let go of, and did not say that it has, may be over: it counts as none. */
static bool is_held(const struct upload *u)
{
	return u->held != HOLD_NONE && !u->releasing;
}

bool holder_waits(const struct holder *h, const struct asset *a, const struct upload *u)
{
	return u->rung == RUNG_RECEIPTED && u->address[0] && !a->disposed && !is_held(u) &&
	    uplink_can(h->uplink, u->destination) & READY_PRESERVES &&
	    retention_preserves(ix(h), a);
}

/* Whether the store is to be told of it, and what. Never of a hold that was none of ours. */
static bool is_wanted(struct store *s, uint64_t number, struct upload *u)
{
	struct index *index = ix(s->holder);
	static struct asset a;
	bool on;

	if (index_asset(index, number, &a) < 0 ||
	    (a.merged_into && index_asset(index, a.merged_into, &a) < 0) ||
	    index_upload(index, a.number, s->destination, u) < 0 || u->rung != RUNG_RECEIPTED ||
	    !u->address[0])
		return false;
	on = retention_preserves(index, &a) && !a.disposed;
	if (on ? is_held(u) : !u->held || !retention_preserved_before(index, &a))
		return false;
	s->on = on;
	return true;
}

/*
 * From here on its hold is believed only when the store has said so anew. Committed at once: the
 * question goes out in this turn.
 */
static int intend_release(struct store *s, uint64_t asset)
{
	struct record r;

	record_begin(&r, "release-intent");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", s->destination);
	journal_write(s->holder->journal, &r);
	return journal_commit(s->holder->journal);
}

enum look { LOOK_NOTHING = 1, LOOK_ASKED, LOOK_LATER };

static enum look look_at(struct store *s, uint64_t number)
{
	static struct proto_upload what;
	static struct upload u;
	struct uplink_errand e = {
		.type = MSG_PRESERVE, .what = &what, .fd = -1, .done = answered, .arg = s->holder
	};
	int rc;

	if (!is_wanted(s, number, &u) ||
	    uplink_describe(s->holder->uplink, u.asset, s->destination, &what) < 0)
		return LOOK_NOTHING;
	if (!s->on && !u.releasing && intend_release(s, u.asset) < 0)
		return LOOK_LATER;
	e.key = u.asset;
	what.preserved = s->on;
	memcpy(s->address, what.address, sizeof(s->address));
	s->asked = true;
	handover("hold-ask");
	rc = uplink_errand(s->holder->uplink, s->destination, &e);
	if (rc == 0)
		return LOOK_ASKED;
	s->asked = false;
	return rc == -EAGAIN ? LOOK_LATER : LOOK_NOTHING;
}

/* A recording's signature is preserved with it. */
static enum look look_at_both(struct store *s, uint64_t number)
{
	enum look r = look_at(s, number);
	static struct asset a;

	if (r == LOOK_NOTHING && index_asset(ix(s->holder), number, &a) == 0 && a.sidecar)
		r = look_at(s, a.sidecar);
	return r;
}

/* ---- the walk ---- */

/* The newest order in force that is older than this one; NULL: none. */
static const struct order *order_before(struct index *index, uint64_t number)
{
	const struct order *orders;
	int n = index_active_orders(index, &orders);

	while (n > 0) {
		if (orders[--n].number < number)
			return &orders[n];
	}
	return NULL;
}

/* The order that is being walked through, or the next one where that was lifted. */
static const struct order *order_now(struct store *s)
{
	const struct order *o =
	    order_before(ix(s->holder), s->order == UINT64_MAX ? UINT64_MAX : s->order + 1);

	if (o && o->number != s->order) {
		s->order = o->number;
		s->after = 0;
	}
	return o;
}

/* The next page; *last: there is none behind it in this part of the walk. */
static int page_of(struct store *s, uint64_t *numbers, bool *last)
{
	const struct order *o;
	int n;

	if (s->walk == WALK_HELD) {
		n = index_held(ix(s->holder), s->destination, s->after, numbers, PAGE);
		*last = n < PAGE;
		return n;
	}
	o = order_now(s);
	*last = o == NULL;
	if (!o)
		return 0;
	n = index_covered(ix(s->holder), o, s->after, numbers, PAGE);
	if (n < PAGE)
		*last = order_before(ix(s->holder), o->number) == NULL;
	return n;
}

static void part_ended(struct store *s)
{
	uint64_t now = waits_now_ms(), took_ms = (now - s->began_ms) * REST_SHARE;

	s->after = 0;
	if (s->walk == WALK_ORDERS) {
		s->walk = WALK_HELD;
		return;
	}
	s->walk = WALK_REST;
	s->refused_before = s->refused;
	if (s->refused == 0)
		s->why[0] = '\0';
	s->again_ms = now +
	    (s->refused               ? s->holder->retry_ms :
		    took_ms > REST_MS ? took_ms :
					REST_MS);
}

static void walk_on(struct store *s)
{
	uint64_t numbers[PAGE];
	bool last;
	int n = page_of(s, numbers, &last);

	for (int i = 0; i < n; i++) {
		enum look r = look_at_both(s, numbers[i]);

		if (r == LOOK_LATER) {
			s->next_ms = waits_now_ms() + PAUSE_MIN_MS;
			return;
		}
		/* one that was asked about is looked at again: its signature may be next */
		if (r == LOOK_ASKED) {
			s->at = numbers[i];
			return;
		}
		s->after = numbers[i];
	}
	if (n >= PAGE)
		return;
	if (last)
		part_ended(s);
	else
		s->order--; /* the next older one */
}

static void turn(struct store *s)
{
	uint64_t now = waits_now_ms();

	if (s->asked || now < s->next_ms)
		return;
	if (!(uplink_can(s->holder->uplink, s->destination) & READY_PRESERVES)) {
		s->next_ms = now + PAUSE_MIN_MS;
		return;
	}
	while (s->urgent_n > 0) {
		enum look r = look_at_both(s, s->urgent[s->urgent_n - 1]);

		if (r == LOOK_LATER) {
			s->next_ms = now + PAUSE_MIN_MS;
			return;
		}
		s->urgent_n--;
		if (r == LOOK_ASKED) {
			s->at = 0;
			return;
		}
	}
	if (s->walk == WALK_REST && now >= s->again_ms)
		begin_walk(s);
	if (s->walk != WALK_REST)
		walk_on(s);
}

void holder_act(struct holder *h)
{
	if (!journal_works(h->journal))
		return;
	for (size_t i = 0; i < h->n; i++)
		turn(&h->store[i]);
}

/* ---- what people see ---- */

const char *holder_trouble(const struct holder *h, const char *destination)
{
	size_t place = place_of(h, destination);

	return place < h->n ? h->store[place].why : "";
}

void holder_text(const struct holder *h, char *out, size_t room)
{
	out[0] = '\0';
	for (size_t i = 0; i < h->n; i++) {
		const struct store *s = &h->store[i];
		uint64_t n = s->refused > s->refused_before ? s->refused : s->refused_before;

		if (n == 0 || !s->why[0])
			continue;
		snprintf(out, room,
		    "destination %s does not hold, or let go, %" PRIu64
		    " files as the preservation "
		    "orders ask (dockctl orders): %s",
		    s->destination, n, s->why);
		return;
	}
}
