/*
 * uplink_turn: whose turn it is at each destination.
 *
 * Called by uplink's plan each turn of the loop. The index gives candidates, upload_order chooses;
 * here is what only the core knows: what is in the slots, what waits, whose copy must be looked at
 * first. Where an expedited one finds no slot, the one with most left to send makes room.
 */
#include "index_asset.h"
#include "index_expedite.h"
#include "index_queue.h"
#include "sticky.h"
#include "uplink_slot.h"

#include "base/log.h"

#include <inttypes.h>

#define CANDIDATES 64 /* of each kind */

/* Those that may be chosen at a destination. */
struct choice {
	struct candidate c[4 * CANDIDATES];
	size_t n;
};

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

static bool in_slot(const struct destination *d, uint64_t asset)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset == asset)
			return true;
	}
	return false;
}

/*
 * What may not be chosen now: in a slot, waiting, or its receipt is being checked, which no retry
 * and no reload ends; unsent: or all there. Count in skip.
 */
static size_t skips(
    const struct uplink *u, const struct destination *d, bool unsent, uint64_t *skip)
{
	size_t n = waits_pending(&d->waits, unsent, skip);

	n += acceptance_open(u->acceptance, d->name, skip + n);
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset)
			skip[n++] = d->slot[i].asset;
	}
	return n;
}

static void gather(
    struct uplink *u, const struct destination *d, bool unsent, size_t each, struct choice *out)
{
	static uint64_t skip[PROTO_SLOTS + WAITS_MAX + CLAIMS_MAX];
	struct index_wish wish = {
		.skip = skip, .skip_n = skips(u, d, unsent, skip), .each = each
	};

	out->n = 0;
	for (unsigned i = 0; i < 4; i++) {
		int got;

		wish.large = i & 1;
		wish.fresh = i & 2;
		if (wish.fresh && (!u->any || (d->breaker.open && out->n > 0)))
			continue; /* a probe begins nothing new where something is begun */
		got = index_candidates(ix(u), d->name, &wish, out->c + out->n, CANDIDATES);
		out->n += got > 0 ? (size_t)got : 0;
	}
}

static struct candidate take(struct choice *from, size_t i)
{
	struct candidate c = from->c[i];

	for (from->n--; i < from->n; i++)
		from->c[i] = from->c[i + 1];
	return c;
}

static void hold_slots(struct destination *d)
{
	upload_turns_begin(&d->turns, d->breaker.slots);
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		const struct slot *s = &d->slot[i];

		if (s->state != SLOT_FREE && s->asset)
			upload_turns_hold(&d->turns, s->docking, s->size_bytes);
	}
}

/* false: not now, and its slot is still free. */
static bool plan_one(struct uplink *u, struct destination *d, const struct candidate *c)
{
	static struct asset a;
	static struct upload up;
	struct record r;
	struct slot *s;
	bool begun;

	if (in_slot(d, c->number) || index_asset(ix(u), c->number, &a) < 0)
		return false;
	begun = index_upload(ix(u), c->number, d->name, &up) == 0;
	if (begun && up.rung == RUNG_RECEIPTED) {
		/* no record takes one out of a queue that has left it: it would be sent without end */
		journal_contradicted(u->journal, c->number, "queue");
		return false;
	}
	if (!begun && !uplink_begins(u, d, uplink_kind(u, d->name, &a)))
		return false;
	switch (intake_recheck(u->intake, &a)) {
	case RECHECK_NOT_NEEDED:
		break;
	case RECHECK_QUEUED:
		waits_hold(&d->waits, c->number, "its copy is being hashed again first");
		return false;
	case RECHECK_LATER:
		return false;
	}
	if (!begun) {
		d->fresh_ms = waits_now_ms() + STICKY_PROBE_MS;
		record_begin(&r, "upload");
		record_number(&r, "asset", (int64_t)c->number);
		record_text(&r, "destination", d->name);
		journal_write(u->journal, &r);
	}
	s = uplink_take(d);
	s->asset = c->number;
	s->docking = c->docking;
	s->size_bytes = c->size_bytes;
	s->expedited = c->class == UPLOAD_EXPEDITED;
	return true;
}

