/*
 * index_proof: what names an asset or a docking, what makes a bundle due and what does not, and how
 * far the ledger has got at a destination.
 */
#include "../../dockd/index_inner.h"
#include "../../dockd/index_proof.h"

#include "fresh_index.h"

#include <errno.h>

static void put(void)
{
	apply_at(APPLY_FROM_S);
}

static void expect(enum mention what, uint64_t number, const char *wanted)
{
	uint64_t page[2], after = 0;
	char text[200] = "";
	int n;

	while ((n = index_mentions(ix, what, number, after, page, 2)) > 0) {
		for (int i = 0; i < n; i++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ",
			    (unsigned)page[i]);
		after = page[n - 1];
	}
	assert_int_equal(n, 0);
	assert_string_equal(text, wanted);
}

static void due(const char *destination, uint64_t after, uint64_t upto, uint64_t wanted)
{
	uint64_t asset = 0;
	int rc = index_to_bundle(ix, destination, after, upto, &asset);

	assert_int_equal(rc, wanted ? 0 : -ENOENT);
	assert_int_equal(asset, wanted);
}

static void put_bundled(uint64_t asset, const char *destination, uint64_t upto)
{
	begin("bundled", asset);
	record_text(&rec, "destination", destination);
	record_number(&rec, "upto", (int64_t)upto);
	record_text(&rec, "object", "x");
	put();
}

static void put_result(const char *type, uint64_t asset, const char *result)
{
	begin(type, asset);
	record_text(&rec, "result", result);
	put();
}

static void what_names_what(void **state)
{
	(void)state;
	put_docked(7, "bay", "CAM");                       /* 1 2 */
	put_found(1, 7, "CAM", KIND_CLIP, "a", 100, 1000); /* 3 */
	put_found(2, 7, "CAM", KIND_CLIP, "b", 100, 1000); /* 4 */
	put_pull(1, 7, 0);                                 /* 5 */
	put_durable(1, 50);                                /* 6: names nothing */
	put_staged(1, 100);                                /* 7 */
	put_checked(1, "id");                              /* 8 */
	put_staged(2, 100);                                /* 9 */
	put_checked(2, "id");                              /* 10 */
	put_merged(2, 1);                                  /* 11 */
	put_at("receipted", 1, "one");                     /* 12 */
	put_bundled(1, "one", 12);                         /* 13: names nothing */
	begin("audited", 2);                               /* 14: the report, and the docking */
	record_number(&rec, "docking", 7);
	record_text(&rec, "camera", "CAM");
	record_number(&rec, "logs", 0);
	record_number(&rec, "lines", 0);
	record_number(&rec, "damaged", 0);
	record_number(&rec, "findings", 0);
	record_number(&rec, "opaque", 0);
	put();
	expect(MENTION_ASSET, 1, "3 5 7 8 11 12 ");
	expect(MENTION_ASSET, 2, "4 9 10 11 14 ");
	expect(MENTION_DOCKING, 7, "1 2 14 ");
	expect(MENTION_ASSET, 7, "");
	assert_int_equal(index_told(ix), 14);
}

static void what_makes_a_bundle_due(void **state)
{
	(void)state;
	put_docked(7, "bay", "CAM");
	put_found(1, 7, "CAM", KIND_CLIP, "a", 1, 1000);
	put_found(2, 7, "CAM", KIND_CLIP, "b", 1, 1000);
	put_staged(1, 1);
	put_checked(1, "id");
	put_staged(2, 1);
	put_checked(2, "id");
	put_merged(2, 1); /* 9 */
	due("one", 0, 100, 0);
	put_at("receipted", 1, "one"); /* 10 */
	put_at("receipted", 1, "two"); /* 11 */
	due("one", 0, 9, 0);           /* not yet under the checkpoint */
	due("one", 0, 10, 1);
	due("one", 1, 100, 0);
	due("two", 0, 100, 1);
	put_bundled(1, "one", 11); /* 12 */
	due("one", 0, 100, 0);
	due("two", 0, 100, 1);
	put_result("signature", 1, "valid"); /* 13 */
	due("one", 0, 100, 1);
	put_bundled(1, "one", 12); /* one that was made before: does not do */
	due("one", 0, 100, 1);
	put_bundled(1, "one", 13);
	due("one", 0, 100, 0);
	put_result("erased", 2, "done"); /* of what was merged into it */
	due("one", 0, 100, 1);
	put_bundled(1, "one", seq);
	put_bundled(1, "two", seq);
	put_at("refused", 1, "two");
	due("one", 0, 100, 0);
	due("two", 0, 100, 0);
}

static void how_far_it_got(void **state)
{
	char path[256];
	uint64_t to = 9;

	(void)state;
	put_docked(7, "bay", "CAM");
	assert_int_equal(index_shipped(ix, "one", &to), 0);
	assert_int_equal(to, 0);
	for (int i = 1; i <= 2; i++) {
		begin("shipped", 0);
		record_text(&rec, "destination", "one");
		record_number(&rec, "from", i);
		record_number(&rec, "to", i);
		record_text(&rec, "object", "x");
		put();
	}
	assert_int_equal(index_told(ix), 2);
	assert_int_equal(index_commit(ix), 0);
	index_close(ix);
	folder_path(path, dir, "index.sqlite");
	assert_int_equal(index_open(path, &ix), 0);
	assert_int_equal(index_told(ix), 2);
	assert_int_equal(index_shipped(ix, "one", &to), 0);
	assert_int_equal(to, 2);
	assert_int_equal(index_shipped(ix, "two", &to), 0);
	assert_int_equal(to, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_index, teardown_index)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_names_what),
		TEST(what_makes_a_bundle_due),
		TEST(how_far_it_got),
	};

	return cmocka_run_group_tests_name("index_proof", tests, NULL, NULL);
}
