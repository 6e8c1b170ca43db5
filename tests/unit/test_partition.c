/*
 * partition: tables that are as they should be, and such that are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../dockd/base/buf.h"
#include "../../usb/volume/partition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4096u

struct medium {
	struct source source; /* first */
	uint8_t *bytes;
	uint64_t bad; /* a byte that cannot be read; 0: the first block, UINT64_MAX: none */
	int gone;
};

static struct medium medium;
static struct partitions found;

static int medium_read(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	struct medium *m = (struct medium *)s;

	if (offset_bytes + len > s->size_bytes)
		abort();
	if (m->gone)
		return m->gone;
	if (offset_bytes <= m->bad && m->bad < offset_bytes + len)
		return -EIO;
	memcpy(out, m->bytes + offset_bytes, len);
	return 0;
}

static void fresh(uint32_t unit)
{
	free(medium.bytes);
	medium = (struct medium){ .source = { medium_read, (uint64_t)BLOCKS * unit, unit },
		.bad = UINT64_MAX };
	medium.bytes = calloc(BLOCKS, unit);
	if (!medium.bytes)
		abort();
}

static int teardown(void **state)
{
	(void)state;
	free(medium.bytes);
	medium.bytes = NULL;
	return 0;
}

/* Writes an entry of the MBR (or link) in this block. */
static void mbr(uint32_t block, unsigned slot, uint8_t type, uint32_t start, uint32_t blocks)
{
	uint8_t *p = medium.bytes + (size_t)block * medium.source.block_bytes;

	p[510] = 0x55;
	p[511] = 0xAA;
	p += 446 + 16 * slot;
	p[4] = type;
	buf_put_le(p + 8, start, 4);
	buf_put_le(p + 12, blocks, 4);
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t bit = (crc ^ p[i / 8] >> i % 8) & 1;

		crc = crc >> 1 ^ (bit ? 0xEDB88320u : 0);
	}
	return ~crc;
}

#define ARRAY_BYTES (128u * 128)

static uint32_t array_blocks(void)
{
	return ARRAY_BYTES / medium.source.block_bytes;
}

static uint8_t *block_at(uint64_t block)
{
	return medium.bytes + block * medium.source.block_bytes;
}

static void gpt_head(uint64_t mine, uint64_t array)
{
	uint8_t *p = block_at(mine);

	memcpy(p, "EFI PART", 8);
	buf_put_le(p + 8, 0x10000, 4);
	buf_put_le(p + 12, 92, 4);
	buf_put_le(p + 16, 0, 4);
	buf_put_le(p + 24, mine, 8);
	buf_put_le(p + 72, array, 8);
	buf_put_le(p + 80, 128, 4);
	buf_put_le(p + 84, 128, 4);
	buf_put_le(p + 88, crc32_of(block_at(array), ARRAY_BYTES), 4);
	buf_put_le(p + 16, crc32_of(p, 92), 4);
}

static void gpt_entry(unsigned slot, uint64_t first, uint64_t last)
{
	uint8_t *p = block_at(2) + (size_t)slot * 128;

	memset(p, 0x77, 32);
	buf_put_le(p + 32, first, 8);
	buf_put_le(p + 40, last, 8);
}

/* Both copies, over the entries that stand in the first. */
static void gpt_finish(void)
{
	uint32_t n = array_blocks();

	memcpy(block_at(BLOCKS - 1 - n), block_at(2), ARRAY_BYTES);
	gpt_head(1, 2);
	gpt_head(BLOCKS - 1, BLOCKS - 1 - n);
	mbr(0, 0, 0xEE, 1, BLOCKS - 1);
}

static void read_all(enum partition_table table, size_t n, unsigned damaged)
{
	assert_int_equal(partitions_read(&medium.source, &found), 0);
	assert_string_equal(partition_word(found.table), partition_word(table));
	assert_int_equal(found.n, n);
	assert_int_equal(found.damaged, damaged);
	assert_int_equal(found.text[0] != '\0', damaged > 0);
}

static void expect(size_t i, uint64_t block, uint64_t blocks, uint8_t type)
{
	assert_int_equal(found.at[i].offset_bytes, block * medium.source.block_bytes);
	assert_int_equal(found.at[i].size_bytes, blocks * medium.source.block_bytes);
	assert_int_equal(found.at[i].type, type);
}

/* ---- ---- */

