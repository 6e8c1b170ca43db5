/*
 * doctor: what is judged from facts alone, and what a made-up machine's files show.
 */
#include "../../dockd/certificate.h"
#include "../../dockd/ctl_doctor_machine.c"
#include "../../dockd/ctl_doctor_process.c"
#include "../../dockd/doctor.h"
#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NOW 1795521600
#define GIB (UINT64_C(1) << 30)

static struct proto_check row[64];
static size_t rows;
static char dir[128];

static void keep(void *arg, const struct proto_check *check)
{
	(void)arg;
	assert_true(rows < 64);
	/* nothing without its reason, no fault without advice, no text cut */
	assert_true(doctor_why(check->check)[0] != '\0');
	assert_true(check->level < CHECK_WARN || check->advice[0]);
	assert_true(strlen(check->what) < sizeof(check->what) - 1);
	assert_true(strlen(check->advice) < sizeof(check->advice) - 1);
	row[rows++] = *check;
}

static const struct checks to = { keep, NULL };

/* The worst of a word, of this subject (NULL: any); 0: not told. */
static unsigned level(const char *check, const char *subject)
{
	unsigned worst = 0;

	for (size_t i = 0; i < rows; i++) {
		if (strcmp(row[i].check, check) == 0 &&
		    (!subject || strcmp(row[i].subject, subject) == 0) && row[i].level > worst)
			worst = row[i].level;
	}
	return worst;
}

static bool said(const char *text)
{
	for (size_t i = 0; i < rows; i++) {
		if (strstr(row[i].what, text))
			return true;
	}
	return false;
}

