/*
 * checkpoint: what is signed, a death between any two steps, a damaged tree made anew, and a ledger,
 * checkpoint or key that is not the one that was signed.
 */
#define LEDGER_SEGMENT_BYTES 4096
#include "../../dockd/ledger.c"

#include "../../dockd/checkpoint.c"
#include "../../dockd/predecessor.h"
#include "folder.h"

#include <setjmp.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

static char dir[128], ledger_dir[160];
static struct journal *j;
static struct checkpoint *c;
static struct record rec;
static const char *die_at;

void handover(const char *name)
{
	if (die_at && strcmp(name, die_at) == 0)
		_exit(9);
}

static void drop(const char *folder, const char *name)
{
	char path[256];

	folder_path(path, folder, name);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	snprintf(ledger_dir, sizeof(ledger_dir), "%s/ledger", dir);
	return 0;
}

static void stop(void)
{
	checkpoint_close(c);
	journal_close(j);
	c = NULL;
	j = NULL;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	folder_drop(dir);
	return 0;
}

static int try_start(const char *station)
{
	struct checkpoint_settings settings = { dir, station, "", 1 };
	const char *why = "?";
	int rc = journal_open(dir, station, &j, &why);

	if (rc == 0)
		rc = checkpoint_open(&settings, j, &c, &why);
	return rc;
}

/* As main does it: the state, `began`, the commit. */
static void start(void)
{
	assert_int_equal(try_start("north"), 0);
	record_begin(&rec, "began");
	checkpoint_tell(c, &rec);
	assert_int_equal(journal_write(j, &rec), 0);
	assert_int_equal(journal_commit(j), 0);
}

static void write_some(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		record_begin(&rec, "exported");
		record_number(&rec, "asset", i + 1);
		record_number(&rec, "uid", 1000);
		assert_int_equal(journal_write(j, &rec), 0);
		if (i % 5 == 0)
			journal_commit(j);
	}
	journal_commit(j);
}

/* All that there is to do: the tree is whole, the full check has been through. */
static void settle_down(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		c->check_due_us = c->checking ? 0 : c->check_due_us;
		if (checkpoint_turn(c) == 0)
			break;
		assert_true(i < 999);
	}
	journal_commit(j);
}

static void run(unsigned records)
{
	start();
	write_some(records);
	settle_down();
	assert_string_equal(checkpoint_trouble(c), "");
	assert_int_equal(checkpoint_now(c), 0);
}

/* The newest note is good, and each record is provably under it. */
static void expect_good(void)
{
	static char line[RECORD_LINE_MAX];
	struct tlog_hash path[TLOG_DEPTH], leaf;
	struct tlog_checkpoint signed_one;
	const char *note = checkpoint_note(c), *why;
	size_t text_len, which;

	assert_string_equal(checkpoint_trouble(c), "");
	assert_int_equal(
	    note_open(note, strlen(note), checkpoint_key(c), 1, &text_len, &which, &why), 0);
	assert_int_equal(tlog_checkpoint_parse(note, text_len, &signed_one), 0);
	assert_string_equal(signed_one.origin, "dockd/north");
	assert_int_equal(signed_one.size, checkpoint_size(c));
	for (uint64_t seq = 1; seq <= signed_one.size; seq++) {
		int n = checkpoint_prove(c, seq, path);
		int len = ledger_line(journal_ledger(j), seq, line, sizeof(line));

		assert_true(n >= 0 && len > 0);
		tlog_leaf(line, (size_t)len, &leaf);
		assert_true(
		    tlog_is_in(signed_one.size, seq - 1, &leaf, path, (size_t)n, &signed_one.root));
	}
	assert_int_equal(checkpoint_prove(c, 0, path), -ENOENT);
	assert_int_equal(checkpoint_prove(c, signed_one.size + 1, path), -ENOENT);
}

static void expect_refused(const char *why)
{
	struct tlog_hash path[TLOG_DEPTH];
	uint64_t size = checkpoint_size(c);

	if (!strstr(checkpoint_trouble(c), why))
		fail_msg("\"%s\" is not in \"%s\"", why, checkpoint_trouble(c));
	assert_int_equal(checkpoint_now(c), -EKEYREJECTED);
	assert_true(checkpoint_prove(c, 1, path) < 0);
	write_some(3);
	settle_down();
	assert_int_equal(checkpoint_size(c), size);
	assert_non_null(strstr(checkpoint_trouble(c), "Nothing is taken in or erased"));
}

