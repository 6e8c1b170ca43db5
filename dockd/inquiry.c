#include "inquiry.h"

#include "brief.h"
#include "clock.h"
#include "hex.h"
#include "index_asset.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 16 /* dockings looked at in one turn */
#define PAUSE_US UINT64_C(30000000)
#define PATIENCE_MS 60000
#define SLOWEST_BYTES_S UINT64_C(5000000) /* an audit slower than this is stuck */

enum inquiry_state { INQUIRY_IDLE = 0, INQUIRY_BEGUN, INQUIRY_ASKED };

struct inquiry {
	struct inquiry_parts p;
	const struct inquiry_handlers *handlers;
	void *arg;
	const struct config *config;
	enum inquiry_state state;
	struct docking docking;
	uint64_t report;
	unsigned logs;
	uint64_t after;    /* where the next look goes on */
	uint64_t pause_us; /* until then nothing is tried */
	char trouble[PROTO_TEXT_LEN * 2];
};

static struct index *ix(const struct inquiry *q)
{
	return journal_index(q->p.journal);
}

struct inquiry *inquiry_new(
    const struct inquiry_parts *parts, const struct inquiry_handlers *handlers, void *arg)
{
	struct inquiry *q = calloc(1, sizeof(*q));

	if (!q)
		fatal("reason=\"out of memory\"");
	q->p = *parts;
	q->handlers = handlers;
	q->arg = arg;
	return q;
}

void inquiry_free(struct inquiry *q)
{
	free(q);
}

void inquiry_configure(struct inquiry *q, const struct config *c)
{
	q->config = c;
	inquiry_retry(q);
}

void inquiry_retry(struct inquiry *q)
{
	q->after = 0;
	q->pause_us = 0;
	q->trouble[0] = '\0';
}

bool inquiry_idle(const struct inquiry *q)
{
	return q->state == INQUIRY_IDLE && q->pause_us == 0;
}

const char *inquiry_trouble(const struct inquiry *q)
{
	return q->trouble;
}

/* ---- which docking, and when ---- */

enum due { DUE_LATER = 1, DUE_NONE, DUE_HERE };

/* All that the camera shows is held, or it has gone. */
static bool is_over(const struct inquiry *q, const struct docking *d)
{
	const struct bays *h = q->p.bays;

	if (d->ended_s)
		return true;
	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->docking == d->number)
			return h->bay[i]->final && bay_holds_all(h->bay[i]);
	}
	return false;
}

static enum due due(const struct inquiry *q, const struct docking *d)
{
	const struct profile *p =
	    profile_find(q->config->profile, q->config->profiles_n, d->profile);
	struct log_state last;
	uint64_t one;

	if (!p)
		return DUE_LATER;
	if (!q->config->reports || p->logs == LOGS_NONE)
		return DUE_NONE;
	if (!is_over(q, d) || index_docking_open(ix(q), d->number, false) != 0)
		return DUE_LATER;
	if (index_docking_open(ix(q), d->number, true) != 0 && !judge_trouble(q->p.judge)[0])
		return DUE_LATER;
	if (p->logs == LOGS_UNSET && index_audit_logs(ix(q), d->number, &one, 1) == 0)
		return DUE_NONE;
	if (d->ended_s && index_docking_held(ix(q), d->number) == 0)
		return DUE_NONE; /* it left before anything was taken off it */
	/* what came of an earlier docking after a later one was audited belongs to no order of logs */
	if (index_log_state(ix(q), d->camera, d->number, &last) == 0 && last.docking > d->number)
		return DUE_NONE;
	return DUE_HERE;
}

/* The asset that the report becomes: one that was begun before a restart, or a new one. */
static uint64_t begin_report(struct inquiry *q, const struct docking *d)
{
	static struct asset a;
	char path[PROTO_NAME_LEN];
	struct record r;
	uint64_t number;

	if (index_report_begun(ix(q), d->number, &a) == 0)
		return a.number;
	number = index_new_asset(ix(q));
	snprintf(path, sizeof(path), "reports/docking-%" PRIu64 ".json", d->number);
	record_begin(&r, "found");
	record_number(&r, "asset", (int64_t)number);
	record_number(&r, "docking", (int64_t)d->number);
	record_text(&r, "camera", d->camera);
	record_text(&r, "profile", d->profile);
	record_text(&r, "kind", kind_word(KIND_REPORT));
	record_text(&r, "path", path);
	record_number(&r, "size", 0);
	record_number(&r, "protected", 0);
	journal_write(q->p.journal, &r);
	return number;
}

