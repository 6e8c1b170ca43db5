/*
 * staging: sealing only what nobody can write, cutting, setting aside, seeding, space.
 */
#include "../../dockd/staging.c"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

static char dir[128];
static struct staging *s;

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	return staging_open(dir, 1 << 20, &s);
}

static int teardown(void **state)
{
	(void)state;
	staging_close(s);
	folder_drop(dir);
	return 0;
}

static void fill(uint64_t number, const char *text)
{
	int fd = staging_part(s, number, strlen(text));

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	close(fd);
}

static void expect_content(uint64_t number, const char *text)
{
	char got[64] = "";
	int fd = staging_read(s, number);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	close(fd);
}

static void names(void **state)
{
	char name[NAME_LEN];

	(void)state;
	name_of(name, 0x3e81, ".part");
	assert_string_equal(name, "00/3e/0000000000003e81.part");
	name_of(name, UINT64_MAX, ".kept-9999");
	assert_string_equal(name, "ff/ff/ffffffffffffffff.kept-9999");
}

static void part_and_seal(void **state)
{
	char path[256];
	struct stat st;
	uint64_t size = 0;

	(void)state;
	assert_int_equal(staging_part_length(s, 1), -ENOENT);
	assert_int_equal(staging_seal(s, 1, 5), -ENOENT);
	fill(1, "hello");
	assert_int_equal(staging_part_length(s, 1), 5);
	assert_false(staging_sealed(s, 1, &size));
	assert_int_equal(staging_read(s, 1), -ENOENT);
	assert_int_equal(staging_seal(s, 1, 6), -EMSGSIZE);
	assert_int_equal(staging_seal(s, 1, 4), -EMSGSIZE);
	assert_int_equal(staging_seal(s, 1, 5), 0);
	assert_true(staging_sealed(s, 1, &size));
	assert_int_equal(size, 5);
	assert_int_equal(staging_part_length(s, 1), -ENOENT);
	expect_content(1, "hello");
	folder_path(path, dir, "staging/00/00/0000000000000001");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	folder_path(path, dir, "staging");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* again, as after a death between rename and record */
	assert_int_equal(staging_seal(s, 1, 5), 0);
	assert_int_equal(staging_seal(s, 1, 6), -EMSGSIZE);
}

static void space_is_reserved_but_not_length(void **state)
{
	int fd = staging_part(s, 2, 1 << 20);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_true(st.st_blocks * 512 >= 1 << 20);
	close(fd);
	fd = staging_part(s, 3, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(staging_seal(s, 3, 0), 0);
}

static void not_while_somebody_writes(void **state)
{
	int fd, copy;
	void *map;

	(void)state;
	fill(4, "data");
	fd = staging_part(s, 4, 4);
	assert_int_equal(staging_seal(s, 4, 4), -EBUSY);
	copy = dup(fd);
	close(fd);
	assert_int_equal(staging_seal(s, 4, 4), -EBUSY);
	map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
	assert_true(map != MAP_FAILED);
	close(copy);
	assert_int_equal(staging_seal(s, 4, 4), -EBUSY);
	munmap(map, 4);
	fd = open_file(s, 4, ".part", O_RDONLY);
	assert_int_equal(staging_seal(s, 4, 4), -EBUSY);
	close(fd);
	assert_int_equal(staging_seal(s, 4, 4), 0);
}

static void never_over_a_sealed_copy(void **state)
{
	(void)state;
	fill(5, "first");
	assert_int_equal(staging_seal(s, 5, 5), 0);
	fill(5, "other");
	assert_int_equal(staging_seal(s, 5, 5), -EEXIST);
	expect_content(5, "first");
	assert_int_equal(staging_part_length(s, 5), 5);
}

static void cut(void **state)
{
	(void)state;
	assert_int_equal(staging_cut(s, 6, 0), -ENOENT);
	fill(6, "0123456789");
	assert_int_equal(staging_cut(s, 6, 11), -EMSGSIZE);
	assert_int_equal(staging_cut(s, 6, 4), 0);
	assert_int_equal(staging_part_length(s, 6), 4);
	assert_int_equal(staging_cut(s, 6, 0), 0);
	assert_int_equal(staging_part_length(s, 6), 0);
}

static void set_aside(void **state)
{
	unsigned kept = 0;
	size_t n;
	char *bytes;

	(void)state;
	assert_int_equal(staging_set_aside(s, 7, &kept), -ENOENT);
	fill(7, "one");
	assert_int_equal(staging_set_aside(s, 7, &kept), 0);
	assert_int_equal(kept, 1);
	fill(7, "two");
	assert_int_equal(staging_seal(s, 7, 3), 0);
	fill(7, "part");
	assert_int_equal(staging_set_aside(s, 7, &kept), 0);
	assert_int_equal(kept, 2);
	assert_int_equal(staging_part_length(s, 7), -ENOENT);
	assert_int_equal(staging_set_aside(s, 7, &kept), 0);
	assert_int_equal(kept, 3);
	assert_false(staging_sealed(s, 7, NULL));
	bytes = file_get(dir, "staging/00/00/0000000000000007.kept-1", &n);
	assert_string_equal(bytes, "one");
	free(bytes);
	bytes = file_get(dir, "staging/00/00/0000000000000007.kept-3", &n);
	assert_string_equal(bytes, "two");
	free(bytes);
}

static void seed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(staging_seed(s, 9, 8, 3), -ENOENT);
	fill(8, "log line one\n");
	assert_int_equal(staging_seal(s, 8, 13), 0);
	assert_int_equal(staging_seed(s, 9, 8, 8), 0);
	assert_int_equal(staging_part_length(s, 9), 8);
	fd = staging_part(s, 9, 20);
	assert_int_equal(pwrite(fd, "2", 1, 8), 1);
	close(fd);
	assert_int_equal(staging_seal(s, 9, 9), 0);
	expect_content(9, "log line2");
	expect_content(8, "log line one\n");
	assert_int_equal(staging_seed(s, 10, 8, 14), -EMSGSIZE);
	assert_int_equal(staging_part_length(s, 10), 0);
	assert_int_equal(staging_seed(s, 10, 8, SEED_MAX + 1), -EFBIG);
}