static void test_mbr(void **state)
{
	static const uint32_t units[] = { 512, 4096 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fresh(units[i]);
		mbr(0, 0, 0x0C, 63, 100);
		mbr(0, 2, 0x07, 2000, 96); /* a slot left out */
		read_all(TABLE_MBR, 2, 0);
		expect(0, 63, 100, 0x0C);
		expect(1, 2000, 96, 0x07);
	}
}

static void test_mbr_entries_that_cannot_be(void **state)
{
	(void)state;
	fresh(512);
	mbr(0, 0, 0x0C, BLOCKS, 100);
	mbr(0, 1, 0x0C, 0, 100);
	mbr(0, 2, 0x0C, 4000, UINT32_MAX); /* cut where the medium ends */
	mbr(0, 3, 0x0C, 4050, 10);         /* overlaps */
	read_all(TABLE_MBR, 2, 4);
	expect(0, 4000, 96, 0x0C);
	expect(1, 4050, 10, 0x0C);
	fresh(512);
	mbr(0, 0, 0x0C, 10, 10);
	mbr(0, 1, 0x0C, 10, 10); /* twice the same: once is enough */
	read_all(TABLE_MBR, 1, 1);
}

static void test_logical(void **state)
{
	(void)state;
	fresh(512);
	mbr(0, 0, 0x0C, 8, 8);
	mbr(0, 1, 0x0F, 100, 1000);
	mbr(100, 0, 0x0B, 8, 50); /* relative to its link */
	mbr(100, 1, 0x05, 200, 100);
	mbr(300, 0, 0x07, 4, 60); /* the link is relative to the extended one */
	read_all(TABLE_MBR, 3, 0);
	expect(1, 108, 50, 0x0B);
	expect(2, 304, 60, 0x07);
	mbr(300, 1, 0x05, 1000, 100);
	read_all(TABLE_MBR, 3, 1); /* outside of the extended one */
	block_at(300)[510] = 0;
	read_all(TABLE_MBR, 2, 1);
	medium.bad = 300 * 512;
	read_all(TABLE_MBR, 2, 1);
}

static void test_logical_in_a_circle(void **state)
{
	(void)state;
	fresh(512);
	mbr(0, 0, 0x05, 100, 1000);
	mbr(100, 0, 0x0B, 8, 50);
	mbr(100, 1, 0x05, 200, 100);
	mbr(300, 0, 0x07, 4, 60);
	mbr(300, 1, 0x05, 200, 100); /* itself */
	assert_int_equal(partitions_read(&medium.source, &found), 0);
	assert_int_equal(found.n, 2);
	assert_true(found.damaged > 0);
	mbr(0, 1, 0x05, UINT32_MAX, UINT32_MAX);
	assert_int_equal(partitions_read(&medium.source, &found), 0);
	assert_int_equal(found.n, 2);
}

static void test_more_than_there_is_room_for(void **state)
{
	(void)state;
	fresh(512);
	mbr(0, 0, 0x05, 100, 2000);
	for (uint32_t i = 0; i < 20; i++) {
		mbr(100 + 10 * i, 0, 0x0B, 1, 5);
		if (i < 19)
			mbr(100 + 10 * i, 1, 0x05, 10 * (i + 1), 10);
	}
	read_all(TABLE_MBR, PARTITIONS_MAX, 4);
}

static void test_gpt(void **state)
{
	static const uint32_t units[] = { 512, 4096 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fresh(units[i]);
		gpt_entry(0, 40, 99);
		gpt_entry(127, 100, 100);
		gpt_finish();
		read_all(TABLE_GPT, 2, 0);
		expect(0, 40, 60, 0);
		expect(1, 100, 1, 0);
		mbr(0, 1, 0x0C, 40, 60); /* a hybrid: the GPT counts */
		read_all(TABLE_GPT, 2, 0);
	}
}

/* An adapter that shows other blocks than the disk was partitioned with. */
static void test_gpt_in_other_blocks(void **state)
{
	(void)state;
	fresh(512);
	gpt_entry(0, 40, 99);
	gpt_finish();
	medium.source.block_bytes = 4096;
	read_all(TABLE_GPT, 1, 0);
	assert_int_equal(found.at[0].offset_bytes, 40 * 512);
}

