/*
 * verifier: dockd-verify started, asked and listened to: one process a question.
 *
 * Called by intake (digests), judge (signatures), acceptance (receipts) and audit. At most one
 * process a processor hashes at a time; short questions have one place more, so that a receipt
 * never waits for an evening's clips. It looks into nothing that it hands over.
 */
#ifndef DOCKD_VERIFIER_H
#define DOCKD_VERIFIER_H

#include "child.h"

#include "base/proto_verify.h"

struct verifier;

/* What a process said before it ended; valid during `done`. */
struct verdict {
	bool clean;  /* all that its job owes was said, and it exited well; else: */
	bool killed; /* by the system, not for what it was given: to be asked again, uncounted */
	const char *how; /* what it did not do */
	struct proto_status result;
	struct proto_digest digest;   /* VERIFY_DIGEST */
	struct proto_judged judged;   /* VERIFY_SIGNATURE, VERIFY_RECEIPT */
	struct proto_audited audited; /* VERIFY_AUDIT */
	unsigned findings;
	struct proto_finding finding[FINDINGS_MAX];
};

struct question {
	struct proto_verify ask; /* version is filled in */
	int fds[MSG_FDS_MAX];    /* of the job, in the order of enum verify_job */
	unsigned fds_n;
	const int *logs;      /* VERIFY_AUDIT: ask.logs descriptors */
	uint64_t patience_ms; /* then it is killed, and the verdict is not clean */
	uint64_t key;         /* the asker's, given back */
	void (*done)(void *arg, uint64_t key, const struct verdict *v);
	void *arg;
};

/* jobs 0 = one a processor. */
struct verifier *verifier_new(sd_event *event, unsigned jobs);
/* Kills what runs; `done` is not called any more. */
void verifier_free(struct verifier *v);

/* Whether a question of this job could be asked now: there is room, and the system has just not
 * killed a process, or refused one. */
bool verifier_room(const struct verifier *v, enum verify_job job);
/*
 * Asks. `done` is called once, later, from the loop, unless this fails: -EAGAIN: no room, or no
 * process can be started for now; -ENOMEM. The descriptors stay the caller's and may be closed at
 * once.
 */
int verifier_ask(struct verifier *v, const struct question *q);
/* Every LIGHT_TICK_MS: ends what takes too long. */
void verifier_tick(struct verifier *v);
/* Whether any question is open. */
bool verifier_busy(const struct verifier *v);

#endif
