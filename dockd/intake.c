#include "intake.h"

#include "clock.h"
#include "hex.h"
#include "index_asset.h"
#include "retention.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64
#define DOUBTS_MAX 256
#define TRIES_MAX 3
#define OLD_S (24 * 60 * 60)
#define NO_ROOM_PAUSE_MS 5000
#define RESTARTS_MAX 5 /* copies gone bad on our own disk, before a person is called */
#define SLOWEST_BYTES_S UINT64_C(10000000) /* a verify slower than this is stuck */

/* An asset whose digest is being taken. */
struct job {
	uint64_t asset; /* 0: free */
	int64_t stamp_ns;
	bool again; /* a recheck */
};

/* Assets to be hashed again, and how often a verify of an asset has failed: both are few. */
struct doubt {
	uint64_t asset;
	unsigned tries;
	bool wanted; /* recheck asked */
};

struct intake {
	struct journal *journal;
	struct staging *staging;
	struct verifier *verifier;
	const struct intake_handlers *handlers;
	void *arg;
	const struct profile *profiles;
	size_t profiles_n;
	struct job jobs[JOBS_MAX];
	struct doubt doubts[DOUBTS_MAX];
	uint64_t after;            /* where to_verify goes on */
	uint64_t pause_until_ms;   /* the disk is full */
	uint64_t retire[JOBS_MAX]; /* merged: copies to be removed once that is on record */
	unsigned retire_n;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct intake *intake_new(struct journal *j, struct staging *s, struct verifier *v,
    const struct intake_handlers *handlers, void *arg)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (!in)
		fatal("reason=\"out of memory\"");
	in->journal = j;
	in->staging = s;
	in->verifier = v;
	in->handlers = handlers;
	in->arg = arg;
	return in;
}

void intake_free(struct intake *in)
{
	free(in);
}

void intake_configure(struct intake *in, const struct profile *profiles, size_t n)
{
	in->profiles = profiles;
	in->profiles_n = n;
}

static struct index *ix(struct intake *in)
{
	return journal_index(in->journal);
}

static struct doubt *doubt_of(struct intake *in, uint64_t asset, bool make)
{
	struct doubt *free_ = NULL;

	for (unsigned i = 0; i < DOUBTS_MAX; i++) {
		if (in->doubts[i].asset == asset)
			return &in->doubts[i];
		if (!in->doubts[i].asset && !free_)
			free_ = &in->doubts[i];
	}
	if (!make || !free_)
		return NULL;
	*free_ = (struct doubt){ .asset = asset };
	return free_;
}

static bool under_way(const struct intake *in, uint64_t asset)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (in->jobs[i].asset == asset)
			return true;
	}
	return false;
}

/* ctime of the sealed copy: any write, rename or chmod after the digest shows in it. */
static int64_t stamp_of(struct intake *in, uint64_t asset)
{
	struct stat st;
	int fd = staging_read(in->staging, asset);
	int64_t ns = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0)
		ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	close(fd);
	return ns;
}

/* ---- sealing ---- */

static void trouble(struct intake *in, uint64_t asset, const char *text)
{
	struct record r;

	record_begin(&r, "trouble");
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "text", text);
	journal_write(in->journal, &r);
	log_error("asset-trouble", "asset=%" PRIu64 " reason=\"%s\"", asset, log_text(text));
}

static void restarted(struct intake *in, uint64_t asset, const char *type, const char *reason)
{
	static struct asset a;
	struct record r;
	unsigned kept = 0;

	record_begin(&r, type);
	record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "reason", reason);
	if (staging_set_aside(in->staging, asset, &kept) == 0)
		record_number(&r, "kept", kept);
	journal_write(in->journal, &r);
	log_warn(type, "asset=%" PRIu64 " reason=\"%s\"", asset, reason);
	if (index_asset(ix(in), asset, &a) == 0 && a.restarts >= RESTARTS_MAX)
		trouble(
		    in, asset, "its copy went bad again and again: the station's disk is failing");
}

void intake_pulled(struct intake *in, uint64_t number)
{
	static struct asset a;
	uint64_t sealed_bytes;
	struct record r;
	int err = 0;

	if (index_asset(ix(in), number, &a) < 0)
		return;
	handover("intake-seal");
	if (!staging_sealed(in->staging, number, &sealed_bytes) || sealed_bytes != a.size_bytes)
		err = staging_seal(in->staging, number, a.size_bytes);
	if (err < 0) {
		restarted(in, number, "restarted",
		    err == -EBUSY        ? "somebody still writes to it" :
			err == -EMSGSIZE ? "its length is not what was listed" :
					   "fsync failed: the copy cannot be trusted");
		return;
	}
	handover("intake-sealed");
	record_begin(&r, "staged");
	record_number(&r, "asset", (int64_t)number);
	record_number(&r, "size", (int64_t)a.size_bytes);
	record_text(&r, "boot", staging_boot(in->staging));
	journal_write(in->journal, &r);
	if (number <= in->after)
		in->after = 0;
	log_info("staged", "asset=%" PRIu64 " size=%" PRIu64, number, a.size_bytes);
}

