/*
 * exfat: volumes made here byte by byte, sound ones and such as no camera should write.
 */
#include "../../usb/volume/dos_time.h"
#include "../../usb/volume/volume.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- making volumes ---- */

#define CLUSTERS 100
#define ROOM (160 * 4096)
#define END 0xFFFFFFFFu
#define MAY_10_2024 0x58AA6000u /* 12:00:00 */
#define NOON_S 1715342400

struct card {
	struct source source; /* first: read_card gets it */
	uint8_t bytes[ROOM];
	size_t sector, heap;
	uint64_t bad_at; /* 512 bytes that cannot be read; 0: none */
	unsigned reads;
};

static int read_card(struct source *s, uint64_t at, void *out, size_t len)
{
	struct card *c = (struct card *)s;

	c->reads++;
	if (c->bad_at && at < c->bad_at + 512 && at + len > c->bad_at)
		return -EIO;
	memcpy(out, c->bytes + at, len);
	return 0;
}

static uint8_t *cluster_at(struct card *c, uint32_t n)
{
	return c->bytes + c->heap + (n - 2) * c->sector;
}

static void chain(struct card *c, uint32_t from, uint32_t to)
{
	buf_put_le(c->bytes + 24 * c->sector + 4 * from, to, 4);
}

static void in_use(struct card *c, uint32_t n, bool used)
{
	uint8_t *p = cluster_at(c, 2) + (n - 2) / 8;

	*p = (uint8_t)((*p & ~(1u << (n - 2) % 8)) | (unsigned)used << (n - 2) % 8);
}

static void seal_boot(struct card *c, size_t region)
{
	uint8_t *p = c->bytes + region * c->sector;
	uint32_t sum = 0;

	for (size_t i = 0; i < 11 * c->sector; i++) {
		if (i != 106 && i != 107 && i != 112)
			sum = (sum << 31 | sum >> 1) + p[i];
	}
	for (size_t i = 0; i < c->sector; i += 4)
		buf_put_le(p + 11 * c->sector + i, sum, 4);
}

/* An empty volume: bitmap in cluster 2, up-case table in 3, root in 4; one sector a cluster. */
static struct card *card_new(unsigned sector_shift)
{
	struct card *c = calloc(1, sizeof(*c));
	uint8_t *p = c->bytes;

	c->sector = (size_t)1 << sector_shift;
	c->heap = 32 * c->sector;
	c->source = (struct source){
		.read = read_card, .size_bytes = (32 + CLUSTERS) * c->sector, .block_bytes = 512
	};
	memcpy(p,
	    "\xEB\x76\x90"
	    "EXFAT   ",
	    11);
	buf_put_le(p + 72, 32 + CLUSTERS, 8);
	buf_put_le(p + 80, 24, 4);
	buf_put_le(p + 84, 1, 4);
	buf_put_le(p + 88, 32, 4);
	buf_put_le(p + 92, CLUSTERS, 4);
	buf_put_le(p + 96, 4, 4);
	p[108] = (uint8_t)sector_shift;
	p[110] = 1;
	p[510] = 0x55;
	p[511] = 0xAA;
	memcpy(p + 12 * c->sector, p, 512);
	seal_boot(c, 0);
	seal_boot(c, 12);
	for (uint32_t n = 2; n <= 4; n++) {
		chain(c, n, END);
		in_use(c, n, true);
	}
	p = cluster_at(c, 4);
	p[0] = 0x81;
	buf_put_le(p + 20, 2, 4);
	buf_put_le(p + 24, (CLUSTERS + 7) / 8, 8);
	p[32] = 0x82;
	buf_put_le(p + 52, 3, 4);
	buf_put_le(p + 56, 100, 8);
	return c;
}

struct set {
	const uint16_t *wide; /* name; or NULL: of text */
	const char *text;
	uint32_t first;
	uint64_t size, valid;
	uint32_t modified, created;
	uint16_t attributes;
	bool contiguous;
};

