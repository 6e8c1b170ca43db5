/*
 * exfat: what is particular to exFAT: boot regions, entry sets, its FAT and its allocation bitmap.
 *
 * Part of volume.c's walk, by the functions of exfat_format. Source: Microsoft, "exFAT file system
 * specification" (numbers in comments are its sections). Every field is hostile: numbers of clusters
 * are checked before use, a set is at most 256 entries, a folder at most 256 MiB; nothing is
 * allocated by what the medium says. It never writes.
 *
 * An entry set whose checksum is wrong is told as damaged and listed all the same where it has a
 * stream entry, with what its fields say: the bytes there may be evidence, and a reader that
 * hides them helps nobody. Times are the clock face as the camera wrote it: the UTC offset beside
 * them (7.4.10) and the 10 ms parts are left out, so that one camera's files stay on one clock
 * whether or not it knows its zone. Deleted entries are not looked at.
 */
#include "../name.h"
#include "cache.h"
#include "dos_time.h"
#include "exfat_boot.h"
#include "volume_inner.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 32
#define SET_ENTRIES 256                 /* a file entry and its 255 secondaries at most */
#define FOLDER_BYTES_MAX (256ull << 20) /* 7.4: a folder is at most 256 MiB */
#define BAD_BLOCKS_MAX 64               /* of folders, skipped before it gives up */
#define FAT_BAD 0xFFFFFFF7u             /* 4.1.3; larger ones end a chain, as everywhere */
#define ENTRY_END 0x00
#define ENTRY_BITMAP 0x81
#define ENTRY_FILE 0x85
#define ENTRY_STREAM 0xC0
#define ENTRY_NAME 0xC1
#define ENTRY_IN_USE 0x80
#define ENTRY_SECONDARY 0x40
#define NAME_UNITS 15 /* UTF-16 units in one name entry */

struct exfat {
	struct cache *cache;
	uint8_t set[SET_ENTRIES * ENTRY_BYTES];
	uint64_t fat_at, fat_len; /* on the medium */
	uint32_t root;
	uint32_t bitmap; /* first cluster; 0: not found */
	uint64_t bitmap_bytes;
	bool bitmap_whole;    /* its clusters lie side by side */
	uint64_t bits_left;   /* bits that may still be compared before the next forget */
	bool told_free;       /* of the file that was found last */
	unsigned bad_blocks;  /* skipped since the last forget */
	const char *notes[3]; /* what open found wrong, told by each walk */
	size_t notes_n;
};