void inquiry_plan(struct inquiry *q)
{
	uint64_t numbers[PAGE];
	int n;

	if (!journal_works(q->p.journal) || q->state != INQUIRY_IDLE)
		return;
	if (q->pause_us && bay_now_us() < q->pause_us)
		return;
	q->pause_us = 0;
	n = index_to_inquire(ix(q), q->after, numbers, PAGE);
	q->after = n == PAGE ? numbers[n - 1] : 0;
	for (int i = 0; i < n; i++) {
		enum due what = DUE_NONE;

		if (index_docking(ix(q), numbers[i], &q->docking) == 0)
			what = due(q, &q->docking);
		if (what == DUE_NONE)
			index_inquired(ix(q), numbers[i]);
		if (what != DUE_HERE || !verifier_room(q->p.verifier, VERIFY_AUDIT))
			continue;
		q->report = begin_report(q, &q->docking);
		q->state = INQUIRY_BEGUN;
		q->after = 0;
		return;
	}
}

/* ---- what is handed over ---- */

static void add_docking(struct inquiry *q, struct brief *b)
{
	const struct docking *d = &q->docking;
	const struct profile *p =
	    profile_find(q->config->profile, q->config->profiles_n, d->profile);
	static struct record r;
	struct clock_state clock;

	clock_state(&clock);
	record_begin(&r, "docking");
	record_number(&r, "docking", (int64_t)d->number);
	record_text(&r, "camera", d->camera);
	record_text(&r, "bay", d->bay);
	record_text(&r, "station", q->config->station);
	record_text(&r, "profile", d->profile);
	record_number(&r, "docked", d->began_s);
	record_number(&r, "now", clock_now_s());
	record_text(&r, "zone", p && p->clock_zone_text[0] ? p->clock_zone_text : "UTC0");
	record_text(&r, "clock-source", clock.source);
	record_number(&r, "clock-synchronised", clock.synchronised);
	if (d->offset_ms != PROTO_NO_TIME)
		record_number(&r, "clock-offset-ms", d->offset_ms);
	brief_add(b, &r);
}

/* Where this camera's log ended before. Its docking, 0: none was audited. */
static uint64_t add_last(struct inquiry *q, struct brief *b)
{
	static struct record r;
	struct log_state last;
	struct docking d;

	if (index_log_state(ix(q), q->docking.camera, q->docking.number, &last) < 0)
		return 0;
	record_begin(&r, "last");
	record_number(&r, "seq", (int64_t)last.seq);
	record_text(&r, "sha256", last.sha256);
	record_number(&r, "time", last.time_s);
	record_number(&r, "docking", (int64_t)last.docking);
	if (index_docking(ix(q), last.docking, &d) == 0 && d.ended_s)
		record_number(&r, "ended", d.ended_s);
	brief_add(b, &r);
	return last.docking;
}

static void add_log(struct brief *b, const struct asset *a)
{
	static struct record r;

	record_begin(&r, "log");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "path", a->path);
	record_number(&r, "size", (int64_t)a->size_bytes);
	record_text(&r, "sha256", a->sha256);
	record_text(&r, "signature", a->signature);
	brief_add(b, &r);
}

struct clips {
	struct inquiry *inquiry;
	struct brief *brief;
};

static int add_clip(void *arg, const struct asset *a)
{
	struct clips *c = arg;
	static struct asset root;
	static struct record r;

	if (a->merged_into && index_asset(ix(c->inquiry), a->merged_into, &root) == 0 &&
	    strcmp(root.path, a->path) == 0)
		return 0; /* the same once more */
	record_begin(&r, "clip");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "path", a->path);
	record_number(&r, "size", (int64_t)a->size_bytes);
	record_number(&r, "docking", (int64_t)a->docking);
	if (a->sha256[0])
		record_text(&r, "sha256", a->sha256);
	if (a->mtime_s != PROTO_NO_TIME)
		record_number(&r, "mtime", a->mtime_s);
	if (a->erased)
		record_number(&r, "erased", 1);
	brief_add(c->brief, &r);
	return 0;
}

