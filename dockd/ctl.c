#include "ctl.h"

#include "base/log.h"
#include "base/proto_ctl.h"
#include "ctl_command.h"
#include "ctl_export.h"
#include "ctl_json.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/dockd/control.sock"

static const char usage_text[] =
    "usage: dockctl [--json] [--socket PATH] COMMAND\n"
    "  status                        the station in one screen\n"
    "  watch                         the same, again whenever something changes\n"
    "  doctor [--config FILE]        what is wrong or soon will be, why it matters, what to do\n"
    "  bay [NAME]                    all bays, or one in full\n"
    "  clip NUMBER                   one file: where it is, and why it is not further\n"
    "  queue [--all]                 files not yet proved at the server (--all: every file)\n"
    "  retry [clip N|bay NAME|all] --reason TEXT\n"
    "                                try again what needed a person\n"
    "  expedite CAMERA|CLIP --reason TEXT\n"
    "                                first on the bus and on the line, with its expected time\n"
    "  wait CONDITION [--timeout S]  clip N STATE|all STATE|bay NAME LIGHT|idle|dockings N\n"
    "  export DIR --reason TEXT|--ledger\n"
    "                                copy files and ledger out (--ledger: the ledger only)\n"
    "  preserve asset N|ID, camera SERIAL, docking N, period FROM UNTIL [camera SERIAL]\n"
    "           --reason TEXT        nothing of it is disposed of, also what arrives later\n"
    "  lift ORDER --reason TEXT      ends a preservation order\n"
    "  orders                        all preservation orders, lifted ones too\n"
    "  settle DOCKING --reason TEXT  a person has looked into the findings of its audit\n"
    "  settle clock --reason TEXT    the station's clock went ahead by weeks and is right\n"
    "  rebind DESTINATION --reason TEXT\n"
    "                                what answers under its name now is meant\n"
    "  due, review                   what goes by age soon; what never does, and who decides\n"
    "  dispose N|ID --reason TEXT --order REF\n"
    "                                lawful deletion of every copy that can be reached\n"
    "  ledger verify|show|prove N|checkpoint|key\n"
    "                                the continuity ledger: the daemon's, or --dir DIR; --key,\n"
    "                                --against FILE; show: --asset, --docking, --from, --type\n"
    "  camera enroll SERIAL FILE --scheme ecdsa|ed25519|manifest --reason TEXT\n"
    "  camera revoke SERIAL [FINGERPRINT] --reason TEXT\n"
    "  camera keys [SERIAL]          the public keys that cameras sign with\n"
    "  camera assign SERIAL --officer ID --unit ID --reason TEXT   told to it when docked\n"
    "  camera list [--overdue]       which have been docked here, and when last\n"
    "  camera forget SERIAL --reason TEXT   it is lost or retired: never overdue\n"
    "  camera probe BAY|PORT [--profile FILE]   what it is, and a profile drafted for it\n"
    "  report DOCKING|FILE...        how a camera was used, by its own log\n"
    "  report --camera SERIAL        the same over a period: --from DAY, --to DAY\n"
    "  metrics                       the station's figures, as Prometheus reads them\n"
    "  verify-bundle FILE            check a proof bundle: --key, --receipt-key, --file CLIP\n"
    "  statement N|BUNDLE            one page about a file, from its proof bundle\n"
    "  support [FILE] [--without-ids] [--days N]\n"
    "                                an archive for those who help: no footage, no secrets\n"
    "  light                         the lamps: whose, there or not, what they show\n"
    "  light test [BAY|LAMP|all] [--seconds N]   which is which: one after the other\n"
    "  light map [BAY|LAMP|all]      asks at the terminal whose each is, prints it for dockd.conf\n"
    "  card wall|sergeant|evidence-manager [--html]   a page for the wall: what the lights say\n"
    "  help, --version\n";

static const char *of_run; /* the command of this run; NULL: none yet */

