/*
 * index_expedite: what a person wants first.
 */
#ifndef DOCKD_INDEX_EXPEDITE_H
#define DOCKD_INDEX_EXPEDITE_H

#include "index.h"

uint64_t index_expedites(const struct index *ix); /* in force */
bool index_is_expedited(struct index *ix, uint64_t asset);

/* Something of this camera is to be read first. */
bool index_expedites_camera(struct index *ix, const char *camera);

/* What is not receipted of a camera up to this docking, number > after. Count or -errno. */
int index_expedited_next(struct index *ix, const char *camera, uint64_t docking, uint64_t after,
    uint64_t *numbers, size_t room);

#endif
