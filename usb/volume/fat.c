/*
 * fat: what is particular to FAT12, FAT16 and FAT32: boot sector, tables, folders' entries.
 *
 * Part of volume.c's walk, by the functions of fat_format. Source: Microsoft, "FAT: General
 * Overview of On-Disk Format" 1.03 (fatgen103); the lenience is that of Linux, which reads what
 * cameras write: FAT32 is what has no 16-bit table size, however few its clusters. The second table counts
 * where the first cannot be read or says what cannot be. Short names are read as code page 437, as
 * Linux does. Every field is hostile: numbers of clusters are checked before use, nothing is
 * allocated by what the medium says. It never writes.
 */
#include "cache.h"
#include "dos_time.h"
#include "fat_name.h"
#include "volume_inner.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 32
#define FAT12_CLUSTERS_MAX 4084
#define FAT16_CLUSTERS_MAX 65524
#define FAT32_CLUSTERS_MAX 0x0FFFFFF5u
#define BACKUP_SECTOR 6 /* of FAT32's boot sector, "no other value is recommended" */
#define COUNT_BYTES (64u << 10)
#define ATTR_READ_ONLY 0x01
#define ATTR_LABEL 0x08
#define ATTR_FOLDER 0x10
#define ATTR_LONG 0x0F
#define ATTR_MASK 0x3F
#define ENTRY_END 0x00
#define ENTRY_DELETED 0xE5

struct boot {
	uint32_t sector_bytes, cluster_bytes;
	uint32_t reserved, fats, fat_sectors, root_entries, root;
	uint64_t sectors, clusters;
	unsigned bits;  /* of one number in a table */
	uint16_t flags; /* FAT32: bit 7: one table alone is kept, bits 0 to 3 which */
	uint8_t media;
	bool dirty;
};

struct fat {
	struct cache *cache;
	unsigned bits;
	uint64_t table_at[2], table_bytes;
	unsigned tables;      /* that count: 1 or 2 */
	uint64_t root_at;     /* FAT12, FAT16 */
	uint32_t root_bytes;  /* 0: FAT32 */
	uint32_t root;        /* FAT32: its first cluster */
	bool told_second;     /* of this walk */
	const char *notes[3]; /* what open found wrong, told by each walk */
	size_t notes_n;
};

static uint32_t le(const uint8_t *p, size_t n)
{
	struct buf b = buf_of(p, n);

	return (uint32_t)buf_le(&b, n);
}

static void note(struct fat *x, const char *text)
{
	if (x->notes_n < sizeof(x->notes) / sizeof(x->notes[0]))
		x->notes[x->notes_n++] = text;
}

/* ---- boot sector (fatgen103, "Boot Sector and BPB", "FAT Type Determination") ---- */

static bool power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* The kind by the number of clusters. false: no kind has so many, or so few. */
static bool boot_kind(const uint8_t p[512], struct boot *b, bool fat32)
{
	uint64_t root_sectors =
	    ((uint64_t)b->root_entries * ENTRY_BYTES + b->sector_bytes - 1) / b->sector_bytes;
	uint64_t before = b->reserved + (uint64_t)b->fats * b->fat_sectors + root_sectors;
	uint64_t table_bits = (uint64_t)b->fat_sectors * b->sector_bytes * 8;

	if (before >= b->sectors)
		return false;
	b->clusters = (b->sectors - before) * b->sector_bytes / b->cluster_bytes;
	if (fat32)
		b->bits = 32;
	else
		b->bits = b->clusters > FAT12_CLUSTERS_MAX ? 16 : 12;
	/* What the table has no number for is not there. */
	if (b->clusters > table_bits / b->bits - 2)
		b->clusters = table_bits / b->bits - 2;
	if (fat32) {
		b->root = le(p + 44, 4);
		b->flags = (uint16_t)le(p + 40, 2);
	}
	b->dirty = p[fat32 ? 65 : 37] & 1;
	return b->clusters > 0 && b->clusters <= (fat32 ? FAT32_CLUSTERS_MAX : FAT16_CLUSTERS_MAX);
}

static bool boot_read(const uint8_t p[512], struct boot *b)
{
	bool fat32 = le(p + 22, 2) == 0;

	*b = (struct boot){ .sector_bytes = le(p + 11, 2),
		.reserved = le(p + 14, 2),
		.fats = p[16],
		.media = p[21],
		.root_entries = fat32 ? 0 : le(p + 17, 2),
		.sectors = le(p + 19, 2) ? le(p + 19, 2) : le(p + 32, 4),
		.fat_sectors = fat32 ? le(p + 36, 4) : le(p + 22, 2) };
	if (!power_of_two(b->sector_bytes) || b->sector_bytes < 512 || b->sector_bytes > 4096 ||
	    !power_of_two(p[13]) || b->reserved == 0 || b->fats == 0 || b->fat_sectors == 0 ||
	    (p[21] != 0xF0 && p[21] < 0xF8) || (!fat32 && b->root_entries == 0))
		return false;
	b->cluster_bytes = p[13] * b->sector_bytes;
	return boot_kind(p, b, fat32);
}

