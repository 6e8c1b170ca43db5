/*
 * dockctl ledger: a ledger as it was signed is good; any byte of it changed, a record dropped, the
 * end rolled back, another past: refused, with file and line where that can be told.
 */
#include "../../dockd/ctl_ledger.h"

#define main ctl_main
int ctl_main(int argc, char **argv);
#include "../../dockd/ctl.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proof_ledger.h"

static char dir[128];
static struct record rec;
static struct ledger_verdict v;

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	lines_n = 0;
	new_signer("north");
	for (unsigned i = 1; i <= 21; i++) {
		record_begin(&rec, i % 3 ? "found" : "docked");
		record_number(&rec, i % 3 ? "asset" : "docking", i);
		record_text(&rec, "path", "clip \"1\" \xc3\xa4");
		add_line(&rec);
	}
	put_lines(dir, "0000000000000001.jsonl", 1, 9);
	put_lines(dir, "0000000000000010.jsonl", 10, 21);
	sign_lines(19, checkpoint_text, sizeof(checkpoint_text));
	file_put(dir, "checkpoint", checkpoint_text, strlen(checkpoint_text));
	file_put(dir, "key", vkey, strlen(vkey));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_drop(dir);
	return 0;
}

static bool check(const char *key, const char *against)
{
	struct ledger_wish wish = { .key = key, .against = against };
	struct records *r;

	assert_int_equal(records_open(dir, &r), 0);
	assert_int_equal(ledger_verify(r, &wish, &v), 0);
	records_close(r);
	return v.good;
}

static void expect_problem(const char *words)
{
	assert_false(check(vkey, NULL));
	if (!strstr(v.problem, words))
		fail_msg("\"%s\" says not: %s", v.problem, words);
}

static void good(void **state)
{
	(void)state;
	assert_true(check(NULL, NULL));
	assert_false(v.key_given);
	assert_true(check(vkey, NULL));
	assert_true(v.key_given);
	assert_int_equal(v.records, 21);
	assert_int_equal(v.checkpoint.size, 19);
	assert_string_equal(v.first, "2026-11-21T12:00:00.000Z");
	assert_string_equal(v.last, "2026-11-21T12:00:20.000Z");
	assert_string_equal(v.problem, "");
}

/* All bytes under the checkpoint, and those of the checkpoint and of the key. */
static void every_byte_changed(void **state)
{
	static const char *const files[] = { "0000000000000001.jsonl", "0000000000000010.jsonl",
		"checkpoint" };
	unsigned refused = 0;

	(void)state;
	for (size_t f = 0; f < 3; f++) {
		size_t n, last;
		char *bytes = file_get(dir, files[f], &n);

		last = f == 1 ? n - strlen(lines[19]) - strlen(lines[20]) : n;
		for (size_t i = 0; i < last; i++) {
			char was = bytes[i];

			bytes[i] = (char)(was ^ (1 << i % 7));
			file_put(dir, files[f], bytes, n);
			if (check(vkey, NULL))
				fail_msg("%s byte %zu: taken for good", files[f], i);
			assert_true(v.problem[0]);
			refused++;
			bytes[i] = was;
		}
		file_put(dir, files[f], bytes, n);
		free(bytes);
	}
	assert_true(refused > 2500);
	assert_true(check(vkey, NULL));
}

static void dropped(void **state)
{
	(void)state;
	put_lines(dir, "0000000000000001.jsonl", 1, 8);
	expect_problem("records 9 to 9 are missing");
	put_lines(dir, "0000000000000001.jsonl", 2, 9);
	expect_problem("0000000000000001.jsonl line 1: record 1 is missing: here is number 2");
	put_lines(dir, "0000000000000001.jsonl", 1, 9);
	put_lines(dir, "0000000000000010.jsonl", 10, 18);
	expect_problem("records 19 to 19 are missing: the station has signed 19");
	put_lines(dir, "0000000000000010.jsonl", 10, 19);
	assert_true(check(vkey, NULL));
	file_put(dir, "0000000000000010.jsonl", lines[9], strlen(lines[9]) - 1);
	expect_problem("its end is missing");
}

static void order_and_form(void **state)
{
	char two[1400];

	(void)state;
	snprintf(two, sizeof(two), "%s%s", lines[10], lines[9]);
	file_put(dir, "0000000000000010.jsonl", two, strlen(two));
	expect_problem("record 10 is missing: here is number 11");
	file_put(dir, "0000000000000010.jsonl", "{}\n", 3);
	expect_problem("0000000000000010.jsonl line 1: this is no record");
	snprintf(two, sizeof(two), " %s", lines[9]);
	file_put(dir, "0000000000000010.jsonl", two, strlen(two));
	expect_problem("this is no record");
}