/* ---- verifying ---- */

/* The same bytes of the same camera are here already: that one stands for both. */
static void merge(struct intake *in, const struct asset *a, const char *id)
{
	static struct asset other;
	struct record r;
	int vouched;

	if (index_asset_by_id(ix(in), id, a->number, &other) < 0 || other.merged_into)
		return;
	/* as another kind it may have to go elsewhere, and that takes a copy */
	if (!(other.kinds >> a->kind & 1) && other.file != FILE_SEALED)
		return;
	/* disposed of before: it goes again, unless it is wanted by now */
	if (other.disposed &&
	    (retention_preserves(ix(in), &other) || retention_preserves(ix(in), a)))
		return;
	/* what is not committed of it was written just now, by this very turn */
	vouched = journal_vouches(in->journal, other.number, NULL);
	if (vouched < 0 && vouched != -EAGAIN)
		return;
	record_begin(&r, "merged");
	record_number(&r, "asset", (int64_t)a->number);
	record_number(&r, "into", (int64_t)other.number);
	journal_write(in->journal, &r);
	if (in->retire_n < JOBS_MAX)
		in->retire[in->retire_n++] = a->number;
	log_info("merged", "asset=%" PRIu64 " into=%" PRIu64, a->number, other.number);
}

static void checked(
    struct intake *in, const struct job *job, const struct proto_digest *d, const struct asset *a)
{
	char hex[PROTO_ID_LEN], id[PROTO_ID_LEN];
	struct record r;

	hex_write(d->sha256, sizeof(d->sha256), hex);
	asset_id(a->camera, hex, id);
	record_begin(&r, "checked");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "sha256", hex);
	record_number(&r, "length", (int64_t)d->length_bytes);
	if (d->digests & DIGEST_SHA384)
		record_hex(&r, "sha384", d->sha384, sizeof(d->sha384));
	if (d->digests & DIGEST_SHA512)
		record_hex(&r, "sha512", d->sha512, sizeof(d->sha512));
	record_text(&r, "id", id);
	record_text(&r, "signature", a->gone ? "cut-short" : "unsigned");
	record_number(&r, "stamp", job->stamp_ns);
	journal_write(in->journal, &r);
	log_info("checked", "asset=%" PRIu64 " id=%s sha256=%s length=%" PRIu64, a->number, id, hex,
	    d->length_bytes);
	merge(in, a, id);
	handover("intake-checked");
}

static void rechecked(
    struct intake *in, const struct job *job, const struct proto_digest *d, const struct asset *a)
{
	char hex[PROTO_ID_LEN];
	struct record r;

	hex_write(d->sha256, sizeof(d->sha256), hex);
	if (strcmp(hex, a->sha256) != 0 || d->length_bytes != a->size_bytes) {
		restarted(in, a->number, "unstaged", "the copy on the station's disk has changed");
		return;
	}
	record_begin(&r, "rechecked");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "boot", staging_boot(in->staging));
	record_number(&r, "stamp", job->stamp_ns);
	journal_write(in->journal, &r);
	log_info("rechecked", "asset=%" PRIu64, a->number);
}

/* It did not get to an end: again, up to three times, then a person. */
static void not_verified(struct intake *in, uint64_t asset, const char *how)
{
	struct doubt *d = doubt_of(in, asset, true);
	char text[PROTO_TEXT_LEN * 2];

	log_warn("verify-failed", "asset=%" PRIu64 " reason=\"%s\"", asset, log_text(how));
	if (d && ++d->tries < TRIES_MAX)
		return;
	snprintf(
	    text, sizeof(text), "its copy could not be checked %d times: %.150s", TRIES_MAX, how);
	trouble(in, asset, text);
	if (d)
		*d = (struct doubt){ 0 };
}

static void digested(void *arg, uint64_t key, const struct verdict *v)
{
	struct intake *in = arg;
	struct job job = in->jobs[key];
	const struct proto_digest *digest = &v->digest;
	static struct asset a;
	struct doubt *d;

	in->jobs[key] = (struct job){ 0 };
	if (index_asset(ix(in), job.asset, &a) < 0 || a.file == FILE_RETIRED)
		return;
	if (v->killed) {
		in->after = 0;
		if (job.again)
			intake_doubt(in, job.asset);
		return;
	}
	if (!v->clean) {
		not_verified(in, job.asset, v->how);
	} else if (v->result.status < 0 && v->result.status != -EIO &&
	    v->result.status != -EMSGSIZE) {
		not_verified(in, job.asset, v->result.text);
	} else if (v->result.status == -EIO) {
		restarted(in, job.asset, a.rung >= RUNG_CHECKED ? "unstaged" : "restarted",
		    "the copy on the station's disk cannot be read");
	} else if (job.again || a.rung >= RUNG_CHECKED) {
		rechecked(in, &job, digest, &a);
	} else if (digest->length_bytes != a.size_bytes || v->result.status < 0) {
		restarted(in, job.asset, "restarted",
		    "the sealed copy has another length than was listed");
	} else {
		checked(in, &job, digest, &a);
	}
	d = doubt_of(in, job.asset, false);
	if (d && !d->wanted && v->clean && v->result.status == 0)
		*d = (struct doubt){ 0 };
	in->after = 0;
	in->handlers->changed(in->arg, job.asset);
}

