/*
 * station_key: the file with the station's private key.
 *
 * Called by checkpoint at start. It makes the key where there is none and refuses one that anybody
 * else could have read or put there: what is signed with it would prove nothing.
 */
#ifndef DOCKD_STATION_KEY_H
#define DOCKD_STATION_KEY_H

#include "base/note.h"

#include <stdbool.h>

/*
 * The Ed25519 key (PKCS#8 PEM) at path, with the note name `name`. make: where there is no such
 * file it is made, 0600, and is on disk before this returns. 0; -ENOENT (make is false); or -errno
 * with what is wrong and what to do in *why.
 */
int station_key_open(
    const char *path, const char *name, bool make, struct note_signer **out, const char **why);

#endif