static int setup(void **state)
{
	(void)state;
	rows = 0;
	folder_make(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_drop(dir);
	return 0;
}

static unsigned of_clock(bool synchronised, int64_t error_ms, const char *source)
{
	struct clock_state c = { .synchronised = synchronised, .error_ms = error_ms };

	rows = 0;
	snprintf(c.source, sizeof(c.source), "%s", source);
	doctor_clock(&to, &c);
	return level("clock", "");
}

static void clocks(void **state)
{
	(void)state;
	assert_int_equal(of_clock(true, 20, "chrony"), CHECK_WELL);
	assert_non_null(strstr(row[0].what, "chrony, 0.020 s off"));
	assert_int_equal(of_clock(true, 1500, "chrony"), CHECK_WARN);
	assert_int_equal(of_clock(false, -1, "none seen"), CHECK_BAD);
	assert_non_null(strstr(row[0].advice, "install chrony"));
	assert_int_equal(of_clock(false, -1, "chrony"), CHECK_BAD);
	assert_non_null(strstr(row[0].advice, "chronyc sources"));
}

static unsigned of_disk(uint64_t free_bytes, double days_left, int64_t waits_s)
{
	struct doctor_disk d = { .path = "/state",
		.free_bytes = free_bytes,
		.reserve_bytes = 2 * GIB,
		.oldest_unsent_s = waits_s ? NOW - waits_s : 0 };

	rows = 0;
	d.filling.days_left = days_left;
	d.filling.full_s = days_left < 0 ? INT64_MAX : NOW + (int64_t)(days_left * FILLING_DAY_S);
	doctor_disk(&to, &d, NOW);
	return level("disk", "");
}

static void disks(void **state)
{
	struct doctor_disk few = {
		.path = "/state", .free_bytes = 100 * GIB, .inodes = 1000000, .inodes_free = 900
	};

	(void)state;
	assert_int_equal(of_disk(100 * GIB, 20, 0), CHECK_WELL);
	assert_non_null(strstr(row[0].what, "full in 20 days"));
	assert_int_equal(of_disk(100 * GIB, -1, 3600), CHECK_WELL);
	assert_int_equal(of_disk(100 * GIB, 6.5, 0), CHECK_WARN);
	assert_int_equal(of_disk(100 * GIB, 0.5, 0), CHECK_BAD);
	assert_int_equal(of_disk(2 * GIB, -1, 0), CHECK_BAD);
	assert_int_equal(of_disk(2 * GIB + GIB / 2, -1, 0), CHECK_WARN);
	assert_int_equal(of_disk(100 * GIB, -1, 4 * FILLING_DAY_S), CHECK_WARN);
	assert_non_null(strstr(row[0].what, "waits for 4 days"));
	rows = 0;
	doctor_disk(&to, &few, NOW);
	assert_int_equal(level("disk", "inodes"), CHECK_BAD);
}

static void plain_volumes_and_swap(void **state)
{
	(void)state;
	doctor_encryption(&to, "/var/lib/dockd", 1, 1);
	assert_int_equal(level("encryption", NULL), CHECK_WELL);
	rows = 0;
	doctor_encryption(&to, "/var/lib/dockd", 1, 0);
	assert_int_equal(level("encryption", "swap"), CHECK_BAD);
	assert_int_equal(level("encryption", "state-dir"), CHECK_WELL);
	rows = 0;
	doctor_encryption(&to, "/var/lib/dockd", 0, -EACCES);
	assert_int_equal(level("encryption", "state-dir"), CHECK_BAD);
	assert_int_equal(level("encryption", "swap"), CHECK_WARN);
}

static void ledgers_and_lamps(void **state)
{
	(void)state;
	doctor_ledger(&to, &(struct doctor_ledger){ "it contradicts", "", 1, 1, 1 });
	doctor_ledger(&to, &(struct doctor_ledger){ "", "no space", 1, 1, 1 });
	doctor_ledger(&to, &(struct doctor_ledger){ "", "", 9, 1, 1 });
	doctor_ledger(&to, &(struct doctor_ledger){ "", "", 9, 9, 9 });
	assert_true(row[0].level == CHECK_BAD && row[1].level == CHECK_BAD);
	assert_true(row[2].level == CHECK_NOTE && row[3].level == CHECK_WELL);
	rows = 0;
	doctor_lamp(&to, "1", "bay1", -ENOENT);
	doctor_lamp(&to, "2", "bay2", -EACCES);
	doctor_bay(&to, "3", "1-3", false, false);
	doctor_bay(&to, "4", "1-4", true, true);
	doctor_controller(&to, "0000:00", true, "out of slots");
	doctor_program(&to, "1", true);
	doctor_log(&to, "/var/log/dockd/dockd.log", -EROFS);
	doctor_configuration_in_force(&to, "line 3");
	assert_non_null(strstr(row[1].advice, "udev"));
	assert_true(row[2].level == CHECK_NOTE && row[3].level == CHECK_WARN);
	assert_int_equal(level("usb-resources", NULL), CHECK_BAD);
	assert_int_equal(level("configuration", "in-force"), CHECK_BAD);
}

static void of_destination(struct uplink_state d, bool erase, enum receipt_level accept)
{
	struct doctor_rules rules = { .erase = erase, .accept = accept };

	rows = 0;
	snprintf(d.name, sizeof(d.name), "store");
	snprintf(d.driver, sizeof(d.driver), "tus");
	d.late = "";
	doctor_destination(&to, &d, &rules);
}

static void destinations(void **state)
{
	(void)state;
	of_destination(
	    (struct uplink_state){
		.connected = true, .level = LEVEL_SIGNED, .can = READY_PRESERVES },
	    true, LEVEL_SIGNED);
	assert_int_equal(level("destination", "store"), CHECK_WELL);
	assert_int_equal(level("proof", "store"), CHECK_WELL);
	assert_int_equal(level("preserve", "store"), CHECK_WELL);
	of_destination(
	    (struct uplink_state){ .connected = true, .level = LEVEL_LENGTH }, true, LEVEL_SIGNED);
	assert_int_equal(level("proof", "store"), CHECK_BAD);
	of_destination(
	    (struct uplink_state){ .connected = true, .level = LEVEL_LENGTH }, false, LEVEL_SIGNED);
	assert_int_equal(level("proof", "store"), CHECK_NOTE);
	of_destination((struct uplink_state){ .away = true }, true, LEVEL_SIGNED);
	assert_non_null(strstr(row[0].advice, "dockd-uploader@"));
	of_destination(
	    (struct uplink_state){
		.connected = true, .away = true, .person = true, .state = "credentials" },
	    true, LEVEL_SIGNED);
	assert_int_equal(level("credentials", "store"), CHECK_BAD);
	assert_int_equal(level("destination", "store"), 0);
	of_destination(
	    (struct uplink_state){ .connected = true, .away = true, .state = "tls-expired" }, true,
	    LEVEL_SIGNED);
	assert_int_equal(level("server-identity", "store"), CHECK_BAD);
	of_destination(
	    (struct uplink_state){ .connected = true, .another = true }, true, LEVEL_SIGNED);
	assert_int_equal(level("binding", "store"), CHECK_BAD);
}

static void windows_of_keys(void **state)
{
	const struct doctor_window now_and_next[] = { { PROTO_NO_TIME, NOW + 86400 },
		{ NOW + 3600, PROTO_NO_TIME } };
	const struct doctor_window gap_then[] = { { PROTO_NO_TIME, NOW + 20 * 86400 },
		{ NOW + 30 * 86400, PROTO_NO_TIME } };
	const struct doctor_window over = { PROTO_NO_TIME, NOW };

	(void)state;
	doctor_windows(&to, "pins", "store", now_and_next, 0, NOW);
	assert_int_equal(rows, 0);
	doctor_windows(&to, "pins", "store", now_and_next, 2, NOW);
	assert_int_equal(row[0].level, CHECK_WELL);
	doctor_windows(&to, "receipt-keys", "store", gap_then, 2, NOW);
	assert_int_equal(row[1].level, CHECK_WARN);
	doctor_windows(&to, "pins", "store", &over, 1, NOW);
	assert_int_equal(row[2].level, CHECK_BAD);
	assert_non_null(strstr(row[2].what, "no pinned key is in force"));
}

static void certificates(void **state)
{
	struct proto_certificate c = { .which = CERTIFICATE_CA };
	static const struct {
		int64_t days;
		unsigned level, stage;
	} cases[] = { { 61, CHECK_WELL, 0 }, { 59, CHECK_NOTE, 1 }, { 29, CHECK_WARN, 2 },
		{ 6, CHECK_BAD, 3 }, { -1, CHECK_BAD, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t until_s = NOW + cases[i].days * 86400;

		rows = 0;
		doctor_certificate(&to, "store", CERTIFICATE_SERVER, 0, until_s, NOW);
		assert_int_equal(level("certificate", "store server"), cases[i].level);
		assert_int_equal(certificate_stage(until_s, NOW), cases[i].stage);
	}
	doctor_certificate(
	    &to, "store", CERTIFICATE_CLIENT, NOW + 86400, NOW + INT64_C(864000000), NOW);
	assert_int_equal(level("certificate", "store client"), CHECK_BAD);
	/* what an uploader that was taken over may tell */
	assert_null(certificate_form(&c));
	for (uint32_t which = 0; which < 5; which++) {
		c.which = which ? which + 3 : 0;
		assert_non_null(certificate_form(&c));
	}
	c.which = CERTIFICATE_SERVER;
	c.not_after_s = INT64_MAX;
	assert_non_null(certificate_form(&c));
	c.not_after_s = 0;
	c.not_before_s = INT64_MIN;
	assert_non_null(certificate_form(&c));
}

static void a_clock_that_was_ahead_spoils_no_later_warning(void **state)
{
	unsigned told = 0;

	(void)state;
	assert_true(certificate_is_news(&told, 1));
	assert_false(certificate_is_news(&told, 1));
	assert_true(certificate_is_news(&told, 4));
	assert_false(certificate_is_news(&told, 1));
	assert_true(certificate_is_news(&told, 2));
}

/* ---- a made-up machine ---- */

static void file(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *s = path + strlen(dir) + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		mkdir(path, 0755);
		*s = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void link_to(const char *name, const char *target)
{
	char path[512];

	file(name, "");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static struct doctor_look look_at(const struct config *c, char sys[3][160])
{
	static const char *const parts[] = { "sys", "dev", "proc" };

	for (int i = 0; i < 3; i++)
		snprintf(sys[i], 160, "%s/%s", dir, parts[i]);
	return (struct doctor_look){
		.to = &to, .config = c, .sys = sys[0], .dev = sys[1], .proc = sys[2], .now_s = NOW
	};
}

static struct config *one_bay(void)
{
	static struct config c;

	memset(&c, 0, sizeof(c));
	c.bays_n = 1;
	c.core_gid = getgid();
	snprintf(c.bay[0].name, sizeof(c.bay[0].name), "A");
	snprintf(c.bay[0].port, sizeof(c.bay[0].port), "1-2.3");
	file("sys/bus/usb/devices/1-2.3/busnum", "1\n");
	file("sys/bus/usb/devices/1-2.3/devnum", "7\n");
	file("dev/bus/usb/001/007", "");
	return &c;
}

static void device_nodes_and_drivers(void **state)
{
	struct config *c = one_bay();
	char sys[3][160], path[512];
	struct doctor_look l = look_at(c, sys);

	(void)state;
	snprintf(path, sizeof(path), "%s/dev/bus/usb/001/007", dir);
	chmod(path, 0660);
	plugged(&l);
	assert_int_equal(level("devices", "A"), CHECK_WELL);
	assert_int_equal(level("kernel-drivers", NULL), 0);
	chmod(path, 0666);
	plugged(&l);
	assert_int_equal(level("devices", "A"), CHECK_WARN);
	c->core_gid++;
	plugged(&l);
	assert_int_equal(level("devices", "A"), CHECK_BAD);
	link_to("sys/bus/usb/devices/1-2.3:1.0/driver", "../../drivers/usb-storage");
	plugged(&l);
	assert_int_equal(level("kernel-drivers", "A"), CHECK_BAD);
}

/* One that calls itself this, runs the file of that name, and has a device open. */
static void process(const char *pid, const char *says, const char *runs, const char *holds_open)
{
	char name[64], path[512];

	snprintf(name, sizeof(name), "proc/%s/cmdline", pid);
	file(name, says);
	snprintf(name, sizeof(name), "proc/%s/fd/3", pid);
	link_to(name, holds_open);
	file(runs, "");
	snprintf(name, sizeof(name), "proc/%s/exe", pid);
	snprintf(path, sizeof(path), "%s/%s", dir, runs);
	link_to(name, path);
}

static void who_holds_a_bays_device(void **state)
{
	char sys[3][160], path[512];
	struct doctor_look l = look_at(one_bay(), sys);

	(void)state;
	snprintf(path, sizeof(path), "%s/dev/bus/usb/001/007", dir);
	process("12", "/usr/libexec/dockd/dockd-camera", "gphoto2", path); /* by its own word */
	process("13", "x", "dockd-camera (deleted)", path);
	doctor_processes(&l);
	assert_int_equal(level("conflicts", "A"), CHECK_BAD);
	assert_true(said("gphoto2 (process 12)"));
	assert_int_equal(level("versions", "dockd-camera"), CHECK_WARN);
	rows = 0;
	snprintf(path, sizeof(path), "%s/proc/12/fd/3", dir);
	unlink(path);
	doctor_processes(&l);
	assert_int_equal(level("conflicts", NULL), CHECK_WELL);
	snprintf(path, sizeof(path), "%s/dockd-camera (deleted)", dir);
	chmod(path, 0777); /* anybody could have put that there */
	rows = 0;
	doctor_processes(&l);
	assert_int_equal(level("conflicts", "A"), CHECK_BAD);
	assert_int_equal(level("versions", NULL), 0);
}

static void memory_for_transfers(void **state)
{
	struct config *c = one_bay();
	char sys[3][160];
	struct doctor_look l = look_at(c, sys);

	(void)state;
	c->bays_n = 40;
	memory(&l);
	assert_int_equal(level("usb-memory", ""), CHECK_UNSEEN);
	file("sys/module/usbcore/parameters/usbfs_memory_mb", "16\n");
	memory(&l);
	assert_int_equal(level("usb-memory", ""), CHECK_WARN);
	file("sys/module/usbcore/parameters/usbfs_memory_mb", "256\n");
	rows = 0;
	memory(&l);
	assert_int_equal(level("usb-memory", ""), CHECK_WELL);
	file("sys/class/rtc/rtc0/since_epoch", "1\n");
	clock_chip(&l);
	assert_int_equal(level("clock-chip", ""), CHECK_WARN);
}

static void units_of_systemd(void **state)
{
	(void)state;
	doctor_unit_judge(&to, "dockd.service",
	    "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nResult=success\nNRestarts=0\n");
	assert_int_equal(row[0].level, CHECK_WELL);
	doctor_unit_judge(&to, "dockd.service",
	    "ActiveState=active\nUnitFileState=disabled\nResult=success\nNRestarts=0\n");
	assert_int_equal(row[1].level, CHECK_WARN);
	doctor_unit_judge(&to, "dockd.service",
	    "ActiveState=failed\nUnitFileState=enabled\nResult=watchdog\nNRestarts=0\n");
	assert_int_equal(row[2].level, CHECK_BAD);
	assert_non_null(strstr(row[2].what, "watchdog"));
	doctor_unit_judge(&to, "dockd.service",
	    "ActiveState=active\nUnitFileState=enabled\nResult=success\nNRestarts=90\n");
	assert_int_equal(row[3].level, CHECK_WARN);
	doctor_unit_judge(&to, "dockd-hotplug.service", "LoadState=not-found\n");
	assert_int_equal(row[4].level, CHECK_BAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clocks),
		TEST(disks),
		TEST(plain_volumes_and_swap),
		TEST(ledgers_and_lamps),
		TEST(destinations),
		TEST(windows_of_keys),
		TEST(certificates),
		TEST(a_clock_that_was_ahead_spoils_no_later_warning),
		TEST(device_nodes_and_drivers),
		TEST(who_holds_a_bays_device),
		TEST(memory_for_transfers),
		TEST(units_of_systemd),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
