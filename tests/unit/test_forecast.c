/*
 * forecast: what a line carries, when something will have arrived, and the words for it.
 */
#include "../../dockd/forecast.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TUESDAY_NOON 1795521600 /* 2026-11-24 12:00 UTC */

static const struct proto_destination open_always = { .bytes_per_s = RATE_UNLIMITED };

static struct tm utc(int64_t at_s)
{
	time_t t = (time_t)at_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	return tm;
}

static struct pace pace_of(uint64_t bytes_per_s)
{
	struct pace p = { 0 };

	pace_saw(&p, 60000, bytes_per_s * 60, 0);
	return p;
}

static int64_t arrival(
    const struct proto_destination *d, const struct pace *p, int64_t away_s, uint64_t bytes)
{
	struct tm local = utc(TUESDAY_NOON);

	return forecast_arrival(d, p, TUESDAY_NOON, &local, away_s, bytes);
}

static void a_pace_is_named_once_it_rests_on_something(void **state)
{
	struct pace p = { 0 };

	(void)state;
	pace_saw(&p, PACE_KNOWN_MS - 1, 1000000, 0);
	assert_int_equal(p.bytes_per_s, 0);
	pace_saw(&p, 1, 0, 0);
	assert_int_equal(p.bytes_per_s, 1000000 * 1000 / PACE_KNOWN_MS);
}

static void a_slow_line_is_told_to_the_byte(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++)
		pace_saw(&p, 1000, 8000, 0);
	assert_in_range(p.bytes_per_s, 7990, 8000);
	assert_int_equal(p.busy_ms, HOUR_MS);
}

static void what_was_fades_within_hours(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 3600; i++)
		pace_saw(&p, 1000, 1000000, 0);
	for (int i = 0; i < 3600; i++)
		pace_saw(&p, 1000, 100000, 0);
	assert_in_range(p.bytes_per_s, 420000, 440000); /* 1/e of the old still weighs */
	for (int i = 0; i < 3 * 3600; i++)
		pace_saw(&p, 1000, 100000, 0);
	assert_in_range(p.bytes_per_s, 100000, 120000);
	pace_saw(&p, 10 * HOUR_MS, 10 * 3600 * UINT64_C(5000), 0);
	assert_int_equal(p.bytes_per_s, 5000);
}

