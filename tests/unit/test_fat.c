/*
 * fat: boot sectors, tables, names and times of FAT12, FAT16 and FAT32, from images made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../disk/fat_image.h"

#include <stdio.h>

static struct seen *seen;

static struct volume *opened(struct fat_image *f, int expected)
{
	const struct partition whole = { .size_bytes = f->medium.source.size_bytes };
	struct volume *v;
	const char *why;

	assert_int_equal(volume_open(&f->medium.source, &whole, &v, &why), expected);
	assert_true(expected == 0 ? v != NULL : v == NULL && (why[0] || expected == -ENODEV));
	return v;
}

/* Walks the image into seen. */
static void walk(struct fat_image *f)
{
	struct volume *v = opened(f, 0);

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(volume_walk(v, seen_take, seen, &seen->report), 0);
	volume_close(v);
}

static int setup(void **state)
{
	(void)state;
	seen = calloc(1, sizeof(*seen));
	return seen ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(seen);
	return 0;
}

/* ---- kinds ---- */

static enum volume_kind kind_of(unsigned bits, uint32_t clusters)
{
	struct fat_image *f = fat_make(bits, clusters);
	struct volume *v = opened(f, 0);
	enum volume_kind kind = volume_kind(v);

	volume_close(v);
	fat_free(f);
	return kind;
}

static void test_kind_by_clusters(void **state)
{
	(void)state;
	assert_int_equal(kind_of(12, 4084), VOLUME_FAT12);
	assert_int_equal(kind_of(16, 4085), VOLUME_FAT16);
	assert_int_equal(kind_of(16, 65524), VOLUME_FAT16);
	assert_int_equal(kind_of(32, 65525), VOLUME_FAT32);
	/* As Linux has it: no 16-bit table size is FAT32, however small. */
	assert_int_equal(kind_of(32, 100), VOLUME_FAT32);
	assert_string_equal(volume_word(VOLUME_FAT12), "FAT12");
}

static void test_boot_sectors_that_cannot_be(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} wrong[] = { { 11, 1 }, { 12, 0 }, { 12, 32 }, { 13, 0 }, { 13, 3 }, { 14, 0 }, { 16, 0 },
		{ 21, 0x12 }, { 22, 0 }, { 17, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fat_image *f = fat_make(12, 100);

		f->medium.bytes[wrong[i].at] = wrong[i].byte;
		opened(f, -ENOTSUP);
		memcpy(f->medium.bytes + 54, "FAT12   ", 8);
		opened(f, -EIO); /* it says what it is */
		fat_free(f);
	}
}

static void test_boot_sector_from_its_copy(void **state)
{
	struct fat_image *f = fat_make(32, 100);

	(void)state;
	fat_file(f, f->root, "A       TXT", 5);
	memset(f->medium.bytes, 0, SECTOR);
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(seen->report.damaged, 1);
	assert_string_equal(seen->report.text, "the boot sector is damaged, its copy is used");
	f->medium.bad_to = SECTOR;
	walk(f);
	assert_int_equal(seen->n, 1);
	f->medium.gone = -ENODEV;
	opened(f, -ENODEV);
	fat_free(f);
}

static void test_medium_ends_before_volume(void **state)
{
	struct fat_image *f = fat_make(16, 5000);
	uint32_t first;

	(void)state;
	fat_file(f, 0, "HERE       ", 100);
	first = fat_file(f, 0, "HALF       ", 4 * SECTOR);
	f->medium.source.size_bytes = fat_offset(f, first + 2);
	walk(f);
	assert_int_equal(seen_find(seen, "HERE")->flags, 0);
	assert_int_equal(seen_find(seen, "HALF")->flags, VOLUME_CUT);
	assert_int_equal(seen_find(seen, "HALF")->size_bytes, 2 * SECTOR);
	assert_int_equal(seen->report.damaged, 2);
	f->medium.source.size_bytes = fat_offset(f, 2);
	opened(f, -EIO);
	fat_free(f);
}