/* All slots are taken: who is to make room, or NULL. */
static struct slot *most_left(struct destination *d)
{
	struct slot *best = NULL;
	uint64_t most = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		struct slot *s = &d->slot[i];
		uint64_t left =
		    s->size_bytes > s->offset_bytes ? s->size_bytes - s->offset_bytes : 0;

		if (s->stop != STOP_NONE && s->state != SLOT_FREE)
			return NULL; /* one at a time */
		if (s->state == SLOT_FREE || s->state == SLOT_PLANNED || !s->asset || s->expedited)
			continue;
		if (!best || left > most) {
			best = s;
			most = left;
		}
	}
	return best;
}

void uplink_make_room(struct destination *d)
{
	struct slot *s = most_left(d);

	if (!s)
		return;
	s->stop = STOP_WANTED;
	log_info("upload-makes-room", "destination=%s asset=%" PRIu64 " offset=%" PRIu64, d->name,
	    s->asset, s->offset_bytes);
}

static void hurry_one(struct uplink *u, struct destination *d)
{
	static struct choice choice;
	bool waits = false;

	if (!d->peer || !d->ready || d->breaker.open || index_expedites(ix(u)) == 0)
		return;
	gather(u, d, false, 1, &choice);
	for (size_t i = 0; i < choice.n; i++)
		waits = waits || choice.c[i].class == UPLOAD_EXPEDITED;
	if (waits)
		uplink_make_room(d);
}

void uplink_hurry(struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct destination *d = u->destination[i];
		bool bounded = d->wire.rate[0].days || d->wire.bytes_per_s != RATE_UNLIMITED;
		bool shared = d->wire.slots > 1 && d->wire.driver != DESTINATION_DIR;

		for (size_t k = 0; k < WAITS_MAX; k++) {
			struct wait *w = &d->waits.wait[k];

			if (w->asset && w->until_ms != UINT64_MAX &&
			    index_is_expedited(ix(u), w->asset))
				w->until_ms = 0;
		}
		for (unsigned k = 0; k < PROTO_SLOTS; k++) {
			struct slot *s = &d->slot[k];

			if (s->state == SLOT_FREE || !s->asset || s->expedited ||
			    !index_is_expedited(ix(u), s->asset))
				continue;
			s->expedited = true;
			/* begun as one of many: the timetable holds it back, and no other gives way */
			if ((bounded || shared) && s->state != SLOT_PLANNED && s->stop == STOP_NONE)
				s->stop = STOP_WANTED;
		}
	}
}

/* How many of n slots are free still. */
static unsigned fill(struct uplink *u, struct destination *d, bool unsent, unsigned n)
{
	static struct choice choice;

	if (n == 0)
		return 0;
	gather(u, d, unsent, n, &choice);
	hold_slots(d);
	while (n > 0 && choice.n > 0) {
		size_t i = upload_order_next(&d->turns, choice.c, choice.n, d->breaker.open);
		struct candidate c;

		if (i == choice.n)
			break;
		c = take(&choice, i);
		if (!plan_one(u, d, &c))
			continue;
		upload_turns_hold(&d->turns, c.docking, c.size_bytes);
		n--;
	}
	return n;
}

static void turn_of(struct uplink *u, struct destination *d)
{
	unsigned n = uplink_room(d);

	if (n == 0) {
		hurry_one(u, d);
		return;
	}
	if (waits_now_ms() < d->kept_free_ms)
		n--;
	/* a proof that does not come says nothing of the way for bytes, which is what is tried */
	if (d->breaker.open)
		n = fill(u, d, true, n);
	fill(u, d, false, n);
}

void uplink_plan(struct uplink *u)
{
	if (!journal_works(u->journal))
		return;
	uplink_switch(u);
	for (size_t i = 0; i < u->n; i++) {
		uplink_listen(u->destination[i]);
		turn_of(u, u->destination[i]);
	}
}
