/*
 * audit_job: reads the facts and the logs of one docking and answers with findings and a report.
 *
 * Called by main for VERIFY_AUDIT, behind the sandbox. Owns descriptors and messages; what is
 * judged is audit's. It must never hold a log: one buffer is read through.
 */
#include "audit_job.h"

#include "../base/log.h"
#include "audit_facts.h"
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES (256u << 10)

enum fd_role { FD_FACTS, FD_REPORT };

struct job {
	int sock;
	struct audit_facts facts;
	int fds[VERIFY_LOGS_MAX];
	unsigned logs;
	struct lines lines;
	char block[BLOCK_BYTES];
};

static void answer(const struct job *job, unsigned type, const void *body)
{
	struct pollfd p = { .fd = job->sock, .events = POLLOUT };
	int err;

	/* Findings come in a row: the socket may be full for a moment. */
	while ((err = msg_send(job->sock, type, 0, 0, body, NULL, 0)) == -EAGAIN) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
	}
	if (err < 0)
		fatal("%s to the core: %s", proto_name(type), strerror(-err));
}

/* Gives the bytes of fd, from its first, to lines. 0, or -errno of reading, or what take said. */
static int read_lines(struct job *job, int fd, lines_take *take, void *context)
{
	off_t at = 0;
	ssize_t n;
	int err = 0;

	lines_begin(&job->lines, take, context);
	for (;;) {
		n = pread(fd, job->block, sizeof(job->block), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += n;
		err = lines_feed(&job->lines, job->block, (size_t)n);
		if (err)
			return err;
	}
	return n < 0 ? -errno : lines_end(&job->lines);
}

static int take_fact(void *context, const char *line, size_t len, enum line_end end)
{
	return end == LINE_WHOLE ? audit_facts_line(context, line, len) : -EBADMSG;
}

/* The LOG messages, one after the other. */
static void take_logs(struct job *job, unsigned count)
{
	struct pollfd p = { .fd = job->sock, .events = POLLIN };
	const char *why = "";
	struct msg m;
	int got;

	if (count > VERIFY_LOGS_MAX)
		fatal("message from the core: %u logs are too many", count);
	while (job->logs < count) {
		got = msg_recv(job->sock, &m, 1, &why);
		if (got == -EAGAIN) {
			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				fatal("poll: %s", strerror(errno));
			continue;
		}
		if (got != 1 || m.head.type != MSG_LOG || m.nfds != 1)
			fatal("message from the core: not a log: %s",
			    got == -EPROTO ? why :
				got < 0    ? strerror(-got) :
				got == 0   ? "it has gone" :
					     proto_name(m.head.type));
		job->fds[job->logs++] = m.fds[0];
	}
}

static int fail(struct proto_status *result, int status, const char *what, int err)
{
	result->status = status;
	snprintf(result->text, sizeof(result->text), "%s: %s", what, strerror(-err));
	return status;
}

static int facts(struct job *job, int fd, struct proto_status *result)
{
	int err = read_lines(job, fd, take_fact, &job->facts);

	if (err == -ENOMEM)
		fatal("no memory for the facts");
	if (!err && (!job->facts.docking.docking || job->facts.logs != job->logs))
		err = -EBADMSG;
	if (err)
		return fail(
		    result, err == -EBADMSG || err == -E2BIG ? -EBADMSG : -EIO, "the facts", err);
	return 0;
}

void audit_job(int sock, const struct msg *m, struct proto_status *result)
{
	const struct proto_verify *ask = (const struct proto_verify *)m->body;
	struct proto_audited audited = { .first_time_s = PROTO_NO_TIME,
		.last_time_s = PROTO_NO_TIME };
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		fatal("no memory for an audit");
	job->sock = sock;
	take_logs(job, ask->logs);
	facts(job, m->fds[FD_FACTS], result);
	answer(job, MSG_AUDITED, &audited);
	for (unsigned i = 0; i < job->logs; i++)
		close(job->fds[i]);
	audit_facts_clear(&job->facts);
	free(job);
}
