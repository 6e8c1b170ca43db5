#include "tus_chunk.h"

static uint64_t within(uint64_t v, uint64_t least, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

void tus_chunk_init(struct tus_chunk *c, uint64_t min_bytes, uint64_t max_bytes)
{
	c->min_bytes = min_bytes ? min_bytes : 256u << 10;
	c->max_bytes = max_bytes ? max_bytes : 256u << 20;
	if (c->max_bytes < c->min_bytes)
		c->max_bytes = c->min_bytes;
	c->now_bytes = c->min_bytes;
	c->was_halved = false;
	c->wary = 0;
}

void tus_chunk_took(struct tus_chunk *c, uint64_t bytes, uint64_t ms, bool complete)
{
	uint64_t fits, grown;

	if (__builtin_mul_overflow(bytes, (uint64_t)TUS_PATCH_MS, &fits))
		return;
	fits /= ms ? ms : 1;
	if (fits < c->now_bytes) {
		c->now_bytes = within(fits, c->min_bytes, c->max_bytes);
		return;
	}
	if (!complete || bytes < c->now_bytes)
		return;
	if (c->wary > 0 && --c->wary > 0)
		return;
	grown = c->now_bytes * (c->was_halved ? 2 : 4);
	c->now_bytes = within(fits < grown ? fits : grown, c->min_bytes, c->max_bytes);
	c->wary = c->was_halved ? TUS_CHUNK_WARY : 0;
}

bool tus_chunk_halve(struct tus_chunk *c, uint64_t cut_bytes)
{
	uint64_t half = within(cut_bytes / 2, c->min_bytes, c->max_bytes);

	if (half >= c->now_bytes)
		return false;
	c->now_bytes = half;
	c->was_halved = true;
	c->wary = TUS_CHUNK_WARY;
	return true;
}

bool tus_chunk_cap(struct tus_chunk *c, uint64_t refused_bytes)
{
	if (refused_bytes <= c->min_bytes)
		return false;
	c->max_bytes = within(refused_bytes / 2, c->min_bytes, c->max_bytes);
	c->now_bytes = within(c->now_bytes, c->min_bytes, c->max_bytes);
	return true;
}
