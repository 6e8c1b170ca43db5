/* zone: rules of POSIX TZ, and the hours around their changes. */
#include "../../dockd/base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SPRING INT64_C(1774746000)  /* 2026-03-29T01:00:00Z */
#define OCTOBER INT64_C(1792890000) /* 2026-10-25T01:00:00Z */

static void rules_are_read(void **state)
{
	static const char *const bad[] = { "", "UTC", "GMT0BST", "0", "Europe/London",
		"GMT0BST,M3.5.0/1", "GMT0BST,M13.1.0,M10.5.0", "GMT0BST,M3.6.0,M10.5.0",
		"GMT0BST,J60,J300", "UTC0 ", "UTC25", "GMT0BST,M3.5.0/1,M10.5.0x" };
	struct zone z;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_read(bad[i], &z), -22);
	assert_int_equal(zone_read("UTC0", &z), 0);
	assert_int_equal(zone_offset_s(&z, OCTOBER), 0);
	assert_int_equal(zone_read("IST-5:30", &z), 0);
	assert_int_equal(zone_offset_s(&z, OCTOBER), 19800);
	assert_int_equal(zone_read("EST5EDT,M3.2.0,M11.1.0", &z), 0);
	assert_int_equal(zone_offset_s(&z, 1767225600), -5 * 3600);
	assert_int_equal(zone_offset_s(&z, 1782864000), -4 * 3600);
}

static void summer_begins_and_ends_in_its_hour(void **state)
{
	struct zone z;

	(void)state;
	assert_int_equal(zone_read("GMT0BST,M3.5.0/1,M10.5.0", &z), 0);
	assert_int_equal(zone_offset_s(&z, SPRING - 1), 0);
	assert_int_equal(zone_offset_s(&z, SPRING), 3600);
	assert_int_equal(zone_offset_s(&z, OCTOBER - 1), 3600);
	assert_int_equal(zone_offset_s(&z, OCTOBER), 0);
	/* south of the equator summer lasts over the new year */
	assert_int_equal(zone_read("AEST-10AEDT,M10.1.0,M4.1.0/3", &z), 0);
	assert_int_equal(zone_offset_s(&z, 1767225600), 11 * 3600);
	assert_int_equal(zone_offset_s(&z, 1782864000), 10 * 3600);
}

static void a_face_is_turned_into_a_moment(void **state)
{
	struct zone z;

	(void)state;
	assert_int_equal(zone_read("GMT0BST,M3.5.0/1,M10.5.0", &z), 0);
	assert_int_equal(zone_utc(&z, 1767225600), 1767225600);
	assert_int_equal(zone_utc(&z, 1782864000), 1782864000 - 3600);
	/* 01:30 comes twice on that Sunday: the first of them */
	assert_int_equal(zone_utc(&z, OCTOBER + 1800), OCTOBER - 1800);
	assert_int_equal(zone_utc(&z, OCTOBER + 3600), OCTOBER + 3600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(summer_begins_and_ends_in_its_hour),
		cmocka_unit_test(a_face_is_turned_into_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
