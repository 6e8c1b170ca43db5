/*
 * marks: which clusters of a volume a walk has come by.
 *
 * Called by volume.c. Two bits a cluster (met, met twice) for as many as MARKS_BYTES hold, and the
 * clusters of folders, as a set of bounded size for any volume: each with the folder whose chain
 * came by it last, and whether a folder's own entry leads to it.
 */
#ifndef DOCKD_MARKS_H
#define DOCKD_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKS_BYTES (1120u << 10) /* of one bitmap; two of them at most */
#define MARKS_FOLDERS (96u << 10) /* clusters of folders */

struct marks;

/* For clusters numbered 0 to n - 1. NULL: no memory. */
struct marks *marks_open(uint32_t n);
void marks_close(struct marks *m);

/* Forgets who was met, but not who was met twice. */
void marks_again(struct marks *m);

/* Whether this cluster has a mark of its own: the others are never met. */
bool marks_covers(const struct marks *m, uint32_t cluster);

/* Whether it was met before; it is from now on. */
bool marks_meet(struct marks *m, uint32_t cluster);

/* Notes that it was met twice. 0 or -ENOMEM. */
int marks_share(struct marks *m, uint32_t cluster);
bool marks_shared(const struct marks *m, uint32_t cluster);

/*
 * Notes a cluster of a folder's chain; first: the one that the folder's entry leads to, with which
 * each folder begins. 1: new; 0: another folder's chain came by it; -EEXIST: a folder begins there
 * already (first), -ELOOP: the chain came by it itself; -ENOSPC: too many; -ENOMEM.
 */
int marks_folder(struct marks *m, uint32_t cluster, bool first);

#endif
