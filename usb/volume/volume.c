/*
 * volume: one FAT12, FAT16, FAT32 or exFAT file system, read only: finding out which, the maps
 * through files and what the two formats share. See volume.h; the walk is in volume_walk.c.
 */
#include "volume_inner.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the formats and the walk share ---- */

uint64_t volume_at(const struct volume *v, uint32_t cluster)
{
	return v->heap_bytes + (uint64_t)(cluster - 2) * v->cluster_bytes;
}

bool volume_has(const struct volume *v, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < v->clusters;
}

int volume_behind(struct volume *v, uint32_t cluster, bool contiguous, uint32_t *out)
{
	int r = 1;

	if (v->source->reads > v->reads_limit)
		return -E2BIG;
	if (contiguous)
		*out = cluster + 1;
	else
		r = v->format->follow(v, cluster, out);
	return r == 1 && !volume_has(v, *out) ? -EIO : r;
}

uint64_t volume_clusters(const struct volume *v, uint64_t bytes)
{
	return bytes / v->cluster_bytes + (bytes % v->cluster_bytes != 0);
}

/* The first text of a report, cut where it has no room; the path is UTF-8 and is not cut within. */
static void __attribute__((format(printf, 2, 0)))
tell(struct volume *v, const char *fmt, va_list ap)
{
	char *text = v->report->text;
	size_t room = sizeof(v->report->text), len;

	vsnprintf(text, room, fmt, ap);
	len = strlen(text);
	if (v->path && v->path[0])
		snprintf(text + len, room - len, ": %s", v->path);
	len = strlen(text);
	if (len == room - 1) {
		while (len > 0 && ((unsigned char)text[len - 1] & 0xC0) == 0x80)
			len--;
		if (len > 0 && ((unsigned char)text[len - 1] & 0x80))
			len--;
		text[len] = '\0';
	}
}

void volume_wrong(struct volume *v, const char *fmt, ...)
{
	va_list ap;

	if (!v->report)
		return;
	v->report->damaged++;
	if (v->report->text[0])
		return;
	va_start(ap, fmt);
	tell(v, fmt, ap);
	va_end(ap);
}

void volume_unread(struct volume *v, const char *fmt, ...)
{
	va_list ap;

	if (!v->report)
		return;
	v->report->unread++;
	if (v->report->text[0])
		return;
	va_start(ap, fmt);
	tell(v, fmt, ap);
	va_end(ap);
}

/* ---- how many clusters a chain has ---- */

/* The cluster that n steps lead to, or 0 where the chain is shorter. 0 or -errno. */
static int forward(struct volume *v, uint32_t *cluster, uint64_t n)
{
	for (; n > 0 && *cluster; n--) {
		int r = volume_behind(v, *cluster, false, cluster);

		if (r < 0 && r != -EIO)
			return r;
		if (r <= 0)
			*cluster = 0;
	}
	return 0;
}

/*
 * Brent, "An improved Monte Carlo factorization algorithm" (1980), section 4: finds a circle with
 * two places remembered; then how far in front of it the chain begins.
 */
int volume_chain_length(struct volume *v, uint32_t first, uint64_t *length, bool *circle)
{
	uint32_t slow = first, fast = first;
	uint64_t power = 1, round = 0, n = 0;
	int r;

	*circle = false;
	*length = 0;
	if (!volume_has(v, first))
		return 0;
	do {
		r = forward(v, &fast, 1);
		if (r < 0)
			return r;
		n++;
		if (!fast) {
			*length = n;
			return 0;
		}
		if (n > 4ull * v->clusters + 16) { /* it changes while it is read */
			*circle = true;
			return 0;
		}
		if (++round > power) {
			slow = fast;
			power *= 2;
			round = 0;
			continue;
		}
	} while (slow != fast || round == 0);
	*circle = true;
	slow = fast = first;
	r = forward(v, &fast, round);
	for (n = 0; r == 0 && slow != fast && n <= v->clusters; n++) {
		r = forward(v, &slow, 1);
		if (r == 0)
			r = forward(v, &fast, 1);
	}
	if (r < 0)
		return r;
	*length = n + round;
	return 0;
}

