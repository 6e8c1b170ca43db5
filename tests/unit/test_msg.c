/*
 * msg and proto: over real socket pairs, with every way in which a peer can break framing.
 */
#include "../../dockd/base/msg.h"
#include "../../dockd/base/proto_hotplug.h"
#include "../../dockd/base/proto_object.h"
#include "../../dockd/base/proto_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
	int us;   /* the side under test, non-blocking */
	int peer; /* writes what it likes */
};

static int setup(void **state)
{
	static struct pair pair;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return -1;
	pair.us = sv[0];
	pair.peer = sv[1];
	*state = &pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	close(p->us);
	if (p->peer >= 0)
		close(p->peer);
	return 0;
}

/* The lowest descriptor that is free: the same before and after means that none was leaked. */
static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* Sends bytes as one message, with n copies of standard input. */
static void raw(int sock, const void *bytes, size_t len, unsigned n)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 16)];
	} control = { 0 };

	if (n > 0) {
		struct cmsghdr *c;

		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){ STDIN_FILENO }, sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &mh, 0), (ssize_t)len);
}

/* A well-formed message of the type, zeros for a body, in bytes; its length. */
static size_t well_formed(unsigned char *bytes, unsigned type)
{
	struct proto_head head = { .type = (uint16_t)type, .length = (uint32_t)proto_length(type) };

	memset(bytes, 0, sizeof(head) + MSG_BODY_MAX + 16);
	memcpy(bytes, &head, sizeof(head));
	return sizeof(head) + head.length;
}

static void refused(struct pair *p, unsigned max_fds, const char *expected)
{
	const char *why = NULL;
	struct msg m;

	assert_int_equal(msg_recv(p->us, &m, max_fds, &why), -EPROTO);
	assert_non_null(why);
	if (!strstr(why, expected))
		fail_msg("refused for \"%s\", not for \"%s\"", why, expected);
	assert_int_equal(m.nfds, 0);
}

static unsigned char wire[sizeof(struct proto_head) + MSG_BODY_MAX + 16];

static void test_round_trip(void **state)
{
	struct pair *p = *state;
	struct proto_verify sent = { .version = PROTO_VERSION, .size_bytes = 1234567890123 };
	int fds[2] = { STDIN_FILENO, STDERR_FILENO };
	struct stat a, b;
	struct msg m;

	assert_int_equal(msg_send(p->peer, MSG_VERIFY, 3, 77, &sent, fds, 2), 0);
	assert_int_equal(msg_recv(p->us, &m, 2, NULL), 1);
	assert_int_equal(m.head.type, MSG_VERIFY);
	assert_int_equal(m.head.slot, 3);
	assert_int_equal(m.head.generation, 77);
	assert_memory_equal(m.body, &sent, sizeof(sent));
	assert_int_equal(m.nfds, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fstat(m.fds[i], &a), 0);
		assert_int_equal(fstat(fds[i], &b), 0);
		assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
		assert_true(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
	}
	msg_close_fds(&m);
}

/* Every type there is, once through. */
static void test_every_type(void **state)
{
	struct pair *p = *state;
	unsigned types = 0;
	struct msg m;

	for (unsigned type = 0; type < 1000; type++) {
		size_t len = proto_length(type);

		if (len == 0) {
			assert_string_equal(proto_name(type), "?");
			continue;
		}
		types++;
		assert_true(len <= MSG_BODY_MAX);
		raw(p->peer, wire, well_formed(wire, type), 0);
		assert_int_equal(msg_recv(p->us, &m, 0, NULL), 1);
		assert_int_equal(m.head.type, type);
	}
	assert_true(types > 40);
	assert_int_equal(proto_length(65535), 0);
	assert_int_equal(proto_length(0xffffffffu), 0);
}

static void test_cut_short(void **state)
{
	struct pair *p = *state;
	size_t len = well_formed(wire, MSG_OBJECT);

	for (size_t n = 1; n < sizeof(struct proto_head); n++) {
		raw(p->peer, wire, n, 0);
		refused(p, 0, "shorter than its head");
	}
	raw(p->peer, wire, sizeof(struct proto_head), 0);
	refused(p, 0, "length in the head");
	raw(p->peer, wire, len - 1, 0);
	refused(p, 0, "length in the head");
}

static void test_too_long(void **state)
{
	struct pair *p = *state;
	size_t len = well_formed(wire, MSG_OBJECT);

	raw(p->peer, wire, len + 1, 0);
	refused(p, 0, "length in the head");
	raw(p->peer, wire, sizeof(struct proto_head) + MSG_BODY_MAX + 1, 0);
	refused(p, 0, "too long");
}

/* The head agrees with what came, but it is not the one length of the type. */
static void test_wrong_length(void **state)
{
	struct pair *p = *state;
	struct proto_head head = { .type = MSG_FETCHED };

	for (size_t len = 0; len < MSG_BODY_MAX; len += 37) {
		if (len == proto_length(MSG_FETCHED))
			continue;
		head.length = (uint32_t)len;
		well_formed(wire, MSG_FETCHED);
		memcpy(wire, &head, sizeof(head));
		raw(p->peer, wire, sizeof(head) + len, 0);
		refused(p, 0, "");
	}
}

static void test_unknown_type(void **state)
{
	struct pair *p = *state;
	struct proto_head head = { .type = 999, .length = 4 };

	memset(wire, 0, sizeof(wire));
	memcpy(wire, &head, sizeof(head));
	raw(p->peer, wire, sizeof(head) + 4, 0);
	refused(p, 0, "");
}

