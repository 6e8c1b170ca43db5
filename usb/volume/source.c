/*
 * source: the bytes of one medium. See source.h.
 */
#include "source.h"

#include <errno.h>

int source_read(struct source *s, uint64_t offset_bytes, void *out, size_t len)
{
	if (len > s->size_bytes || offset_bytes > s->size_bytes - len)
		return -EIO;
	s->reads++;
	return len ? s->read(s, offset_bytes, out, len) : 0;
}