void volume_fit(const struct volume *v, struct volume_file *f, uint64_t clusters)
{
	if (clusters < volume_clusters(v, f->size_bytes))
		f->size_bytes = clusters * v->cluster_bytes;
	if (f->size_bytes < f->told_bytes)
		f->flags |= VOLUME_CUT;
	if (f->valid_bytes > f->size_bytes)
		f->valid_bytes = f->size_bytes;
}

/* ---- opening ---- */

/*
 * What stands there by the marks of other file systems, or NULL. What was there before may have
 * left a second boot sector behind: where the first is FAT's, FAT comes first.
 */
static const char *looks_like(
    struct source *s, uint64_t base, uint64_t size_bytes, const struct volume_format *formats[2])
{
	static const struct {
		uint32_t at;
		uint32_t len;
		const char *bytes, *word;
	} marks[] = {
		{ 3, 8, "NTFS    ", "NTFS" },
		{ 0, 4, "XFSB", "XFS" },
		{ 0, 4, "LUKS", "encrypted (LUKS)" },
		{ 3, 8, "-FVE-FS-", "encrypted (BitLocker)" },
		{ 0, 4, "hsqs", "squashfs" },
		{ 1024, 2, "H+", "HFS+" },
		{ 1024, 4, "\x10\x20\xF5\xF2", "F2FS" },
		{ 1080, 2, "\x53\xEF", "ext" },
		{ 32769, 5, "CD001", "ISO 9660" },
		{ 65600, 8, "_BHRfS_M", "Btrfs" },
	};
	uint8_t p[512];

	if (size_bytes < sizeof(p))
		return "empty";
	if (source_read(s, base, p, sizeof(p)) == 0 && partition_is_boot(p)) {
		formats[0] = memcmp(p + 3, "EXFAT   ", 8) == 0 ? &exfat_format : &fat_format;
		formats[1] = formats[0] == &fat_format ? &exfat_format : &fat_format;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (marks[i].at + marks[i].len <= size_bytes &&
		    source_read(s, base + marks[i].at, p, marks[i].len) == 0 &&
		    memcmp(p, marks[i].bytes, marks[i].len) == 0)
			return marks[i].word;
	}
	return NULL;
}

static const char *nothing_known(struct source *s, uint64_t base, uint64_t size_bytes)
{
	uint8_t p[512], zero[512] = { 0 };

	if (size_bytes < sizeof(p) || source_read(s, base, p, sizeof(p)) != 0)
		return "its first block cannot be read";
	return memcmp(p, zero, sizeof(p)) == 0 ? "empty" : "not known";
}

int volume_open(struct source *s, const struct partition *p, struct volume **out, const char **why)
{
	const struct volume_format *formats[] = { &exfat_format, &fat_format };
	struct volume *v = calloc(1, sizeof(*v));
	int r = -ENOTSUP;
	const char *other;

	*out = NULL;
	*why = "";
	if (!v)
		return -ENOMEM;
	v->source = s;
	v->reads_limit = UINT64_MAX;
	v->base = p->offset_bytes;
	v->size_bytes = p->size_bytes;
	if (v->base > s->size_bytes)
		v->base = s->size_bytes;
	if (v->size_bytes > s->size_bytes - v->base)
		v->size_bytes = s->size_bytes - v->base;
	other = looks_like(s, v->base, v->size_bytes, formats);
	for (size_t i = 0; !other && r == -ENOTSUP && i < sizeof(formats) / sizeof(formats[0]);
	     i++) {
		v->format = formats[i];
		r = v->format->open(v, why);
	}
	if (r == -ENOTSUP)
		*why = other ? other : nothing_known(s, v->base, v->size_bytes);
	if (r < 0) {
		free(v);
		return r;
	}
	*out = v;
	return 0;
}

void volume_close(struct volume *v)
{
	if (!v)
		return;
	v->format->close(v);
	free(v);
}

enum volume_kind volume_kind(const struct volume *v)
{
	return v->kind;
}

