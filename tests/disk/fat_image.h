/*
 * fat_image: a FAT file system in memory, made entry by entry and number by number, so that tests
 * can make wrong what they like. Clusters are of 512 bytes.
 */
#ifndef DOCKD_FAT_IMAGE_H
#define DOCKD_FAT_IMAGE_H

#include "../../dockd/base/buf.h"
#include "../../dockd/base/proto.h"
#include "../../usb/volume/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define ROOT_ENTRIES 64

struct medium {
	struct source source; /* first */
	uint8_t *bytes;
	uint64_t reads;
	uint64_t bad_from, bad_to; /* bytes that cannot be read */
	int gone;                  /* -errno of every read */
};

static int medium_read(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	struct medium *m = (struct medium *)s;

	m->reads++;
	if (m->gone)
		return m->gone;
	if (offset_bytes + len > s->size_bytes)
		abort();
	if (offset_bytes < m->bad_to && offset_bytes + len > m->bad_from)
		return -EIO;
	memcpy(out, m->bytes + offset_bytes, len);
	return 0;
}

static struct medium medium_of(size_t size_bytes)
{
	struct medium m = { .source = { medium_read, size_bytes, SECTOR } };

	m.bytes = calloc(1, size_bytes);
	if (!m.bytes)
		abort();
	return m;
}

struct fat_image {
	struct medium medium;
	unsigned bits;
	uint32_t reserved, fat_sectors, root_sectors, clusters;
	uint32_t next; /* free cluster */
	uint32_t root;
	uint32_t filled[1u
	    << 17]; /* bytes of a folder's entries, by its cluster; 0: FAT12, FAT16 root */
};

static uint8_t *fat_at(struct fat_image *f, unsigned table, uint32_t cluster)
{
	return f->medium.bytes + (f->reserved + table * f->fat_sectors) * SECTOR +
	    (f->bits == 12 ? cluster + cluster / 2 : cluster * (f->bits / 8));
}

/* Sets a number in one table. */
static void fat_put(struct fat_image *f, unsigned table, uint32_t cluster, uint32_t value)
{
	uint8_t *p = fat_at(f, table, cluster);

	if (f->bits != 12) {
		buf_put_le(p, value, f->bits / 8);
	} else if (cluster & 1) {
		p[0] = (uint8_t)((p[0] & 0x0F) | value << 4);
		p[1] = (uint8_t)(value >> 4);
	} else {
		p[0] = (uint8_t)value;
		p[1] = (uint8_t)((p[1] & 0xF0) | (value >> 8 & 0x0F));
	}
}

static void fat_set(struct fat_image *f, uint32_t cluster, uint32_t value)
{
	fat_put(f, 0, cluster, value);
	fat_put(f, 1, cluster, value);
}

static uint32_t fat_end(const struct fat_image *f)
{
	return f->bits == 32 ? 0x0FFFFFFF : (1u << f->bits) - 1;
}

static uint64_t fat_offset(const struct fat_image *f, uint32_t cluster)
{
	return (f->reserved + 2 * f->fat_sectors + f->root_sectors + cluster - 2) *
	    (uint64_t)SECTOR;
}

/* n clusters side by side, chained. */
static uint32_t fat_take(struct fat_image *f, uint32_t n)
{
	uint32_t first = f->next;

	for (uint32_t i = 0; i < n; i++)
		fat_set(f, first + i, i + 1 < n ? first + i + 1 : fat_end(f));
	f->next += n;
	if (f->next > f->clusters + 2)
		abort();
	return first;
}

static struct fat_image *fat_make(unsigned bits, uint32_t clusters)
{
	struct fat_image *f = calloc(1, sizeof(*f));
	uint8_t *p;

	if (!f)
		abort();
	f->bits = bits;
	f->clusters = clusters;
	f->reserved = bits == 32 ? 8 : 1;
	f->fat_sectors = ((clusters + 2) * bits / 8 + SECTOR) / SECTOR;
	f->root_sectors = bits == 32 ? 0 : ROOT_ENTRIES * 32 / SECTOR;
	f->medium = medium_of(fat_offset(f, clusters + 2));
	f->next = 2;
	p = f->medium.bytes;
	memcpy(p, "\xEB\x58\x90MSDOS5.0", 11);
	buf_put_le(p + 11, SECTOR, 2);
	p[13] = 1;
	buf_put_le(p + 14, f->reserved, 2);
	p[16] = 2;
	buf_put_le(p + 17, bits == 32 ? 0 : ROOT_ENTRIES, 2);
	p[21] = 0xF8;
	buf_put_le(p + 32, f->medium.source.size_bytes / SECTOR, 4);
	buf_put_le(p + 22, bits == 32 ? 0 : f->fat_sectors, 2);
	fat_set(f, 0, fat_end(f) - 7);
	fat_set(f, 1, fat_end(f));
	if (bits == 32) {
		buf_put_le(p + 36, f->fat_sectors, 4);
		f->root = fat_take(f, 1);
		buf_put_le(p + 44, f->root, 4);
		memcpy(p + 82, "FAT32   ", 8);
	}
	p[510] = 0x55;
	p[511] = 0xAA;
	if (bits == 32)
		memcpy(p + (size_t)6 * SECTOR, p, SECTOR);
	return f;
}

