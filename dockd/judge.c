#include "judge.h"

#include "brief.h"
#include "index_asset.h"
#include "pair.h"
#include "recorded.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 32 /* rows looked at in one turn */
#define JOBS_MAX 8
#define TRIES_MAX 3
#define PAUSE_MS 60000 /* until what could not be judged is looked at again */
#define PATIENCE_MS 60000
#define MANIFESTS_MAX 8 /* lists of digests that one file is looked for in */
#define KEYS_MAX 32     /* FACTS_KEYS_MAX of verify */

/* A question that is out. */
struct job {
	uint64_t asset;   /* 0: free */
	uint64_t sidecar; /* whose bytes were handed over */
	unsigned manifest;
	char sha256[PROTO_ID_LEN];
	enum signing_scheme scheme;
};

struct judge {
	struct journal *journal;
	struct staging *staging;
	struct verifier *verifier;
	const struct judge_handlers *handlers;
	void *arg;
	const struct profile *profiles;
	size_t profiles_n;
	uint64_t after;  /* where the next look goes on */
	bool begin_anew; /* at the end of this look */
	uint64_t look_again_ms;
	char trouble[PROTO_TEXT_LEN * 4];
	struct job job[JOBS_MAX];
	struct {
		uint64_t asset;
		unsigned n;
	} tries[JOBS_MAX];
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct index *ix(const struct judge *j)
{
	return journal_index(j->journal);
}

struct judge *judge_new(struct journal *journal, struct staging *s, struct verifier *v,
    const struct judge_handlers *handlers, void *arg)
{
	struct judge *j = calloc(1, sizeof(*j));

	if (!j)
		fatal("reason=\"out of memory\"");
	j->journal = journal;
	j->staging = s;
	j->verifier = v;
	j->handlers = handlers;
	j->arg = arg;
	return j;
}

void judge_free(struct judge *j)
{
	free(j);
}

void judge_configure(struct judge *j, const struct profile *profiles, size_t n)
{
	j->profiles = profiles;
	j->profiles_n = n;
	judge_retry(j);
}

void judge_retry(struct judge *j)
{
	j->after = 0;
	j->look_again_ms = 0;
	j->trouble[0] = '\0';
	memset(j->tries, 0, sizeof(j->tries));
}

const char *judge_trouble(const struct judge *j)
{
	return j->trouble;
}

bool judge_idle(const struct judge *j)
{
	uint64_t number;
	bool again;

	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (j->job[i].asset)
			return false;
	}
	return index_to_judge(ix(j), j->after, &number, &again, 1) == 0;
}

/* ---- finding the pair ---- */

static uint64_t root_of(const struct asset *a)
{
	return a->merged_into ? a->merged_into : a->number;
}

/* The newest signature of this file that was on the camera with it. 0, -ENOENT or -errno. */
static int its_sidecar(
    const struct judge *j, const struct profile *p, const struct asset *a, struct asset *out)
{
	static char paths[PAIR_PATHS][PROTO_PATH_LEN];
	static struct asset page[4];
	size_t n = pair_paths(p, a->path, paths);

	out->number = 0;
	for (size_t i = 0; i < n; i++) {
		int got = index_assets_at(ix(j), a->camera, paths[i], page, 4);

		if (got < 0)
			return got;
		for (int k = 0; k < got; k++) {
			if (page[k].number > out->number && page[k].number != a->number &&
			    pair_of_one_time(a, &page[k]))
				*out = page[k];
		}
	}
	return out->number ? 0 : -ENOENT;
}

/* The n-th newest list of digests that this file may be in. 0, -ENOENT or -errno. */
static int its_manifest(const struct judge *j, const struct profile *p, const struct asset *a,
    unsigned n, struct asset *out)
{
	static struct asset page[8];
	uint64_t before = INT64_MAX;
	unsigned pages = 0;
	int got;

	do {
		got = index_sidecars(ix(j), a->camera, before, page, 8);
		for (int i = 0; i < got; i++) {
			before = page[i].number;
			if (!pair_is_manifest(p, page[i].path) || page[i].merged_into ||
			    !pair_of_one_time(a, &page[i]))
				continue;
			if (n-- == 0) {
				*out = page[i];
				return 0;
			}
		}
	} while (got == 8 && ++pages < 64);
	return got < 0 ? got : -ENOENT;
}

