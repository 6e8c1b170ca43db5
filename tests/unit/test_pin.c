/*
 * pin: what a file with a PIN may be, and that what it may not be leaves nothing behind.
 */
#include "../../dockd/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/dockd-pin-XXXXXX";
static char path[64];
static char why[256];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/pin", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* What reading such a file comes to; the PIN in pin. */
static int of(const char *bytes, mode_t mode, char pin[PROTO_PIN_LEN])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	why[0] = '\0';
	memset(pin, 'x', PROTO_PIN_LEN);
	return pin_read(path, pin, why, sizeof(why));
}

static void refused(const char *bytes, mode_t mode, int err, const char *word)
{
	static const char none[PROTO_PIN_LEN];
	char pin[PROTO_PIN_LEN];

	assert_int_equal(of(bytes, mode, pin), err);
	assert_memory_equal(pin, none, sizeof(none));
	assert_non_null(strstr(why, path));
	assert_non_null(strstr(why, word));
}

static void test_good(void **state)
{
	static const char *const good[] = { "123456", "123456\n", "123456\r\n" };
	char pin[PROTO_PIN_LEN];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(of(good[i], 0600, pin), 0);
		assert_string_equal(pin, "123456");
	}
	assert_int_equal(of("a b~", 0640, pin), 0);
	assert_string_equal(pin, "a b~");
	assert_int_equal(of("0123456789012345678901234567890\r\n", 0400, pin), 0);
	assert_int_equal(strlen(pin), PROTO_PIN_LEN - 1);
	assert_int_equal(pin_read("", pin, why, sizeof(why)), 0);
	assert_string_equal(pin, "");
}

static void test_bytes(void **state)
{
	(void)state;
	refused("", 0600, -EINVAL, "one line");
	refused("\n", 0600, -EINVAL, "one line");
	refused("\r\n", 0600, -EINVAL, "one line");
	refused("1\n2\n", 0600, -EINVAL, "one line");
	refused("1\t2\n", 0600, -EINVAL, "one line");
	refused("\xc3\xa9\n", 0600, -EINVAL, "one line");
	refused("01234567890123456789012345678901", 0600, -EINVAL, "one line");
	refused("0123456789012345678901234567890123456789\n", 0600, -EINVAL, "one line");
}

static void test_modes(void **state)
{
	static const mode_t modes[] = { 0604, 0602, 0601, 0620, 0610, 0666 };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		refused("123456\n", modes[i], -EPERM, "chmod 600");
}

static void test_no_file(void **state)
{
	char pin[PROTO_PIN_LEN], to[80];

	(void)state;
	assert_int_equal(pin_read(folder, pin, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "is no file"));
	unlink(path);
	assert_int_equal(pin_read(path, pin, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, path));
	assert_int_equal(mkfifo(path, 0600), 0); /* nothing is waited for */
	assert_int_equal(pin_read(path, pin, why, sizeof(why)), -EPERM);
	unlink(path);
	/* what a link leads to is what counts: links are how secrets are often put in place */
	snprintf(to, sizeof(to), "%s/to", folder);
	assert_int_equal(of("123456\n", 0644, pin), -EPERM);
	assert_int_equal(rename(path, to), 0);
	assert_int_equal(symlink(to, path), 0);
	assert_int_equal(pin_read(path, pin, why, sizeof(why)), -EPERM);
	assert_int_equal(chmod(to, 0600), 0);
	assert_int_equal(pin_read(path, pin, why, sizeof(why)), 0);
	assert_string_equal(pin, "123456");
	unlink(to);
	assert_int_equal(pin_read(path, pin, why, sizeof(why)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