static void sums_do_not_overflow(void **state)
{
	struct pace p = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		pace_saw(&p, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	for (int i = 0; i < 10; i++)
		pace_saw(&p, 1, UINT64_MAX, UINT64_MAX);
	assert_true(p.kept_bytes <= BYTES_MAX && p.busy_ms <= HOUR_MS);
	assert_int_equal(
	    arrival(&open_always, &(struct pace){ .bytes_per_s = 1 }, 0, UINT64_MAX), INT64_MAX);
}

static void arrives_by_its_pace(void **state)
{
	struct pace p = pace_of(1000000), none = { 0 };

	(void)state;
	assert_int_equal(arrival(&open_always, &p, 0, 0), TUESDAY_NOON);
	assert_in_range(arrival(&open_always, &p, 0, UINT64_C(7200) * 1000000), TUESDAY_NOON + 7199,
	    TUESDAY_NOON + 7201);
	assert_in_range(arrival(&open_always, &p, TUESDAY_NOON + 600, UINT64_C(7200) * 1000000),
	    TUESDAY_NOON + 7799, TUESDAY_NOON + 7801);
	assert_int_equal(arrival(&open_always, &none, 0, 5), 0);
}

static void waits_for_the_hours_that_are_allowed(void **state)
{
	struct proto_destination nights = { .bytes_per_s = 0 }, never = { .bytes_per_s = 0 };
	struct pace p = pace_of(1000000), none = { 0 };

	(void)state;
	nights.rate[0] = (struct proto_rate){ 0x7f, 22 * 60, 24 * 60, RATE_UNLIMITED };
	/* ten hours until it may begin; three hours' worth: two tonight, one tomorrow night */
	assert_in_range(arrival(&nights, &p, 0, UINT64_C(3600) * 1000000),
	    TUESDAY_NOON + 11 * 3600 - 60, TUESDAY_NOON + 11 * 3600 + 60);
	assert_in_range(arrival(&nights, &p, 0, UINT64_C(3) * 3600 * 1000000),
	    TUESDAY_NOON + 35 * 3600 - 60, TUESDAY_NOON + 35 * 3600 + 60);
	/* away until 23:00: an hour is left of the night */
	assert_in_range(
	    arrival(&nights, &p, TUESDAY_NOON + 11 * 3600, UINT64_C(2) * 3600 * 1000000),
	    TUESDAY_NOON + 35 * 3600 - 60, TUESDAY_NOON + 35 * 3600 + 60);
	assert_true(arrival(&never, &p, 0, 1) == INT64_MAX);
	assert_true(arrival(&never, &none, 0, 1) == INT64_MAX);
	assert_int_equal(arrival(&nights, &none, 0, 1), 0);
}

static enum forecast_trouble judged(int64_t expected_s, int64_t deadline_s)
{
	struct pace p = pace_of(1000);

	return forecast_judge(TUESDAY_NOON, expected_s, deadline_s, &p, 0, 0);
}

static void judges_by_the_deadline(void **state)
{
	(void)state;
	assert_int_equal(judged(TUESDAY_NOON + 60, 0), FORECAST_WELL);
	assert_int_equal(judged(TUESDAY_NOON + 60, TUESDAY_NOON + 60), FORECAST_WELL);
	assert_int_equal(judged(TUESDAY_NOON + 61, TUESDAY_NOON + 60), FORECAST_LATE);
	assert_int_equal(judged(0, TUESDAY_NOON + 60), FORECAST_WELL); /* not known: not judged */
	assert_int_equal(judged(0, TUESDAY_NOON), FORECAST_PAST);
	assert_int_equal(judged(INT64_MAX, 0), FORECAST_NEVER);
}

static void a_request_that_no_connection_holds_never_passes(void **state)
{
	struct pace p = { 0 }, some = { 0 };

	(void)state;
	/* 10 kB/s, connections hold ten minutes: 6 MB are through, 100 MB are not */
	pace_saw(&p, 1200000, 0, 12000000);
	assert_int_equal(forecast_judge(TUESDAY_NOON, 0, 0, &p, 100000000, 600), FORECAST_NEVER);
	assert_int_equal(forecast_judge(TUESDAY_NOON, 0, 0, &p, 5000000, 600), FORECAST_WELL);
	assert_int_equal(forecast_judge(TUESDAY_NOON, 0, 0, &p, 100000000, 0), FORECAST_WELL);
	/* most of it is kept: it gets on */
	pace_saw(&some, 1200000, 11000000, 1000000);
	assert_int_equal(forecast_judge(TUESDAY_NOON, 0, 0, &some, 100000000, 600), FORECAST_WELL);
}

static void says_it_in_words(void **state)
{
	struct pace p = pace_of(1250000);
	char text[256];

	(void)state;
	assert_string_equal(forecast_span(20, text, sizeof(text)), "less than a minute");
	assert_string_equal(forecast_span(45 * 60, text, sizeof(text)), "45 min");
	assert_string_equal(forecast_span(9600, text, sizeof(text)), "2 h 40 min");
	assert_string_equal(forecast_span(76 * 3600, text, sizeof(text)), "3 d 4 h");
	assert_string_equal(forecast_rate(0, text, sizeof(text)), "a pace not known yet");
	assert_string_equal(forecast_rate(8000, text, sizeof(text)), "64 kbit/s");
	assert_string_equal(forecast_rate(150000, text, sizeof(text)), "1.2 Mbit/s");
	assert_string_equal(forecast_rate(1250000, text, sizeof(text)), "10 Mbit/s");
	assert_string_equal(forecast_when(TUESDAY_NOON + 9600, TUESDAY_NOON, text, sizeof(text)),
	    "Tue 24 Nov 14:40 (2 h 40 min)");
	assert_string_equal(forecast_when(0, TUESDAY_NOON, text, sizeof(text)), "not known yet");
	assert_string_equal(forecast_when(INT64_MAX, TUESDAY_NOON, text, sizeof(text)), "never");
	forecast_text(
	    FORECAST_LATE, "court", TUESDAY_NOON + 9600, TUESDAY_NOON, &p, text, sizeof(text));
	assert_non_null(strstr(text, "court: a file that is due by Tue 24 Nov 12:00 is expected"));
	assert_non_null(strstr(text, "2 h 40 min late, at 10 Mbit/s"));
	forecast_text(FORECAST_NEVER, "court", INT64_MAX, 0, &p, text, sizeof(text));
	assert_non_null(strstr(text, "timetable allows nothing"));
	forecast_text(FORECAST_NEVER, "court", 0, 0, &p, text, sizeof(text));
	assert_non_null(strstr(text, "part-bytes"));
	forecast_text(FORECAST_PAST, "court", 0, TUESDAY_NOON, &p, text, sizeof(text));
	assert_non_null(strstr(text, "was due by Tue 24 Nov 12:00"));
	forecast_text(FORECAST_WELL, "court", 0, 0, &p, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pace_is_named_once_it_rests_on_something),
		cmocka_unit_test(a_slow_line_is_told_to_the_byte),
		cmocka_unit_test(what_was_fades_within_hours),
		cmocka_unit_test(sums_do_not_overflow),
		cmocka_unit_test(arrives_by_its_pace),
		cmocka_unit_test(waits_for_the_hours_that_are_allowed),
		cmocka_unit_test(judges_by_the_deadline),
		cmocka_unit_test(a_request_that_no_connection_holds_never_passes),
		cmocka_unit_test(says_it_in_words),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