/* Whether a line of usage_text begins with this command: "  due, review   what goes ...". */
static bool line_is_of(const char *line, const char *command)
{
	size_t n = strlen(command);

	for (line += 2;; line += 2) {
		if (strncmp(line, command, n) == 0 && strchr(" ,\n", line[n]))
			return true;
		line += strcspn(line, " ,\n");
		if (*line != ',')
			return false;
	}
}

/* What is wrong has to be seen: of the usage only what is of the command stands below it. */
int ctl_usage(const char *wrong)
{
	const char *next;
	bool found = false;

	ctl_fail(CTL_USAGE, "%s", wrong);
	if (ctl_says_json())
		return CTL_USAGE;
	for (const char *line = strchr(usage_text, '\n') + 1; of_run && *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (line[2] != ' ')
			found = line_is_of(line, of_run);
		if (found)
			fwrite(line, 1, (size_t)(next - line), stderr);
	}
	fputs("\"dockctl help\" lists all commands; dockctl(1) says more\n", stderr);
	return CTL_USAGE;
}

bool ctl_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *out >= 1 && *out <= max;
}

bool ctl_reason(const struct ctl *c, char *out, size_t room)
{
	const char *reason = ctl_option(c, OPTION_REASON);

	if (!reason || !reason[0] || strlen(reason) >= room)
		return false;
	memcpy(out, reason, strlen(reason) + 1);
	return true;
}

int ctl_reach(struct ctl *c, struct proto_ctl_end *end)
{
	memset(end, 0, sizeof(*end));
	if (c->sock >= 0)
		return 0;
	c->sock = ask_open(c->socket);
	if (c->sock >= 0)
		return 0;
	if (c->sock == -EACCES || c->sock == -EPERM) {
		end->status = -EACCES;
		ctl_closed_socket(c->socket, end->text, sizeof(end->text));
	} else {
		end->status = -ENOTCONN;
		snprintf(end->text, sizeof(end->text),
		    "dockd is not running: %.160s: %s (dockctl doctor says more)", c->socket,
		    strerror(-c->sock));
	}
	return end->status;
}

int ctl_ask(struct ctl *c, const struct proto_ask *wanted, int patience_ms, ask_part *part,
    struct proto_ctl_end *end)
{
	if (ctl_reach(c, end) != 0)
		return 0;
	return ask_all(c->sock, wanted, patience_ms, part, c, end);
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

	if (clip && !ctl_number(c->args[1], INT64_MAX, &question.number))
		return ctl_usage("retry clip takes a number");
	if (bay && (!c->args[1][0] || strlen(c->args[1]) >= PROTO_NAME_LEN))
		return ctl_usage("retry bay takes a bay's name");
	if (!clip && !bay && !all)
		return ctl_usage("retry takes clip N, bay NAME or all");
	if (!ctl_reason(c, question.reason, sizeof(question.reason)))
		return ctl_usage("a reason is needed: --reason TEXT, at most 255 bytes");
	if (bay)
		snprintf(question.text, sizeof(question.text), "%s", c->args[1]);
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, NULL, &end);
	if (err || end.status)
		return ctl_complain(err, &end);
	return ctl_done("%s", end.text);
}

static int run_export(struct ctl *c)
{
	struct export_wish wish = { .ledger_only = ctl_option(c, OPTION_LEDGER) != NULL,
		.quiet = c->json };
	struct proto_ctl_end end;
	json_t *summary = NULL;
	int code;

	if (c->args_n != 1 || !c->args[0][0])
		return ctl_usage("export takes a folder");
	if (!wish.ledger_only && !ctl_reason(c, wish.reason, sizeof(wish.reason)))
		return ctl_usage("a reason is needed: --reason TEXT, at most 255 bytes");
	if (ctl_reach(c, &end) != 0)
		return ctl_complain(0, &end);
	wish.folder = c->args[0];
	code = export_run(c->sock, &wish, &summary);
	if (c->json && summary)
		return json_line(stdout, summary) ? code : CTL_FAILED;
	json_decref(summary);
	return code;
}

