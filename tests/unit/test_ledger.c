/*
 * ledger: a power cut at any byte, segments, replay from any number, broken lines, a full disk.
 */
#define LEDGER_SEGMENT_BYTES 4096
#include "../../dockd/ledger.c"

#include "folder.h"

#include "../../dockd/ledger_read.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

static char dir[128];
static struct record rec;

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_drop(dir);
	return 0;
}

static struct ledger *begin(void)
{
	const char *why = "?";
	struct ledger *l;

	assert_int_equal(ledger_open(dir, &l, &why), 0);
	return l;
}

static uint64_t write_one(struct ledger *l, int64_t value)
{
	uint64_t seq = 0;

	record_begin(&rec, "test");
	record_number(&rec, "value", value);
	record_text(&rec, "path", "some/path/of/a clip.mp4");
	assert_int_equal(ledger_append(l, &rec, &seq), 0);
	return seq;
}

struct seen {
	uint64_t next;
	uint64_t stop;
};

static int see(void *arg, uint64_t seq, const struct record *r)
{
	struct seen *s = arg;

	assert_int_equal(seq, s->next++);
	assert_int_equal(record_get_number(r, "seq", 0), seq);
	assert_int_equal(record_get_number(r, "value", 0), seq * 10);
	assert_non_null(record_get_text(r, "time"));
	return seq == s->stop ? 77 : 0;
}

static void expect_replay(struct ledger *l, uint64_t from, uint64_t last)
{
	struct seen s = { from, 0 };

	assert_int_equal(ledger_replay(l, from, see, &s), 0);
	assert_int_equal(s.next, from > last ? from : last + 1);
}

static void numbers_and_commits(void **state)
{
	struct ledger *l = begin();

	(void)state;
	assert_int_equal(ledger_last(l), 0);
	assert_int_equal(ledger_commit(l), 0);
	assert_int_equal(write_one(l, 10), 1);
	assert_int_equal(write_one(l, 20), 2);
	assert_true(ledger_pending(l));
	assert_int_equal(ledger_last(l), 0);
	assert_int_equal(ledger_commit(l), 0);
	assert_int_equal(ledger_last(l), 2);
	assert_int_equal(write_one(l, 30), 3);
	ledger_close(l);
	l = begin();
	assert_int_equal(ledger_last(l), 2);
	expect_replay(l, 1, 2);
	ledger_close(l);
}

/* Each record has a salt of its own: two that say the same have different hashes. */
static void salted(void **state)
{
	struct ledger *l = begin();
	char line[2][RECORD_LINE_MAX], salt[2][40];

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct record r;
		int n;

		write_one(l, 10);
		ledger_commit(l);
		n = ledger_line(l, i + 1, line[i], sizeof(line[i]));
		assert_true(n > 0);
		assert_int_equal(record_parse(line[i], (size_t)n, &r), 0);
		assert_int_equal(strlen(record_get_text(&r, "salt")), 32);
		snprintf(salt[i], sizeof(salt[i]), "%s", record_get_text(&r, "salt"));
	}
	assert_string_not_equal(salt[0], salt[1]);
	ledger_close(l);
}

static int see_line(void *arg, uint64_t seq, const char *line, size_t len)
{
	uint64_t *next = arg;
	struct record r;

	assert_int_equal(seq, (*next)++);
	assert_int_equal(record_parse(line, len, &r), 0);
	assert_int_equal(record_get_number(&r, "seq", 0), seq);
	return 0;
}

static uint64_t walk(struct ledger *l, struct ledger_cursor *c, uint64_t last)
{
	uint64_t next = c->next;
	int n;

	while ((n = ledger_cursor_read(l, c, last, see_line, &next)) > 0)
		;
	assert_int_equal(n, 0);
	assert_int_equal(next, c->next);
	return c->next;
}

