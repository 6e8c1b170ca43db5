#include "ctl.h"

#include "asset.h"
#include "light.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/dockd/control.sock"
#define PATIENCE_MS 60000  /* for an answer that is not parked */
#define WAIT_MAX_S 4000000 /* --timeout; fits proto_ask in milliseconds */

/* The command line, and what an answer needs to be shown. */
struct ctl {
	bool json;
	bool all;         /* queue --all */
	bool ledger_only; /* export --ledger */
	unsigned timeout_s;
	const char *socket;
	char **args; /* behind the command */
	int args_n;
	int sock;
	size_t shown;   /* rows */
	json_t *object; /* status or clip, completed by later parts */
	bool all_bays;
	uint64_t generation; /* of the status shown last */
};

static const char usage_text[] =
    "usage: dockctl [--json] [--socket PATH] COMMAND\n"
    "  status                        the station in one screen\n"
    "  watch                         the same, again whenever something changes\n"
    "  bay [NAME]                    all bays, or one in full\n"
    "  clip NUMBER                   one file: where it is, and why it is not further\n"
    "  queue [--all]                 files not yet proved at the server (--all: every file)\n"
    "  retry [clip N|bay NAME|all]   try again what needed a person\n"
    "  wait CONDITION [--timeout S]  clip N STATE|all STATE|bay NAME LIGHT|idle|dockings N\n"
    "  export DIR [--ledger]         copy files and ledger out (--ledger: the ledger only)\n"
    "  help, --version\n";

static int usage(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "dockctl: %s\n", wrong);
	fputs(usage_text, stderr);
	return CTL_USAGE;
}

/* A whole decimal number of at least 1. */
static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *out >= 1 && *out <= max;
}

int ctl_complain(int err, const struct proto_ctl_end *end)
{
	char clean[TEXT_ESCAPED(sizeof(end->text))];
	const char *text = "";

	if (!err && end) {
		err = end->status;
		text = text_clean(end->text, true, clean, sizeof(clean));
	}
	if (!err)
		return CTL_OK;
	if (err == -ETIMEDOUT && end && end->status == err) {
		fprintf(
		    stderr, "dockctl: it did not happen in time%s%s\n", text[0] ? ": " : "", text);
		return CTL_TIMED_OUT;
	}
	if (err == -ENOTCONN) {
		fprintf(stderr, "dockctl: %s\n", text);
		return CTL_NO_DAEMON;
	}
	if (err == -EPIPE || err == -ECONNRESET) {
		fputs("dockctl: dockd closed the connection\n", stderr);
		return CTL_NO_DAEMON;
	}
	if (err == -ETIMEDOUT) {
		fputs("dockctl: dockd does not answer\n", stderr);
		return CTL_NO_DAEMON;
	}
	if (err == -EPERM || err == -EACCES) {
		fprintf(stderr, "dockctl: not permitted%s%s\n", text[0] ? ": " : "", text);
		return CTL_NOT_PERMITTED;
	}
	fprintf(stderr, "dockctl: %s\n",
	    text[0] ? text :
		err == -EPROTO ?
		      "dockd answered what was not asked: are dockd and dockctl of one version?" :
		      strerror(-err));
	return CTL_FAILED;
}

/* Connects where that is not done yet; 0, or end->status and text say why not. */
static int reach(struct ctl *c, struct proto_ctl_end *end)
{
	memset(end, 0, sizeof(*end));
	if (c->sock >= 0)
		return 0;
	c->sock = ask_open(c->socket);
	if (c->sock >= 0)
		return 0;
	if (c->sock == -EACCES || c->sock == -EPERM) {
		end->status = -EACCES;
		snprintf(end->text, sizeof(end->text), "%.160s: only members of its group may ask",
		    c->socket);
	} else {
		end->status = -ENOTCONN;
		snprintf(end->text, sizeof(end->text), "dockd is not running: %.160s: %s",
		    c->socket, strerror(-c->sock));
	}
	return end->status;
}

static int ask(struct ctl *c, const struct proto_ask *wanted, int patience_ms, ask_part *part,
    struct proto_ctl_end *end)
{
	if (reach(c, end) != 0)
		return 0;
	return ask_all(c->sock, wanted, patience_ms, part, c, end);
}