static void seal_set(uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (i != 2 && i != 3)
			sum = ((sum << 15 | sum >> 1) + p[i]) & 0xFFFF;
	}
	buf_put_le(p + 2, sum, 2);
}

/* Writes the set at p; its bytes. */
static size_t put_set(uint8_t *p, struct set s)
{
	uint16_t wide[256];
	size_t units = 0, names;

	if (s.wide) {
		for (; s.wide[units]; units++)
			wide[units] = s.wide[units];
	} else {
		for (; s.text[units]; units++)
			wide[units] = (uint8_t)s.text[units];
	}
	names = (units + 14) / 15;
	memset(p, 0, 32 * (2 + names));
	p[0] = 0x85;
	p[1] = (uint8_t)(1 + names);
	buf_put_le(p + 4, s.attributes ? s.attributes : 0x20, 2);
	buf_put_le(p + 8, s.created, 4);
	buf_put_le(p + 12, s.modified, 4);
	p[32] = 0xC0;
	p[33] = s.contiguous ? 3 : 1;
	p[35] = (uint8_t)units;
	buf_put_le(p + 40, s.valid, 8);
	buf_put_le(p + 52, s.first, 4);
	buf_put_le(p + 56, s.size, 8);
	for (size_t i = 0; i < units; i++) {
		p[64 + i / 15 * 32] = 0xC1;
		buf_put_le(p + 64 + i / 15 * 32 + 2 + 2 * (i % 15), wide[i], 2);
	}
	seal_set(p, 32 * (2 + names));
	return 32 * (2 + names);
}

/* ---- what the walk tells ---- */

struct seen {
	struct volume_file at[16];
	char path[16][64];
	size_t n;
};

static bool visit(void *arg, const char *path, bool path_cut, const struct volume_file *f)
{
	struct seen *seen = arg;

	assert_false(path_cut);
	assert_true(seen->n < 16);
	snprintf(seen->path[seen->n], sizeof(seen->path[0]), "%s", path);
	seen->at[seen->n++] = *f;
	return true;
}

static struct volume *open_card(struct card *c)
{
	const struct partition whole = { .size_bytes = c->source.size_bytes };
	struct volume *v;
	const char *why;

	assert_int_equal(0, volume_open(&c->source, &whole, &v, &why));
	assert_int_equal(VOLUME_EXFAT, volume_kind(v));
	return v;
}

static struct seen look(struct card *c, struct volume_report *report)
{
	struct volume *v = open_card(c);
	struct seen seen = { .n = 0 };

	assert_int_equal(0, volume_walk(v, visit, &seen, report));
	volume_close(v);
	return seen;
}

static uint8_t *root_end(struct card *c)
{
	uint8_t *p = cluster_at(c, 4);

	while (*p)
		p += 32;
	return p;
}

static void add(struct card *c, struct set s)
{
	put_set(root_end(c), s);
	for (uint32_t n = s.first; s.contiguous && n < s.first + s.size / c->sector; n++)
		in_use(c, n, true);
}

/* ---- sound volumes ---- */

static void finds_files(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;
	uint8_t *p;

	(void)state;
	add(c,
	    (struct set){ .text = "a.mp4",
		.first = 10,
		.size = 1500,
		.valid = 1500,
		.modified = MAY_10_2024 });
	chain(c, 10, 20);
	chain(c, 20, 12);
	chain(c, 12, END);
	in_use(c, 10, true);
	in_use(c, 20, true);
	in_use(c, 12, true);
	p = root_end(c); /* a deleted one, and a volume GUID */
	put_set(p, (struct set){ .text = "gone", .first = 10, .size = 512 });
	p[0] &= 0x7F;
	p[32] &= 0x7F;
	p[64] &= 0x7F;
	p[96] = 0xA0;
	chain(c, 4, 40); /* the root goes on */
	chain(c, 40, END);
	in_use(c, 40, true);
	p = cluster_at(c, 40);
	memset(root_end(c), 0xA0, (size_t)(cluster_at(c, 5) - root_end(c)));
	put_set(p,
	    (struct set){
		.text = "D", .first = 30, .size = 512, .valid = 512, .attributes = 0x10 });
	chain(c, 30, END);
	in_use(c, 30, true);
	put_set(cluster_at(c, 30), (struct set){ .text = "empty", .attributes = 0x21 });
	seen = look(c, &r);
	assert_string_equal("", r.text);
	assert_int_equal(2, seen.n);
	assert_string_equal("a.mp4", seen.path[0]);
	assert_int_equal(1500, seen.at[0].size_bytes);
	assert_true(seen.at[0].mtime_s == NOON_S);
	assert_string_equal("D/empty", seen.path[1]);
	assert_true(seen.at[1].flags & VOLUME_READ_ONLY);
	assert_true(seen.at[1].mtime_s == VOLUME_NO_TIME);
	assert_int_equal(1, r.folders);
	assert_int_equal(0, r.damaged + r.unread);
	free(c);
}

