#include "errand.h"

#include "bays.h"
#include "books.h"
#include "child.h"
#include "clock.h"
#include "configuration.h"
#include "erasing.h"
#include "index_asset.h"
#include "pulling.h"
#include "unlocking.h"

#include "base/handover.h"
#include "base/log.h"
#include "base/proto_object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define LINK_BATCH 128 /* new objects recorded in one turn */
#define CLOCK_TOLERANCE_MS 2000
#define LOOK_EVERY_MS 60000
#define LIST_GAP_MAX_S 60
#define PULLS_SLACK_BYTES (UINT64_C(64) << 20)
#define ERASE_SCAN_US 1000000 /* at least between two askings of the gate for a whole camera */

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

/* Gives one new row of the listing its asset. Whether that is news. */
static bool link_row(struct bay *b, const struct listing_row *row)
{
	static struct listing_row other;
	static struct asset a;
	struct record *r;
	bool here = index_asset_in_docking(ix(b), b->docking, b->identity, row->path, &a) == 0 &&
	    listing_by_asset(ix(b), b->docking, a.number, &other) == -ENOENT;

	if (here && row->kind == KIND_LOG && a.rung >= RUNG_STAGED &&
	    row->size_bytes >= a.size_bytes) {
		/* a log is a snapshot: what it gained since is the next docking's */
		listing_link(ix(b), b->docking, row->row, a.number);
		return false;
	}
	if (here && a.rung == RUNG_LISTED && !a.gone && row->size_bytes >= a.size_bytes) {
		r = books_begin("resized");
		record_number(r, "asset", (int64_t)a.number);
		record_number(r, "size", (int64_t)row->size_bytes);
		if (row->mtime_s != PROTO_NO_TIME)
			record_number(r, "mtime", row->mtime_s);
		books_write(b, r);
		listing_link(ix(b), b->docking, row->row, a.number);
		return true;
	}
	listing_link(ix(b), b->docking, row->row, books_found(b, row));
	b->found++;
	return true;
}

/* Open erase intents of this camera that no outcome followed: the listing tells. */
static void settle_erases(struct bay *b)
{
	static uint64_t assets[64], dockings[64];
	static struct asset a;
	static struct listing_row row;
	int n = index_open_erases(ix(b), assets, dockings, 64);

	for (int i = 0; i < n; i++) {
		if (index_asset(ix(b), assets[i], &a) < 0 || strcmp(a.camera, b->identity) != 0)
			continue;
		if (b->state == BAY_ERASING && b->asset.number == assets[i])
			continue;
		if (listing_by_asset(ix(b), b->docking, assets[i], &row) == 0 ||
		    listing_by_path(ix(b), b->docking, a.path, &row) == 0)
			books_erased(
			    b, assets[i], "unsure", "interrupted; the camera still shows it");
		else if (!b->partial && !b->damaged)
			books_erased(
			    b, assets[i], "inferred", "interrupted; the camera no longer shows it");
	}
}

/* What was begun and is not on the camera any more, by two whole listings. */
static void settle_missing(struct bay *b)
{
	uint64_t numbers[64], after = 0;
	int n;

	do {
		n = listing_missing(ix(b), b->docking, after, numbers, 64);
		for (int i = 0; i < n; i++)
			pulling_gone(b, numbers[i]);
		after = n > 0 ? numbers[n - 1] : after;
	} while (n == 64);
}

/* What was taken in before, and that an officer has flagged on the camera since. */
static void settle_flags(struct bay *b)
{
	uint64_t numbers[64];
	struct record *r;
	int n = 0;

	do {
		n = listing_flagged(ix(b), b->docking, numbers, 64);
		for (int i = 0; i < n; i++) {
			r = books_begin("flagged");
			record_number(r, "asset", (int64_t)numbers[i]);
			record_number(r, "docking", (int64_t)b->docking);
			books_write(b, r);
		}
	} while (n == 64 && journal_works(b->house->journal));
}