/* Opens the logs of a docking: descriptors, and a fact of each. Count or -errno. */
static int open_logs(struct inquiry *q, struct brief *b, int fds[VERIFY_LOGS_MAX], uint64_t *bytes)
{
	uint64_t numbers[VERIFY_LOGS_MAX];
	static struct asset a;
	int logs = 0, n = index_audit_logs(ix(q), q->docking.number, numbers, VERIFY_LOGS_MAX);

	for (int i = 0; i < n; i++) {
		int fd;

		if (index_asset(ix(q), numbers[i], &a) < 0)
			continue;
		fd = staging_read(q->p.staging, a.merged_into ? a.merged_into : a.number);
		if (fd < 0)
			continue; /* the station's copy has gone: it was audited when it came */
		add_log(b, &a);
		*bytes += a.size_bytes;
		fds[logs++] = fd;
	}
	return n < 0 ? n : logs;
}

/* The facts of the docking and its logs. A descriptor or -errno; *logs_n of fds are open. */
static int write_facts(
    struct inquiry *q, int fds[VERIFY_LOGS_MAX], unsigned *logs_n, uint64_t *bytes)
{
	struct brief *b = brief_new();
	struct clips clips = { q, b };
	uint64_t since;
	int n, err, fd;

	*logs_n = 0;
	if (!b)
		return -ENOMEM;
	add_docking(q, b);
	since = add_last(q, b);
	n = open_logs(q, b, fds, bytes);
	if (n > 0)
		*logs_n = (unsigned)n;
	err = n < 0 ? n : index_audit_clips(ix(q), q->docking.camera, since, add_clip, &clips);
	fd = brief_fd(b);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

/* An empty part file for the report, whatever a run before this one left of it. fd or -errno. */
static int open_report(struct inquiry *q)
{
	int r;

	staging_retire(q->p.staging, q->report);
	r = staging_part(q->p.staging, q->report, 0);
	return r;
}

static void failed(struct inquiry *q, const char *why)
{
	log_error(
	    "audit-failed", "docking=%" PRIu64 " reason=\"%s\"", q->docking.number, log_text(why));
	snprintf(q->trouble, sizeof(q->trouble),
	    "docking %" PRIu64 " could not be audited, it is tried again: %.150s",
	    q->docking.number, why);
	q->state = INQUIRY_IDLE;
	q->after = q->docking.number; /* the others have their turn before it is tried again */
	q->pause_us = bay_now_us() + PAUSE_US;
}

static void answered(void *arg, uint64_t key, const struct verdict *v);

void inquiry_act(struct inquiry *q)
{
	struct question ask = { .ask.job = VERIFY_AUDIT, .fds = { -1, -1 }, .done = answered };
	int logs[VERIFY_LOGS_MAX] = { 0 }, r;
	uint64_t bytes = 0;

	if (q->state != INQUIRY_BEGUN || !journal_works(q->p.journal) ||
	    !verifier_room(q->p.verifier, VERIFY_AUDIT))
		return;
	handover("inquiry-begun");
	ask.arg = q;
	ask.logs = logs;
	ask.fds_n = 2;
	ask.fds[0] = write_facts(q, logs, &q->logs, &bytes);
	ask.fds[1] = ask.fds[0] < 0 ? -1 : open_report(q);
	ask.ask.logs = q->logs;
	ask.patience_ms = PATIENCE_MS + bytes * 1000 / SLOWEST_BYTES_S;
	r = ask.fds[0] < 0 ? ask.fds[0] : ask.fds[1];
	if (r >= 0) {
		r = verifier_ask(q->p.verifier, &ask);
		q->state = r == 0 ? INQUIRY_ASKED : q->state;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (ask.fds[i] >= 0)
			close(ask.fds[i]);
	}
	for (unsigned i = 0; i < q->logs; i++)
		close(logs[i]);
	if (r < 0 && r != -EAGAIN)
		failed(q, strerror(-r));
}

/* ---- what came of it ---- */

/* 1970 to the year 9999, as facts may have it (verify/audit_facts.h). */
static bool is_time(int64_t time_s)
{
	return time_s >= 0 && time_s < INT64_C(253402300800);
}

static void write_audited(struct inquiry *q, const struct proto_audited *a)
{
	char sha256[PROTO_ID_LEN];
	struct record r;

	record_begin(&r, "audited");
	record_number(&r, "docking", (int64_t)q->docking.number);
	record_number(&r, "asset", (int64_t)q->report);
	record_text(&r, "camera", q->docking.camera);
	record_number(&r, "logs", q->logs);
	record_number(&r, "lines", (int64_t)(a->lines & INT64_MAX));
	record_number(&r, "damaged", (int64_t)(a->damaged & INT64_MAX));
	record_number(&r, "findings", a->findings);
	record_number(&r, "opaque", a->opaque != 0);
	if (a->last_seq > 0 && a->last_seq <= INT64_MAX && a->first_seq <= INT64_MAX &&
	    is_time(a->last_time_s)) {
		hex_write(a->last_sha256, sizeof(a->last_sha256), sha256);
		record_number(&r, "first-seq", (int64_t)a->first_seq);
		record_number(&r, "last-seq", (int64_t)a->last_seq);
		record_text(&r, "last-sha256", sha256);
	}
	if (is_time(a->first_time_s))
		record_number(&r, "first-time", a->first_time_s);
	if (is_time(a->last_time_s))
		record_number(&r, "last-time", a->last_time_s);
	journal_write(q->p.journal, &r);
	log_info("audited",
	    "docking=%" PRIu64 " camera=\"%s\" report=%" PRIu64 " logs=%u lines=%" PRIu64
	    " damaged=%" PRIu64 " findings=%u",
	    q->docking.number, log_text(q->docking.camera), q->report, q->logs, a->lines,
	    a->damaged, a->findings);
}

static bool is_word(const char *code)
{
	return code[0] && code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void write_finding(struct inquiry *q, const struct proto_finding *f)
{
	static struct asset a;
	const char *code = is_word(f->code) ? f->code : "unnamed";
	bool named = f->asset > 0 && f->asset <= INT64_MAX &&
	    index_asset(ix(q), f->asset, &a) == 0 && strcmp(a.camera, q->docking.camera) == 0;
	struct record r;

	record_begin(&r, "finding");
	record_number(&r, "docking", (int64_t)q->docking.number);
	if (named)
		record_number(&r, "asset", (int64_t)f->asset);
	if (f->seq > 0 && f->seq <= INT64_MAX)
		record_number(&r, "log-seq", (int64_t)f->seq);
	record_text(&r, "code", code);
	record_text(&r, "text", f->text);
	journal_write(q->p.journal, &r);
	log_warn("finding", "docking=%" PRIu64 " asset=%" PRIu64 " code=%s reason=\"%s\"",
	    q->docking.number, named ? f->asset : 0, code, log_text(f->text));
}

/* The report, its size now known, sealed. Whether that went well. */
static bool seal(struct inquiry *q)
{
	int64_t length = staging_part_length(q->p.staging, q->report);
	static struct asset a;
	struct record r;

	if (length <= 0)
		return false;
	record_begin(&r, "resized");
	record_number(&r, "asset", (int64_t)q->report);
	record_number(&r, "size", length);
	journal_write(q->p.journal, &r);
	q->handlers->made(q->arg, q->report);
	return index_asset(ix(q), q->report, &a) == 0 && a.rung == RUNG_STAGED;
}

static void answered(void *arg, uint64_t key, const struct verdict *v)
{
	struct inquiry *q = arg;

	(void)key;
	if (!v->clean || v->result.status < 0) {
		failed(q, !v->clean ? v->how : v->result.text);
		return;
	}
	handover("inquiry-answered");
	if (!seal(q)) {
		failed(q, "its report could not be kept on this station's disk");
		return;
	}
	q->trouble[0] = '\0';
	write_audited(q, &v->audited);
	for (unsigned i = 0; i < v->findings; i++)
		write_finding(q, &v->finding[i]);
	q->state = INQUIRY_IDLE;
	handover("inquiry-audited");
}
