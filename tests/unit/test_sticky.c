/* Where one destination is enough: who begins, who takes over, and who is left alone. */
#include "../../dockd/sticky.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOUR (3600 * UINT64_C(1000))
#define SWITCH (6 * HOUR)
#define NOW (1000 * HOUR)

static void order_of_the_configuration(void **state)
{
	struct sticky d[3] = { { 0, true }, { 0, true }, { 0, true } };

	(void)state;
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 0);
	d[0].since_ms = NOW - SWITCH + 1; /* a bad afternoon is no reason */
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 0);
	d[0].since_ms = NOW - SWITCH;
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 1);
	d[1].takes = false;
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 2);
	d[2].since_ms = NOW - SWITCH;
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 3);
	d[0].since_ms = 0;
	assert_int_equal(sticky_first(d, 3, NOW, SWITCH), 0);
	assert_int_equal(sticky_first(d, 0, NOW, SWITCH), 0);
}

static void heirs(void **state)
{
	struct sticky d[3] = { { NOW - 9 * HOUR, true }, { NOW - 7 * HOUR, true }, { 0, true } };

	(void)state;
	assert_int_equal(sticky_heir(d, 3, 0, NOW, SWITCH), 2);
	assert_int_equal(sticky_heir(d, 3, 2, NOW, SWITCH), 3); /* nobody works: it stays */
	d[0].since_ms = 0;
	assert_int_equal(sticky_heir(d, 3, 1, NOW, SWITCH), 0);
	assert_int_equal(sticky_heir(d, 3, 0, NOW, SWITCH), 2);
}

static void since(void **state)
{
	(void)state;
	assert_int_equal(sticky_since(0, 0), 0);
	assert_int_equal(sticky_since(5, 0), 5);
	assert_int_equal(sticky_since(0, 5), 5);
	assert_int_equal(sticky_since(7, 5), 5);
	assert_false(sticky_failed(0, NOW, 0));
	assert_false(sticky_failed(NOW + 1, NOW, 0));
	assert_true(sticky_failed(NOW, NOW, 0));
}

#define H (3600 * UINT64_C(1000))

/* A restart takes nothing from it; a stop, or another boot, adds nothing that nobody has seen. */
static void how_long_survives(void **state)
{
	(void)state;
	assert_int_equal(sticky_carried(10 * H, 50 * H, true, 52 * H, 24 * H), 12 * H);
	assert_int_equal(sticky_carried(10 * H, 50 * H, true, 999 * H, 24 * H), 16 * H);
	assert_int_equal(sticky_carried(10 * H, 50 * H, false, 52 * H, 24 * H), 10 * H);
	assert_int_equal(sticky_carried(10 * H, 50 * H, true, 1 * H, 24 * H), 10 * H);
	/* few records: after five minutes, at each quarter, and when it begins anew */
	assert_false(sticky_is_news(H / 20, 0, 24 * H));
	assert_true(sticky_is_news(H / 12, 0, 24 * H));
	assert_false(sticky_is_news(6 * H, H / 12, 24 * H));
	assert_true(sticky_is_news(7 * H, H / 12, 24 * H));
	assert_true(sticky_is_news(H, 7 * H, 24 * H));
	assert_false(sticky_is_news(99 * H, 25 * H, 24 * H));
	assert_true(sticky_is_news(H / 60, 0, H / 15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_long_survives),
		cmocka_unit_test(order_of_the_configuration),
		cmocka_unit_test(heirs),
		cmocka_unit_test(since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
