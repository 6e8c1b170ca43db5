/*
 * judge_job: reads facts and files of one question and has them judged.
 *
 * Called by main for VERIFY_SIGNATURE and VERIFY_RECEIPT, behind the sandbox. Owns descriptors and
 * bytes; what they mean is signature's and receipt's. It must never read more of a file than its
 * limit, and never give a judgement where an input of our own was not as agreed.
 */
#include "judge_job.h"

#include "../base/log.h"
#include "facts.h"
#include "receipt.h"
#include "signature.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum signature_fd { FD_FACTS, FD_SIDECAR, FD_ANCHORS, FD_CRLS };
enum receipt_fd { FD_RECEIPT_FACTS, FD_NOTE };

struct file {
	char *bytes;
	size_t len; /* limit + 1: there is more */
};

int judge_prepare(void)
{
	return signature_prepare();
}

/* All of fd from its first byte, one byte beyond limit at most. 0 or -errno. */
static int read_file(int fd, size_t limit, struct file *out)
{
	ssize_t n = 1;

	out->len = 0;
	out->bytes = malloc(limit + 1);
	if (!out->bytes)
		fatal("no memory for %zu bytes", limit);
	while (n > 0 && out->len <= limit) {
		n = pread(fd, out->bytes + out->len, limit + 1 - out->len, (off_t)out->len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			out->len += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

static void fail(struct proto_status *result, int status, const char *what, const char *why)
{
	result->status = status;
	snprintf(result->text, sizeof(result->text), "%s: %s", what, why);
}

/* An input of our own: one that is too large is our trouble. */
static bool take(
    int fd, size_t limit, const char *what, struct file *out, struct proto_status *result)
{
	int err = read_file(fd, limit, out);

	if (err < 0)
		fail(result, -EIO, what, strerror(-err));
	else if (out->len > limit)
		fail(result, -E2BIG, what, "larger than dockd reads");
	return result->status == 0;
}

/* What came from outside: of one that is too large, its length says so. */
static bool take_foreign(int fd, const char *what, struct file *out, struct proto_status *result)
{
	int err = read_file(fd, SIDECAR_MAX, out);

	if (err < 0)
		fail(result, -EIO, what, strerror(-err));
	return err == 0;
}

static void signature(const struct msg *m, struct proto_judged *judged, struct proto_status *result)
{
	static struct signing_facts facts;
	struct file file[4] = { { 0 } };
	const char *why = "";

	if (!take(m->fds[FD_FACTS], FACTS_MAX, "facts", &file[FD_FACTS], result) ||
	    !take_foreign(m->fds[FD_SIDECAR], "the signature", &file[FD_SIDECAR], result) ||
	    !take(m->fds[FD_ANCHORS], TRUST_MAX, "anchors", &file[FD_ANCHORS], result) ||
	    !take(m->fds[FD_CRLS], TRUST_MAX, "revocation lists", &file[FD_CRLS], result))
		goto out;
	if (facts_signing(file[FD_FACTS].bytes, file[FD_FACTS].len, &facts, &why) < 0) {
		fail(result, -EBADMSG, "facts", why);
	} else {
		struct trust trust = {
			.anchors = file[FD_ANCHORS].bytes,
			.anchors_len = file[FD_ANCHORS].len,
			.crls = file[FD_CRLS].bytes,
			.crls_len = file[FD_CRLS].len,
		};

		if (signature_judge(&facts, file[FD_SIDECAR].bytes, file[FD_SIDECAR].len, &trust,
			judged, &why) < 0)
			fail(result, -EBADMSG, "trust", why);
	}
out:
	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		free(file[i].bytes);
}

static void receipt(const struct msg *m, struct proto_judged *judged, struct proto_status *result)
{
	static struct receipt_facts facts;
	struct file file[2] = { { 0 } };
	const char *why = "";

	if (take(m->fds[FD_RECEIPT_FACTS], FACTS_MAX, "facts", &file[0], result) &&
	    take_foreign(m->fds[FD_NOTE], "the receipt", &file[1], result)) {
		if (facts_receipt(file[0].bytes, file[0].len, &facts, &why) < 0)
			fail(result, -EBADMSG, "facts", why);
		else
			receipt_judge(&facts, file[1].bytes, file[1].len, judged);
	}
	free(file[0].bytes);
	free(file[1].bytes);
}

void judge_job(const struct msg *m, struct proto_judged *judged, struct proto_status *result)
{
	const struct proto_verify *ask = (const struct proto_verify *)m->body;

	memset(judged, 0, sizeof(*judged));
	judged->time_s = PROTO_NO_TIME;
	if (ask->job == VERIFY_SIGNATURE)
		signature(m, judged, result);
	else
		receipt(m, judged, result);
	if (result->status != 0)
		judged->result = 0;
}
