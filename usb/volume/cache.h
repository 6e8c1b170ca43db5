/*
 * cache: what was read last of a medium's tables and folders.
 *
 * Called by fat.c. A fixed number of lines, the one least used goes first. Where a line cannot be
 * read whole, its blocks are tried one by one, so that a bad block costs its neighbours nothing and
 * is asked for once while its line stays.
 */
#ifndef DOCKD_CACHE_H
#define DOCKD_CACHE_H

#include "source.h"

#define CACHE_BYTES (256u << 10)
#define CACHE_LINE_BYTES (16u << 10) /* or a block, where that is larger */

struct cache;

/* NULL: no memory. cache_close frees it; the source stays the caller's. */
struct cache *cache_open(struct source *s);
void cache_close(struct cache *c);

/* Forgets all. */
void cache_forget(struct cache *c);

/*
 * As source_read; -EIO where one of the blocks that it touches cannot be read.
 */
int cache_read(struct cache *c, uint64_t offset_bytes, void *out, size_t len);

#endif
