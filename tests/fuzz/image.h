/*
 * image: a medium for the fuzzers of disks: the input, and zeros behind it up to a size that its
 * first byte chooses. Reads are counted and must lie within it.
 */
#ifndef DOCKD_FUZZ_IMAGE_H
#define DOCKD_FUZZ_IMAGE_H

#include "../../usb/volume/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_HEAD_BYTES 4

struct image {
	struct source source; /* first */
	const uint8_t *data;
	size_t len;
	uint64_t reads;
	uint64_t bad; /* this block cannot be read */
};

static int image_read(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	struct image *i = (struct image *)s;
	size_t there = 0;

	i->reads++;
	if (len == 0 || len > s->size_bytes || offset_bytes > s->size_bytes - len)
		abort();
	if (i->bad != 0 && offset_bytes / s->block_bytes <= i->bad &&
	    i->bad <= (offset_bytes + len - 1) / s->block_bytes)
		return -EIO;
	if (offset_bytes < i->len) {
		there = i->len - (size_t)offset_bytes < len ? i->len - (size_t)offset_bytes : len;
		memcpy(out, i->data + offset_bytes, there);
	}
	memset((uint8_t *)out + there, 0, len - there);
	return 0;
}

/*
 * The first byte: size, from 512 bytes to 1 TiB; the second: size of blocks; the third and fourth: a
 * block that cannot be read, 0 none. false where the input is too short.
 */
static bool image_of(const uint8_t *data, size_t size, struct image *out)
{
	static const uint32_t blocks[] = { 512, 512, 512, 4096, 1024, 65536 };

	if (size < IMAGE_HEAD_BYTES)
		return false;
	*out = (struct image){ .data = data + IMAGE_HEAD_BYTES, .len = size - IMAGE_HEAD_BYTES };
	out->source.read = image_read;
	out->source.block_bytes = blocks[data[1] % (sizeof(blocks) / sizeof(blocks[0]))];
	out->source.size_bytes = 512ull << data[0] % 32;
	if (data[0] >= 128) /* the input alone, in whole blocks */
		out->source.size_bytes = out->len;
	out->source.size_bytes -= out->source.size_bytes % out->source.block_bytes;
	out->bad = data[2] | (uint64_t)data[3] << 8;
	return true;
}

#endif