static void test_gpt_damaged(void **state)
{
	(void)state;
	fresh(512);
	gpt_entry(0, 40, 99);
	gpt_finish();
	block_at(1)[60] ^= 1;
	read_all(TABLE_GPT, 1, 1);
	block_at(1)[60] ^= 1;
	gpt_head(1, 2);
	memcpy(block_at(2000), block_at(1), 512);
	gpt_head(2000, 2);
	memcpy(block_at(1), block_at(2000), 512); /* another place's header */
	read_all(TABLE_GPT, 1, 1);
	gpt_head(1, 2);
	block_at(1)[30] ^= 1;
	read_all(TABLE_GPT, 1, 1);
	assert_string_equal(found.text, "the first GPT is damaged, its second copy is used");
	block_at(1)[30] ^= 1;
	block_at(2)[33] ^= 1; /* the array */
	read_all(TABLE_GPT, 1, 1);
	expect(0, 40, 60, 0);
	block_at(2)[33] ^= 1;
	medium.bad = 512;
	read_all(TABLE_GPT, 1, 1);
	medium.bad = 0; /* the protective MBR */
	read_all(TABLE_GPT, 1, 1);
	medium.bad = UINT64_MAX;
	block_at(1)[30] ^= 1;
	block_at(BLOCKS - 1)[30] ^= 1;
	read_all(TABLE_GPT, 0, 1);
	mbr(0, 1, 0x0C, 40, 60); /* a hybrid: there is still this */
	read_all(TABLE_MBR, 1, 1);
	expect(0, 40, 60, 0x0C);
	block_at(0)[510] = 0;
	read_all(TABLE_NONE, 1, 0);
}

static void test_gpt_entries_that_cannot_be(void **state)
{
	(void)state;
	fresh(512);
	gpt_entry(0, 99, 40);
	gpt_entry(1, 0, UINT64_MAX);
	gpt_entry(2, 1ull << 60, (1ull << 60) + 5);
	gpt_entry(3, 50, 1ull << 62);
	gpt_finish();
	read_all(TABLE_GPT, 1, 4);
	expect(0, 50, BLOCKS - 50, 0);
}

/* A card that a camera gave an MBR while the GPT of a computer is still behind it. */
static void test_mbr_over_an_old_gpt(void **state)
{
	(void)state;
	fresh(512);
	gpt_entry(0, 40, 99);
	gpt_finish();
	mbr(0, 0, 0x0C, 64, 1000);
	read_all(TABLE_MBR, 1, 0);
	expect(0, 64, 1000, 0x0C);
}

static void test_bare(void **state)
{
	uint8_t *p;

	(void)state;
	fresh(512);
	read_all(TABLE_NONE, 1, 0);
	expect(0, 0, BLOCKS, 0);
	p = block_at(0);
	/* A FAT boot sector whose code looks like partitions. */
	mbr(0, 0, 0x0C, 63, 100);
	memcpy(p, "\xEB\x3C\x90MSDOS5.0\0\x02\x01\x01\0\x02\x40\0\0\x10\xF8\x0C\0", 24);
	read_all(TABLE_NONE, 1, 0);
	p[16] = 0;
	read_all(TABLE_MBR, 1, 0);
	memset(p, 0, 446);
	memcpy(p,
	    "\xEB\x76\x90"
	    "EXFAT   ",
	    11);
	read_all(TABLE_NONE, 1, 0);
	memset(p, 0, 446);
	p[446] = 1; /* no table: a boot flag that cannot be */
	read_all(TABLE_NONE, 1, 0);
}

static void test_medium(void **state)
{
	(void)state;
	fresh(512);
	medium.bad = 0;
	read_all(TABLE_NONE, 1, 1);
	medium.gone = -ENODEV;
	assert_int_equal(partitions_read(&medium.source, &found), -ENODEV);
	medium.gone = 0;
	medium.source.size_bytes = 0;
	read_all(TABLE_NONE, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mbr),
		cmocka_unit_test(test_mbr_entries_that_cannot_be),
		cmocka_unit_test(test_logical),
		cmocka_unit_test(test_logical_in_a_circle),
		cmocka_unit_test(test_more_than_there_is_room_for),
		cmocka_unit_test(test_gpt),
		cmocka_unit_test(test_gpt_in_other_blocks),
		cmocka_unit_test(test_gpt_damaged),
		cmocka_unit_test(test_gpt_entries_that_cannot_be),
		cmocka_unit_test(test_mbr_over_an_old_gpt),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_medium),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