static void test_dirty(void **state)
{
	static const unsigned bits[] = { 16, 32 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fat_image *f = fat_make(bits[i], 5000);
		struct volume *v = opened(f, 0);

		assert_false(volume_dirty(v));
		volume_close(v);
		fat_set(f, 1, bits[i] == 16 ? 0x7FFF : 0x07FFFFFF);
		v = opened(f, 0);
		assert_true(volume_dirty(v));
		volume_close(v);
		fat_set(f, 1, fat_end(f));
		f->medium.bytes[bits[i] == 16 ? 37 : 65] = 1;
		v = opened(f, 0);
		assert_true(volume_dirty(v));
		volume_close(v);
		fat_free(f);
	}
}

/* ---- tables ---- */

static void test_room(void **state)
{
	static const unsigned bits[] = { 12, 16, 32 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fat_image *f = fat_make(bits[i], bits[i] == 16 ? 5001 : 101);
		uint64_t capacity, left;
		struct volume *v;

		fat_file(f, f->root, "A       TXT", 10 * SECTOR);
		v = opened(f, 0);
		assert_int_equal(volume_free(v, &capacity, &left), 0);
		assert_int_equal(capacity, (bits[i] == 16 ? 5001 : 101) * SECTOR);
		assert_int_equal(capacity - left, (bits[i] == 32 ? 11 : 10) * SECTOR);
		volume_close(v);
		fat_free(f);
	}
}

static void test_second_table(void **state)
{
	static const unsigned bits[] = { 12, 16, 32 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fat_image *f = fat_make(bits[i], 5000 - 4900 * (bits[i] != 16));
		uint32_t first = fat_file(f, f->root, "A       TXT", 3 * SECTOR);
		uint64_t table = (uint64_t)(fat_at(f, 0, 0) - f->medium.bytes);

		/* A number that cannot be; one that says free; a block that cannot be read. */
		fat_put(f, 0, first, f->clusters + 2);
		walk(f);
		assert_int_equal(seen->at[0].file.size_bytes, 3 * SECTOR);
		assert_int_equal(seen->report.damaged, 1);
		assert_string_equal(
		    seen->report.text, "the first FAT is damaged, its second copy is used: A.TXT");
		fat_put(f, 0, first, 0);
		walk(f);
		assert_int_equal(seen->at[0].file.flags, 0);
		f->medium.bad_from = table;
		f->medium.bad_to = table + SECTOR;
		walk(f);
		assert_int_equal(seen->at[0].file.size_bytes, 3 * SECTOR);
		assert_int_equal(seen->report.damaged, 1);
		/* Both of them. */
		f->medium.bad_to = fat_offset(f, 2) - f->root_sectors * SECTOR;
		walk(f);
		assert_int_equal(seen->at[0].file.size_bytes, SECTOR);
		assert_int_equal(seen->at[0].file.flags, VOLUME_CUT);
		fat_free(f);
	}
}

static void test_first_table_overwritten(void **state)
{
	struct fat_image *f = fat_make(16, 5000);

	(void)state;
	fat_file(f, 0, "A       TXT", 3 * SECTOR);
	memset(fat_at(f, 0, 0), 0, f->fat_sectors * SECTOR);
	walk(f);
	assert_int_equal(seen->at[0].file.size_bytes, 3 * SECTOR);
	assert_string_equal(seen->report.text, "the first FAT is damaged, its second copy is used");
	fat_free(f);
}

static void test_one_table_alone(void **state)
{
	struct fat_image *f = fat_make(32, 100);
	uint32_t first = fat_file(f, f->root, "A       TXT", 3 * SECTOR);

	(void)state;
	f->medium.bytes[40] = 0x81; /* the second is kept, the first is old */
	fat_put(f, 0, first, fat_end(f));
	walk(f);
	assert_int_equal(seen->at[0].file.size_bytes, 3 * SECTOR);
	f->medium.bytes[40] = 0x80;
	walk(f);
	assert_int_equal(seen->at[0].file.size_bytes, SECTOR);
	fat_free(f);
}

static void test_bad_cluster_in_a_chain(void **state)
{
	static const unsigned bits[] = { 12, 16, 32 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fat_image *f = fat_make(bits[i], 5000 - 4900 * (bits[i] != 16));
		uint32_t first = fat_file(f, f->root, "A       TXT", 3 * SECTOR);

		fat_set(f, first + 1, fat_end(f) - 8);
		walk(f);
		assert_int_equal(seen->at[0].file.size_bytes, 2 * SECTOR);
		assert_int_equal(seen->at[0].file.told_bytes, 3 * SECTOR);
		assert_int_equal(seen->at[0].file.flags, VOLUME_CUT);
		/* Any of the eight highest numbers ends a chain; the four upper bits say nothing. */
		fat_set(f, first + 1, first + 2);
		fat_set(f, first + 2, fat_end(f) - 7);
		if (bits[i] == 32)
			fat_set(f, first, 0xA0000000 | (first + 1));
		walk(f);
		assert_int_equal(seen->report.damaged, 0);
		fat_free(f);
	}
}

