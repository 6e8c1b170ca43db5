#include "ctl_ledger.h"

#include "base/base64.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the tree, as it grows ---- */

static void grow(struct tlog_edge *e, const struct tlog_hash *leaf)
{
	struct tlog_hash stored[TLOG_DEPTH];

	tlog_edge_add(e, leaf, stored);
}

/*
 * The audit path of one leaf is made of subtrees that lie side by side (RFC 6962, 2.1.1): the first
 * leaf of each and its place in the path. They are filled in one after the other.
 */
struct path {
	uint64_t leaf, size;
	size_t n;
	struct {
		uint64_t from, to;
	} part[TLOG_DEPTH]; /* nearest the leaf first */
	struct tlog_edge now;
};

static void plan_path(struct path *p, uint64_t leaf, uint64_t size)
{
	uint64_t from = 0, to = size;
	size_t n = 0;

	p->leaf = leaf;
	p->size = size;
	while (to - from > 1) {
		uint64_t half = 1;

		while (half * 2 < to - from)
			half *= 2;
		if (leaf < from + half) {
			p->part[n].from = from + half;
			p->part[n++].to = to;
			to = from + half;
		} else {
			p->part[n].from = from;
			p->part[n++].to = from + half;
			from += half;
		}
	}
	p->n = n;
	for (size_t i = 0; i < n / 2; i++) {
		uint64_t a = p->part[i].from, b = p->part[i].to;

		p->part[i] = p->part[n - 1 - i];
		p->part[n - 1 - i].from = a;
		p->part[n - 1 - i].to = b;
	}
}

static void follow_path(
    struct path *p, uint64_t index, const struct tlog_hash *leaf, struct tlog_hash *out)
{
	for (size_t i = 0; i < p->n; i++) {
		if (index < p->part[i].from || index >= p->part[i].to)
			continue;
		if (index == p->part[i].from)
			p->now = (struct tlog_edge){ 0 };
		grow(&p->now, leaf);
		if (index + 1 == p->part[i].to)
			tlog_edge_root(&p->now, &out[i]);
	}
}

/* ---- the check ---- */

struct check {
	struct ledger_verdict *v;
	struct tlog_edge tree;
	struct path path;
	bool reached, reached_against; /* the tree had that size */
	struct tlog_hash at_checkpoint, at_against;
	struct tlog_hash proved; /* the leaf to be proved */
};

__attribute__((format(printf, 2, 3))) static int refuse(
    struct ledger_verdict *v, const char *form, ...)
{
	va_list args;

	va_start(args, form);
	vsnprintf(v->problem, sizeof(v->problem), form, args);
	va_end(args);
	return 1;
}

int ledger_key(const char *given, char out[NOTE_VKEY_LEN])
{
	struct note_key key;
	size_t n;
	int rc;

	if (strlen(given) < NOTE_VKEY_LEN && note_key_parse(given, &key) == 0) {
		snprintf(out, NOTE_VKEY_LEN, "%s", given);
		return 0;
	}
	rc = records_read_text(AT_FDCWD, given, out, NOTE_VKEY_LEN);
	n = strlen(out);
	if (n > 0 && out[n - 1] == '\n')
		out[n - 1] = '\0';
	return rc < 0 ? rc : note_key_parse(out, &key);
}

/* A signed note into a checkpoint. 0, or 1 with the problem in words. */
static int read_checkpoint(
    struct ledger_verdict *v, const char *which, const char *note, struct tlog_checkpoint *out)
{
	const char *why = "";
	size_t len, by;

	if (note_open(note, strlen(note), &v->key, 1, &len, &by, &why) < 0)
		return refuse(v, "%s is not signed by the key %s: %s", which, v->key.name, why);
	if (tlog_checkpoint_parse(note, len, out) < 0)
		return refuse(v, "%s is signed but is no checkpoint", which);
	if (strcmp(out->origin, v->key.name) != 0)
		return refuse(v, "%s is of \"%s\", and not of the key's \"%s\"", which, out->origin,
		    v->key.name);
	return 0;
}