static uint64_t le(const uint8_t *p, size_t n)
{
	struct buf b = buf_of(p, n);

	return buf_le(&b, n);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void note(struct exfat *x, const char *text)
{
	if (x->notes_n < sizeof(x->notes) / sizeof(x->notes[0]))
		x->notes[x->notes_n++] = text;
}

static void boot_take(struct volume *v, const struct exfat_boot *b)
{
	struct exfat *x = v->inner;
	uint64_t heap = (uint64_t)b->heap_sector << b->sector_shift;
	uint64_t there = v->size_bytes > heap ? v->size_bytes - heap : 0;
	unsigned active = b->fats == 2 ? b->flags & 1 : 0;

	v->cluster_bytes = 1u << (b->sector_shift + b->cluster_shift);
	v->clusters = b->clusters;
	v->heap_bytes = v->base + heap;
	v->dirty = b->flags & 2;
	x->root = b->root;
	x->fat_len = (uint64_t)b->fat_sectors << b->sector_shift;
	x->fat_at = v->base + ((uint64_t)b->fat_sector << b->sector_shift) + active * x->fat_len;
	if (there / v->cluster_bytes < v->clusters) {
		v->clusters = (uint32_t)(there / v->cluster_bytes);
		note(x, "the medium ends before the volume does");
	}
}

/* ---- FAT and bitmap ---- */

/* Bitmap bit of a cluster: 1 in use, 0 free, -errno or -ENODATA where it is not known. */
static int bit_of(struct volume *v, uint32_t cluster)
{
	struct exfat *x = v->inner;
	uint64_t byte = (cluster - 2) / 8;
	uint64_t at = x->bitmap_whole ? volume_at(v, x->bitmap) : 0;
	uint8_t bits;
	int r;

	if (!x->bitmap_whole || byte >= x->bitmap_bytes || x->bits_left == 0)
		return -ENODATA;
	x->bits_left--;
	r = cache_read(x->cache, at + byte, &bits, 1);
	return r < 0 ? r : bits >> ((cluster - 2) % 8) & 1;
}

/* Tells, once a file, that the bitmap has free what a file uses. */
static void tell_free(struct volume *v, uint32_t cluster)
{
	struct exfat *x = v->inner;

	if (!v->report || x->told_free || bit_of(v, cluster) != 0)
		return;
	x->told_free = true;
	volume_wrong(v, "cluster %u is in use, and free by the allocation bitmap", cluster);
}

static int exfat_follow(struct volume *v, uint32_t cluster, uint32_t *out)
{
	struct exfat *x = v->inner;
	uint8_t p[4];
	int r;

	if (!volume_has(v, cluster) || 4 * (cluster + 1ull) > x->fat_len)
		return -EIO;
	r = cache_read(x->cache, x->fat_at + 4ull * cluster, p, sizeof(p));
	if (r < 0)
		return r;
	*out = (uint32_t)le(p, 4);
	if (*out > FAT_BAD)
		return 0;
	if (!volume_has(v, *out))
		return -EIO;
	tell_free(v, *out);
	return 1;
}

/* ---- entries of a folder ---- */

/*
 * The entry at the cursor, and where it lies. 1; 0: the folder ends here; -EIO, the cursor behind
 * the block that cannot be read where what follows may be; -errno.
 */
static int peek(struct volume *v, struct folder *f, uint8_t out[ENTRY_BYTES], uint64_t *where)
{
	struct exfat *x = v->inner;
	int r;

	if (f->at + ENTRY_BYTES > f->size_bytes || f->at >= FOLDER_BYTES_MAX)
		return 0;
	while (f->at / v->cluster_bytes > f->seen) {
		r = volume_has(v, f->cluster) ?
		    volume_behind(v, f->cluster, f->contiguous, &f->cluster) :
		    -EIO;
		if (r <= 0)
			return r;
		f->seen++;
	}
	if (!volume_has(v, f->cluster))
		return -EIO;
	*where = volume_at(v, f->cluster) + f->at % v->cluster_bytes;
	r = cache_read(x->cache, *where, out, ENTRY_BYTES);
	if (r == -EIO && x->bad_blocks < BAD_BLOCKS_MAX) {
		x->bad_blocks++;
		f->at += v->source->block_bytes - *where % v->source->block_bytes;
	}
	return r < 0 ? r : 1;
}

/*
 * Takes the file entry at the cursor and the secondaries behind it into x->set; the cursor stands
 * behind what belonged to it. Returns how many entries there are, or -errno.
 */
static int gather(struct volume *v, struct folder *f, uint64_t *where)
{
	struct exfat *x = v->inner;
	uint8_t *p = x->set;
	uint64_t at;
	int n, r = peek(v, f, p, where);

	if (r <= 0)
		return r;
	f->at += ENTRY_BYTES;
	for (n = 1; n <= x->set[1]; n++) {
		p += ENTRY_BYTES;
		r = peek(v, f, p, &at);
		if (r < 0 && r != -EIO)
			return r;
		if (r <= 0 ||
		    (p[0] & (ENTRY_IN_USE | ENTRY_SECONDARY)) != (ENTRY_IN_USE | ENTRY_SECONDARY))
			break;
		f->at += ENTRY_BYTES;
	}
	return n;
}

/* SetChecksum (6.3.3) of the n entries in x->set. */
static bool set_sound(const struct exfat *x, int n)
{
	uint32_t sum = 0;

	for (int i = 0; i < n * ENTRY_BYTES; i++) {
		if (i != 2 && i != 3)
			sum = ((sum << 15 | sum >> 1) + x->set[i]) & 0xFFFF;
	}
	return n == x->set[1] + 1 && n >= 3 && sum == le(x->set + 2, 2);
}

static const uint8_t *set_find(const struct exfat *x, int n, uint8_t type)
{
	for (int i = 1; i < n; i++) {
		if (x->set[i * ENTRY_BYTES] == type)
			return x->set + i * ENTRY_BYTES;
	}
	return NULL;
}

/* The name (7.7), as long as the stream entry says. Returns whether it is odd. */
static bool set_name(const struct exfat *x, int n, size_t units, char out[VOLUME_NAME_LEN])
{
	uint8_t wide[2 * 255];
	char name[NAME_ROOM(255)];
	size_t have = 0;
	bool odd;

	for (int i = 1; i < n && have < units; i++) {
		size_t take = smaller(units - have, NAME_UNITS);

		if (x->set[i * ENTRY_BYTES] != ENTRY_NAME)
			continue;
		memcpy(wide + 2 * have, x->set + i * ENTRY_BYTES + 2, 2 * take);
		have += take;
	}
	odd = name_utf16(wide, have, name) || have < units;
	return name_clean(name, odd, out, VOLUME_NAME_LEN);
}

/* The file that the n entries in x->set tell of. false: no stream entry among them. */
static bool set_file(struct volume *v, int n, uint64_t where, struct volume_file *out)
{
	const struct exfat *x = v->inner;
	const uint8_t *s = set_find(x, n, ENTRY_STREAM);

	memset(out, 0, sizeof(*out));
	if (!s)
		return false;
	out->entry = where;
	out->first = (uint32_t)le(s + 20, 4);
	out->told_bytes = le(s + 24, 8);
	out->size_bytes = out->told_bytes;
	out->valid_bytes = le(s + 8, 8);
	out->flags = (x->set[4] & 0x10 ? VOLUME_FOLDER : 0) |
	    (x->set[4] & 0x01 ? VOLUME_READ_ONLY : 0) | (s[1] & 2 ? VOLUME_CONTIGUOUS : 0);
	out->mtime_s = dos_time((uint16_t)le(x->set + 14, 2), (uint16_t)le(x->set + 12, 2));
	if (out->mtime_s == VOLUME_NO_TIME)
		out->mtime_s = dos_time((uint16_t)le(x->set + 10, 2), (uint16_t)le(x->set + 8, 2));
	if (set_name(x, n, s[3], out->name))
		out->flags |= VOLUME_NAME_ODD;
	if (out->flags & VOLUME_FOLDER)
		out->valid_bytes = out->told_bytes;
	if (out->valid_bytes > out->told_bytes) {
		volume_wrong(v, "%s has more valid bytes than bytes", out->name);
		out->valid_bytes = out->told_bytes;
	}
	if (out->told_bytes == 0)
		out->flags &= ~(unsigned)VOLUME_CONTIGUOUS;
	return true;
}

/* Whether the bitmap knows the clusters that can be compared without following a chain. */
static void set_compare(struct volume *v, const struct volume_file *f)
{
	struct exfat *x = v->inner;
	uint64_t n = 1;

	x->told_free = false;
	if (!v->report || f->first == 0)
		return;
	if (f->flags & VOLUME_CONTIGUOUS)
		n = volume_clusters(v, f->told_bytes);
	for (uint64_t i = 0; i < n && x->bits_left > 0 && !x->told_free; i++) {
		if (!volume_has(v, (uint32_t)smaller(f->first + i, UINT32_MAX)))
			return; /* the walk tells that it is too long */
		tell_free(v, (uint32_t)(f->first + i));
	}
}

static int exfat_next(struct volume *v, struct folder *f, struct volume_file *out)
{
	struct exfat *x = v->inner;
	uint8_t p[ENTRY_BYTES];
	uint64_t where;
	bool sound;
	int n;

	for (;;) {
		n = peek(v, f, p, &where);
		if (n <= 0 || p[0] == ENTRY_END)
			return n < 0 ? n : 0;
		if (p[0] != ENTRY_FILE) {
			/* Other entries in use say nothing of files, but these belong to one. */
			if (p[0] == ENTRY_STREAM)
				volume_wrong(v, "a stream entry without its file entry");
			f->at += ENTRY_BYTES;
			continue;
		}
		n = gather(v, f, &where);
		if (n < 0)
			return n;
		sound = set_sound(x, n);
		if (set_file(v, n, where, out)) {
			if (!sound)
				volume_wrong(v, "the entry set of %s is damaged", out->name);
			set_compare(v, out);
			return 1;
		}
		volume_wrong(v, "a file entry without its stream entry");
	}
}

/* ---- one entry again ---- */

/* Reads the set whose file entry lies at this place, its folder contiguous or not. As gather. */
static int gather_at(struct volume *v, uint64_t entry, bool contiguous)
{
	uint64_t where, in_heap = entry - v->heap_bytes;
	struct folder f = { .size_bytes = UINT64_MAX, .contiguous = contiguous };

	f.cluster = f.first = (uint32_t)(in_heap / v->cluster_bytes) + 2;
	f.at = in_heap % v->cluster_bytes;
	return gather(v, &f, &where);
}

static int exfat_entry(struct volume *v, uint64_t entry, struct volume_file *out)
{
	struct exfat *x = v->inner;
	int n;

	if (entry < v->heap_bytes || entry % ENTRY_BYTES != 0 ||
	    (entry - v->heap_bytes) / v->cluster_bytes >= v->clusters)
		return -ENOENT;
	n = gather_at(v, entry, false);
	/* A set that goes on in the next cluster: its folder may have no chain (NoFatChain). */
	if (n > 0 && !set_sound(x, n)) {
		n = gather_at(v, entry, true);
		if (n > 0 && !set_sound(x, n))
			n = gather_at(v, entry, false);
	}
	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	if (x->set[0] != ENTRY_FILE || !set_file(v, n, entry, out))
		return -ENOENT;
	return 0;
}

/* ---- the volume ---- */

/* Finds the allocation bitmap of the active FAT (7.1) in the root folder. 0 or -errno. */
static int bitmap_find(struct volume *v, unsigned active)
{
	struct exfat *x = v->inner;
	struct folder f = { .first = x->root, .cluster = x->root, .size_bytes = UINT64_MAX };
	uint8_t p[ENTRY_BYTES];
	uint64_t where;
	uint32_t cluster, next;
	int r;

	x->bitmap = 0;
	x->bitmap_whole = false;
	for (;;) {
		r = peek(v, &f, p, &where);
		if (r <= 0 || p[0] == ENTRY_END) {
			note(x, "no allocation bitmap");
			return r < 0 && r != -EIO ? r : 0;
		}
		if (p[0] == ENTRY_BITMAP && (p[1] & 1) == active)
			break;
		f.at += ENTRY_BYTES;
	}
	cluster = (uint32_t)le(p + 20, 4);
	x->bitmap_bytes = le(p + 24, 8);
	if (!volume_has(v, cluster) || x->bitmap_bytes < (v->clusters + 7ull) / 8 ||
	    x->bitmap_bytes > 1ull << 29) {
		note(x, "no allocation bitmap that can be");
		return 0;
	}
	x->bitmap = cluster;
	for (uint64_t at = v->cluster_bytes; at < x->bitmap_bytes; at += v->cluster_bytes) {
		r = exfat_follow(v, cluster, &next);
		if (r < 0 && r != -EIO)
			return r;
		if (r <= 0 || next != cluster + 1)
			return 0;
		cluster = next;
	}
	x->bitmap_whole = true;
	return 0;
}

static void exfat_forget(struct volume *v)
{
	struct exfat *x = v->inner;

	cache_forget(x->cache);
	x->bits_left = 4ull * v->clusters; /* a walk reads all twice */
	x->bad_blocks = 0;
}

static void exfat_close(struct volume *v)
{
	struct exfat *x = v->inner;

	cache_close(x->cache);
	free(x);
	v->inner = NULL;
}

static int exfat_open(struct volume *v, const char **why)
{
	struct exfat_boot boot;
	const char *wrong = NULL;
	struct exfat *x;
	int r;

	x = v->inner = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->cache = cache_open(v->source);
	if (!x->cache) {
		exfat_close(v);
		return -ENOMEM;
	}
	v->kind = VOLUME_EXFAT;
	r = exfat_boot_find(v->source, v->base, &boot, &wrong);
	if (r == 1) {
		if (wrong)
			note(x, wrong);
		boot_take(v, &boot);
		exfat_forget(v);
		r = bitmap_find(v, boot.fats == 2 ? boot.flags & 1 : 0);
	} else if (r == 0) {
		uint8_t sector[512] = { 0 };

		r = source_read(v->source, v->base, sector, sizeof(sector));
		if (r == 0 || r == -EIO) {
			r = memcmp(sector + 3, "EXFAT   ", 8) == 0 ? -EIO : -ENOTSUP;
			*why = r == -EIO ? "exFAT, both boot regions damaged" : "not known";
		}
	}
	if (r != 0)
		exfat_close(v);
	return r;
}

static void exfat_root(struct volume *v, struct folder *out)
{
	const struct exfat *x = v->inner;

	*out = (struct folder){ .first = x->root, .cluster = x->root, .size_bytes = UINT64_MAX };
	for (size_t i = 0; i < x->notes_n; i++)
		volume_wrong(v, "%s", x->notes[i]);
}

static int exfat_room(struct volume *v, uint64_t *capacity_bytes, uint64_t *free_bytes)
{
	struct exfat *x = v->inner;
	uint64_t free_clusters = 0, bytes = (v->clusters + 7ull) / 8;
	uint32_t cluster = x->bitmap;
	uint8_t bits;
	int r;

	if (cluster == 0)
		return -EIO;
	for (uint64_t i = 0; i < bytes; i++) {
		uint64_t at = i % v->cluster_bytes;
		unsigned used;

		if (i > 0 && at == 0) {
			r = exfat_follow(v, cluster, &cluster);
			if (r <= 0)
				return r < 0 ? r : -EIO;
		}
		r = cache_read(x->cache, volume_at(v, cluster) + at, &bits, 1);
		if (r < 0)
			return r;
		used = bits;
		if (i == bytes - 1 && v->clusters % 8) /* bits behind the last cluster */
			used |= 0xFFu << v->clusters % 8;
		free_clusters += 8 - (unsigned)__builtin_popcount(used & 0xFF);
	}
	*capacity_bytes = (uint64_t)v->clusters * v->cluster_bytes;
	*free_bytes = free_clusters * v->cluster_bytes;
	return 0;
}

const struct volume_format exfat_format = {
	.open = exfat_open,
	.close = exfat_close,
	.root = exfat_root,
	.next = exfat_next,
	.follow = exfat_follow,
	.entry = exfat_entry,
	.room = exfat_room,
	.forget = exfat_forget,
};