/* ---- names ---- */

static void test_long_names(void **state)
{
	static const uint16_t wide[13] = { 0x00E4, 0x4E2D, 0xD83D, 0xDE00, '.', 'm', 0 };
	static const uint16_t broken[13] = { 'a', 0xDE00, 'b', 0 };
	struct fat_image *f = fat_make(12, 100);
	char longest[256];

	(void)state;
	fat_long_text(f, 0, "A clip with spaces and + signs.mp4", "ACLIP~1 MP4");
	fat_file(f, 0, "ACLIP~1 MP4", 1);
	fat_long_text(f, 0, "thirteen.lett", "THIRTE~1LET"); /* no NUL behind it */
	fat_file(f, 0, "THIRTE~1LET", 2);
	fat_long(f, 0, 0x41, wide, "WIDE~1  M  ");
	fat_file(f, 0, "WIDE~1  M  ", 3);
	fat_long(f, 0, 0x41, broken, "BROKEN~1   ");
	fat_file(f, 0, "BROKEN~1   ", 4);
	memset(longest, 'x', 255);
	longest[255] = '\0';
	fat_long_text(f, 0, longest, "LONGEST    ");
	fat_file(f, 0, "LONGEST    ", 5);
	walk(f);
	assert_int_equal(seen->n, 5);
	assert_int_equal(seen_find(seen, "A clip with spaces and + signs.mp4")->told_bytes, 1);
	assert_int_equal(seen_find(seen, "thirteen.lett")->told_bytes, 2);
	assert_int_equal(seen_find(seen, "ä中😀.m")->flags, 0);
	assert_true(seen->at[3].file.flags & VOLUME_NAME_ODD);
	assert_memory_equal(seen->at[3].path,
	    "a\xEF\xBF\xBD"
	    "b~",
	    6);
	assert_int_equal(seen_find(seen, longest)->told_bytes, 5);
	assert_int_equal(seen->report.damaged, 0);
	fat_free(f);
}

/* A long name that does not belong to the short entry behind it is none. */
static void test_orphaned_long_names(void **state)
{
	static const uint16_t name[13] = { 'n', 'o', 0 }, empty[13] = { 0 };
	struct fat_image *f = fat_make(12, 100);

	(void)state;
	fat_long_text(f, 0, "of another", "OTHER      ");
	fat_file(f, 0, "A          ", 0);
	fat_long(f, 0, 0x42, name, "B          "); /* its second part alone */
	fat_file(f, 0, "B          ", 0);
	fat_long(f, 0, 0x01, name, "C          "); /* does not begin */
	fat_file(f, 0, "C          ", 0);
	fat_long(f, 0, 0x42, name, "D          ");
	fat_long(f, 0, 0x01, name, "X          "); /* another's sum */
	fat_file(f, 0, "D          ", 0);
	fat_long(f, 0, 0x41, name, "E          ");
	fat_add(f, 0, "\xE5          ", 0x20, 0, 0); /* a deleted entry between */
	fat_file(f, 0, "E          ", 0);
	fat_long(f, 0, 0x40, name, "F          "); /* no parts */
	fat_file(f, 0, "F          ", 0);
	fat_long(f, 0, 0x41 + 20, name, "G          "); /* too many */
	fat_file(f, 0, "G          ", 0);
	fat_long(f, 0, 0x41, empty, "H          ");
	fat_file(f, 0, "H          ", 0);
	fat_long(f, 0, 0x43, name, "J          "); /* its second part is missing */
	fat_long(f, 0, 0x01, name, "J          ");
	fat_file(f, 0, "J          ", 0);
	fat_long(f, 0, 0x41, name, "K          ");
	fat_long(f, 0, 0x42, name, "K          "); /* begins anew, without its first part */
	fat_file(f, 0, "K          ", 0);
	fat_long(f, 0, 0x43, name, "I          ");
	fat_long_text(f, 0, "begins anew", "I          ");
	fat_file(f, 0, "I          ", 0);
	walk(f);
	assert_int_equal(seen->n, 11);
	assert_string_equal(seen->at[8].path, "J");
	assert_string_equal(seen->at[9].path, "K");
	for (size_t i = 0; i < 8; i++) {
		const char expected[2] = { (char)('A' + i), '\0' };

		assert_string_equal(seen->at[i].path, expected);
	}
	assert_string_equal(seen->at[10].path, "begins anew");
	fat_free(f);
}

