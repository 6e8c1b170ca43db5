/* A class folder as sysfs has it: links that lead nowhere here, which is all that a name needs. */
#include "../../dockd/lamp_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define BUS "../../devices/pci0000:00/0000:00:03.0/usb1/"
#define HID "0003:0627:0001.0001/input/"

static const struct {
	const char *name, *to;
} links[] = {
	{ "bay1:green:status", "../../devices/platform/leds/leds/bay1:green:status" },
	{ "input3::capslock", BUS "1-3/1-3:1.0/" HID "input3/input3::capslock" },
	{ "input3::numlock", BUS "1-3/1-3:1.0/" HID "input3/input3::numlock" },
	{ "input9::capslock", BUS "1-3/1-3:1.1/" HID "input9/input9::capslock" },
	{ "input4::capslock", BUS "1-3/1-3.2/1-3.2:1.0/" HID "input4/input4::capslock" },
	{ "input5::capslock", BUS "1-33/1-33:1.0/" HID "input5/input5::capslock" },
};

#define LINKS (sizeof(links) / sizeof(links[0]))

static char folder[64];

static int setup(void **state)
{
	char path[256];

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_lamp_name.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < LINKS; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, links[i].name);
		if (symlink(links[i].to, path) < 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	char path[256];

	(void)state;
	for (size_t i = 0; i < LINKS; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, links[i].name);
		unlink(path);
	}
	return rmdir(folder);
}

static void a_plain_name_is_itself(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(lamp_name_find(folder, "bay1:green:status", out, sizeof(out)), 0);
	assert_string_equal(out, "bay1:green:status");
	assert_int_equal(lamp_name_find(folder, "absent", out, sizeof(out)), 0);
	assert_string_equal(out, "absent");
	assert_int_equal(lamp_name_find(folder, "bay1:green:status", out, 5), -ENAMETOOLONG);
}

static void a_port_is_exactly_that_port(void **state)
{
	static const char *const pairs[][2] = { { "1-3/capslock", "input3::capslock" },
		{ "1-3/numlock", "input3::numlock" }, { "1-3.2/capslock", "input4::capslock" },
		{ "1-33/capslock", "input5::capslock" } };
	char out[64];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(lamp_name_find(folder, pairs[i][0], out, sizeof(out)), 0);
		assert_string_equal(out, pairs[i][1]);
	}
	assert_int_equal(lamp_name_find(folder, "1-3/scrolllock", out, sizeof(out)), -ENODEV);
	assert_int_equal(lamp_name_find(folder, "1-3/lock", out, sizeof(out)), -ENODEV);
	assert_int_equal(lamp_name_find(folder, "3/capslock", out, sizeof(out)), -ENODEV);
	assert_int_equal(lamp_name_find("/absent", "1-3/capslock", out, sizeof(out)), -ENODEV);
	assert_int_equal(lamp_name_find(folder, "1-3/capslock", out, 5), -ENAMETOOLONG);
}

static void each_lamp_has_a_name_that_lasts(void **state)
{
	static const char *const pairs[LINKS][2] = { { "bay1:green:status", "bay1:green:status" },
		{ "input3::capslock", "1-3/capslock" }, { "input3::numlock", "1-3/numlock" },
		{ "input4::capslock", "1-3.2/capslock" }, { "input5::capslock", "1-33/capslock" },
		{ "input9::capslock", "input9::capslock" } };
	char all[LINKS + 1][PROTO_NAME_LEN], out[64], found[64];

	(void)state;
	assert_int_equal(lamp_name_list(folder, all, LINKS + 1), LINKS);
	for (size_t i = 0; i < LINKS; i++) {
		assert_string_equal(all[i], pairs[i][0]);
		lamp_name_of(folder, all[i], out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
		assert_int_equal(lamp_name_find(folder, out, found, sizeof(found)), 0);
		assert_string_equal(found, all[i]);
	}
	lamp_name_of(folder, "absent", out, sizeof(out));
	assert_string_equal(out, "absent");
	assert_int_equal(lamp_name_list(folder, all, 2), 2);
	assert_int_equal(lamp_name_list("/absent", all, 2), 0);
}

static void what_is_a_name(void **state)
{
	(void)state;
	assert_true(lamp_name_good(""));
	assert_true(lamp_name_good("bay1"));
	assert_true(lamp_name_good("1-3.4/capslock"));
	assert_false(lamp_name_good("../../x"));
	assert_false(lamp_name_good("a/b"));
	assert_false(lamp_name_good("/capslock"));
	assert_false(lamp_name_good("1-3/"));
	assert_false(lamp_name_good("1-3/../x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_plain_name_is_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_is_exactly_that_port, setup, teardown),
		cmocka_unit_test_setup_teardown(each_lamp_has_a_name_that_lasts, setup, teardown),
		cmocka_unit_test(what_is_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
