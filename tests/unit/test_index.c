/*
 * index: what a listing links to and what it does not, which row is next, and that none of it grows
 * slow where there is much.
 */
#include "../../dockd/index_asset.h"
#include "../../dockd/index_clock.h"
#include "../../dockd/index_docking.h"
#include "../../dockd/index_flow.h"
#include "../../dockd/index_inner.h"
#include "../../dockd/index_listing.h"
#include "../../dockd/index_policy.h"

#include "../../dockd/base/proto_object.h"
#include "../../dockd/index_entry.h"
#include "fresh_index.h"
#include "waiting.h"

#include <errno.h>
#include <time.h>

#define NOW 1800000000
#define T 1790000000
#define MANY_ROWS 100000
#define MANY_ASSETS 20000

static struct listing_row rows[64];
static uint64_t numbers[64];
static struct proto_object object;

static void put(void)
{
	apply_next();
}

static void add(uint64_t docking, uint32_t storage, uint32_t handle, enum object_kind kind,
    const char *path, uint64_t size, int64_t mtime_s)
{
	object.storage = storage;
	object.handle = handle;
	object.kind = kind;
	object.size_bytes = size;
	object.mtime_s = mtime_s;
	snprintf(object.path, sizeof(object.path), "%s", path);
	assert_int_equal(listing_add(ix, docking, &object), 0);
}

static void clip(
    uint64_t docking, uint32_t handle, const char *path, uint64_t size, int64_t mtime_s)
{
	add(docking, 1, handle, KIND_CLIP, path, size, mtime_s);
}

static int end(uint64_t docking)
{
	assert_int_equal(listing_end(ix, docking, "CAM", NOW), 0);
	return listing_unlinked(ix, docking, rows, 64);
}

/* Gives every unlinked row a new asset, as bay does. */
static void find_all(uint64_t docking)
{
	int n;

	while ((n = listing_unlinked(ix, docking, rows, 64)) > 0) {
		for (int i = 0; i < n; i++) {
			uint64_t asset = index_new_asset(ix);

			put_found(asset, docking, "CAM", rows[i].kind, rows[i].path,
			    rows[i].size_bytes, rows[i].mtime_s);
			assert_int_equal(listing_link(ix, docking, rows[i].row, asset), 0);
		}
	}
	assert_int_equal(n, 0);
}

static void hold(uint64_t asset, uint64_t docking, uint64_t size, const char *id)
{
	put_pull(asset, docking, 0);
	put_pulled(asset, docking, "done", size);
	put_staged(asset, size);
	put_checked(asset, id);
}

/* The sums as they were kept are those that counting anew gives. */
static struct listing_sum sum_of(uint64_t docking)
{
	struct listing_sum kept, anew;
	int logs = listing_logs_open(ix, docking);

	assert_int_equal(listing_sum(ix, docking, &kept), 0);
	assert_int_equal(listing_resum(ix), 0);
	assert_int_equal(listing_sum(ix, docking, &anew), 0);
	assert_memory_equal(&kept, &anew, sizeof(kept));
	assert_int_equal(listing_logs_open(ix, docking), logs);
	return kept;
}

static void expect_sum(uint64_t docking, uint64_t objects, uint64_t pending, uint64_t held,
    uint64_t checked, uint64_t receipted)
{
	struct listing_sum s = sum_of(docking);

	assert_int_equal(s.objects, objects);
	assert_int_equal(s.pending, pending);
	assert_int_equal(s.held, held);
	assert_int_equal(s.checked, checked);
	assert_int_equal(s.receipted, receipted);
}

