/*
 * pattern: what kind of object a path is, by the profile's patterns.
 *
 * Called by the listings of all drivers.
 */
#ifndef DOCKD_PATTERN_H
#define DOCKD_PATTERN_H

#include <stdint.h>

struct proto_attach;

/* An enum object_kind: of the first pattern that fits, else KIND_OTHER. */
uint32_t pattern_kind(const struct proto_attach *attach, const char *path);

#endif
