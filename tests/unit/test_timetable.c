/* timetable: rows, edges of days and weeks, how long bytes take; summer time is the caller's hour. */
#include "../../dockd/base/timetable.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define WORK_DAYS 0x1f
#define ALL_DAYS 0x7f

static struct proto_destination with(
    uint64_t otherwise, const struct proto_rate *rows, size_t count)
{
	struct proto_destination d = { .bytes_per_s = otherwise };

	for (size_t i = 0; i < count; i++)
		d.rate[i] = rows[i];
	return d;
}

static unsigned at(unsigned weekday, unsigned hour, unsigned minute)
{
	return weekday * 1440 + hour * 60 + minute;
}

/* Nothing in office hours, a little on weekday evenings, everything else. */
static struct proto_destination office(void)
{
	const struct proto_rate rows[] = { { WORK_DAYS, 8 * 60, 18 * 60, 0 },
		{ WORK_DAYS, 17 * 60, 22 * 60, MIB } };

	return with(RATE_UNLIMITED, rows, 2);
}

static void first_row_that_matches_counts(void **state)
{
	struct proto_destination d = office();

	(void)state;
	assert_int_equal(timetable_rate(&d, at(0, 7, 59)), RATE_UNLIMITED);
	assert_int_equal(timetable_rate(&d, at(0, 8, 0)), 0);
	assert_int_equal(timetable_rate(&d, at(0, 17, 30)), 0);
	assert_int_equal(timetable_rate(&d, at(0, 18, 0)), MIB);
	assert_int_equal(timetable_rate(&d, at(0, 21, 59)), MIB);
	assert_int_equal(timetable_rate(&d, at(0, 22, 0)), RATE_UNLIMITED);
	assert_int_equal(timetable_rate(&d, at(4, 12, 0)), 0);
	assert_int_equal(timetable_rate(&d, at(5, 12, 0)), RATE_UNLIMITED);
	assert_int_equal(timetable_rate(&d, at(6, 12, 0)), RATE_UNLIMITED);
	assert_int_equal(timetable_rate(&d, at(7, 12, 0)), 0);
}

static void weekdays_are_those_of_struct_tm(void **state)
{
	(void)state;
	assert_int_equal(timetable_minute(1, 0, 0), 0);
	assert_int_equal(timetable_minute(0, 23, 59), TIMETABLE_WEEK_MIN - 1);
	assert_int_equal(timetable_minute(6, 1, 2), at(5, 1, 2));
}

static void next_change(void **state)
{
	struct proto_destination d = office();
	struct proto_destination same = with(5, NULL, 0);

	(void)state;
	assert_int_equal(timetable_next(&d, at(0, 7, 0)), 60);
	assert_int_equal(timetable_next(&d, at(0, 8, 0)), 600);
	assert_int_equal(timetable_next(&d, at(0, 18, 0)), 240);
	assert_int_equal(timetable_next(&d, at(0, 22, 0)), 600);
	assert_int_equal(timetable_next(&d, at(4, 22, 0)), 2 * 1440 + 600);
	assert_int_equal(timetable_next(&d, at(6, 23, 59)), 481);
	assert_int_equal(timetable_next(&same, 17), 0);
}

static void every_minute_agrees_with_the_next_change(void **state)
{
	struct proto_destination d = office();

	(void)state;
	for (unsigned m = 0; m < TIMETABLE_WEEK_MIN; m++) {
		unsigned in = timetable_next(&d, m);

		assert_true(in > 0 && timetable_rate(&d, m + in) != timetable_rate(&d, m));
		assert_int_equal(timetable_rate(&d, m + in - 1), timetable_rate(&d, m));
	}
}