static void maps_extents(void **state)
{
	struct card *c = card_new(12);
	struct volume *v;
	struct volume_map m;
	struct volume_extent e;
	struct seen seen = { .n = 0 };
	struct volume_report r;

	(void)state;
	add(c,
	    (struct set){
		.text = "run", .first = 10, .size = 3 * 4096, .valid = 5000, .contiguous = true });
	chain(c, 10, 7); /* says nothing: NoFatChain */
	v = open_card(c);
	assert_int_equal(0, volume_walk(v, visit, &seen, &r));
	assert_int_equal(0, r.damaged);
	assert_int_equal(0, volume_map(v, &seen.at[0], 0, &m));
	assert_int_equal(1, volume_map_next(&m, UINT64_MAX, &e));
	assert_int_equal(cluster_at(c, 10) - c->bytes, e.offset_bytes);
	assert_int_equal(5000, e.len);
	assert_false(e.zeros);
	assert_int_equal(1, volume_map_next(&m, UINT64_MAX, &e));
	assert_true(e.zeros);
	assert_int_equal(3 * 4096 - 5000, e.len);
	assert_int_equal(0, volume_map_next(&m, UINT64_MAX, &e));
	volume_close(v);
	free(c);
}

static void names_are_utf8(void **state)
{
	static const uint16_t good[] = { 0xD83D, 0xDE00, 0xE4, 0x8BC1, 0 };
	static const uint16_t broken[] = { 'x', 0xDE00, '/', 0 };
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;

	(void)state;
	add(c, (struct set){ .wide = good });
	add(c, (struct set){ .wide = broken });
	seen = look(c, &r);
	assert_int_equal(2, seen.n);
	assert_string_equal("\xF0\x9F\x98\x80\xC3\xA4\xE8\xAF\x81", seen.path[0]);
	assert_false(seen.at[0].flags & VOLUME_NAME_ODD);
	assert_memory_equal("x\xEF\xBF\xBD_~", seen.path[1], 6);
	assert_true(seen.at[1].flags & VOLUME_NAME_ODD);
	free(c);
}

static void times_are_faces(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;
	uint8_t *p = root_end(c);

	(void)state;
	add(c, (struct set){ .text = "created", .modified = 13u << 21, .created = MAY_10_2024 });
	put_set(root_end(c), (struct set){ .text = "zone", .modified = MAY_10_2024 });
	p[96 + 23] = 0x80 | 8; /* two hours east: left out */
	p[96 + 21] = 150;      /* of 10 ms */
	seal_set(p + 96, 96);
	seen = look(c, &r);
	assert_int_equal(0, r.damaged);
	assert_true(seen.at[0].mtime_s == NOON_S);
	assert_true(seen.at[1].mtime_s == NOON_S);
	assert_true(dos_time(0, 0) == VOLUME_NO_TIME);
	assert_true(dos_time(0x21, 0) == 315532800);                  /* 1980-01-01 */
	assert_true(dos_time(20 << 9 | 2 << 5 | 29, 0) == 951782400); /* 2000-02-29 */
	assert_true(
	    dos_time(120 << 9 | 2 << 5 | 29, 0) == VOLUME_NO_TIME); /* 2100 is no leap year */
	assert_true(dos_time(0x21, 24 << 11) == VOLUME_NO_TIME);
	assert_true(dos_time(0x21, 30) == VOLUME_NO_TIME);
	assert_true(dos_time(0xFF9F, 0xBF7D) == 4354819198); /* 2107-12-31 23:59:58 */
	free(c);
}