static void each_read_is_a_description_of_its_own(void **state)
{
	int one, two;

	(void)state;
	fill(11, "abc");
	assert_int_equal(staging_seal(s, 11, 3), 0);
	one = staging_read(s, 11);
	two = staging_read(s, 11);
	assert_int_equal(lseek(one, 2, SEEK_SET), 2);
	assert_int_equal(lseek(two, 0, SEEK_CUR), 0);
	assert_int_equal(fcntl(one, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(one, F_GETFD) & FD_CLOEXEC);
	close(one);
	close(two);
}

static void retire(void **state)
{
	(void)state;
	assert_int_equal(staging_retire(s, 0x123456), 0);
	fill(12, "abc");
	assert_int_equal(staging_seal(s, 12, 3), 0);
	fill(12, "again");
	assert_int_equal(staging_retire(s, 12), 0);
	assert_false(staging_sealed(s, 12, NULL));
	assert_int_equal(staging_part_length(s, 12), -ENOENT);
	assert_int_equal(staging_retire(s, 12), 0);
}

/* A link where the file should be: neither followed nor sealed. */
static void links_are_not_followed(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(make_folders(s, 13), 0);
	file_put(dir, "outside", "secret", 6);
	folder_path(path, dir, "staging/00/00/000000000000000d.part");
	assert_int_equal(symlink("../../../outside", path), 0);
	assert_int_equal(staging_part(s, 13, 10), -ELOOP);
	assert_int_equal(staging_seal(s, 13, 6), -ELOOP);
	assert_int_equal(staging_cut(s, 13, 0), -ELOOP);
}

static void space(void **state)
{
	struct staging_space was, now;
	uint64_t free_bytes;

	(void)state;
	assert_int_equal(staging_space(s, &was), 0);
	assert_int_equal(was.reserve_bytes, 1 << 20);
	assert_true(was.total_bytes >= was.free_bytes);
	assert_true(staging_admits(s, 1));
	assert_false(staging_admits(s, was.total_bytes));
	assert_false(staging_admits(s, UINT64_MAX));
	/* refused once: only one and a half times the reserve is room again */
	assert_int_equal(staging_space(s, &now), 0);
	free_bytes = now.free_bytes;
	s->reserve_bytes = free_bytes / 5 * 4;
	assert_false(staging_admits(s, 1));
	s->refusing = false;
	assert_true(staging_admits(s, 1));
	s->reserve_bytes = UINT64_MAX / 2 + 10;
	assert_false(staging_admits(s, 0));
	assert_false(staging_admits(s, 0));
	s->reserve_bytes = UINT64_MAX - 5;
	assert_false(staging_admits(s, 0));
}

static void default_reserve(void **state)
{
	struct staging_space now;
	struct staging *other;
	uint64_t expected;

	(void)state;
	if (staging_open(dir, 0, &other) < 0) {
		fail();
		return;
	}
	assert_int_equal(staging_space(other, &now), 0);
	expected = now.total_bytes / 20 > 2ull << 30 ? now.total_bytes / 20 : 2ull << 30;
	assert_int_equal(now.reserve_bytes, expected + (256u << 20));
	assert_int_equal(strlen(staging_boot(other)), 36);
	staging_close(other);
}

/* More than the volume holds: refused, nothing taken, what was there stays. */
static void no_room(void **state)
{
	struct staging_space now;
	struct stat st;
	int fd, rc;

	(void)state;
	fill(14, "kept");
	assert_int_equal(staging_space(s, &now), 0);
	rc = staging_part(s, 14, now.total_bytes + (1u << 30));
	if (rc >= 0)
		skip(); /* a filesystem that does not reserve */
	assert_true(rc == -ENOSPC || rc == -EFBIG);
	assert_int_equal(staging_part_length(s, 14), 4);
	fd = open_file(s, 14, ".part", O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 1 << 20);
	close(fd);
	assert_int_equal(staging_part(s, 15, UINT64_MAX), -EFBIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(part_and_seal),
		TEST(space_is_reserved_but_not_length),
		TEST(not_while_somebody_writes),
		TEST(never_over_a_sealed_copy),
		TEST(cut),
		TEST(set_aside),
		TEST(seed),
		TEST(each_read_is_a_description_of_its_own),
		TEST(retire),
		TEST(links_are_not_followed),
		TEST(space),
		TEST(default_reserve),
		TEST(no_room),
	};

	return cmocka_run_group_tests_name("staging", tests, NULL, NULL);
}