/* From any record, over segments, to any record, and on when more was written. */
static void cursors(void **state)
{
	struct ledger *l = begin();
	struct ledger_cursor c, follower;

	(void)state;
	assert_int_equal(ledger_cursor_begin(l, &follower, 1), 0);
	assert_int_equal(walk(l, &follower, UINT64_MAX), 1);
	for (int64_t i = 1; i <= 100; i++) {
		write_one(l, i * 10);
		if (i % 7 == 0)
			assert_int_equal(walk(l, &follower, UINT64_MAX), ledger_last(l) + 1);
		if (i % 3 == 0)
			ledger_commit(l);
	}
	ledger_commit(l);
	assert_true(l->segments > 3);
	assert_int_equal(walk(l, &follower, UINT64_MAX), 101);
	for (uint64_t from = 1; from <= 101; from++) {
		assert_int_equal(ledger_cursor_begin(l, &c, from), 0);
		assert_int_equal(c.next, from);
		assert_int_equal(walk(l, &c, 60), from > 60 ? from : 61);
		assert_int_equal(walk(l, &c, UINT64_MAX), 101);
	}
	ledger_close(l);
}

/* Cut at each byte: what was whole is there, the next record follows it, nothing else. */
static void torn_at_every_byte(void **state)
{
	static const char name[] = "0000000000000001.jsonl";
	struct ledger *l = begin();
	uint64_t ends[6] = { 0 };
	char *bytes;
	size_t n;

	(void)state;
	for (uint64_t i = 1; i <= 5; i++) {
		write_one(l, (int64_t)i * 10);
		ledger_commit(l);
		ends[i] = l->size_bytes;
	}
	ledger_close(l);
	bytes = file_get(dir, name, &n);
	for (size_t cut = 0; cut <= n; cut++) {
		uint64_t whole = 0;

		while (whole < 5 && ends[whole + 1] <= cut)
			whole++;
		file_put(dir, name, bytes, cut);
		l = begin();
		assert_int_equal(ledger_last(l), whole);
		assert_int_equal(l->size_bytes, ends[whole]);
		assert_int_equal(write_one(l, (int64_t)(whole + 1) * 10), whole + 1);
		assert_int_equal(ledger_commit(l), 0);
		expect_replay(l, 1, whole + 1);
		ledger_close(l);
	}
	free(bytes);
}

/* A block that never reached the disk reads as NULs, with or without a newline after it. */
static void torn_with_nuls(void **state)
{
	static const char name[] = "0000000000000001.jsonl";
	struct ledger *l = begin();
	char *bytes, longer[9000];
	size_t n;

	(void)state;
	write_one(l, 10);
	ledger_commit(l);
	ledger_close(l);
	bytes = file_get(dir, name, &n);
	for (int newline = 0; newline < 2; newline++) {
		memcpy(longer, bytes, n);
		memset(longer + n, 0, 6000);
		longer[n + 100] = newline ? '\n' : '\0';
		longer[n + 5999] = newline ? '\n' : '\0';
		file_put(dir, name, longer, n + 6000);
		l = begin();
		assert_int_equal(ledger_last(l), 1);
		assert_int_equal(l->size_bytes, n);
		ledger_close(l);
	}
	free(bytes);
}

static void broken_lines(void **state)
{
	static const char name[] = "0000000000000001.jsonl";
	struct ledger *l = begin();
	struct seen s = { 1, 0 };
	const char *why = "";
	char *bytes, *second, *last;
	size_t n;

	(void)state;
	for (int64_t i = 1; i <= 4; i++)
		write_one(l, i * 10);
	ledger_commit(l);
	ledger_close(l);
	bytes = file_get(dir, name, &n);
	second = strchr(bytes, '\n') + 1;
	second[3] ^= 1;
	file_put(dir, name, bytes, n);
	l = begin();
	assert_int_equal(ledger_last(l), 4);
	assert_int_equal(ledger_replay(l, 1, see, &s), -EBADMSG);
	assert_int_equal(s.next, 2);
	assert_string_equal(ledger_why(l), "ledger/0000000000000001.jsonl line 2 cannot be read");
	ledger_close(l);
	second[3] ^= 1;
	bytes[n - 1] = '\0';
	last = strrchr(bytes, '\n') + 1;
	bytes[n - 1] = '\n';
	last[3] ^= 1;
	file_put(dir, name, bytes, n);
	assert_int_equal(ledger_open(dir, &l, &why), -EBADMSG);
	assert_string_equal(why, "ledger/0000000000000001.jsonl line 4 cannot be read");
	free(bytes);
}

