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

#endif