static void signs_what_is_committed(void **state)
{
	struct tlog_hash path[TLOG_DEPTH * 2], root;
	struct tlog_checkpoint old;
	int n;

	(void)state;
	run(60);
	assert_int_equal(checkpoint_size(c), 61);
	assert_int_equal(checkpoint_checked(c), 61);
	expect_good();
	old = c->newest;
	record_begin(&rec, "exported");
	journal_write(j, &rec);
	assert_int_equal(checkpoint_now(c), 0);
	assert_int_equal(checkpoint_size(c), 61); /* what is not on disk is not signed */
	stop();
	run(5);
	assert_int_equal(checkpoint_size(c), 67);
	expect_good();
	n = checkpoint_prove_growth(c, 61, path);
	assert_true(n > 0);
	root = c->newest.root;
	assert_true(tlog_has_grown(67, &root, 61, &old.root, path, (size_t)n));
	assert_int_equal(checkpoint_prove_growth(c, 68, path), -ENOENT);
}

/* Not more often than asked, and not without anything new. */
static void signs_as_often_as_it_may(void **state)
{
	uint64_t before;

	(void)state;
	run(1);
	before = c->signed_us;
	write_some(1);
	settle_down();
	assert_int_equal(checkpoint_size(c), 2);
	c->signed_us -= c->every_us;
	settle_down();
	assert_int_equal(checkpoint_size(c), 3);
	assert_true(c->signed_us > before);
	c->signed_us -= c->every_us;
	before = c->signed_us;
	settle_down();
	assert_int_equal(c->signed_us, before);
}

static void a_death_between_any_two_steps(void **state)
{
	static const char *const points[] = { "journal-append", "journal-committed",
		"checkpoint-tree", "checkpoint-written", "checkpoint-renamed" };

	(void)state;
	run(20);
	stop();
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			start();
			write_some(10);
			die_at = points[i];
			write_some(1);
			checkpoint_now(c);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
		run(3);
		expect_good();
		stop();
	}
}

/* The tree as a power cut may leave it, and worse: it is made anew, and nothing is refused. */
static void a_damaged_tree_is_made_anew(void **state)
{
	size_t whole;
	char *bytes;

	(void)state;
	run(40);
	stop();
	bytes = file_get(ledger_dir, "tree", &whole);
	for (size_t n = 0; n <= whole; n += n < 64 ? 3 : 113) {
		file_put(ledger_dir, "tree", bytes, n);
		assert_int_equal(try_start("north"), 0);
		settle_down();
		expect_good();
		stop();
	}
	for (size_t at = 0; at < whole; at += 47) {
		bytes[at] ^= 0x20;
		file_put(ledger_dir, "tree", bytes, whole);
		bytes[at] ^= 0x20;
		assert_int_equal(try_start("north"), 0);
		settle_down();
		expect_good();
		stop();
	}
	free(bytes);
}

/* The file of the n-th segment and its bytes. */
static char *segment(unsigned n, char name[64], size_t *size)
{
	uint64_t bytes;
	int fd = ledger_segment(journal_ledger(j), n, name, 64, &bytes);

	if (fd < 0)
		return NULL;
	close(fd);
	return file_get(ledger_dir, name, size);
}

static int full_check(void)
{
	struct ledger_check k;
	int rc =
	    ledger_check_begin(&k, journal_ledger(j), c->tree, c->newest.size, &c->newest.root);

	while (rc >= 0 && (rc = ledger_check_go(&k, 0)) > 0)
		;
	return rc;
}