/* A signature came: the files that it may belong to are looked at (again). */
static void look_at_its_files(struct judge *j, const struct profile *p, const struct asset *a)
{
	static struct asset page[8];
	char stem[PROTO_PATH_LEN];

	j->begin_anew = true; /* they have lower numbers, mostly */
	if (pair_is_manifest(p, a->path))
		index_judge_unsigned(ix(j), a->camera);
	if (pair_stem(p, a->path, stem) < 0)
		return;
	for (int both = 0; both < 2; both++) {
		int got = both ? index_assets_beside(ix(j), a->camera, stem, page, 8) :
				 index_assets_at(ix(j), a->camera, stem, page, 8);

		for (int i = 0; i < got; i++) {
			if (page[i].kind != KIND_SIDECAR && page[i].number != a->number &&
			    pair_has_stem(page[i].path, stem) && pair_of_one_time(&page[i], a))
				index_judge(ix(j), page[i].number);
		}
	}
}

/* ---- asking ---- */

/* A file that the profile names, or an empty one where it names none. fd or -errno. */
static int open_setting(
    struct judge *j, const struct profile *p, const char *setting, const char *path)
{
	struct stat st;
	int fd;

	if (!path[0])
		return brief_fd(brief_new());
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
		errno = EINVAL;
	}
	if (fd >= 0)
		return fd;
	fd = -errno;
	if (!j->trouble[0])
		log_error("signatures-wait", "profile=%s setting=%s path=\"%s\" reason=\"%s\"",
		    p->name, setting, log_text(path), strerror(-fd));
	snprintf(j->trouble, sizeof(j->trouble),
	    "signatures wait: %s of profile %s, %.200s, cannot be read: %s", setting, p->name, path,
	    strerror(-fd));
	return fd;
}

static struct job *free_job(struct judge *j)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (!j->job[i].asset)
			return &j->job[i];
	}
	return NULL;
}

static void judged(void *arg, uint64_t key, const struct verdict *v);

/*
 * The camera's own keys of this scheme, and what room is left for those of others: a mix-up of two
 * cameras is to be named as that. Count or -errno.
 */
static int its_keys(
    const struct judge *j, const struct profile *p, const struct asset *a, struct camera_key *out)
{
	static struct camera_key page[KEYS_MAX];
	int n = 0;

	for (int others = 0; others < 2; others++) {
		int got = index_keys(ix(j), others ? "" : a->camera, 0, page, KEYS_MAX);

		if (got < 0)
			return got;
		for (int i = 0; i < got && n < KEYS_MAX; i++) {
			bool own = strcmp(page[i].camera, a->camera) == 0;

			if (own != (bool)others && page[i].scheme == p->scheme)
				out[n++] = page[i];
		}
	}
	return n;
}

/*
 * Since when this station has held this file: the docking in which it was pulled, not the one that
 * listed its name first. PROTO_NO_TIME: not known.
 */
static int64_t held_since_s(const struct judge *j, const struct asset *a)
{
	uint64_t number = a->pulled_docking > a->docking ? a->pulled_docking : a->docking;
	struct docking d;

	return index_docking(ix(j), number, &d) == 0 ? d.began_s : PROTO_NO_TIME;
}

static int write_facts(
    struct judge *j, const struct profile *p, const struct asset *a, const struct asset *sidecar)
{
	static struct camera_key keys[KEYS_MAX];
	static struct docking d, before, clock;
	int64_t clip_s = held_since_s(j, a), sidecar_s = held_since_s(j, sidecar);
	struct brief_signing s = {
		.profile = p,
		.asset = a,
		.keys = keys,
		.docking = index_docking(ix(j), a->docking, &d) == 0 ? &d : NULL,
		.clock = recorded_docking(ix(j), a, &p->clock_zone, &clock) == 0 ? &clock : NULL,
		.before = index_docking_before(ix(j), a->camera, a->docking, &before) == 0 ?
		    &before :
		    NULL,
		.held_s = clip_s > sidecar_s ? clip_s : sidecar_s,
	};
	int n = p->scheme == SCHEME_CMS ? 0 : its_keys(j, p, a, keys);

	if (n < 0)
		return n;
	s.keys_n = (size_t)n;
	return brief_signing(&s);
}

