/*
 * predecessor: the station that this one takes the place of.
 *
 * Called by core at the first start of an empty state folder. The old station's last checkpoint
 * becomes the first record here, so that its history cannot be rewritten unseen afterwards.
 */
#ifndef DOCKD_PREDECESSOR_H
#define DOCKD_PREDECESSOR_H

#include "journal.h"

/*
 * Writes `replaces` with the signed note in the file at path, which must be a checkpoint of
 * "dockd/STATION". Its signature is not checked: this station does not know the key; who reads the
 * record does. 0 or -errno with what is wrong in *why.
 */
int predecessor_cite(struct journal *j, const char *station, const char *path, const char **why);

#endif
