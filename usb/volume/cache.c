/*
 * cache: what was read last of a medium's tables and folders. See cache.h.
 */
#include "cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINES (CACHE_BYTES / CACHE_LINE_BYTES)

struct line {
	uint64_t at; /* of its first byte */
	uint32_t len;
	uint32_t bad;  /* one bit a block that cannot be read */
	uint64_t used; /* when; 0: never */
};

struct cache {
	struct source *source;
	uint32_t line_bytes, lines;
	uint64_t turn;
	struct line line[LINES];
	uint8_t bytes[CACHE_BYTES];
};

struct cache *cache_open(struct source *s)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->source = s;
	c->line_bytes = s->block_bytes > CACHE_LINE_BYTES ? s->block_bytes : CACHE_LINE_BYTES;
	c->lines = CACHE_BYTES / c->line_bytes;
	return c;
}

void cache_close(struct cache *c)
{
	free(c);
}

void cache_forget(struct cache *c)
{
	memset(c->line, 0, sizeof(c->line));
}

/* Fills a line's bytes block by block. 0, or what ends everything. */
static int fill_blocks(struct cache *c, struct line *l, uint8_t *bytes)
{
	uint32_t block = c->source->block_bytes;

	for (uint32_t at = 0; at < l->len; at += block) {
		uint32_t len = l->len - at < block ? l->len - at : block;
		int r = source_read(c->source, l->at + at, bytes + at, len);

		if (r == -EIO)
			l->bad |= 1u << at / block;
		else if (r < 0)
			return r;
	}
	return 0;
}

/* The line that holds this byte, read where it has to be. 0 or -errno. */
static int line_of(struct cache *c, uint64_t offset, struct line **out, const uint8_t **bytes)
{
	uint64_t at = offset - offset % c->line_bytes;
	uint64_t left = c->source->size_bytes - at;
	struct line *l = &c->line[0];
	uint8_t *room;
	int r = 0;

	for (uint32_t i = 0; i < c->lines; i++) {
		if (c->line[i].used && c->line[i].at == at) {
			l = &c->line[i];
			break;
		}
		if (c->line[i].used < l->used)
			l = &c->line[i];
	}
	room = c->bytes + (size_t)(l - c->line) * c->line_bytes;
	if (!l->used || l->at != at) {
		*l = (struct line){ .at = at };
		l->len = left < c->line_bytes ? (uint32_t)left : c->line_bytes;
		r = source_read(c->source, at, room, l->len);
		if (r == -EIO)
			r = fill_blocks(c, l, room);
		if (r < 0)
			return r;
	}
	l->used = ++c->turn;
	*out = l;
	*bytes = room;
	return 0;
}

/* Whether a block is bad that these bytes of the line touch. */
static bool touches_bad(const struct cache *c, const struct line *l, uint32_t from, uint32_t len)
{
	uint32_t block = c->source->block_bytes;

	for (uint32_t i = from / block; l->bad && i <= (from + len - 1) / block; i++) {
		if (l->bad & 1u << i)
			return true;
	}
	return false;
}

int cache_read(struct cache *c, uint64_t offset_bytes, void *out, size_t len)
{
	uint8_t *to = out;

	if (len > c->source->size_bytes || offset_bytes > c->source->size_bytes - len)
		return -EIO;
	while (len > 0) {
		uint32_t from = (uint32_t)(offset_bytes % c->line_bytes);
		uint32_t part = c->line_bytes - from;
		const uint8_t *bytes;
		struct line *l;
		int r = line_of(c, offset_bytes, &l, &bytes);

		if (r < 0)
			return r;
		if (part > len)
			part = (uint32_t)len;
		if (touches_bad(c, l, from, part))
			return -EIO;
		memcpy(to, bytes + from, part);
		to += part;
		offset_bytes += part;
		len -= part;
	}
	return 0;
}