static bool link_rows(struct bay *b)
{
	static struct listing_row rows[LINK_BATCH];
	int n = listing_unlinked(ix(b), b->docking, rows, LINK_BATCH);

	if (n > 0 && b->found > 2 * (uint64_t)b->profile->max_objects) {
		bay_fault(b, "the camera shows other files at each look: it is not believed");
		return false;
	}
	for (int i = 0; i < n; i++)
		b->news |= link_row(b, &rows[i]);
	if (n == LINK_BATCH) {
		b->house->again = true;
		return false;
	}
	settle_flags(b);
	settle_erases(b);
	if (b->listings >= 2 && !b->partial && !b->damaged)
		settle_missing(b);
	b->linked = true;
	return true;
}

/* How much of NUMBER.part may be trusted in this boot; cuts off the rest. */
static int64_t trusted_length(struct bay *b)
{
	struct staging *s = b->house->staging;
	struct asset *a = &b->asset;
	int64_t length = staging_part_length(s, a->number);
	uint64_t trusted;

	if (length == -ENOENT && a->prefix_of && a->restarts == 0 && a->file == FILE_NONE) {
		static struct asset before;

		if (index_asset(ix(b), a->prefix_of, &before) == 0 && before.file == FILE_SEALED &&
		    staging_seed(s, a->number, before.number, before.size_bytes) == 0)
			return (int64_t)before.size_bytes;
	}
	if (length <= 0)
		return 0;
	trusted = (uint64_t)length;
	if (strcmp(a->boot, staging_boot(s)) != 0 && trusted > a->durable_bytes)
		trusted = a->durable_bytes;
	if (trusted > b->row.size_bytes)
		trusted = 0;
	if (trusted < (uint64_t)length && staging_cut(s, a->number, trusted) < 0)
		return -EIO;
	return (int64_t)trusted;
}

/*
 * The service died in a pull: nobody has counted what came then. All that is in the part came over
 * the wire once, but for a log that was begun with an earlier snapshot.
 */
static void count_unaccounted(struct bay *b)
{
	const struct asset *a = &b->asset;
	bool seeded = a->prefix_of && a->restarts == 0;

	if (!seeded && a->pulled_bytes < b->offset_bytes)
		books_pulled(b, "died", b->offset_bytes, b->offset_bytes - a->pulled_bytes, "");
}

static bool plan_pull(struct bay *b)
{
	uint64_t can_hold = b->camera.capacity_bytes ? b->camera.capacity_bytes : b->sum.bytes;
	uint64_t sealed_bytes, held;
	struct record *r;
	int64_t from;

	if (listing_expedited(ix(b), b->docking, &b->row) < 0 &&
	    listing_next(ix(b), b->docking, false, &b->row) < 0)
		return false;
	if (index_asset(ix(b), b->row.asset, &b->asset) < 0)
		return false;
	if (staging_sealed(b->house->staging, b->asset.number, &sealed_bytes) &&
	    sealed_bytes == b->row.size_bytes) {
		/* sealed, and the service ended before that was on record */
		pulling_whole(b);
		b->house->again = true;
		return false;
	}
	if (b->pulled_bytes > PULLS_SLACK_BYTES &&
	    (b->pulled_bytes - PULLS_SLACK_BYTES) / 2 > can_hold) {
		/* twice: a camera without partial reads is read from the start after each interruption */
		bay_fault(
		    b, "the camera gave more than twice what it can hold: it is not believed");
		return false;
	}
	held = staging_part_held(b->house->staging, b->asset.number);
	if (!staging_admits(
		b->house->staging, held < b->row.size_bytes ? b->row.size_bytes - held : 0)) {
		pulling_disk_failed(b, -ENOSPC);
		return false;
	}
	b->no_room = false;
	from = trusted_length(b);
	if (from < 0) {
		pulling_disk_failed(b, (int)from);
		return false;
	}
	b->offset_bytes = (uint64_t)from;
	count_unaccounted(b);
	r = books_begin("pull");
	record_number(r, "asset", (int64_t)b->asset.number);
	record_number(r, "docking", (int64_t)b->docking);
	record_number(r, "offset", from);
	record_text(r, "boot", staging_boot(b->house->staging));
	books_write(b, r);
	b->plan = PLAN_FETCH;
	return true;
}

