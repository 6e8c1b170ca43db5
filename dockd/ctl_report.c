/*
 * ctl_report: dockctl report: activation reports from files, or from the daemon; alone or summed up.
 *
 * Called by ctl. Reports are documents that dockd-verify wrote (dockd-report(5)); files of them are
 * read on any machine, without a daemon.
 */
#include "ctl_report.h"

#include "base/proto_asset.h"
#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_ask.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPORT_MAX (16u << 20) /* bytes of one document */
#define KIND "dockd activation report v1"

struct reports {
	json_t **report;
	size_t n;
	int code; /* enum ctl_exit: the worst so far */
};

static void take(struct reports *all, json_t *report, const char *name)
{
	json_t **more;

	if (!report || strcmp(report_text(report, "report"), KIND) != 0) {
		ctl_fail(CTL_FAILED, "%s: not an activation report that this version reads", name);
		json_decref(report);
		all->code = CTL_FAILED;
		return;
	}
	more = reallocarray(all->report, all->n + 1, sizeof(json_t *));
	if (!more)
		abort();
	all->report = more;
	all->report[all->n++] = report;
}

/* The document that fd holds, or NULL. */
static json_t *read_report(int fd)
{
	char *bytes = malloc(REPORT_MAX);
	json_t *report = NULL;
	size_t len = 0;
	ssize_t n = 0;

	while (bytes && len < REPORT_MAX) {
		n = read(fd, bytes + len, REPORT_MAX - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (bytes && n == 0)
		report = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
	free(bytes);
	return report;
}

static void read_files(const struct ctl *c, struct reports *all)
{
	for (int i = 0; i < c->args_n; i++) {
		int fd = open(c->args[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0) {
			ctl_fail(CTL_FAILED, "%s: %s", c->args[i], strerror(errno));
			all->code = CTL_FAILED;
			continue;
		}
		take(all, read_report(fd), c->args[i]);
		close(fd);
	}
}

/* ---- from the daemon ---- */

struct gather {
	struct ctl c; /* first: it is what an answer's parts are given */
	struct reports *all;
};

static int part_report(void *context, struct msg *m)
{
	struct gather *g = context;
	struct proto_ctl_asset a;
	char name[32];

	if (m->head.type != MSG_ASSET || m->nfds > 1)
		return -EPROTO;
	memcpy(&a, m->body, sizeof(a));
	snprintf(name, sizeof(name), "asset %llu", (unsigned long long)a.number);
	if (m->nfds == 0) {
		ctl_fail(
		    CTL_FAILED, "%s: this station's copy has gone: its destination has it", name);
		g->all->code = CTL_FAILED;
		return 0;
	}
	lseek(m->fds[0], 0, SEEK_SET);
	take(g->all, read_report(m->fds[0]), name);
	return 0;
}

/* A day "YYYY-MM-DD", as its first second. */
static bool read_day(const char *text, int64_t *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &tm);

	if (!end || *end || strlen(text) != strlen("YYYY-MM-DD"))
		return false;
	*s = (int64_t)timegm(&tm);
	return true;
}

static int ask_daemon(struct ctl *c, struct proto_ask *question, struct reports *all)
{
	struct gather g = { .c = *c, .all = all };
	struct proto_ctl_end end;
	int err = ctl_ask(&g.c, question, CTL_PATIENCE_MS, part_report, &end);

	c->sock = g.c.sock;
	err = ctl_complain(err, &end);
	return err ? err : all->code;
}

/* ---- summing up ---- */

static int by_docking(const void *x, const void *y)
{
	const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
	int order = strcmp(report_text(a, "camera"), report_text(b, "camera"));

	return order ? order : strcmp(report_text(a, "docked"), report_text(b, "docked"));
}

static void add_all(json_t *sums, const json_t *numbers)
{
	const char *key;
	json_t *n;

	json_object_foreach((json_t *)numbers, key, n)
	{
		json_int_t sum;

		if (__builtin_add_overflow(report_number(sums, key), json_integer_value(n), &sum))
			sum = INT64_MAX;
		json_object_set_new(sums, key, json_integer(sum));
	}
}

static json_t *docking_of(json_t *report)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:O?, s:i}", "docking",
	    report_number(report, "docking"), "station", report_text(report, "station"), "bay",
	    report_text(report, "bay"), "docked", report_text(report, "docked"), "continuity",
	    report_text(report, "continuity"), "times_ms", json_object_get(report, "times_ms"),
	    "findings", (int)json_array_size(json_object_get(report, "findings")));
}