static void counts_free_room(void **state)
{
	struct card *c = card_new(9);
	uint64_t capacity, left;
	struct volume *v;

	(void)state;
	cluster_at(c, 2)[12] |= 0xF0; /* bits behind the last cluster say nothing */
	v = open_card(c);
	assert_int_equal(0, volume_free(v, &capacity, &left));
	assert_int_equal(CLUSTERS * 512, capacity);
	assert_int_equal((CLUSTERS - 3) * 512, left);
	assert_false(volume_dirty(v));
	volume_close(v);
	c->bytes[106] |= 2;
	v = open_card(c);
	assert_true(volume_dirty(v));
	volume_close(v);
	free(c);
}

static void reads_entries_again(void **state)
{
	struct card *c = card_new(9);
	struct volume_file f;
	struct volume_report r;
	struct volume *v;
	struct seen seen;
	uint8_t *p;

	(void)state;
	/* A contiguous folder of two clusters: the set lies in both, and the FAT says nothing. */
	add(c,
	    (struct set){ .text = "D",
		.first = 50,
		.size = 1024,
		.valid = 1024,
		.attributes = 0x10,
		.contiguous = true });
	p = cluster_at(c, 50);
	memset(p, 0x05, 512 - 32);
	put_set(p + 512 - 32, (struct set){ .text = "across", .modified = MAY_10_2024 });
	chain(c, 50, 60);
	seen = look(c, &r);
	assert_int_equal(1, seen.n);
	v = open_card(c);
	assert_int_equal(0, volume_entry(v, seen.at[0].entry, &f));
	assert_string_equal("across", f.name);
	assert_int_equal(-ENOENT, volume_entry(v, seen.at[0].entry + 32, &f));
	assert_int_equal(-ENOENT, volume_entry(v, seen.at[0].entry + 1, &f));
	assert_int_equal(-ENOENT, volume_entry(v, 0, &f));
	assert_int_equal(-ENOENT, volume_entry(v, UINT64_MAX - 31, &f));
	p[512 - 32] = 0x05;
	volume_forget(v);
	assert_int_equal(-ENOENT, volume_entry(v, seen.at[0].entry, &f));
	volume_close(v);
	free(c);
}

static void goes_by_the_active_fat(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;
	uint8_t *p = root_end(c);

	(void)state;
	c->bytes[110] =
	    2; /* NumberOfFats; the second lies behind the first and is the active one */
	c->bytes[106] = 1;
	seal_boot(c, 0);
	memcpy(c->bytes + 25 * 512, c->bytes + 24 * 512, 512);
	p[0] = 0x81; /* the second bitmap */
	p[1] = 1;
	buf_put_le(p + 20, 90, 4);
	buf_put_le(p + 24, (CLUSTERS + 7) / 8, 8);
	put_set(p + 32, (struct set){ .text = "a", .first = 10, .size = 1024, .valid = 1024 });
	chain(c, 10, END);
	buf_put_le(c->bytes + 25 * 512 + 4 * 10, 11, 4);
	buf_put_le(c->bytes + 25 * 512 + 4 * 11, END, 4);
	memset(cluster_at(c, 90), 0xFF, 13);
	seen = look(c, &r);
	assert_string_equal("", r.text);
	assert_int_equal(1024, seen.at[0].size_bytes);
	free(c);
}

/* ---- damaged ones ---- */

