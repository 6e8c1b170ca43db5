/*
 * lines: bytes in, lines out, whatever their length; pure.
 *
 * Called by audit_job for facts and logs, and by the fuzzer. It holds one line and no more: of a
 * line that is too long only its beginning is given, and that it was so.
 */
#ifndef DOCKD_LINES_H
#define DOCKD_LINES_H

#include <stddef.h>
#include <stdint.h>

#define LINES_MAX 16384 /* bytes of one line, its newline not counted */

enum line_end {
	LINE_WHOLE,      /* its newline came */
	LINE_TOO_LONG,   /* longer than LINES_MAX; len is LINES_MAX */
	LINE_UNFINISHED, /* the bytes ended without a newline */
};

/* One line, without its newline. 0 goes on, anything else ends and is given back. */
typedef int lines_take(void *context, const char *line, size_t len, enum line_end end);

struct lines {
	lines_take *take;
	void *context;
	size_t len;
	int too_long;
	char line[LINES_MAX];
};

void lines_begin(struct lines *l, lines_take *take, void *context);
/* 0, or what take returned. */
int lines_feed(struct lines *l, const char *bytes, size_t len);
/* The bytes are over: gives what is left, where something is. As above. */
int lines_end(struct lines *l);

#endif
