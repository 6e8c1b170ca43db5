/*
 * cited: what the newest `began` record says was there at the last start.
 *
 * Called by checkpoint at start, before a new one is written: a key or a checkpoint on disk that is
 * not the one cited there, or an older one, contradicts the ledger.
 */
#ifndef DOCKD_CITED_H
#define DOCKD_CITED_H

#include "journal.h"
#include "tlog.h"

struct cited {
	uint64_t record; /* its number, 0: there is none */
	uint64_t size;   /* of the checkpoint, 0: none */
	char root[2 * TLOG_HASH_LEN + 1];
	char key[NOTE_VKEY_LEN];
};

/* 0, also where there is no such record (record 0); -EBADMSG: it cannot be read; -errno. */
int cited_read(struct journal *j, struct cited *out);

#endif