static void how_long_bytes_take(void **state)
{
	struct proto_destination d = office();

	(void)state;
	assert_int_equal(timetable_seconds(&d, at(0, 12, 0), MIB, 0), 0);
	/* At once, as nothing is known of the line. */
	assert_int_equal(timetable_seconds(&d, at(0, 3, 0), 0, MIB), 0);
	/* By the line where it is the narrower, rounded up. */
	assert_int_equal(timetable_seconds(&d, at(0, 3, 0), MIB, 10 * MIB + 1), 11);
	/* Six hours of waiting, then a megabyte a second. */
	assert_int_equal(timetable_seconds(&d, at(0, 12, 0), 0, 10 * MIB), 6 * 3600 + 10);
	assert_int_equal(timetable_seconds(&d, at(0, 12, 0), MIB / 2, 10 * MIB), 6 * 3600 + 20);
	/* Past the end of the evening, into the night: the line alone. */
	assert_int_equal(timetable_seconds(&d, at(0, 21, 59), 2 * MIB, 60 * MIB + 4 * MIB), 60 + 2);
}

static void never_and_weeks(void **state)
{
	const struct proto_rate row = { ALL_DAYS, 0, 1440, 0 };
	const struct proto_rate hour = { 1 << 6, 60, 120, 1000 };
	struct proto_destination none = with(RATE_UNLIMITED, &row, 1);
	struct proto_destination rare = with(0, &hour, 1);
	uint64_t week_s = 7 * 86400;

	(void)state;
	assert_int_equal(timetable_seconds(&none, 0, 0, 1), RATE_UNLIMITED);
	/* 3.6 MB a week, on Sunday from one to two. */
	assert_int_equal(timetable_seconds(&rare, at(6, 1, 0), 0, 3600000), 3600);
	assert_int_equal(timetable_seconds(&rare, at(6, 1, 0), 0, 3600001), week_s + 1);
	assert_int_equal(
	    timetable_seconds(&rare, at(6, 1, 0), 0, 3600000ull * 1000000), 999999 * week_s + 3600);
	assert_int_equal(timetable_seconds(&rare, at(6, 2, 0), 0, 1), week_s - 3600 + 1);
}

static void every_row_is_used(void **state)
{
	struct proto_rate rows[PROTO_RATES];
	struct proto_destination d;

	(void)state;
	for (unsigned i = 0; i < PROTO_RATES; i++)
		rows[i] = (struct proto_rate){ ALL_DAYS, (uint16_t)(i * 60),
			(uint16_t)(i * 60 + 60), i + 1 };
	d = with(99, rows, PROTO_RATES);
	for (unsigned i = 0; i < PROTO_RATES; i++)
		assert_int_equal(timetable_rate(&d, at(3, i, 30)), i + 1);
	assert_int_equal(timetable_rate(&d, at(3, PROTO_RATES, 0)), 99);
}

static uint64_t rate_at(const struct proto_destination *d, time_t moment)
{
	struct tm tm;

	assert_non_null(localtime_r(&moment, &tm));
	return timetable_rate(d, timetable_minute(tm.tm_wday, tm.tm_hour, tm.tm_min));
}

/* 29 March 2026: 01:00 UTC is 02:00 in summer time; 25 October: 02:00 summer time is 01:00. */
static void the_callers_hour_knows_summer_time(void **state)
{
	const struct proto_rate row = { ALL_DAYS, 60, 120, 7 }; /* 01:00 to 02:00 */
	struct proto_destination d = with(1, &row, 1);

	(void)state;
	assert_int_equal(setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0", 1), 0);
	tzset();
	assert_int_equal(rate_at(&d, 1774745999), 1); /* 00:59:59 GMT */
	assert_int_equal(rate_at(&d, 1774746000), 1); /* 02:00 BST: the hour is left out */
	assert_int_equal(rate_at(&d, 1792886400), 7); /* 01:00 BST, for the first time */
	assert_int_equal(rate_at(&d, 1792890000), 7); /* 01:00 GMT, again */
	assert_int_equal(rate_at(&d, 1792893600), 1); /* 02:00 GMT */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_row_that_matches_counts),
		cmocka_unit_test(weekdays_are_those_of_struct_tm),
		cmocka_unit_test(next_change),
		cmocka_unit_test(every_minute_agrees_with_the_next_change),
		cmocka_unit_test(how_long_bytes_take),
		cmocka_unit_test(never_and_weeks),
		cmocka_unit_test(every_row_is_used),
		cmocka_unit_test(the_callers_hour_knows_summer_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
