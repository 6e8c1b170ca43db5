#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int disk_add(struct disk *d, const char *path, uint64_t size_bytes, const char **why)
{
	struct unit *u = &d->unit[d->units];
	struct stat st = { 0 };

	*why = "too many logical units";
	if (d->units == UNITS_MAX)
		return -E2BIG;
	*u = (struct unit){ .file = -1, .block_bytes = 512, .removable = true, .present = true };
	snprintf(u->name, sizeof(u->name), "lun%u", d->units);
	*why = "an image cannot be opened";
	if (path[0]) {
		u->file = open(path, O_RDONLY | O_CLOEXEC);
		if (u->file < 0 || fstat(u->file, &st) < 0)
			return -errno;
	}
	u->size_bytes = size_bytes ? size_bytes : (uint64_t)st.st_size;
	d->units++;
	return 0;
}

void unit_read(const struct unit *u, uint64_t offset, uint8_t *buf, size_t n)
{
	while (n > 0) {
		ssize_t r = u->file < 0 ? 0 : pread(u->file, buf, n, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			memset(buf, 0, n);
			return;
		}
		buf += r;
		offset += (uint64_t)r;
		n -= (size_t)r;
	}
}

void unit_note(struct unit *u, uint64_t offset, uint64_t n)
{
	u->sent_bytes += n;
	if (u->count && u->sent[u->count - 1].upto == offset) {
		u->sent[u->count - 1].upto += n;
		return;
	}
	if (u->count == u->room) {
		u->room = u->room ? 2 * u->room : 64;
		u->sent = realloc(u->sent, u->room * sizeof(*u->sent));
		if (!u->sent)
			abort();
	}
	u->sent[u->count++] = (struct extent){ offset, offset + n };
}

uint64_t unit_sent(const struct unit *u, uint64_t from, uint64_t upto)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < u->count; i++) {
		uint64_t a = u->sent[i].from > from ? u->sent[i].from : from;
		uint64_t b = u->sent[i].upto < upto ? u->sent[i].upto : upto;

		if (a < b)
			sum += b - a;
	}
	return sum;
}

bool unit_was_sent(const struct unit *u, uint64_t offset, uint64_t n)
{
	return unit_sent(u, offset, offset + n) > 0;
}

void disk_put_in(struct disk *d)
{
	for (unsigned i = 0; i < d->units; i++)
		d->unit[i].ejected = false;
	disk_attention(d, 0x28, 0x00);
}

void disk_attention(struct disk *d, uint8_t asc, uint8_t ascq)
{
	for (unsigned i = 0; i < d->units; i++) {
		d->unit[i].sense = (struct sense){ 0 };
		d->unit[i].attention = (struct sense){ 6, asc, ascq };
		d->unit[i].prevented = false;
	}
}