/* Ends the JSON object of an answer: prints it where all went well. */
static int finish_object(struct ctl *c, int err, const struct proto_ctl_end *end)
{
	int code = ctl_complain(err, end);
	json_t *object = c->object;

	c->object = NULL;
	if (code == CTL_OK && object)
		return json_line(stdout, object) ? CTL_OK : CTL_FAILED;
	json_decref(object);
	return code;
}

/* ---- status, watch, bay ---- */

static int part_status(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_status s;
	struct proto_ctl_destination d;

	if (m->head.type == MSG_STATUS && !c->object && c->shown == 0) {
		memcpy(&s, m->body, sizeof(s));
		c->generation = s.generation;
		if (c->json)
			c->object = json_status(&s);
		else
			text_status(stdout, &s);
		return 0;
	}
	if (m->head.type != MSG_DESTINED)
		return -EPROTO;
	memcpy(&d, m->body, sizeof(d));
	if (c->json)
		json_array_append_new(
		    json_object_get(c->object, "destinations"), json_destination(&d));
	else
		text_destination(stdout, &d, c->shown++ == 0);
	return 0;
}

static int part_bay(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_bay b;

	if (m->head.type != MSG_BAY)
		return -EPROTO;
	memcpy(&b, m->body, sizeof(b));
	if (c->json) {
		json_array_append_new(c->object, json_bay(&b));
	} else if (c->args_n == 1) {
		text_bay(stdout, &b);
	} else if (c->all_bays || b.docking != 0 || b.text[0]) {
		if (c->shown == 0 && !c->all_bays)
			putchar('\n');
		text_bay_row(stdout, &b, c->shown++ == 0);
	}
	return 0;
}

static int run_status(struct ctl *c)
{
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 0)
		return usage("status takes no argument");
	err = ask(c, &(struct proto_ask){ .ask = ASK_STATUS }, PATIENCE_MS, part_status, &end);
	if (c->json || err || end.status)
		return finish_object(c, err, &end);
	c->shown = 0;
	err = ask(c, &(struct proto_ask){ .ask = ASK_BAYS }, PATIENCE_MS, part_bay, &end);
	return ctl_complain(err, &end);
}

static int run_bay(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_BAYS };
	struct proto_ctl_end end;
	json_t *first;
	int err;

	if (c->args_n > 1 || (c->args_n == 1 && strlen(c->args[0]) >= PROTO_NAME_LEN))
		return usage("bay takes one name at most");
	if (c->args_n == 1)
		snprintf(question.text, sizeof(question.text), "%s", c->args[0]);
	c->all_bays = true;
	c->object = c->json ? json_array() : NULL;
	err = ask(c, &question, PATIENCE_MS, part_bay, &end);
	if (c->json && c->args_n == 1) {
		first = json_incref(json_array_get(c->object, 0));
		json_decref(c->object);
		c->object = first;
	} else if (c->json) {
		c->object = json_pack("{so}", "bays", c->object);
	} else if (!err && !end.status && c->args_n == 0 && c->shown == 0) {
		puts("no bay: none is configured and no camera is docked");
	}
	return finish_object(c, err, &end);
}

/* Status and bays as one object a line. */
static int watch_json(struct ctl *c, struct proto_ctl_end *end)
{
	json_t *status;
	int err = ask(c, &(struct proto_ask){ .ask = ASK_STATUS }, PATIENCE_MS, part_status, end);

	if (err || end->status)
		return finish_object(c, err, end);
	status = c->object;
	c->object = json_array();
	err = ask(c, &(struct proto_ask){ .ask = ASK_BAYS }, PATIENCE_MS, part_bay, end);
	c->object = json_pack("{soso}", "status", status, "bays", c->object);
	return finish_object(c, err, end);
}

static int run_watch(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_CHANGED };
	struct proto_ctl_end end = { 0 };
	bool screen = isatty(STDOUT_FILENO);
	int code, err;

	if (c->args_n != 0)
		return usage("watch takes no argument");
	for (;;) {
		c->shown = 0;
		if (!c->json && screen)
			fputs("\033[H\033[2J", stdout);
		code = c->json ? watch_json(c, &end) : run_status(c);
		if (code)
			return code;
		if (!c->json && !screen)
			putchar('\n');
		if (fflush(stdout) != 0)
			return CTL_FAILED;
		question.cursor = c->generation;
		err = ask(c, &question, -1, NULL, &end);
		if (err || end.status)
			return ctl_complain(err, &end);
	}
}

/* ---- clip, queue ---- */

