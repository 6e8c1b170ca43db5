/*
 * filling: when the disk is full, at the pace of the last days.
 */
#include "../../dockd/filling.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GB 1000000000ull
#define TODAY 20000
#define NOON ((int64_t)TODAY * FILLING_DAY_S + FILLING_DAY_S / 2)

static void without_a_day_of_work_nothing_is_told(void **state)
{
	const struct filling_day days[] = { { TODAY, 10 * GB, 0 } };
	struct filling f = filling_judge(days, 1, NOON - FILLING_DAY_S + 1, NOON, 50 * GB, GB);

	(void)state;
	assert_int_equal(f.full_s, 0);
	assert_true(f.days_left < 0);
	assert_int_equal(f.left_bytes, 49 * GB);
	f = filling_judge(days, 1, 0, NOON, 50 * GB, GB);
	assert_int_equal(f.full_s, 0);
}

static void what_came_less_what_went_is_the_pace(void **state)
{
	/* 6.5 days since the oldest midnight: 8 GB a day net */
	struct filling_day days[FILLING_DAYS + 1];
	struct filling f;

	(void)state;
	for (int i = 0; i < FILLING_DAYS; i++)
		days[i] = (struct filling_day){ TODAY - i, 10 * GB, 2 * GB };
	days[0].came_bytes = 5 * GB;
	days[0].went_bytes = GB;
	/* older than the week: no matter how much */
	days[FILLING_DAYS] = (struct filling_day){ TODAY - FILLING_DAYS, 1000 * GB, 0 };
	f = filling_judge(days, FILLING_DAYS + 1, NOON - 100 * FILLING_DAY_S, NOON, 81 * GB, GB);
	assert_int_equal(f.per_day, 8 * GB);
	assert_in_range(f.full_s, NOON + 10 * FILLING_DAY_S - 2, NOON + 10 * FILLING_DAY_S + 2);
	assert_true(f.days_left > 9.99 && f.days_left < 10.01);
}

static void days_before_the_first_file_do_not_thin_it(void **state)
{
	const struct filling_day days[] = { { TODAY - 1, 10 * GB, 0 }, { TODAY, 10 * GB, 0 } };
	int64_t first = NOON - FILLING_DAY_S - FILLING_DAY_S / 2;
	struct filling f = filling_judge(days, 2, first, NOON, 41 * GB, GB);

	(void)state;
	assert_int_equal(f.per_day, (int64_t)(20 * GB * 2 / 3));
}

static void one_that_empties_never_fills(void **state)
{
	const struct filling_day days[] = { { TODAY - 1, GB, 2 * GB } };
	struct filling f = filling_judge(days, 1, NOON - 30 * FILLING_DAY_S, NOON, 2 * GB, GB);

	(void)state;
	assert_true(f.full_s == INT64_MAX && f.days_left < 0 && f.per_day < 0);
}

static void below_the_reserve_it_is_full_now(void **state)
{
	const struct filling_day days[] = { { TODAY - 1, GB, 0 } };
	struct filling f = filling_judge(days, 1, NOON - 30 * FILLING_DAY_S, NOON, GB / 2, GB);

	(void)state;
	assert_int_equal(f.full_s, NOON);
	assert_int_equal(f.left_bytes, 0);
}

static void absurd_numbers_are_no_date(void **state)
{
	const struct filling_day days[] = { { TODAY, UINT64_MAX, 0 }, { TODAY - 1, UINT64_MAX, 0 },
		{ TODAY - 2, 0, UINT64_MAX }, { INT64_MAX / FILLING_DAY_S - 1, 1, 0 } };
	struct filling f = filling_judge(days, 4, NOON - 30 * FILLING_DAY_S, NOON, UINT64_MAX, 0);

	(void)state;
	assert_true(f.full_s >= NOON);
	/* a byte a week: so far off that it is no forecast */
	f = filling_judge(&(struct filling_day){ TODAY, 1, 0 }, 1, NOON - 30 * FILLING_DAY_S, NOON,
	    UINT64_MAX, 0);
	assert_true(f.full_s == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_day_of_work_nothing_is_told),
		cmocka_unit_test(what_came_less_what_went_is_the_pace),
		cmocka_unit_test(days_before_the_first_file_do_not_thin_it),
		cmocka_unit_test(one_that_empties_never_fills),
		cmocka_unit_test(below_the_reserve_it_is_full_now),
		cmocka_unit_test(absurd_numbers_are_no_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
