/*
 * Fuzzer for exFAT. The first byte chooses: 0, all the rest is a medium; else the next four say how
 * big the volume is and which block cannot be read, its boot region is made here, and the rest is
 * what stands from the FAT on. Whatever is there: the walk ends after a bounded number of reads, and
 * each file's extents lie in the heap, in the file's size, and read what a second look says.
 */
#include "../../usb/volume/volume_inner.h"

#include "../../dockd/base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAT_AT (24 * 512)
#define HEAP_AT (25 * 512)
#define READS_MAX 200000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct medium {
	struct source source;
	uint8_t *bytes;
	uint64_t bad_at;
	unsigned reads;
};

struct check {
	struct volume *volume;
	unsigned files;
	struct volume_file last;
};

static int read_medium(struct source *s, uint64_t at, void *out, size_t len)
{
	struct medium *m = (struct medium *)s;

	if (at > s->size_bytes || len > s->size_bytes - at || ++m->reads > READS_MAX)
		abort();
	if (m->bad_at && at < m->bad_at + 512 && at + len > m->bad_at)
		return -EIO;
	memcpy(out, m->bytes + at, len);
	return 0;
}

static void check_extents(struct volume *v, const struct volume_file *f, uint64_t from)
{
	uint64_t sum = 0, end = v->heap_bytes + (uint64_t)v->clusters * v->cluster_bytes;
	struct volume_extent e;
	struct volume_map m;
	int r;

	if (volume_map(v, f, from, &m) != 0)
		abort();
	while ((r = volume_map_next(&m, 1u << 20, &e)) == 1) {
		if (e.len == 0 || e.len > 1u << 20 || e.zeros != (from + sum >= f->valid_bytes))
			abort();
		if (!e.zeros &&
		    (e.offset_bytes < v->heap_bytes || e.len > end || e.offset_bytes > end - e.len))
			abort();
		sum += e.len;
		if (from + sum > f->size_bytes)
			abort();
	}
	if (r == 0 && from + sum != f->size_bytes)
		abort();
}

static bool visit(void *arg, const char *path, bool path_cut, const struct volume_file *f)
{
	struct check *c = arg;
	size_t len = strlen(path);

	(void)path_cut;
	if (len == 0 || path[0] == '/' || path[len - 1] == '/' || strstr(path, "/../") ||
	    strchr(path, '\n'))
		abort();
	if (f->size_bytes > f->told_bytes || f->valid_bytes > f->size_bytes ||
	    strchr(f->name, '/') ||
	    f->size_bytes > (uint64_t)c->volume->clusters * c->volume->cluster_bytes)
		abort();
	check_extents(c->volume, f, 0);
	check_extents(c->volume, f, f->size_bytes / 2);
	c->last = *f;
	return ++c->files < 1000;
}

static void whole(struct medium *m)
{
	const struct partition p = { .size_bytes = m->source.size_bytes };
	uint64_t capacity = 0, left = 0;
	struct check c = { .files = 0 };
	struct volume_report report;
	struct volume_file again;
	const char *why;

	if (volume_open(&m->source, &p, &c.volume, &why) != 0)
		return;
	if (volume_walk(c.volume, visit, &c, &report) != 0 ||
	    !memchr(report.text, '\0', sizeof(report.text)) || c.files != report.files)
		abort();
	if (volume_free(c.volume, &capacity, &left) == 0 && left > capacity)
		abort();
	volume_forget(c.volume);
	if (c.files > 0 && volume_entry(c.volume, c.last.entry, &again) == 0 &&
	    again.told_bytes == c.last.told_bytes)
		check_extents(c.volume, &again, 0);
	volume_close(c.volume);
}

static void boot_write(uint8_t *p, unsigned shift, uint32_t clusters, uint8_t root, uint8_t flags)
{
	memcpy(p + 3, "EXFAT   ", 8);
	buf_put_le(p + 72, 25 + ((uint64_t)clusters << shift), 8);
	buf_put_le(p + 80, 24, 4);
	buf_put_le(p + 84, 1, 4);
	buf_put_le(p + 88, 25, 4);
	buf_put_le(p + 92, clusters, 4);
	buf_put_le(p + 96, 2 + root % clusters, 4);
	p[106] = flags & 2;
	p[108] = 9;
	p[109] = (uint8_t)shift;
	p[110] = 1;
	p[510] = 0x55;
	p[511] = 0xAA;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct medium m = { .source = { .read = read_medium, .block_bytes = 512 } };

	if (size < 5)
		return -1;
	if (data[0] == 0) {
		m.source.size_bytes = size - 1;
		m.bytes = malloc(size);
		memcpy(m.bytes, data + 1, size - 1);
	} else {
		unsigned shift = data[1] & 3;
		uint32_t clusters = 1 + data[2] % 120;

		m.source.size_bytes = HEAP_AT + (clusters << shift) * 512ull;
		m.bytes = calloc(1, m.source.size_bytes);
		boot_write(m.bytes, shift, clusters, data[3], data[1] >> 2);
		m.bad_at = data[4] ? FAT_AT + 512ull * (data[4] - 1) : 0;
		data += 5;
		size -= 5;
		memcpy(m.bytes + FAT_AT, data,
		    size < m.source.size_bytes - FAT_AT ? size : m.source.size_bytes - FAT_AT);
	}
	whole(&m);
	free(m.bytes);
	return 0;
}
