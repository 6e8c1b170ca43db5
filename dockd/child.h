/*
 * child: a worker process of ours (dockd-camera, dockd-verify): start, talk, kill, reap.
 *
 * Called by bay and intake. A child has a socketpair as descriptor 3 and nothing else of ours. It
 * reads at most 64 messages of a child in a turn. A child that breaks framing, or that does not
 * read, is killed; the core never is.
 */
#ifndef DOCKD_CHILD_H
#define DOCKD_CHILD_H

#include "base/msg.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

struct child;

enum child_end {
	CHILD_DONE,   /* exit status 0 of its own */
	CHILD_FAILED, /* it gave up, broke down, or was killed by us */
	CHILD_KILLED, /* SIGKILL of somebody else, which is how the kernel makes room where memory runs
			 out; or it could not be loaded. No work that it was given is to blame. */
};

struct child_handlers {
	/* A well-formed message; descriptors never come from a child. */
	void (*message)(void *arg, const struct msg *m);
	/*
	 * The process has ended and been reaped, all its messages were delivered: how is for people
	 * ("exited with 1", "killed by SIGSYS", "broke framing: ..."). The child is freed after this
	 * call.
	 */
	void (*ended)(void *arg, enum child_end end, const char *how);
};

/* Where the programs lie; the string is kept. Before the first child_start. */
void child_set_libexec(const char *dir);

/*
 * Opens the programs, once: from then on children are started from these files, also when an upgrade
 * has put others in their places meanwhile, which speak another version of the protocol. What cannot
 * be opened is looked for at each start.
 */
void child_keep_programs(void);

/* 0 or -errno. handlers is kept. */
int child_start(sd_event *event, const char *program, const struct child_handlers *handlers,
    void *arg, struct child **out);

/* 0 or -errno; on error the child is broken: the caller drops it. */
int child_send(struct child *c, unsigned type, const void *body, const int *fds, unsigned nfds);

pid_t child_pid(const struct child *c);

/*
 * Moves a descriptor of ours to where a child, while it is being started, closes it at once: its copies
 * of all others go only within its execve, which may end after child_start has returned. Until then a
 * file would seem to be open elsewhere (F_SETLEASE). fd is taken over; the new one, or fd itself where
 * there is no room for another.
 */
int child_hide(int fd);

/* Kills it; `ended` is still called, with `why` in how. */
void child_kill(struct child *c, const char *why);

/* Kills it and forgets the owner: no handler is called again. */
void child_drop(struct child *c);

#endif