static void one_clip_from_listing_to_checked(void **state)
{
	struct index_counts c;
	struct listing_row row;
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	assert_int_equal(listing_sum(ix, 1, &(struct listing_sum){ 0 }), -ENOENT);
	assert_int_equal(listing_begin(ix, 1), 0);
	clip(1, 7, "DCIM/a.mp4", 100, T);
	add(1, 1, 8, KIND_IGNORED, "DCIM/a.thm", 5, T);
	assert_int_equal(listing_next(ix, 1, false, &row), -ENOENT);
	assert_int_equal(end(1), 1);
	expect_sum(1, 1, 0, 0, 0, 0);
	find_all(1);
	expect_sum(1, 1, 1, 0, 0, 0);
	assert_int_equal(listing_next(ix, 1, true, &row), -ENOENT);
	assert_int_equal(listing_next(ix, 1, false, &row), 0);
	assert_int_equal(row.asset, 1);
	assert_int_equal(row.handle, 7);
	assert_string_equal(row.path, "DCIM/a.mp4");
	assert_int_equal(index_to_verify(ix, 0, numbers, 64), 0);
	put_pull(1, 1, 0);
	put_durable(1, 64);
	put_pulled(1, 1, "stopped", 80);
	put_pull(1, 1, 70);
	assert_int_equal(index_asset(ix, 1, &a), 0);
	assert_int_equal(a.durable_bytes, 64);
	assert_int_equal(a.interruptions, 1);
	assert_int_equal(a.file, FILE_PART);
	put_pull(1, 1, 10);
	index_asset(ix, 1, &a);
	assert_int_equal(a.durable_bytes, 10);
	put_pulled(1, 1, "done", 90);
	put_staged(1, 100);
	expect_sum(1, 1, 0, 1, 0, 0);
	assert_int_equal(index_to_verify(ix, 0, numbers, 64), 1);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 0);
	put_checked(1, "id-1");
	expect_sum(1, 1, 0, 1, 1, 0);
	assert_int_equal(index_to_verify(ix, 0, numbers, 64), 0);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 1);
	assert_int_equal(index_counts(ix, &c), 0);
	assert_int_equal(c.unsent_bytes, 100);
	index_asset(ix, 1, &a);
	assert_int_equal(c.oldest_unsent_s, a.staged_at_s);
	assert_int_equal(a.pulled_bytes, 170);
	put_asset("rechecked", 1);
	index_counts(ix, &c);
	assert_int_equal(c.oldest_unsent_s, a.staged_at_s);
}

static void one_clip_from_receipt_to_erased(void **state)
{
	struct index_counts c;
	struct upload u;
	uint64_t count, bytes;

	one_clip_from_listing_to_checked(state);
	put_at("upload", 1, "one");
	put_at("created", 1, "one");
	assert_int_equal(index_upload(ix, 1, "one", &u), 0);
	assert_int_equal(u.rung, RUNG_SENT);
	assert_string_equal(u.address, "https://example/1");
	assert_int_equal(index_queued(ix, "one", &count, &bytes), 0);
	assert_int_equal(count, 1);
	assert_int_equal(bytes, 100);
	put_at("receipted", 1, "one");
	expect_sum(1, 1, 0, 1, 1, 1);
	index_queued(ix, "one", &count, &bytes);
	assert_int_equal(count + bytes, 0);
	assert_int_equal(index_to_erase(ix, 1, 0, numbers, 64), 1);
	put_erase("erase-intent", 1, 1, NULL);
	assert_int_equal(index_open_erases(ix, numbers, numbers + 32, 32), 1);
	put_erase("erased", 1, 1, "done");
	assert_int_equal(index_open_erases(ix, numbers, numbers + 32, 32), 0);
	assert_int_equal(index_to_erase(ix, 1, 0, numbers, 64), 0);
	index_counts(ix, &c);
	assert_int_equal(c.assets, 1);
	assert_int_equal(c.erased, 1);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(c.unsent_bytes, 0);
	assert_int_equal(c.oldest_unsent_s, 0);
}

