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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_the_configuration),
		cmocka_unit_test(heirs),
		cmocka_unit_test(since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
