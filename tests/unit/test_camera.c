/*
 * camera: which fault each errno of the transport is, whatever driver met it, and text that is cut
 * between characters. The transport is played.
 */
#include "../../usb/camera.h"

#include "../../dockd/base/proto_attach.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int claimed; /* what transport_claim answers */
static bool gone;
static struct proto_reason why;

int transport_claim(struct transport *t, uint8_t interface)
{
	(void)t;
	(void)interface;
	return claimed;
}

bool transport_gone(const struct transport *t)
{
	(void)t;
	return gone;
}

const uint8_t *transport_descriptors(struct transport *t, size_t *len, uint8_t *configuration)
{
	(void)t;
	*len = 0;
	*configuration = 0;
	return NULL;
}

static void is(uint32_t code, const char *text)
{
	assert_int_equal(why.code, code);
	assert_string_equal(why.text, text);
}

static void claims(void **state)
{
	(void)state;
	claimed = 0;
	assert_int_equal(camera_claim(NULL, 2, &why), 0);
	claimed = -EBUSY;
	assert_int_equal(camera_claim(NULL, 2, &why), -EIO);
	is(FAULT_BUSY, "another program holds interface 2");
	claimed = -ENODEV;
	assert_int_equal(camera_claim(NULL, 2, &why), -EIO);
	is(FAULT_GONE, "claim of interface 2: No such device");
	claimed = -EINVAL;
	assert_int_equal(camera_claim(NULL, 2, &why), -EIO);
	is(FAULT_DESCRIPTORS, "claim of interface 2: Invalid argument");
}

static void not_mine(void **state)
{
	(void)state;
	gone = false;
	assert_int_equal(camera_not_mine(&why, NULL, "no disk"), -ENOTSUP);
	is(FAULT_DESCRIPTORS, "no disk");
	gone = true;
	assert_int_equal(camera_not_mine(&why, NULL, "no disk"), -EIO);
	is(FAULT_GONE, "unplugged");
}

static void trouble(void **state)
{
	(void)state;
	assert_int_equal(camera_trouble(&why, -ENODEV, "waiting"), -EIO);
	is(FAULT_GONE, "waiting: unplugged");
	assert_int_equal(camera_trouble(&why, -ENOMEM, "disk"), -EIO);
	is(FAULT_MEMORY, "disk: no memory for USB transfers");
	assert_int_equal(camera_trouble(&why, -ETIMEDOUT, "disk"), -EIO);
	is(FAULT_SILENT, "disk: no answer, also after reset");
	assert_int_equal(camera_trouble(&why, -EIO, "disk"), -EIO);
	is(FAULT_PROTOCOL, "disk: Input/output error");
}

static void patience(void **state)
{
	struct proto_attach attach = { .timeout_ms = 5000 };

	(void)state;
	assert_int_equal(camera_timeout_ms(&attach), 5000);
	attach.quirks = QUIRK_LONG_TIMEOUT;
	assert_int_equal(camera_timeout_ms(&attach), 60000);
	attach.timeout_ms = 90000;
	assert_int_equal(camera_timeout_ms(&attach), 90000);
}

static void text_is_cut_between_characters(void **state)
{
	char out[6];

	(void)state;
	camera_text(out, sizeof(out), "abc");
	assert_memory_equal(out, "abc\0\0\0", 6);
	camera_text(out, sizeof(out), "abcdefg");
	assert_string_equal(out, "abcde");
	camera_text(out, sizeof(out), "abc\xe2\x82\xac");
	assert_memory_equal(out, "abc\0\0\0", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims),
		cmocka_unit_test(not_mine),
		cmocka_unit_test(trouble),
		cmocka_unit_test(patience),
		cmocka_unit_test(text_is_cut_between_characters),
	};

	return cmocka_run_group_tests_name("camera", tests, NULL, NULL);
}
