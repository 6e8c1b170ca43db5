#include "schedule.h"

#include <stdlib.h>
#include <string.h>

/* "1-2.3.1" -> length of "1-2": the root port, which all below it share. */
static size_t root_len(const char *port)
{
	return strcspn(port, ".");
}

static bool same_root(const struct bay *a, const struct bay *b)
{
	size_t n = root_len(a->port);

	return n == root_len(b->port) && strncmp(a->port, b->port, n) == 0;
}

bool schedule_may_pull(const struct bays *h, const struct bay *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct bay *o = h->bay[i];

		if (o != b && (o->state == BAY_FETCHING || o->plan == PLAN_FETCH) &&
		    same_root(o, b))
			n++;
	}
	return n < h->settings.pulls_per_port + (b->expedited ? 1 : 0);
}

/* What a person wants first; logs and sidecars of any camera before clips; then the camera with least left. */
static int by_turn(const void *x, const void *y)
{
	const struct bay *a = *(struct bay *const *)x, *b = *(struct bay *const *)y;
	bool a_first = a->sum.first_pending > 0, b_first = b->sum.first_pending > 0;

	if (a->expedited != b->expedited)
		return a->expedited ? -1 : 1;
	if (a_first != b_first)
		return a_first ? -1 : 1;
	if (a->sum.pending_bytes != b->sum.pending_bytes)
		return a->sum.pending_bytes < b->sum.pending_bytes ? -1 : 1;
	return strcmp(a->port, b->port);
}

void schedule_order(const struct bays *h, struct bay **order)
{
	memcpy(order, h->bay, h->n * sizeof(order[0]));
	qsort(order, h->n, sizeof(order[0]), by_turn);
}
