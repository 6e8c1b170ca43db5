/*
 * uplink_switch: policy "any": who begins, who takes over, and what is given up then.
 *
 * Called by uplink's plan. sticky decides; here it is asked and put on record. What another
 * destination has begun is given up (MSG_ABANDON) only when the receipt of the one that took over
 * is there.
 */
#include "index_asset.h"
#include "index_binding.h"
#include "index_policy.h"
#include "index_queue.h"
#include "index_receipt.h"
#include "sticky.h"
#include "uplink_slot.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ABANDON_AGAIN_MS 60000
#define BEFORE_BOOT_MS (UINT64_C(1) << 48)

static struct index *ix(const struct uplink *u)
{
	return journal_index(u->journal);
}

/* The steady clock begins with the boot; how long one had failed before goes in front of that. */
static uint64_t now(void)
{
	return waits_now_ms() + BEFORE_BOOT_MS;
}

static uint64_t since_of(const struct destination *d)
{
	uint64_t since_ms = sticky_since(d->breaker.since_ms, d->down_ms);

	return since_ms ? since_ms + BEFORE_BOOT_MS - d->before_ms : 0;
}

/* ---- how long one has failed, on record ---- */

void uplink_recall(const struct uplink *u, struct destination *d)
{
	uint64_t now_ms = waits_now_ms();
	struct failing f;

	if (index_failing(ix(u), d->name, &f) < 0)
		return;
	d->told_ms = (uint64_t)f.seconds * 1000;
	d->before_ms = sticky_carried(d->told_ms, (uint64_t)f.at_s * 1000,
	    strcmp(f.boot, staging_boot(u->staging)) == 0, now_ms, u->switch_ms);
	if (d->before_ms >= BEFORE_BOOT_MS)
		d->before_ms = 0;
	d->breaker.since_ms = now_ms ? now_ms : 1;
}

static void keep_on_record(struct uplink *u, struct destination *d)
{
	uint64_t since_ms = since_of(d), for_ms = since_ms ? now() - since_ms : 0;
	struct record r;

	if (since_ms == 0)
		d->before_ms = 0;
	if (since_ms ? !sticky_is_news(for_ms, d->told_ms, u->switch_ms) : d->told_ms == 0)
		return;
	record_begin(&r, since_ms ? "failing" : "working");
	record_text(&r, "destination", d->name);
	if (since_ms) {
		record_number(&r, "for", (int64_t)(for_ms / 1000));
		record_number(&r, "at", (int64_t)(waits_now_ms() / 1000));
		record_text(&r, "boot", staging_boot(u->staging));
	}
	journal_write(u->journal, &r);
	d->told_ms = for_ms;
}

/* ---- who begins, who takes over ---- */

static void standing(const struct uplink *u, enum object_kind kind, struct sticky *out)
{
	for (size_t i = 0; i < u->n; i++)
		out[i] = (struct sticky){ .since_ms = since_of(u->destination[i]),
			.takes = index_takes(ix(u), u->destination[i]->name, 1u << kind) };
}

static size_t place_of(const struct uplink *u, const struct destination *d)
{
	size_t i = 0;

	while (i < u->n && u->destination[i] != d)
		i++;
	return i;
}

bool uplink_begins(const struct uplink *u, const struct destination *d, enum object_kind kind)
{
	struct sticky all[CONFIG_DESTINATIONS];
	size_t first;

	if (!u->any)
		return true;
	standing(u, kind, all);
	first = sticky_first(all, u->n, now(), u->switch_ms);
	if (first == place_of(u, d))
		return true;
	/* one that would come first, were it well, is tried now and then */
	return place_of(u, d) < first && waits_now_ms() >= d->fresh_ms;
}

void uplink_pass(struct uplink *u, struct destination *from, uint64_t asset, const char *text)
{
	struct sticky all[CONFIG_DESTINATIONS];
	static struct upload up;
	static struct asset a;
	struct record r;
	size_t to;

	if (!u->any || index_asset(ix(u), asset, &a) < 0)
		return;
	standing(u, uplink_kind(u, from->name, &a), all);
	for (size_t i = 0; i < u->n; i++)
		all[i].takes = all[i].takes &&
		    (index_upload(ix(u), asset, u->destination[i]->name, &up) < 0 || !up.refused);
	to = sticky_heir(all, u->n, place_of(u, from), now(), u->switch_ms);
	if (to == u->n)
		return;
	record_begin(&r, "switched");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "from", from->name);
	record_text(&r, "to", u->destination[to]->name);
	record_text(&r, "text", text);
	journal_write(u->journal, &r);
	log_warn("upload-switched", "asset=%" PRIu64 " from=%s to=%s reason=\"%s\"", asset,
	    from->name, u->destination[to]->name, log_text(text));
	waits_end(&from->waits, asset); /* and the text with it, where that is its */
	handover("uplink-switched");
}

static bool in_slot(const struct destination *d, uint64_t asset)
{
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset == asset)
			return true;
	}
	return false;
}

