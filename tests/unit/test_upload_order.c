/* What is sent next: classes, hours, turns, and nobody starving. */
#include "../../dockd/upload_order.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GB (UINT64_C(1) << 30)
#define DAY 86400

static struct upload_turns turns;

static int setup(void **state)
{
	(void)state;
	memset(&turns, 0, sizeof(turns));
	return 0;
}

static struct candidate plain(uint64_t number, uint64_t docking, uint64_t size, int64_t deadline)
{
	return (struct candidate){ .number = number,
		.docking = docking,
		.size_bytes = size,
		.class = UPLOAD_PLAIN,
		.deadline_s = deadline };
}

static uint64_t next(const struct candidate *c, size_t n)
{
	size_t i = upload_order_next(&turns, c, n, false);

	return i < n ? c[i].number : 0;
}

static void classes_go_before_hours(void **state)
{
	struct candidate c[4] = { plain(1, 1, 10, DAY), plain(2, 2, 10, 2 * DAY),
		plain(3, 3, 10, 3 * DAY), plain(4, 4, 10, 4 * DAY) };

	(void)state;
	upload_turns_begin(&turns, 4);
	assert_int_equal(next(c, 4), 1);
	c[1].class = UPLOAD_MARKED;
	assert_int_equal(next(c, 4), 2);
	c[2].class = UPLOAD_FIRST;
	assert_int_equal(next(c, 4), 3);
	c[3].class = UPLOAD_EXPEDITED;
	assert_int_equal(next(c, 4), 4);
	assert_int_equal(next(c, 0), 0);
}

static void nearest_hour_first(void **state)
{
	/* of one docking: as given within the hour, by hours else */
	struct candidate c[3] = { plain(1, 1, 10, 5 * UPLOAD_GRAIN_S + 9),
		plain(2, 1, 10, 5 * UPLOAD_GRAIN_S + 1), plain(3, 1, 10, 5 * UPLOAD_GRAIN_S - 1) };

	(void)state;
	upload_turns_begin(&turns, 4);
	assert_int_equal(next(c, 3), 3);
	assert_int_equal(next(c, 2), 1);
}

/* A docking with a thousand clips and one with three, one slot: the three are out by turn six. */
static void dockings_take_turns(void **state)
{
	unsigned few = 3, turn = 0;

	(void)state;
	while (few > 0) {
		struct candidate c[2] = { plain(1, 1, 10, DAY), plain(2, 2, 10, DAY + 60) };

		upload_turns_begin(&turns, 1);
		few -= next(c, 2) == 2;
		assert_true(++turn <= 6);
	}
	/* the one that holds none goes before the one that holds some, whose turn was longer ago */
	{
		struct candidate c[2] = { plain(1, 2, 10, DAY), plain(2, 9, 10, DAY) };

		upload_turns_begin(&turns, 4);
		assert_int_equal(next(c, 1), 1);
		assert_int_equal(next(c + 1, 1), 2);
		upload_turns_hold(&turns, 2, 10);
		assert_int_equal(next(c, 2), 2);
	}
}

/* More dockings than turns are remembered: all still come, none twice before all. */
static void many_dockings(void **state)
{
	struct candidate c[UPLOAD_TURNS];
	unsigned seen[UPLOAD_TURNS] = { 0 };

	(void)state;
	for (unsigned i = 0; i < UPLOAD_TURNS; i++)
		c[i] = plain(i + 1, i + 1, 10, DAY);
	for (unsigned i = 0; i < 3 * UPLOAD_TURNS; i++) {
		upload_turns_begin(&turns, 1);
		seen[next(c, UPLOAD_TURNS) - 1]++;
	}
	for (unsigned i = 0; i < UPLOAD_TURNS; i++)
		assert_int_equal(seen[i], 3);
	for (unsigned i = 1000; i < 1000 + 5 * UPLOAD_TURNS; i++) {
		upload_turns_begin(&turns, 1);
		upload_turns_hold(&turns, i, 10);
	}
}

/* Large ones of the nearest hour wait in numbers: the last slot stays for the small ones. */
static void large_never_starve_small(void **state)
{
	struct candidate c[3] = { plain(1, 1, 18 * GB, DAY), plain(2, 1, 18 * GB, DAY),
		plain(3, 2, 1000, 9 * DAY) };

	(void)state;
	upload_turns_begin(&turns, 4);
	for (int i = 0; i < 3; i++)
		upload_turns_hold(&turns, 1, 18 * GB);
	assert_int_equal(next(c, 3), 3);
	/* none waits: the slot is not left empty */
	assert_int_equal(next(c, 2), 1);
	/* and what a person asked for takes any slot */
	c[1].class = UPLOAD_EXPEDITED;
	assert_int_equal(next(c, 3), 2);
	/* one slot only: by order */
	upload_turns_begin(&turns, 1);
	c[1].class = UPLOAD_PLAIN;
	assert_int_equal(next(c, 3), 1);
}

/*
 * Small ones come all day, two an hour and due 72 h after they came; a large one came at the
 * beginning. It is sent before any small one that came more than an hour later.
 */
static void small_never_starve_large(void **state)
{
	int64_t came = 100 * DAY;

	(void)state;
	for (unsigned hour = 0;; hour++) {
		struct candidate c[3] = { plain(1, 1, 5 * GB, came + 3 * DAY),
			plain(2, 2 + hour, 10, came + 3 * DAY + hour * 3600),
			plain(3, 900 + hour, 10, came + 3 * DAY + hour * 3600 + 1800) };

		upload_turns_begin(&turns, 2);
		assert_true(hour <= 1);
		if (next(c, 3) == 1)
			break;
	}
}

static void probe_is_the_smallest(void **state)
{
	struct candidate c[3] = { plain(1, 1, 3000, DAY), plain(2, 2, 10, 5 * DAY),
		plain(3, 3, 2000, DAY) };

	(void)state;
	c[0].class = UPLOAD_EXPEDITED;
	upload_turns_begin(&turns, 4);
	assert_int_equal(upload_order_next(&turns, c, 3, true), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(classes_go_before_hours, setup),
		cmocka_unit_test_setup(nearest_hour_first, setup),
		cmocka_unit_test_setup(dockings_take_turns, setup),
		cmocka_unit_test_setup(many_dockings, setup),
		cmocka_unit_test_setup(large_never_starve_small, setup),
		cmocka_unit_test_setup(small_never_starve_large, setup),
		cmocka_unit_test_setup(probe_is_the_smallest, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
