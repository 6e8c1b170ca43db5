/*
 * name: file names and paths as cameras write them, made fit to stand in a path of ours.
 *
 * Called by the PTP driver's listing and by the volumes. Pure. Names from outside are data: what
 * could climb, hide or break a line is replaced, and a hash keeps two names two.
 */
#ifndef DOCKD_NAME_H
#define DOCKD_NAME_H

#include "../dockd/base/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_HASH_LEN 17 /* '~' and 16 hex digits */

/* Bytes of UTF-8 that n UTF-16 units take at most, with the NUL. */
#define NAME_ROOM(n) (3 * (n) + 1)

/*
 * UTF-16LE as UTF-8 into at least NAME_ROOM(units) bytes. Broken surrogates and NULs become U+FFFD;
 * returns whether there were any.
 */
bool name_utf16(const uint8_t *units_le, size_t units, char *out);

/*
 * Turns a camera's file name into one that can stand in a path, into at least strlen(name) +
 * NAME_HASH_LEN + 2 bytes: '/' and control characters become '_', "", "." and ".." too; such names
 * get "~" and a hash of the name as it was, so that two stay two. Returns whether it was odd.
 */
bool name_clean(const char *name, bool already_odd, char *out, size_t room);

/* The path as it is told: too long, it is cut and ends in a hash of the whole; returns whether. */
bool name_path(const char *path, char out[PROTO_PATH_LEN]);

/* FNV-1a, 64 bits. */
uint64_t name_hash(const void *bytes, size_t len);

#endif