/* Two good lines exchanged: each can be read, the order cannot be right. */
static void order_matters(void **state)
{
	static const char name[] = "0000000000000001.jsonl";
	struct ledger *l = begin();
	struct seen s = { 1, 0 };
	char *bytes, *lines[5], swapped[2000];
	size_t n, at = 0;

	(void)state;
	for (int64_t i = 1; i <= 4; i++)
		write_one(l, i * 10);
	ledger_commit(l);
	ledger_close(l);
	bytes = file_get(dir, name, &n);
	lines[0] = bytes;
	for (int i = 1; i < 5; i++)
		lines[i] = strchr(lines[i - 1], '\n') + 1;
	for (int i = 0; i < 4; i++) {
		int from = i == 1 ? 2 : i == 2 ? 1 : i;

		memcpy(swapped + at, lines[from], (size_t)(lines[from + 1] - lines[from]));
		at += (size_t)(lines[from + 1] - lines[from]);
	}
	file_put(dir, name, swapped, n);
	l = begin();
	assert_int_equal(ledger_replay(l, 1, see, &s), -EBADMSG);
	assert_int_equal(s.next, 2);
	ledger_close(l);
	free(bytes);
}

static void segments(void **state)
{
	struct ledger *l = begin();
	struct seen s = { 1, 60 };
	uint64_t size, total = 0;
	char name[64];
	int fd;

	(void)state;
	for (int64_t i = 1; i <= 500; i++) {
		write_one(l, i * 10);
		if (i % 3 == 0)
			assert_int_equal(ledger_commit(l), 0);
	}
	assert_int_equal(ledger_commit(l), 0);
	assert_true(l->segments > 5);
	ledger_close(l);
	l = begin();
	assert_int_equal(ledger_last(l), 500);
	for (uint64_t from = 1; from <= 502; from++)
		expect_replay(l, from, 500);
	assert_int_equal(ledger_replay(l, 1, see, &s), 77);
	assert_int_equal(s.next, 61);
	for (uint64_t i = 0; i < l->segments; i++) {
		fd = ledger_segment(l, i, name, sizeof(name), &size);
		assert_true(fd >= 0);
		assert_int_equal(strtoull(name, NULL, 10), l->segment[i]);
		assert_int_equal(lseek(fd, 0, SEEK_END), size);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		close(fd);
		total += size;
	}
	assert_true(total > 500 * 80);
	assert_int_equal(ledger_segment(l, l->segments, name, sizeof(name), &size), -ENOENT);
	ledger_close(l);
}

/* A long segment: replay must find its place, not read from the start. */
static void replay_seeks(void **state)
{
	struct ledger *l = begin();

	(void)state;
	for (int64_t i = 1; i <= 20000; i++)
		write_one(l, i * 10);
	assert_int_equal(ledger_commit(l), 0);
	assert_int_equal(l->segments, 1);
	for (uint64_t from = 1; from <= 20001; from += 997) {
		uint64_t at = segment_seek(l, l->fd, from, l->size_bytes);

		assert_true(at + 3 * READ_BYTES > (from - 1) * l->size_bytes / 20000);
		expect_replay(l, from, 20000);
	}
	ledger_close(l);
}

/* Died after the new segment was made and before its first record. */
static void empty_last_segment(void **state)
{
	struct ledger *l = begin();
	char name[NAME_LEN];

	(void)state;
	for (int64_t i = 1; i <= 100; i++)
		write_one(l, i * 10);
	ledger_commit(l);
	ledger_close(l);
	segment_name(101, name);
	file_put(dir, name, "", 0);
	l = begin();
	assert_int_equal(ledger_last(l), 100);
	assert_int_equal(write_one(l, 1010), 101);
	ledger_commit(l);
	expect_replay(l, 90, 101);
	ledger_close(l);
	segment_name(150, name);
	file_put(dir, name, "", 0);
	assert_int_equal(ledger_open(dir, &l, NULL), -EBADMSG);
}

