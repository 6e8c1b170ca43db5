/*
 * partition: which stretches of a medium may hold a file system. See partition.h.
 *
 * Every number here is the medium's: sums are checked, the chain of logical partitions and the
 * array of a GPT are bounded, nothing is allocated.
 */
#include "partition.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TYPE_PROTECTIVE 0xEE
#define LOGICAL_MAX 64             /* links of a chain that are followed */
#define GPT_HEAD_BYTES 92          /* UEFI 2.10, 5.3.2 */
#define GPT_ENTRIES_MAX 1024       /* 128 is usual */
#define GPT_ARRAY_BYTES (1u << 20) /* at most */

struct gpt {
	uint64_t array_block;
	uint32_t entries, entry_bytes, array_crc;
};

static uint64_t le(const uint8_t *p, size_t n)
{
	struct buf b = buf_of(p, n);

	return buf_le(&b, n);
}

static void wrong(struct partitions *out, const char *text)
{
	if (out->damaged++ == 0)
		snprintf(out->text, sizeof(out->text), "%s", text);
}

const char *partition_word(enum partition_table table)
{
	switch (table) {
	case TABLE_NONE:
		return "bare";
	case TABLE_MBR:
		return "MBR";
	case TABLE_GPT:
		return "GPT";
	}
	return "?";
}

/* Adds what can be of a stretch that a table tells of. */
static void add(struct partitions *out, const struct source *s, uint64_t block, uint64_t blocks,
    uint32_t unit, uint8_t type)
{
	uint64_t end = s->size_bytes / unit;
	struct partition p = { .type = type };

	if (block >= end || blocks == 0 || block == 0) {
		wrong(out,
		    block == 0 ? "a partition at the table's own place" :
				 "a partition past the end of the medium");
		return;
	}
	if (blocks > end - block) {
		wrong(out, "a partition longer than the medium");
		blocks = end - block;
	}
	p.offset_bytes = block * unit;
	p.size_bytes = blocks * unit;
	for (size_t i = 0; i < out->n; i++) {
		const struct partition *o = &out->at[i];

		if (p.offset_bytes >= o->offset_bytes + o->size_bytes ||
		    o->offset_bytes >= p.offset_bytes + p.size_bytes)
			continue;
		wrong(out, "partitions overlap");
		if (p.offset_bytes == o->offset_bytes)
			return;
	}
	if (out->n == PARTITIONS_MAX) {
		wrong(out, "more partitions than are read");
		return;
	}
	out->at[out->n++] = p;
}

/* ---- boot sectors ---- */

static bool power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

bool partition_is_boot(const uint8_t p[512])
{
	uint64_t sector = le(p + 11, 2), blocks = le(p + 19, 2) ? le(p + 19, 2) : le(p + 32, 4);

	if (p[510] != 0x55 || p[511] != 0xAA)
		return false;
	if (memcmp(p + 3, "EXFAT   ", 8) == 0)
		return true;
	return (p[0] == 0xEB || p[0] == 0xE9) && power_of_two(sector) && sector >= 512 &&
	    sector <= 4096 && power_of_two(p[13]) && le(p + 14, 2) != 0 && p[16] != 0 &&
	    p[16] <= 4 && (p[21] == 0xF0 || p[21] >= 0xF8) && blocks != 0 &&
	    (le(p + 22, 2) != 0 || le(p + 36, 4) != 0);
}

/* ---- MBR ---- */

static bool extended(uint8_t type)
{
	return type == 0x05 || type == 0x0F || type == 0x85;
}

/* Whether the four entries of a first block can be a table: boot flags are 0 or 0x80. */
static bool mbr_is(const uint8_t p[512])
{
	if (p[510] != 0x55 || p[511] != 0xAA)
		return false;
	for (size_t i = 446; i < 510; i += 16) {
		if (p[i] & 0x7F)
			return false;
	}
	return true;
}

static bool mbr_empty(const uint8_t p[512])
{
	for (size_t i = 446; i < 510; i++) {
		if (p[i])
			return false;
	}
	return true;
}

/*
 * Follows the chain of logical partitions: in each link the first entry is a partition relative to
 * the link, the second the next link relative to the extended partition. 0 or -errno.
 */
static int logical_read(struct source *s, uint64_t base, uint64_t blocks, struct partitions *out)
{
	uint32_t unit = s->block_bytes;
	uint64_t at = base;

	for (unsigned links = 0;; links++) {
		uint8_t p[512];
		const uint8_t *e = p + 446;
		uint64_t next = 0;
		int r = at > s->size_bytes / unit ? -EIO : source_read(s, at * unit, p, sizeof(p));

		if (r < 0 && r != -EIO)
			return r;
		if (r < 0 || links == LOGICAL_MAX || p[510] != 0x55 || p[511] != 0xAA) {
			wrong(out,
			    links == LOGICAL_MAX ? "logical partitions in a circle" :
						   "a logical partition's table cannot be read");
			return 0;
		}
		for (unsigned i = 0; i < 4; i++, e += 16) {
			uint64_t start = le(e + 8, 4), n = le(e + 12, 4);

			if (e[4] == 0 || n == 0)
				continue;
			if (!extended(e[4]))
				add(out, s, at + start, n, unit, e[4]);
			else if (next == 0)
				next = start;
		}
		if (next == 0)
			return 0;
		if (next >= blocks) {
			wrong(out, "a logical partition outside of its extended one");
			return 0;
		}
		at = base + next;
	}
}

