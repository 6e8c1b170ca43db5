/*
 * volume: the walk, its report, shared clusters and circles, maps through files, and how much of the
 * medium all that reads; from FAT images made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../disk/fat_image.h"

#include <stdio.h>

static struct seen *seen;

static struct volume *opened(struct fat_image *f)
{
	const struct partition whole = { .size_bytes = f->medium.source.size_bytes };
	struct volume *v;
	const char *why;

	assert_int_equal(volume_open(&f->medium.source, &whole, &v, &why), 0);
	return v;
}

static int walk_once(struct volume *v)
{
	memset(seen, 0, sizeof(*seen));
	return volume_walk(v, seen_take, seen, &seen->report);
}

static void walk(struct fat_image *f)
{
	struct volume *v = opened(f);

	assert_int_equal(walk_once(v), 0);
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

static void expect_text(unsigned damaged, const char *text)
{
	assert_int_equal(seen->report.damaged, damaged);
	assert_string_equal(seen->report.text, text);
}

/* ---- opening ---- */

static void test_what_it_looks_like(void **state)
{
	static const struct {
		uint32_t at;
		const char *bytes, *why;
	} looks[] = { { 3, "NTFS    ", "NTFS" }, { 1080, "\x53\xEF", "ext" },
		{ 0, "x", "not known" }, { 0, "", "empty" } };
	struct medium m = medium_of(1u << 20);
	struct partition whole = { .size_bytes = 1u << 20 };
	struct volume *v;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		memset(m.bytes, 0, 4096);
		memcpy(m.bytes + looks[i].at, looks[i].bytes, strlen(looks[i].bytes));
		assert_int_equal(volume_open(&m.source, &whole, &v, &why), -ENOTSUP);
		assert_string_equal(why, looks[i].why);
	}
	whole.offset_bytes = 1ull << 40;
	assert_int_equal(volume_open(&m.source, &whole, &v, &why), -ENOTSUP);
	assert_string_equal(why, "empty");
	free(m.bytes);
}

/* ---- the walk ---- */

static void test_parents_first(void **state)
{
	struct fat_image *f = fat_make(16, 5000);
	uint32_t dcim, sub;

	(void)state;
	dcim = fat_folder(f, 0, "DCIM       ");
	fat_file(f, 0, "ROOT    TXT", 10);
	sub = fat_folder(f, dcim, "100BWC     ");
	fat_file(f, dcim, "BESIDE  TXT", 10);
	fat_file(f, sub, "A       MP4", 1000);
	walk(f);
	assert_int_equal(seen->n, 3);
	assert_string_equal(seen->at[0].path, "DCIM/100BWC/A.MP4");
	assert_string_equal(seen->at[1].path, "DCIM/BESIDE.TXT");
	assert_string_equal(seen->at[2].path, "ROOT.TXT");
	assert_int_equal(seen->report.folders, 2);
	expect_text(0, "");
	fat_free(f);
}

static void test_visit_ends_it(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	struct volume *v;

	(void)state;
	for (char c = 'A'; c < 'F'; c++) {
		char name[12] = "X          ";

		name[0] = c;
		fat_file(f, 0, name, 1);
	}
	v = opened(f);
	memset(seen, 0, sizeof(*seen));
	seen->stop_after = 2;
	assert_int_equal(volume_walk(v, seen_take, seen, &seen->report), 0);
	assert_int_equal(seen->n, 2);
	assert_true(seen->report.stopped);
	volume_close(v);
	fat_free(f);
}

