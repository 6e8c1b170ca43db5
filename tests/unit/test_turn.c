/*
 * turn: in which order the bays are planned for when several things have come in one turn.
 */
#include "../../dockd/turn.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bays house;
static struct bay bay[3];
static const struct bay *refused; /* it has something else to do than pulling */

void health_turn(struct bays *h)
{
	(void)h;
}

bool bays_are_shut(const struct bays *h)
{
	(void)h;
	return false;
}

uint64_t bay_now_us(void)
{
	return 0;
}

struct index *journal_index(struct journal *j)
{
	(void)j;
	return NULL;
}

bool index_expedites_camera(struct index *ix, const char *camera)
{
	(void)ix;
	(void)camera;
	return false;
}

/* What has been listed gets its assets: a log and a clip. */
bool errand_prepare(struct bay *b)
{
	if (b == refused)
		return false;
	if (!b->linked) {
		b->linked = true;
		b->sum.pending = 2;
		b->sum.first_pending = 1;
		b->sum.pending_bytes = 1000;
	}
	return true;
}

void errand_plan(struct bay *b, bool may_pull)
{
	assert_true(b->linked);
	if (may_pull && b->sum.pending)
		b->plan = PLAN_FETCH;
}

static int setup(void **state)
{
	(void)state;
	memset(&house, 0, sizeof(house));
	memset(bay, 0, sizeof(bay));
	house.settings.pulls_per_port = 1;
	refused = NULL;
	for (unsigned i = 0; i < 3; i++) {
		house.bay[house.n++] = &bay[i];
		bay[i].house = &house;
		bay[i].state = BAY_READY;
		bay[i].linked = true;
		snprintf(bay[i].port, sizeof(bay[i].port), "1-1.%u", i + 1);
	}
	return 0;
}

static void clips_left(struct bay *b, uint64_t bytes)
{
	b->sum.pending = 1;
	b->sum.pending_bytes = bytes;
}

static void a_log_found_in_this_turn_goes_first(void **state)
{
	(void)state;
	clips_left(&bay[0], 10);
	clips_left(&bay[1], 20);
	bay[0].sum.flagged_bytes = 10;
	bay[2].linked = false;
	turn_plan(&house);
	assert_int_equal(bay[2].plan, PLAN_FETCH);
	assert_int_equal(bay[0].plan, PLAN_NONE);
	assert_int_equal(bay[1].plan, PLAN_NONE);
}

static void who_is_not_ready_to_pull_keeps_nobody_waiting(void **state)
{
	(void)state;
	clips_left(&bay[1], 20);
	clips_left(&bay[0], 10);
	bay[2].linked = false;
	refused = &bay[2];
	turn_plan(&house);
	assert_int_equal(bay[0].plan, PLAN_FETCH);
	assert_int_equal(bay[2].plan, PLAN_NONE);
	bay[0].leaving_us = 1;
	turn_plan(&house);
	assert_int_equal(bay[0].plan, PLAN_NONE);
	assert_int_equal(bay[1].plan, PLAN_FETCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_log_found_in_this_turn_goes_first, setup),
		cmocka_unit_test_setup(who_is_not_ready_to_pull_keeps_nobody_waiting, setup),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
