/*
 * buf: a bounded reader and writer for little-endian bytes from outside.
 *
 * Used by the pure protocol files. A read past the end sets `broken` and gives zeros from then on, so
 * a parser may read a whole dataset and ask once at the end. It never allocates and never asserts.
 */
#ifndef DOCKD_BUF_H
#define DOCKD_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	const uint8_t *at;
	const uint8_t *end;
	bool broken; /* something was read past the end */
};

static inline struct buf buf_of(const void *bytes, size_t len)
{
	return (struct buf){ bytes, (const uint8_t *)bytes + len, false };
}

static inline size_t buf_left(const struct buf *b)
{
	return (size_t)(b->end - b->at);
}

/* The next len bytes, or NULL (and broken) where there are fewer. */
static inline const uint8_t *buf_take(struct buf *b, size_t len)
{
	const uint8_t *p = b->at;

	if (b->broken || buf_left(b) < len) {
		b->broken = true;
		b->at = b->end;
		return NULL;
	}
	b->at += len;
	return p;
}

static inline uint64_t buf_le(struct buf *b, size_t bytes)
{
	const uint8_t *p = buf_take(b, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint8_t buf_u8(struct buf *b)
{
	return (uint8_t)buf_le(b, 1);
}

static inline uint16_t buf_u16(struct buf *b)
{
	return (uint16_t)buf_le(b, 2);
}

static inline uint32_t buf_u32(struct buf *b)
{
	return (uint32_t)buf_le(b, 4);
}

static inline uint64_t buf_u64(struct buf *b)
{
	return buf_le(b, 8);
}

/* Writes bytes little-endian at p. */
static inline void buf_put_le(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif
