/*
 * Fuzzer for FAT: the input is the beginning of a medium (image.h) with one bare file system. Walks
 * it, maps every file, reads entries again. No read lies outside; the walk ends within a bounded
 * number of reads; every extent lies in the partition and they sum up to the file's size.
 */
#include "image.h"

#include "../../dockd/base/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES_MAX 2000 /* that are mapped */

struct check {
	struct volume *volume;
	struct image *image;
	unsigned files;
	uint64_t entry;
};

static void map_all(struct check *c, const struct volume_file *f)
{
	struct volume_extent e;
	struct volume_map m;
	uint64_t sum = 0, max = f->size_bytes / 7 + 1;
	int r;

	if (volume_map(c->volume, f, 0, &m) != 0)
		abort();
	while ((r = volume_map_next(&m, max, &e)) == 1) {
		if (e.len == 0 || e.len > max)
			abort();
		if (!e.zeros &&
		    (e.len > c->image->source.size_bytes ||
			e.offset_bytes > c->image->source.size_bytes - e.len))
			abort();
		sum += e.len;
	}
	if (r != 0 || sum != f->size_bytes)
		abort();
	/* From the middle on, there is as much as is left. */
	if (volume_map(c->volume, f, f->size_bytes / 2, &m) != 0 ||
	    m.left != f->size_bytes - f->size_bytes / 2)
		abort();
	if (m.left && volume_map_next(&m, 1, &e) != 1)
		abort();
}

static bool visit(void *arg, const char *path, bool path_cut, const struct volume_file *f)
{
	struct check *c = arg;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	if (strlen(path) >= PROTO_PATH_LEN || !name[0] || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || path[0] == '/')
		abort();
	if (!path_cut && strcmp(name, f->name) != 0)
		abort();
	if (f->size_bytes > f->told_bytes || f->valid_bytes > f->size_bytes ||
	    (f->flags & VOLUME_FOLDER) ||
	    !(f->flags & VOLUME_CUT) != (f->size_bytes == f->told_bytes))
		abort();
	if (c->files++ < FILES_MAX)
		map_all(c, f);
	c->entry = f->entry;
	return c->files < 100000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct volume_report report, again;
	struct volume_file file;
	struct check check = { 0 };
	struct partition whole;
	uint64_t capacity, left;
	struct image image;
	const char *why;

	if (!image_of(data, size, &image))
		return -1;
	whole = (struct partition){ .size_bytes = image.source.size_bytes };
	if (volume_open(&image.source, &whole, &check.volume, &why) != 0)
		return why[0] ? 0 : (abort(), 0);
	check.image = &image;
	image.reads = 0;
	if (volume_walk(check.volume, visit, &check, &report) != 0)
		abort();
	/* At most 16 KiB of it are no zeros: so many chains and folders can be in them. */
	if (image.reads > 150000)
		abort();
	if ((report.damaged + report.unread > 0) != (report.text[0] != '\0'))
		abort();
	if (check.files > 0 && volume_entry(check.volume, check.entry, &file) == 0 &&
	    file.entry != check.entry)
		abort();
	for (size_t i = 0; i < 64; i++)
		volume_entry(check.volume, 32 * i * (1 + data[3]), &file);
	volume_forget(check.volume);
	check.files = 0;
	if (volume_walk(check.volume, visit, &check, &again) != 0 || again.files != report.files ||
	    again.folders != report.folders || again.damaged != report.damaged ||
	    again.unread != report.unread || strcmp(again.text, report.text) != 0)
		abort();
	if (image.source.size_bytes < 64u << 20 &&
	    volume_free(check.volume, &capacity, &left) == 0 && left > capacity)
		abort();
	volume_close(check.volume);
	return 0;
}
