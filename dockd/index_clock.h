/*
 * index_clock: whether the time of day has run ahead of what the ledger knows, until a person says it
 * is right.
 *
 * Asked by retention and disposal, for what goes by age is gone for good, and by control for people. It
 * goes by the times of records alone, so a start, a rebuilt index and a set clock are judged alike.
 */
#ifndef DOCKD_INDEX_CLOCK_H
#define DOCKD_INDEX_CLOCK_H

#include "index.h"

#define INDEX_CLOCK_AHEAD_S (INT64_C(7) * 86400)

/* By how many seconds it went ahead at once, set or over a time without the service; 0: no doubt. */
int64_t index_clock_doubt_s(const struct index *ix);

#endif
