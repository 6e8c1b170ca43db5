#include "retention.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define GROUP_PAGE 16

/* ---- preservation ---- */

static bool covered(const struct order *orders, int n, const struct asset *a)
{
	for (int i = 0; i < n; i++) {
		if (order_covers(&orders[i], a))
			return true;
	}
	return false;
}

typedef int next_asset(
    struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room);

static bool any_covered(
    struct index *ix, next_asset *next, uint64_t asset, const struct order *orders, int n)
{
	static struct asset other;
	uint64_t page[GROUP_PAGE], after = 0;
	int got;

	do {
		got = next(ix, asset, after, page, GROUP_PAGE);
		for (int i = 0; i < got; i++) {
			after = page[i];
			if (index_asset(ix, page[i], &other) < 0 || covered(orders, n, &other))
				return true;
		}
	} while (got == GROUP_PAGE);
	return got < 0;
}

bool retention_preserves(struct index *ix, const struct asset *a)
{
	uint64_t root = a->merged_into ? a->merged_into : a->number;
	static struct asset other;
	const struct order *orders;
	int n = index_active_orders(ix, &orders);

	if (n <= 0)
		return n < 0;
	if (covered(orders, n, a) || any_covered(ix, index_merged, root, orders, n) ||
	    any_covered(ix, index_signed_by, root, orders, n))
		return true;
	return root != a->number &&
	    (index_asset(ix, root, &other) < 0 || covered(orders, n, &other));
}