static void test_folder_over_several_clusters(void **state)
{
	struct fat_image *f = fat_make(32, 300);
	uint32_t dir = fat_take(f, 3), last = fat_take(f, 2) + 1;

	(void)state;
	fat_add(f, f->root, "DIR        ", 0x10, dir, 0);
	for (unsigned i = 0; i < 40; i++) {
		char name[12];

		snprintf(name, sizeof(name), "F%07uTXT", i);
		fat_add(f, dir, name, 0x20, 0, 0);
	}
	/* Its third cluster lies elsewhere. */
	memcpy(f->medium.bytes + fat_offset(f, last), f->medium.bytes + fat_offset(f, dir + 2),
	    SECTOR);
	fat_set(f, dir + 1, last);
	walk(f);
	assert_int_equal(seen->n, 40);
	expect_text(0, "");
	fat_free(f);
}

static void test_long_name_over_a_boundary(void **state)
{
	struct fat_image *f = fat_make(32, 300);
	uint32_t dir = fat_take(f, 2);
	struct volume_file again;
	struct volume *v;

	(void)state;
	fat_add(f, f->root, "DIR        ", 0x10, dir, 0);
	for (unsigned i = 0; i < 14; i++)
		fat_add(f, dir, "\xE5          ", 0x20, 0, 0);
	fat_long_text(f, dir, "a name that takes three entries.mp4", "ANAME~1 MP4");
	fat_file(f, dir, "ANAME~1 MP4", 700);
	v = opened(f);
	assert_int_equal(walk_once(v), 0);
	assert_int_equal(seen->n, 1);
	assert_string_equal(seen->at[0].path, "DIR/a name that takes three entries.mp4");
	assert_int_equal(volume_entry(v, seen->at[0].file.entry, &again), 0);
	assert_memory_equal(&again, &seen->at[0].file, sizeof(again));
	volume_close(v);
	fat_free(f);
}

static void test_depth(void **state)
{
	struct fat_image *f = fat_make(32, 300);
	uint32_t dir = f->root;

	(void)state;
	for (unsigned i = 0; i < VOLUME_DEPTH_MAX; i++)
		dir = fat_folder(f, dir, "D          ");
	fat_file(f, dir, "DEEPEST    ", 1);
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(strlen(seen->at[0].path), 2 * VOLUME_DEPTH_MAX + 7);
	expect_text(0, "");
	dir = fat_folder(f, dir, "TOO        ");
	fat_file(f, dir, "DEEP       ", 1);
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(seen->report.damaged, 1);
	assert_memory_equal(seen->report.text, "folders deeper than 64: D/D/", 28);
	fat_free(f);
}

static void test_path_cut(void **state)
{
	struct fat_image *f = fat_make(32, 300);
	uint32_t dir = f->root, parent;
	char name[191], first[PROTO_PATH_LEN];

	(void)state;
	memset(name, 'n', 190); /* 16 entries with the short one: a cluster */
	name[190] = '\0';
	for (unsigned i = 0; i < 11; i++) {
		parent = dir;
		dir = fat_take(f, 1);
		fat_long_text(f, parent, name, "N          ");
		fat_add(f, parent, "N          ", 0x10, dir, 0);
	}
	fat_file(f, dir, "A          ", 1);
	fat_file(f, dir, "B          ", 1);
	walk(f);
	assert_int_equal(seen->n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(seen->at[i].cut);
		assert_int_equal(strlen(seen->at[i].path), PROTO_PATH_LEN - 1);
		assert_int_equal(seen->at[i].path[PROTO_PATH_LEN - 1 - 17], '~');
	}
	memcpy(first, seen->at[0].path, sizeof(first));
	assert_string_not_equal(first, seen->at[1].path);
	fat_free(f);
}

/* ---- circles and shared clusters ---- */

static void test_folder_in_itself(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t dir = fat_folder(f, 0, "DIR        ");

	(void)state;
	fat_add(f, dir, "AGAIN      ", 0x10, dir, 0);
	fat_file(f, dir, "FILE       ", 1);
	walk(f);
	assert_int_equal(seen->n, 1);
	expect_text(1, "a folder that is read already: in itself, or in two places: DIR/AGAIN");
	/* Its chain comes back to its beginning. */
	fat_set(f, dir, dir);
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(seen->report.damaged, 2);
	fat_free(f);
}

