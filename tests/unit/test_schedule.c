/*
 * schedule and roots: whose turn it is below a root port, and when each camera may be taken.
 */
#include "../../dockd/roots.c"
#include "../../dockd/schedule.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MB UINT64_C(1000000)

static struct bays house;
static struct bay bay[8];
static struct profile profile;
static uint64_t now_us;

uint64_t bay_now_us(void)
{
	return now_us;
}

enum light_state bay_light(const struct bay *b)
{
	return b->sum.pending || b->state == BAY_FETCHING ? LIGHT_READING :
	    b->docking                                    ? LIGHT_TAKE :
							    LIGHT_EMPTY;
}

static int setup(void **state)
{
	(void)state;
	memset(&house, 0, sizeof(house));
	memset(bay, 0, sizeof(bay));
	memset(&profile, 0, sizeof(profile));
	house.settings.pulls_per_port = 2;
	house.roots = roots_new();
	now_us = 1000 * BAY_SECOND_US;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	roots_free(house.roots);
	return 0;
}

static struct bay *add_bay(const char *port, uint64_t pending_bytes)
{
	struct bay *b = &bay[house.n];

	house.bay[house.n++] = b;
	b->house = &house;
	b->profile = &profile;
	b->state = BAY_READY;
	b->docking = house.n;
	b->known = b->linked = true;
	b->docked_us = now_us;
	b->sum.pending = pending_bytes ? 2 : 0;
	b->sum.pending_bytes = pending_bytes;
	snprintf(b->port, sizeof(b->port), "%s", port);
	return b;
}

/* The order, as digits of the bays. */
static const char *order(void)
{
	static char text[16];
	struct bay *o[BAYS_MAX];

	schedule_order(&house, o);
	for (size_t i = 0; i < house.n; i++)
		snprintf(text + i, sizeof(text) - i, "%d", (int)(o[i] - bay));
	return text;
}

static void whose_turn(void **state)
{
	(void)state;
	add_bay("1-1.1", 300);
	add_bay("1-1.2", 200);
	add_bay("1-1.3", 400);
	add_bay("1-1.4", 100);
	assert_string_equal(order(), "3102");
	bay[2].sum.flagged_bytes = 1;
	assert_string_equal(order(), "2310");
	bay[0].sum.first_pending = 1;
	assert_string_equal(order(), "0231");
	bay[0].deaths = FAILING;
	assert_string_equal(order(), "2310");
	bay[1].expedited = true;
	assert_string_equal(order(), "1230");
}

static void places_of_a_root_port(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		add_bay(i == 3 ? "1-2.1" : "1-1.1", 100);
	assert_int_equal(schedule_root_len("1-10.2.3"), 4);
	assert_true(schedule_may_pull(&house, &bay[0]));
	bay[1].state = bay[2].state = BAY_FETCHING;
	assert_false(schedule_may_pull(&house, &bay[0]));
	assert_true(schedule_may_pull(&house, &bay[3]));
	bay[0].expedited = true;
	assert_true(schedule_may_pull(&house, &bay[0]));
	bay[0].expedited = false;
	bay[1].silent = true; /* it hangs: its place is free */
	assert_true(schedule_may_pull(&house, &bay[0]));
	bay[3].plan = PLAN_FETCH; /* of another port */
	assert_true(schedule_may_pull(&house, &bay[0]));
	snprintf(bay[3].port, sizeof(bay[3].port), "1-10.1");
	assert_true(schedule_may_pull(&house, &bay[0]));
	snprintf(bay[3].port, sizeof(bay[3].port), "1-1.9");
	assert_false(schedule_may_pull(&house, &bay[0]));
}

static void one_after_another(void **state)
{
	struct roots_task tasks[] = { { 0, 100 }, { 1, 200 }, { 2, 300 }, { 1, 50 } };
	double done[3] = { 0 };

	(void)state;
	roots_simulate(tasks, 4, 2, 100, done);
	/* 0 and 1 share: 0 is done at 2 s; 1 and 2: 1's first at 4 s, its next at 5 s, 2 at 6.5 s */
	assert_true(done[0] > 1.99 && done[0] < 2.01);
	assert_true(done[1] > 4.99 && done[1] < 5.01);
	assert_true(done[2] > 6.49 && done[2] < 6.51);
	for (size_t i = 0; i < 4; i++)
		tasks[i].bytes = 1;
	memset(done, 0, sizeof(done));
	roots_simulate(tasks, 4, 2, 0, done);
	assert_true(done[0] == 0);
}

static void carry(unsigned ticks, uint64_t bytes)
{
	for (unsigned i = 0; i < ticks; i++) {
		roots_moved(house.roots, &bay[0], bytes);
		roots_tick(&house);
	}
}

static void minutes(void **state)
{
	struct proto_ctl_root rows[ROOTS_MAX];
	int32_t m[BAYS_MAX];

	(void)state;
	add_bay("1-1.1", 1200 * MB);
	add_bay("1-1.2", 600 * MB);
	add_bay("1-1.3", 0);
	add_bay("2-1", 0);
	bay[3].docking = 0;
	roots_minutes(&house, m);
	assert_int_equal(m[0], -1); /* nobody knows how fast it is */
	assert_int_equal(m[2], 0);
	bay[0].state = BAY_FETCHING;
	bay[0].row.size_bytes = 900 * MB;
	bay[0].sign_bytes = 600 * MB;
	carry(ROOTS_TICKS, MB / 4 * 10); /* 10 MB/s */
	assert_int_equal(roots_rows(&house, rows), 1);
	assert_string_equal(rows[0].port, "1-1");
	assert_int_equal(rows[0].cameras, 3);
	assert_int_equal(rows[0].pulls, 1);
	assert_int_equal(rows[0].waiting, 1);
	assert_int_equal(rows[0].bytes_per_s, 10 * MB);
	assert_int_equal(rows[0].pending_bytes, 1200 * MB);
	/* 300 of what is under way beside 300 of the other; 300 beside 300: both at 120 s */
	assert_int_equal(rows[0].minutes_left, 2);
	roots_minutes(&house, m);
	assert_int_equal(m[0], 2);
	assert_int_equal(m[1], 2);
	assert_int_equal(m[3], -1);
	/* nothing for a while: no rate now, but what is known of it stays */
	bay[0].state = BAY_READY;
	bay[0].sum.pending_bytes = 600 * MB;
	carry(ROOTS_TICKS, 0);
	assert_int_equal(roots_rows(&house, rows), 1);
	assert_int_equal(rows[0].bytes_per_s, 0);
	assert_int_equal(rows[0].minutes_left, 2);
	/* charging takes longer, where that is known */
	profile.charge_minutes = 90;
	profile.full_percent = 95;
	roots_minutes(&house, m);
	assert_int_equal(m[0], 90);
	bay[0].camera.features = CAMERA_BATTERY;
	bay[0].camera.battery_percent = 95;
	bay[1].camera.features = CAMERA_BATTERY;
	bay[1].camera.battery_percent = 76;
	roots_minutes(&house, m);
	assert_int_equal(m[0], 2);
	assert_int_equal(m[1], 18);
	profile.charge_minutes = 0;
	roots_minutes(&house, m);
	assert_int_equal(m[1], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whose_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(places_of_a_root_port, setup, teardown),
		cmocka_unit_test(one_after_another),
		cmocka_unit_test_setup_teardown(minutes, setup, teardown),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