/* Each text field of OPENED in turn without its NUL. */
static void test_unterminated(void **state)
{
	struct pair *p = *state;
	size_t len = well_formed(wire, MSG_OPENED);
	struct proto_opened *body = (struct proto_opened *)(wire + sizeof(struct proto_head));
	struct msg m;

	memset(body->port, 'x', sizeof(body->port));
	raw(p->peer, wire, len, 0);
	refused(p, 0, "");
	body->port[sizeof(body->port) - 1] = '\0';
	memset(body->text, 'x', sizeof(body->text));
	raw(p->peer, wire, len, 0);
	refused(p, 0, "");
	body->text[sizeof(body->text) - 1] = '\0';
	raw(p->peer, wire, len, 0);
	assert_int_equal(msg_recv(p->us, &m, 0, NULL), 1);
}

static void test_surplus_fds(void **state)
{
	struct pair *p = *state;
	size_t len = well_formed(wire, MSG_SYNCED);
	int free_fd = lowest_free_fd();
	struct msg m;

	for (unsigned max = 0; max <= MSG_FDS_MAX; max++) {
		for (unsigned n = max + 1; n <= 16; n++) {
			raw(p->peer, wire, len, n);
			refused(p, max, "more descriptors");
			assert_int_equal(lowest_free_fd(), free_fd);
		}
	}
	raw(p->peer, wire, len, MSG_FDS_MAX);
	assert_int_equal(msg_recv(p->us, &m, MSG_FDS_MAX, NULL), 1);
	assert_int_equal(m.nfds, MSG_FDS_MAX);
	msg_close_fds(&m);
	assert_int_equal(lowest_free_fd(), free_fd);
}

/* Framing broken while descriptors came: they are closed. */
static void test_fds_of_a_bad_message(void **state)
{
	struct pair *p = *state;
	size_t len = well_formed(wire, MSG_OPENED);
	int free_fd = lowest_free_fd();

	raw(p->peer, wire, len - 3, 2);
	refused(p, 2, "length in the head");
	assert_int_equal(lowest_free_fd(), free_fd);
}

static void test_end_and_nothing(void **state)
{
	struct pair *p = *state;
	struct msg m;

	assert_int_equal(msg_recv(p->us, &m, 1, NULL), -EAGAIN);
	/* What was sent before the end is still received. */
	assert_int_equal(msg_send(p->peer, MSG_SYNCED, 0, 0, NULL, NULL, 0), 0);
	close(p->peer);
	p->peer = -1;
	assert_int_equal(msg_recv(p->us, &m, 1, NULL), 1);
	assert_int_equal(msg_recv(p->us, &m, 1, NULL), 0);
	assert_int_equal(msg_send(p->us, MSG_SYNCED, 0, 0, NULL, NULL, 0), -EPIPE);
}

/* No queue of ours: a peer that does not read makes EAGAIN, and what went before is whole. */
static void test_peer_does_not_read(void **state)
{
	struct pair *p = *state;
	struct proto_durable body = { 0 };
	uint64_t sent = 0, got = 0;
	struct msg m;
	int err;

	while ((err = msg_send(p->us, MSG_DURABLE, 0, 0, &body, NULL, 0)) == 0) {
		body.offset_bytes = ++sent;
		assert_true(sent < 1000000);
	}
	assert_int_equal(err, -EAGAIN);
	while ((err = msg_recv(p->peer, &m, 0, NULL)) == 1) {
		memcpy(&body, m.body, sizeof(body));
		assert_int_equal(body.offset_bytes, got);
		got++;
	}
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(got, sent);
}

static void test_send_refuses(void **state)
{
	struct pair *p = *state;
	int fds[MSG_FDS_MAX + 1] = { 0 };
	struct msg m;

	assert_int_equal(msg_send(p->us, 999, 0, 0, NULL, NULL, 0), -EINVAL);
	assert_int_equal(msg_send(p->us, MSG_OBJECT, 0, 0, NULL, NULL, 0), -EINVAL);
	assert_int_equal(msg_send(p->us, MSG_SYNCED, 0, 0, NULL, fds, MSG_FDS_MAX + 1), -EINVAL);
	assert_int_equal(msg_recv(p->peer, &m, 0, NULL), -EAGAIN);
}

static void test_rules(void **state)
{
	enum { IDLE, BUSY };
	static const struct msg_rule rules[] = {
		{ MSG_LISTED, 1u << BUSY, 0 },
		{ MSG_OPENED, 1u << IDLE | 1u << BUSY, 1 },
	};
	struct msg m = { .head = { .type = MSG_LISTED } };

	(void)state;
	assert_false(msg_allowed(rules, 2, &m, IDLE));
	assert_true(msg_allowed(rules, 2, &m, BUSY));
	assert_false(msg_allowed(rules, 2, &m, 32 + BUSY));
	m.nfds = 1;
	assert_false(msg_allowed(rules, 2, &m, BUSY));
	m.head.type = MSG_OPENED;
	assert_true(msg_allowed(rules, 2, &m, IDLE));
	m.nfds = 0;
	assert_false(msg_allowed(rules, 2, &m, IDLE));
	m.head.type = MSG_FAULT;
	assert_false(msg_allowed(rules, 2, &m, IDLE));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_every_type),
		TEST(test_cut_short),
		TEST(test_too_long),
		TEST(test_wrong_length),
		TEST(test_unknown_type),
		TEST(test_unterminated),
		TEST(test_surplus_fds),
		TEST(test_fds_of_a_bad_message),
		TEST(test_end_and_nothing),
		TEST(test_peer_does_not_read),
		TEST(test_send_refuses),
		TEST(test_rules),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