static void fat_free(struct fat_image *f)
{
	free(f->medium.bytes);
	free(f);
}

/* Appends 32 bytes to a folder of one cluster, or of more side by side; returns where they are. */
static uint8_t *fat_append(struct fat_image *f, uint32_t folder, const uint8_t entry[32])
{
	uint64_t at = folder ? fat_offset(f, folder) : (f->reserved + 2 * f->fat_sectors) * SECTOR;
	uint8_t *p = f->medium.bytes + at + f->filled[folder];

	memcpy(p, entry, 32);
	f->filled[folder] += 32;
	return p;
}

/* A short entry; name is 11 bytes. 1 January 2025, 12:00:00. */
static uint8_t *fat_add(struct fat_image *f, uint32_t folder, const char *name, uint8_t attributes,
    uint32_t first, uint32_t size)
{
	uint8_t e[32] = { 0 };

	memcpy(e, name, 11);
	e[11] = attributes;
	buf_put_le(e + 20, first >> 16, 2);
	buf_put_le(e + 22, 12 << 11, 2);
	buf_put_le(e + 24, 45 << 9 | 1 << 5 | 1, 2);
	buf_put_le(e + 26, first & 0xFFFF, 2);
	buf_put_le(e + 28, size, 4);
	return fat_append(f, folder, e);
}

/* A file with clusters of its own, each byte of which is the low byte of its cluster's number. */
static uint32_t fat_file(struct fat_image *f, uint32_t folder, const char *name, uint32_t size)
{
	uint32_t n = (size + SECTOR - 1) / SECTOR, first = n ? fat_take(f, n) : 0;

	for (uint32_t i = 0; i < n; i++)
		memset(f->medium.bytes + fat_offset(f, first + i), (int)(first + i), SECTOR);
	fat_add(f, folder, name, 0x20, first, size);
	return first;
}

static uint32_t fat_folder(struct fat_image *f, uint32_t folder, const char *name)
{
	uint32_t first = fat_take(f, 1);

	fat_add(f, folder, name, 0x10, first, 0);
	fat_add(f, first, ".          ", 0x10, first, 0);
	fat_add(f, first, "..         ", 0x10, folder == f->root ? 0 : folder, 0);
	return first;
}

/* One part of a long name: 13 UTF-16 units. */
static void fat_long(struct fat_image *f, uint32_t folder, uint8_t order, const uint16_t units[13],
    const char *short_name)
{
	static const uint8_t at[13] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	uint8_t e[32] = { order }, sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + (uint8_t)short_name[i]);
	e[11] = 0x0F;
	e[13] = sum;
	for (size_t i = 0; i < 13; i++)
		buf_put_le(e + at[i], units[i], 2);
	fat_append(f, folder, e);
}

/* All parts of an ASCII long name. */
static void fat_long_text(
    struct fat_image *f, uint32_t folder, const char *text, const char *short_name)
{
	size_t len = strlen(text), parts = (len + 12) / 13;

	for (size_t part = parts; part > 0; part--) {
		uint16_t units[13];

		for (size_t i = 0; i < 13; i++) {
			size_t n = (part - 1) * 13 + i;

			units[i] = n < len ? (uint8_t)text[n] : n == len ? 0 : 0xFFFF;
		}
		fat_long(
		    f, folder, (uint8_t)(part | (part == parts ? 0x40 : 0)), units, short_name);
	}
}

/* ---- what a walk tells ---- */

#define SEEN_MAX 512

struct seen {
	size_t n;
	struct {
		char path[PROTO_PATH_LEN];
		bool cut;
		struct volume_file file;
	} at[SEEN_MAX];
	struct volume_report report;
	size_t stop_after; /* 0: never */
};

static bool seen_take(void *arg, const char *path, bool path_cut, const struct volume_file *file)
{
	struct seen *s = arg;

	if (s->n == SEEN_MAX)
		abort();
	memcpy(s->at[s->n].path, path, strlen(path) + 1);
	s->at[s->n].cut = path_cut;
	s->at[s->n].file = *file;
	s->n++;
	return s->n != s->stop_after;
}

static const struct volume_file *seen_find(const struct seen *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->at[i].path, path) == 0)
			return &s->at[i].file;
	}
	return NULL;
}

#endif
