/* line: hours that open and close, who may begin, and what an expedited upload leaves to others. */
#include <time.h>

static time_t now_s;

static time_t told(time_t *out)
{
	if (out)
		*out = now_s;
	return now_s;
}

#define time told
#include "../../uploader/line.c"
#undef time

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MONDAY 1774828800 /* 2026-03-30, 00:00 UTC */
#define MIB (1 << 20)

static struct proto_destination office; /* nothing from eight to six, 1000 bytes a second else */

static int utc(void **state)
{
	(void)state;
	office.bytes_per_s = 1000;
	office.rate[0] = (struct proto_rate){ 0x1f, 8 * 60, 18 * 60, 0 };
	return setenv("TZ", "UTC0", 1);
}

static void hours_open_and_close(void **state)
{
	struct line l;

	(void)state;
	now_s = MONDAY + 8 * 3600 - 1;
	line_open(&l, &office, 0);
	assert_true(line_admits(&l, false));
	assert_int_equal(l.bucket.rate, 1000);
	/* Looked at once a second at most. */
	now_s += 2;
	line_look(&l, LOOK_MS - 1);
	assert_true(line_admits(&l, false));
	assert_int_equal(line_due_ms(&l, LOOK_MS - 1), 1);
	line_look(&l, LOOK_MS);
	assert_false(line_admits(&l, false));
	assert_true(line_admits(&l, true));
	/* What is under way keeps its rate for a while, and then must end. */
	assert_int_equal(l.bucket.rate, 1000);
	assert_false(line_is_over(&l, LOOK_MS + LINE_DRAIN_MS - 1));
	line_look(&l, LOOK_MS + LINE_DRAIN_MS);
	assert_true(line_is_over(&l, LOOK_MS + LINE_DRAIN_MS));
	assert_int_equal(l.bucket.rate, 0);
	now_s = MONDAY + 18 * 3600;
	line_look(&l, 36000000);
	assert_true(line_admits(&l, false));
	assert_false(line_is_over(&l, 36000000));
	assert_int_equal(l.bucket.rate, 1000);
}

static void shut_from_the_start(void **state)
{
	struct line l;

	(void)state;
	now_s = MONDAY + 9 * 3600;
	line_open(&l, &office, 77);
	assert_false(line_admits(&l, false));
	assert_true(line_is_over(&l, 77));
	assert_int_equal(l.bucket.rate, 0);
}

/* A station whose clock is set right in the middle of it. */
static void a_clock_that_is_set(void **state)
{
	struct line l;

	(void)state;
	now_s = MONDAY + 3 * 3600;
	line_open(&l, &office, 0);
	now_s = MONDAY + 12 * 3600;
	line_look(&l, 1000);
	assert_false(line_admits(&l, false));
	now_s = MONDAY + 3 * 3600;
	line_look(&l, 2000);
	assert_true(line_admits(&l, false));
	assert_false(line_is_over(&l, 2000000));
}

static void no_limits(void **state)
{
	struct proto_destination free_one = { .bytes_per_s = RATE_UNLIMITED };
	struct line l = { 0 };

	(void)state;
	/* Before there is a destination. */
	line_look(&l, 5000);
	assert_int_equal(line_due_ms(&l, 0), -1);
	line_open(&l, &free_one, 0);
	assert_int_equal(line_due_ms(&l, 500), -1);
	assert_true(line_admits(&l, false));
}

static void expedited_first(void **state)
{
	struct proto_destination free_one = { .bytes_per_s = RATE_UNLIMITED };
	struct line l;

	(void)state;
	line_open(&l, &free_one, 0);
	line_urgent(&l, 1);
	assert_false(line_admits(&l, false));
	line_sent(&l, false, 100 * MIB);
	assert_false(line_admits(&l, false));
	line_sent(&l, true, 15 * MIB - 1);
	assert_false(line_admits(&l, false));
	line_sent(&l, true, 1);
	assert_true(line_admits(&l, false));
	line_began(&l, true);
	assert_true(line_admits(&l, false));
	line_began(&l, false);
	assert_false(line_admits(&l, false));
	/* A second one changes nothing for the others; when both are done all may. */
	line_urgent(&l, 1);
	line_urgent(&l, -1);
	assert_false(line_admits(&l, false));
	line_urgent(&l, -1);
	assert_true(line_admits(&l, false));
	/* What was left over is not kept for the next. */
	line_urgent(&l, 1);
	line_sent(&l, true, 1ull << 40);
	line_urgent(&l, -1);
	line_urgent(&l, 1);
	assert_false(line_admits(&l, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_open_and_close),
		cmocka_unit_test(shut_from_the_start),
		cmocka_unit_test(a_clock_that_is_set),
		cmocka_unit_test(no_limits),
		cmocka_unit_test(expedited_first),
	};

	return cmocka_run_group_tests(tests, utc, NULL);
}
