/*
 * ctl_daemon: dockctl, whole, against a scripted daemon in a child process. A part of the two tests
 * of dockctl, which include it once each.
 */
#ifndef TEST_CTL_DAEMON_H
#define TEST_CTL_DAEMON_H

int ctl_main(int argc, char **argv);
#define main ctl_main
#include "../../dockd/base/kind.h"

#include "../../dockd/asset.h"

#include "../../dockd/base/proto_asset.h"
#include "../../dockd/base/proto_ctl.h"
#include "../../dockd/ctl.c"
#undef main

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define CLIP_TEXT "the clip's bytes"
#define EVIL                                                                                       \
	"DCIM/\x1b[2J\xe2\x80\xae"                                                                 \
	"4pm.\xff.mp4"

static struct {
	char folder[64];
	char path[96];
	char out[65536], err[8192];
} t;

/* ---- the scripted daemon: a child that ends with 0 where it was asked what it expected ---- */

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "daemon, line %d: %s\n", __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct proto_ask asked(int sock, unsigned what)
{
	struct proto_ask ask;
	struct msg m;

	EXPECT(msg_recv(sock, &m, 0, NULL) == 1);
	EXPECT(m.head.type == MSG_ASK);
	memcpy(&ask, m.body, sizeof(ask));
	EXPECT(ask.version == PROTO_VERSION);
	EXPECT(ask.ask == what);
	return ask;
}

static void tell(int sock, unsigned type, const void *body)
{
	EXPECT(msg_send(sock, type, 0, 0, body, NULL, 0) == 0);
}

static void tell_end(int sock, int status, uint64_t cursor, const char *text)
{
	struct proto_ctl_end end = { .status = status, .cursor = cursor, .generation = 7 };

	snprintf(end.text, sizeof(end.text), "%s", text);
	tell(sock, MSG_END, &end);
}

static struct proto_ctl_asset asset(uint64_t number)
{
	struct proto_ctl_asset a = { .number = number,
		.docking = 3,
		.size_bytes = strlen(CLIP_TEXT),
		.mtime_s = PROTO_NO_TIME,
		.rung = RUNG_CHECKED,
		.kind = KIND_CLIP,
		.camera = "BWC-1",
		.signature = "unsigned",
		.reason = "never",
		.path = EVIL };

	return a;
}

typedef void script(int sock);

static int memory(void)
{
	return memfd_create("test_ctl", MFD_CLOEXEC);
}

static void slurp(int fd, char *out, size_t room)
{
	ssize_t n = pread(fd, out, room - 1, 0);

	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
}

static pid_t start_daemon(script *play)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int sock, listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	unlink(t.path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", t.path);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		play(sock);
		_exit(0);
	}
	close(listener);
	return pid;
}

/* Runs dockctl with the words of line behind --socket; its exit code. play NULL: nobody listens. */
static int dockctl(script *play, const char *line)
{
	char words[256], *argv[16] = { "dockctl", "--socket", t.path };
	int argc = 3, out = memory(), err = memory(), status;
	pid_t daemon = play ? start_daemon(play) : 0, pid;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = words; *w && argc < 15; argc++) {
		argv[argc] = w;
		w += strcspn(w, " ");
		if (*w)
			*w++ = '\0';
	}
	argv[argc] = NULL;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		optind = 0;
		exit(ctl_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	slurp(out, t.out, sizeof(t.out));
	slurp(err, t.err, sizeof(t.err));
	if (daemon) {
		int daemon_status;

		assert_int_equal(waitpid(daemon, &daemon_status, 0), daemon);
		assert_int_equal(daemon_status, 0);
	}
	unlink(t.path);
	return WEXITSTATUS(status);
}

static json_t *parsed(void)
{
	json_error_t why;
	json_t *value = json_loads(t.out, 0, &why);

	if (!value)
		fail_msg("not JSON: %s\n%s", why.text, t.out);
	return value;
}

static json_int_t number_at(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

static int setup(void **state)
{
	(void)state;
	snprintf(t.folder, sizeof(t.folder), "/tmp/test_ctl.XXXXXX");
	if (!mkdtemp(t.folder))
		return -1;
	snprintf(t.path, sizeof(t.path), "%s/control.sock", t.folder);
	return 0;
}

/* Everything below the folder, which is one level of folders deep at most twice. */
static int teardown(void **state)
{
	(void)state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", "--", t.folder, (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

#endif
