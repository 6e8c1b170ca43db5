/*
 * sealed: bytes of our own making in memory, as a descriptor behind which nobody changes them.
 *
 * Called by what hands such bytes to another process: facts, receipts, bundles, side objects. It
 * keeps nothing. memfd_create(2), F_ADD_SEALS.
 */
#ifndef DOCKD_SEALED_H
#define DOCKD_SEALED_H

#include <stddef.h>

/* An empty one, to be written and shut. A descriptor of the caller's, or -errno. */
int sealed_new(const char *name);
/* Nobody, we included, changes it from now on; it is read from its first byte. 0 or -errno. */
int sealed_shut(int fd);
/* n bytes, shut. A descriptor of the caller's, or -errno. */
int sealed_bytes(const char *name, const void *bytes, size_t n);

#endif
