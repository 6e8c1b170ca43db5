/*
 * ledger_read: what the ledger says, from its files: all records again, one line, lines as bytes.
 *
 * Called by journal for replay, and for their lines by what signs, checks, ships and shows them. It
 * reads what is committed, and never writes.
 */
#ifndef DOCKD_LEDGER_READ_H
#define DOCKD_LEDGER_READ_H

#include "ledger.h"

/*
 * Calls fn for each record from number from on, in order, parsed. Stops at the first non-zero
 * return and gives it back.
 */
int ledger_replay(struct ledger *l, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, const struct record *r), void *arg);

/*
 * The bytes of committed record number seq, without newline, into out (room RECORD_LINE_MAX is
 * enough). Its length, -ENOENT, -EBADMSG (ledger_why), -ENOSPC or -errno.
 */
int ledger_line(struct ledger *l, uint64_t seq, char *out, size_t room);

/* Reads committed lines as bytes, in order; may stay where it is while the ledger grows. */
struct ledger_cursor {
	uint64_t next; /* record number of the next line */
	size_t segment;
	uint64_t offset;
};

/* Before record seq; 1 to one past the last. 0, -EBADMSG (ledger_why) or -errno. */
int ledger_cursor_begin(struct ledger *l, struct ledger_cursor *c, uint64_t seq);

/* A line without newline, valid in fn alone. Non-zero ends the reading before this line. */
typedef int ledger_line_fn(void *arg, uint64_t seq, const char *line, size_t len);

/*
 * Hands on the next lines, up to record `last` and at most 64 KiB of them. Their count; 0: there
 * are no more; what fn returned; -EBADMSG: lines are missing or too many (ledger_why); -errno.
 */
int ledger_cursor_read(
    struct ledger *l, struct ledger_cursor *c, uint64_t last, ledger_line_fn *fn, void *arg);

/*
 * The n-th segment (0, 1, ...): its name into name, a read-only descriptor of it as result (the
 * caller's), or -ENOENT past the last.
 */
int ledger_segment(struct ledger *l, uint64_t n, char *name, size_t room, uint64_t *size_bytes);

#endif
