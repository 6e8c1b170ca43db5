/*
 * bundle: which records it holds, that each is proved, that nothing else is in it, and that it
 * stays small where there are many.
 */
#include "../../dockd/bundle.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bundle_ledger.h"

static struct bundle bundle;

static int setup(void **state)
{
	(void)state;
	open_ledger();
	tree = (struct bundle_tree){
		.station = "north",
		.key = "north+11111111+AAAA",
		.checkpoint = "north\n7\nAAAA\n\n\xe2\x80\x94 north AAAA\n",
		.prove = prove_one,
	};
	bundle.fd = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (bundle.fd >= 0)
		close(bundle.fd);
	close_ledger();
	return 0;
}

/* All that is committed is under the checkpoint. */
static void commit(void)
{
	struct tlog_edge edge;

	grow_tree(&edge);
}

static char *make_bundle(uint64_t asset, size_t *n)
{
	unsigned char digest[32];
	char *bytes;

	if (bundle.fd >= 0)
		close(bundle.fd);
	bytes = bundle_bytes(asset, &bundle);
	*n = bundle.size_bytes;
	assert_int_equal(write(bundle.fd, "x", 1), -1);
	assert_int_equal(EVP_Digest(bytes, *n, digest, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(digest, bundle.sha256, 32);
	return bytes;
}

/* Numbers of the records that it holds, as text; each line canonical, each with its own proof. */
static void expect(uint64_t asset, const char *wanted)
{
	char got[4000] = "", *bytes, *line, *rest;
	struct tlog_hash leaf, root, path[TLOG_DEPTH];
	static struct record r;
	size_t n, len = 0;
	unsigned records = 0;
	int64_t seq = 0;

	assert_int_equal(tlog_root(tree.size, read_kept, NULL, &root), 0);
	bytes = make_bundle(asset, &n);
	rest = bytes;
	while ((line = strsep(&rest, "\n")) && *line) {
		assert_int_equal(record_parse(line, strlen(line), &r), 0);
		if (strcmp(record_type(&r), "proof") == 0) {
			const char *p = record_get_text(&r, "path");
			size_t hashes = 0;

			for (; *p; p += 44 + (p[44] == ' '))
				assert_int_equal(base64_read(p, 44, path[hashes++].bytes, 32), 32);
			assert_int_equal(record_get_number(&r, "index", -1), seq - 1);
			assert_true(
			    tlog_is_in(tree.size, (uint64_t)seq - 1, &leaf, path, hashes, &root));
		} else if (strcmp(record_type(&r), "bundle") == 0) {
			assert_int_equal(record_get_number(&r, "asset", 0), asset);
			assert_int_equal(record_get_number(&r, "omitted", -1), bundle.omitted);
			assert_string_equal(record_get_text(&r, "checkpoint"), tree.checkpoint);
		} else if (strcmp(record_type(&r), "end") != 0) {
			seq = record_get_number(&r, "seq", 0);
			len = strlen(line);
			tlog_leaf(line, len, &leaf);
			records++;
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d ", (int)seq);
		}
	}
	assert_null(rest ? (*rest ? rest : NULL) : NULL);
	free(bytes);
	assert_int_equal(records, bundle.records);
	if (wanted)
		assert_string_equal(got, wanted);
}

static void what_it_holds(void **state)
{
	uint64_t seq;

	(void)state;
	record_begin(&rec, "began");
	put();                                             /* 1 */
	put_docked(1, "bay", "CAM");                       /* 2 3 */
	put_docked(2, "other", "CAM-2");                   /* 4 5 */
	put_found(1, 1, "CAM", KIND_CLIP, "a", 100, 1000); /* 6 */
	put_found(2, 1, "CAM", KIND_CLIP, "b", 100, 1000); /* 7 */
	put_durable(1, 50);                                /* 8 */
	put_staged(1, 100);                                /* 9 */
	put_checked(1, "id");                              /* 10 */
	put_staged(2, 100);                                /* 11 */
	put_checked(2, "id");                              /* 12 */
	assert_int_equal(ledger_commit(led), 0);
	tree.size = 0;
	assert_int_equal(bundle_make(ix, led, &tree, 1, &bundle), -ENOENT);
	commit();
	expect(1, "2 3 6 9 10 ");
	expect(2, "2 3 7 11 12 ");
	put_merged(2, 1);              /* 13 */
	put_at("receipted", 1, "one"); /* 14 */
	commit();
	expect(1, "2 3 6 7 9 10 11 12 13 14 ");
	tree.size = 9; /* an earlier checkpoint: what came later is not in it */
	expect(1, "2 3 6 7 9 ");
	assert_int_equal(bundle_make(ix, led, &tree, 3, &bundle), -ENOENT);
	bundle.fd = -1;
	record_begin(&rec, "ended");
	assert_int_equal(ledger_append(led, &rec, &seq), 0);
}

static void many_records(void **state)
{
	char wanted[4000] = "";

	(void)state;
	put_docked(1, "bay", "CAM");                       /* 1 2 */
	put_found(1, 1, "CAM", KIND_CLIP, "a", 100, 1000); /* 3 */
	put_staged(1, 100);
	put_checked(1, "id");
	for (unsigned i = 0; i < 1000; i++)
		put_at("refused", 1, "one"); /* 6 .. 1005 */
	commit();
	for (unsigned i = 1; i <= BUNDLE_RECORDS / 2; i++)
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%u ", i);
	for (unsigned i = 1005 - BUNDLE_RECORDS / 2 + 1; i <= 1005; i++)
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%u ", i);
	expect(1, wanted);
	assert_int_equal(bundle.records, BUNDLE_RECORDS);
	assert_int_equal(bundle.omitted, 1005 - BUNDLE_RECORDS);
	assert_true(bundle.size_bytes < 1 << 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_holds),
		TEST(many_records),
	};

	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
