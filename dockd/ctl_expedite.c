/*
 * ctl_expedite: dockctl expedite: what is wanted at the server before all else.
 *
 * Called by ctl. A whole number is a clip's; anything else a camera's serial number, and so is
 * what stands behind the word camera.
 */
#include "asset.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_time.h"

#include "base/proto_asset.h"
#include "base/proto_ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static const char *clean(const char *text)
{
	static char out[TEXT_ESCAPED(PROTO_TEXT_LEN * 2)];

	return text_clean(text, true, out, sizeof(out));
}

static void put_row(const struct proto_ctl_upload *u, bool first)
{
	char number[24], when[80] = "not known yet";

	snprintf(number, sizeof(number), "%" PRIu64, u->number);
	if (u->rung >= RUNG_RECEIPTED)
		snprintf(when, sizeof(when), "there");
	else if (u->expected_s == INT64_MAX)
		snprintf(when, sizeof(when), "never, as things stand");
	else if (u->expected_s)
		time_both(u->expected_s, when, sizeof(when));
	if (first)
		printf("%-8s %-16s %-10s EXPECTED\n", "CLIP", "DESTINATION", "STATE");
	printf("%-8s %-16s ", number, clean(u->destination));
	printf("%-10s %s", rung_word((enum rung)u->rung), when);
	if (u->reason[0])
		printf(" (%s)", clean(u->reason));
	putchar('\n');
}

static int part_row(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_upload u;

	if (m->head.type != MSG_UPLOADING)
		return -EPROTO;
	memcpy(&u, m->body, sizeof(u));
	if (c->json)
		json_array_append_new(c->object, json_upload(&u));
	else
		put_row(&u, c->shown++ == 0);
	return 0;
}

int expedite_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_EXPEDITE };
	struct proto_ctl_end end;
	bool camera = c->args_n == 2 && strcmp(c->args[0], "camera") == 0;
	bool clip = c->args_n == 2 && strcmp(c->args[0], "clip") == 0;
	const char *what = c->args_n > 0 ? c->args[c->args_n - 1] : "";
	int err, code;

	if ((c->args_n != 1 && !camera && !clip) || !what[0])
		return ctl_usage("expedite takes a clip's number, or a camera's serial number");
	if (camera || !ctl_number(what, INT64_MAX, &question.number)) {
		if (clip || strlen(what) >= PROTO_TEXT_LEN)
			return ctl_usage(
			    "expedite takes a clip's number, or a camera's serial number");
		question.number = 0;
		snprintf(question.text, sizeof(question.text), "%s", what);
	}
	if (!ctl_reason(c, question.reason, sizeof(question.reason)))
		return ctl_usage("a reason is needed: --reason TEXT, at most 255 bytes");
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, part_row, &end);
	code = ctl_complain(err, &end);
	if (c->json && code == CTL_OK)
		return json_line(
			   stdout, json_pack("{so ss}", "uploads", c->object, "text", end.text)) ?
		    CTL_OK :
		    CTL_FAILED;
	json_decref(c->object);
	c->object = NULL;
	if (code == CTL_OK && end.text[0])
		puts(clean(end.text));
	return code;
}
