/* A destination that fails, over days of virtual time: tried for ever, rarely, and closed again. */
#include "../../dockd/breaker.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)
#define MIN_S 1
#define MAX_S 300

static uint64_t now;
static uint32_t seed;

static uint32_t any(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 3;
}

static int setup(void **state)
{
	(void)state;
	now = 1000 * SECOND;
	seed = 7;
	return 0;
}

static void fails(struct breaker *b, enum breaker_how how, uint64_t asset, uint64_t retry_after_ms)
{
	breaker_fails(b, how, asset, now, retry_after_ms, MIN_S, MAX_S, any());
}

static void opens_probes_closes(void **state)
{
	struct breaker b = { .slots = 4 };

	(void)state;
	assert_int_equal(breaker_slots(&b, now), 4);
	fails(&b, BREAKER_AWAY, 1, 0);
	assert_int_equal(b.since_ms, now);
	assert_int_equal(breaker_slots(&b, now), 0);
	/* the other three that were under way: one outage, not four */
	for (int i = 2; i < 5; i++)
		fails(&b, BREAKER_AWAY, (uint64_t)i, 0);
	assert_int_equal(b.failures, 1);
	assert_true(b.until_ms <= now + MIN_S * SECOND);
	now = b.until_ms;
	assert_int_equal(breaker_slots(&b, now), 1);
	fails(&b, BREAKER_AWAY, 1, 0);
	assert_int_equal(b.failures, 2);
	now = b.until_ms;
	breaker_works(&b, false);
	assert_int_equal(breaker_slots(&b, now), 4);
	assert_int_equal(b.since_ms, 0);
}

/* Three days: a probe every 150 s in the mean, never more than 300 s apart. */
static void three_days_are_bounded(void **state)
{
	struct breaker b = { .slots = 4 };
	uint64_t end = now + 72 * HOUR, last = 0, gap, longest = 0;
	unsigned probes = 0;

	(void)state;
	while (now < end) {
		fails(&b, BREAKER_AWAY, 1, 0);
		probes++;
		gap = b.until_ms - now;
		longest = gap > longest ? gap : longest;
		assert_true(b.until_ms > now);
		last = now;
		now = b.until_ms;
		assert_int_equal(breaker_slots(&b, now), 1);
	}
	assert_true(longest <= MAX_S * SECOND);
	assert_in_range(probes, 864, 2000); /* 1728 in the mean */
	assert_true(end - last <= MAX_S * SECOND);
	assert_true(b.since_ms == 1000 * SECOND);
}

static void told_to_wait(void **state)
{
	struct breaker b = { .slots = 8 };

	(void)state;
	/* to one asset: that asset's affair; to three in a row: the destination's */
	fails(&b, BREAKER_TOO_MANY, 1, 30 * SECOND);
	fails(&b, BREAKER_TOO_MANY, 2, 30 * SECOND);
	assert_int_equal(breaker_slots(&b, now), 8);
	fails(&b, BREAKER_TOO_MANY, 3, 30 * SECOND);
	assert_int_equal(breaker_slots(&b, now + 30 * SECOND - 1), 0);
	assert_int_equal(breaker_slots(&b, now + 33 * SECOND), 1);
	/* a later one that says longer is heard, also while it is open */
	fails(&b, BREAKER_TOO_MANY, 4, 60 * SECOND);
	assert_int_equal(breaker_slots(&b, now + 59 * SECOND), 0);
	now += 61 * SECOND;
	breaker_works(&b, true);
	/* and then less at once, one more with each that is finished */
	assert_int_equal(breaker_slots(&b, now), 5);
	for (int i = 0; i < 3; i++)
		breaker_works(&b, true);
	assert_int_equal(breaker_slots(&b, now), 8);
	/* not for days, whatever it says */
	for (int i = 0; i < 3; i++)
		fails(&b, BREAKER_TOO_MANY, 5, 400 * 24 * HOUR);
	assert_int_equal(breaker_slots(&b, now + HOUR + HOUR / 8), 1);
	assert_int_equal(breaker_slots(&b, now + HOUR - 1), 0);
	/* one that works between two of them: no row */
	now += 2 * HOUR;
	b = (struct breaker){ .slots = 8 };
	for (int i = 0; i < 9; i++) {
		fails(&b, BREAKER_TOO_MANY, 6, SECOND);
		breaker_works(&b, true);
	}
	assert_int_equal(breaker_slots(&b, now), 8);
}

/* Every asset answered with an error is no reason to ask for each of a million in one go. */
static void all_stumble(void **state)
{
	struct breaker b = { .slots = 4 };
	unsigned tries = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		fails(&b, BREAKER_STUMBLED, 7, 0); /* one poisoned clip is no outage */
	assert_false(b.open);
	b = (struct breaker){ .slots = 4 };
	for (uint64_t asset = 1; !b.open; asset++, tries++)
		fails(&b, BREAKER_STUMBLED, asset, 0);
	assert_int_equal(tries, BREAKER_STUMBLES);
	/* questions that are put off do not hold up uploads; out of reach is out of reach */
	b = (struct breaker){ .slots = 4 };
	for (int i = 0; i < 100; i++)
		fails(&b, BREAKER_STUMBLED, 0, 0);
	assert_false(b.open);
	for (uint64_t asset = 1; asset < BREAKER_STUMBLES; asset++) {
		fails(&b, BREAKER_STUMBLED, asset, 0);
		fails(&b, BREAKER_STUMBLED, 0, 0);
	}
	assert_false(b.open);
	fails(&b, BREAKER_AWAY, 0, 0);
	assert_true(b.open);
}

static void for_a_person(void **state)
{
	struct breaker b = { .slots = 4 };

	(void)state;
	fails(&b, BREAKER_FOR_PERSON, 1, 0);
	assert_true(b.person);
	assert_int_equal(breaker_slots(&b, now + 2 * MAX_S * SECOND), 0);
	assert_int_equal(breaker_slots(&b, now + 3 * MAX_S * SECOND), 1);
	/* while it cannot be reached at all it is not known to be a person's */
	now += 3 * MAX_S * SECOND;
	fails(&b, BREAKER_AWAY, 1, 0);
	assert_false(b.person);
	breaker_reset(&b);
	assert_int_equal(breaker_slots(&b, now), 4);
	assert_int_not_equal(b.since_ms, 0); /* a person's impatience mends nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(opens_probes_closes, setup),
		cmocka_unit_test_setup(three_days_are_bounded, setup),
		cmocka_unit_test_setup(told_to_wait, setup),
		cmocka_unit_test_setup(all_stumble, setup),
		cmocka_unit_test_setup(for_a_person, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