static void test_short_names(void **state)
{
	static const struct {
		const char *name, *expected;
		uint8_t lower;
		bool odd;
	} names[] = {
		{ "README  TXT", "README.TXT", 0, false },
		{ "README  TXT", "readme.TXT", 0x08, false },
		{ "README  TXT", "README.txt", 0x10, false },
		{ "README  TXT", "readme.txt", 0x18, false },
		{ "NOEXT      ", "NOEXT", 0, false },
		{ "A B     C D", "A B.C D", 0, false },
		{ "12345678ABC", "12345678.ABC", 0, false },
		{ "\x05TART   \x80  ", "σTART.Ç", 0, false },
		{ "\x8E\x99\x9A\xE1\x80   \x90  ", "äöüßç.é", 0x18, false },
		{ "\xFF\xB0\xDB        ", "\xC2\xA0░█", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fat_image *f = fat_make(12, 100);

		fat_add(f, 0, names[i].name, 0x20, 0, 0)[12] = names[i].lower;
		walk(f);
		assert_string_equal(seen->at[0].path, names[i].expected);
		assert_int_equal(!!(seen->at[0].file.flags & VOLUME_NAME_ODD), names[i].odd);
		fat_free(f);
	}
}

static void test_names_that_climb(void **state)
{
	static const uint16_t up[13] = { '.', '.', 0 }, slash[13] = { '.', '.', '/', 'x', 0 };
	struct fat_image *f = fat_make(12, 100);

	(void)state;
	fat_long(f, 0, 0x41, up, "UP         ");
	fat_file(f, 0, "UP         ", 0);
	fat_long(f, 0, 0x41, slash, "SLASH      ");
	fat_file(f, 0, "SLASH      ", 0);
	fat_file(f, 0, "A\nB/C      ", 0);
	fat_file(f, 0, "           ", 0);
	walk(f);
	assert_int_equal(seen->n, 4);
	for (size_t i = 0; i < seen->n; i++) {
		assert_true(seen->at[i].file.flags & VOLUME_NAME_ODD);
		assert_null(strchr(seen->at[i].path, '/'));
		assert_null(strchr(seen->at[i].path, '\n'));
		assert_non_null(strchr(seen->at[i].path, '~'));
	}
	fat_free(f);
}

static void test_entries_that_are_no_files(void **state)
{
	struct fat_image *f = fat_make(12, 100);

	(void)state;
	fat_add(f, 0, "CARD       ", 0x08, 0, 0);
	fat_add(f, 0, "\xE5ONE    TXT", 0x20, 5, 100);
	fat_file(f, 0, "STAYS   TXT", 1);
	fat_folder(f, 0, "EMPTY      ");
	fat_add(f, 0, "\0           ", 0x20, 5, 100);
	fat_add(f, 0, "BEHIND  TXT", 0x20, 5, 100); /* behind the end: what was there before */
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(seen->report.files, 1);
	assert_int_equal(seen->report.folders, 1);
	assert_string_equal(seen->at[0].path, "STAYS.TXT");
	fat_free(f);
}

/* ---- times, sizes, attributes ---- */

static void test_times(void **state)
{
	static const struct {
		uint16_t date, time, created_date, created_time;
		int64_t expected;
	} times[] = {
		{ 45 << 9 | 1 << 5 | 1, 12 << 11, 0, 0, 1735732800 },
		{ 0 << 9 | 1 << 5 | 1, 0, 0, 0, 315532800 }, /* 1980-01-01 */
		{ 44 << 9 | 2 << 5 | 29, 23 << 11 | 59 << 5 | 29, 0, 0, 1709251198 },
		{ 127 << 9 | 12 << 5 | 31, 0, 0, 0, 4354732800 },
		{ 0, 0, 0, 0, VOLUME_NO_TIME },
		{ 0, 0, 45 << 9 | 1 << 5 | 1, 12 << 11, 1735732800 }, /* of creation */
		{ 45 << 9 | 13 << 5 | 1, 0, 0, 0, VOLUME_NO_TIME },
		{ 45 << 9 | 2 << 5 | 29, 0, 0, 0, VOLUME_NO_TIME },
		{ 45 << 9 | 1 << 5 | 1, 24 << 11, 0, 0, VOLUME_NO_TIME },
		{ 45 << 9 | 1 << 5 | 1, 60 << 5, 0, 0, VOLUME_NO_TIME },
		{ 45 << 9 | 1 << 5 | 1, 30, 0, 0, VOLUME_NO_TIME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct fat_image *f = fat_make(12, 100);
		uint8_t *e = fat_add(f, 0, "A          ", 0x20, 0, 0);

		buf_put_le(e + 24, times[i].date, 2);
		buf_put_le(e + 22, times[i].time, 2);
		buf_put_le(e + 16, times[i].created_date, 2);
		buf_put_le(e + 14, times[i].created_time, 2);
		walk(f);
		assert_int_equal(seen->n, 1);
		assert_true(seen->at[0].file.mtime_s == times[i].expected);
		fat_free(f);
	}
}

static void test_sizes_and_chains(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t longer;

	(void)state;
	fat_add(f, 0, "NONE       ", 0x21, 0, 0);
	fat_add(f, 0, "CHAIN      ", 0x20, fat_take(f, 3), 0); /* no size, but clusters */
	longer = fat_take(f, 5);
	fat_add(f, 0, "LONGER     ", 0x20, longer, SECTOR + 1);
	fat_add(f, 0, "SHORTER    ", 0x20, fat_take(f, 2), 5 * SECTOR);
	fat_add(f, 0, "WITHOUT    ", 0x20, 0, 100);
	fat_add(f, 0, "NOWHERE    ", 0x20, 102, 100);
	fat_add(f, 0, "LARGEST    ", 0x20, fat_take(f, 1), 0xFFFFFFFF);
	walk(f);
	assert_int_equal(seen_find(seen, "NONE")->flags, VOLUME_READ_ONLY);
	assert_int_equal(seen_find(seen, "CHAIN")->flags, VOLUME_UNFINISHED);
	assert_int_equal(seen_find(seen, "CHAIN")->size_bytes, 0);
	assert_int_equal(seen_find(seen, "LONGER")->size_bytes, SECTOR + 1);
	assert_int_equal(seen_find(seen, "LONGER")->flags, 0);
	assert_int_equal(seen_find(seen, "SHORTER")->size_bytes, 2 * SECTOR);
	assert_int_equal(seen_find(seen, "SHORTER")->flags, VOLUME_CUT);
	assert_int_equal(seen_find(seen, "WITHOUT")->size_bytes, 0);
	assert_int_equal(seen_find(seen, "WITHOUT")->flags, VOLUME_CUT);
	assert_int_equal(seen_find(seen, "NOWHERE")->size_bytes, 0);
	assert_int_equal(seen_find(seen, "LARGEST")->told_bytes, 0xFFFFFFFF);
	assert_int_equal(seen_find(seen, "LARGEST")->size_bytes, SECTOR);
	assert_int_equal(seen->report.damaged, 5);
	assert_string_equal(seen->report.text, "unfinished, it has clusters but no size: CHAIN");
	fat_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind_by_clusters),
		cmocka_unit_test(test_boot_sectors_that_cannot_be),
		cmocka_unit_test(test_boot_sector_from_its_copy),
		cmocka_unit_test(test_medium_ends_before_volume),
		cmocka_unit_test(test_dirty),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_second_table),
		cmocka_unit_test(test_first_table_overwritten),
		cmocka_unit_test(test_one_table_alone),
		cmocka_unit_test(test_bad_cluster_in_a_chain),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_orphaned_long_names),
		cmocka_unit_test(test_short_names),
		cmocka_unit_test(test_names_that_climb),
		cmocka_unit_test(test_entries_that_are_no_files),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_sizes_and_chains),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