/* 0, -EAGAIN (no room), or -errno: not now. */
static int ask(struct judge *j, const struct profile *p, const struct asset *a,
    const struct asset *sidecar, unsigned manifest)
{
	struct question q = { .ask.job = VERIFY_SIGNATURE,
		.fds = { -1, -1, -1, -1 },
		.patience_ms = PATIENCE_MS,
		.done = judged,
		.arg = j };
	struct job *job = free_job(j);
	int r = -EAGAIN;

	if (!job || !verifier_room(j->verifier, VERIFY_SIGNATURE))
		return -EAGAIN;
	q.fds[0] = write_facts(j, p, a, sidecar);
	if (q.fds[0] >= 0)
		q.fds[1] = staging_read(j->staging, root_of(sidecar));
	if (q.fds[1] >= 0)
		q.fds[2] = open_setting(j, p, "anchors-file", p->anchors_file);
	if (q.fds[2] >= 0)
		q.fds[3] = open_setting(j, p, "crl-file", p->crl_file);
	for (q.fds_n = 0; q.fds_n < 4 && q.fds[q.fds_n] >= 0; q.fds_n++)
		;
	if (q.fds_n < 4) {
		r = q.fds[q.fds_n] == -EAGAIN ? -EIO : q.fds[q.fds_n];
	} else {
		*job = (struct job){ .asset = a->number,
			.sidecar = root_of(sidecar),
			.manifest = manifest,
			.scheme = p->scheme };
		memcpy(job->sha256, a->sha256, sizeof(job->sha256));
		q.key = (uint64_t)(job - j->job);
		handover("judge-ask");
		r = verifier_ask(j->verifier, &q);
		if (r < 0)
			*job = (struct job){ 0 };
	}
	for (unsigned i = 0; i < q.fds_n; i++)
		close(q.fds[i]);
	return r;
}

/* ---- what came of it ---- */

static void put_down(struct judge *j, const struct job *job, const struct asset *a,
    enum signature_result result, const struct proto_judged *v, const char *text)
{
	bool unproved = v && (v->flags & JUDGED_TIME_UNPROVED);
	const char *word = signature_word(result);
	struct record r;

	record_begin(&r, "signature");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "result", word);
	record_number(&r, "time-unproved", unproved);
	if (result != SIGNATURE_UNSIGNED)
		record_number(&r, "sidecar", (int64_t)job->sidecar);
	record_text(&r, "scheme", scheme_word(job->scheme));
	if (v && v->signer[0])
		record_text(&r, "signer", v->signer);
	record_text(&r, "text", text);
	journal_write(j->journal, &r);
	log_event(result == SIGNATURE_VALID || result == SIGNATURE_UNSIGNED ? LOG_INFO_LEVEL :
									      LOG_WARN_LEVEL,
	    "signature",
	    "asset=%" PRIu64 " sidecar=%" PRIu64 " result=%s time-unproved=%d signer=\"%s\" "
	    "reason=\"%s\"",
	    a->number, job->sidecar, word, unproved, v ? log_text(v->signer) : "", log_text(text));
	handover("judge-judged");
	j->handlers->judged(j->arg, a->number);
}

/* How often it has failed by now; the places are few, and a new one takes the oldest. */
static unsigned failed(struct judge *j, uint64_t asset)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (j->tries[i].asset == asset)
			return ++j->tries[i].n;
	}
	memmove(j->tries + 1, j->tries, sizeof(j->tries) - sizeof(j->tries[0]));
	j->tries[0].asset = asset;
	j->tries[0].n = 1;
	return 1;
}

static bool is_result(uint32_t result)
{
	return result >= SIGNATURE_VALID && result <= SIGNATURE_UNREADABLE &&
	    result != SIGNATURE_CUT_SHORT;
}

/* Not in this list of digests: perhaps in an older one. Where nothing can be asked for now its row
 * stands, and it begins anew. */
static bool asked_further(struct judge *j, const struct asset *a, const struct job *job)
{
	const struct profile *p = profile_find(j->profiles, j->profiles_n, a->profile);
	static struct asset manifest;
	int r = -ENOENT;

	if (p && p->scheme == SCHEME_MANIFEST && job->manifest + 1 < MANIFESTS_MAX &&
	    its_manifest(j, p, a, job->manifest + 1, &manifest) == 0)
		r = ask(j, p, a, &manifest, job->manifest + 1);
	return r == 0 || r == -EAGAIN;
}