static void test_folder_in_two_places(void **state)
{
	struct fat_image *f = fat_make(32, 100);
	uint32_t dir = fat_folder(f, f->root, "DIR        ");

	(void)state;
	fat_file(f, dir, "FILE       ", 1);
	fat_add(f, f->root, "OTHER      ", 0x10, dir, 0);
	fat_add(f, f->root, "ROOT       ", 0x10, f->root, 0);
	fat_add(f, f->root, "NOWHERE    ", 0x10, 0, 0);
	fat_add(f, f->root, "OUTSIDE    ", 0x10, 102, 0);
	walk(f);
	assert_int_equal(seen->n, 1);
	assert_int_equal(seen->report.damaged, 4);
	assert_int_equal(seen->report.folders, 5);
	fat_free(f);
}

/* Folders without end: as many of their clusters as there is memory for, and it is told. */
static void test_more_folders_than_are_read(void **state)
{
	struct fat_image *f = fat_make(32, 31 * 4096);

	(void)state;
	for (unsigned i = 0; i < 15; i++)
		fat_add(f, f->root, "HUGE       ", 0x10, fat_take(f, 4096), 0);
	walk(f);
	expect_text(0, "");
	f->filled[f->root] = 0;
	for (unsigned i = 0; i < 15; i++) {
		uint32_t dir = fat_take(f, 4096);

		if (i < 14)
			fat_add(f, dir, "NEXT       ", 0x10, dir + 4096, 0);
		if (i == 0)
			fat_add(f, f->root, "FIRST      ", 0x10, dir, 0);
	}
	walk(f);
	assert_int_equal(seen->report.damaged, 6); /* 98304 less 1 and 15 * 4096: for 8 of 14 */
	assert_memory_equal(seen->report.text, "more folders than are read: ", 28);
	fat_free(f);
}

static void test_folder_chain_breaks(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t dir = fat_folder(f, 0, "DIR        ");

	(void)state;
	for (unsigned i = 0; i < 14; i++)
		fat_file(f, dir, "FILE       ", 1);
	fat_set(f, dir, 1);
	walk(f);
	assert_int_equal(seen->n, 14);
	assert_int_equal(seen->report.unread, 1);
	expect_text(0, "a folder's chain of clusters breaks off: DIR");
	fat_free(f);
}

/* A damaged number leads the chain of one folder into another, which is read all the same. */
static void test_folder_in_anothers_chain(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t a = fat_folder(f, 0, "A          "), b = fat_folder(f, 0, "B          ");
	uint32_t b2 = fat_take(f, 1);

	(void)state;
	fat_file(f, a, "INA        ", 1);
	fat_file(f, b, "INB        ", 1);
	fat_set(f, b, b2);
	fat_set(f, a, b);
	walk(f);
	assert_int_equal(seen->n, 2);
	assert_string_equal(seen->at[0].path, "A/INA");
	assert_string_equal(seen->at[1].path, "B/INB");
	expect_text(2, "a folder has clusters of another folder: B");
	/* The same in a circle: each is entered once. */
	fat_set(f, b2, a);
	walk(f);
	assert_int_equal(seen->n, 2);
	fat_free(f);
}

static void test_chain_in_a_circle(void **state)
{
	static const uint32_t back[] = { 0, 1, 4, 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		struct fat_image *f = fat_make(16, 5000);
		uint32_t first = fat_file(f, 0, "CIRCLE     ", 10 * SECTOR);
		struct volume_file again;
		struct volume *v;

		buf_put_le(f->medium.bytes + (f->reserved + 2 * f->fat_sectors) * SECTOR + 28,
		    30 * SECTOR, 4);
		fat_set(f, first + 9, first + back[i]);
		v = opened(f);
		assert_int_equal(walk_once(v), 0);
		assert_int_equal(seen->at[0].file.size_bytes, 10 * SECTOR);
		assert_int_equal(seen->at[0].file.flags, VOLUME_CUT);
		expect_text(1, "its chain of clusters runs in a circle: CIRCLE");
		assert_int_equal(volume_entry(v, seen->at[0].file.entry, &again), 0);
		assert_int_equal(again.size_bytes, 10 * SECTOR);
		volume_close(v);
		fat_free(f);
	}
}

