/*
 * index_policy: what waits for a destination and in which order, what each takes, and when an asset
 * has its receipts.
 */
#include "../../dockd/index_asset.h"
#include "../../dockd/index_inner.h"
#include "../../dockd/index_policy.h"

#include "fresh_index.h"
#include "waiting.h"

#include <errno.h>

#define T 1790000000

static uint64_t numbers[64];

static void put(void)
{
	apply_next();
}

static void queue_order_and_skip(void **state)
{
	const uint64_t skip[] = { 5, 1 };
	static const uint64_t order[] = { 4, 3, 2, 1, 5 };

	(void)state;
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_CLIP, "young", 10, T + 50, "1");
	put_whole(2, 1, "CAM", KIND_CLIP, "old", 20, T, "2");
	put_whole(3, 1, "CAM", KIND_SIDECAR, "sidecar", 30, T + 70, "3");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 3);
	put_whole(4, 1, "CAM", KIND_LOG, "log", 40, T + 60, "4");
	put_whole(5, 1, "CAM", KIND_CLIP, "dateless", 50, PROTO_NO_TIME, "5");
	put_found(6, 1, "CAM", KIND_CLIP, "listed", 60, T);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(waiting(ix, d ? "two" : "one", NULL, 0, numbers, 64), 5);
		assert_memory_equal(numbers, order, sizeof(order));
	}
	assert_int_equal(waiting(ix, "one", skip, 2, numbers, 64), 3);
	assert_memory_equal(numbers, order, 3 * sizeof(order[0]));
	assert_int_equal(waiting(ix, "one", skip, 2, numbers, 1), 1);
	put_at("receipted", 4, "one");
	put_at("refused", 3, "one");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 3);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(waiting(ix, "two", NULL, 0, numbers, 64), 5);
	put_asset("retry", 3);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 4);
	put_asset("unstaged", 2);
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 3);
	put_at("recreated", 4, "one");
	assert_int_equal(waiting(ix, "one", NULL, 0, numbers, 64), 4);
	assert_int_equal(numbers[0], 4);
}

static int note_ahead(void *arg, const struct index_ahead *row)
{
	struct index_ahead *out = arg;

	out[out[0].asset++ + 1] = *row;
	return row->asset == 99 ? 1 : 0;
}

/* What waits is told in the order of sending, each with its day, and no more than is asked. */
static void ahead_of_a_destination(void **state)
{
	struct index_route route = { "one", UINT32_MAX, 3600 };
	struct index_ahead seen[8] = { 0 };

	(void)state;
	assert_int_equal(index_set_routes(ix, &route, 1, false), 0);
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_CLIP, "young", 10, T + 50, "1");
	put_whole(2, 1, "CAM", KIND_CLIP, "large", UINT64_C(5) << 30, T, "2");
	put_whole(3, 1, "CAM", KIND_LOG, "log", 30, T + 70, "3");
	assert_int_equal(index_ahead(ix, "one", 8, note_ahead, seen), 3);
	assert_int_equal(seen[1].asset, 3);
	assert_int_equal(seen[2].asset, 2);
	assert_int_equal(seen[2].size_bytes, UINT64_C(5) << 30);
	assert_int_equal(seen[3].asset, 1);
	assert_true(seen[3].deadline_s >= seen[1].deadline_s - 60 && seen[1].deadline_s > 3600);
	seen[0].asset = 0;
	assert_int_equal(index_ahead(ix, "one", 2, note_ahead, seen), 2);
	assert_true(index_waits(ix, "one", 2));
	put_at("receipted", 2, "one");
	assert_false(index_waits(ix, "one", 2));
	/* no day is no day */
	route.deliver_s = 0;
	assert_int_equal(index_set_routes(ix, &route, 1, false), 0);
	seen[0].asset = 0;
	assert_int_equal(index_ahead(ix, "one", 8, note_ahead, seen), 2);
	assert_int_equal(seen[2].deadline_s, 0);
}

static void policy_and_counts(void **state)
{
	const char *const both[] = { "one", "two" };
	struct index_counts c;

	(void)state;
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_CLIP, "a", 10, T, "1");
	put_whole(2, 1, "CAM", KIND_CLIP, "b", 20, T, "2");
	put_at("receipted", 1, "one");
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(index_set_policy(ix, both, 2, false), 0);
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 0);
	assert_int_equal(c.unsent_bytes, 30);
	assert_int_equal(index_assets(ix, 0, true, (struct asset[2]){ 0 }, 2), 2);
	put_at("receipted", 1, "two");
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(c.unsent_bytes, 20);
	put_at("receipted", 2, "elsewhere");
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(index_set_policy(ix, both, 2, true), 0);
	put_at("receipted", 2, "two");
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 2);
	assert_int_equal(index_assets(ix, 0, true, (struct asset[2]){ 0 }, 2), 0);
	/* the policy is kept over a restart */
	reopen_index();
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 2);
	assert_int_equal(ix->required_n, 2);
	assert_true(ix->any);
}

