/*
 * lines: cuts bytes into lines; see lines.h. It must never hold more than one of them.
 */
#include "lines.h"

#include <string.h>

void lines_begin(struct lines *l, lines_take *take, void *context)
{
	l->take = take;
	l->context = context;
	l->len = 0;
	l->too_long = 0;
}

static void hold(struct lines *l, const char *bytes, size_t len)
{
	size_t room = sizeof(l->line) - l->len;

	if (len > room) {
		l->too_long = 1;
		len = room;
	}
	memcpy(l->line + l->len, bytes, len);
	l->len += len;
}

static int give(struct lines *l, enum line_end end)
{
	size_t len = l->len;

	if (l->too_long)
		end = LINE_TOO_LONG;
	l->len = 0;
	l->too_long = 0;
	return l->take(l->context, l->line, len, end);
}

int lines_feed(struct lines *l, const char *bytes, size_t len)
{
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;
		int err = 0;

		if (end && l->len == 0 && n <= sizeof(l->line))
			err = l->take(l->context, bytes, n, LINE_WHOLE);
		else
			hold(l, bytes, n);
		if (end && (l->len > 0 || l->too_long))
			err = give(l, LINE_WHOLE);
		if (err)
			return err;
		n += end ? 1 : 0;
		bytes += n;
		len -= n;
	}
	return 0;
}

int lines_end(struct lines *l)
{
	return l->len > 0 || l->too_long ? give(l, LINE_UNFINISHED) : 0;
}