static void test_shared_clusters(void **state)
{
	struct fat_image *f = fat_make(16, 5000);
	uint32_t first = fat_file(f, 0, "A          ", 5 * SECTOR), other, dir;

	(void)state;
	fat_file(f, 0, "ALONE      ", 5 * SECTOR);
	other = fat_file(f, 0, "B          ", 5 * SECTOR);
	fat_set(f, other + 1, first + 3); /* its tail is A's, which ends too early */
	dir = fat_folder(f, 0, "DIR        ");
	fat_add(f, 0, "ON-DIR     ", 0x20, dir, 5);
	fat_add(f, 0, "FRONT      ", 0x20, first, SECTOR);
	walk(f);
	assert_int_equal(seen_find(seen, "A")->flags, VOLUME_SHARED);
	assert_int_equal(seen_find(seen, "ALONE")->flags, 0);
	assert_int_equal(seen_find(seen, "B")->flags, VOLUME_SHARED | VOLUME_CUT);
	assert_int_equal(seen_find(seen, "B")->size_bytes, 4 * SECTOR);
	assert_int_equal(seen_find(seen, "ON-DIR")->flags, VOLUME_SHARED);
	assert_int_equal(seen_find(seen, "FRONT")->flags, VOLUME_SHARED);
	fat_free(f);
}

/* Thousands of entries on one long chain: bounded work, and what is left out is told. */
static void test_all_files_on_one_chain(void **state)
{
	struct fat_image *f = fat_make(16, 60000);
	uint32_t first = fat_take(f, 50000);
	bool cut = false;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		fat_add(f, 0, "SAME       ", 0x20, first, 50000 * SECTOR);
	f->medium.reads = 0;
	walk(f);
	assert_int_equal(seen->n, 60);
	for (size_t i = 0; i < seen->n; i++) {
		assert_true(
		    seen->at[i].file.flags & VOLUME_SHARED || seen->at[i].file.size_bytes == 0);
		cut = cut || seen->at[i].file.flags & VOLUME_CUT;
	}
	assert_true(cut);
	assert_true(f->medium.reads < 2000);
	fat_free(f);
}

/* ---- what the medium cannot give ---- */

static void test_bad_block_in_a_folder(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint64_t root = (f->reserved + 2ull * f->fat_sectors) * SECTOR;

	(void)state;
	for (unsigned i = 0; i < 48; i++) {
		char name[12];

		snprintf(name, sizeof(name), "F%07uTXT", i);
		fat_add(f, 0, name, 0x20, 0, 0);
	}
	f->medium.bad_from = root + SECTOR;
	f->medium.bad_to = root + 2 * SECTOR;
	walk(f);
	assert_int_equal(seen->n, 32); /* those of the two blocks that can be read */
	assert_int_equal(seen->report.unread, 1);
	assert_string_equal(seen->report.text, "a folder cannot be read whole");
	fat_free(f);
}

static void test_medium_goes_away(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	struct volume *v = opened(f);
	struct volume_file file;

	(void)state;
	fat_file(f, 0, "A          ", 2 * SECTOR);
	f->medium.gone = -ENODEV;
	volume_forget(v);
	assert_int_equal(walk_once(v), -ENODEV);
	assert_int_equal(volume_entry(v, 4 * SECTOR, &file), -ENODEV);
	f->medium.gone = 0;
	assert_int_equal(walk_once(v), 0);
	assert_int_equal(seen->n, 1);
	volume_close(v);
	fat_free(f);
}

