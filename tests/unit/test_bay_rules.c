/*
 * bay_rules: which ports, hubs and controllers stand in the rules, over a made-up sysfs.
 */
#include "../../dockd/bay_rules.c"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>

static void ports_of_links(void **state)
{
	char port[PROTO_PORT_LEN];

	(void)state;
	assert_true(port_of_link("usb2-port2", port));
	assert_string_equal(port, "2-2");
	assert_true(port_of_link("2-2.4-port13", port));
	assert_string_equal(port, "2-2.4.13");
	assert_false(port_of_link("usb2", port));
	assert_false(port_of_link("usb2-port2\" RUN", port));
}

static char *rules(const struct config *c, const char *sys)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(bay_rules_write(f, c, sys), 0);
	fclose(f);
	return text;
}

static void bays_and_their_peers(void **state)
{
	static struct config c = { .bays_n = 3,
		.bay = { { .port = "1-2.1" }, { .port = "1-2.2" }, { .port = "3-4" } } };
	char sys[128], path[256];
	char *text;

	(void)state;
	folder_make(sys);
	for (const char *p = "bus\0bus/usb\0bus/usb/devices\0bus/usb/devices/1-2:1.0\0"
			     "bus/usb/devices/1-2:1.0/1-2-port1\0bus/usb/devices/3-0:1.0\0"
			     "bus/usb/devices/3-0:1.0/usb3-port4\0";
	     *p; p += strlen(p) + 1) {
		folder_path(path, sys, p);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	folder_path(path, sys, "bus/usb/devices/1-2:1.0/1-2-port1/peer");
	assert_int_equal(symlink("../../../../usb2/2-2/2-2:1.0/2-2-port1", path), 0);
	folder_path(path, sys, "bus/usb/devices/3-0:1.0/usb3-port4/peer");
	assert_int_equal(symlink("../../usb4/4-0:1.0/usb4-port1", path), 0);
	text = rules(&c, sys);
	assert_non_null(
	    strstr(text, "\nKERNELS==\"1-2.1|1-2.2|3-4|2-2.1|4-1\", ENV{DOCKD_BAY}=\"yes\"\n"));
	assert_non_null(strstr(text, "\nKERNEL==\"1-2|usb1|usb3|2-2|usb2|usb4\", TEST==\"power"));
	assert_non_null(strstr(text, "\nKERNEL==\"usb1|usb3|usb2|usb4\", TEST==\"interface_auth"));
	free(text);
	folder_drop(sys);
}

static void no_bays(void **state)
{
	static struct config c;

	(void)state;
	assert_int_equal(bay_rules_write(stdout, &c, "/sys"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_links),
		cmocka_unit_test(bays_and_their_peers),
		cmocka_unit_test(no_bays),
	};

	return cmocka_run_group_tests_name("bay_rules", tests, NULL, NULL);
}