/* A destination gets what it takes, and only that is asked of it. */
static void routes_by_kind(void **state)
{
	struct index_route routes[] = { { "clips", 1u << KIND_CLIP, 0 },
		{ "logs", 1u << KIND_LOG | 1u << KIND_REPORT, 0 } };
	struct index_counts c;

	(void)state;
	put_docked(1, "3", "CAM");
	put_whole(1, 1, "CAM", KIND_CLIP, "a", 10, T, "1");
	put_whole(2, 1, "CAM", KIND_LOG, "l", 20, T, "2");
	assert_int_equal(index_set_routes(ix, routes, 2, false), 0);
	assert_int_equal(waiting(ix, "clips", NULL, 0, numbers, 64), 1);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 1);
	assert_int_equal(numbers[0], 2);
	assert_true(index_takes(ix, "clips", 1u << KIND_CLIP));
	assert_false(index_takes(ix, "clips", 1u << KIND_LOG));
	put_whole(3, 1, "CAM", KIND_LOG, "m", 30, T, "3");
	assert_int_equal(waiting(ix, "clips", NULL, 0, numbers, 64), 1);
	assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 2);
	put_at("receipted", 1, "clips");
	put_at("receipted", 2, "logs");
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 2);
	/* what was lost there goes there again, and nowhere else */
	put_at("recreated", 2, "logs");
	assert_int_equal(waiting(ix, "clips", NULL, 0, numbers, 64), 0);
	assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 2);
	put_at("receipted", 2, "logs");
	/* and now the clips are to be at both: one receipt is not enough any more */
	routes[1].kinds |= 1u << KIND_CLIP;
	assert_int_equal(index_set_routes(ix, routes, 2, false), 0);
	index_counts(ix, &c);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 2);
	reopen_index();
	assert_int_equal(index_set_routes(ix, routes, 2, false), 0);
	assert_false(index_takes(ix, "clips", 1u << KIND_LOG));
	assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 2);
}

/* The same bytes as a clip and as a log: who takes either is to have them. */
static void merged_kinds_go_to_both(void **state)
{
	struct index_route routes[] = { { "clips", 1u << KIND_CLIP, 0 },
		{ "logs", 1u << KIND_LOG | 1u << KIND_REPORT, 0 } };
	struct index_counts c;
	struct asset a;

	(void)state;
	put_docked(1, "3", "CAM");
	for (int any = 0; any < 2; any++) {
		uint64_t clip = any ? 3 : 1, log = clip + 1;

		assert_int_equal(index_set_routes(ix, routes, 2, any), 0);
		put_whole(clip, 1, "CAM", KIND_CLIP, "a", 10, T, any ? "2" : "1");
		put_whole(log, 1, "CAM", KIND_LOG, "l", 10, T, any ? "2" : "1");
		assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 1);
		put_merged(log, clip);
		assert_int_equal(index_asset(ix, clip, &a), 0);
		assert_int_equal(a.kinds, 1u << KIND_CLIP | 1u << KIND_LOG);
		assert_int_equal(waiting(ix, "clips", NULL, 0, numbers, 64), 1);
		assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 1);
		assert_int_equal(numbers[0], clip);
		put_at("upload", clip, "clips");
		put_at("receipted", clip, "clips");
		index_counts(ix, &c);
		assert_int_equal(c.receipted, any ? 2 : 0);
		assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 1);
		put_at("receipted", clip, "logs");
		index_counts(ix, &c);
		assert_int_equal(c.receipted, any ? 4 : 2);
		assert_int_equal(waiting(ix, "logs", NULL, 0, numbers, 64), 0);
	}
	/* a copy that turned out bad stands for itself alone again */
	begin("unstaged", 1);
	record_text(&rec, "reason", "r");
	put();
	assert_int_equal(index_asset(ix, 1, &a), 0);
	assert_int_equal(a.kinds, 1u << KIND_CLIP);
	assert_int_equal(index_asset(ix, 2, &a), 0);
	assert_int_equal(a.kinds, 1u << KIND_LOG);
	assert_int_equal(a.merged_into, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_index, teardown_index)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queue_order_and_skip),
		TEST(ahead_of_a_destination),
		TEST(policy_and_counts),
		TEST(routes_by_kind),
		TEST(merged_kinds_go_to_both),
	};

	return cmocka_run_group_tests_name("index_policy", tests, NULL, NULL);
}