/* ---- entries and maps ---- */

static void test_entry(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint64_t root = (f->reserved + 2ull * f->fat_sectors) * SECTOR;
	struct volume_file file;
	struct volume *v;

	(void)state;
	fat_file(f, 0, "A          ", 2 * SECTOR);
	fat_folder(f, 0, "DIR        ");
	v = opened(f);
	assert_int_equal(volume_entry(v, root, &file), 0);
	assert_string_equal(file.name, "A");
	assert_int_equal(volume_entry(v, root + 32, &file), -ENOENT);
	assert_int_equal(volume_entry(v, root + 64, &file), -ENOENT);
	assert_int_equal(volume_entry(v, root + 1, &file), -ENOENT);
	assert_int_equal(volume_entry(v, 0, &file), -ENOENT);
	assert_int_equal(volume_entry(v, UINT64_MAX, &file), -ENOENT);
	/* It has grown since; and it is gone. */
	buf_put_le(f->medium.bytes + root + 28, 7, 4);
	assert_int_equal(volume_entry(v, root, &file), 0);
	assert_int_equal(file.size_bytes, 2 * SECTOR);
	volume_forget(v);
	assert_int_equal(volume_entry(v, root, &file), 0);
	assert_int_equal(file.size_bytes, 7);
	f->medium.bytes[root] = 0xE5;
	volume_forget(v);
	assert_int_equal(volume_entry(v, root, &file), -ENOENT);
	volume_close(v);
	fat_free(f);
}

static void test_map(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t first = fat_take(f, 3), second;
	struct volume_extent e;
	struct volume_map m;
	struct volume *v;

	(void)state;
	fat_take(f, 1);
	second = fat_take(f, 2);
	fat_set(f, first + 2, second);
	fat_add(f, 0, "A          ", 0x20, first, 4 * SECTOR + 100);
	v = opened(f);
	assert_int_equal(walk_once(v), 0);
	assert_int_equal(volume_map(v, &seen->at[0].file, 0, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, first));
	assert_int_equal(e.len, 3 * SECTOR);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, second));
	assert_int_equal(e.len, SECTOR + 100);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 0);
	/* From within a cluster on, in pieces over a boundary. */
	assert_int_equal(volume_map(v, &seen->at[0].file, SECTOR + 500, &m), 0);
	assert_int_equal(volume_map_next(&m, 20, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, first + 1) + 500);
	assert_int_equal(e.len, 20);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, first + 2) + 8);
	assert_int_equal(e.len, SECTOR - 8);
	/* From a boundary on, from the end on and from behind it. */
	assert_int_equal(volume_map(v, &seen->at[0].file, 3 * SECTOR, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, second));
	assert_int_equal(volume_map(v, &seen->at[0].file, 4 * SECTOR + 100, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 0);
	assert_int_equal(volume_map(v, &seen->at[0].file, UINT64_MAX, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 0);
	/* The chain changes after the listing. */
	fat_set(f, first + 1, 0);
	volume_forget(v);
	assert_int_equal(volume_map(v, &seen->at[0].file, 0, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.len, 2 * SECTOR);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), -EIO);
	volume_close(v);
	fat_free(f);
}

/* Behind what was written of a file there are zeros, and no cluster is asked for. */
static void test_map_of_zeros(void **state)
{
	struct fat_image *f = fat_make(12, 100);
	uint32_t first = fat_file(f, 0, "A          ", 3 * SECTOR);
	struct volume_file file;
	struct volume_extent e;
	struct volume_map m;
	struct volume *v;

	(void)state;
	v = opened(f);
	assert_int_equal(walk_once(v), 0);
	file = seen->at[0].file;
	file.valid_bytes = SECTOR + 10;
	assert_int_equal(volume_map(v, &file, 0, &m), 0);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_int_equal(e.offset_bytes, fat_offset(f, first));
	assert_int_equal(e.len, SECTOR + 10);
	assert_false(e.zeros);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 1);
	assert_true(e.zeros);
	assert_int_equal(e.len, 2 * SECTOR - 10);
	assert_int_equal(volume_map_next(&m, UINT64_MAX, &e), 0);
	volume_close(v);
	fat_free(f);
}

