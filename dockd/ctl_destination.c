/*
 * ctl_destination: rebind.
 *
 * Called by ctl. What a destination was and is, is told by status: this command only says that it
 * is meant.
 */
#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <string.h>

int rebind_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_REBIND };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 1 || !c->args[0][0] || strlen(c->args[0]) >= PROTO_NAME_LEN)
		return ctl_usage("rebind takes the name of a destination, as status shows it");
	if (!ctl_reason(c, question.reason, sizeof(question.reason)))
		return ctl_usage("rebind needs --reason TEXT, at most 255 bytes");
	memcpy(question.text, c->args[0], strlen(c->args[0]) + 1);
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, NULL, &end);
	if (err || end.status)
		return ctl_complain(err, &end);
	return c->json ? ctl_done("%s", end.text) : ctl_done("%s: %s", c->args[0], end.text);
}
