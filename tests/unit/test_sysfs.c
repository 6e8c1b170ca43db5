/*
 * sysfs: facts of devices from a folder made here, odd and hostile contents included.
 */
#include "../../usb/hotplug/sysfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/dockd-sysfs-XXXXXX";

static void put(const char *device, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bus/usb/devices/%s/%s", root, device, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void folder(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/bus/usb/devices/%s", root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void device(const char *port)
{
	folder(port);
	put(port, "busnum", "1\n");
	put(port, "devnum", "9\n");
	put(port, "idVendor", "46f4\n");
	put(port, "idProduct", "0004\n");
	put(port, "bcdDevice", "0601\n");
	put(port, "bDeviceClass", "00\n");
	put(port, "bDeviceSubClass", "01\n");
	put(port, "bDeviceProtocol", "02\n");
	put(port, "speed", "480\n");
	put(port, "version", " 2.00\n");
	put(port, "authorized", "1\n");
	put(port, "bConfigurationValue", "1\n");
}

static void interface(const char *port, unsigned number, const char *class, const char *name)
{
	char path[256], text[8];

	snprintf(path, sizeof(path), "%s/%s:1.%u", port, port, number);
	folder(path);
	snprintf(text, sizeof(text), "%02x\n", number);
	put(path, "bInterfaceNumber", text);
	put(path, "bInterfaceClass", class);
	put(path, "bInterfaceSubClass", "01\n");
	put(path, "bInterfaceProtocol", "01\n");
	if (name)
		put(path, "interface", name);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	char path[512];

	(void)state;
	snprintf(root, sizeof(root), "/tmp/dockd-sysfs-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (const char *const *p =
		 (const char *const[]){ "/bus", "/bus/usb", "/bus/usb/devices", NULL };
	     *p; p++) {
		snprintf(path, sizeof(path), "%s%s", root, *p);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void names_of_ports(void **state)
{
	(void)state;
	assert_true(sysfs_is_port("1-2"));
	assert_true(sysfs_is_port("12-1.4.2"));
	for (const char *const *p = (const char *const[]){ "", "1", "1-", "-1", "1-2.", "1-2..3",
		 "1.2-3", "usb1", "1-2:1.0", "1-2/../..", "1-0x2", "1-2 ", "..", "1-2-3", NULL };
	     *p; p++)
		assert_false(sysfs_is_port(*p));
	assert_false(
	    sysfs_is_port("1-1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"));
}

static void whole_device(void **state)
{
	struct proto_arrived a, b;

	(void)state;
	device("1-2.3");
	interface("1-2.3", 1, "ff\n", NULL);
	interface("1-2.3", 0, "06\n", "MTP\n");
	put("1-2.3", "serial", "BWC 1\n");
	put("1-2.3", "manufacturer", "Maker\n");
	put("1-2.3", "product", "Cam\n");
	assert_int_equal(sysfs_read(root, "1-2.3", &a), 0);
	assert_string_equal(a.port, "1-2.3");
	assert_int_equal(a.bus, 1);
	assert_int_equal(a.device, 9);
	assert_int_equal(a.vendor, 0x46f4);
	assert_int_equal(a.product, 4);
	assert_int_equal(a.release, 0x0601);
	assert_int_equal(a.subclass, 1);
	assert_int_equal(a.protocol, 2);
	assert_int_equal(a.speed_mbps, 480);
	assert_int_equal(a.presence, PRESENCE_READY);
	assert_int_equal(a.usb_version, 0x0200);
	assert_int_equal(a.interfaces, 2);
	assert_int_equal(a.interface[0].class, 6);
	assert_string_equal(a.interface[0].name, "MTP");
	assert_int_equal(a.interface[1].number, 1);
	assert_int_equal(a.interface[1].class, 0xff);
	assert_string_equal(a.interface[1].name, "");
	assert_string_equal(a.serial, "BWC 1");
	assert_string_equal(a.manufacturer, "Maker");
	assert_string_equal(a.model, "Cam");
	assert_int_equal(sysfs_read(root, "1-2.3", &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_null(proto_check(MSG_ARRIVED, &a, sizeof(a)));
}

static void presence(void **state)
{
	struct proto_arrived a;

	(void)state;
	device("1-1");
	put("1-1", "bConfigurationValue", "\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.presence, PRESENCE_NOT_CONFIGURED);
	put("1-1", "bConfigurationValue", "0\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.presence, PRESENCE_NOT_CONFIGURED);
	put("1-1", "authorized", "0\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.presence, PRESENCE_NOT_AUTHORISED);
}

static void a_port_that_may_sleep(void **state)
{
	struct proto_arrived a;

	(void)state;
	device("1-1");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.power, POWER_AWAKE);
	folder("1-1/power");
	put("1-1/power", "control", "auto\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.power, POWER_MAY_SLEEP);
	put("1-1/power", "control", "on\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.power, POWER_AWAKE);
}

static void odd_contents(void **state)
{
	struct proto_arrived a;
	char text[400];

	(void)state;
	device("1-1");
	put("1-1", "speed", "1.5\n");
	put("1-1", "idVendor", "fffff\n");
	put("1-1", "bcdDevice", "zz\n");
	put("1-1", "serial", "a\nb\n");
	/* 126 bytes, then a character of two that must not be cut in half. */
	memset(text, 'x', 126);
	snprintf(text + 126, sizeof(text) - 126, "\xc3\xa9yyyy\n");
	put("1-1", "product", text);
	for (unsigned i = 0; i < 12; i++)
		interface("1-1", i * 5 % 12, "06\n", "a name that is longer than its field\n");
	assert_int_equal(sysfs_read(root, "1-1", &a), 0);
	assert_int_equal(a.speed_mbps, 1);
	assert_int_equal(a.vendor, 0);
	assert_int_equal(a.release, 0);
	assert_string_equal(a.serial, "a\nb");
	assert_int_equal(strlen(a.model), 126);
	assert_int_equal(a.interfaces, PROTO_INTERFACES);
	for (size_t i = 1; i < PROTO_INTERFACES; i++)
		assert_true(a.interface[i - 1].number < a.interface[i].number);
	assert_int_equal(strlen(a.interface[0].name), sizeof(a.interface[0].name) - 1);
	assert_null(proto_check(MSG_ARRIVED, &a, sizeof(a)));
}

static void versions(void **state)
{
	static const struct {
		const char *text;
		unsigned version;
	} table[] = { { " 3.20\n", 0x0320 }, { " 1.10\n", 0x0110 }, { " 2.10\n", 0x0210 },
		{ "2\n", 0 }, { "x.00\n", 0 }, { " 2.-1\n", 0 }, { " 2.00 x\n", 0 }, { "", 0 },
		{ "111.00\n", 0 } };
	struct proto_arrived a;

	(void)state;
	device("1-1");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		put("1-1", "version", table[i].text);
		assert_int_equal(sysfs_read(root, "1-1", &a), 0);
		assert_int_equal(a.usb_version, table[i].version);
	}
}

static void endpoints(void **state)
{
	(void)state;
	assert_int_equal(sysfs_endpoints(root, "1-1"), 1);
	assert_int_equal(sysfs_endpoints(root, "../x"), 1);
	device("1-1");
	assert_int_equal(sysfs_endpoints(root, "1-1"), 1);
	interface("1-1", 0, "06\n", NULL);
	interface("1-1", 1, "08\n", NULL);
	put("1-1/1-1:1.0", "bNumEndpoints", "03\n");
	put("1-1/1-1:1.1", "bNumEndpoints", "02\n");
	assert_int_equal(sysfs_endpoints(root, "1-1"), 6);
	put("1-1/1-1:1.1", "bNumEndpoints", "ff\n");
	assert_int_equal(sysfs_endpoints(root, "1-1"), 4);
}

/* The root hub of a bus where the kernel has it: below its controller, a link beside the devices. */
static void root_hub(const char *controller, const char *ids[2], const char *name)
{
	char path[512], link[512];

	snprintf(path, sizeof(path), "%s/devices", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/devices/%s", root, controller);
	mkdir(path, 0755);
	for (size_t i = 0; i < 2 && ids; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/devices/%s/%s", root, controller,
		    i ? "device" : "vendor");
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(ids[i], f);
		fclose(f);
	}
	snprintf(path, sizeof(path), "%s/devices/%s/%s", root, controller, name);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "../../../devices/%s/%s", controller, name);
	snprintf(link, sizeof(link), "%s/bus/usb/devices/%s", root, name);
	assert_int_equal(symlink(path, link), 0);
}

static void controllers(void **state)
{
	struct proto_controller c;

	(void)state;
	assert_int_equal(sysfs_controller(root, 1, &c), -ENOENT);
	root_hub("0000:00:14.0", (const char *[]){ "0x8086\n", "0x1e31\n" }, "usb1");
	root_hub("0000:02:00.0", (const char *[]){ "0x8086\n", "0x8c31\n" }, "usb2");
	root_hub("dummy_hcd.0", NULL, "usb3");
	root_hub("0000:03:00.0", (const char *[]){ "0x1b21\n", "0x1e31\n" }, "usb31");
	assert_int_equal(sysfs_controller(root, 1, &c), 0);
	assert_string_equal(c.name, "0000:00:14.0");
	assert_int_equal(c.buses, 1u << 1);
	assert_int_equal(c.endpoints_max, 64);
	assert_int_equal(c.slots_max, 0);
	assert_int_equal(sysfs_controller(root, 2, &c), 0);
	assert_int_equal(c.endpoints_max, 96);
	assert_int_equal(sysfs_controller(root, 3, &c), 0);
	assert_string_equal(c.name, "dummy_hcd.0");
	assert_int_equal(c.endpoints_max, 0);
	assert_int_equal(sysfs_controller(root, 31, &c), 0);
	assert_int_equal(c.buses, 1u << 31);
	assert_int_equal(c.endpoints_max, 0);
	assert_int_equal(sysfs_controller(root, 32, &c), -ENOENT);
	assert_int_equal(sysfs_controller(root, 0, &c), -ENOENT);
	assert_null(proto_check(MSG_CONTROLLER, &c, sizeof(c)));
}

static int by_port(const void *a, const void *b)
{
	return strcmp(((const struct proto_over_current *)a)->port,
	    ((const struct proto_over_current *)b)->port);
}

static void over_current(void **state)
{
	struct proto_over_current o[4];

	(void)state;
	root_hub("0000:00:14.0", NULL, "usb1");
	folder("usb1/1-0:1.0");
	folder("usb1/1-0:1.0/usb1-port3");
	put("usb1/1-0:1.0/usb1-port3", "over_current_count", "2\n");
	folder("usb1/1-0:1.0/ep_81");
	device("1-2");
	folder("1-2/1-2:1.0");
	for (const char *const *p = (const char *const[]){ "1", "2", "0", "x", "1x", "999", NULL };
	     *p; p++) {
		char path[64];

		snprintf(path, sizeof(path), "1-2/1-2:1.0/1-2-port%s", *p);
		folder(path);
		put(path, "over_current_count", **p == '2' ? "4294967295\n" : "0\n");
	}
	assert_int_equal(sysfs_over_current(root, "usb1", o, 4), 1);
	assert_string_equal(o[0].port, "1-3");
	assert_int_equal(o[0].count, 2);
	assert_int_equal(sysfs_over_current(root, "1-2", o, 4), 2);
	qsort(o, 2, sizeof(o[0]), by_port);
	assert_string_equal(o[0].port, "1-2.1");
	assert_int_equal(o[0].count, 0);
	assert_string_equal(o[1].port, "1-2.2");
	assert_int_equal(o[1].count, UINT32_MAX);
	assert_int_equal(sysfs_over_current(root, "1-2", o, 1), 1);
	assert_int_equal(sysfs_over_current(root, "1-9", o, 4), 0);
	assert_null(proto_check(MSG_OVER_CURRENT, &o[1], sizeof(o[1])));
}

static void not_devices(void **state)
{
	struct proto_arrived a;

	(void)state;
	assert_int_equal(sysfs_read(root, "1-9", &a), -ENOENT);
	assert_int_equal(sysfs_read(root, "../../etc", &a), -EINVAL);
	folder("1-3");
	assert_int_equal(sysfs_read(root, "1-3", &a), -ENOENT);
	device("1-4");
	put("1-4", "devnum", "0\n");
	assert_int_equal(sysfs_read(root, "1-4", &a), -EINVAL);
	put("1-4", "devnum", "128\n");
	assert_int_not_equal(sysfs_read(root, "1-4", &a), 0);
}

static void list(void **state)
{
	char ports[2][PROTO_PORT_LEN];
	bool more;

	(void)state;
	folder("usb1");
	folder("1-0:1.0");
	folder("1-1");
	assert_int_equal(sysfs_list(root, ports, 2, &more), 1);
	assert_string_equal(ports[0], "1-1");
	assert_false(more);
	folder("1-1.2");
	folder("2-1");
	assert_int_equal(sysfs_list(root, ports, 2, &more), 2);
	assert_true(more);
	assert_int_equal(sysfs_list("/nowhere", ports, 2, &more), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_ports),
		cmocka_unit_test_setup_teardown(whole_device, setup, teardown),
		cmocka_unit_test_setup_teardown(presence, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_that_may_sleep, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_contents, setup, teardown),
		cmocka_unit_test_setup_teardown(versions, setup, teardown),
		cmocka_unit_test_setup_teardown(endpoints, setup, teardown),
		cmocka_unit_test_setup_teardown(controllers, setup, teardown),
		cmocka_unit_test_setup_teardown(over_current, setup, teardown),
		cmocka_unit_test_setup_teardown(not_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(list, setup, teardown),
	};

	return cmocka_run_group_tests_name("sysfs", tests, NULL, NULL);
}