static int prepare(struct records *r, const struct ledger_wish *wish, struct check *c)
{
	const char *key = wish->key ? wish->key : records_key(r);
	struct ledger_verdict *v = c->v;
	int rc;

	v->key_given = wish->key != NULL;
	if (!key)
		return refuse(v, "no key came with the ledger: give the station's with --key");
	if (note_key_parse(key, &v->key) < 0)
		return refuse(v, "the key is no verifier key");
	if (!records_checkpoint(r))
		return refuse(v, "no checkpoint came with the ledger: nothing is signed");
	rc = read_checkpoint(v, "the checkpoint", records_checkpoint(r), &v->checkpoint);
	if (rc == 0 && wish->against)
		rc = read_checkpoint(v, "the earlier checkpoint", wish->against, &v->against);
	if (rc == 0 && wish->prove > v->checkpoint.size)
		rc = refuse(v,
		    "record %" PRIu64 " is not under the checkpoint of %" PRIu64 " records",
		    wish->prove, v->checkpoint.size);
	if (rc == 0 && wish->prove)
		plan_path(&c->path, wish->prove - 1, v->checkpoint.size);
	return rc;
}

static void look(struct check *c)
{
	if (c->tree.size == c->v->checkpoint.size) {
		tlog_edge_root(&c->tree, &c->at_checkpoint);
		c->reached = true;
	}
	if (c->tree.size == c->v->against.size) {
		tlog_edge_root(&c->tree, &c->at_against);
		c->reached_against = true;
	}
}

static int walk(struct records *r, const struct ledger_wish *wish, struct check *c)
{
	struct ledger_verdict *v = c->v;
	struct records_line line;
	struct tlog_hash leaf;
	int rc;

	look(c);
	while ((rc = records_next(r, &line)) == 1) {
		const char *when = record_get_text(line.record, "time");

		tlog_leaf(line.text, line.len, &leaf);
		if (wish->prove == line.seq)
			c->proved = leaf;
		if (wish->prove && line.seq <= c->path.size)
			follow_path(&c->path, line.seq - 1, &leaf, v->path);
		grow(&c->tree, &leaf);
		look(c);
		v->records = line.seq;
		snprintf(v->last, sizeof(v->last), "%s", when ? when : "");
		if (line.seq == 1)
			snprintf(v->first, sizeof(v->first), "%s", v->last);
	}
	if (rc < 0)
		return refuse(v, "%s", records_why(r));
	return 0;
}