/* ---- how much is read ---- */

/* 2000 files in 50 folders: the table is read once for all of them, not once for each. */
static void test_reads_of_a_walk(void **state)
{
	struct fat_image *f = fat_make(16, 60000);
	struct volume_report report;
	struct volume *v;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		char name[12];
		uint32_t dir;

		snprintf(name, sizeof(name), "D%07u   ", i);
		dir = fat_take(f, 3);
		fat_add(f, 0, name, 0x10, dir, 0);
		for (unsigned k = 0; k < 40; k++) {
			snprintf(name, sizeof(name), "F%07uMP4", k);
			fat_file(f, dir, name, 20 * SECTOR);
		}
	}
	v = opened(f);
	f->medium.reads = 0;
	memset(seen, 0, sizeof(*seen));
	seen->stop_after = 500;
	assert_int_equal(volume_walk(v, seen_take, seen, &report), 0);
	assert_int_equal(report.files, 500);
	/* 8 pieces of the table and 50 folders with one or two pieces each, some of them again. */
	assert_true(f->medium.reads < 160);
	volume_close(v);
	fat_free(f);
}

/* A table made so that each number of a chain lies elsewhere: hours, if it were followed. */
static void test_scattered_chain(void **state)
{
	const uint32_t n = 300007; /* prime: each step of 5003 comes to another cluster */
	struct fat_image *f = fat_make(32, n + 1);
	uint32_t at = 0, next;
	struct volume_file file;
	struct volume *v;

	(void)state;
	for (uint32_t i = 0; i + 1 < n; i++, at = next) {
		next = (at + 5003) % n;
		fat_set(f, 3 + at, 3 + next);
	}
	fat_set(f, 3 + at, fat_end(f));
	fat_add(f, f->root, "FAR        ", 0x20, 3, n * SECTOR);
	fat_add(f, f->root, "FAR2       ", 0x20, 3 + 5003, SECTOR);
	v = opened(f);
	f->medium.reads = 0;
	assert_int_equal(walk_once(v), 0);
	assert_int_equal(seen->at[0].file.size_bytes, n * SECTOR);
	assert_int_equal(seen->n, 2);
	assert_memory_equal(seen->report.text, "clusters too scattered to be followed: FAR", 43);
	assert_true(f->medium.reads < 140000);
	f->medium.reads = 0;
	assert_int_equal(volume_entry(v, seen->at[0].file.entry, &file), 0);
	assert_int_equal(file.size_bytes, n * SECTOR);
	assert_true(f->medium.reads < 70000);
	volume_close(v);
	fat_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_looks_like),
		cmocka_unit_test(test_parents_first),
		cmocka_unit_test(test_visit_ends_it),
		cmocka_unit_test(test_folder_over_several_clusters),
		cmocka_unit_test(test_long_name_over_a_boundary),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_path_cut),
		cmocka_unit_test(test_folder_in_itself),
		cmocka_unit_test(test_folder_in_two_places),
		cmocka_unit_test(test_more_folders_than_are_read),
		cmocka_unit_test(test_folder_chain_breaks),
		cmocka_unit_test(test_folder_in_anothers_chain),
		cmocka_unit_test(test_chain_in_a_circle),
		cmocka_unit_test(test_shared_clusters),
		cmocka_unit_test(test_all_files_on_one_chain),
		cmocka_unit_test(test_bad_block_in_a_folder),
		cmocka_unit_test(test_medium_goes_away),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_of_zeros),
		cmocka_unit_test(test_reads_of_a_walk),
		cmocka_unit_test(test_scattered_chain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
