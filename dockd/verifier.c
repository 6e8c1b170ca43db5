#include "verifier.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64
#define PAUSE_FIRST_MS 100 /* doubled each time that the system has nothing for a process, up to */
#define PAUSE_DOUBLED 8

struct job {
	struct verifier *verifier;
	struct child *child;
	struct question q;
	uint64_t deadline_ms;
	bool answered; /* DIGEST, JUDGED or AUDITED came */
	bool resulted;
	struct verdict verdict;
};

struct verifier {
	sd_event *event;
	unsigned jobs_max;
	struct job *jobs[JOBS_MAX + 1]; /* the last one beyond jobs_max is for short questions */
	unsigned starved; /* processes in a row that the system ended, or did not start */
	uint64_t pause_until_ms;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct verifier *verifier_new(sd_event *event, unsigned jobs)
{
	struct verifier *v = calloc(1, sizeof(*v));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!v)
		fatal("reason=\"out of memory\"");
	v->event = event;
	v->jobs_max = jobs ? jobs : cpus > 0 ? (unsigned)cpus : 1;
	if (v->jobs_max > JOBS_MAX)
		v->jobs_max = JOBS_MAX;
	return v;
}

void verifier_free(struct verifier *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i <= v->jobs_max; i++) {
		if (v->jobs[i]) {
			if (v->jobs[i]->child)
				child_drop(v->jobs[i]->child);
			free(v->jobs[i]);
		}
	}
	free(v);
}

static struct job **free_place(struct verifier *v, uint32_t job)
{
	unsigned places = job == VERIFY_DIGEST ? v->jobs_max : v->jobs_max + 1;

	if (v->starved && now_ms() < v->pause_until_ms)
		return NULL;
	for (unsigned i = 0; i < places; i++) {
		if (!v->jobs[i])
			return &v->jobs[i];
	}
	return NULL;
}

bool verifier_room(const struct verifier *v, enum verify_job job)
{
	return free_place((struct verifier *)v, job) != NULL;
}

/* The message with which a job answers, and where its body goes. */
static void *answer_of(struct job *job, unsigned *type, size_t *size)
{
	struct verdict *v = &job->verdict;

	switch ((enum verify_job)job->q.ask.job) {
	case VERIFY_DIGEST:
		*type = MSG_DIGEST;
		*size = sizeof(v->digest);
		return &v->digest;
	case VERIFY_SIGNATURE:
	case VERIFY_RECEIPT:
		*type = MSG_JUDGED;
		*size = sizeof(v->judged);
		return &v->judged;
	case VERIFY_AUDIT:
		*type = MSG_AUDITED;
		*size = sizeof(v->audited);
		return &v->audited;
	}
	return NULL;
}

static void job_message(void *arg, const struct msg *m)
{
	struct job *job = arg;
	unsigned type = 0;
	size_t size = 0;
	void *answer = answer_of(job, &type, &size);

	if (answer && m->head.type == type && !job->answered) {
		memcpy(answer, m->body, size);
		job->answered = true;
	} else if (m->head.type == MSG_FINDING && job->q.ask.job == VERIFY_AUDIT &&
	    !job->answered && job->verdict.findings < FINDINGS_MAX) {
		memcpy(&job->verdict.finding[job->verdict.findings++], m->body,
		    sizeof(struct proto_finding));
	} else if (m->head.type == MSG_RESULT && job->answered && !job->resulted) {
		memcpy(&job->verdict.result, m->body, sizeof(job->verdict.result));
		job->resulted = true;
	} else {
		child_kill(job->child, "a message that is not due now");
	}
}

/* The computer lacks something: not again and again at once, and said once. */
static void starved(struct verifier *v, const char *why)
{
	unsigned n = v->starved < PAUSE_DOUBLED ? v->starved : PAUSE_DOUBLED;

	if (v->starved++ == 0)
		log_error("worker-start",
		    "program=dockd-verify reason=\"%s; it is tried again until it goes\"",
		    log_text(why));
	v->pause_until_ms = now_ms() + ((uint64_t)PAUSE_FIRST_MS << n);
}

static void job_ended(void *arg, enum child_end end, const char *how)
{
	struct job *job = arg;
	struct verifier *v = job->verifier;
	bool clean = end == CHILD_DONE;

	for (unsigned i = 0; i <= v->jobs_max; i++) {
		if (v->jobs[i] == job)
			v->jobs[i] = NULL;
	}
	job->verdict.clean = clean && job->answered && job->resulted;
	job->verdict.how = clean ? "it gave no result" : how;
	job->verdict.killed = end == CHILD_KILLED;
	if (end == CHILD_KILLED)
		starved(v, how);
	else
		v->starved = 0;
	job->q.done(job->q.arg, job->q.key, &job->verdict);
	free(job);
}

int verifier_ask(struct verifier *v, const struct question *q)
{
	static const struct child_handlers handlers = { job_message, job_ended };
	struct job **place = free_place(v, q->ask.job);
	struct job *job;
	int r;

	if (!place)
		return -EAGAIN;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->verifier = v;
	job->q = *q;
	job->q.ask.version = PROTO_VERSION;
	job->deadline_ms = now_ms() + q->patience_ms;
	r = child_start(v->event, "dockd-verify", &handlers, job, &job->child);
	if (r < 0) {
		starved(v, strerror(-r));
		free(job);
		return -EAGAIN;
	}
	*place = job;
	r = child_send(job->child, MSG_VERIFY, &job->q.ask, q->fds, q->fds_n);
	for (unsigned i = 0; r == 0 && i < q->ask.logs; i++)
		r = child_send(job->child, MSG_LOG, NULL, &q->logs[i], 1);
	if (r < 0)
		child_kill(job->child, "its work could not be handed over");
	job->q.logs = NULL; /* the caller's */
	return 0;
}

void verifier_tick(struct verifier *v)
{
	for (unsigned i = 0; i <= v->jobs_max; i++) {
		struct job *job = v->jobs[i];

		if (job && job->child && now_ms() > job->deadline_ms) {
			job->deadline_ms = UINT64_MAX;
			child_kill(job->child, "it took too long");
		}
	}
}

bool verifier_busy(const struct verifier *v)
{
	for (unsigned i = 0; i <= v->jobs_max; i++) {
		if (v->jobs[i])
			return true;
	}
	return false;
}