static int mbr_read(struct source *s, const uint8_t first[512], struct partitions *out)
{
	out->table = TABLE_MBR;
	for (const uint8_t *e = first + 446; e < first + 510; e += 16) {
		uint64_t start = le(e + 8, 4), n = le(e + 12, 4);
		int r = 0;

		if (e[4] == 0 || e[4] == TYPE_PROTECTIVE || n == 0)
			continue;
		if (!extended(e[4]))
			add(out, s, start, n, s->block_bytes, e[4]);
		else if (start == 0)
			wrong(out, "a partition at the table's own place");
		else
			r = logical_read(s, start, n, out);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- GPT (UEFI 2.10, 5.3) ---- */

static uint32_t crc32_add(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return crc;
}

/* The header in this block, and its array's checksum. 1: sound; 0: not; -errno. */
static int gpt_head(struct source *s, uint64_t block, uint32_t unit, struct gpt *out)
{
	uint8_t p[512], part[4096];
	uint32_t len, crc;
	uint64_t at, left;
	int r = source_read(s, block * unit, p, sizeof(p));

	if (r < 0)
		return r == -EIO ? 0 : r;
	len = (uint32_t)le(p + 12, 4);
	if (memcmp(p, "EFI PART", 8) != 0 || len < GPT_HEAD_BYTES || len > sizeof(p))
		return 0;
	crc = (uint32_t)le(p + 16, 4);
	memset(p + 16, 0, 4);
	if (~crc32_add(~0u, p, len) != crc || le(p + 24, 8) != block)
		return 0;
	out->array_block = le(p + 72, 8);
	out->entries = (uint32_t)le(p + 80, 4);
	out->entry_bytes = (uint32_t)le(p + 84, 4);
	out->array_crc = (uint32_t)le(p + 88, 4);
	if (out->entry_bytes < 128 || out->entry_bytes > 4096 || !power_of_two(out->entry_bytes) ||
	    out->entries > GPT_ENTRIES_MAX || out->array_block >= s->size_bytes / unit)
		return 0;
	left = (uint64_t)out->entries * out->entry_bytes;
	if (left > GPT_ARRAY_BYTES)
		return 0;
	crc = ~0u;
	for (at = out->array_block * unit; left > 0;) {
		size_t n = left < sizeof(part) ? (size_t)left : sizeof(part);

		r = source_read(s, at, part, n);
		if (r < 0)
			return r == -EIO ? 0 : r;
		crc = crc32_add(crc, part, n);
		at += n;
		left -= n;
	}
	return ~crc == out->array_crc;
}

/* Looks for a GPT in blocks of this size. 1, 0 or -errno. */
static int gpt_read(struct source *s, uint32_t unit, struct partitions *out)
{
	static const uint8_t unused[16] = { 0 };
	uint64_t blocks = s->size_bytes / unit;
	bool second = false;
	struct gpt g;
	int r;

	if (blocks < 3)
		return 0;
	r = gpt_head(s, 1, unit, &g);
	if (r == 0) {
		r = gpt_head(s, blocks - 1, unit, &g);
		second = r == 1;
	}
	if (r <= 0)
		return r;
	if (second)
		wrong(out, "the first GPT is damaged, its second copy is used");
	out->table = TABLE_GPT;
	for (uint32_t i = 0; i < g.entries; i++) {
		uint8_t e[128];
		uint64_t first, last;

		r = source_read(
		    s, g.array_block * unit + (uint64_t)i * g.entry_bytes, e, sizeof(e));
		if (r == -EIO)
			wrong(out, "an entry of the GPT cannot be read");
		if (r < 0 && r != -EIO)
			return r;
		if (r < 0 || memcmp(e, unused, sizeof(unused)) == 0)
			continue;
		first = le(e + 32, 8);
		last = le(e + 40, 8);
		if (last < first || last == UINT64_MAX)
			wrong(out, "a partition that ends before it begins");
		else
			add(out, s, first, last - first + 1, unit, 0);
	}
	return 1;
}

/* Where the tables stand by the medium's own blocks, else by the usual sizes (an adapter lies). */
static int gpt_find(struct source *s, struct partitions *out)
{
	const uint32_t units[] = { s->block_bytes, 512, 4096 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (i == 0 || units[i] != s->block_bytes)
			r = gpt_read(s, units[i], out);
	}
	return r;
}

/* ---- ---- */

static void bare(const struct source *s, struct partitions *out)
{
	out->table = TABLE_NONE;
	out->n = 1;
	out->at[0] = (struct partition){ .size_bytes = s->size_bytes };
}

int partitions_read(struct source *s, struct partitions *out)
{
	uint8_t first[512] = { 0 };
	bool protective = false, readable;
	int r;

	memset(out, 0, sizeof(*out));
	if (s->size_bytes < sizeof(first))
		return 0;
	r = source_read(s, 0, first, sizeof(first));
	if (r < 0 && r != -EIO)
		return r;
	readable = r == 0;
	if (!readable) {
		memset(first, 0, sizeof(first));
		wrong(out, "the first block cannot be read");
	}
	if (partition_is_boot(first)) {
		bare(s, out);
		return 0;
	}
	for (size_t i = 446; mbr_is(first) && i < 510; i += 16)
		protective = protective || first[i + 4] == TYPE_PROTECTIVE;
	/* An MBR written over a GPT counts, as for all systems: nothing protects the GPT. */
	if (protective || !mbr_is(first) || mbr_empty(first)) {
		r = gpt_find(s, out);
		if (r != 0)
			return r < 0 ? r : 0;
		if (protective) {
			wrong(out, "both copies of the GPT are damaged");
			r = mbr_read(s, first, out); /* a hybrid tells of some in both */
			if (out->n == 0)
				out->table = TABLE_GPT;
			return r;
		}
	}
	if (mbr_is(first) && !mbr_empty(first)) {
		r = mbr_read(s, first, out);
		if (r < 0 || out->n > 0)
			return r;
	}
	bare(s, out);
	return 0;
}
