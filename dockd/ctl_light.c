/*
 * ctl_light: dockctl light: the lamps, whose they are and what they show, and the test that tells which is
 * which.
 */
#include "ctl_light.h"
#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "light_table.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 5
#define SECONDS_MAX 60

static const char *use_word(unsigned use)
{
	switch ((enum lamp_use)use) {
	case LAMP_OF_NOTHING:
		return "none";
	case LAMP_OF_BAY:
		return "bay";
	case LAMP_OF_STATION:
		return "station";
	}
	return "?";
}

static const char *presence_word(unsigned presence)
{
	switch ((enum lamp_presence)presence) {
	case LAMP_MISSING:
		return "missing";
	case LAMP_NOT_PERMITTED:
		return "not-permitted";
	case LAMP_THERE:
		return "there";
	}
	return "?";
}

/* What it shows now; NULL: nothing of ours. */
static const struct light_row *row_shown(const struct proto_lamp *l)
{
	if (l->presence != LAMP_THERE)
		return NULL;
	if (l->testing)
		return light_test_row();
	if (l->use == LAMP_OF_NOTHING)
		return NULL;
	return l->use == LAMP_OF_STATION ? light_station_row(l->state) : light_row(l->state);
}

static json_t *text_json(const char *text)
{
	char clean[TEXT_ESCAPED(PROTO_NAME_LEN)];

	return text[0] ? json_string(text_clean(text, false, clean, sizeof(clean))) : json_null();
}

static json_t *lamp_json(const struct proto_lamp *l)
{
	const struct light_row *row = row_shown(l);

	return json_pack("{so so ss so ss si so sb}", "lamp", text_json(l->lamp), "name",
	    text_json(l->name), "use", use_word(l->use), "bay", text_json(l->bay), "presence",
	    presence_word(l->presence), "colours", (int)l->channels, "shows",
	    row ? json_string(row->word) : json_null(), "testing", l->testing != 0);
}

static void put_lamp(const struct proto_lamp *l, bool first)
{
	const struct light_row *row = row_shown(l);
	char lamp[TEXT_ESCAPED(PROTO_NAME_LEN)], name[TEXT_ESCAPED(PROTO_NAME_LEN)],
	    bay[TEXT_ESCAPED(PROTO_NAME_LEN) + 8] = "-";

	if (first)
		printf("%-24s %-12s %-13s %-8s %-12s %s\n", "LAMP", "OF", "PRESENCE", "COLOURS",
		    "SHOWS", "NAME IN dockd.conf");
	text_clean(l->lamp[0] ? l->lamp : "-", true, lamp, sizeof(lamp));
	text_clean(l->name, true, name, sizeof(name));
	if (l->use == LAMP_OF_BAY) {
		memcpy(bay, "bay ", 5);
		text_clean(l->bay, true, bay + 4, sizeof(bay) - 4);
	} else if (l->use == LAMP_OF_STATION) {
		memcpy(bay, "station", 8);
	}
	printf("%-24s %-12s %-13s %-8u %-12s light = \"%s\"\n", lamp, bay,
	    presence_word(l->presence), l->channels ? l->channels : 1, row ? row->title : "-",
	    name);
}

static int part_lamp(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_lamp l;

	if (m->head.type != MSG_LAMP)
		return -EPROTO;
	memcpy(&l, m->body, sizeof(l));
	if (c->json)
		json_array_append_new(c->object, lamp_json(&l));
	else
		put_lamp(&l, c->shown++ == 0);
	return 0;
}

/* As each begins. */
static int part_test(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_lamp l;
	char lamp[TEXT_ESCAPED(PROTO_NAME_LEN)], bay[TEXT_ESCAPED(PROTO_NAME_LEN)],
	    name[TEXT_ESCAPED(PROTO_NAME_LEN)];

	if (m->head.type != MSG_LAMP)
		return -EPROTO;
	memcpy(&l, m->body, sizeof(l));
	if (c->json)
		return json_line(stdout, lamp_json(&l)) && fflush(stdout) == 0 ? 0 : -EIO;
	if (c->shown++ == 0)
		printf("The lamp that is meant blinks \"%s\". Ctrl-C ends the test.\n",
		    light_test_row()->timing);
	text_clean(l.lamp[0] ? l.lamp : l.name, true, lamp, sizeof(lamp));
	text_clean(l.bay, true, bay, sizeof(bay));
	text_clean(l.name, true, name, sizeof(name));
	if (!l.testing)
		printf("%s: cannot be written (%s)\n", lamp, presence_word(l.presence));
	else if (l.use == LAMP_OF_BAY)
		printf("%s: bay %s\n", lamp, bay);
	else if (l.use == LAMP_OF_STATION)
		printf("%s: the station light\n", lamp);
	else
		printf("%s: of no bay; for one: light = \"%s\";\n", lamp, name);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int test(struct ctl *c, struct proto_ask *q)
{
	const char *seconds = ctl_option(c, OPTION_SECONDS);
	struct proto_ctl_end end;
	int err;

	q->number = SECONDS;
	if (seconds && !ctl_number(seconds, SECONDS_MAX, &q->number))
		return ctl_usage("--seconds is 1 to 60, for each lamp");
	err = ctl_ask(c, q, (int)q->number * 1000 + CTL_PATIENCE_MS, part_test, &end);
	return ctl_complain(err, &end);
}

int light_run(struct ctl *c)
{
	struct proto_ask q = { .ask = ASK_LIGHT };
	bool is_test = c->args_n > 0 && strcmp(c->args[0], "test") == 0;
	bool is_map = c->args_n > 0 && strcmp(c->args[0], "map") == 0;
	int words = is_test || is_map;
	const char *which = c->args_n > words ? c->args[words] : "";
	struct proto_ctl_end end;
	int err, code;

	if (c->args_n > words + 1 || strlen(which) >= PROTO_NAME_LEN)
		return ctl_usage("light takes a bay, a lamp or nothing, after test, map or alone");
	snprintf(q.text, sizeof(q.text), "%s", which);
	if (is_test)
		return test(c, &q);
	if (ctl_option(c, OPTION_SECONDS))
		return ctl_usage("--seconds goes with light test");
	if (is_map)
		return light_map(c, which);
	c->object = c->json ? json_array() : NULL;
	err = ctl_ask(c, &q, CTL_PATIENCE_MS, part_lamp, &end);
	code = ctl_complain(err, &end);
	if (code == CTL_OK && c->json)
		return json_line(stdout, json_pack("{so}", "lamps", c->object)) ? CTL_OK :
										  CTL_FAILED;
	json_decref(c->object);
	if (code == CTL_OK && c->shown == 0)
		puts("there is no lamp: the configuration names none, and the kernel knows none");
	return code;
}
