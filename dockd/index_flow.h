/*
 * index_flow: how many bytes came into the staging area and left it, by the day.
 */
#ifndef DOCKD_INDEX_FLOW_H
#define DOCKD_INDEX_FLOW_H

#include "filling.h"
#include "index.h"

/* The days from from_day on (of UTC, since 1970) in which something moved. Count or -errno. */
int index_flow(struct index *ix, int64_t from_day, struct filling_day *out, size_t room);
/* When something was taken in for the first time; 0: never. */
int64_t index_flow_first_s(struct index *ix);

#endif