static int part_asset(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_asset a;
	struct proto_ctl_upload u;

	if (m->head.type == MSG_ASSET && c->shown == 0) {
		memcpy(&a, m->body, sizeof(a));
		c->shown++;
		if (c->json) {
			c->object = json_asset(&a);
			json_object_set_new(c->object, "uploads", json_array());
		} else {
			text_asset(stdout, &a);
		}
		return 0;
	}
	if (m->head.type != MSG_UPLOADING)
		return -EPROTO;
	memcpy(&u, m->body, sizeof(u));
	if (c->json)
		json_array_append_new(json_object_get(c->object, "uploads"), json_upload(&u));
	else
		text_upload(stdout, &u);
	return 0;
}

static int run_clip(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_ASSET };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 1 || !read_number(c->args[0], INT64_MAX, &question.number))
		return usage("clip takes a number, as queue shows it");
	err = ask(c, &question, PATIENCE_MS, part_asset, &end);
	return finish_object(c, err, &end);
}

static int part_queue(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_asset a;

	if (m->head.type != MSG_ASSET)
		return -EPROTO;
	memcpy(&a, m->body, sizeof(a));
	if (c->json) {
		json_t *object = json_asset(&a);

		if (c->shown++ > 0)
			putchar(',');
		json_dumpf(object, stdout, JSON_COMPACT);
		json_decref(object);
	} else {
		text_asset_row(stdout, &a, c->shown++ == 0);
	}
	return ferror(stdout) ? -EIO : 0;
}

static int run_queue(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_ASSETS, .flags = c->all ? 0 : ASSETS_QUEUED };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 0)
		return usage("queue takes no argument");
	if (c->json)
		fputs("{\"assets\":[", stdout);
	err = ask(c, &question, PATIENCE_MS, part_queue, &end);
	if (c->json && !err && !end.status)
		puts("]}");
	else if (!c->json && !err && !end.status && c->shown == 0)
		puts(c->all ? "nothing has been taken in yet" : "nothing waits: all is receipted");
	return ctl_complain(err, &end);
}

/* ---- retry, wait, export ---- */

static int run_retry(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_RETRY };
	struct proto_ctl_end end;
	bool clip = c->args_n == 2 && strcmp(c->args[0], "clip") == 0;
	bool bay = c->args_n == 2 && strcmp(c->args[0], "bay") == 0;
	bool all = c->args_n == 0 || (c->args_n == 1 && strcmp(c->args[0], "all") == 0);
	int err;

	if (clip && !read_number(c->args[1], INT64_MAX, &question.number))
		return usage("retry clip takes a number");
	if (bay && (!c->args[1][0] || strlen(c->args[1]) >= PROTO_NAME_LEN))
		return usage("retry bay takes a bay's name");
	if (!clip && !bay && !all)
		return usage("retry takes clip N, bay NAME or all");
	if (bay)
		snprintf(question.text, sizeof(question.text), "%s", c->args[1]);
	err = ask(c, &question, PATIENCE_MS, NULL, &end);
	if (c->json && !err && !end.status)
		json_line(stdout, json_pack("{sb}", "ok", 1));
	return ctl_complain(err, &end);
}

static bool read_rung(const char *word, uint32_t *out)
{
	for (int r = RUNG_LISTED; r <= RUNG_ERASED; r++) {
		if (strcmp(word, rung_word((enum rung)r)) == 0) {
			*out = (uint32_t)r;
			return true;
		}
	}
	return false;
}

static bool read_light(const char *word, uint32_t *out)
{
	for (int l = LIGHT_OFF; l <= LIGHT_LEAVE; l++) {
		if (strcmp(word, light_word((enum light_state)l)) == 0) {
			*out = (uint32_t)l;
			return true;
		}
	}
	return false;
}

