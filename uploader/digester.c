#include "digester.h"

#include "md5_lanes.h"

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

_Static_assert(DIGEST_MD5_LEN == MD5_BYTES, "an MD5");

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

/* A question at work. */
struct job {
	struct digest_question q;
	struct digest_answer a;
	int fd;
	uint64_t at_bytes; /* of its MD5, among others */
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

/* As much as there is, up to len: more than 0 bytes, or -errno. */
static ssize_t read_some(int fd, void *buf, size_t len, uint64_t at)
{
	ssize_t n;

	do {
		n = pread(fd, buf, len, (off_t)at);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? n : n < 0 ? -errno : -ENODATA;
}

static bool add(EVP_MD_CTX *ctx, bool wanted, const void *bytes, size_t n)
{
	return !wanted || EVP_DigestUpdate(ctx, bytes, n) == 1;
}

/* The range into all that is asked for; its MD5 only where it is alone. 0 or -errno. */
static int read_range(const struct job *j, bool alone, struct whole *w)
{
	static unsigned char buf[SLICE_BYTES];
	const struct digest_question *q = &j->q;
	uint64_t at = q->from_bytes;

	while (at < q->end_bytes) {
		uint64_t left = q->end_bytes - at;
		size_t want = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t n = read_some(j->fd, buf, want, at);
		bool joins = (q->flags & DIGEST_WHOLE) && at == w->at_bytes;

		if (n < 0)
			return (int)n;
		if (!add(md5, alone && !(q->flags & DIGEST_NO_MD5), buf, (size_t)n) ||
		    !add(sha256, q->flags & DIGEST_SHA256, buf, (size_t)n) ||
		    !add(w->ctx, joins, buf, (size_t)n))
			return -ENOMEM;
		at += (uint64_t)n;
		w->at_bytes += joins ? (uint64_t)n : 0;
	}
	return 0;
}

static int answer(struct job *j, bool alone)
{
	struct whole *w = &wholes[j->q.slot];
	int err;

	if (w->file != j->q.file) {
		w->file = j->q.file;
		w->at_bytes = 0;
		if (EVP_DigestInit_ex(w->ctx, EVP_sha256(), NULL) != 1)
			return -ENOMEM;
	}
	if (EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1 ||
	    EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	err = read_range(j, alone, w);
	if (err < 0)
		return err;
	j->a.whole_bytes = w->at_bytes;
	if (EVP_DigestFinal_ex(md5, j->a.md5, NULL) != 1 ||
	    EVP_DigestFinal_ex(sha256, j->a.sha256, NULL) != 1 ||
	    EVP_MD_CTX_copy_ex(copy, w->ctx) != 1 ||
	    EVP_DigestFinal_ex(copy, j->a.whole, NULL) != 1)
		return -ENOMEM;
	return 0;
}

/* ---- MD5 of several at once ---- */

static bool wants_md5(const struct job *j)
{
	return j->a.status == 0 && !(j->q.flags & DIGEST_NO_MD5);
}

/* All of len. 0 or -errno. */
static int read_all(int fd, uint8_t *buf, size_t len, uint64_t at)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read_some(fd, buf + got, len - got, at + got);

		if (n < 0)
			return (int)n;
		got += (size_t)n;
	}
	return 0;
}

/* Blocks that all those at work have left, a slice at most; those that have none leave. */
static size_t common_blocks(struct md5_lanes *m, struct job *jobs, unsigned n, bool *at_work)
{
	size_t blocks = SLICE_BYTES / MD5_BLOCK_BYTES;
	uint8_t rest[MD5_BLOCK_BYTES];
	bool any = false;

	for (unsigned i = 0; i < n; i++) {
		struct job *j = &jobs[i];
		uint64_t left = j->q.end_bytes - j->at_bytes;

		if (!at_work[i])
			continue;
		if (left >= MD5_BLOCK_BYTES) {
			if (left / MD5_BLOCK_BYTES < blocks)
				blocks = (size_t)(left / MD5_BLOCK_BYTES);
			any = true;
			continue;
		}
		at_work[i] = false;
		j->a.status = read_all(j->fd, rest, (size_t)left, j->at_bytes);
		md5_lanes_end(m, i, rest, j->q.end_bytes - j->q.from_bytes, j->a.md5);
	}
	return any ? blocks : 0;
}

static void md5_together(struct job *jobs, unsigned n)
{
	static uint8_t buf[MD5_LANES][SLICE_BYTES];
	bool at_work[MD5_LANES];
	struct md5_lanes m = { 0 };
	size_t blocks;

	for (unsigned i = 0; i < n; i++) {
		at_work[i] = wants_md5(&jobs[i]);
		jobs[i].at_bytes = jobs[i].q.from_bytes;
		md5_lanes_begin(&m, i);
	}
	while ((blocks = common_blocks(&m, jobs, n, at_work)) > 0) {
		const uint8_t *from[MD5_LANES] = { NULL };

		for (unsigned i = 0; i < n; i++) {
			struct job *j = &jobs[i];

			if (!at_work[i])
				continue;
			j->a.status =
			    read_all(j->fd, buf[i], blocks * MD5_BLOCK_BYTES, j->at_bytes);
			at_work[i] = j->a.status == 0;
			from[i] = at_work[i] ? buf[i] : NULL;
			j->at_bytes += blocks * MD5_BLOCK_BYTES;
		}
		md5_lanes_add(&m, from, blocks);
	}
}

/* Lanes without work cost as much as those with it. */
static bool is_worth_it(const struct job *jobs, unsigned n)
{
	uint64_t all = 0, longest = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t len = jobs[i].q.end_bytes - jobs[i].q.from_bytes;

		if (jobs[i].q.flags & DIGEST_NO_MD5)
			continue;
		all += len;
		longest = len > longest ? len : longest;
	}
	return all / 2 >= longest && longest > 0;
}

