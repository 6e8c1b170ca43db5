/*
 * ctl_records: the continuity ledger as dockctl gets hold of it: a folder of files, or the daemon.
 *
 * Used by ctl_ledger. It hands on one line after the other, each canonical and each with the next
 * number, and says file and line of the first that is not. Memory is bounded by the number of
 * files; nothing is written.
 */
#ifndef DOCKD_CTL_RECORDS_H
#define DOCKD_CTL_RECORDS_H

#include "base/note.h"
#include "base/record.h"

struct records;
struct ctl;

struct records_line {
	uint64_t seq;
	const char *text; /* without newline, valid until the next call */
	size_t len;
	const struct record *record;
};

/*
 * dir: an exported folder, a ledger's folder, or what was shipped. 0, -ENOENT: no ledger there, or
 * -errno.
 */
int records_open(const char *dir, struct records **out);
/* The daemon's. An enum ctl_exit; what went wrong is on standard error. */
int records_ask(struct ctl *c, struct records **out);
void records_close(struct records *r);

/* The signed checkpoint and the verifier key that came with it; NULL: none. */
const char *records_checkpoint(const struct records *r);
const char *records_key(const struct records *r);

/* The next record. 1; 0: that was the last; -EBADMSG or -errno: records_why names file and line. */
int records_next(struct records *r, struct records_line *out);
const char *records_why(const struct records *r);
/* Whole files, and lines of files, that tell the same records twice; they were passed over. */
uint64_t records_twice(const struct records *r);

/* A small file as text. 0, -EFBIG, -EBADMSG (NUL in it) or -errno. */
int records_read_text(int at, const char *path, char *out, size_t room);

#endif
