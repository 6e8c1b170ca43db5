/*
 * ledger: the truth. An append-only file of records, in segments, that outlives the footage.
 *
 * Owns STATE/ledger/NNNNNNNNNNNNNNNN.jsonl (named by the first sequence number in it). Called by
 * journal only. A record is on disk (fdatasync) before ledger_commit returns, and nothing that it
 * permits may happen earlier. It never changes or removes a byte; a torn last line (power cut in
 * the middle of an append) is cut off at open: it was never committed, so it permitted nothing.
 */
#ifndef DOCKD_LEDGER_H
#define DOCKD_LEDGER_H

#include "base/record.h"

struct ledger;

/*
 * Opens or makes the ledger below dir (its owner only, 0700). 0 or -errno; -EBADMSG: a line in the
 * middle cannot be read (*why, static, names file and line). Segments are named in decimal.
 */
int ledger_open(const char *dir, struct ledger **out, const char **why);
void ledger_close(struct ledger *l);

/* After -EBADMSG of ledger_replay: file and line. */
const char *ledger_why(const struct ledger *l);

/* Whether anything was appended since the last commit. */
bool ledger_pending(const struct ledger *l);

/* Sequence number of the last committed record; 0 = none yet. */
uint64_t ledger_last(const struct ledger *l);

/*
 * Numbers the record ("seq"), stamps it ("time", RFC 3339 UTC with milliseconds; "salt", 16 random
 * bytes in hex) and buffers it. Returns its number in *seq. 0 or -errno; after a failed commit
 * always -EIO.
 */
int ledger_append(struct ledger *l, struct record *r, uint64_t *seq);

/*
 * Writes and fdatasyncs all that was appended. 0 or -errno. After a failure the ledger is broken
 * for good in this process (what the page cache holds cannot be trusted): a restart decides.
 */
int ledger_commit(struct ledger *l);

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