static bool is_same(const struct tlog_hash *a, const struct tlog_hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int compare(const struct ledger_wish *wish, struct check *c)
{
	struct ledger_verdict *v = c->v;

	if (!c->reached)
		return refuse(v,
		    "records %" PRIu64 " to %" PRIu64
		    " are missing: the station has signed %" PRIu64 " records",
		    v->records + 1, v->checkpoint.size, v->checkpoint.size);
	if (!is_same(&c->at_checkpoint, &v->checkpoint.root))
		return refuse(v,
		    "the records 1 to %" PRIu64
		    " are not those that the station has signed: at least one was changed",
		    v->checkpoint.size);
	if (wish->against && !c->reached_against)
		return refuse(v,
		    "rolled back: the earlier checkpoint has %" PRIu64
		    " records, and here are %" PRIu64,
		    v->against.size, v->records);
	if (wish->against && !is_same(&c->at_against, &v->against.root))
		return refuse(v,
		    "another past: the first %" PRIu64
		    " records are not those of the earlier checkpoint",
		    v->against.size);
	if (wish->prove) {
		v->path_n = c->path.n;
		if (!tlog_is_in(v->checkpoint.size, wish->prove - 1, &c->proved, v->path, v->path_n,
			&v->checkpoint.root))
			return refuse(v, "the proof that was made does not hold");
	}
	return 0;
}

int ledger_verify(struct records *r, const struct ledger_wish *wish, struct ledger_verdict *out)
{
	struct check *c = calloc(1, sizeof(*c));
	int rc;

	memset(out, 0, sizeof(*out));
	if (!c)
		return -ENOMEM;
	c->v = out;
	rc = prepare(r, wish, c);
	if (rc == 0)
		rc = walk(r, wish, c);
	if (rc == 0)
		rc = compare(wish, c);
	out->good = rc == 0;
	free(c);
	return 0;
}

/* ---- commands ---- */

/* The ledger that the command line names, or the daemon's. An enum ctl_exit. */
static int open_ledger(struct ctl *c, struct records **out)
{
	const char *dir = ctl_option(c, OPTION_DIR);
	int rc;

	if (!dir)
		return records_ask(c, out);
	rc = records_open(dir, out);
	if (rc == 0)
		return CTL_OK;
	return ctl_fail(
	    CTL_FAILED, "%s: %s", dir, rc == -ENOENT ? "there is no ledger in it" : strerror(-rc));
}

static void key_hash(const struct note_key *key, char out[9])
{
	snprintf(out, 9, "%02x%02x%02x%02x", key->id[0], key->id[1], key->id[2], key->id[3]);
}

static int show_verdict(struct ctl *c, const struct ledger_verdict *v, uint64_t twice)
{
	char hash[9] = "", root[BASE64_LEN(TLOG_HASH_LEN) + 1] = "";

	key_hash(&v->key, hash);
	base64_write(v->checkpoint.root.bytes, TLOG_HASH_LEN, root);
	if (c->json) {
		json_t *o = json_pack("{sb ss sI ss ss ss ss sb sI ss sI}", "good", v->good,
		    "problem", v->problem, "records", (json_int_t)v->records, "first", v->first,
		    "last", v->last, "key_name", v->key.name, "key_hash", hash, "key_given",
		    v->key_given, "checkpoint_size", (json_int_t)v->checkpoint.size,
		    "checkpoint_root", v->checkpoint.size ? root : "", "against_size",
		    (json_int_t)v->against.size);

		if (!json_line(stdout, o))
			return CTL_FAILED;
		return v->good ? CTL_OK : CTL_FAILED;
	}
	printf("%s: %s\n", v->key.name[0] ? v->key.name : "ledger",
	    v->good ? "good, none is missing and none was changed" : "REFUSED");
	if (!v->good)
		printf("  problem     %s\n", v->problem);
	if (v->records)
		printf("  records     1 to %" PRIu64 ", %s to %s\n", v->records, v->first, v->last);
	if (v->checkpoint.size)
		printf("  checkpoint  %" PRIu64 " records, root %s, signed by %s+%s\n",
		    v->checkpoint.size, root, v->key.name, hash);
	if (v->good && v->records > v->checkpoint.size)
		printf("  newer       %" PRIu64 " records are not yet under a checkpoint\n",
		    v->records - v->checkpoint.size);
	if (v->good && v->against.size)
		printf("  grown from  the earlier checkpoint of %" PRIu64 " records\n",
		    v->against.size);
	if (twice)
		printf("  twice       %" PRIu64 " files or lines that tell the same again were "
		       "passed over\n",
		    twice);
	if (v->key.name[0] && !v->key_given)
		puts(
		    "  key         came with the ledger: compare it with the one that you know to be\n"
		    "              the station's (dockctl ledger key there), or give that with --key");
	return v->good ? CTL_OK : CTL_FAILED;
}

/* Runs the check with what the command line gives. An enum ctl_exit other than CTL_OK: told. */
static int run_check(struct ctl *c, struct records *r, uint64_t prove, struct ledger_verdict *v)
{
	const char *key = ctl_option(c, OPTION_KEY), *against = ctl_option(c, OPTION_AGAINST);
	struct ledger_wish wish = { .prove = prove };
	static char vkey[NOTE_VKEY_LEN], earlier[4096];
	int rc;

	if (key && ledger_key(key, vkey) < 0) {
		return ctl_fail(
		    CTL_USAGE, "--key: neither a verifier key nor a file that holds one");
	}
	wish.key = key ? vkey : NULL;
	if (against) {
		rc = records_read_text(AT_FDCWD, against, earlier, sizeof(earlier));
		if (rc < 0) {
			return ctl_fail(CTL_FAILED, "%s: %s", against, strerror(-rc));
		}
		wish.against = earlier;
	}
	rc = ledger_verify(r, &wish, v);
	return rc < 0 ? ctl_complain(rc, NULL) : CTL_OK;
}

static int run_verify(struct ctl *c, struct records *r)
{
	static struct ledger_verdict v;
	int code = run_check(c, r, 0, &v);

	return code ? code : show_verdict(c, &v, records_twice(r));
}

static int run_prove(struct ctl *c, struct records *r, uint64_t seq)
{
	static char text[65536];
	static struct ledger_verdict v;
	int code = run_check(c, r, seq, &v);

	if (code)
		return code;
	if (!v.good) {
		return ctl_fail(CTL_FAILED, "%s", v.problem);
	}
	if (tlog_proof_format(
		seq - 1, v.path, v.path_n, records_checkpoint(r), text, sizeof(text)) < 0)
		return CTL_FAILED;
	fputs(text, stdout);
	return CTL_OK;
}

/* ---- show ---- */

void ledger_print(FILE *out, const struct record *r)
{
	static const char *const front[] = { "seq", "time", "type", "salt" };
	char clean[TEXT_ESCAPED(RECORD_TEXT_MAX)];
	const char *when = record_get_text(r, "time");

	fprintf(out, "%" PRId64 " %s %s", record_get_number(r, "seq", 0),
	    text_clean(when ? when : "-", true, clean, 40), record_type(r));
	for (size_t i = 0; i < r->fields; i++) {
		const struct record_field *f = &r->field[i];
		bool told = false;

		for (size_t k = 0; k < sizeof(front) / sizeof(front[0]); k++)
			told = told || strcmp(front[k], f->key) == 0;
		if (told)
			continue;
		if (f->is_text)
			fprintf(out, " %s=\"%s\"", f->key,
			    text_clean(f->text, true, clean, sizeof(clean)));
		else
			fprintf(out, " %s=%" PRId64, f->key, f->number);
	}
	putc('\n', out);
}

struct filter {
	uint64_t asset, docking, from;
	const char *type;
};

static bool is_wanted(const struct filter *f, const struct records_line *l)
{
	const struct record *r = l->record;

	if (f->type && strcmp(record_type(r), f->type) != 0)
		return false;
	if (f->asset && (uint64_t)record_get_number(r, "asset", 0) != f->asset &&
	    (uint64_t)record_get_number(r, "into", 0) != f->asset)
		return false;
	if (f->docking && (uint64_t)record_get_number(r, "docking", 0) != f->docking)
		return false;
	return l->seq >= f->from;
}

static int run_show(struct ctl *c, struct records *r)
{
	const char *asset = ctl_option(c, OPTION_ASSET), *docking = ctl_option(c, OPTION_DOCKING);
	const char *from = ctl_option(c, OPTION_FROM);
	struct filter f = { .type = ctl_option(c, OPTION_TYPE) };
	struct records_line line;
	int rc;

	if ((asset && !ctl_number(asset, INT64_MAX, &f.asset)) ||
	    (docking && !ctl_number(docking, INT64_MAX, &f.docking)) ||
	    (from && !ctl_number(from, INT64_MAX, &f.from)))
		return ctl_usage("--asset, --docking and --from take a number");
	while ((rc = records_next(r, &line)) == 1) {
		if (!is_wanted(&f, &line))
			continue;
		if (c->json)
			printf("%.*s\n", (int)line.len, line.text);
		else
			ledger_print(stdout, line.record);
	}
	if (rc < 0)
		ctl_fail(CTL_FAILED, "%s", records_why(r));
	return rc < 0 ? CTL_FAILED : CTL_OK;
}

static int print_or_miss(const char *text, const char *what, const char *end)
{
	if (!text) {
		return ctl_fail(CTL_FAILED, "no %s came with the ledger", what);
	}
	printf("%s%s", text, end);
	return CTL_OK;
}

int ledger_run(struct ctl *c)
{
	const char *what = c->args_n > 0 ? c->args[0] : "";
	bool prove = strcmp(what, "prove") == 0;
	struct records *r = NULL;
	uint64_t seq = 0;
	int code;

	if (c->args_n != (prove ? 2 : 1) ||
	    (strcmp(what, "verify") != 0 && strcmp(what, "show") != 0 && !prove &&
		strcmp(what, "checkpoint") != 0 && strcmp(what, "key") != 0))
		return ctl_usage("ledger takes verify, show, prove N, checkpoint or key");
	if (prove && !ctl_number(c->args[1], INT64_MAX, &seq))
		return ctl_usage("ledger prove takes the number of a record");
	code = open_ledger(c, &r);
	if (code)
		return code;
	if (prove)
		code = run_prove(c, r, seq);
	else if (strcmp(what, "verify") == 0)
		code = run_verify(c, r);
	else if (strcmp(what, "show") == 0)
		code = run_show(c, r);
	else if (strcmp(what, "checkpoint") == 0)
		code = print_or_miss(records_checkpoint(r), "checkpoint", "");
	else
		code = print_or_miss(records_key(r), "key", "\n");
	records_close(r);
	return code;
}
