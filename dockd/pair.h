/*
 * pair: which signature belongs to which file of a camera, by their paths and dockings; pure.
 *
 * Called by judge. A sidecar goes with the file whose whole path it has with a suffix behind it, or
 * with a suffix in place of its extension. Cameras use names again: the two must also have been on
 * the camera at one time.
 */
#ifndef DOCKD_PAIR_H
#define DOCKD_PAIR_H

#include "profile.h"

#define PAIR_PATHS (PROFILE_SUFFIXES * 4)

/* Where the signature of the file at `path` may lie; suffixes also in upper case. Count. */
size_t pair_paths(const struct profile *p, const char *path, char out[PAIR_PATHS][PROTO_PATH_LEN]);

/* "a/b.mp4.p7s" and "a/b.p7s" => the stem "a/b.mp4" or "a/b". 0, or -ENOENT: no such suffix. */
int pair_stem(const struct profile *p, const char *sidecar_path, char out[PROTO_PATH_LEN]);

/* Whether the file at `path` has this stem: it is it, or it with one extension. */
bool pair_has_stem(const char *path, const char *stem);

/* A signed list of digests, by the profile's manifest-path. */
bool pair_is_manifest(const struct profile *p, const char *path);

/* Whether both were on their camera at one time, as far as the books say. */
bool pair_of_one_time(const struct asset *file, const struct asset *sidecar);

#endif