/* A locked camera's clock can often be set and never read: it is set at each docking. */
static void plan_clock(struct bay *b)
{
	bool blind = !b->clock_known && (b->camera.features & CAMERA_LOCKED);
	bool off = b->clock_known &&
	    (b->clock_offset_ms > CLOCK_TOLERANCE_MS || b->clock_offset_ms < -CLOCK_TOLERANCE_MS);

	b->clock_done = true;
	if (b->profile->set_clock && (b->camera.features & CAMERA_CLOCK_SET) && (blind || off))
		b->plan = PLAN_CLOCK;
}

/* Whether it is time for another listing: the second one, or after erasing, or while things grow. */
static bool listing_is_due(struct bay *b, uint64_t now)
{
	uint64_t gap_us;

	if (b->listings == 0)
		return true;
	if (b->erased_some && !b->erase_scan && !b->erase_wanted)
		return true;
	if (b->final)
		return false;
	if (b->list_gap_s == 0)
		b->list_gap_s = b->profile->settle_s;
	gap_us = b->list_gap_s * UINT64_C(1000000);
	if (now - b->listed_us < gap_us) {
		b->due_us = b->listed_us + gap_us;
		return false;
	}
	if (b->listings >= 2) {
		b->list_gap_s =
		    b->list_gap_s * 2 > LIST_GAP_MAX_S ? LIST_GAP_MAX_S : b->list_gap_s * 2;
		if (b->list_gap_s < b->profile->settle_s)
			b->list_gap_s = b->profile->settle_s;
	}
	return true;
}

bool errand_prepare(struct bay *b)
{
	b->plan = PLAN_NONE;
	if (b->state != BAY_READY || !journal_works(b->house->journal))
		return false;
	/* what has come in since the last turn changes whose turn it is */
	if (b->linked)
		listing_sum(ix(b), b->docking, &b->sum);
	if (b->due_us && bay_now_us() < b->due_us && b->linked && b->sum.pending)
		return false;
	b->due_us = 0;
	if (!b->clock_done) {
		plan_clock(b);
		if (b->plan != PLAN_NONE)
			return false;
	}
	if (configuration_plan(b)) {
		b->plan = PLAN_CONFIGURE;
		return false;
	}
	if (unlocking_plan(b))
		return false;
	if (b->listings && !b->linked) {
		if (!link_rows(b))
			return false;
		listing_sum(ix(b), b->docking, &b->sum);
	}
	return true;
}

void errand_plan(struct bay *b, bool may_pull)
{
	uint64_t now = bay_now_us();

	b->plan = PLAN_NONE;
	if (b->state != BAY_READY || !journal_works(b->house->journal))
		return;
	if (b->listings)
		listing_sum(ix(b), b->docking, &b->sum);
	if (b->listings && b->sum.pending && !bays_stop_why(b->house)[0]) {
		bool fetches = may_pull && plan_pull(b);

		if (fetches || b->state != BAY_READY)
			return;
		if (b->due_us || !may_pull)
			return;
	}
	if (b->listings >= 2 && !b->news && b->sum.held == b->sum.objects && !b->sum.troubled)
		b->final = true;
	if (!b->told_held && bay_holds_all(b)) {
		b->told_held = true;
		log_info("all-held",
		    "bay=%s docking=%" PRIu64 " objects=%" PRIu64 " bytes=%" PRIu64
		    " pulled=%" PRIu64,
		    b->name, b->docking, b->sum.objects, b->sum.bytes, b->pulled_bytes);
	}
	if (b->erase_wanted && !b->erase_scan && now - b->erase_scan_us >= ERASE_SCAN_US) {
		b->erase_wanted = false;
		b->erase_scan = true;
		b->erase_scan_us = now;
		b->erase_cursor = 0;
	}
	if (b->erase_scan && b->linked && erasing_plan(b))
		return;
	if (listing_is_due(b, now)) {
		b->plan = PLAN_LIST;
		return;
	}
	if (clock_steady_ms() - b->looked_ms > LOOK_EVERY_MS)
		b->plan = PLAN_LOOK;
}

static void send_or_lose(struct bay *b, enum bay_state then, unsigned type, const void *body,
    const int *fds, unsigned nfds)
{
	int r = child_send(b->child, type, body, fds, nfds);

	b->state = then;
	b->sign_us = bay_now_us();
	b->sign_bytes = b->offset_bytes;
	b->silent = false;
	if (r < 0)
		child_kill(b->child, "it does not read its requests");
}