/* Second docking: known by path, size and a plausible time; else it is pulled again. */
static void already_have_it(void **state)
{
	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	clip(1, 1, "known", 100, T);
	clip(1, 2, "other size", 100, T);
	clip(1, 3, "other time", 100, T);
	clip(1, 4, "no time", 100, PROTO_NO_TIME);
	clip(1, 5, "dead clock", 100, 0);
	clip(1, 6, "future", 100, NOW + 86401);
	clip(1, 7, "interrupted, no time", 100, PROTO_NO_TIME);
	clip(1, 8, "erased", 100, T);
	clip(1, 9, "lost", 100, T);
	assert_int_equal(end(1), 9);
	find_all(1);
	for (uint64_t i = 1; i <= 8; i++) {
		if (i != 7)
			hold(i, 1, 100, "");
	}
	put_erase("erased", 8, 1, "done");
	put_asset("gone", 9);
	/* at the end of the same docking all that was pulled in it is known */
	listing_begin(ix, 1);
	clip(1, 11, "no time", 100, PROTO_NO_TIME);
	clip(1, 12, "dead clock", 100, 0);
	clip(1, 13, "known", 100, T);
	assert_int_equal(end(1), 0);
	expect_sum(1, 3, 0, 3, 3, 0);
	begin("undocked", 0);
	record_number(&rec, "docking", 1);
	put();
	assert_int_equal(listing_drop(ix, 1), 0);

	put_docked(2, "3", "CAM");
	listing_begin(ix, 2);
	clip(2, 1, "known", 100, T);
	clip(2, 2, "other size", 101, T);
	clip(2, 3, "other time", 100, T + 1);
	clip(2, 4, "no time", 100, PROTO_NO_TIME);
	clip(2, 5, "dead clock", 100, 0);
	clip(2, 6, "future", 100, NOW + 86401);
	clip(2, 7, "interrupted, no time", 100, PROTO_NO_TIME);
	clip(2, 8, "erased", 100, T);
	clip(2, 9, "lost", 100, T);
	assert_int_equal(end(2), 7);
	for (int i = 0; i < 7; i++)
		assert_true(strcmp(rows[i].path, "known") != 0 && rows[i].path[0] != 'i');
	expect_sum(2, 9, 1, 1, 1, 0);
	assert_int_equal(listing_by_path(ix, 2, "lost", rows), 0);
	assert_int_equal(listing_by_path(ix, 2, "nothing", rows), -ENOENT);
	/* another camera shows the same path: its own clip */
	put_docked(3, "4", "CAM-2");
	listing_begin(ix, 3);
	clip(3, 1, "known", 100, T);
	assert_int_equal(listing_end(ix, 3, "CAM-2", NOW), 0);
	assert_int_equal(listing_unlinked(ix, 3, rows, 64), 1);
}

/* Two storages with the same path, size and time: never one asset for both. */
static void twins_are_kept_apart(void **state)
{
	struct listing_row one, two;

	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	add(1, 1, 1, KIND_CLIP, "a", 100, T);
	add(1, 2, 2, KIND_CLIP, "a", 100, T);
	assert_int_equal(end(1), 2);
	find_all(1);
	hold(1, 1, 100, "x");
	/* one of them is held: in the next listing each keeps its own */
	listing_begin(ix, 1);
	add(1, 2, 9, KIND_CLIP, "a", 100, T);
	add(1, 1, 8, KIND_CLIP, "a", 100, T);
	assert_int_equal(end(1), 0);
	assert_int_equal(listing_by_asset(ix, 1, 1, &one), 0);
	assert_int_equal(listing_by_asset(ix, 1, 2, &two), 0);
	assert_int_equal(one.storage, 1);
	assert_int_equal(two.storage, 2);
	/* in the next docking nothing tells them apart: both again */
	put_docked(2, "3", "CAM");
	listing_begin(ix, 2);
	add(2, 1, 1, KIND_CLIP, "a", 100, T);
	add(2, 2, 2, KIND_CLIP, "a", 100, T);
	assert_int_equal(end(2), 2);
	/* and one row against two held copies that differ: again as well */
	hold(2, 1, 100, "y");
	listing_begin(ix, 2);
	add(2, 1, 1, KIND_CLIP, "a", 100, T);
	assert_int_equal(end(2), 1);
	put_merged(2, 1);
	listing_begin(ix, 2);
	add(2, 1, 1, KIND_CLIP, "a", 100, T);
	assert_int_equal(end(2), 0);
}