/* A condition as words: NULL, or what is wrong with it. */
static const char *read_condition(char **args, int n, struct proto_ask *out)
{
	const char *what = n > 0 ? args[0] : "";

	if (strcmp(what, "idle") == 0 && n == 1) {
		out->wait_for = WAIT_IDLE;
	} else if (strcmp(what, "dockings") == 0 && n == 2) {
		out->wait_for = WAIT_DOCKINGS;
		return read_number(args[1], INT64_MAX, &out->cursor) ? NULL :
								       "dockings takes a number";
	} else if (strcmp(what, "clip") == 0 && n == 3) {
		out->wait_for = WAIT_ASSET_RUNG;
		if (!read_number(args[1], INT64_MAX, &out->number))
			return "clip takes a number";
		return read_rung(args[2], &out->rung) ?
		    NULL :
		    "a state is one of listed staged checked sent receipted erasable erased";
	} else if (strcmp(what, "all") == 0 && n == 2) {
		out->wait_for = WAIT_ALL_RUNG;
		return read_rung(args[1], &out->rung) ?
		    NULL :
		    "a state is one of listed staged checked sent receipted erasable erased";
	} else if (strcmp(what, "bay") == 0 && n == 3) {
		out->wait_for = WAIT_BAY_LIGHT;
		if (!args[1][0] || strlen(args[1]) >= PROTO_NAME_LEN)
			return "bay takes a name";
		snprintf(out->text, sizeof(out->text), "%s", args[1]);
		return read_light(args[2], &out->rung) ?
		    NULL :
		    "a light is one of off empty reading charging take leave";
	} else {
		return "a condition: clip N STATE, all STATE, bay NAME LIGHT, idle, dockings N";
	}
	return NULL;
}

static int run_wait(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_WAIT, .timeout_ms = c->timeout_s * 1000 };
	const char *wrong = read_condition(c->args, c->args_n, &question);
	struct proto_ctl_end end;
	int err, patience_ms = -1;

	if (wrong)
		return usage(wrong);
	if (c->timeout_s > 0 && c->timeout_s < 2000000)
		patience_ms = (int)(c->timeout_s * 1000) + PATIENCE_MS;
	err = ask(c, &question, patience_ms, NULL, &end);
	if (c->json && !err && !end.status)
		json_line(stdout, json_pack("{sb}", "ok", 1));
	return ctl_complain(err, &end);
}

static int run_export(struct ctl *c)
{
	struct export_wish wish = { .ledger_only = c->ledger_only, .quiet = c->json };
	struct proto_ctl_end end;
	json_t *summary = NULL;
	int code;

	if (c->args_n != 1 || !c->args[0][0])
		return usage("export takes a folder");
	if (reach(c, &end) != 0)
		return ctl_complain(0, &end);
	wish.folder = c->args[0];
	code = export_run(c->sock, &wish, &summary);
	if (c->json && summary)
		return json_line(stdout, summary) ? code : CTL_FAILED;
	json_decref(summary);
	return code;
}

/* ---- main ---- */

static const struct command {
	const char *name;
	int (*run)(struct ctl *c);
} commands[] = {
	{ "status", run_status },
	{ "watch", run_watch },
	{ "bay", run_bay },
	{ "clip", run_clip },
	{ "queue", run_queue },
	{ "retry", run_retry },
	{ "wait", run_wait },
	{ "export", run_export },
};

static int run(struct ctl *c, const char *name)
{
	const struct command *found = NULL;
	int code;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			found = &commands[i];
	}
	if (!found)
		return usage("there is no such command");
	if ((c->all && found->run != run_queue) || (c->ledger_only && found->run != run_export) ||
	    (c->timeout_s && found->run != run_wait))
		return usage("that option does not go with this command");
	code = found->run(c);
	if (c->sock >= 0)
		close(c->sock);
	if (fflush(stdout) != 0 && code == CTL_OK)
		code = CTL_FAILED;
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "all", no_argument, NULL, 'a' },
		{ "ledger", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct ctl c = { .socket = DEFAULT_SOCKET, .sock = -1 };
	uint64_t number;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'j':
			c.json = true;
			break;
		case 's':
			c.socket = optarg;
			break;
		case 't':
			if (!read_number(optarg, WAIT_MAX_S, &number))
				return usage("--timeout takes seconds, 1 to 4000000");
			c.timeout_s = (unsigned)number;
			break;
		case 'a':
			c.all = true;
			break;
		case 'l':
			c.ledger_only = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return CTL_OK;
		case 'V':
			puts("dockctl " DOCKD_VERSION);
			return CTL_OK;
		default:
			return usage(NULL);
		}
	}
	if (optind == argc)
		return usage("a command is missing");
	if (strcmp(argv[optind], "help") == 0) {
		fputs(usage_text, stdout);
		return CTL_OK;
	}
	c.args = argv + optind + 1;
	c.args_n = argc - optind - 1;
	return run(&c, argv[optind]);
}