static void grown_and_rolled_back(void **state)
{
	char earlier[2048], later[2048];

	(void)state;
	sign_lines(7, earlier, sizeof(earlier));
	assert_true(check(vkey, earlier));
	assert_int_equal(v.against.size, 7);
	/* the station was set back to record 19 and went on */
	sign_lines(21, later, sizeof(later));
	put_lines(dir, "0000000000000010.jsonl", 10, 19);
	assert_true(check(vkey, NULL));
	assert_false(check(vkey, later));
	assert_non_null(strstr(v.problem, "rolled back"));
	/* it went on with other records */
	lines_n = 19;
	for (unsigned i = 0; i < 5; i++) {
		record_begin(&rec, "other");
		add_line(&rec);
	}
	put_lines(dir, "0000000000000010.jsonl", 10, 24);
	sign_lines(24, checkpoint_text, sizeof(checkpoint_text));
	file_put(dir, "checkpoint", checkpoint_text, strlen(checkpoint_text));
	assert_true(check(vkey, earlier));
	assert_false(check(vkey, later));
	assert_non_null(strstr(v.problem, "another past"));
}

static void keys(void **state)
{
	char mine[NOTE_VKEY_LEN], again[NOTE_VKEY_LEN], path[256];

	(void)state;
	memcpy(mine, vkey, sizeof(mine));
	new_signer("north");
	assert_false(check(vkey, NULL));
	assert_non_null(strstr(v.problem, "not signed by the key"));
	/* signed anew by somebody else: told only by the key that one knows */
	sign_lines(19, checkpoint_text, sizeof(checkpoint_text));
	file_put(dir, "checkpoint", checkpoint_text, strlen(checkpoint_text));
	file_put(dir, "key", vkey, strlen(vkey));
	assert_true(check(NULL, NULL));
	assert_false(check(mine, NULL));
	folder_path(path, dir, "key");
	assert_int_equal(ledger_key(path, again), 0);
	assert_string_equal(again, vkey);
	assert_true(ledger_key("north+00000000+AAAA", again) < 0);
	unlink(path);
	assert_false(check(NULL, NULL));
	folder_path(path, dir, "checkpoint");
	unlink(path);
	expect_problem("no checkpoint");
}

static void shipped_pieces(void **state)
{
	char path[256];

	(void)state;
	folder_path(path, dir, "0000000000000001.jsonl");
	unlink(path);
	folder_path(path, dir, "0000000000000010.jsonl");
	unlink(path);
	put_lines(dir, "ledger-0000000000000001-0000000000000007.jsonl", 1, 7);
	put_lines(dir, "ledger-0000000000000008-0000000000000009.jsonl", 8, 9);
	put_lines(dir, "ledger-0000000000000008-0000000000000012.jsonl", 8, 12);
	put_lines(dir, "ledger-0000000000000013-0000000000000021.jsonl", 13, 21);
	assert_true(check(vkey, NULL));
	put_lines(dir, "ledger-0000000000000013-0000000000000021.jsonl", 13, 20);
	expect_problem("does not end");
	folder_path(path, dir, "ledger-0000000000000013-0000000000000021.jsonl");
	unlink(path);
	expect_problem("records 13 to 19 are missing");
}

static void proofs(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 21; size++) {
		sign_lines(size, checkpoint_text, sizeof(checkpoint_text));
		file_put(dir, "checkpoint", checkpoint_text, strlen(checkpoint_text));
		for (uint64_t seq = 1; seq <= size; seq++) {
			struct ledger_wish wish = { .key = vkey, .prove = seq };
			struct tlog_hash leaf;
			struct records *r;

			assert_int_equal(records_open(dir, &r), 0);
			assert_int_equal(ledger_verify(r, &wish, &v), 0);
			records_close(r);
			assert_true(v.good);
			tlog_leaf(lines[seq - 1], strlen(lines[seq - 1]) - 1, &leaf);
			assert_true(
			    tlog_is_in(size, seq - 1, &leaf, v.path, v.path_n, &v.checkpoint.root));
		}
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good),
		TEST(every_byte_changed),
		TEST(dropped),
		TEST(order_and_form),
		TEST(grown_and_rolled_back),
		TEST(keys),
		TEST(shipped_pieces),
		TEST(proofs),
	};

	return cmocka_run_group_tests_name("ctl_ledger", tests, NULL, NULL);
}