/* ---- main ---- */

/* What may be given with a command, and whether it takes a value. */
static const struct option options[] = {
	[OPTION_TIMEOUT] = { "timeout", required_argument, NULL, 0 },
	[OPTION_ALL] = { "all", no_argument, NULL, 0 },
	[OPTION_LEDGER] = { "ledger", no_argument, NULL, 0 },
	[OPTION_DIR] = { "dir", required_argument, NULL, 0 },
	[OPTION_KEY] = { "key", required_argument, NULL, 0 },
	[OPTION_AGAINST] = { "against", required_argument, NULL, 0 },
	[OPTION_ASSET] = { "asset", required_argument, NULL, 0 },
	[OPTION_DOCKING] = { "docking", required_argument, NULL, 0 },
	[OPTION_FROM] = { "from", required_argument, NULL, 0 },
	[OPTION_TYPE] = { "type", required_argument, NULL, 0 },
	[OPTION_RECEIPT_KEY] = { "receipt-key", required_argument, NULL, 0 },
	[OPTION_FILE] = { "file", required_argument, NULL, 0 },
	[OPTION_SCHEME] = { "scheme", required_argument, NULL, 0 },
	[OPTION_ORDER] = { "order", required_argument, NULL, 0 },
	[OPTION_REASON] = { "reason", required_argument, NULL, 0 },
	[OPTION_CAMERA] = { "camera", required_argument, NULL, 0 },
	[OPTION_TO] = { "to", required_argument, NULL, 0 },
	[OPTION_OFFICER] = { "officer", required_argument, NULL, 0 },
	[OPTION_UNIT] = { "unit", required_argument, NULL, 0 },
	[OPTION_PROFILE] = { "profile", required_argument, NULL, 0 },
	[OPTION_OVERDUE] = { "overdue", no_argument, NULL, 0 },
	[OPTION_WITHOUT_IDS] = { "without-ids", no_argument, NULL, 0 },
	[OPTION_DAYS] = { "days", required_argument, NULL, 0 },
	[OPTION_HTML] = { "html", no_argument, NULL, 0 },
	[OPTION_CONFIG] = { "config", required_argument, NULL, 0 },
	[OPTION_SECONDS] = { "seconds", required_argument, NULL, 0 },
	[CTL_OPTIONS] = { "json", no_argument, NULL, 0 },
	{ "socket", required_argument, NULL, 0 },
	{ "help", no_argument, NULL, 0 },
	{ "version", no_argument, NULL, 0 },
	{ NULL, 0, NULL, 0 },
};

enum { OPTION_JSON = CTL_OPTIONS, OPTION_SOCKET, OPTION_HELP, OPTION_VERSION };

#define WITH(name) (UINT64_C(1) << OPTION_##name)

static const struct command {
	const char *name;
	int (*run)(struct ctl *c);
	uint64_t with; /* options of its own */
} commands[] = {
	{ "status", status_run, 0 },
	{ "watch", watch_run, 0 },
	{ "doctor", doctor_run, WITH(CONFIG) },
	{ "bay", bay_run, 0 },
	{ "clip", clip_run, 0 },
	{ "queue", queue_run, WITH(ALL) },
	{ "retry", run_retry, WITH(REASON) },
	{ "expedite", expedite_run, WITH(REASON) },
	{ "wait", wait_run, WITH(TIMEOUT) },
	{ "export", run_export, WITH(LEDGER) | WITH(REASON) },
	{ "preserve", preserve_run, WITH(REASON) },
	{ "lift", lift_run, WITH(REASON) },
	{ "orders", orders_run, 0 },
	{ "settle", settle_run, WITH(REASON) },
	{ "due", due_run, 0 },
	{ "rebind", rebind_run, WITH(REASON) },
	{ "review", review_run, 0 },
	{ "dispose", dispose_run, WITH(REASON) | WITH(ORDER) },
	{ "camera", camera_run,
	    WITH(SCHEME) | WITH(REASON) | WITH(OFFICER) | WITH(UNIT) | WITH(PROFILE) |
		WITH(OVERDUE) },
	{ "verify-bundle", bundle_run, WITH(KEY) | WITH(RECEIPT_KEY) | WITH(FILE) },
	{ "statement", statement_run, WITH(KEY) | WITH(RECEIPT_KEY) },
	{ "ledger", ledger_run,
	    WITH(DIR) | WITH(KEY) | WITH(AGAINST) | WITH(ASSET) | WITH(DOCKING) | WITH(FROM) |
		WITH(TYPE) },
	{ "card", card_run, WITH(HTML) },
	{ "light", light_run, WITH(SECONDS) },
	{ "support", support_run, WITH(WITHOUT_IDS) | WITH(DAYS) },
	{ "metrics", metrics_run, 0 },
	{ "report", report_run, WITH(CAMERA) | WITH(FROM) | WITH(TO) },
};