static void boot_backup(void **state)
{
	struct card *c = card_new(12);
	struct volume_report r;
	struct volume *v;
	const struct partition whole = { .size_bytes = c->source.size_bytes };
	const char *why;

	(void)state;
	add(c, (struct set){ .text = "a" });
	c->bytes[100] ^= 1; /* its checksum is wrong now */
	assert_int_equal(1, look(c, &r).n);
	assert_string_equal("main boot region damaged, read by its backup", r.text);
	memset(c->bytes, 0, 512);
	assert_int_equal(1, look(c, &r).n);
	c->bytes[12 * c->sector + 100] ^= 1;
	assert_int_equal(1, look(c, &r).n);
	assert_string_equal("both boot regions have wrong checksums", r.text);
	memset(c->bytes + 12 * c->sector, 0, 512);
	assert_int_equal(-ENOTSUP, volume_open(&c->source, &whole, &v, &why));
	memcpy(c->bytes + 3, "EXFAT   ", 8);
	assert_int_equal(-EIO, volume_open(&c->source, &whole, &v, &why));
	free(c);
}

static void boot_that_cannot_be(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} wrong[] = { { 108, 8 }, { 108, 13 }, { 109, 17 }, { 110, 0 }, { 110, 3 }, { 96, 1 },
		{ 96, 102 }, { 81, 1 }, { 84, 9 }, { 84, 0 }, { 88, 24 }, { 92, 200 }, { 92, 0 },
		{ 20, 1 }, { 511, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct card *c = card_new(9);
		const struct partition whole = { .size_bytes = c->source.size_bytes };
		struct volume *v = NULL;
		const char *why;

		c->bytes[wrong[i].at] = wrong[i].byte;
		memcpy(c->bytes + 12 * c->sector, c->bytes, 512);
		seal_boot(c, 0);
		seal_boot(c, 12);
		assert_int_not_equal(0, volume_open(&c->source, &whole, &v, &why));
		free(c);
	}
}

static void sets_that_are_damaged(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;
	uint8_t *p = root_end(c);

	(void)state;
	put_set(p,
	    (struct set){
		.text = "sum", .first = 10, .size = 512, .valid = 512, .contiguous = true });
	in_use(c, 10, true);
	p[2] ^= 1;
	put_set(p + 96, (struct set){ .text = "whole" });
	put_set(p + 192, (struct set){ .text = "lost" });
	p[192] = 0x05; /* its file entry alone is deleted */
	seen = look(c, &r);
	assert_int_equal(2, seen.n);
	assert_string_equal("sum", seen.path[0]);
	assert_int_equal(512, seen.at[0].size_bytes);
	assert_string_equal("whole", seen.path[1]);
	assert_int_equal(2, r.damaged);
	assert_string_equal("the entry set of sum is damaged", r.text);
	p[1] = 200; /* more secondaries than there are: ends at the next file */
	assert_int_equal(2, look(c, &r).n);
	p[32] = 0xC1; /* no stream entry: nothing to read it by */
	seen = look(c, &r);
	assert_int_equal(1, seen.n);
	assert_string_equal("whole", seen.path[0]);
	free(c);
}