/* The boot sector to go by. 1; 0: it is no FAT; -EIO: it is, but too damaged; -errno. */
static int boot_find(struct volume *v, struct boot *out, const char **why)
{
	static const uint32_t sectors[] = { 512, 1024, 2048, 4096 };
	struct fat *x = v->inner;
	uint8_t p[512] = { 0 };
	int r = source_read(v->source, v->base, p, sizeof(p));
	bool looks;

	if (r < 0 && r != -EIO)
		return r;
	if (r == 0 && boot_read(p, out))
		return 1;
	looks = memcmp(p + 54, "FAT1", 4) == 0 || memcmp(p + 82, "FAT32", 5) == 0;
	for (size_t i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++) {
		uint64_t at = (uint64_t)BACKUP_SECTOR * sectors[i];

		r = at + sizeof(p) <= v->size_bytes ?
		    source_read(v->source, v->base + at, p, sizeof(p)) :
		    -EIO;
		if (r < 0 && r != -EIO)
			return r;
		if (r == 0 && memcmp(p + 82, "FAT32", 5) == 0 && p[510] == 0x55 && p[511] == 0xAA &&
		    boot_read(p, out) && out->bits == 32 && out->sector_bytes == sectors[i]) {
			note(x, "the boot sector is damaged, its copy is used");
			return 1;
		}
	}
	*why = "FAT, its boot sector is damaged";
	return looks ? -EIO : 0;
}

/* ---- tables ---- */

/* What a table says of a cluster. 0 or -errno. */
static int number(struct volume *v, unsigned table, uint32_t cluster, uint32_t *out)
{
	struct fat *x = v->inner;
	uint64_t at = x->bits == 12 ? cluster + cluster / 2 : (uint64_t)cluster * (x->bits / 8);
	size_t len = x->bits == 32 ? 4 : 2;
	uint8_t p[4];
	int r;

	if (at + len > x->table_bytes)
		return -EIO;
	r = cache_read(x->cache, x->table_at[table] + at, p, len);
	if (r < 0)
		return r;
	*out = le(p, len);
	if (x->bits == 12)
		*out = cluster & 1 ? *out >> 4 : *out & 0xFFF;
	*out &= 0x0FFFFFFF;
	return 0;
}

/* The first number that ends a chain. The one before marks a bad cluster. */
static uint32_t end_of_chain(const struct fat *x)
{
	return x->bits == 12 ? 0xFF8 : x->bits == 16 ? 0xFFF8 : 0x0FFFFFF8;
}

static int fat_follow(struct volume *v, uint32_t cluster, uint32_t *out)
{
	struct fat *x = v->inner;

	for (unsigned i = 0; i < x->tables; i++) {
		int r = number(v, i, cluster, out);

		if (r < 0 && r != -EIO)
			return r;
		if (r < 0 || (*out < end_of_chain(x) && !volume_has(v, *out)))
			continue;
		if (i > 0 && !x->told_second) {
			x->told_second = true;
			volume_wrong(v, "the first FAT is damaged, its second copy is used");
		}
		return *out < end_of_chain(x);
	}
	return -EIO;
}

/* ---- entries of a folder (fatgen103, "FAT Directory Structure") ---- */

/* The entry at the cursor, and where it lies; the cursor moves on. 1; 0: no more; -errno. */
static int entry_read(struct volume *v, struct folder *f, uint8_t e[ENTRY_BYTES], uint64_t *where)
{
	struct fat *x = v->inner;
	uint64_t end = v->cluster_bytes, in = f->at;
	uint32_t block = v->source->block_bytes;
	int r;

	if (f->first == 0) {
		end = x->root_bytes;
		*where = x->root_at + in;
	}
	if (f->at + ENTRY_BYTES > f->size_bytes || (f->first == 0 && in >= end))
		return 0;
	if (f->first != 0) {
		if (f->at / v->cluster_bytes > f->seen) {
			r = volume_behind(v, f->cluster, false, &f->cluster);
			f->seen++;
			if (r <= 0) {
				f->size_bytes = f->at;
				return r;
			}
		}
		if (!volume_has(v, f->cluster)) {
			f->size_bytes = f->at;
			return -EIO;
		}
		in = f->at % v->cluster_bytes;
		*where = volume_at(v, f->cluster) + in;
	}
	r = cache_read(x->cache, *where, e, ENTRY_BYTES);
	if (r == -EIO) { /* what lies behind this block may be read */
		uint64_t skip = block - *where % block;

		f->at += skip < end - in ? skip : end - in;
	} else if (r == 0) {
		f->at += ENTRY_BYTES;
	}
	return r < 0 ? r : 1;
}