static void judged(void *arg, uint64_t key, const struct verdict *v)
{
	struct judge *j = arg;
	struct job job = j->job[key];
	static struct asset a;

	j->job[key] = (struct job){ 0 };
	j->after = 0;
	if (index_asset(ix(j), job.asset, &a) < 0 || strcmp(a.sha256, job.sha256) != 0)
		return; /* it is another one by now: its row still stands */
	if (v->killed)
		return; /* its row stands as well */
	if (!v->clean || v->result.status < 0 || !is_result(v->judged.result)) {
		const char *how = !v->clean ? v->how :
		    v->result.status < 0    ? v->result.text :
					      "an answer that does not exist";

		log_warn(
		    "judge-failed", "asset=%" PRIu64 " reason=\"%s\"", a.number, log_text(how));
		if (failed(j, a.number) >= TRIES_MAX)
			put_down(j, &job, &a, SIGNATURE_UNREADABLE, NULL,
			    "the check of its signature did not come to an end, three times");
		return;
	}
	if (v->judged.result == SIGNATURE_UNSIGNED && asked_further(j, &a, &job))
		return;
	if (v->judged.result == SIGNATURE_UNSIGNED && strcmp(a.signature, "unsigned") == 0)
		index_judged(ix(j), a.number); /* nothing new */
	else
		put_down(j, &job, &a, (enum signature_result)v->judged.result, &v->judged,
		    v->judged.text);
}

/* ---- each turn ---- */

enum step { STEP_DONE = 1, STEP_ASKED, STEP_WAITS, STEP_NO_ROOM };

static enum step asked(int r)
{
	return r == 0 ? STEP_ASKED : r == -EAGAIN ? STEP_NO_ROOM : STEP_WAITS;
}

static bool under_way(const struct judge *j, uint64_t asset)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (j->job[i].asset == asset)
			return true;
	}
	return false;
}

/* Disposed of, and not pulled again since: nothing can be judged by it any more. */
static bool is_gone(const struct judge *j, const struct asset *sidecar)
{
	static struct asset root;

	if (!sidecar->merged_into)
		return sidecar->file == FILE_RETIRED;
	return index_asset(ix(j), sidecar->merged_into, &root) == 0 && root.file == FILE_RETIRED;
}

static enum step look_at(struct judge *j, uint64_t number, bool again)
{
	static struct asset a, sidecar;
	const struct profile *p;
	int r;

	if (under_way(j, number))
		return STEP_ASKED;
	if (index_asset(ix(j), number, &a) < 0 || a.rung != RUNG_CHECKED)
		return STEP_DONE; /* it comes again when it is checked anew */
	p = profile_find(j->profiles, j->profiles_n, a.profile);
	if (!p)
		return STEP_WAITS;
	if (p->signing != SIGNING_YES)
		return STEP_DONE;
	if (a.kind == KIND_SIDECAR) {
		look_at_its_files(j, p, &a);
		return STEP_DONE;
	}
	if (strcmp(a.signature, "cut-short") == 0 || (strcmp(a.signature, "valid") == 0 && !again))
		return STEP_DONE;
	r = p->scheme == SCHEME_MANIFEST ? its_manifest(j, p, &a, 0, &sidecar) :
					   its_sidecar(j, p, &a, &sidecar);
	if (r == -ENOENT || (r == 0 && root_of(&sidecar) == a.sidecar && !again) ||
	    (r == 0 && is_gone(j, &sidecar)))
		return STEP_DONE;
	return r < 0 ? STEP_WAITS : asked(ask(j, p, &a, &sidecar, 0));
}

void judge_changed(struct judge *j, uint64_t asset)
{
	if (asset <= j->after)
		j->after = asset - 1;
}

bool judge_plan(struct judge *j)
{
	uint64_t numbers[PAGE];
	bool again[PAGE];
	int n;

	if (!journal_works(j->journal))
		return false;
	if (j->after && j->look_again_ms && now_ms() >= j->look_again_ms) {
		j->after = 0;
		j->look_again_ms = 0;
		j->trouble[0] = '\0';
	}
	j->begin_anew = false;
	n = index_to_judge(ix(j), j->after, numbers, again, PAGE);
	for (int i = 0; i < n; i++) {
		enum step step;

		j->after = numbers[i];
		step = look_at(j, numbers[i], again[i]);
		if (step == STEP_NO_ROOM) {
			j->after = j->begin_anew ? 0 : numbers[i] - 1;
			return false;
		}
		if (step == STEP_DONE)
			index_judged(ix(j), numbers[i]);
		if (step == STEP_WAITS && !j->look_again_ms)
			j->look_again_ms = now_ms() + PAUSE_MS;
	}
	if (j->begin_anew)
		j->after = 0;
	return n == PAGE || j->begin_anew;
}
