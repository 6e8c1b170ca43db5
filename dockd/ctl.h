/*
 * ctl: what the commands of dockctl share: the command line, the connection, and how they end.
 *
 * Only dockctl's files include it. ctl.c reads the command line and runs one of ctl_command.h;
 * ctl_ask speaks to the control socket, ctl_text and ctl_json show what it answers.
 */
#ifndef DOCKD_CTL_H
#define DOCKD_CTL_H

#include "base/proto.h"
#include "ctl_ask.h"
#include "ctl_text.h"

/* Exit codes, in dockctl(1). */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_TIMED_OUT = 3,
	CTL_NO_DAEMON = 4,
	CTL_NOT_PERMITTED = 5,
	CTL_WARNED = 6,        /* doctor: something will be trouble */
	CTL_ILL = 7,           /* doctor: something is */
	CTL_NOT_PRESERVED = 3, /* preserve, dispose: not every copy is as it was asked */
};

struct findings;
struct json_t;
struct proto_ctl_probe;
struct screen;
struct proto_ask;
struct proto_ctl_end;

#define CTL_REPEATS 8 /* of one option */

/* Options that go with some commands only; ctl.c's tables say their names, and with which. */
enum ctl_option {
	OPTION_TIMEOUT,
	OPTION_ALL,
	OPTION_LEDGER,
	OPTION_DIR,
	OPTION_KEY,
	OPTION_AGAINST,
	OPTION_ASSET,
	OPTION_DOCKING,
	OPTION_FROM,
	OPTION_TYPE,
	OPTION_RECEIPT_KEY,
	OPTION_FILE,
	OPTION_ORDER,
	OPTION_SCHEME,
	OPTION_REASON,
	OPTION_CAMERA,
	OPTION_TO,
	OPTION_OFFICER,
	OPTION_UNIT,
	OPTION_PROFILE,
	OPTION_OVERDUE,
	OPTION_WITHOUT_IDS,
	OPTION_DAYS,
	OPTION_HTML,
	OPTION_CONFIG,
	OPTION_SECONDS,
	CTL_OPTIONS, /* how many there are */
};

/* The command line, and what an answer needs to be shown. */
struct ctl {
	bool json;
	const char *socket;
	char **args; /* behind the command */
	int args_n;
	struct {
		unsigned n;
		const char *value[CTL_REPEATS]; /* "" where it takes none */
	} option[CTL_OPTIONS];
	int sock;
	size_t shown;                            /* rows */
	struct proto_ctl_probe *probe;           /* camera probe: where its answer goes */
	struct json_t *object;                   /* status or clip, completed by later parts */
	struct findings *findings;               /* doctor: where its rows go */
	struct screen *screen;                   /* status: where its rows go */
	uint64_t generation;                     /* of the status shown last */
	char name[TEXT_ESCAPED(PROTO_NAME_LEN)]; /* card: the station's; "" nobody told */
};

/* What was given with an option (its first value), or NULL. */
const char *ctl_option(const struct ctl *c, enum ctl_option option);
/* Says what is wrong with the command line, and how it should be: CTL_USAGE. Never NULL. */
int ctl_usage(const char *wrong);
/* A whole decimal number of at least 1. */
bool ctl_number(const char *text, uint64_t max, uint64_t *out);
/* What --reason says; false: nothing, or too much. */
bool ctl_reason(const struct ctl *c, char *out, size_t room);
/* Connects where that is not done yet; 0, or end->status and text say why not. */
int ctl_reach(struct ctl *c, struct proto_ctl_end *end);
/* ask_all over that connection, with c as context. */
int ctl_ask(struct ctl *c, const struct proto_ask *wanted, int patience_ms, ask_part *part,
    struct proto_ctl_end *end);

/* ---- ctl_say.c ---- */

/* Whether errors and what was done are said as JSON. */
void ctl_say_json(bool json);
bool ctl_says_json(void);
/* What went wrong, on standard error: "dockctl: ...", or {"error", "exit"}. Returns code. */
int ctl_fail(enum ctl_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was done, on standard output: a line, or {"ok", "text"}. CTL_OK, or CTL_FAILED. */
int ctl_done(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* ctl_fail for an error of asking; CTL_OK where there is none. */
int ctl_complain(int err, const struct proto_ctl_end *end);
/* Why the socket at path may not be connected to, and what to do. */
const char *ctl_closed_socket(const char *path, char *out, size_t room);

#endif