const char *volume_word(enum volume_kind kind)
{
	switch (kind) {
	case VOLUME_FAT12:
		return "FAT12";
	case VOLUME_FAT16:
		return "FAT16";
	case VOLUME_FAT32:
		return "FAT32";
	case VOLUME_EXFAT:
		return "exFAT";
	}
	return "?";
}

bool volume_dirty(const struct volume *v)
{
	return v->dirty;
}

int volume_free(struct volume *v, uint64_t *capacity_bytes, uint64_t *free_bytes)
{
	return v->format->room(v, capacity_bytes, free_bytes);
}

void volume_forget(struct volume *v)
{
	v->format->forget(v);
}

/* As volume_chain_length; -E2BIG: it costs too many reads. */
static int chain_length_soon(struct volume *v, uint32_t first, uint64_t *length)
{
	bool circle;
	int r;

	v->reads_limit = v->source->reads + VOLUME_SPARE_READS + v->clusters / 1024;
	r = volume_chain_length(v, first, length, &circle);
	v->reads_limit = UINT64_MAX;
	return r;
}

int volume_entry(struct volume *v, uint64_t entry, struct volume_file *out)
{
	uint64_t length;
	int r = v->format->entry(v, entry, out);

	if (r == 0 && (out->flags & VOLUME_FOLDER))
		r = -ENOENT;
	if (r != 0 || out->told_bytes == 0)
		return r;
	if (!volume_has(v, out->first))
		length = 0;
	else if (out->flags & VOLUME_CONTIGUOUS)
		length = v->clusters + 2 - out->first;
	else
		r = chain_length_soon(v, out->first, &length);
	if (r == 0)
		volume_fit(v, out, length);
	return r == -E2BIG ? 0 : r; /* as long as it says */
}

/* ---- maps ---- */

int volume_map(
    struct volume *v, const struct volume_file *f, uint64_t offset_bytes, struct volume_map *out)
{
	uint64_t skip = offset_bytes / v->cluster_bytes;
	int r = 0;

	*out = (struct volume_map){ .volume = v, .contiguous = f->flags & VOLUME_CONTIGUOUS };
	if (offset_bytes >= f->size_bytes)
		return 0;
	out->left = f->size_bytes - offset_bytes;
	if (f->valid_bytes <= offset_bytes)
		return 0;
	out->valid_left = f->valid_bytes - offset_bytes;
	out->within = (uint32_t)(offset_bytes % v->cluster_bytes);
	out->cluster = f->first;
	if (!out->contiguous)
		r = volume_has(v, f->first) ? forward(v, &out->cluster, skip) : 0;
	else if (volume_has(v, f->first) && skip < v->clusters)
		out->cluster += (uint32_t)skip;
	else
		out->cluster = 0;
	return r;
}

int volume_map_next(struct volume_map *m, uint64_t max, struct volume_extent *out)
{
	struct volume *v = m->volume;
	uint64_t want = m->left < max ? m->left : max;
	uint32_t cluster = m->cluster, within = m->within, next;
	int r;

	*out = (struct volume_extent){ .zeros = m->valid_left == 0 };
	if (want == 0)
		return 0;
	if (out->zeros) {
		out->len = want;
		m->left -= want;
		return 1;
	}
	if (want > m->valid_left)
		want = m->valid_left;
	while (out->len < want) {
		uint64_t part;

		if (!volume_has(v, cluster))
			return -EIO;
		if (within == v->cluster_bytes) {
			r = volume_behind(v, cluster, m->contiguous, &next);
			if (r < 0 && r != -EIO)
				return r;
			if (out->len > 0 && (r <= 0 || next != cluster + 1))
				break;
			if (r <= 0)
				return -EIO;
			cluster = next;
			within = 0;
		}
		part = v->cluster_bytes - within;
		if (part > want - out->len)
			part = want - out->len;
		if (out->len == 0)
			out->offset_bytes = volume_at(v, cluster) + within;
		out->len += part;
		within += (uint32_t)part;
	}
	m->cluster = cluster;
	m->within = within;
	m->left -= out->len;
	m->valid_left -= out->len;
	return 1;
}
