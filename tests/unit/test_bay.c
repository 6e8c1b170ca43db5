/*
 * bay: how often a lost worker is replaced, and what the bay shows meanwhile: a camera's own faults
 * are given up after a while, what the station lacks never is.
 */
#include "../../dockd/bay.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct bays house;
static struct bay bay;

void child_drop(struct child *c)
{
	(void)c;
}

bool probe_is_at(const struct bay *b)
{
	(void)b;
	return false;
}

void probe_failed(struct bay *b, const char *why)
{
	(void)b;
	(void)why;
}

void probe_gone(struct bay *b)
{
	(void)b;
}

bool unlocking_away(struct bay *b)
{
	(void)b;
	return false;
}

void docking_interrupted(struct bay *b, const char *result)
{
	(void)b;
	(void)result;
}

bool bays_are_shut(const struct bays *h)
{
	(void)h;
	return false;
}

const char *bays_stop_why(const struct bays *h)
{
	(void)h;
	return "";
}

bool journal_works(const struct journal *j)
{
	(void)j;
	return true;
}

const char *journal_why(const struct journal *j)
{
	(void)j;
	return "";
}

int journal_write(struct journal *j, struct record *r)
{
	(void)j;
	(void)r;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&house, 0, sizeof(house));
	memset(&bay, 0, sizeof(bay));
	house.hotplug = true;
	bay.house = &house;
	bay.device_fd = bay.part_fd = -1;
	bay.state = BAY_ATTACHING;
	return 0;
}

static unsigned waits_s(void)
{
	return (unsigned)((bay.due_us - bay_now_us() + BAY_SECOND_US - 1) / BAY_SECOND_US);
}

static void what_a_camera_does_is_given_up(void **state)
{
	static const unsigned waits[BAY_DEATHS_MAX] = { 1, 2, 5, 10 };

	(void)state;
	for (unsigned i = 0; i < BAY_DEATHS_MAX; i++) {
		bay_worker_lost(&bay, "exited with 1");
		assert_int_equal(bay.state, BAY_CLOSED);
		assert_int_equal(waits_s(), waits[i]);
		assert_int_equal(bay_light(&bay), LIGHT_READING);
	}
	bay_worker_lost(&bay, "exited with 1");
	assert_int_equal(bay.state, BAY_FAULT);
	assert_string_equal(bay.fault, "exited with 1; tried 5 times");
}

static void what_the_station_lacks_is_tried_for_ever(void **state)
{
	char text[PROTO_TEXT_LEN * 2];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		bay_worker_starved(&bay, "no memory");
		assert_int_equal(bay.state, BAY_CLOSED);
		assert_in_range(waits_s(), 1, STARVED_S);
		/* for a blink it is no trouble of the officer's */
		assert_int_equal(bay_light(&bay), i < BAY_DEATHS_MAX ? LIGHT_READING : LIGHT_LEAVE);
	}
	assert_int_equal(waits_s(), STARVED_S);
	bay_text(&bay, text, sizeof(text));
	assert_string_equal(text, "no memory; it is tried again");
	/* and counts for nothing against the camera */
	bay_worker_lost(&bay, "exited with 1");
	assert_int_equal(bay.state, BAY_CLOSED);
	assert_int_equal(waits_s(), 1);
	bay.state = BAY_LISTING;
	assert_int_equal(bay_light(&bay), LIGHT_READING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_a_camera_does_is_given_up, setup),
		cmocka_unit_test_setup(what_the_station_lacks_is_tried_for_ever, setup),
	};

	return cmocka_run_group_tests_name("bay", tests, NULL, NULL);
}
