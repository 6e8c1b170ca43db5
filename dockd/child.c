#include "child.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_MESSAGES 64
#define HIDDEN_FROM 64    /* descriptors from here on: see child_hide */
#define LINGER_US 2000000 /* between the end of its socket and SIGKILL */
#define NOT_LOADED 127    /* exit status, by the dynamic loader */

struct child {
	pid_t pid;
	int sock;
	const struct child_handlers *handlers;
	void *arg;
	sd_event_source *io, *exit, *linger;
	char why[160]; /* why we killed it, "" when we did not */
};

static const char *libexec = DOCKD_LIBEXECDIR;

/* Workers as they were when the core began; -1: not opened, found by its path. */
static struct {
	const char *name;
	int fd;
} kept[] = {
	{ "dockd-camera", -1 },
	{ "dockd-verify", -1 },
};

void child_set_libexec(const char *dir)
{
	libexec = dir;
}

void child_keep_programs(void)
{
	char path[512];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		int fd = -1;

		if ((size_t)snprintf(path, sizeof(path), "%s/%s", libexec, kept[i].name) <
		    sizeof(path))
			fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* past those that a worker is given */
		kept[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
}

/* What is to be run for it: the file that was kept, or what lies there now. */
static void find_program(const char *program, const char *path, char *out, size_t room)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i].fd >= 0 && strcmp(kept[i].name, program) == 0) {
			snprintf(out, room, "/proc/self/fd/%d", kept[i].fd);
			return;
		}
	}
	snprintf(out, room, "%s", path);
}

static void child_free(struct child *c)
{
	sd_event_source_unref(c->io);
	sd_event_source_unref(c->exit);
	sd_event_source_unref(c->linger);
	if (c->sock >= 0)
		close(c->sock);
	free(c);
}

static void stop_reading(struct child *c)
{
	c->io = sd_event_source_disable_unref(c->io);
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
}

static int on_linger(sd_event_source *s, uint64_t usec, void *arg)
{
	struct child *c = arg;

	(void)s;
	(void)usec;
	child_kill(c, "closed its socket and did not end");
	return 0;
}

/* Its socket has ended: it should be exiting. */
static void wait_for_exit(struct child *c)
{
	sd_event *event = sd_event_source_get_event(c->exit);

	stop_reading(c);
	sd_event_add_time_relative(event, &c->linger, CLOCK_MONOTONIC, LINGER_US, 0, on_linger, c);
}

/* Delivers up to max messages. Returns false once the socket is no longer read. */
static bool deliver(struct child *c, unsigned max)
{
	struct msg m;

	for (unsigned i = 0; i < max; i++) {
		const char *why = NULL;
		int r;

		if (c->sock < 0)
			return false;
		r = msg_recv(c->sock, &m, 0, &why);
		if (r == -EAGAIN)
			return true;
		if (r == 1) {
			if (c->handlers)
				c->handlers->message(c->arg, &m);
			continue;
		}
		if (r == -EPROTO)
			child_kill(c, why ? why : "broke framing");
		else
			wait_for_exit(c);
		return false;
	}
	return true;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	(void)s;
	(void)fd;
	(void)revents;
	deliver(arg, TURN_MESSAGES);
	return 0;
}

static enum child_end tell_end(const struct child *c, const siginfo_t *si, char *how, size_t room)
{
	if (c->why[0]) {
		snprintf(how, room, "%s", c->why);
		return CHILD_FAILED;
	}
	if (si->si_code == CLD_EXITED && si->si_status == NOT_LOADED) {
		snprintf(how, room,
		    "it could not be loaded: this computer is short of memory, or the package is not "
		    "whole");
		return CHILD_KILLED;
	}
	if (si->si_code == CLD_EXITED) {
		snprintf(how, room, "exited with %d", si->si_status);
		return si->si_status == 0 ? CHILD_DONE : CHILD_FAILED;
	}
	if (si->si_status == SIGKILL) {
		snprintf(how, room,
		    "killed by SIGKILL: this computer has run out of memory (journalctl -k says so), or "
		    "somebody did it");
		return CHILD_KILLED;
	}
	snprintf(how, room, "killed by SIG%s%s", sigabbrev_np(si->si_status),
	    si->si_status == SIGSYS ? " (its sandbox refused a system call)" : "");
	return CHILD_FAILED;
}

static int on_exit_(sd_event_source *s, const siginfo_t *si, void *arg)
{
	struct child *c = arg;
	enum child_end end;
	char how[256];

	(void)s;
	while (c->sock >= 0 && deliver(c, TURN_MESSAGES)) {
		struct msg m;

		/* deliver() stops at an empty socket: the writer is dead, so empty is the end */
		if (recv(c->sock, &m, sizeof(m.head), MSG_PEEK | MSG_DONTWAIT) <= 0)
			break;
	}
	end = tell_end(c, si, how, sizeof(how));
	if (c->handlers)
		c->handlers->ended(c->arg, end, how);
	child_free(c);
	return 0;
}

static int spawn(const char *program, int sock, pid_t *pid)
{
	char path[512], file[512], parent[16];
	char *argv[] = { path, (char[]){ "--socket" }, (char[]){ "3" }, (char[]){ "--parent" },
		parent, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", libexec, program) >= sizeof(path))
		return -ENAMETOOLONG;
	find_program(program, path, file, sizeof(file));
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, sock, 3);
	posix_spawn_file_actions_addclosefrom_np(&actions, HIDDEN_FROM);
	r = posix_spawn(pid, file, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int child_start(sd_event *event, const char *program, const struct child_handlers *handlers,
    void *arg, struct child **out)
{
	struct child *c = calloc(1, sizeof(*c));
	int pair[2] = { -1, -1 };
	int r;

	if (!c)
		return -ENOMEM;
	c->sock = -1;
	c->handlers = handlers;
	c->arg = arg;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		goto out;
	}
	c->sock = pair[0];
	if (fcntl(c->sock, F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		goto out;
	}
	r = spawn(program, pair[1], &c->pid);
	if (r < 0)
		goto out;
	r = sd_event_add_child(event, &c->exit, c->pid, WEXITED, on_exit_, c);
	if (r >= 0)
		r = sd_event_add_io(event, &c->io, c->sock, EPOLLIN, on_io, c);
	if (r < 0) {
		kill(c->pid, SIGKILL);
		goto out;
	}
	*out = c;
	c = NULL;
	r = 0;
out:
	if (pair[1] >= 0)
		close(pair[1]);
	if (c)
		child_free(c);
	return r;
}

int child_send(struct child *c, unsigned type, const void *body, const int *fds, unsigned nfds)
{
	if (c->sock < 0)
		return -EPIPE;
	return msg_send(c->sock, type, 0, 0, body, fds, nfds);
}

int child_hide(int fd)
{
	int hidden = fcntl(fd, F_DUPFD_CLOEXEC, HIDDEN_FROM);

	if (hidden < 0)
		return fd;
	close(fd);
	return hidden;
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

void child_kill(struct child *c, const char *why)
{
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why), "%s", why);
	stop_reading(c);
	kill(c->pid, SIGKILL);
}

void child_drop(struct child *c)
{
	c->handlers = NULL;
	child_kill(c, "dropped");
}
