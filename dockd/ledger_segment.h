/*
 * ledger_segment: one file of the ledger as lines, and what the files of the ledger share.
 *
 * Included by ledger*.c alone. Segments are named by the first number in them and never change but
 * at the end of the last one. Nothing here writes.
 */
#ifndef DOCKD_LEDGER_SEGMENT_H
#define DOCKD_LEDGER_SEGMENT_H

#include "base/record.h"

#include <sys/types.h>

#define READ_BYTES (64 << 10)
#define NAME_LEN 32

_Static_assert(READ_BYTES > RECORD_LINE_MAX, "a line fits the reader");

#define BUFFER_BYTES (256 << 10) /* what is appended before it is written */

struct ledger {
	int dir, fd; /* fd: the last segment, O_APPEND; -1 none yet */
	bool broken;
	uint64_t last;     /* committed */
	uint64_t next;     /* number of the next record */
	uint64_t *segment; /* first number of each, ascending */
	size_t segments, room;
	uint64_t size_bytes;    /* committed bytes of the last segment */
	uint64_t written_bytes; /* written, perhaps not committed */
	size_t used;            /* of buffer */
	char buffer[BUFFER_BYTES];
	char why[160];
	struct record scratch; /* replay parses into it */
	char block[READ_BYTES];
};

void segment_name(uint64_t first, char name[NAME_LEN]);

/* The descriptor of the segment that begins with this number, or -errno. */
int segment_open(const struct ledger *l, uint64_t first, int flags);

/* Up to n bytes from there: fewer at the end of the file only. Their count or -errno. */
ssize_t segment_read(int fd, char *to, size_t n, uint64_t offset);

/*
 * Notes in l->why which line, the one at this offset, cannot be read. Only then are its lines
 * counted. -EBADMSG.
 */
int segment_bad_line(struct ledger *l, int fd, uint64_t first, uint64_t offset);

/* Parses the line of n bytes (newline included) in text into l->scratch; its number, or 0. */
uint64_t segment_parse(struct ledger *l, const char *text, size_t n);

/*
 * Finds the last whole record of a segment. A last line without newline, or with NUL bytes (blocks
 * that never reached the disk), is the trace of an append that was never committed: *keep is where
 * it begins. *seq is 0 in a segment without records. 0, -EBADMSG (l->why) or -errno.
 */
int segment_tail(struct ledger *l, int fd, uint64_t first, uint64_t *seq, uint64_t *keep);

/*
 * Where to begin reading for record `from`: the start of a line whose number is not greater. Halves
 * the range; a line that cannot be read there is left for the reader to name.
 */
uint64_t segment_seek(struct ledger *l, int fd, uint64_t from, uint64_t size);

#endif
