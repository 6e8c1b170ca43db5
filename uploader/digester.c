#include "digester.h"

#include "../dockd/base/log.h"
#include "../dockd/base/sandbox.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_BYTES (64u << 10)
#define OWN_FD 3

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

/* ---- the process ---- */

/* SHA-256 of a slot's file up to at_bytes. */
struct whole {
	uint64_t file, at_bytes;
	EVP_MD_CTX *ctx;
};

static struct whole wholes[PROTO_SLOTS];
static EVP_MD_CTX *md5, *sha256, *copy;

static bool make_contexts(void)
{
	md5 = EVP_MD_CTX_new();
	sha256 = EVP_MD_CTX_new();
	copy = EVP_MD_CTX_new();
	if (!md5 || !sha256 || !copy || EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1)
		return false;
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		wholes[i].ctx = EVP_MD_CTX_new();
		if (!wholes[i].ctx || EVP_DigestInit_ex(wholes[i].ctx, EVP_sha256(), NULL) != 1)
			return false;
	}
	return true;
}

static bool add(EVP_MD_CTX *ctx, bool wanted, const void *bytes, size_t n)
{
	return !wanted || EVP_DigestUpdate(ctx, bytes, n) == 1;
}

/* The range into all that is asked for. 0 or -errno. */
static int read_range(const struct digest_question *q, int fd, struct whole *w)
{
	static unsigned char buf[SLICE_BYTES];
	uint64_t at = q->from_bytes;

	while (at < q->end_bytes) {
		uint64_t left = q->end_bytes - at;
		size_t want = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t n = pread(fd, buf, want, (off_t)at);
		bool joins = (q->flags & DIGEST_WHOLE) && at == w->at_bytes;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		if (!add(md5, !(q->flags & DIGEST_NO_MD5), buf, (size_t)n) ||
		    !add(sha256, q->flags & DIGEST_SHA256, buf, (size_t)n) ||
		    !add(w->ctx, joins, buf, (size_t)n))
			return -ENOMEM;
		at += (uint64_t)n;
		w->at_bytes += joins ? (uint64_t)n : 0;
	}
	return 0;
}

static int answer(const struct digest_question *q, int fd, struct digest_answer *a)
{
	struct whole *w = &wholes[q->slot];
	int err;

	if (w->file != q->file) {
		w->file = q->file;
		w->at_bytes = 0;
		if (EVP_DigestInit_ex(w->ctx, EVP_sha256(), NULL) != 1)
			return -ENOMEM;
	}
	if (EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1 ||
	    EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	err = read_range(q, fd, w);
	if (err < 0)
		return err;
	a->whole_bytes = w->at_bytes;
	if (EVP_DigestFinal_ex(md5, a->md5, NULL) != 1 ||
	    EVP_DigestFinal_ex(sha256, a->sha256, NULL) != 1 ||
	    EVP_MD_CTX_copy_ex(copy, w->ctx) != 1 || EVP_DigestFinal_ex(copy, a->whole, NULL) != 1)
		return -ENOMEM;
	return 0;
}

/* 0: the uploader has gone. */
static ssize_t hear(struct digest_question *q, int *fd)
{
	struct iovec iov = { q, sizeof(*q) };
	union control control;
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(OWN_FD, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&mh) : NULL;
	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

static int serve(void)
{
	struct digest_question q;
	int fd;

	for (;;) {
		struct digest_answer a = { 0 };
		ssize_t n = hear(&q, &fd);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return EXIT_SUCCESS;
		if (n != sizeof(q) || fd < 0 || q.slot >= PROTO_SLOTS)
			return EXIT_FAILURE;
		a.number = q.number;
		a.file = q.file;
		a.slot = q.slot;
		a.status = answer(&q, fd, &a);
		close(fd);
		if (send(OWN_FD, &a, sizeof(a), MSG_NOSIGNAL) < 0)
			return errno == EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
	}
}

/* What the uploader has open is not its child's. */
static int shut_in(int fd, pid_t parent)
{
	int err = sandbox_die_with_parent((int)parent);

	if (!err && (dup2(fd, OWN_FD) < 0 || close_range(OWN_FD + 1, ~0u, 0) < 0))
		err = -errno;
	if (!err && !make_contexts())
		err = -ENOMEM;
	return err ? err : sandbox_verify();
}

/* ---- the uploader's side ---- */

int digester_start(struct digester *d)
{
	pid_t parent = getpid();
	int pair[2];
	pid_t child;
	int err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		err = -errno;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (child == 0) {
		err = shut_in(pair[1], parent);
		if (err < 0)
			log_error("sandbox", "error=\"%s\" text=\"digests: %s\"", strerror(-err),
			    sandbox_why());
		_exit(err ? EXIT_FAILURE : serve());
	}
	close(pair[1]);
	d->fd = pair[0];
	return 0;
}

int digester_ask(const struct digester *d, const struct digest_question *q, int file)
{
	struct iovec iov = { (void *)(uintptr_t)q, sizeof(*q) };
	union control control;
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &file, sizeof(int));
	for (;;) {
		if (sendmsg(d->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno != EINTR)
			return errno == ETOOMANYREFS ? -EAGAIN : -errno;
	}
}

int digester_hear(const struct digester *d, struct digest_answer *a)
{
	ssize_t n;

	do {
		n = recv(d->fd, a, sizeof(*a), MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	if (n == 0)
		return -EPIPE;
	return n == sizeof(*a) && a->slot < PROTO_SLOTS ? 1 : -EPROTO;
}
