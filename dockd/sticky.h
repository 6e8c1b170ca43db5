/*
 * sticky: which destination an asset goes to where one is enough (policy = "any"); pure.
 *
 * Used by uplink. What is begun stays where it was begun: two halves at two servers are none. Only
 * after switch-after without a byte does another begin. What is not begun yet goes to the first in
 * the order of the configuration that has not failed for so long.
 */
#ifndef DOCKD_STICKY_H
#define DOCKD_STICKY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One that has failed is tried with something new this often, to see whether it works again. */
#define STICKY_PROBE_MS (3600 * UINT64_C(1000))
#define STICKY_FIRST_MS (300 * UINT64_C(1000)) /* shorter failures are not put on record */

struct sticky {
	uint64_t since_ms; /* steady clock: failing since; 0: it works */
	bool takes;        /* this kind of file */
};

/* Of two times since which something fails, the earlier; 0 is none. */
uint64_t sticky_since(uint64_t a_ms, uint64_t b_ms);
/*
 * How long one had failed before this start, from what is on record: for_ms when it was recorded,
 * at_ms, in this boot or another. Of the time since then no more is counted than passes between two
 * records: the service may have been stopped, and the clock of another boot says nothing.
 */
uint64_t sticky_carried(
    uint64_t for_ms, uint64_t at_ms, bool same_boot, uint64_t now_ms, uint64_t switch_ms);
/* How often it is put on record how long one has failed. */
uint64_t sticky_step_ms(uint64_t switch_ms);
/* Whether it is to be put on record again; told_ms: as it stands there, 0 it does not. */
bool sticky_is_news(uint64_t for_ms, uint64_t told_ms, uint64_t switch_ms);
/* It has failed for so long that another may begin. */
bool sticky_failed(uint64_t since_ms, uint64_t now_ms, uint64_t switch_ms);
/* Of n in the order of the configuration, who begins what is not begun; n: nobody that works. */
size_t sticky_first(const struct sticky *d, size_t n, uint64_t now_ms, uint64_t switch_ms);
/* Who takes over from one that has failed, or that failed with this; n: nobody. */
size_t sticky_heir(
    const struct sticky *d, size_t n, size_t from, uint64_t now_ms, uint64_t switch_ms);

#endif
