/*
 * ctl_show: dockctl status, watch, bay, clip and queue: what the daemon tells, shown.
 */
#include "base/proto_asset.h"
#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_screen.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

	if (m->head.type == MSG_STATUS && !c->object) {
		memcpy(&s, m->body, sizeof(s));
		c->generation = s.generation;
		c->object = json_status(&s);
		return 0;
	}
	if (m->head.type != MSG_DESTINED)
		return -EPROTO;
	memcpy(&d, m->body, sizeof(d));
	json_array_append_new(json_object_get(c->object, "destinations"), json_destination(&d));
	return 0;
}

/* The rows of the one screen. */
static int part_screen(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct screen *s = c->screen;

	if (m->head.type == MSG_STATUS) {
		memcpy(&s->status, m->body, sizeof(s->status));
		c->generation = s->status.generation;
	} else if (m->head.type == MSG_DESTINED) {
		if (s->destinations_n < SCREEN_DESTINATIONS)
			memcpy(&s->destination[s->destinations_n++], m->body,
			    sizeof(s->destination[0]));
	} else if (m->head.type == MSG_BAY) {
		if (s->bays_n < SCREEN_BAYS)
			memcpy(&s->bay[s->bays_n++], m->body, sizeof(s->bay[0]));
	} else {
		return -EPROTO;
	}
	return 0;
}

static int status_screen(struct ctl *c)
{
	static struct screen screen;
	struct proto_ctl_end end;
	int err;

	screen.destinations_n = screen.bays_n = 0;
	c->screen = &screen;
	err = ctl_ask(
	    c, &(struct proto_ask){ .ask = ASK_STATUS }, CTL_PATIENCE_MS, part_screen, &end);
	if (!err && !end.status)
		err = ctl_ask(
		    c, &(struct proto_ask){ .ask = ASK_BAYS }, CTL_PATIENCE_MS, part_screen, &end);
	if (!err && !end.status)
		screen_show(stdout, &screen, (int64_t)time(NULL), isatty(STDOUT_FILENO) != 0);
	return ctl_complain(err, &end);
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
	} else {
		text_bay_row(stdout, &b, c->shown++ == 0);
	}
	return 0;
}

int status_run(struct ctl *c)
{
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 0)
		return ctl_usage("status takes no argument");
	if (!c->json)
		return status_screen(c);
	err = ctl_ask(
	    c, &(struct proto_ask){ .ask = ASK_STATUS }, CTL_PATIENCE_MS, part_status, &end);
	if (!err && !end.status)
		err = ctl_roots(c, &end);
	return finish_object(c, err, &end);
}

int bay_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_BAYS };
	struct proto_ctl_end end;
	json_t *first;
	int err;

	if (c->args_n > 1 || (c->args_n == 1 && strlen(c->args[0]) >= PROTO_NAME_LEN))
		return ctl_usage("bay takes one name at most");
	if (c->args_n == 1)
		snprintf(question.text, sizeof(question.text), "%s", c->args[0]);
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, part_bay, &end);
	if (c->json && c->args_n == 1) {
		first = json_incref(json_array_get(c->object, 0));
		json_decref(c->object);
		c->object = first;
	} else if (c->json) {
		c->object = json_pack("{so}", "bays", c->object);
	} else if (!err && !end.status && c->args_n == 0 && c->shown == 0) {
		puts("no bay: none is configured and no camera is docked");
	} else if (!err && !end.status && c->args_n == 0) {
		err = ctl_roots(c, &end);
	}
	return finish_object(c, err, &end);
}

/* Status and bays as one object a line. */
static int watch_json(struct ctl *c, struct proto_ctl_end *end)
{
	json_t *status;
	int err =
	    ctl_ask(c, &(struct proto_ask){ .ask = ASK_STATUS }, CTL_PATIENCE_MS, part_status, end);

	if (!err && !end->status)
		err = ctl_roots(c, end);
	if (err || end->status)
		return finish_object(c, err, end);
	status = c->object;
	c->object = json_array();
	err = ctl_ask(c, &(struct proto_ask){ .ask = ASK_BAYS }, CTL_PATIENCE_MS, part_bay, end);
	c->object = json_pack("{soso}", "status", status, "bays", c->object);
	return finish_object(c, err, end);
}

int watch_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_CHANGED };
	struct proto_ctl_end end = { 0 };
	bool screen = isatty(STDOUT_FILENO);
	int code, err;

	if (c->args_n != 0)
		return ctl_usage("watch takes no argument");
	for (;;) {
		c->shown = 0;
		if (!c->json && screen)
			fputs("\033[H\033[2J", stdout);
		code = c->json ? watch_json(c, &end) : status_run(c);
		if (code)
			return code;
		if (!c->json && !screen)
			putchar('\n');
		if (fflush(stdout) != 0)
			return CTL_FAILED;
		question.cursor = c->generation;
		err = ctl_ask(c, &question, -1, NULL, &end);
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

int clip_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_ASSET };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 1 || !ctl_number(c->args[0], INT64_MAX, &question.number))
		return ctl_usage("clip takes a number, as queue shows it");
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, part_asset, &end);
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

/* When what waits will be there, under the queue. */
static int part_outlook(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_destination d;

	if (m->head.type == MSG_STATUS)
		return 0;
	if (m->head.type != MSG_DESTINED)
		return -EPROTO;
	memcpy(&d, m->body, sizeof(d));
	if (c->json) {
		json_t *object = json_destination(&d);

		if (c->shown++ > 0)
			putchar(',');
		json_dumpf(object, stdout, JSON_COMPACT);
		json_decref(object);
	} else {
		if (c->shown++ == 0)
			putchar('\n');
		text_outlook(stdout, &d);
	}
	return ferror(stdout) ? -EIO : 0;
}

int queue_run(struct ctl *c)
{
	struct proto_ask question = { .ask = ASK_ASSETS,
		.flags = ctl_option(c, OPTION_ALL) ? 0 : ASSETS_QUEUED };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 0)
		return ctl_usage("queue takes no argument");
	if (c->json)
		fputs("{\"assets\":[", stdout);
	err = ctl_ask(c, &question, CTL_PATIENCE_MS, part_queue, &end);
	if (!c->json && !err && !end.status && c->shown == 0) {
		puts(ctl_option(c, OPTION_ALL) ? "nothing has been taken in yet" :
						 "nothing waits: all is receipted");
		return CTL_OK;
	}
	if (err || end.status)
		return ctl_complain(err, &end);
	if (c->json)
		fputs("],\"destinations\":[", stdout);
	c->shown = 0;
	err = ctl_ask(
	    c, &(struct proto_ask){ .ask = ASK_STATUS }, CTL_PATIENCE_MS, part_outlook, &end);
	if (c->json && !err && !end.status)
		puts("]}");
	return ctl_complain(err, &end);
}