static void entry_take(const struct volume *v, const uint8_t e[ENTRY_BYTES], uint64_t where,
    const struct fat_long *name, struct volume_file *out)
{
	const struct fat *x = v->inner;
	bool has_long = fat_long_fits(name, e);

	memset(out, 0, sizeof(*out));
	out->entry = has_long ? name->where : where;
	out->first = le(e + 26, 2);
	if (x->bits == 32)
		out->first |= le(e + 20, 2) << 16;
	if (e[11] & ATTR_READ_ONLY)
		out->flags |= VOLUME_READ_ONLY;
	out->mtime_s = dos_time((uint16_t)le(e + 24, 2), (uint16_t)le(e + 22, 2));
	if (out->mtime_s == VOLUME_NO_TIME)
		out->mtime_s = dos_time((uint16_t)le(e + 16, 2), (uint16_t)le(e + 14, 2));
	out->told_bytes = le(e + 28, 4);
	if (has_long ? fat_long_name(name, out->name) : fat_short_name(e, out->name))
		out->flags |= VOLUME_NAME_ODD;
	if (e[11] & ATTR_FOLDER) {
		out->flags |= VOLUME_FOLDER;
		out->told_bytes = UINT64_MAX;
	}
	out->size_bytes = out->valid_bytes = out->told_bytes;
}

static int fat_next(struct volume *v, struct folder *f, struct volume_file *out)
{
	struct fat_long name = { 0 };

	for (;;) {
		uint8_t e[ENTRY_BYTES];
		uint64_t where;
		int r = entry_read(v, f, e, &where);

		if (r <= 0)
			return r;
		if (e[0] == ENTRY_END) {
			f->size_bytes = f->at;
			return 0;
		}
		if (e[0] != ENTRY_DELETED && (e[11] & ATTR_MASK) == ATTR_LONG) {
			fat_long_add(&name, e, where);
			continue;
		}
		if (e[0] == ENTRY_DELETED || (e[11] & ATTR_LABEL) ||
		    memcmp(e, ".          ", 11) == 0 || memcmp(e, "..         ", 11) == 0) {
			name.parts = 0;
			continue;
		}
		entry_take(v, e, where, &name, out);
		return 1;
	}
}

static int fat_entry(struct volume *v, uint64_t entry, struct volume_file *out)
{
	struct fat *x = v->inner;
	struct folder f = { 0 };
	int r;

	if ((entry - v->base) % ENTRY_BYTES != 0)
		return -ENOENT;
	if (entry >= x->root_at && entry - x->root_at < x->root_bytes) {
		f.at = entry - x->root_at;
	} else {
		uint64_t in = entry - v->heap_bytes;

		if (entry < v->heap_bytes || in / v->cluster_bytes >= v->clusters)
			return -ENOENT;
		f.first = f.cluster = (uint32_t)(in / v->cluster_bytes) + 2;
		f.at = in % v->cluster_bytes;
	}
	f.size_bytes = f.at + (FAT_LONG_PARTS + 1) * ENTRY_BYTES;
	r = fat_next(v, &f, out);
	if (r == 1)
		return out->entry == entry ? 0 : -ENOENT;
	return r == 0 ? -ENOENT : r;
}

/* ---- the volume ---- */

static void fat_forget(struct volume *v)
{
	struct fat *x = v->inner;

	cache_forget(x->cache);
}

static void fat_close(struct volume *v)
{
	struct fat *x = v->inner;

	if (x->cache)
		cache_close(x->cache);
	free(x);
	v->inner = NULL;
}

/* Which tables count, and which of two is the first. 0 or -errno. */
static int tables_choose(struct volume *v, const struct boot *b)
{
	struct fat *x = v->inner;
	uint64_t at = v->base + (uint64_t)b->reserved * b->sector_bytes;
	uint32_t said[2] = { 0, 0 };

	x->table_bytes = (uint64_t)b->fat_sectors * b->sector_bytes;
	x->table_at[0] = at;
	x->table_at[1] = at + x->table_bytes;
	x->tables = b->fats > 1 ? 2 : 1;
	if ((b->flags & 0x80) && (b->flags & 0x0F) < b->fats) {
		x->table_at[0] = at + (b->flags & 0x0Fu) * x->table_bytes;
		x->tables = 1;
	}
	for (unsigned i = 0; i < x->tables; i++) {
		int r = number(v, i, 0, &said[i]);

		if (r < 0 && r != -EIO)
			return r;
	}
	/* The first number repeats the media byte. */
	if (x->tables == 2 && (said[0] & 0xFF) != b->media && (said[1] & 0xFF) == b->media) {
		x->table_at[0] = x->table_at[1];
		x->tables = 1;
		note(x, "the first FAT is damaged, its second copy is used");
	}
	return 0;
}