static void growing_comes_last(void **state)
{
	static const char *const order[] = { "log", "sidecar", "old", "young", "dateless",
		"growing" };
	struct listing_row row;
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	clip(1, 1, "growing", 100, T - 500);
	clip(1, 2, "old", 100, T);
	assert_int_equal(end(1), 2);
	find_all(1);
	listing_begin(ix, 1);
	clip(1, 1, "growing", 150, T - 500);
	clip(1, 3, "young", 100, T + 5);
	clip(1, 4, "dateless", 100, PROTO_NO_TIME);
	clip(1, 2, "old", 100, T);
	add(1, 1, 5, KIND_SIDECAR, "sidecar", 10, T + 9);
	add(1, 1, 6, KIND_LOG, "log", 10, T + 8);
	assert_int_equal(end(1), 5);
	assert_true(rows[0].growing);
	assert_int_equal(index_asset_in_docking(ix, 1, "CAM", "growing", &a), 0);
	assert_int_equal(a.size_bytes, 100);
	assert_int_equal(index_asset_by_path(ix, "CAM", "growing", &a), 0);
	begin("resized", a.number);
	record_number(&rec, "size", 150);
	put();
	listing_link(ix, 1, rows[0].row, a.number);
	assert_int_equal(index_asset_in_docking(ix, 1, "CAM", "growing", &a), -ENOENT);
	find_all(1);
	assert_int_equal(sum_of(1).first_pending, 2);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(listing_next(ix, 1, false, &row), 0);
		assert_string_equal(row.path, order[i]);
		assert_int_equal(row.growing, i == 5);
		hold(row.asset, 1, row.size_bytes, "");
		assert_int_equal(listing_next(ix, 1, true, &row), i == 0 ? 0 : -ENOENT);
	}
	assert_int_equal(listing_next(ix, 1, false, &row), -ENOENT);
	expect_sum(1, 6, 0, 6, 6, 0);
	assert_int_equal(listing_logs_open(ix, 1), 1);
	put_at("receipted", 6, "one");
	index_asset(ix, 6, &a);
	assert_int_equal(listing_by_path(ix, 1, "log", &row), 0);
	put_at("receipted", row.asset, "one");
	assert_int_equal(listing_logs_open(ix, 1), 0);
	assert_int_equal(listing_logs_open(ix, 2), -ENOENT);
}

static void left_out(void **state)
{
	struct listing_row row;
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	clip(1, 1, "a", 100, T);
	clip(1, 2, "b", 100, T + 1);
	clip(1, 3, "c", 100, T + 2);
	clip(1, 4, "unlinked", 100, T + 3);
	end(1);
	assert_int_equal(listing_skip(ix, 1, rows[3].row), 0);
	assert_int_equal(listing_skip(ix, 1, 9999), -ENOENT);
	find_all(1);
	listing_next(ix, 1, false, &row);
	listing_skip(ix, 1, row.row);
	listing_next(ix, 1, false, &row);
	assert_string_equal(row.path, "b");
	put_asset("trouble", row.asset);
	listing_next(ix, 1, false, &row);
	assert_string_equal(row.path, "c");
	expect_sum(1, 4, 1, 0, 0, 0);
	assert_int_equal(sum_of(1).troubled, 1);
	index_asset(ix, 2, &a);
	assert_true(a.needs_person);
	assert_string_equal(a.trouble, "words");
	begin("retry", 0);
	record_text(&rec, "bay", "4");
	put();
	expect_sum(1, 4, 1, 0, 0, 0);
	begin("retry", 0);
	record_text(&rec, "bay", "3");
	put();
	expect_sum(1, 4, 2, 0, 0, 0);
	/* the next listing forgets what was left out */
	listing_begin(ix, 1);
	clip(1, 1, "a", 100, T);
	end(1);
	expect_sum(1, 1, 1, 0, 0, 0);
	assert_int_equal(listing_missing(ix, 1, 0, numbers, 64), 2);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(listing_missing(ix, 1, 2, numbers, 64), 1);
	assert_int_equal(listing_missing(ix, 7, 0, numbers, 64), -ENOENT);
}

