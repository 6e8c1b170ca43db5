/*
 * volume: made-up sysfs trees: plain disks, partitions, LVM on dm-crypt, mirrors, loops of links.
 */
#include "../../dockd/volume.c"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char sys[128];

static void folder(const char *path)
{
	char part[256];

	folder_path(part, sys, path);
	for (char *p = part + strlen(sys) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(part, 0700);
		*p = '/';
	}
	mkdir(part, 0700);
}

static void text(const char *path, const char *content)
{
	file_put(sys, path, content, strlen(content));
}

static void link_to(const char *path, const char *target)
{
	char from[256], to[256];

	folder_path(from, sys, path);
	folder_path(to, sys, target);
	assert_int_equal(symlink(to, from), 0);
}

/*
 * 8:0 sda, 8:1 sda1, 8:2 sda2; 253:0 crypt on sda1; 253:1 LVM on it; 253:2 LVM on crypt and sda2;
 * 9:0 md of two crypts; 253:9 dm without slaves; 253:8 a circle; 252:0 zram0; 8:16 sdb of no slaves
 */
static int setup(void **state)
{
	(void)state;
	folder_make(sys);
	folder("dev/block");
	folder("devices/pci/sda/sda1");
	folder("devices/pci/sda/sda2");
	folder("devices/pci/sda/slaves");
	text("devices/pci/sda/sda1/partition", "1\n");
	text("devices/pci/sda/sda2/partition", "2\n");
	folder("devices/virtual/dm-0/dm");
	folder("devices/virtual/dm-0/slaves");
	text("devices/virtual/dm-0/dm/uuid", "CRYPT-LUKS2-0123-name\n");
	link_to("devices/virtual/dm-0/slaves/sda1", "devices/pci/sda/sda1");
	folder("devices/virtual/dm-1/dm");
	folder("devices/virtual/dm-1/slaves");
	text("devices/virtual/dm-1/dm/uuid", "LVM-abc\n");
	link_to("devices/virtual/dm-1/slaves/dm-0", "devices/virtual/dm-0");
	folder("devices/virtual/dm-2/dm");
	folder("devices/virtual/dm-2/slaves");
	text("devices/virtual/dm-2/dm/uuid", "LVM-CRYPT-abc\n");
	link_to("devices/virtual/dm-2/slaves/dm-0", "devices/virtual/dm-0");
	link_to("devices/virtual/dm-2/slaves/sda2", "devices/pci/sda/sda2");
	folder("devices/virtual/md0/slaves");
	link_to("devices/virtual/md0/slaves/dm-0", "devices/virtual/dm-0");
	link_to("devices/virtual/md0/slaves/dm-1", "devices/virtual/dm-1");
	folder("devices/virtual/dm-9/dm");
	folder("devices/virtual/dm-9/slaves");
	text("devices/virtual/dm-9/dm/uuid", "");
	folder("devices/virtual/dm-8/slaves");
	link_to("devices/virtual/dm-8/slaves/dm-8", "devices/virtual/dm-8");
	folder("devices/virtual/zram0");
	link_to("dev/block/8:0", "devices/pci/sda");
	link_to("dev/block/8:1", "devices/pci/sda/sda1");
	link_to("dev/block/253:0", "devices/virtual/dm-0");
	link_to("dev/block/253:1", "devices/virtual/dm-1");
	link_to("dev/block/253:2", "devices/virtual/dm-2");
	link_to("dev/block/9:0", "devices/virtual/md0");
	link_to("dev/block/253:9", "devices/virtual/dm-9");
	link_to("dev/block/253:8", "devices/virtual/dm-8");
	link_to("dev/block/252:0", "devices/virtual/zram0");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_drop(sys);
	return 0;
}

static void stacks(void **state)
{
	(void)state;
	assert_int_equal(device_is_encrypted(sys, makedev(8, 0)), 0);
	assert_int_equal(device_is_encrypted(sys, makedev(8, 1)), 0);
	assert_int_equal(device_is_encrypted(sys, makedev(253, 0)), 1);
	assert_int_equal(device_is_encrypted(sys, makedev(253, 1)), 1);
	assert_int_equal(device_is_encrypted(sys, makedev(253, 2)), 0);
	assert_int_equal(device_is_encrypted(sys, makedev(9, 0)), 1);
	assert_int_equal(device_is_encrypted(sys, makedev(253, 9)), 0);
	assert_true(device_is_encrypted(sys, makedev(253, 8)) <= 0);
	assert_int_equal(device_is_encrypted(sys, makedev(0, 42)), 0);
	assert_int_equal(device_is_encrypted(sys, makedev(77, 7)), 0);
	assert_true(is_zram(sys, makedev(252, 0)));
	assert_false(is_zram(sys, makedev(8, 0)));
}

static void swaps(void **state)
{
	char path[256], line[512], name[256];

	(void)state;
	folder_path(path, sys, "swaps");
	assert_int_equal(swaps_are_encrypted(sys, path), 1);
	text("swaps", "Filename\t\t\t\tType\t\tSize\n");
	assert_int_equal(swaps_are_encrypted(sys, path), 1);
	text("swaps", "Filename\t\t\t\tType\t\tSize\n/nonexistent/swap partition 100 0 -2\n");
	assert_int_equal(swaps_are_encrypted(sys, path), 0);
	text("a swap", "");
	folder_path(name, sys, "a\\040swap");
	snprintf(line, sizeof(line), "Filename\n%s\t\tfile\t\t100\t0\t-2\n", name);
	text("swaps", line);
	assert_true(swaps_are_encrypted(sys, path) == 0);
}

static void names_of_swaps(void **state)
{
	char name[] = "/a\\040b\\011c\\134d\\9";

	(void)state;
	unescape(name);
	assert_string_equal(name, "/a b\tc\\d\\9");
}

static void this_machine(void **state)
{
	(void)state;
	assert_true(volume_is_encrypted("/proc") == 0);
	assert_int_equal(volume_is_encrypted("/nonexistent"), -ENOENT);
	assert_true(volume_swap_is_encrypted() >= 0);
}

static void mount_points(void **state)
{
	(void)state;
	assert_int_equal(volume_is_mounted("/proc"), 1);
	assert_int_equal(volume_is_mounted("/proc/self"), 0);
	assert_int_equal(volume_is_mounted("/no/such/folder"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stacks, setup, teardown),
		cmocka_unit_test_setup_teardown(swaps, setup, teardown),
		cmocka_unit_test(names_of_swaps),
		cmocka_unit_test(this_machine),
		cmocka_unit_test(mount_points),
	};

	return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
