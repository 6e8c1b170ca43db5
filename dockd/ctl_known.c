/*
 * ctl_known: `dockctl camera list` and `camera forget`: the cameras that have been docked here.
 */
#include "base/proto_ctl.h"
#include "base/proto_known.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

static const char *state_of(const struct proto_ctl_known *k)
{
	if (k->docked)
		return "docked";
	return k->forgotten ? "forgotten" : k->overdue ? "overdue" : "away";
}

static json_t *known_json(const struct proto_ctl_known *k)
{
	char camera[TEXT_ESCAPED(sizeof(k->camera))], officer[TEXT_ESCAPED(sizeof(k->officer))],
	    unit[TEXT_ESCAPED(sizeof(k->unit))];

	return json_pack("{sssssssssssIsIsIsIsIsb}", "camera",
	    text_clean(k->camera, false, camera, sizeof(camera)), "state", state_of(k), "profile",
	    k->profile, "officer", text_clean(k->officer, false, officer, sizeof(officer)), "unit",
	    text_clean(k->unit, false, unit, sizeof(unit)), "last_s", (json_int_t)k->last_s,
	    "docking", (json_int_t)k->docking, "dockings", (json_int_t)k->dockings, "files",
	    (json_int_t)k->files, "findings", (json_int_t)k->findings, "overdue", (int)k->overdue);
}

static int part_known(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_known k;
	char camera[TEXT_ESCAPED(sizeof(k.camera))], officer[TEXT_ESCAPED(sizeof(k.officer))],
	    unit[TEXT_ESCAPED(sizeof(k.unit))], when[32] = "-";
	struct tm tm;
	time_t last;

	if (m->head.type != MSG_KNOWN)
		return -EPROTO;
	memcpy(&k, m->body, sizeof(k));
	if (c->json) {
		json_array_append_new(c->object, known_json(&k));
		return 0;
	}
	last = (time_t)k.last_s;
	if (localtime_r(&last, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (c->shown++ == 0)
		printf("%-24s %-9s %-16s %8s %8s %8s %8s  %-12s %s\n", "CAMERA", "STATE",
		    "LAST HERE", "DOCKING", "DOCKINGS", "FILES", "FINDINGS", "OFFICER", "UNIT");
	printf("%-24s %-9s %-16s %8llu %8llu %8llu %8llu  %-12s %s\n",
	    text_clean(k.camera, true, camera, sizeof(camera)), state_of(&k), when,
	    (unsigned long long)k.docking, (unsigned long long)k.dockings,
	    (unsigned long long)k.files, (unsigned long long)k.findings,
	    k.officer[0] ? text_clean(k.officer, true, officer, sizeof(officer)) : "-",
	    k.unit[0] ? text_clean(k.unit, true, unit, sizeof(unit)) : "-");
	return 0;
}

int known_run(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_CAMERAS };
	struct proto_ctl_end end;
	json_t *all;
	int err;

	if (c->args_n != 1)
		return ctl_usage("camera list takes no more words");
	if (ctl_option(c, OPTION_OVERDUE))
		q.flags = CAMERAS_OVERDUE;
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, &q, CTL_PATIENCE_MS, part_known, &end);
	all = c->object;
	c->object = NULL;
	if (!err && !end.status && c->json)
		return json_line(stdout, json_pack("{so}", "cameras", all)) ? CTL_OK : CTL_FAILED;
	json_decref(all);
	if (!err && !end.status && c->shown == 0)
		puts(q.flags ? "no camera is overdue" : "no camera has been docked here");
	return ctl_complain(err, &end);
}

int forget_run(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_FORGET };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 2 || !c->args[1][0] || strlen(c->args[1]) >= sizeof(q.text))
		return ctl_usage("camera forget takes a serial number");
	if (!ctl_reason(c, q.reason, sizeof(q.reason)))
		return ctl_usage("a reason is needed: --reason TEXT, at most 255 bytes");
	snprintf(q.text, sizeof(q.text), "%s", c->args[1]);
	err = ctl_ask(c, &q, CTL_PATIENCE_MS, NULL, &end);
	if (err || end.status)
		return ctl_complain(err, &end);
	return ctl_done(
	    "%s: not awaited any more; it counts again as soon as it is docked", c->args[1]);
}
