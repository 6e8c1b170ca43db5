/* What waits for each destination: classes, days, turns; who began; what a person wants first. */
#include "../../dockd/index_expedite.h"
#include "../../dockd/index_inner.h"
#include "../../dockd/index_policy.h"
#include "../../dockd/index_receipt.h"

#include "fresh_index.h"
#include "waiting.h"

#include <errno.h>
#include <string.h>

#define T 1790000000 /* of recording */
#define GB (UINT64_C(1) << 30)
#define MANY 200000

static uint64_t numbers[64];
static struct candidate got[64];

static void put(void)
{
	apply_next();
}

static void put_held(uint64_t asset, uint64_t docking, const char *camera, enum object_kind kind,
    uint64_t size, int64_t mtime_s)
{
	char name[24];

	snprintf(name, sizeof(name), "%s-%u", camera, (unsigned)asset);
	put_found(asset, docking, camera, kind, name, size, mtime_s);
	put_staged(asset, size);
	put_checked(asset, name);
}

static void put_person(const char *type, uint64_t asset, const char *camera, uint64_t docking)
{
	begin(type, asset);
	record_text(&rec, "camera", camera);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "reason", "x");
	record_number(&rec, "uid", 7);
	put();
}

static void put_switched(uint64_t asset, const char *from, const char *to)
{
	begin("switched", asset);
	record_text(&rec, "from", from);
	record_text(&rec, "to", to);
	record_text(&rec, "text", "it is away");
	put();
}

static void put_expires(uint64_t asset, const char *destination, int64_t expires_s)
{
	begin("created", asset);
	record_text(&rec, "destination", destination);
	record_text(&rec, "address", "http://x/1");
	if (expires_s)
		record_number(&rec, "expires", expires_s);
	put();
}

static int candidates(const char *destination, bool fresh, bool large, size_t each)
{
	struct index_wish wish = { .fresh = fresh, .large = large, .each = each };

	return index_candidates(ix, destination, &wish, got, 64);
}