static int start(struct intake *in, uint64_t number, bool again)
{
	struct question q = { .ask.job = VERIFY_DIGEST, .fds_n = 1, .done = digested, .arg = in };
	const struct profile *p;
	static struct asset a;
	struct job *job = in->jobs;
	int r;

	while (job < in->jobs + JOBS_MAX && job->asset)
		job++;
	if (job == in->jobs + JOBS_MAX || !verifier_room(in->verifier, VERIFY_DIGEST) ||
	    index_asset(ix(in), number, &a) < 0)
		return -EAGAIN;
	*job = (struct job){ .asset = number, .again = again, .stamp_ns = stamp_of(in, number) };
	q.key = (uint64_t)(job - in->jobs);
	q.ask.size_bytes = a.size_bytes;
	p = profile_find(in->profiles, in->profiles_n, a.profile);
	q.ask.digests = p && !again ? p->digests : 0;
	q.patience_ms = 30000 + a.size_bytes * 1000 / SLOWEST_BYTES_S;
	q.fds[0] = job->stamp_ns < 0 ? -ENOENT : staging_read(in->staging, number);
	if (q.fds[0] < 0) {
		*job = (struct job){ 0 };
		if (a.file == FILE_SEALED)
			restarted(
			    in, number, "unstaged", "the copy is missing from the station's disk");
		return -ENOENT;
	}
	r = verifier_ask(in->verifier, &q);
	close(q.fds[0]);
	if (r < 0)
		*job = (struct job){ 0 };
	return r == -ENOENT ? -EIO : r; /* ENOENT is the copy's */
}

enum recheck intake_recheck(struct intake *in, const struct asset *a)
{
	struct doubt *d = doubt_of(in, a->number, false);
	int64_t now_s = clock_now_s();
	bool fresh = strcmp(a->boot, staging_boot(in->staging)) == 0 &&
	    now_s - a->staged_at_s < OLD_S && a->staged_at_s <= now_s + OLD_S;

	if (under_way(in, a->number) || (d && d->wanted))
		return RECHECK_QUEUED;
	if (fresh && stamp_of(in, a->number) == a->stamp_ns)
		return RECHECK_NOT_NEEDED;
	return intake_doubt(in, a->number) ? RECHECK_QUEUED : RECHECK_LATER;
}

bool intake_doubt(struct intake *in, uint64_t asset)
{
	struct doubt *d = doubt_of(in, asset, true);

	if (d)
		d->wanted = true;
	return d != NULL;
}

/* Whether another may be started; one that cannot be started for now is asked for again. */
static bool started(struct intake *in, uint64_t asset, bool again)
{
	int r = under_way(in, asset) ? 0 : start(in, asset, again);

	if (r < 0 && r != -EAGAIN && r != -ENOENT)
		in->pause_until_ms = now_ms() + NO_ROOM_PAUSE_MS;
	return r == 0 || r == -ENOENT;
}

void intake_plan(struct intake *in)
{
	uint64_t numbers[JOBS_MAX];
	int n;

	if (!journal_works(in->journal) || now_ms() < in->pause_until_ms)
		return;
	/* new ones first: a camera waits for them, and old ones may be many */
	n = index_to_verify(ix(in), in->after, numbers, JOBS_MAX);
	for (int i = 0; i < n; i++) {
		if (!started(in, numbers[i], false))
			return;
		in->after = numbers[i];
	}
	for (unsigned i = 0; i < DOUBTS_MAX; i++) {
		struct doubt *d = &in->doubts[i];

		if (!d->asset || !d->wanted)
			continue;
		if (!started(in, d->asset, true))
			return;
		d->wanted = false;
	}
}

void intake_act(struct intake *in)
{
	if (!journal_works(in->journal))
		return;
	while (in->retire_n > 0)
		staging_retire(in->staging, in->retire[--in->retire_n]);
}

void intake_retry(struct intake *in)
{
	memset(in->doubts, 0, sizeof(in->doubts));
	in->after = 0;
	in->pause_until_ms = 0;
}

bool intake_idle(const struct intake *in)
{
	uint64_t number;

	for (unsigned i = 0; i < JOBS_MAX; i++) {
		if (in->jobs[i].asset)
			return false;
	}
	return index_to_verify(journal_index(in->journal), 0, &number, 1) == 0;
}
