/* waits: how long an asset waits at a destination before it is tried again. */
#include "../../dockd/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static void the_backoff_grows_to_its_bound_with_full_jitter(void **state)
{
	(void)state;
	assert_int_equal(waits_backoff_ms(1, 1, 300, 0), 500);
	assert_int_equal(waits_backoff_ms(1, 1, 300, 500), 1000);
	for (unsigned attempt = 1; attempt < 40; attempt++) {
		uint64_t least = UINT64_MAX, most = 0;

		for (uint32_t random = 0; random < 4000; random++) {
			uint64_t ms = waits_backoff_ms(attempt, 1, 300, random * 1000003u);

			least = ms < least ? ms : least;
			most = ms > most ? ms : most;
		}
		assert_true(least >= 500 && most <= 300000);
		if (attempt > 9)
			assert_true(most > 250000 && least < 20000);
	}
}

static void a_wait_without_end_is_released(void **state)
{
	static struct waits w;
	uint64_t skip[WAITS_MAX];

	(void)state;
	memset(&w, 0, sizeof(w));
	waits_hold(&w, 7, "hashing");
	waits_later(&w, 8, 3600000, "later");
	waits_later(&w, 9, 0, "now");
	assert_int_equal(waits_pending(&w, false, skip), 2);
	waits_release(&w, 7);
	waits_release(&w, 8); /* not held: it goes on waiting */
	assert_int_equal(waits_pending(&w, false, skip), 1);
	assert_int_equal(skip[0], 8);
	waits_end(&w, 8);
	assert_int_equal(waits_pending(&w, false, skip), 0);
	assert_null(waits_of(&w, 8, false));
	waits_of(&w, 9, false)->sent = true;
	assert_int_equal(waits_pending(&w, false, skip), 0);
	assert_int_equal(waits_pending(&w, true, skip), 1);
	assert_int_equal(skip[0], 9);
}

static void a_full_table_forgets_nobody_and_takes_no_more(void **state)
{
	static struct waits w;
	uint64_t skip[WAITS_MAX];

	(void)state;
	memset(&w, 0, sizeof(w));
	for (uint64_t i = 1; i <= WAITS_MAX; i++)
		waits_hold(&w, i, "");
	waits_hold(&w, 100000, "");
	assert_null(waits_of(&w, 100000, true));
	assert_int_equal(waits_pending(&w, false, skip), WAITS_MAX);
	waits_end(&w, 5);
	assert_non_null(waits_of(&w, 100000, true));
}

/* Those that wait no more make room; none that waits does. */
static void what_is_over_makes_room(void **state)
{
	static struct waits w;
	uint64_t skip[WAITS_MAX];

	(void)state;
	memset(&w, 0, sizeof(w));
	for (uint64_t i = 1; i < WAITS_MAX; i++)
		waits_hold(&w, i, "");
	waits_failed(&w, 9000, "refused", "away");
	waits_failed(&w, 9001, "refused", "away");
	assert_null(waits_of(&w, 9000, false));
	assert_int_equal(waits_of(&w, 9001, false)->attempts, 1);
	assert_int_equal(waits_pending(&w, false, skip), WAITS_MAX - 1);
}

/* Only what the destination has more of than ever is progress. */
static void handed_over_is_not_there(void **state)
{
	static struct waits w;

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_false(waits_moved(&w, 7, 0));
	for (int i = 0; i < 5; i++)
		waits_failed(&w, 7, "cut", "the line broke");
	assert_int_equal(waits_of(&w, 7, false)->attempts, 5);
	assert_int_not_equal(waits_of(&w, 7, false)->since_ms, 0);
	assert_true(waits_moved(&w, 7, 1000));
	assert_int_equal(waits_of(&w, 7, false)->attempts, 0);
	assert_int_equal(waits_of(&w, 7, false)->since_ms, 0);
	waits_failed(&w, 7, "cut", "the line broke");
	assert_false(waits_moved(&w, 7, 1000));
	assert_false(waits_moved(&w, 7, 10));
	assert_int_equal(waits_of(&w, 7, false)->attempts, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_backoff_grows_to_its_bound_with_full_jitter),
		cmocka_unit_test(a_wait_without_end_is_released),
		cmocka_unit_test(a_full_table_forgets_nobody_and_takes_no_more),
		cmocka_unit_test(what_is_over_makes_room),
		cmocka_unit_test(handed_over_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
