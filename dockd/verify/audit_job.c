/*
 * audit_job: reads the facts and the logs of one docking and answers with findings and a report.
 *
 * Called by main for VERIFY_AUDIT, behind the sandbox. Owns descriptors and messages; what is
 * judged is audit's. It must never hold a log: one buffer is read through.
 */
#include "audit_job.h"

#include "../base/log.h"
#include "audit_report.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES (256u << 10)

enum fd_role { FD_FACTS, FD_REPORT };

#define FINDINGS_OF_CODE 4 /* of each are sent before the rest */

struct place {
	unsigned log;
	uint64_t seq; /* of its first line of our form; 0: there is none */
};

struct job {
	int sock;
	struct audit_facts facts;
	int fds[VERIFY_LOGS_MAX];
	unsigned logs;
	struct place order[VERIFY_LOGS_MAX];
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

/* ---- the logs, in the order of their first line ---- */

struct peek {
	struct audit *audit;
	uint64_t seq;
	size_t bytes;
};

/* 1 ends: the first line of our form, or none for so long that it is another form. */
static int peek_line(void *context, const char *line, size_t len, enum line_end end)
{
	struct peek *p = context;

	p->bytes += len + 1;
	if (end != LINE_TOO_LONG)
		p->seq = audit_seq(line, len);
	return p->seq || p->bytes > AUDIT_OPAQUE_BYTES;
}

static int by_seq(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return (a->log > b->log) - (a->log < b->log);
}

/* Those without a line of our form have seq 0 and come first. 0 or -errno. */
static int put_in_order(struct job *job)
{
	for (unsigned i = 0; i < job->logs; i++) {
		struct peek p = { 0 };
		int err = read_lines(job, job->fds[i], peek_line, &p);

		if (err < 0)
			return err;
		job->order[i] = (struct place){ .log = i, .seq = p.seq };
	}
	qsort(job->order, job->logs, sizeof(job->order[0]), by_seq);
	return 0;
}

static int take_line(void *context, const char *line, size_t len, enum line_end end)
{
	audit_take(context, line, len, end);
	return 0;
}

/* A log of another form is looked at as far as it takes to know that. */
static int take_opaque(void *context, const char *line, size_t len, enum line_end end)
{
	struct peek *p = context;

	p->bytes += len + 1;
	audit_take(p->audit, line, len, end);
	return p->bytes > AUDIT_OPAQUE_BYTES;
}

static int read_logs(struct job *job, struct audit *a)
{
	int err = put_in_order(job);

	for (unsigned i = 0; err == 0 && i < job->logs; i++) {
		const struct place *place = &job->order[i];
		struct peek p = { .audit = a };

		audit_log(a, place->log);
		err = place->seq ? read_lines(job, job->fds[place->log], take_line, a) :
				   read_lines(job, job->fds[place->log], take_opaque, &p);
		audit_log_end(a);
		err = err > 0 ? 0 : err;
	}
	return err;
}

/* ---- answers ---- */

static int write_report(int fd, const char *report)
{
	size_t len = strlen(report), done = 0;

	while (done < len) {
		ssize_t n = write(fd, report + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Each code gets some room before any gets all. */
static void send_findings(const struct job *job, const struct audit *a)
{
	unsigned sent = 0, of_code[FINDING_CODES] = { 0 };

	for (int turn = 0; turn < 2; turn++) {
		memset(of_code, 0, sizeof(of_code));
		for (size_t i = 0; i < a->findings.kept && sent < FINDINGS_MAX; i++) {
			const struct finding *f = &a->findings.finding[i];
			struct proto_finding out = { .seq = f->seq, .asset = f->asset };

			if ((of_code[f->code]++ < FINDINGS_OF_CODE) != (turn == 0))
				continue;
			snprintf(out.code, sizeof(out.code), "%s", finding_name(f->code));
			memcpy(out.text, f->text, sizeof(out.text));
			answer(job, MSG_FINDING, &out);
			sent++;
		}
	}
}

/* What is known is sent also where reading or writing failed. */
static void audit(struct job *job, int report_fd, struct proto_status *result)
{
	struct audit *a = audit_new(&job->facts);
	struct proto_audited audited;
	char *report;
	int err;

	if (!a)
		fatal("no memory for an audit, or libcrypto has no SHA-256");
	err = read_logs(job, a);
	if (err)
		fail(result, -EIO, "reading a log", err);
	audit_end(a);
	report = audit_report(a);
	if (!report)
		fatal("no memory for a report");
	err = write_report(report_fd, report);
	free(report);
	if (err)
		fail(result, -EIO, "writing the report", err);
	send_findings(job, a);
	audit_fill(a, &audited);
	answer(job, MSG_AUDITED, &audited);
	audit_free(a);
}

void audit_job(int sock, const struct msg *m, struct proto_status *result)
{
	static const struct proto_audited none = { .first_time_s = PROTO_NO_TIME,
		.last_time_s = PROTO_NO_TIME };
	const struct proto_verify *ask = (const struct proto_verify *)m->body;
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		fatal("no memory for an audit");
	job->sock = sock;
	take_logs(job, ask->logs);
	if (facts(job, m->fds[FD_FACTS], result) == 0)
		audit(job, m->fds[FD_REPORT], result);
	else
		answer(job, MSG_AUDITED, &none);
	for (unsigned i = 0; i < job->logs; i++)
		close(job->fds[i]);
	audit_facts_clear(&job->facts);
	free(job);
}