/* ---- questions ---- */

/* 1: one; 0: the uploader has gone; -EAGAIN: none that waits; -EPROTO or -errno. */
static int hear(struct job *j, int flags)
{
	struct iovec iov = { &j->q, sizeof(j->q) };
	union control control;
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(OWN_FD, &mh, MSG_CMSG_CLOEXEC | flags);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 0 : -errno;
	c = CMSG_FIRSTHDR(&mh);
	if (n != sizeof(j->q) || !c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)) || j->q.slot >= PROTO_SLOTS ||
	    j->q.from_bytes > j->q.end_bytes)
		return -EPROTO;
	memcpy(&j->fd, CMSG_DATA(c), sizeof(int));
	j->a =
	    (struct digest_answer){ .number = j->q.number, .file = j->q.file, .slot = j->q.slot };
	return 1;
}

/* What waits already is done together. How many, or as hear. */
static int gather(struct job jobs[MD5_LANES])
{
	int n = 0, got = hear(&jobs[0], 0);

	while (got == 1 && ++n < MD5_LANES)
		got = hear(&jobs[n], MSG_DONTWAIT);
	return got == 1 || got == -EAGAIN ? n : got;
}

static int serve(void)
{
	static struct job jobs[MD5_LANES];
	int n;

	while ((n = gather(jobs)) > 0) {
		bool together = is_worth_it(jobs, (unsigned)n);

		for (int i = 0; i < n; i++)
			jobs[i].a.status = answer(&jobs[i], !together);
		if (together)
			md5_together(jobs, (unsigned)n);
		for (int i = 0; i < n; i++) {
			close(jobs[i].fd);
			if (send(OWN_FD, &jobs[i].a, sizeof(jobs[i].a), MSG_NOSIGNAL) < 0)
				return errno == EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	}
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
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

/* Its exit status. It says first that it is shut in: the uploader waits for that. */
static int live(int fd, pid_t parent)
{
	int err = shut_in(fd, parent);

	if (err < 0) {
		log_error(
		    "sandbox", "error=\"%s\" text=\"digests: %s\"", strerror(-err), sandbox_why());
		return EXIT_FAILURE;
	}
	if (send(OWN_FD, "", 1, MSG_NOSIGNAL) < 0)
		return EXIT_FAILURE;
	return serve();
}

/* ---- the uploader's side ---- */

int digester_start(struct digester *d)
{
	pid_t parent = getpid();
	int pair[2];
	pid_t child;
	ssize_t n;
	char shut;
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
	if (child == 0)
		_exit(live(pair[1], parent));
	close(pair[1]);
	d->fd = pair[0];
	do {
		n = recv(d->fd, &shut, sizeof(shut), 0);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(shut) ? 0 : -EPIPE;
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
