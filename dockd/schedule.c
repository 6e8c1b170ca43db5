#include "schedule.h"

#include <stdlib.h>
#include <string.h>

#define FAILING 2 /* deaths in a row, of workers */

size_t schedule_root_len(const char *port)
{
	return strcspn(port, ".");
}

static bool same_root(const struct bay *a, const struct bay *b)
{
	size_t n = schedule_root_len(a->port);

	return n == schedule_root_len(b->port) && strncmp(a->port, b->port, n) == 0;
}

bool schedule_may_pull(const struct bays *h, const struct bay *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct bay *o = h->bay[i];

		if (o != b && ((o->state == BAY_FETCHING && !o->silent) || o->plan == PLAN_FETCH) &&
		    same_root(o, b))
			n++;
	}
	return n < h->settings.pulls_per_port + (b->expedited ? 1 : 0);
}

/*
 * What a person wants first; logs and sidecars of any camera before clips, flagged ones before
 * others; then the camera with least left.
 */
static int by_turn(const void *x, const void *y)
{
	const struct bay *a = *(struct bay *const *)x, *b = *(struct bay *const *)y;
	bool a_first = a->sum.first_pending > 0, b_first = b->sum.first_pending > 0;
	bool a_flagged = a->sum.flagged_bytes > 0, b_flagged = b->sum.flagged_bytes > 0;
	bool a_fails = a->deaths >= FAILING, b_fails = b->deaths >= FAILING;

	if (a->expedited != b->expedited)
		return a->expedited ? -1 : 1;
	if (a_fails != b_fails)
		return a_fails ? 1 : -1;
	if (a_first != b_first)
		return a_first ? -1 : 1;
	if (a_flagged != b_flagged)
		return a_flagged ? -1 : 1;
	if (a->sum.pending_bytes != b->sum.pending_bytes)
		return a->sum.pending_bytes < b->sum.pending_bytes ? -1 : 1;
	return strcmp(a->port, b->port);
}

void schedule_order(const struct bays *h, struct bay **order)
{
	memcpy(order, h->bay, h->n * sizeof(order[0]));
	qsort(order, h->n, sizeof(order[0]), by_turn);
}
