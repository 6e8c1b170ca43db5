/*
 * witness: whether the ledger itself says of an asset what the index says of it.
 *
 * Called by journal (journal_vouches) before what cannot be undone: erasing, retiring, disposing,
 * merging, giving up. The index finds the asset's records (mentions); they are read from the ledger
 * and applied to an empty index beside the real one, by the code that a rebuild uses, and what
 * comes of them is held against the real one cell by cell. It writes nothing.
 */
#ifndef DOCKD_WITNESS_H
#define DOCKD_WITNESS_H

#include "index.h"
#include "ledger.h"

struct witness;

/* Both stay the caller's and outlive it. NULL: no memory. */
struct witness *witness_new(struct index *ix, struct ledger *l);
void witness_free(struct witness *w);

/*
 * place: a copy is about to go from there ("station" or a destination) because the asset was
 * disposed of; NULL: of no one place. 0: the ledger says the same. -EAGAIN: some of it is not on
 * disk yet, ask after the commit. -EKEYREJECTED: it says something else, *what (static) is the
 * first thing of which. -EBADMSG, -E2BIG, -errno: the ledger's records of it cannot be read.
 */
int witness_ask(struct witness *w, uint64_t asset, const char *place, const char **what);

#endif
