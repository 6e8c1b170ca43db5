#include "asset.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "light_table.h"

#include "base/proto_ctl.h"

#include <jansson.h>
#include <string.h>

#define WAIT_MAX_S 4000000 /* --timeout; fits proto_ask in milliseconds */

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
		if (strcmp(word, light_word(l)) == 0) {
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
		return ctl_number(args[1], INT64_MAX, &out->cursor) ? NULL :
								      "dockings takes a number";
	} else if (strcmp(what, "clip") == 0 && n == 3) {
		out->wait_for = WAIT_ASSET_RUNG;
		if (!ctl_number(args[1], INT64_MAX, &out->number))
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

int wait_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_WAIT };
	const char *timeout = ctl_option(c, OPTION_TIMEOUT);
	const char *wrong = read_condition(c->args, c->args_n, &question);
	struct proto_ctl_end end;
	uint64_t timeout_s = 0;
	int err, patience_ms = -1;

	if (wrong)
		return ctl_usage(wrong);
	if (timeout && !ctl_number(timeout, WAIT_MAX_S, &timeout_s))
		return ctl_usage("--timeout takes seconds, 1 to 4000000");
	question.timeout_ms = (uint32_t)(timeout_s * 1000);
	if (timeout_s > 0 && timeout_s < 2000000)
		patience_ms = (int)(timeout_s * 1000) + CTL_PATIENCE_MS;
	err = ctl_ask(c, &question, patience_ms, NULL, &end);
	if (c->json && !err && !end.status)
		json_line(stdout, json_pack("{sb}", "ok", 1));
	return ctl_complain(err, &end);
}