static void act_fetch(struct bay *b)
{
	struct proto_fetch f = {
		.storage = b->row.storage,
		.handle = b->row.handle,
		.offset_bytes = b->offset_bytes,
		.size_bytes = b->row.size_bytes,
		.mtime_s = b->row.mtime_s,
		.snapshot = b->row.kind == KIND_LOG,
	};
	struct rlimit limit;
	int fd;

	if (b->plan == PLAN_COMPARE) {
		fd = staging_read(b->house->staging, b->asset.number);
		f.offset_bytes = f.size_bytes;
		b->offset_bytes = f.size_bytes;
	} else {
		fd = staging_part(b->house->staging, b->asset.number, b->row.size_bytes);
	}
	if (fd < 0) {
		if (b->plan == PLAN_FETCH && fd == -EFBIG)
			pulling_too_large(b);
		else if (b->plan == PLAN_FETCH)
			pulling_disk_failed(b, fd);
		return;
	}
	/* hard limit stays what it is, the worker's as ours: the next FETCH may be larger */
	getrlimit(RLIMIT_FSIZE, &limit);
	if (b->plan == PLAN_FETCH && b->row.size_bytes > limit.rlim_max) {
		close(fd);
		pulling_too_large(b);
		return;
	}
	limit.rlim_cur = b->row.size_bytes;
	if (prlimit(child_pid(b->child), RLIMIT_FSIZE, &limit, NULL) < 0)
		log_warn("prlimit", "bay=%s reason=\"%s\"", b->name, strerror(errno));
	b->durables = 0;
	handover("docking-fetch");
	send_or_lose(
	    b, b->plan == PLAN_COMPARE ? BAY_COMPARING : BAY_FETCHING, MSG_FETCH, &f, &fd, 1);
	b->part_fd =
	    child_hide(fd); /* open while others' workers are started, until it is sealed */
}

static void act_erase(struct bay *b)
{
	static struct proto_erase e;

	memset(&e, 0, sizeof(e));
	e.storage = b->row.storage;
	e.handle = b->row.handle;
	e.size_bytes = b->row.size_bytes;
	e.mtime_s = b->row.mtime_s;
	snprintf(e.path, sizeof(e.path), "%s", b->row.path);
	handover("docking-erase");
	send_or_lose(b, BAY_ERASING, MSG_ERASE, &e, NULL, 0);
}

void errand_act(struct bay *b)
{
	struct proto_set_clock clock = { 0 };
	enum bay_plan plan = b->plan;

	if (plan == PLAN_NONE || plan == PLAN_OPEN || b->state != BAY_READY)
		return;
	switch (plan) {
	case PLAN_NONE:
	case PLAN_OPEN:
		break;
	case PLAN_UNLOCK:
		handover("unlocking-intent");
		unlocking_began(b);
		send_or_lose(b, BAY_UNLOCKING, MSG_UNLOCK, NULL, NULL, 0);
		break;
	case PLAN_CLOCK:
		clock.clock_s = clock_now_s();
		clock.clock_s += zone_offset_s(&b->profile->clock_zone, clock.clock_s);
		b->clock_set_s = clock.clock_s;
		send_or_lose(b, BAY_CLOCK, MSG_SET_CLOCK, &clock, NULL, 0);
		break;
	case PLAN_CONFIGURE:
		send_or_lose(b, BAY_CONFIGURING, MSG_CONFIGURE, &b->telling, NULL, 0);
		break;
	case PLAN_LIST:
		if (listing_begin(ix(b), b->docking) < 0)
			break;
		b->erased_some = false;
		b->rows = 0;
		send_or_lose(b, BAY_LISTING, MSG_LIST, NULL, NULL, 0);
		break;
	case PLAN_FETCH:
	case PLAN_COMPARE:
		act_fetch(b);
		break;
	case PLAN_ERASE:
		act_erase(b);
		break;
	case PLAN_LOOK:
		send_or_lose(b, BAY_LOOKING, MSG_LOOK, NULL, NULL, 0);
		break;
	}
	b->plan = PLAN_NONE;
}
