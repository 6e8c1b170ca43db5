/*
 * dockd-verify: one asset, one question, one answer, exit.
 *
 * Started by the core with a socket and its own process id; receives VERIFY with the descriptors of
 * one job and answers as PROTOCOL.md says. It must never read a byte from outside before its sandbox
 * is up, and a process that takes a digest must never parse: what a parser does when a clip takes it
 * over cannot change a digest.
 */
#include "../base/handover.h"
#include "../base/log.h"
#include "../base/msg.h"
#include "../base/oom.h"
#include "../base/sandbox.h"
#include "audit_job.h"
#include "digest.h"
#include "judge_job.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* How many descriptors come with VERIFY; their order is in proto_verify.h. */
static const unsigned fds_of[] = {
	[VERIFY_DIGEST] = 1,
	[VERIFY_SIGNATURE] = 4,
	[VERIFY_RECEIPT] = 2,
	[VERIFY_AUDIT] = 2,
};

struct verify {
	int sock;
	int parent_pid;
	struct digest *digest;
};

static int number(const char *text)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno || end == text || *end || v < 0 || v > INT_MAX)
		fatal("\"%s\" is not a number: see dockd-verify --help", log_text(text));
	return (int)v;
}

static void options(struct verify *v, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "parent", required_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			v->sock = number(optarg);
			break;
		case 'p':
			v->parent_pid = number(optarg);
			break;
		case 'v':
			puts("dockd-verify " DOCKD_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			puts(
			    "dockd-verify --socket FD --parent PID: started by dockd, for one asset");
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_FAILURE);
		}
	}
	if (v->sock < 0 || v->parent_pid <= 0 || optind != argc)
		fatal("--socket and --parent are needed: dockd starts this program itself");
}

/* A job that this program does not have is check's to name. */
static bool is_due(const struct msg *m)
{
	const struct proto_verify *ask = (const struct proto_verify *)m->body;

	if (m->head.type != MSG_VERIFY)
		return false;
	return ask->job >= sizeof(fds_of) / sizeof(fds_of[0]) || m->nfds == fds_of[ask->job];
}

/* Waits for the one message. 1 = it is in m, 0 = the core has gone. */
static int receive(const struct verify *v, struct msg *m)
{
	struct pollfd p = { .fd = v->sock, .events = POLLIN };
	const char *why = "";
	int got;

	do {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			fatal("poll: %s", strerror(errno));
		got = msg_recv(v->sock, m, MSG_FDS_MAX, &why);
	} while (got == -EAGAIN);
	if (got < 0)
		fatal("message from the core: %s", got == -EPROTO ? why : strerror(-got));
	if (got == 1 && !is_due(m))
		fatal("message from the core: %s is not due, or comes with %u descriptors",
		    proto_name(m->head.type), m->nfds);
	return got;
}

static void answer(const struct verify *v, unsigned type, const void *body)
{
	int err = msg_send(v->sock, type, 0, 0, body, NULL, 0);

	if (err < 0)
		fatal("%s to the core: %s", proto_name(type), strerror(-err));
}

/* Sends DIGEST and fills result. */
static void take_digest(struct verify *v, const struct msg *m, struct proto_status *result)
{
	const struct proto_verify *ask = (const struct proto_verify *)m->body;
	struct proto_digest digest;
	int err = digest_file(v->digest, m->fds[0], ask->digests, &digest);

	if (err == -ENOMEM)
		fatal("no memory for SHA-256");
	handover("verify-digest");
	answer(v, MSG_DIGEST, &digest);
	if (err < 0) {
		result->status = -EIO;
		snprintf(
		    result->text, sizeof(result->text), "reading the clip: %s", strerror(-err));
	} else if (digest.length_bytes != ask->size_bytes) {
		result->status = -EMSGSIZE;
		snprintf(result->text, sizeof(result->text),
		    "the clip has %" PRIu64 " bytes where %" PRIu64 " were expected",
		    digest.length_bytes, ask->size_bytes);
	}
}

static void check(struct verify *v, const struct msg *m, struct proto_status *result)
{
	const struct proto_verify *ask = (const struct proto_verify *)m->body;
	struct proto_judged judged;

	if (ask->version != PROTO_VERSION)
		fatal("it speaks version %d, the core %" PRIu32 ": restart dockd", PROTO_VERSION,
		    ask->version);
	switch ((enum verify_job)ask->job) {
	case VERIFY_DIGEST:
		take_digest(v, m, result);
		return;
	case VERIFY_AUDIT:
		audit_job(v->sock, m, result);
		return;
	case VERIFY_SIGNATURE:
	case VERIFY_RECEIPT:
		judge_job(m, &judged, result);
		answer(v, MSG_JUDGED, &judged);
		return;
	}
	fatal("the core asks for job %" PRIu32 ", which does not exist", ask->job);
}

int main(int argc, char **argv)
{
	struct verify v = { .sock = -1 };
	struct proto_status result = { 0 };
	struct msg m;

	/* the core starts it from an open descriptor, whose number would be its name */
	prctl(PR_SET_NAME, "dockd-verify", 0, 0, 0);
	log_open("dockd-verify", NULL);
	options(&v, argc, argv);
	oom_goes_first();
	if (sandbox_basics() < 0 || sandbox_die_with_parent(v.parent_pid) < 0)
		fatal("%s", sandbox_why());
	/* libcrypto loads its algorithms now: under the filter it could not. */
	v.digest = digest_new();
	if (!v.digest || judge_prepare() < 0)
		fatal("no memory for SHA-256, or libcrypto has none");
	if (sandbox_verify() < 0)
		fatal("%s", sandbox_why());
	if (receive(&v, &m) == 0)
		return EXIT_SUCCESS;
	check(&v, &m, &result);
	msg_close_fds(&m);
	answer(&v, MSG_RESULT, &result);
	handover("verify-result");
	digest_free(v.digest);
	return EXIT_SUCCESS;
}