/* What was merged has the other's receipts; a bad copy sets it free again. */
static void merged_assets(void **state)
{
	struct asset a;
	struct upload u;

	(void)state;
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_CLIP, "a", 10, PROTO_NO_TIME, "same");
	assert_int_equal(index_asset_by_id(ix, "same", 1, &a), -ENOENT);
	put_docked(2, "3", "CAM");
	listing_begin(ix, 2);
	clip(2, 1, "a", 10, PROTO_NO_TIME);
	assert_int_equal(end(2), 1);
	find_all(2);
	hold(2, 2, 10, "same");
	assert_int_equal(index_asset_by_id(ix, "same", 2, &a), 0);
	assert_int_equal(a.number, 1);
	put_merged(2, 1);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 1);
	expect_sum(2, 1, 0, 1, 1, 0);
	put_at("receipted", 1, "one");
	expect_sum(2, 1, 0, 1, 1, 1);
	assert_int_equal(index_to_erase(ix, 2, 0, numbers, 64), 2);
	assert_int_equal(index_upload(ix, 2, "one", &u), 0);
	assert_int_equal(u.asset, 1);
	assert_int_equal(index_uploads(ix, 2, &u, 1), 1);
	begin("merged", 1);
	record_number(&rec, "into", 2);
	assert_int_equal(index_check(ix, &rec), -EBADMSG);
	put_asset("unstaged", 1);
	index_asset(ix, 2, &a);
	assert_int_equal(a.merged_into, 0);
	assert_int_equal(a.rung, RUNG_LISTED);
	expect_sum(2, 1, 1, 0, 0, 0);
}

static void log_prefixes(void **state)
{
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_LOG, "log", 100, T, "1");
	put_whole(2, 1, "CAM", KIND_LOG, "log", 150, T + 5, "2");
	put_found(3, 1, "CAM", KIND_LOG, "log", 160, T + 6);
	assert_int_equal(index_log_prefix(ix, "CAM", "log", 200, &a), 0);
	assert_int_equal(a.number, 2);
	assert_int_equal(index_log_prefix(ix, "CAM", "log", 150, &a), 0);
	assert_int_equal(a.number, 1);
	assert_int_equal(index_log_prefix(ix, "CAM", "log", 100, &a), -ENOENT);
	assert_int_equal(index_log_prefix(ix, "CAM-2", "log", 200, &a), -ENOENT);
}

static void dockings(void **state)
{
	struct docking d[4];

	(void)state;
	assert_int_equal(index_new_docking(ix), 1);
	put_docked(1, "3", "CAM");
	put_docked(2, "4", "CAM-2");
	assert_int_equal(index_open_dockings(ix, d, 4), 2);
	begin("undocked", 0);
	record_number(&rec, "docking", 1);
	put();
	assert_int_equal(index_open_dockings(ix, d, 4), 1);
	assert_int_equal(d[0].number, 2);
	assert_string_equal(d[0].camera, "CAM-2");
	assert_int_equal(index_docking(ix, 1, d), 0);
	assert_true(d[0].ended_s > d[0].began_s);
	assert_int_equal(index_docking(ix, 9, d), -ENOENT);
	assert_int_equal(index_new_docking(ix), 3);
}

/* A record of this type written then, in seconds; by_s: of a clock that was set. */
static void put_when(const char *type, int64_t at_s, int64_t by_s)
{
	char when[40];
	time_t t = (time_t)at_s;
	struct tm tm;

	record_begin(&rec, type);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&t, &tm));
	record_text(&rec, "time", when);
	record_number(&rec, "by-ms", by_s * 1000);
	record_text(&rec, "reason", "r");
	record_number(&rec, "uid", 1);
	assert_int_equal(index_apply(ix, ++seq, &rec), 0);
}

