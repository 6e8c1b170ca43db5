/*
 * ctl_doctor: dockctl doctor: gathers all findings, and shows them, the worst first.
 *
 * The core's come by ASK_DOCTOR; those of this machine from the other files of ctl_doctor. It
 * changes nothing. Without a daemon it says so, and what can be seen all the same.
 */
#include "ctl_doctor.h"

#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FINDINGS_MOST 1024
#define OF_ONE_CHECK 8 /* and level, but for what is well; the others are counted */

struct findings {
	struct proto_check *row;
	size_t n, room;
	unsigned more[FINDINGS_MOST]; /* that this row stands for; 0: for itself */
};

/* Where a row more of this check and level is counted; NULL: it has one of its own. So that those of
 * one check, of which anybody with an account can make many, leave room for all others. */
static unsigned *counted(struct findings *f, const struct proto_check *check)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->n && check->level != CHECK_WELL; i++) {
		if (f->row[i].level != check->level || strcmp(f->row[i].check, check->check) != 0)
			continue;
		if (n++ == OF_ONE_CHECK)
			return &f->more[i];
	}
	if (n == OF_ONE_CHECK)
		f->more[f->n] = 1;
	return NULL;
}

static void keep(void *arg, const struct proto_check *check)
{
	struct findings *f = arg;
	struct proto_check *more;
	unsigned *count;

	if (f->n == FINDINGS_MOST)
		return;
	count = counted(f, check);
	if (count) {
		++*count;
		return;
	}
	if (f->n == f->room) {
		more = reallocarray(f->row, f->room + 64, sizeof(*more));
		if (!more)
			return;
		f->row = more;
		f->room += 64;
	}
	f->row[f->n++] = *check;
}

static void tell_more(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!f->more[i])
			continue;
		snprintf(f->row[i].subject, sizeof(f->row[i].subject), "others");
		snprintf(f->row[i].what, sizeof(f->row[i].what), "and %u more", f->more[i]);
	}
}

/* ---- shown ---- */

static const char *clean(const char *text, char *out, size_t room)
{
	return text_clean(text, true, out, room);
}

/* Words of text, wrapped at 80 columns behind an indent. */
static void put_wrapped(const char *label, const char *text, unsigned column)
{
	unsigned at = column;
	char safe[TEXT_ESCAPED(PROTO_TEXT_LEN * 2)];
	const char *word = clean(text, safe, sizeof(safe));

	printf("%-*s", (int)column, label);
	while (*word) {
		unsigned n = (unsigned)strcspn(word, " ");

		if (at > column && at + 1 + n > 80) {
			printf("\n%*s", (int)column, "");
			at = column;
		}
		if (at > column)
			putchar(' ');
		printf("%.*s", (int)n, word);
		at += n + (at > column);
		word += n + strspn(word + n, " ");
	}
	putchar('\n');
}

static void put_finding(const struct proto_check *r)
{
	static const char *const labels[] = { [CHECK_WELL] = "well",
		[CHECK_UNSEEN] = "UNSEEN",
		[CHECK_NOTE] = "NOTE",
		[CHECK_WARN] = "WARN",
		[CHECK_BAD] = "BAD" };
	char first[TEXT_ESCAPED(sizeof(r->subject)) + sizeof(r->check) + sizeof(r->what) + 8];
	char subject[TEXT_ESCAPED(sizeof(r->subject))];

	snprintf(first, sizeof(first), "%s%s%s%s: %s", r->check, r->subject[0] ? " (" : "",
	    clean(r->subject, subject, sizeof(subject)), r->subject[0] ? ")" : "", r->what);
	put_wrapped(labels[r->level], first, 8);
	if (r->level < CHECK_NOTE)
		return;
	if (doctor_why(r->check)[0])
		put_wrapped("  why:", doctor_why(r->check), 8);
	if (r->advice[0])
		put_wrapped("  do:", r->advice, 8);
}

static void put_well(const struct findings *f)
{
	char list[4096] = "", subject[TEXT_ESCAPED(PROTO_NAME_LEN)];
	size_t used = 0, some = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct proto_check *r = &f->row[i];

		if (r->level != CHECK_WELL || used + 320 > sizeof(list))
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%s%s",
		    some ? ", " : "", r->check, r->subject[0] ? " " : "",
		    r->subject[0] ? clean(r->subject, subject, sizeof(subject)) : "");
		some++;
	}
	if (some)
		printf("%zu looked at and well: %s\n", some, list);
}