/* Each byte of every segment that a step of a prime meets: found by the check, whatever it is. */
static void any_byte_changed_is_found(void **state)
{
	unsigned tried = 0;
	char name[64], *bytes;
	size_t size;

	(void)state;
	run(120);
	assert_int_equal(full_check(), 0);
	for (unsigned s = 0; (bytes = segment(s, name, &size)); s++) {
		char path[256];
		int fd;

		folder_path(path, ledger_dir, name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		for (size_t at = 0; at < size; at += 29, tried++) {
			char changed = (char)(bytes[at] ^ (1 << (at % 7)));

			assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
			assert_true(full_check() < 0);
			assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
		}
		close(fd);
		free(bytes);
	}
	assert_true(tried > 500);
	assert_int_equal(full_check(), 0);
}

static void drop_segments_after(const char *last)
{
	DIR *d = opendir(ledger_dir);
	struct dirent *e;

	while ((e = readdir(d))) {
		if (strstr(e->d_name, ".jsonl") && strcmp(e->d_name, last) > 0)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

/* The same through a start, at some places: refused by the start or by the check that follows. */
static void a_start_on_a_changed_ledger(void **state)
{
	char names[9][64], *bytes[9];
	size_t size[9];
	unsigned segments = 0, named = 0;

	(void)state;
	run(120);
	while ((bytes[segments] = segment(segments, names[segments], &size[segments])))
		segments++;
	stop();
	assert_in_range(segments, 3, 7);
	for (unsigned s = 0; s < segments; s++) {
		for (size_t at = 11; at < size[s]; at += 1321) {
			int rc;

			bytes[s][at] ^= 1;
			file_put(ledger_dir, names[s], bytes[s], size[s]);
			bytes[s][at] ^= 1;
			rc = try_start("north");
			if (rc == 0) {
				settle_down();
				named += strstr(checkpoint_trouble(c), "is not the one") != NULL;
				expect_refused("CONTRADICTS");
			} else {
				assert_int_equal(rc, -EBADMSG);
			}
			stop();
			for (unsigned k = 0; k < segments; k++)
				file_put(ledger_dir, names[k], bytes[k], size[k]);
			drop_segments_after(names[segments - 1]);
			drop(ledger_dir, "contradiction");
			drop(dir, "index.sqlite");
		}
	}
	assert_true(named > 5);
	for (unsigned s = 0; s < segments; s++)
		free(bytes[s]);
}

/* Removes records first to last of the newest segment. */
static void drop_lines(unsigned first, unsigned last)
{
	char name[64], *bytes, *from, *to;
	unsigned n = 0;
	size_t size;

	while ((bytes = segment(n, name, &size))) {
		n++;
		free(bytes);
	}
	bytes = segment(n - 1, name, &size);
	for (from = bytes; first > 1; first--, last--)
		from = strchr(from, '\n') + 1;
	for (to = from; last > 0; last--)
		to = strchr(to, '\n') + 1;
	memmove(from, to, (size_t)(bytes + size - to));
	file_put(ledger_dir, name, bytes, size - (size_t)(to - from));
	free(bytes);
}

/* Before any line is read again: the last signed line, and the stored root. */
static void the_start_itself_sees_the_end(void **state)
{
	char name[64], *bytes, *salt;
	size_t size;

	(void)state;
	run(5);
	bytes = segment(0, name, &size);
	stop();
	assert_int_equal(try_start("north"), 0);
	assert_string_equal(checkpoint_trouble(c), "");
	stop();
	salt = strstr(bytes + size - 150, "\"salt\":\"") + 8;
	*salt = *salt == '0' ? '1' : '0';
	file_put(ledger_dir, name, bytes, size);
	free(bytes);
	assert_int_equal(try_start("north"), 0);
	assert_string_not_equal(checkpoint_trouble(c), "");
	settle_down();
	expect_refused("its first 6 records are not those that were signed");
}

static void a_record_dropped(void **state)
{
	(void)state;
	run(20);
	drop_lines(5, 5);
	stop();
	assert_int_equal(try_start("north"), 0);
	settle_down();
	expect_refused("a record before number 21 is missing");
}

/* And it stays refused when as many records were written as there had been. */
static void the_tail_rolled_back(void **state)
{
	struct record seen;
	char line[RECORD_LINE_MAX];
	int n;

	(void)state;
	run(20);
	drop_lines(19, 21);
	stop();
	start();
	settle_down();
	n = ledger_line(journal_ledger(j), 20, line, sizeof(line));
	assert_true(n > 0);
	assert_int_equal(record_parse(line, (size_t)n, &seen), 0);
	assert_string_equal(record_type(&seen), "contradiction");
	expect_refused("it ends with record 18, but 21 records were signed");
	write_some(20);
	stop();
	start();
	expect_refused("it ends with record 18");
}

static void a_checkpoint_that_is_not_the_newest(void **state)
{
	char *old;
	size_t n;

	(void)state;
	run(10);
	old = file_get(ledger_dir, "checkpoint", &n);
	stop();
	run(10);
	stop();
	run(0); /* tells of the second one */
	stop();
	file_put(ledger_dir, "checkpoint", old, n);
	free(old);
	start();
	expect_refused("is older than the one that record 23 tells of");
	stop();
	for (int i = 0; i < 2; i++) { /* not even after a start without it */
		stop();
		drop(ledger_dir, "contradiction");
		drop(ledger_dir, "checkpoint");
		start();
		expect_refused("its checkpoint is gone");
	}
}

static void a_checkpoint_by_somebody_else(void **state)
{
	char text[300], note[CHECKPOINT_NOTE_MAX], path[256];
	struct note_signer *other;
	int fd;

	(void)state;
	run(10);
	folder_path(path, dir, "other.key");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(note_signer_make(fd, "dockd/north", &other), 0);
	close(fd);
	assert_true(tlog_checkpoint_format(&c->newest, text, sizeof(text)) > 0);
	assert_true(note_sign(other, text, note, sizeof(note)) > 0);
	note_signer_free(other);
	stop();
	file_put(ledger_dir, "checkpoint", note, strlen(note));
	start();
	expect_refused("signed by another key");
}

static void a_checkpoint_that_is_none(void **state)
{
	char *note;
	size_t n;

	(void)state;
	run(10);
	note = file_get(ledger_dir, "checkpoint", &n);
	stop();
	for (size_t at = 0; at < n; at += 3) {
		note[at] ^= 1;
		file_put(ledger_dir, "checkpoint", note, n);
		note[at] ^= 1;
		assert_int_equal(try_start("north"), 0);
		assert_non_null(strstr(checkpoint_trouble(c), "checkpoint"));
		stop();
		drop(ledger_dir, "contradiction");
	}
	file_put(ledger_dir, "checkpoint", note, n);
	free(note);
	run(1);
	expect_good();
}

static void keys_that_may_not_be_used(void **state)
{
	char path[256], aside[256];

	(void)state;
	run(3);
	stop();
	folder_path(path, dir, "station.key");
	folder_path(aside, dir, "aside");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(try_start("north"), -EPERM);
	stop();
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink("aside", path), 0);
	assert_int_equal(try_start("north"), -ELOOP);
	stop();
	unlink(path);
	file_put(dir, "station.key", "no key", 6);
	assert_int_equal(try_start("north"), -EINVAL);
	stop();
	/* gone: nothing is signed with a new one, and all is well when it is back */
	unlink(path);
	start();
	expect_refused("the station's key is gone");
	stop();
	assert_int_equal(rename(aside, path), 0);
	run(1);
	expect_good();
}

static void another_key(void **state)
{
	struct note_signer *other;
	char path[256], *right;
	size_t n;
	int fd;

	(void)state;
	run(3);
	stop();
	folder_path(path, dir, "station.key");
	right = file_get(dir, "station.key", &n);
	fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(note_signer_make(fd, "dockd/north", &other), 0);
	note_signer_free(other);
	close(fd);
	start();
	expect_refused("key is another than the one that record 1 tells of");
	stop();
	start();
	expect_refused("key is another than the one that record 5 tells of");
	stop();
	file_put(dir, "station.key", right, n);
	free(right);
	run(1);
	expect_good();
}

/* A ledger of the time before trees and salts: built, signed, checked, in the background. */
static void an_old_ledger(void **state)
{
	char text[4000];
	size_t n = 0;

	(void)state;
	mkdir(ledger_dir, 0700);
	for (int i = 1; i <= 30; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "{\"seq\":%d,\"time\":\"2026-01-01T00:00:00.000Z\",\"type\":\"ended\"}\n", i);
	file_put(ledger_dir, "0000000000000001.jsonl", text, n);
	run(2);
	assert_int_equal(checkpoint_size(c), 33);
	expect_good();
}

static void the_station_before(void **state)
{
	char *old, line[RECORD_LINE_MAX], path[256];
	const char *why;
	size_t size;
	int n;

	(void)state;
	run(3);
	old = file_get(ledger_dir, "checkpoint", &size);
	stop();
	folder_drop(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	file_put(dir, "north.checkpoint", old, size);
	folder_path(path, dir, "north.checkpoint");
	assert_int_equal(try_start("south"), 0);
	assert_int_equal(predecessor_cite(j, "west", path, &why), -EBADMSG);
	assert_int_equal(predecessor_cite(j, "north", dir, &why), -EISDIR);
	file_put(dir, "bad", old, size - 1);
	folder_path(path, dir, "bad");
	assert_int_equal(predecessor_cite(j, "north", path, &why), -EBADMSG);
	folder_path(path, dir, "north.checkpoint");
	assert_int_equal(predecessor_cite(j, "north", path, &why), 0);
	assert_int_equal(journal_commit(j), 0);
	n = ledger_line(journal_ledger(j), 1, line, sizeof(line));
	assert_true(n > 0);
	assert_int_equal(record_parse(line, (size_t)n, &rec), 0);
	assert_string_equal(record_type(&rec), "replaces");
	assert_string_equal(record_get_text(&rec, "checkpoint"), old);
	free(old);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signs_what_is_committed),
		TEST(signs_as_often_as_it_may),
		TEST(a_death_between_any_two_steps),
		TEST(a_damaged_tree_is_made_anew),
		TEST(any_byte_changed_is_found),
		TEST(a_start_on_a_changed_ledger),
		TEST(the_start_itself_sees_the_end),
		TEST(a_record_dropped),
		TEST(the_tail_rolled_back),
		TEST(a_checkpoint_that_is_not_the_newest),
		TEST(a_checkpoint_by_somebody_else),
		TEST(a_checkpoint_that_is_none),
		TEST(keys_that_may_not_be_used),
		TEST(another_key),
		TEST(an_old_ledger),
		TEST(the_station_before),
	};

	return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