static void a_clock_that_went_ahead(void **state)
{
	const int64_t day = 86400, now = 1795521600;

	(void)state;
	put_when("began", now, 0);
	assert_int_equal(index_clock_doubt_s(ix), 0); /* the first */
	put_when("began", now + 7 * day, 0);
	put_when("clock-set", now + 7 * day + 3600, 3600);
	put_when("ended", now + 30 * day, 0); /* nothing was to be written in between */
	put_when("clock-set", now + 60 * day, 3);
	assert_int_equal(index_clock_doubt_s(ix), 0);
	/* an empty battery: 1970, and right again */
	put_when("began", 600, 0);
	put_when("clock-set", now + 61 * day, now + 61 * day - 700);
	assert_int_equal(index_clock_doubt_s(ix), 0);
	/* ahead, and on; back and a start change nothing */
	put_when("clock-set", now + 69 * day, 8 * day);
	assert_int_equal(index_clock_doubt_s(ix), 8 * day);
	put_when("clock-set", now + 62 * day, -7 * day);
	put_when("began", now + 63 * day, 0);
	assert_int_equal(index_clock_doubt_s(ix), 8 * day);
	assert_int_equal(index_commit(ix), 0);
	index_close(ix);
	open_index();
	assert_int_equal(index_clock_doubt_s(ix), 8 * day);
	put_when("clock-vouched", now + 64 * day, 0);
	assert_int_equal(index_clock_doubt_s(ix), 0);
	assert_int_equal(index_commit(ix), 0);
	index_close(ix);
	open_index();
	assert_int_equal(index_clock_doubt_s(ix), 0);
	/* from there on */
	put_when("clock-set", now + 72 * day, 8 * day);
	assert_int_equal(index_clock_doubt_s(ix), 8 * day);
	put_when("clock-vouched", now + 72 * day, 0);
	/* off for a while */
	put_when("began", now + 80 * day, 0);
	assert_int_equal(index_clock_doubt_s(ix), 8 * day);
}

static void records_are_checked(void **state)
{
	(void)state;
	record_begin(&rec, "staged");
	assert_int_equal(index_apply(ix, 1, &rec), -EBADMSG);
	record_begin(&rec, "undocked");
	record_text(&rec, "docking", "1");
	assert_int_equal(index_apply(ix, 1, &rec), -EBADMSG);
	record_begin(&rec, "pull");
	record_number(&rec, "asset", 1);
	record_number(&rec, "docking", 1);
	record_number(&rec, "offset", -1);
	record_text(&rec, "boot", "b");
	assert_int_equal(index_apply(ix, 1, &rec), -EBADMSG);
	assert_int_equal(index_applied(ix), 0);
	record_begin(&rec, "unheard-of");
	assert_int_equal(index_apply(ix, 1, &rec), 0);
	assert_int_equal(index_applied(ix), 1);
	put_docked(1, "3", "CAM");
	seq--;
	record_begin(&rec, "docked");
	assert_int_equal(index_apply(ix, 1, &rec), 0);
}

/* Scratch tables are gone after a restart, what was committed is not. */
static void restart(void **state)
{
	struct listing_sum s;

	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	clip(1, 1, "a", 100, T);
	end(1);
	find_all(1);
	reopen_index();
	assert_int_equal(listing_sum(ix, 1, &s), -ENOENT);
	assert_int_equal(index_assets(ix, 0, false, (struct asset[2]){ 0 }, 2), 1);
	assert_int_equal(index_new_asset(ix), 2);
	listing_begin(ix, 1);
	clip(1, 1, "a", 100, T);
	assert_int_equal(end(1), 0);
	expect_sum(1, 1, 1, 0, 0, 0);
}

