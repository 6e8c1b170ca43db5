/*
 * disposal: takes the copies of an asset away, one after the other, and puts each on record.
 *
 * Called by retention (by age) and control (by order), each turn by core. What is to go stands in
 * the index, from the `dispose-intent` record on, so a restart goes on where it was. A copy by age
 * goes only while the station's clock is synchronised and not in doubt (index_clock.h) and no order
 * preserves the asset: all are looked at again for each copy. It decides nothing else.
 */
#ifndef DOCKD_DISPOSAL_H
#define DOCKD_DISPOSAL_H

#include "config.h"
#include "journal.h"
#include "staging.h"
#include "uplink.h"

struct disposer;

struct disposer *disposer_new(struct journal *j, struct staging *s, struct uplink *u);
void disposer_free(struct disposer *d); /* after uplink_free */
void disposer_configure(struct disposer *d, const struct config *c);

/* Whether this destination is ours to dispose of. */
bool disposer_owns(const struct disposer *d, const char *destination);

/* Who wants it and why; order NULL: by age. */
struct disposal_order {
	const char *order, *reason;
	uid_t uid;
};

/*
 * Writes the intent: the station's copy, and those of our destinations; by order also those of
 * every other destination, as far as it can. 0; -EBUSY: it is being sent just now.
 */
int disposal_begin(struct disposer *d, const struct asset *a, const struct disposal_order *by);

void disposer_plan(struct disposer *d);
void disposer_act(struct disposer *d);

#endif
