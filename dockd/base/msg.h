/*
 * msg: one message over a SOCK_SEQPACKET socket, with descriptors.
 *
 * Owns framing only: a head, a body of the exact length, up to MSG_FDS_MAX descriptors. Called by
 * every program. It never blocks on a socket that its owner made non-blocking, and never queues.
 */
#ifndef DOCKD_MSG_H
#define DOCKD_MSG_H

#include "proto.h"

struct msg {
	struct proto_head head;
	unsigned nfds;
	int fds[MSG_FDS_MAX]; /* received descriptors, O_CLOEXEC; the reader owns them */
	union {
		uint64_t align;
		unsigned char body[MSG_BODY_MAX];
	};
};

/* Which messages a peer may send in which state, and with how many descriptors. */
struct msg_rule {
	unsigned type;
	uint32_t states; /* bit (1 << state) */
	unsigned nfds;
};

/*
 * Sends one message; length comes from the type. body may be NULL for proto_empty. fds stay the
 * caller's. 0, -EAGAIN (the peer does not read: by our rules it is broken), -EPIPE, or -errno.
 */
int msg_send(int sock, unsigned type, unsigned slot, uint32_t generation, const void *body,
    const int *fds, unsigned nfds);

/*
 * Receives one message. 1 = got one, 0 = the peer has closed, -EAGAIN = none yet, -EPROTO = the
 * peer broke framing (size, type, text or number of descriptors; *why says it when not NULL; any
 * descriptors have been closed). At most max_fds descriptors are let in.
 */
int msg_recv(int sock, struct msg *m, unsigned max_fds, const char **why);

/* Whether the rules allow m in this state (0..31). */
bool msg_allowed(const struct msg_rule *rules, size_t n, const struct msg *m, unsigned state);

/* Closes what came with m and was not taken (taken ones are set to -1). */
void msg_close_fds(struct msg *m);

#endif
