#include "msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int msg_send(int sock, unsigned type, unsigned slot, uint32_t generation, const void *body,
    const int *fds, unsigned nfds)
{
	static const struct proto_empty empty;
	struct proto_head head = { 0 };
	struct iovec iov[2];
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	size_t len = proto_length(type);

	if (len == 0 || nfds > MSG_FDS_MAX)
		return -EINVAL;
	if (!body) {
		if (len != sizeof(empty))
			return -EINVAL;
		body = &empty;
	}
	head.type = (uint16_t)type;
	head.slot = (uint16_t)slot;
	head.length = (uint32_t)len;
	head.generation = generation;
	iov[0] = (struct iovec){ &head, sizeof(head) };
	iov[1] = (struct iovec){ (void *)(uintptr_t)body, len };
	if (nfds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	for (;;) {
		ssize_t n = sendmsg(sock, &mh, MSG_NOSIGNAL);

		if (n >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* Takes the descriptors of one control message; more than there is room for are closed. */
static void take_fds(struct msg *m, const struct cmsghdr *c, bool *surplus)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (m->nfds < MSG_FDS_MAX) {
			m->fds[m->nfds++] = fd;
		} else {
			close(fd);
			*surplus = true;
		}
	}
}

int msg_recv(int sock, struct msg *m, unsigned max_fds, const char **why)
{
	struct iovec iov[2] = { { &m->head, sizeof(m->head) }, { m->body, sizeof(m->body) } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	const char *wrong = NULL;
	bool surplus = false;
	ssize_t n;

	m->nfds = 0;
	if (max_fds > 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * max_fds);
	}
	do {
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_fds(m, c, &surplus);
	}
	if (n == 0)
		return 0;
	if (mh.msg_flags & MSG_TRUNC)
		wrong = "message too long";
	else if ((mh.msg_flags & MSG_CTRUNC) || surplus || m->nfds > max_fds)
		wrong = "more descriptors than allowed";
	else if ((size_t)n < sizeof(m->head))
		wrong = "message shorter than its head";
	else if (m->head.length != (size_t)n - sizeof(m->head))
		wrong = "length in the head is not the length that came";
	else
		wrong = proto_check(m->head.type, m->body, m->head.length);
	if (!wrong)
		return 1;
	msg_close_fds(m);
	if (why)
		*why = wrong;
	return -EPROTO;
}

bool msg_allowed(const struct msg_rule *rules, size_t n, const struct msg *m, unsigned state)
{
	for (size_t i = 0; i < n; i++) {
		if (rules[i].type == m->head.type)
			return state < 32 && (rules[i].states & (1u << state)) != 0 &&
			    m->nfds == rules[i].nfds;
	}
	return false;
}

void msg_close_fds(struct msg *m)
{
	for (unsigned i = 0; i < m->nfds; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
	m->nfds = 0;
}
