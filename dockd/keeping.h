/*
 * keeping: whether evidence may lie where the state folder is: on an encrypted volume, beside
 * encrypted swap, and, where that is asked for, on a volume of its own that is there.
 *
 * Looked at by core at start, at a reload and now and then; bays and control show what it says.
 */
#ifndef DOCKD_KEEPING_H
#define DOCKD_KEEPING_H

#include "config.h"

#include <stdbool.h>

struct keeping {
	bool mounted;                 /* false: the folder may not be touched at all */
	bool plaintext;               /* plain, and allowed to be: shown for good */
	char why[PROTO_TEXT_LEN * 2]; /* why nothing is taken in, and what to do; "": it may be */
};

/*
 * Looks, and logs what has changed since *k was filled last (first: all zero). True: something has.
 * Reads sysfs, /proc/swaps and the folder's own status; changes nothing.
 */
bool keeping_look(struct keeping *k, const struct config *c);

/* The log file that is configured; NULL none, or one on a volume that is not there: ids stand in it. */
const char *keeping_log_file(const struct config *c);

#endif