static void single_lines(void **state)
{
	char line[RECORD_LINE_MAX];
	struct ledger *l = begin();

	(void)state;
	for (int64_t i = 1; i <= 300; i++) {
		write_one(l, i * 10);
		if (i % 7 == 0)
			assert_int_equal(ledger_commit(l), 0);
	}
	assert_true(l->segments > 3);
	for (uint64_t i = 1; i <= 294; i++) {
		int n = ledger_line(l, i, line, sizeof(line));

		assert_true(n > 0);
		assert_int_equal(record_parse(line, (size_t)n, &rec), 0);
		assert_int_equal(record_get_number(&rec, "seq", 0), i);
		assert_int_equal(record_get_number(&rec, "value", 0), 10 * i);
	}
	assert_int_equal(ledger_line(l, 1, line, 20), -ENOSPC);
	assert_int_equal(ledger_line(l, 0, line, sizeof(line)), -ENOENT);
	assert_int_equal(ledger_line(l, 295, line, sizeof(line)), -ENOENT); /* not committed */
	ledger_close(l);
}

static void missing_segment(void **state)
{
	struct seen s = { 1, 0 };
	struct ledger *l = begin();
	char name[NAME_LEN], path[256];

	(void)state;
	for (int64_t i = 1; i <= 200; i++) {
		write_one(l, i * 10);
		ledger_commit(l);
	}
	assert_true(l->segments > 3);
	segment_name(l->segment[1], name);
	ledger_close(l);
	folder_path(path, dir, name);
	unlink(path);
	l = begin();
	assert_int_equal(ledger_replay(l, 1, see, &s), -EBADMSG);
	assert_non_null(strstr(ledger_why(l), "missing"));
	ledger_close(l);
}

/* More than its buffer between two commits: written early, committed once. */
static void large_commit(void **state)
{
	struct ledger *l = begin();

	(void)state;
	for (int64_t i = 1; i <= 5000; i++)
		write_one(l, i * 10);
	assert_true(l->written_bytes > 0);
	assert_int_equal(l->size_bytes, 0);
	expect_replay(l, 1, 0);
	assert_int_equal(ledger_commit(l), 0);
	expect_replay(l, 1, 5000);
	ledger_close(l);
}

static void refuses_what_does_not_fit(void **state)
{
	struct ledger *l = begin();
	uint64_t seq;

	(void)state;
	record_begin(&rec, "t");
	record_number(&rec, "seq", 1);
	assert_int_equal(ledger_append(l, &rec, &seq), -EOVERFLOW);
	assert_int_equal(write_one(l, 10), 1);
	assert_int_equal(ledger_commit(l), 0);
	expect_replay(l, 1, 1);
	ledger_close(l);
}

/* A write fails in the middle: broken for good, and the next start cuts what came of it. */
static void full_disk(void **state)
{
	struct rlimit was, low;
	struct ledger *l = begin();
	uint64_t seq;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	write_one(l, 10);
	assert_int_equal(ledger_commit(l), 0);
	getrlimit(RLIMIT_FSIZE, &was);
	low = was;
	low.rlim_cur = l->size_bytes + 30;
	setrlimit(RLIMIT_FSIZE, &low);
	write_one(l, 20);
	assert_int_equal(ledger_commit(l), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(ledger_commit(l), -EIO);
	record_begin(&rec, "t");
	assert_int_equal(ledger_append(l, &rec, &seq), -EIO);
	assert_int_equal(ledger_last(l), 1);
	ledger_close(l);
	l = begin();
	assert_int_equal(ledger_last(l), 1);
	assert_int_equal(write_one(l, 20), 2);
	ledger_commit(l);
	expect_replay(l, 1, 2);
	ledger_close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_and_commits),
		TEST(salted),
		TEST(cursors),
		TEST(torn_at_every_byte),
		TEST(torn_with_nuls),
		TEST(broken_lines),
		TEST(order_matters),
		TEST(segments),
		TEST(replay_seeks),
		TEST(empty_last_segment),
		TEST(single_lines),
		TEST(missing_segment),
		TEST(large_commit),
		TEST(refuses_what_does_not_fit),
		TEST(full_disk),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
