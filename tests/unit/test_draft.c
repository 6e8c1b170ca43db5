/*
 * draft: whatever a device tells, the profile drafted for it is one that config takes, and says
 * nothing that only a person can know.
 */
#include "../../dockd/base/proto_camera.h"
#include "../../dockd/base/proto_probe.h"
#include "../../dockd/config.h"
#include "../../dockd/draft.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dockd-draft.XXXXXX";
static char conf[64], profiles[64], file[96];
static struct config config;
static char text[16384];

static void put(const char *path, const char *what)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(what, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	char command[128];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(conf, sizeof(conf), "%s/dockd.conf", folder);
	snprintf(profiles, sizeof(profiles), "%s/p", folder);
	snprintf(file, sizeof(file), "%s/draft.conf", profiles);
	snprintf(command, sizeof(command), "mkdir %s", profiles);
	assert_int_equal(system(command), 0);
	put(conf, "hotplug-user = 4001; uploader-user = 4002; station = \"s\";");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* Reads the draft as dockd would: its profile. It matches the device that it was drafted for. */
static const struct profile *read_draft(const struct proto_ctl_probe *p)
{
	char *errors = NULL, tie[256];
	int n = draft_write(p, text, sizeof(text));

	assert_true(n > 0 && (size_t)n == strlen(text));
	put(file, text);
	if (config_read(conf, profiles, &config, &errors) < 0)
		fail_msg("%s\n%s", errors, text);
	free(errors);
	assert_int_equal(config.profiles_n, 1);
	assert_ptr_equal(
	    profile_match(config.profile, 1, &p->device, tie, sizeof(tie)), &config.profile[0]);
	assert_int_equal(config.profile[0].signing, SIGNING_UNSET);
	assert_int_equal(config.profile[0].logs, LOGS_UNSET);
	assert_false(config.profile[0].erasable || config.profile[0].set_clock);
	return &config.profile[0];
}

static struct proto_ctl_probe ptp(void)
{
	return (struct proto_ctl_probe){
		.device = { .vendor = 0x1d6b,
		    .product = 0x0100,
		    .interfaces = 1,
		    .serial = "BWC-0815",
		    .model = "Cam 3",
		    .manufacturer = "Maker",
		    .interface = { { .class = 6, .subclass = 1, .protocol = 1 } } },
		.probed = { .driver = DRIVER_PTP,
		    .objects = 9,
		    .camera = { .features = CAMERA_CLOCK_SET },
		    .suffix = { { .suffix = ".mp4", .files = 5, .folder = "DCIM" },
			{ .suffix = ".p7s", .files = 2 }, { .suffix = ".log", .files = 1 },
			{ .suffix = "-", .files = 1 } } },
	};
}

static void a_ptp_camera(void **state)
{
	struct proto_ctl_probe p = ptp();
	const struct profile *d;

	(void)state;
	d = read_draft(&p);
	assert_int_equal(d->driver, DRIVER_PTP);
	assert_int_equal(d->identity, IDENTITY_USB);
	assert_string_equal(d->model, "Cam 3");
	assert_int_equal(d->class, 6);
	assert_string_equal(d->pattern[0].glob, "*.mp4");
	assert_int_equal(d->pattern[0].kind, KIND_CLIP);
	assert_int_equal(d->pattern[1].kind, KIND_SIDECAR);
	assert_int_equal(d->pattern[2].kind, KIND_LOG);
	assert_int_equal(d->pattern[3].kind, 0);
	p.device.vendor = 0x2345; /* ids of its own */
	assert_string_equal(read_draft(&p)->model, "");
}

static void whose_serial_number(void **state)
{
	static const char *const dummies[] = { "", "abc", "0000000", "0123456789abcdef",
		"123456789ABCDE", "1234567890", "FFFFFFFF", "????" };
	struct proto_ctl_probe p = ptp();

	(void)state;
	for (size_t i = 0; i < sizeof(dummies) / sizeof(dummies[0]); i++) {
		assert_false(draft_serial_is_real(dummies[i]));
		snprintf(p.device.serial, sizeof(p.device.serial), "%s", dummies[i]);
		assert_int_equal(read_draft(&p)->identity, IDENTITY_USB);
		assert_non_null(strstr(text, "tells no serial number"));
		snprintf(p.probed.camera.serial, sizeof(p.probed.camera.serial), "7654321");
		assert_int_equal(read_draft(&p)->identity, IDENTITY_MTP);
		p.probed.camera.serial[0] = '\0';
	}
	assert_true(draft_serial_is_real("7654321"));
}

static void a_locked_camera(void **state)
{
	struct proto_ctl_probe p = ptp();
	const struct profile *d;

	(void)state;
	p.probed.driver = DRIVER_MSC;
	p.probed.camera.unlock = UNLOCK_AMBA_BLOCK;
	p.probed.camera.features = CAMERA_LOCKED | CAMERA_CLOCK_SET;
	p.device.serial[0] = '\0';
	p.device.interface[0] = (struct proto_interface){ .class = 255 };
	snprintf(p.probed.camera.serial, sizeof(p.probed.camera.serial), "7654321");
	memset(p.probed.suffix, 0, sizeof(p.probed.suffix));
	d = read_draft(&p);
	assert_int_equal(d->driver, DRIVER_MSC);
	assert_int_equal(d->unlock[0], UNLOCK_AMBA_BLOCK);
	assert_int_equal(d->unlock[1], UNLOCK_NONE);
	assert_int_equal(d->identity, IDENTITY_VENDOR);
	assert_null(strstr(text, "erasable"));
}

static void hostile_words(void **state)
{
	struct proto_ctl_probe p = ptp();

	(void)state;
	memset(p.device.model, '"', sizeof(p.device.model) - 1);
	read_draft(&p);
	memset(p.device.model, '\\', sizeof(p.device.model) - 1);
	read_draft(&p);
	memset(p.device.model, '\xff', sizeof(p.device.model) - 1);
	read_draft(&p);
	snprintf(p.device.model, sizeof(p.device.model), "a\"; erasable = true; #\n*[!b]\xc3\xa9");
	snprintf(p.device.manufacturer, sizeof(p.device.manufacturer), "m\nerasable = true;");
	snprintf(p.probed.suffix[0].folder, 64, "x\nerasable = true;");
	snprintf(p.probed.suffix[1].suffix, 12, ".a\"*/\n");
	read_draft(&p);
	for (unsigned c = 1; c < 256; c++) {
		memset(p.device.model, (int)c, 3);
		p.device.model[3] = '\0';
		read_draft(&p);
	}
}

/* Beside the profiles that come with dockd, the draft is the one that is used. */
static void a_draft_wins(void **state)
{
	static const struct {
		uint16_t vendor, product;
		const char *model;
		struct proto_interface interface;
	} devices[] = {
		{ 0x1d6b, 0x0100, "", { .class = 6, .subclass = 1, .protocol = 1, .name = "MTP" } },
		{ 0x1209, 0xbcbc, "vcam", { .class = 6, .subclass = 1, .protocol = 1 } },
		{ 0x18d1, 0x4ee1, "Pixel", { .class = 255, .subclass = 255, .name = "MTP" } },
		{ 0x4255, 0x0001, "", { .class = 255 } },
		{ 0x1234, 0x0001, "DV16", { .class = 8, .subclass = 6, .protocol = 0x50 } },
		{ 0x1234, 0x0002, "", { .class = 8, .subclass = 6, .protocol = 0x50 } },
	};
	char command[128], tie[256], *errors = NULL;

	(void)state;
	snprintf(command, sizeof(command), "cp etc/profiles/*.conf %s", profiles);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct proto_ctl_probe p = ptp();
		const struct profile *used;

		p.device.vendor = devices[i].vendor;
		p.device.product = devices[i].product;
		p.device.interface[0] = devices[i].interface;
		snprintf(p.device.model, sizeof(p.device.model), "%s", devices[i].model);
		snprintf(p.profile, sizeof(p.profile), "one of those");
		if (devices[i].interface.class != 6 && !devices[i].interface.name[0])
			p.probed.driver = DRIVER_MSC;
		assert_true(draft_write(&p, text, sizeof(text)) > 0);
		put(file, text);
		if (config_read(conf, profiles, &config, &errors) < 0)
			fail_msg("%s\n%s", errors, text);
		free(errors);
		errors = NULL;
		used =
		    profile_match(config.profile, config.profiles_n, &p.device, tie, sizeof(tie));
		assert_string_equal(tie, "");
		assert_non_null(used);
		if (strncmp(used->name, "draft-", 6) != 0)
			fail_msg("%s is used\n%s", used->name, text);
	}
}

static void nothing_to_read_it_by(void **state)
{
	struct proto_ctl_probe p = ptp();

	(void)state;
	for (size_t room = 0; room < 900; room++)
		assert_int_equal(draft_write(&p, text, room), -ENOSPC);
	p.probed.driver = 0;
	assert_int_equal(draft_write(&p, text, sizeof(text)), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ptp_camera),
		cmocka_unit_test(whose_serial_number),
		cmocka_unit_test(a_locked_camera),
		cmocka_unit_test(hostile_words),
		cmocka_unit_test(nothing_to_read_it_by),
		cmocka_unit_test(a_draft_wins),
	};

	return cmocka_run_group_tests_name("draft", tests, set_up, tear_down);
}
