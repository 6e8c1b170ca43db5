/*
 * ctl: what the files of dockctl share: asking the daemon, and showing what it answers.
 *
 * Only dockctl's files include it. ctl.c reads the command line, each command is in the file of its
 * noun; ctl_show.c has those that only show; ctl_ask.c speaks to the control socket, ctl_text.c and ctl_json.c show.
 */
#ifndef DOCKD_CTL_H
#define DOCKD_CTL_H

#include "base/msg.h"

#include <stdio.h>

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

#define CTL_PATIENCE_MS 60000 /* for an answer that is not parked */
#define CTL_REPEATS 8         /* of one option */

#define TEXT_ESCAPED(n) (4 * (n)) /* room that n bytes of text may need */

struct json_t;
struct findings;
struct screen;
struct proto_ctl_asset;
struct proto_ctl_upload;
struct proto_ask;
struct proto_ctl_end;
struct proto_ctl_probe;
struct proto_ctl_bay;
struct proto_ctl_destination;
struct proto_ctl_status;

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

/* ---- ctl_ask.c ---- */

/* Connects to the control socket. The descriptor, or -errno. */
int ask_open(const char *path);

/* One part of an answer; takes what it wants of m->fds (sets them to -1). 0 goes on, else ends. */
typedef int ask_part(void *context, struct msg *m);

/*
 * Asks, and gives each part of the answer to part (may be NULL: none expected). Pages are fetched
 * until the last for those asks that have pages. patience_ms: how long a silence may last, -1: for
 * ever. 0 with the END's text and status in *end; -ETIMEDOUT: silence; -EPIPE: the daemon went
 * away; -EPROTO; or what part returned. A refusal by the daemon is end->status and 0 here.
 */
int ask_all(int sock, const struct proto_ask *ask, int patience_ms, ask_part *part, void *context,
    struct proto_ctl_end *end);

/* ---- ctl_text.c: for people; local time; text from cameras is made harmless ---- */

/*
 * Text from outside for a terminal: controls, direction marks and broken UTF-8 as \xNN. With
 * terminal false only what is not UTF-8 is changed. Cut at room.
 */
const char *text_clean(const char *text, bool terminal, char *out, size_t room);

/* When what waits for it will be there; nothing where nothing waits. */
void text_outlook(FILE *out, const struct proto_ctl_destination *d);
void text_bay_row(FILE *out, const struct proto_ctl_bay *b, bool first);
void text_bay(FILE *out, const struct proto_ctl_bay *b);
void text_asset_row(FILE *out, const struct proto_ctl_asset *a, bool first);
void text_asset(FILE *out, const struct proto_ctl_asset *a);
void text_upload(FILE *out, const struct proto_ctl_upload *u);

/* "1.2 GB" */
const char *text_bytes(uint64_t bytes, char *out, size_t room);

/* ---- ctl_json.c: new references ---- */

struct json_t *json_status(const struct proto_ctl_status *s);
struct json_t *json_destination(const struct proto_ctl_destination *d);
struct json_t *json_bay(const struct proto_ctl_bay *b);
struct json_t *json_asset(const struct proto_ctl_asset *a);
struct json_t *json_upload(const struct proto_ctl_upload *u);
/* One line; releases value. false: writing failed. */
bool json_line(FILE *out, struct json_t *value);

/* ---- ctl_export.c ---- */

struct export_wish {
	const char *folder;
	bool ledger_only;
	bool quiet; /* no line a file */
	char reason[PROTO_TEXT_LEN * 2];
};

/*
 * Copies assets and ledger out by the descriptors that the daemon hands over. An enum ctl_exit;
 * what went wrong is on standard error, and *summary (a new reference) says what was done.
 */
int export_run(int sock, const struct export_wish *wish, struct json_t **summary);

/* ---- commands of their own files: an enum ctl_exit ---- */

int status_run(struct ctl *c); /* ctl_show.c, down to queue_run */
int watch_run(struct ctl *c);
int doctor_run(struct ctl *c); /* ctl_doctor.c */
int bay_run(struct ctl *c);
int clip_run(struct ctl *c);
int queue_run(struct ctl *c);
int metrics_run(struct ctl *c); /* ctl_metrics.c */
int wait_run(struct ctl *c);    /* ctl_wait.c */
int ledger_run(struct ctl *c);  /* ctl_ledger.c */
int bundle_run(struct ctl *c);
int statement_run(struct ctl *c);
int camera_run(struct ctl *c); /* ctl_camera.c */
int known_run(struct ctl *c);  /* ctl_known.c: camera list, camera forget */
int forget_run(struct ctl *c);
int probe_run(struct ctl *c);    /* ctl_probe.c: camera probe */
int report_run(struct ctl *c);   /* ctl_report.c */
int expedite_run(struct ctl *c); /* ctl_expedite.c */
int preserve_run(struct ctl *c); /* ctl_order.c, down to dispose_run */
int lift_run(struct ctl *c);
int settle_run(struct ctl *c);
int orders_run(struct ctl *c);
int due_run(struct ctl *c);
int review_run(struct ctl *c);
int dispose_run(struct ctl *c);
int rebind_run(struct ctl *c);  /* ctl_destination.c */
int support_run(struct ctl *c); /* ctl_support.c */
int card_run(struct ctl *c);    /* ctl_card.c */
int light_run(struct ctl *c);   /* ctl_light.c */

/* ---- ctl.c ---- */

/* What was given with an option (its first value), or NULL. */
const char *ctl_option(const struct ctl *c, enum ctl_option option);
/* Says what is wrong with the command line, and how it should be: CTL_USAGE. */
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

/* ctl_root.c: root ports and controllers, below status; c->object is the status with --json. */
int ctl_roots(struct ctl *c, struct proto_ctl_end *end);

/* Words for "dockctl: ..." on standard error, and the exit code for an error of asking. */
int ctl_complain(int err, const struct proto_ctl_end *end);

#endif