const char *ctl_option(const struct ctl *c, enum ctl_option option)
{
	return c->option[option].n ? c->option[option].value[0] : NULL;
}

static int run(struct ctl *c, const char *name)
{
	const struct command *found = NULL;
	int code;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			found = &commands[i];
	}
	if (!found)
		return ctl_usage("there is no such command");
	of_run = found->name;
	for (unsigned i = 0; i < CTL_OPTIONS; i++) {
		if (c->option[i].n && !(found->with >> i & 1))
			return ctl_usage("that option does not go with this command");
	}
	code = found->run(c);
	if (c->sock >= 0)
		close(c->sock);
	if (fflush(stdout) != 0 && code == CTL_OK)
		code = CTL_FAILED;
	return code;
}

/* Each command with its own options ("=": with a value), a line each: for the shell's completion. */
static int put_words(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fputs(commands[i].name, stdout);
		for (unsigned k = 0; k < CTL_OPTIONS; k++) {
			if (commands[i].with >> k & 1)
				printf(" --%s%s", options[k].name, options[k].has_arg ? "=" : "");
		}
		putchar('\n');
	}
	return fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}

static int wrong_option(const char *word)
{
	char wrong[256];

	snprintf(wrong, sizeof(wrong),
	    "%.100s: there is no such option, or a value is missing or is one too many", word);
	return ctl_usage(wrong);
}

int main(int argc, char **argv)
{
	struct ctl c = { .socket = DEFAULT_SOCKET, .sock = -1 };
	int i, which;

	log_standard();
	for (i = 1; i < argc; i++)
		c.json = c.json || strcmp(argv[i], "--json") == 0;
	ctl_say_json(c.json); /* also of what is wrong before it */
	opterr = 0;
	while ((i = getopt_long(argc, argv, "", options, &which)) != -1) {
		if (i != 0)
			return wrong_option(argv[optind - 1]);
		if (which == OPTION_JSON) {
			continue;
		} else if (which == OPTION_SOCKET) {
			c.socket = optarg;
		} else if (which == OPTION_HELP) {
			fputs(usage_text, stdout);
			return CTL_OK;
		} else if (which == OPTION_VERSION) {
			puts("dockctl " DOCKD_VERSION);
			return CTL_OK;
		} else if (c.option[which].n == CTL_REPEATS) {
			return ctl_usage("an option is given too often");
		} else {
			c.option[which].value[c.option[which].n++] = optarg ? optarg : "";
		}
	}
	if (optind == argc)
		return ctl_usage("a command is missing");
	if (strcmp(argv[optind], "help") == 0) {
		if (optind + 2 == argc && strcmp(argv[optind + 1], "words") == 0)
			return put_words();
		fputs(usage_text, stdout);
		return CTL_OK;
	}
	c.args = argv + optind + 1;
	c.args_n = argc - optind - 1;
	return run(&c, argv[optind]);
}