static int by_badness(const void *a, const void *b)
{
	const struct proto_check *x = a, *y = b;

	if (x->level != y->level)
		return x->level < y->level ? 1 : -1;
	return strcmp(x->check, y->check) ? strcmp(x->check, y->check) :
					    strcmp(x->subject, y->subject);
}

static bool put_json(const struct findings *f, enum check_level worst)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < f->n; i++) {
		const struct proto_check *r = &f->row[i];
		char what[TEXT_ESCAPED(sizeof(r->what))], advice[TEXT_ESCAPED(sizeof(r->advice))];
		char subject[TEXT_ESCAPED(sizeof(r->subject))];

		json_array_append_new(rows,
		    json_pack("{ss ss ss ss ss ss}", "check", r->check, "subject",
			text_clean(r->subject, false, subject, sizeof(subject)), "level",
			check_word((enum check_level)r->level), "what",
			text_clean(r->what, false, what, sizeof(what)), "why", doctor_why(r->check),
			"advice", text_clean(r->advice, false, advice, sizeof(advice))));
	}
	return json_line(stdout, json_pack("{ss so}", "level", check_word(worst), "checks", rows));
}

static void put_text(const struct findings *f)
{
	size_t some = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->row[i].level == CHECK_WELL)
			continue;
		put_finding(&f->row[i]);
		some++;
	}
	if (some)
		putchar('\n');
	put_well(f);
}

/* ---- asked ---- */

static int part_check(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_check row;

	if (m->head.type != MSG_CHECK)
		return -EPROTO;
	memcpy(&row, m->body, sizeof(row));
	if (row.level < CHECK_WELL || row.level > CHECK_BAD)
		return -EPROTO;
	keep(c->findings, &row);
	return 0;
}

/* The core's findings; 0, or an exit code where nothing more is to be said. */
static int ask_core(struct ctl *c, struct checks *to)
{
	struct proto_ctl_end end;
	int err =
	    ctl_ask(c, &(struct proto_ask){ .ask = ASK_DOCTOR }, CTL_PATIENCE_MS, part_check, &end);

	if (!err && !end.status)
		return CTL_OK;
	if (!err && end.status == -EPROTONOSUPPORT)
		check_say(to, CHECK_BAD, "versions", "",
		    "IT: systemctl restart dockd dockd-hotplug 'dockd-uploader@*'",
		    "dockd that runs and dockctl are of different versions: nothing can be asked");
	else if ((!err && end.status == -ENOTCONN) || err == -EPIPE || err == -ECONNRESET ||
	    err == -ETIMEDOUT)
		check_say(to, CHECK_BAD, "daemon", "",
		    "IT: systemctl status dockd, journalctl -u dockd say why; then systemctl enable "
		    "--now dockd",
		    "%.200s", end.text[0] ? end.text : "dockd does not answer");
	else
		return ctl_complain(err, &end);
	return CTL_OK;
}

/* What this machine shows. */
static void look_here(struct ctl *c, const struct checks *to)
{
	const char *path = ctl_option(c, OPTION_CONFIG);
	struct doctor_look l = { .to = to,
		.config_path = path ? path : DOCKD_SYSCONFDIR "/dockd/dockd.conf",
		.sys = "/sys",
		.dev = "/dev",
		.proc = "/proc",
		.root = geteuid() == 0,
		.now_s = (int64_t)time(NULL) };
	struct config *config = doctor_configuration(to, l.config_path);

	l.config = config;
	doctor_files(&l);
	doctor_machine(&l);
	doctor_processes(&l);
	doctor_dumps(&l);
	doctor_units(&l);
	free(config);
}

int doctor_run(struct ctl *c)
{
	static struct findings f;
	struct checks to = { keep, &f };
	enum check_level worst = CHECK_WELL;
	int code;

	if (c->args_n != 0)
		return ctl_usage("doctor takes no argument");
	c->findings = &f;
	code = ask_core(c, &to);
	if (code != CTL_OK) {
		free(f.row);
		return code;
	}
	look_here(c, &to);
	tell_more(&f);
	qsort(f.row, f.n, sizeof(*f.row), by_badness);
	for (size_t i = 0; i < f.n; i++)
		worst = f.row[i].level > worst ? (enum check_level)f.row[i].level : worst;
	if (!c->json)
		put_text(&f);
	else if (!put_json(&f, worst))
		worst = 0;
	free(f.row);
	return worst == 0       ? CTL_FAILED :
	    worst == CHECK_BAD  ? CTL_ILL :
	    worst == CHECK_WARN ? CTL_WARNED :
				  CTL_OK;
}
