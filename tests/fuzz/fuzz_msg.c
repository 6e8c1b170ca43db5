/*
 * Fuzzer for the core's side of a socket: one input is one message as a hostile child would send
 * it. The first byte says how many descriptors come with it and how many are let in; the second
 * whether the head is put right, so that bodies are reached as well.
 */
#include "../../dockd/base/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX (sizeof(struct proto_head) + MSG_BODY_MAX + 64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_raw(int sock, const uint8_t *bytes, size_t len, unsigned nfds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 15)];
	} control = { 0 };
	struct cmsghdr *c;

	if (nfds > 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		for (unsigned i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &sock, sizeof(int));
	}
	if (sendmsg(sock, &mh, 0) < 0)
		abort();
}

/* The same before and after, or descriptors have been leaked. */
static int lowest_free_fd(int any)
{
	int fd = fcntl(any, F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

/* What msg_recv promises of a message that it lets through. */
static void check(const struct msg *m, unsigned max_fds)
{
	if (m->head.length != proto_length(m->head.type) || m->head.length == 0 ||
	    m->nfds > max_fds || proto_check(m->head.type, m->body, m->head.length) ||
	    strcmp(proto_name(m->head.type), "?") == 0)
		abort();
	for (unsigned i = 0; i < m->nfds; i++)
		if (fcntl(m->fds[i], F_GETFD) != FD_CLOEXEC)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int sv[2] = { -1, -1 };
	uint8_t bytes[INPUT_MAX];
	const char *why = NULL;
	unsigned nfds, max_fds;
	struct proto_head head;
	struct msg m;
	int got;
	int free_fd;

	if (sv[0] < 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		abort();
	if (size < 3 || size - 2 > sizeof(bytes))
		return -1;
	nfds = data[0] & 0xf;
	max_fds = (data[0] >> 4) % (MSG_FDS_MAX + 1);
	size -= 2;
	memcpy(bytes, data + 2, size);
	if ((data[1] & 1) && size >= sizeof(head)) {
		memcpy(&head, bytes, sizeof(head));
		if (proto_length(head.type) > 0 && size >= sizeof(head) + proto_length(head.type))
			size = sizeof(head) + proto_length(head.type);
		head.length = (uint32_t)(size - sizeof(head));
		memcpy(bytes, &head, sizeof(head));
	}
	free_fd = lowest_free_fd(sv[0]);
	send_raw(sv[0], bytes, size, nfds % 15);
	got = msg_recv(sv[1], &m, max_fds, &why);
	if (got == 1)
		check(&m, max_fds);
	else if (got != -EPROTO || !why || m.nfds != 0)
		abort();
	msg_close_fds(&m);
	if (lowest_free_fd(sv[0]) != free_fd)
		abort();
	return 0;
}