static void expect(const char *destination, unsigned n, const uint64_t *want)
{
	int count = waiting(ix, destination, NULL, 0, numbers, 64);

	assert_int_equal(count, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(numbers[i], want[i]);
}
#define EXPECT(destination, ...)                                                                   \
	do {                                                                                       \
		const uint64_t want_[] = { __VA_ARGS__ };                                          \
		expect(destination, sizeof(want_) / sizeof(want_[0]), want_);                      \
	} while (0)

static void policy(bool any)
{
	static const struct index_route routes[] = { { "one", KINDS_ALL, 3 * 86400 },
		{ "two", KINDS_ALL, 3 * 86400 } };

	assert_int_equal(index_set_routes(ix, routes, 2, any), 0);
}

static void classes_and_days(void **state)
{
	(void)state;
	policy(false);
	put_docked(1, "1", "A");
	put_held(1, 1, "A", KIND_CLIP, 10, T + 9);
	put_held(2, 1, "A", KIND_CLIP, 10, T);
	put_held(3, 1, "A", KIND_CLIP, 2 * GB, T - 9);
	put_held(4, 1, "A", KIND_LOG, 10, T + 20);
	EXPECT("one", 4, 2, 1, 3);
	/* flagged on the camera afterwards */
	begin("flagged", 1);
	record_number(&rec, "docking", 1);
	put();
	EXPECT("one", 4, 1, 2, 3);
	/* the day on which the server forgets it: before the 72 h of the others */
	put_expires(2, "two", T + 100);
	EXPECT("two", 4, 1, 2, 3);
	assert_int_equal(candidates("two", false, false, 64), 3);
	assert_int_equal(got[2].number, 2);
	assert_int_equal(got[2].deadline_s, T + 100);
	assert_int_equal(got[2].class, UPLOAD_PLAIN);
	assert_int_equal(candidates("one", false, false, 64), 3);
	assert_true(got[2].deadline_s > T + 3 * 86400);
	assert_int_equal(candidates("one", false, true, 64), 1);
	assert_int_equal(got[0].number, 3);
	/* preserved: with what is flagged, by time; lifted: as before */
	begin("preserve", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "scope", "camera");
	record_text(&rec, "value", "A");
	record_text(&rec, "reason", "x");
	record_number(&rec, "uid", 7);
	put();
	EXPECT("one", 4, 2, 1, 3);
	begin("lift", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "reason", "x");
	record_number(&rec, "uid", 7);
	put();
	EXPECT("one", 4, 1, 2, 3);
}

/* Each docking gives its first ones, however many another has before it. */
static void every_docking_has_its_say(void **state)
{
	(void)state;
	policy(false);
	for (uint64_t docking = 1; docking <= 3; docking++)
		put_docked(docking, "1", "A");
	for (uint64_t i = 1; i <= 20; i++)
		put_held(i, 1, "A", KIND_CLIP, 10, T + (int64_t)i);
	put_held(21, 2, "A", KIND_CLIP, 10, T);
	put_held(22, 3, "A", KIND_CLIP, 10, T);
	assert_int_equal(candidates("one", false, false, 2), 4);
	assert_int_equal(got[0].number, 1);
	assert_int_equal(got[1].number, 2);
	assert_int_equal(got[2].number, 21);
	assert_int_equal(got[3].number, 22);
	{
		uint64_t skip[] = { 1, 21 };
		struct index_wish wish = { .skip = skip, .skip_n = 2, .each = 1 };

		assert_int_equal(index_candidates(ix, "one", &wish, got, 64), 2);
		assert_int_equal(got[0].number, 2);
		assert_int_equal(got[1].number, 22);
	}
}

/* A long queue costs no more than a short one: steps of the database's machine are counted. */
static void cost_does_not_grow(void **state)
{
	int steps[2];

	(void)state;
	policy(false);
	put_docked(1, "1", "A");
	put_held(1, 1, "A", KIND_CLIP, 10, T);
	assert_int_equal(candidates("one", false, false, 4), 1);
	for (unsigned round = 0; round < 2; round++) {
		char sql[400];

		assert_int_equal(index_begin(ix), 0);
		snprintf(sql, sizeof(sql),
		    "WITH RECURSIVE n(i) AS (SELECT %u UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
		    " INSERT INTO queue SELECT 1, i, 0, 0, 3, 500000 + i %% 100, i %% 40, i, 10,"
		    " 1800000000, 1800000000 FROM n",
		    round ? 2000u : 2u, round ? (unsigned)MANY : 1999u);
		assert_int_equal(db_exec(ix, sql), 0);
		sqlite3_stmt_status(ix->statement[Q_CANDIDATES], SQLITE_STMTSTATUS_VM_STEP, 1);
		assert_in_range(candidates("one", false, false, 4), 4, 64);
		steps[round] =
		    sqlite3_stmt_status(ix->statement[Q_CANDIDATES], SQLITE_STMTSTATUS_VM_STEP, 1);
	}
	assert_true(steps[1] <= 2 * steps[0] && steps[0] < 20000);
}

/* Policy any: one that is begun waits nowhere else, also after a start, until it is switched. */
static void one_is_enough(void **state)
{
	uint64_t asset;

	(void)state;
	policy(true);
	put_docked(1, "1", "A");
	put_held(1, 1, "A", KIND_CLIP, 10, T);
	put_held(2, 1, "A", KIND_CLIP, 10, T + 1);
	EXPECT("one", 1, 2);
	EXPECT("two", 1, 2);
	put_at("upload", 1, "one");
	EXPECT("two", 2);
	assert_int_equal(candidates("one", false, false, 4), 1);
	assert_int_equal(candidates("one", true, false, 4), 1);
	reopen_index();
	policy(true);
	EXPECT("two", 2);
	put_expires(1, "one", 0);
	put_switched(1, "one", "two");
	EXPECT("one", 2);
	assert_int_equal(candidates("two", false, false, 4), 1);
	assert_int_equal(index_to_abandon(ix, "one", &asset), -ENOENT);
	put_at("receipted", 1, "two");
	EXPECT("one", 2);
	EXPECT("two", 2);
	assert_int_equal(index_to_abandon(ix, "two", &asset), -ENOENT);
	assert_int_equal(index_to_abandon(ix, "one", &asset), 0);
	assert_int_equal(asset, 1);
	begin("abandoned", 1);
	record_text(&rec, "destination", "one");
	record_text(&rec, "result", "done");
	put();
	assert_int_equal(index_to_abandon(ix, "one", &asset), -ENOENT);
	/* refused where it was begun: nobody has it, until it is switched */
	put_at("refused", 2, "one");
	EXPECT("two", 2);
	put_switched(2, "one", "two");
	assert_int_equal(candidates("two", false, false, 4), 1);
	/* lost again: its own destination's to mend */
	begin("lost", 1);
	record_text(&rec, "destination", "two");
	record_text(&rec, "text", "gone");
	put();
	EXPECT("two", 1, 2);
	/* all of them are asked for now: what was passed on is wanted there as well */
	policy(false);
	EXPECT("two", 1, 2);
	EXPECT("one", 1);
}

static int count_expedited(void *arg, const struct index_ahead *row)
{
	*(unsigned *)arg += row->expedited;
	return 0;
}

static void a_person_wants_it_first(void **state)
{
	unsigned expedited = 0;

	(void)state;
	policy(false);
	put_docked(1, "1", "A");
	put_docked(2, "2", "B");
	put_held(1, 1, "A", KIND_CLIP, 10, T);
	put_held(2, 2, "B", KIND_LOG, 10, T);
	put_held(3, 2, "B", KIND_CLIP, 10, T);
	assert_int_equal(index_expedites(ix), 0);
	put_person("expedited", 1, "A", 1);
	EXPECT("one", 1, 2, 3);
	assert_int_equal(index_ahead(ix, "one", 8, count_expedited, &expedited), 3);
	assert_int_equal(expedited, 1);
	expedited = 0;
	assert_true(index_is_expedited(ix, 1));
	assert_false(index_is_expedited(ix, 2));
	assert_false(index_expedites_camera(ix, "A")); /* it is read already */
	put_person("expedited", 0, "B", 2);
	EXPECT("one", 1, 2, 3);
	assert_int_equal(index_ahead(ix, "one", 8, count_expedited, &expedited), 3);
	assert_int_equal(expedited, 3);
	assert_true(index_expedites_camera(ix, "B"));
	assert_true(index_is_expedited(ix, 3));
	/* what this docking brings is meant, what the next one brings is not */
	put_held(4, 2, "B", KIND_CLIP, 10, T + 5);
	put_docked(3, "2", "B");
	put_held(5, 3, "B", KIND_CLIP, 10, T + 6);
	assert_true(index_is_expedited(ix, 4));
	assert_false(index_is_expedited(ix, 5));
	reopen_index();
	assert_int_equal(index_expedites(ix), 2);
	/* in force until it is at both, as the policy asks */
	put_at("receipted", 1, "one");
	assert_true(index_is_expedited(ix, 1));
	put_at("receipted", 1, "two");
	assert_int_equal(index_expedites(ix), 1);
	for (uint64_t i = 2; i <= 4; i++) {
		put_at("receipted", i, "one");
		put_at("receipted", i, "two");
	}
	/* all that came is there, but its docking may bring more */
	assert_int_equal(index_expedites(ix), 1);
	begin("undocked", 0);
	record_number(&rec, "docking", 2);
	put();
	assert_int_equal(index_expedites(ix), 0);
	EXPECT("one", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(classes_and_days, setup_index, teardown_index),
		cmocka_unit_test_setup_teardown(
		    every_docking_has_its_say, setup_index, teardown_index),
		cmocka_unit_test_setup_teardown(cost_does_not_grow, setup_index, teardown_index),
		cmocka_unit_test_setup_teardown(one_is_enough, setup_index, teardown_index),
		cmocka_unit_test_setup_teardown(
		    a_person_wants_it_first, setup_index, teardown_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