/* One whose own uploads fail there, while others may pass. */
static void pass_failing(struct uplink *u, struct destination *d)
{
	uint64_t now_ms = waits_now_ms();

	for (size_t i = 0; i < WAITS_MAX; i++) {
		const struct wait *w = &d->waits.wait[i];

		if (w->asset && w->until_ms != UINT64_MAX && !in_slot(d, w->asset) &&
		    sticky_failed(w->since_ms, now_ms, u->switch_ms))
			uplink_pass(u, d, w->asset,
			    w->reason[0] ? w->reason : "it does not go forward there");
	}
}

/* Room that others have for what a failed destination had begun. */
static size_t room_elsewhere(const struct uplink *u, const struct destination *from)
{
	size_t room = 0;

	for (size_t i = 0; i < u->n; i++) {
		const struct destination *d = u->destination[i];

		if (d != from && !d->breaker.open &&
		    !sticky_failed(since_of(d), now(), u->switch_ms))
			room += uplink_room(d);
	}
	return room < PROTO_SLOTS ? room : PROTO_SLOTS;
}

static void pass_all(struct uplink *u, struct destination *d)
{
	size_t room = room_elsewhere(u, d);
	struct candidate c[PROTO_SLOTS];

	if (room == 0 || !sticky_failed(since_of(d), now(), u->switch_ms))
		return;
	for (unsigned large = 0; large < 2; large++) {
		struct index_wish wish = { .large = large, .each = room };
		int n = index_candidates(ix(u), d->name, &wish, c, room);

		for (int i = 0; i < n; i++) {
			if (!in_slot(d, c[i].number))
				uplink_pass(u, d, c[i].number,
				    d->trouble[0] ? d->trouble : "it has not answered");
		}
	}
}

/* ---- giving up what was begun ---- */

static void abandoned(
    struct uplink *u, struct destination *d, uint64_t asset, const char *result, const char *text)
{
	struct record r;

	record_begin(&r, "abandoned");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "destination", d->name);
	record_text(&r, "result", result);
	if (text[0])
		record_text(&r, "text", text);
	journal_write(u->journal, &r);
	log_info("upload-abandoned", "destination=%s asset=%" PRIu64 " result=%s text=\"%s\"",
	    d->name, asset, result, log_text(text));
	handover("uplink-abandoned");
}

/*
 * Asked again it would say the same: not to be given up, or not what was begun. It stays there, and
 * is on record; those behind it have their turn.
 */
static bool stays(const struct proto_failed *f)
{
	return f->failure == UPLOAD_CANNOT || f->failure == UPLOAD_DIFFERS ||
	    f->failure == UPLOAD_REFUSED;
}

static void on_abandon(void *arg, uint64_t asset, const struct uplink_answer *a)
{
	struct destination *d = arg;
	struct uplink *u = d->uplink;

	d->abandoning = false;
	d->abandon_ms = waits_now_ms() + ABANDON_AGAIN_MS;
	switch (a->end) {
	case UPLINK_DONE:
		d->abandon_ms = 0;
		abandoned(u, d, asset, a->status == 0 ? "done" : "gone", "");
		break;
	case UPLINK_FAILED:
		if (stays(a->failed))
			abandoned(u, d, asset, "kept", a->failed->text);
		break;
	case UPLINK_BROKEN:
		break;
	}
}

/* What is there was not begun by this station, as far as it knows: it is not its to give up. */
static bool is_found(const struct uplink *u, const struct destination *d, uint64_t asset)
{
	static struct upload up;

	return index_upload(ix(u), asset, d->name, &up) < 0 || up.found;
}

static void give_up(struct uplink *u, struct destination *d)
{
	static struct proto_upload what;
	struct uplink_errand e = {
		.type = MSG_ABANDON, .what = &what, .fd = -1, .done = on_abandon, .arg = d
	};
	uint64_t asset;
	int rc;

	if (d->abandoning || waits_now_ms() < d->abandon_ms || uplink_room(d) == 0 ||
	    index_to_abandon(ix(u), d->name, &asset) < 0)
		return;
	if (is_found(u, d, asset)) {
		abandoned(u, d, asset, "kept",
		    "it was there before this station began: another one may go on with it");
		return;
	}
	if (uplink_describe(u, asset, d->name, &what) < 0)
		return;
	if (journal_vouches(u->journal, asset, NULL) < 0)
		return;
	e.key = asset;
	d->abandoning = true;
	rc = uplink_errand(u, d->name, &e);
	if (rc == 0)
		return;
	d->abandoning = false;
	d->abandon_ms = waits_now_ms() + ABANDON_AGAIN_MS;
	if (rc == -EOPNOTSUPP)
		abandoned(u, d, asset, "kept", "it forgets by itself what is not whole");
}

void uplink_switch(struct uplink *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct destination *d = u->destination[i];

		give_up(u, d);
		if (!u->any || u->n < 2)
			continue;
		keep_on_record(u, d);
		pass_failing(u, d);
		pass_all(u, d);
	}
}
