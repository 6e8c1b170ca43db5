#include "upload_order.h"

#include <string.h>

void upload_turns_begin(struct upload_turns *t, unsigned slots)
{
	t->slots = slots;
	t->large = 0;
	for (size_t i = 0; i < UPLOAD_TURNS; i++)
		t->turn[i].busy = 0;
}

/* The place of a docking; where all are taken, that of the one whose turn is longest ago. */
static size_t place_of(struct upload_turns *t, uint64_t docking)
{
	size_t oldest = 0;

	for (size_t i = 0; i < UPLOAD_TURNS; i++) {
		if (t->turn[i].docking == docking)
			return i;
		if (t->turn[i].busy < t->turn[oldest].busy ||
		    (t->turn[i].busy == t->turn[oldest].busy &&
			t->turn[i].last < t->turn[oldest].last))
			oldest = i;
	}
	memset(&t->turn[oldest], 0, sizeof(t->turn[oldest]));
	t->turn[oldest].docking = docking;
	return oldest;
}

void upload_turns_hold(struct upload_turns *t, uint64_t docking, uint64_t size_bytes)
{
	t->turn[place_of(t, docking)].busy++;
	t->large += size_bytes > UPLOAD_LARGE_BYTES;
}

static unsigned busy_of(const struct upload_turns *t, uint64_t docking, uint64_t *last)
{
	for (size_t i = 0; i < UPLOAD_TURNS; i++) {
		if (t->turn[i].docking == docking) {
			*last = t->turn[i].last;
			return t->turn[i].busy;
		}
	}
	*last = 0;
	return 0;
}

static bool is_before(
    const struct upload_turns *t, const struct candidate *a, const struct candidate *b)
{
	int64_t a_hour = a->deadline_s / UPLOAD_GRAIN_S, b_hour = b->deadline_s / UPLOAD_GRAIN_S;
	uint64_t a_last, b_last;
	unsigned a_busy, b_busy;

	if (a->class != b->class)
		return a->class < b->class;
	if (a_hour != b_hour)
		return a_hour < b_hour;
	if (a->docking == b->docking)
		return false; /* as the index gave them: by time of recording */
	a_busy = busy_of(t, a->docking, &a_last);
	b_busy = busy_of(t, b->docking, &b_last);
	if (a_busy != b_busy)
		return a_busy < b_busy;
	return a_last < b_last;
}

size_t upload_order_next(struct upload_turns *t, const struct candidate *c, size_t n, bool probe)
{
	unsigned most = t->slots > 1 ? t->slots - 1 : 1;
	bool smaller_wait = false, kept;
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		smaller_wait = smaller_wait || c[i].size_bytes <= UPLOAD_LARGE_BYTES;
	kept = smaller_wait && t->large >= most;
	for (size_t i = 0; i < n; i++) {
		if (kept && c[i].size_bytes > UPLOAD_LARGE_BYTES && c[i].class != UPLOAD_EXPEDITED)
			continue;
		if (best == n ||
		    (probe ? c[i].size_bytes < c[best].size_bytes : is_before(t, &c[i], &c[best])))
			best = i;
	}
	if (best < n)
		t->turn[place_of(t, c[best].docking)].last = ++t->count;
	return best;
}