json_t *report_summary(json_t *const *reports, size_t n)
{
	json_t *sums = json_object(), *counts = json_object();
	json_t *dockings = json_array(), *gaps = json_array();
	const char *until = "";

	for (size_t i = 0; i < n; i++) {
		const json_t *period = json_object_get(reports[i], "period");
		const char *from = report_text(period, "from");

		/* One form and one zone: texts compare as times do. */
		if (until[0] && from[0] && strcmp(from, until) > 0)
			json_array_append_new(
			    gaps, json_pack("{s:s, s:s}", "from", until, "until", from));
		if (report_text(period, "until")[0])
			until = report_text(period, "until");
		add_all(sums, json_object_get(reports[i], "times_ms"));
		add_all(counts, json_object_get(reports[i], "findings_by_code"));
		json_array_append_new(dockings, docking_of(reports[i]));
	}
	return json_pack("{s:s, s:s, s:O?, s:s, s:s, s:o, s:o, s:o, s:o}", "summary",
	    "dockd activation summary v1", "camera", report_text(reports[0], "camera"), "says",
	    json_object_get(reports[0], "says"), "from",
	    report_text(json_object_get(reports[0], "period"), "from"), "until", until, "times_ms",
	    sums, "dockings", dockings, "gaps", gaps, "findings_by_code", counts);
}

/* Several: each camera's sum; the reports themselves too where JSON is wanted. */
static bool show_many(const struct ctl *c, const struct reports *all)
{
	json_t *summaries = json_array(), *reports = json_array(), *s;
	size_t from = 0, i;
	bool good = true;

	for (i = 0; i < all->n; i++) {
		json_array_append(reports, all->report[i]);
		if (i + 1 < all->n &&
		    strcmp(report_text(all->report[i], "camera"),
			report_text(all->report[i + 1], "camera")) == 0)
			continue;
		json_array_append_new(summaries, report_summary(all->report + from, i + 1 - from));
		from = i + 1;
	}
	if (c->json) {
		s = json_pack("{s:O, s:O}", "summaries", summaries, "reports", reports);
		good = s && json_line(stdout, s);
	} else {
		json_array_foreach(summaries, i, s)
		{
			if (i)
				putchar('\n');
			report_show_summary(stdout, s);
		}
	}
	json_decref(summaries);
	json_decref(reports);
	return good;
}

static int show(const struct ctl *c, struct reports *all)
{
	bool good = true;

	qsort(all->report, all->n, sizeof(all->report[0]), by_docking);
	if (all->n > 1)
		good = show_many(c, all);
	else if (c->json)
		good = json_line(stdout, json_incref(all->report[0]));
	else
		report_show(stdout, all->report[0]);
	return good ? all->code : CTL_FAILED;
}

/* ---- the command ---- */

/* NULL, or what is wrong with the command line. */
static const char *read_question(struct ctl *c, struct proto_ask *question, bool *files)
{
	const char *camera = ctl_option(c, OPTION_CAMERA);
	const char *from = ctl_option(c, OPTION_FROM), *to = ctl_option(c, OPTION_TO);

	*files = c->args_n > 0 && !ctl_number(c->args[0], INT64_MAX, &question->number);
	question->from_s = question->until_s = PROTO_NO_TIME;
	if (*files)
		return camera || from || to ? "files are shown as they are: no other options" :
					      NULL;
	if (c->args_n > 1)
		return "report takes one docking, or files";
	if (c->args_n == 1 && (camera || from || to))
		return "a docking is one: no camera or period with it";
	if (c->args_n == 0 && !camera)
		return "report takes a docking, --camera, or files";
	if (camera && strlen(camera) >= sizeof(question->text))
		return "there is no such camera";
	if ((from && !read_day(from, &question->from_s)) ||
	    (to && !read_day(to, &question->until_s)))
		return "a day is YYYY-MM-DD";
	if (to)
		question->until_s += 86400; /* with that day */
	snprintf(question->text, sizeof(question->text), "%s", camera ? camera : "");
	return NULL;
}

int report_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_REPORTS };
	struct reports all = { .code = CTL_OK };
	bool files;
	const char *wrong = read_question(c, &question, &files);

	if (wrong)
		return ctl_usage(wrong);
	if (files)
		read_files(c, &all);
	else
		all.code = ask_daemon(c, &question, &all);
	if (all.n > 0) {
		all.code = show(c, &all);
	} else if (all.code == CTL_OK) {
		ctl_fail(CTL_FAILED, "there is no such report");
		all.code = CTL_FAILED;
	}
	for (size_t i = 0; i < all.n; i++)
		json_decref(all.report[i]);
	free(all.report);
	return all.code;
}
