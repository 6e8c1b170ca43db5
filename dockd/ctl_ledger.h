/*
 * ctl_ledger: checking a continuity ledger against what its station signed, without the station.
 *
 * Used by dockctl ledger. The tree is computed from the records as they are read: 64 hashes are
 * kept, however many records there are.
 */
#ifndef DOCKD_CTL_LEDGER_H
#define DOCKD_CTL_LEDGER_H

#include "ctl_records.h"
#include "tlog.h"

#include <stdio.h>

struct ledger_wish {
	const char *key;     /* a verifier key, as text; NULL: the one that came with the ledger */
	const char *against; /* an earlier signed checkpoint; NULL none */
	uint64_t prove;      /* number of a record; 0 none */
};

struct ledger_verdict {
	bool good;
	bool key_given;           /* not merely found beside the ledger */
	char problem[600];        /* the first one, "" where good */
	uint64_t records;         /* good ones, from the first on */
	char first[32], last[32]; /* when they were written */
	struct note_key key;
	struct tlog_checkpoint checkpoint; /* size 0: not judged */
	struct tlog_checkpoint against;
	struct tlog_hash path[TLOG_DEPTH]; /* of the record to prove */
	size_t path_n;
};

/* Reads all of r. 0: out->good says; -errno: it could not be done (out->problem). */
int ledger_verify(struct records *r, const struct ledger_wish *wish, struct ledger_verdict *out);

/* A verifier key as text, or the file that holds it. 0, or -errno. */
int ledger_key(const char *given, char out[NOTE_VKEY_LEN]);

/* One line for people: number, time, type and what else the record says. */
void ledger_print(FILE *out, const struct record *r);

#endif
