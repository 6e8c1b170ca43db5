#include "turn.h"

#include "errand.h"
#include "index_expedite.h"
#include "schedule.h"

static void plan_open(struct bay *b)
{
	if (b->state == BAY_CLOSED && b->house->hotplug && b->house->synced &&
	    !bays_are_shut(b->house) && (!b->due_us || bay_now_us() >= b->due_us)) {
		b->due_us = 0;
		b->plan = PLAN_OPEN;
	}
}

void turn_plan(struct bays *h)
{
	struct bay *order[BAYS_MAX];

	h->again = false;
	health_turn(h);
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		b->plan = PLAN_NONE;
		b->expedited =
		    b->docking && index_expedites_camera(journal_index(h->journal), b->identity);
		b->prepared = b->state == BAY_READY && !b->leaving_us && errand_prepare(b);
	}
	schedule_order(h, order);
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = order[i];

		plan_open(b);
		if (b->prepared)
			errand_plan(b, schedule_may_pull(h, b));
	}
}
