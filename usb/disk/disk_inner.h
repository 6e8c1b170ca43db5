/*
 * disk_inner: what disk.c lends to disk_stream.c; nobody else includes it.
 */
#ifndef DOCKD_DISK_INNER_H
#define DOCKD_DISK_INNER_H

#include "disk.h"

/* Asks why the last command failed, into d->sense (key 0: not told). 0 or -errno. */
int disk_sense(struct disk *d);

/*
 * Reads blocks of at most DISK_READ_SMALL in all, with retries. 0. -EIO: the medium refuses a part;
 * it is read block by block, so that *got tells how many from the first on came. -errno.
 */
int disk_read(struct disk *d, uint64_t block, uint32_t blocks, uint8_t *out, uint32_t *got);

#endif
