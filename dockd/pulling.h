/*
 * pulling: what comes of a FETCH: how far it is durable, how it ended, and what that means for the
 * asset. Called by docking with the worker's messages, and by errand where the station itself sees
 * that a file is whole, gone or does not fit.
 *
 * It writes journal records and hands whole files to intake; it never touches their bytes.
 */
#ifndef DOCKD_PULLING_H
#define DOCKD_PULLING_H

#include "bay.h"

#include "base/msg.h"

/* DURABLE and FETCHED. NULL, or why the worker must be killed. */
const char *pulling_durable(struct bay *b, const struct msg *m);
const char *pulling_fetched(struct bay *b, const struct msg *m);

/* b->asset's part is whole (or already sealed): hands it to intake. */
void pulling_whole(struct bay *b);
/*
 * The camera no longer has this asset, of which not all was read: recorded, and what did come goes
 * its way as what it is ("cut-short").
 */
void pulling_gone(struct bay *b, uint64_t asset);
/* A file as large as b->asset's cannot be written here: this docking goes on without it. */
void pulling_too_large(struct bay *b);
/* The station's disk refused to take b->asset's bytes: status is the -errno. */
void pulling_disk_failed(struct bay *b, int status);
/* Our own descriptor of the staging file is let go. */
void pulling_close_part(struct bay *b);

#endif