static int boot_take(struct volume *v, const struct boot *b, const char **why)
{
	struct fat *x = v->inner;
	uint64_t root_sectors =
	    ((uint64_t)b->root_entries * ENTRY_BYTES + b->sector_bytes - 1) / b->sector_bytes;
	uint64_t root = (b->reserved + (uint64_t)b->fats * b->fat_sectors) * b->sector_bytes;
	uint64_t heap = root + root_sectors * b->sector_bytes;
	uint32_t state = UINT32_MAX, clean;
	int r;

	*why = "FAT, the medium ends before its files begin";
	if (heap >= v->size_bytes || (v->size_bytes - heap) / b->cluster_bytes == 0)
		return -EIO;
	v->kind = b->bits == 12 ? VOLUME_FAT12 : b->bits == 16 ? VOLUME_FAT16 : VOLUME_FAT32;
	v->cluster_bytes = b->cluster_bytes;
	v->clusters = (uint32_t)b->clusters;
	v->heap_bytes = v->base + heap;
	x->bits = b->bits;
	x->root = b->root;
	x->root_at = v->base + root;
	x->root_bytes = b->root_entries * ENTRY_BYTES;
	if ((v->size_bytes - heap) / b->cluster_bytes < v->clusters) {
		v->clusters = (uint32_t)((v->size_bytes - heap) / b->cluster_bytes);
		note(x, "the medium ends before the volume does");
	}
	r = tables_choose(v, b);
	if (r < 0)
		return r;
	/* The two highest bits of the second number: put away well, no errors met. */
	clean = b->bits == 32 ? 0x0C000000 : b->bits == 16 ? 0xC000 : 0;
	r = number(v, 0, 1, &state);
	if (r < 0 && r != -EIO)
		return r;
	v->dirty = b->dirty || (state & clean) != clean;
	return 0;
}

static int fat_open(struct volume *v, const char **why)
{
	struct boot boot;
	struct fat *x;
	int r;

	x = v->inner = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->cache = cache_open(v->source);
	r = x->cache ? boot_find(v, &boot, why) : -ENOMEM;
	if (r == 1)
		r = boot_take(v, &boot, why);
	else if (r == 0)
		r = -ENOTSUP;
	if (r < 0)
		fat_close(v);
	return r;
}

static void fat_root(struct volume *v, struct folder *out)
{
	struct fat *x = v->inner;

	*out = (struct folder){ .size_bytes = UINT64_MAX };
	if (x->root_bytes == 0)
		out->first = out->cluster = x->root;
	x->told_second = false;
	for (size_t i = 0; i < x->notes_n; i++)
		volume_wrong(v, "%s", x->notes[i]);
}

/* Counts the free clusters that a stretch of a table tells of. 0 or -errno. */
static int count(
    struct volume *v, uint32_t from, uint32_t n, uint8_t *room, uint32_t *free_clusters)
{
	struct fat *x = v->inner;
	size_t each = x->bits / 8;
	int r = -EIO;

	for (unsigned i = 0; r == -EIO && i < x->tables; i++)
		r = source_read(v->source, x->table_at[i] + from * (uint64_t)each, room, n * each);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		*free_clusters += (le(room + i * each, each) & 0x0FFFFFFF) == 0;
	return r;
}

static int fat_room(struct volume *v, uint64_t *capacity_bytes, uint64_t *free_bytes)
{
	struct fat *x = v->inner;
	uint32_t free_clusters = 0, end = v->clusters + 2;
	uint8_t *room = malloc(COUNT_BYTES);
	int r = room ? 0 : -ENOMEM;

	for (uint32_t at = 2; r == 0 && at < end;) {
		uint32_t n = 1, said;

		if (x->bits == 12) {
			r = number(v, 0, at, &said);
			if (r == -EIO && x->tables == 2)
				r = number(v, 1, at, &said);
			free_clusters += r == 0 && said == 0;
		} else {
			n = COUNT_BYTES / (x->bits / 8);
			n = n < end - at ? n : end - at;
			r = count(v, at, n, room, &free_clusters);
		}
		at += n;
	}
	free(room);
	*capacity_bytes = (uint64_t)v->clusters * v->cluster_bytes;
	*free_bytes = (uint64_t)free_clusters * v->cluster_bytes;
	return r;
}

const struct volume_format fat_format = {
	.open = fat_open,
	.close = fat_close,
	.root = fat_root,
	.next = fat_next,
	.follow = fat_follow,
	.entry = fat_entry,
	.room = fat_room,
	.forget = fat_forget,
};
