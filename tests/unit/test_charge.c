/*
 * charge: a battery that rises, stands, falls; looks that do not follow one another.
 */
#include "../../dockd/charge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE UINT64_C(60000)
#define LIMIT (30 * MINUTE)

/* A look a minute, from `from` on: percents until 0. The minute in which it has stalled first; 0: never. */
static unsigned looks(struct charge *c, unsigned from, unsigned n, const uint32_t *percent)
{
	for (unsigned i = 0; i < n; i++) {
		charge_tell(c, percent[i], CHARGE_FULL, (from + i) * MINUTE, LIMIT);
		if (c->stalled)
			return from + i;
	}
	return 0;
}

static void one_that_rises_is_well(void **state)
{
	uint32_t percent[90];
	struct charge c = { 0 };

	(void)state;
	for (unsigned i = 0; i < 90; i++)
		percent[i] = 5 + i; /* a percent a minute */
	assert_int_equal(looks(&c, 1, 90, percent), 0);
	for (unsigned i = 0; i < 90; i++)
		percent[i] = 40 + i / 29; /* slowly */
	c = (struct charge){ 0 };
	assert_int_equal(looks(&c, 1, 90, percent), 0);
}

static void one_that_stands_has_stalled_at_the_limit(void **state)
{
	uint32_t percent[60];
	struct charge c = { 0 };

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		percent[i] = 60 + i % 2; /* a measure that shivers */
	assert_int_equal(looks(&c, 1, 60, percent), 32);
	charge_tell(&c, 62, CHARGE_FULL, 33 * MINUTE, LIMIT);
	assert_false(c.stalled);
	/* full is full, however long */
	for (unsigned i = 0; i < 60; i++)
		percent[i] = CHARGE_FULL;
	c = (struct charge){ 0 };
	assert_int_equal(looks(&c, 1, 60, percent), 0);
	for (unsigned i = 0; i < 60; i++)
		percent[i] = 60;
	c = (struct charge){ 0 };
	for (unsigned i = 0; i < 60; i++)
		charge_tell(&c, percent[i], CHARGE_FULL, (i + 1) * MINUTE, 0);
	assert_false(c.stalled);
}

static void one_that_falls_is_told_sooner(void **state)
{
	uint32_t percent[30];
	struct charge c = { 0 };

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		percent[i] = 80 - i;
	assert_int_equal(looks(&c, 1, 30, percent), 11);
	/* it fell, then rises: from where it has fallen to */
	c = (struct charge){ 0 };
	charge_tell(&c, 80, CHARGE_FULL, 1 * MINUTE, LIMIT);
	charge_tell(&c, 60, CHARGE_FULL, 2 * MINUTE, LIMIT);
	for (unsigned i = 3; i < 30; i++) {
		charge_tell(&c, 58 + i, CHARGE_FULL, i * MINUTE, LIMIT);
		assert_false(c.stalled);
	}
}

static void a_gauge_of_few_steps_has_time_for_each(void **state)
{
	uint32_t percent[130];
	struct charge c = { 0 };

	(void)state;
	for (unsigned i = 0; i < 130; i++)
		percent[i] = i < 25 ? 70 : i < 60 ? 80 : i < 120 ? 90 : 100;
	assert_int_equal(looks(&c, 1, 130, percent), 0);
	for (unsigned i = 0; i < 130; i++)
		percent[i] = 50;
	c = (struct charge){ 0 };
	assert_int_equal(looks(&c, 1, 130, percent), 121);
}

static void a_pull_in_between_does_not_count(void **state)
{
	uint32_t percent[29];
	struct charge c = { 0 };

	(void)state;
	for (unsigned i = 0; i < 29; i++)
		percent[i] = 50;
	assert_int_equal(looks(&c, 1, 29, percent), 0);
	charge_tell(&c, 41, CHARGE_FULL, 120 * MINUTE, LIMIT);
	assert_false(c.stalled);
	assert_int_equal(looks(&c, 121, 29, percent), 0);
}

static void one_that_spares_its_battery_is_full_where_its_profile_says(void **state)
{
	(void)state;
	for (uint32_t full = 80; full <= CHARGE_FULL; full += 15) {
		struct charge c = { 0 };

		for (unsigned i = 1; i <= 40; i++)
			charge_tell(&c, i < 3 ? 78 + i : 81, full, i * MINUTE, LIMIT);
		assert_int_equal(c.stalled, full == CHARGE_FULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_rises_is_well),
		cmocka_unit_test(one_that_stands_has_stalled_at_the_limit),
		cmocka_unit_test(one_that_falls_is_told_sooner),
		cmocka_unit_test(a_gauge_of_few_steps_has_time_for_each),
		cmocka_unit_test(a_pull_in_between_does_not_count),
		cmocka_unit_test(one_that_spares_its_battery_is_full_where_its_profile_says),
	};

	return cmocka_run_group_tests_name("charge", tests, NULL, NULL);
}
