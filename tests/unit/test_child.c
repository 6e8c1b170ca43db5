/* A child that is being started holds nothing of ours that has to be free; what has ended it. */
#include "../../dockd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Without child_hide one of some four hundred finds the file taken. */
#define STARTS 3000

static void on_message(void *arg, const struct msg *m)
{
	(void)arg;
	(void)m;
}

static void on_end(void *arg, enum child_end end, const char *how)
{
	(void)how;
	assert_int_equal(end, CHILD_DONE);
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

struct ending {
	bool ended;
	enum child_end end;
	char how[256];
};

static void on_ending(void *arg, enum child_end end, const char *how)
{
	struct ending *e = arg;

	e->ended = true;
	e->end = end;
	snprintf(e->how, sizeof(e->how), "%s", how);
}

static void put_script(const char *folder, const char *does)
{
	char path[64], text[64];
	int fd, n = snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", does);

	snprintf(path, sizeof(path), "%s/script", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

static void what_the_system_ends_is_told_from_what_a_worker_did(void **state)
{
	static const struct {
		const char *does;
		enum child_end end;
		const char *says;
		bool killed_by_us;
	} rows[] = {
		{ "exit 0", CHILD_DONE, "", false },
		{ "exit 1", CHILD_FAILED, "exited with 1", false },
		{ "kill -SEGV $$", CHILD_FAILED, "killed by SIGSEGV", false },
		{ "kill -KILL $$", CHILD_KILLED, "run out of memory", false },
		{ "exit 127", CHILD_KILLED, "could not be loaded", false },
		{ "exec cat <&3", CHILD_FAILED, "it took too long", true },
	};
	static const struct child_handlers handlers = { on_message, on_ending };
	char folder[] = "/tmp/dockd-child-XXXXXX", path[64];
	sigset_t children;
	sd_event *event;

	(void)state;
	assert_non_null(mkdtemp(folder));
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	assert_int_equal(sigprocmask(SIG_BLOCK, &children, NULL), 0);
	assert_true(sd_event_new(&event) >= 0);
	child_set_libexec(folder);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ending e = { 0 };
		struct child *c;

		put_script(folder, rows[i].does);
		assert_int_equal(child_start(event, "script", &handlers, &e, &c), 0);
		if (rows[i].killed_by_us)
			child_kill(c, rows[i].says);
		while (!e.ended)
			assert_true(sd_event_run(event, UINT64_MAX) >= 0);
		assert_int_equal(e.end, rows[i].end);
		assert_non_null(strstr(e.how, rows[i].says));
	}
	sd_event_unref(event);
	snprintf(path, sizeof(path), "%s/script", folder);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hidden_file_is_free_as_soon_as_we_close_it),
		cmocka_unit_test(what_the_system_ends_is_told_from_what_a_worker_did),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