/* As much as one camera may list, and a station with a year's assets; then all of it dropped. */
static void much(void **state)
{
	struct index_counts c;
	char path[64], id[16];
	uint64_t left;
	sqlite3_stmt *st;

	(void)state;
	put_docked(1, "3", "CAM");
	listing_begin(ix, 1);
	for (unsigned i = 0; i < MANY_ROWS; i++) {
		snprintf(path, sizeof(path), "DCIM/%03u/clip %06u.mp4", i / 1000, i);
		clip(1, i, path, 1000 + i, T + i);
		if (i % 64 == 0)
			assert_int_equal(index_commit(ix), 0);
	}
	assert_int_equal(end(1), 64);
	for (uint64_t i = 1; i <= MANY_ASSETS; i++) {
		snprintf(
		    path, sizeof(path), "DCIM/%03u/clip %06u.mp4", (unsigned)i / 1000, (unsigned)i);
		snprintf(id, sizeof(id), "%u", (unsigned)i);
		put_found(i, 1, "CAM", KIND_CLIP, path, 1000 + i, T + (int64_t)i);
		put_staged(i, 1000 + i);
		put_checked(i, id);
		if (i % 500 == 0)
			assert_int_equal(index_commit(ix), 0);
	}
	listing_begin(ix, 1);
	for (unsigned i = 0; i < MANY_ROWS; i++) {
		snprintf(path, sizeof(path), "DCIM/%03u/clip %06u.mp4", i / 1000, i);
		clip(1, i, path, 1000 + i, T + i);
	}
	end(1);
	expect_sum(1, MANY_ROWS, 0, MANY_ASSETS, MANY_ASSETS, 0);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 64);
	assert_int_equal(numbers[63], 64);
	for (uint64_t i = 1; i <= MANY_ASSETS; i++)
		put_at("receipted", i, "one");
	expect_sum(1, MANY_ROWS, 0, MANY_ASSETS, MANY_ASSETS, MANY_ASSETS);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 0);
	index_counts(ix, &c);
	assert_int_equal(c.receipted, MANY_ASSETS);
	assert_int_equal(c.unsent_bytes, 0);
	listing_drop(ix, 1);
	for (int i = 0; i < 2 * MANY_ROWS / 2000 + 4; i++)
		assert_int_equal(index_commit(ix), 0);
	assert_int_equal(
	    sqlite3_prepare_v2(ix->db, "SELECT count(*) FROM scratch.row", -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	left = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(left, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_index, teardown_index)

static void what_comes_and_goes_is_summed_by_the_day(void **state)
{
	struct filling_day days[4];
	int64_t today = 1795219200 / FILLING_DAY_S; /* 2026-11-21, of put() */

	(void)state;
	assert_int_equal(index_flow_first_s(ix), 0);
	put_docked(1, "1", "CAM");
	put_found(1, 1, "CAM", KIND_CLIP, "a", 700, T);
	put_found(2, 1, "CAM", KIND_CLIP, "b", 300, T);
	hold(1, 1, 700, "a");
	hold(2, 1, 300, "b");
	assert_int_equal(index_flow(ix, 0, days, 4), 1);
	assert_int_equal(days[0].day, today);
	assert_int_equal(days[0].came_bytes, 1000);
	assert_int_equal(days[0].went_bytes, 0);
	assert_true(index_flow_first_s(ix) / FILLING_DAY_S == today);
	record_begin(&rec, "merged");
	record_number(&rec, "asset", 2);
	record_number(&rec, "into", 1);
	put();
	assert_int_equal(index_flow(ix, today, days, 4), 1);
	assert_int_equal(days[0].went_bytes, 300);
	assert_int_equal(index_flow(ix, today + 1, days, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_clip_from_listing_to_checked),
		TEST(one_clip_from_receipt_to_erased),
		TEST(already_have_it),
		TEST(twins_are_kept_apart),
		TEST(growing_comes_last),
		TEST(left_out),
		TEST(merged_assets),
		TEST(log_prefixes),
		TEST(dockings),
		TEST(a_clock_that_went_ahead),
		TEST(records_are_checked),
		TEST(restart),
		TEST(what_comes_and_goes_is_summed_by_the_day),
		TEST(much),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
