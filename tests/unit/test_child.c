/* A child that is being started holds nothing of ours that has to be free. */
#include "../../dockd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Without child_hide one of some four hundred finds the file taken. */
#define STARTS 3000

static void on_message(void *arg, const struct msg *m)
{
	(void)arg;
	(void)m;
}

static void on_end(void *arg, bool clean, const char *how)
{
	(void)how;
	assert_true(clean);
	*(bool *)arg = true;
}

static void a_hidden_file_is_free_as_soon_as_we_close_it(void **state)
{
	static const struct child_handlers handlers = { on_message, on_end };
	char path[] = "/tmp/dockd-child-XXXXXX";
	int made = mkostemp(path, O_CLOEXEC);
	sigset_t children;
	sd_event *event;

	(void)state;
	assert_true(made >= 0);
	close(made);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	assert_int_equal(sigprocmask(SIG_BLOCK, &children, NULL), 0);
	assert_true(sd_event_new(&event) >= 0);
	child_set_libexec("/bin");
	for (unsigned i = 0; i < STARTS; i++) {
		struct child *c;
		bool ended = false;
		int fd = child_hide(open(path, O_RDWR | O_CLOEXEC)), own;

		assert_true(fd >= 64);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(child_start(event, "true", &handlers, &ended, &c), 0);
		close(fd);
		own = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(fcntl(own, F_SETSIG, SIGURG), 0);
		assert_int_equal(fcntl(own, F_SETLEASE, F_WRLCK), 0);
		close(own);
		while (!ended)
			assert_true(sd_event_run(event, UINT64_MAX) >= 0);
	}
	sd_event_unref(event);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hidden_file_is_free_as_soon_as_we_close_it),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
