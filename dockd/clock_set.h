/*
 * clock_set: notices that the time of day was set while the service runs, and marks it in the ledger.
 *
 * Called by core about once a second, by journal before each record and by retention before what
 * goes by age: whatever has seen the new time comes after its mark. Times of records before and
 * after such a mark are not of one clock; time limits are not its business, they run on a clock that
 * nobody sets.
 */
#ifndef DOCKD_CLOCK_SET_H
#define DOCKD_CLOCK_SET_H

#include "journal.h"

/* Writes `clock-set` where the time of day has jumped by two seconds or more since the last look. */
void clock_set_look(struct journal *j);

#endif