static void chains_that_cannot_be(void **state)
{
	static const struct {
		uint32_t first, next;
		uint64_t size;
		bool contiguous;
		uint64_t left;
	} cases[] = {
		{ 10, 10, 2000, false, 512 },           /* in a circle */
		{ 10, END, 2000, false, 512 },          /* too short */
		{ 10, 1, 2000, false, 512 },            /* no cluster */
		{ 10, CLUSTERS + 2, 2000, false, 512 }, /* behind the last */
		{ 1, END, 2000, false, 0 },
		{ CLUSTERS + 2, END, 2000, true, 0 },
		{ CLUSTERS + 1, END, 2000, true, 512 },
		{ 10, END, UINT64_MAX, false, 512 },
		{ 10, END, UINT64_MAX, true, 92 * 512 },
		{ 0, END, 5, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct card *c = card_new(9);
		struct volume_report r;
		struct seen seen;

		for (uint32_t n = 5; n < CLUSTERS + 2; n++)
			in_use(c, n, true);
		put_set(root_end(c),
		    (struct set){ .text = "x",
			.first = cases[i].first,
			.size = cases[i].size,
			.valid = cases[i].size,
			.contiguous = cases[i].contiguous });
		chain(c, 10, cases[i].next);
		seen = look(c, &r);
		assert_int_equal(1, seen.n);
		assert_int_equal(cases[i].left, seen.at[0].size_bytes);
		assert_true(seen.at[0].valid_bytes <= seen.at[0].size_bytes);
		assert_true(seen.at[0].told_bytes == cases[i].size);
		assert_true(seen.at[0].flags & VOLUME_CUT);
		assert_true(r.damaged > 0);
		assert_true(c->reads < 200);
		free(c);
	}
}

static void shared_and_free_clusters(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;

	(void)state;
	add(c,
	    (struct set){
		.text = "a", .first = 10, .size = 1024, .valid = 1024, .contiguous = true });
	add(c,
	    (struct set){
		.text = "b", .first = 11, .size = 512, .valid = 512, .contiguous = true });
	seen = look(c, &r);
	assert_true(seen.at[0].flags & VOLUME_SHARED);
	assert_true(seen.at[1].flags & VOLUME_SHARED);
	assert_true(r.damaged > 0);
	free(c);
	c = card_new(9);
	add(c,
	    (struct set){
		.text = "a", .first = 10, .size = 1024, .valid = 1024, .contiguous = true });
	in_use(c, 11, false);
	look(c, &r);
	assert_int_equal(1, r.damaged);
	assert_memory_equal("cluster 11 is in use, and free", r.text, 30);
	free(c);
}

static void folder_in_itself(void **state)
{
	struct card *c = card_new(9);
	struct volume_report r;
	struct seen seen;

	(void)state;
	add(c,
	    (struct set){ .text = "D", .first = 4, .size = 512, .valid = 512, .attributes = 0x10 });
	add(c, (struct set){ .text = "a" });
	seen = look(c, &r);
	assert_int_equal(1, seen.n);
	assert_string_equal("a", seen.path[0]);
	assert_true(r.damaged > 0);
	chain(c, 4, 4); /* and the root runs in a circle */
	seen = look(c, &r);
	assert_int_equal(1, seen.n);
	free(c);
}

static void medium_that_cannot_be_read(void **state)
{
	struct card *c = card_new(12);
	struct volume_report r;
	struct seen seen;
	uint8_t *p = cluster_at(c, 4);

	(void)state;
	memset(p + 64, 0x05, 4096 - 64); /* deleted entries */
	put_set(p + 512, (struct set){ .text = "bad" });
	put_set(p + 1024, (struct set){ .text = "good" });
	c->bad_at = (uint64_t)(p + 512 - c->bytes);
	seen = look(c, &r);
	assert_int_equal(1, seen.n);
	assert_string_equal("good", seen.path[0]);
	assert_true(r.unread > 0);
	c->bad_at = 0;
	c->source.size_bytes = c->heap + 10 * c->sector; /* cut off */
	seen = look(c, &r);
	assert_int_equal(2, seen.n);
	assert_string_equal("the medium ends before the volume does", r.text);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_files),
		cmocka_unit_test(maps_extents),
		cmocka_unit_test(names_are_utf8),
		cmocka_unit_test(times_are_faces),
		cmocka_unit_test(counts_free_room),
		cmocka_unit_test(reads_entries_again),
		cmocka_unit_test(goes_by_the_active_fat),
		cmocka_unit_test(boot_backup),
		cmocka_unit_test(boot_that_cannot_be),
		cmocka_unit_test(sets_that_are_damaged),
		cmocka_unit_test(chains_that_cannot_be),
		cmocka_unit_test(shared_and_free_clusters),
		cmocka_unit_test(folder_in_itself),
		cmocka_unit_test(medium_that_cannot_be_read),
	};

	return cmocka_run_group_tests_name("exfat", tests, NULL, NULL);
}
