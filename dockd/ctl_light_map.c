/*
 * ctl_light_map: dockctl light map: one lamp after the other blinks, a person types whose it is, and what
 * belongs into dockd.conf is printed.
 *
 * Called by ctl_light. It writes no configuration; a test of a lamp ends with the next question.
 */
#include "ctl_light.h"

#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_text.h"
#include "light_table.h"
#include "setting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LAMPS_MOST 256
#define BLINKS_S 60 /* while somebody walks along the bays */
#define STATION "station"

enum answer { ANSWER_NONE = 1, ANSWER_NAME, ANSWER_END }; /* of part_ask: the question is over */

static struct {
	struct proto_lamp lamp[LAMPS_MOST];
	char bay[LAMPS_MOST][PROTO_NAME_LEN]; /* typed; "" it is none's */
	size_t n, at;
} map;

static int part_lamp(void *context, struct msg *m)
{
	struct proto_lamp l;

	(void)context;
	if (m->head.type != MSG_LAMP)
		return -EPROTO;
	memcpy(&l, m->body, sizeof(l));
	if (l.presence == LAMP_THERE && map.n < LAMPS_MOST)
		map.lamp[map.n++] = l;
	return 0;
}

/* A line that was typed, without its blanks; NULL: the end of them. */
static const char *typed(char *line, size_t room)
{
	size_t n;

	if (fflush(stdout) != 0 || !fgets(line, (int)room, stdin))
		return NULL;
	n = strlen(line);
	while (n > 0 && strchr(" \t\r\n", line[n - 1]))
		line[--n] = '\0';
	return line + strspn(line, " \t");
}

/* The lamp has begun to blink. */
static int part_ask(void *context, struct msg *m)
{
	char line[256], lamp[TEXT_ESCAPED(PROTO_NAME_LEN)], bay[TEXT_ESCAPED(PROTO_NAME_LEN)];
	const struct proto_lamp *l = &map.lamp[map.at];
	const char *name;

	(void)context;
	if (m->head.type != MSG_LAMP)
		return -EPROTO;
	text_clean(l->lamp, true, lamp, sizeof(lamp));
	text_clean(l->use == LAMP_OF_STATION ? STATION : l->bay, true, bay, sizeof(bay));
	for (;;) {
		printf("%zu of %zu, %s%s%s%s: which bay? ", map.at + 1, map.n, lamp,
		    bay[0] ? " (now " : "", bay, bay[0] ? ")" : "");
		name = typed(line, sizeof(line));
		if (!name || strcmp(name, "q") == 0)
			return ANSWER_END;
		if (!name[0])
			return ANSWER_NONE;
		if (strlen(name) < PROTO_NAME_LEN && setting_is_name(name))
			break;
		puts("A bay's name has letters, digits, \".\", \"_\" and \"-\".");
	}
	snprintf(map.bay[map.at], PROTO_NAME_LEN, "%s", name);
	return ANSWER_NAME;
}

static void print_lines(void)
{
	char lamp[TEXT_ESCAPED(PROTO_NAME_LEN)];
	bool any = false;

	for (size_t i = 0; i < map.n; i++) {
		if (!map.bay[i][0])
			continue;
		if (!any)
			puts("\nInto dockd.conf; of bays, into the entry of that name:");
		any = true;
		text_clean(map.lamp[i].name, true, lamp, sizeof(lamp));
		if (strcmp(map.bay[i], STATION) == 0)
			printf("  station-light = \"%s\";\n", lamp);
		else
			printf("  { name = \"%s\"; ... light = \"%s\"; }\n", map.bay[i], lamp);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(map.bay[k], map.bay[i]) == 0)
				puts("  # this name was typed twice: one lamp each");
		}
	}
	puts(any ? "Then: systemctl reload dockd; dockctl light shows what came of it." :
		   "\nNo lamp was named: nothing to be put into dockd.conf.");
}

int light_map(struct ctl *c, const char *which)
{
	struct proto_ask q = { .ask = ASK_LIGHT };
	struct proto_ctl_end end = { 0 };
	int rc;

	if (c->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return ctl_usage("light map asks a person: it needs a terminal, and no --json");
	map.n = 0;
	snprintf(q.text, sizeof(q.text), "%s", strcmp(which, "all") == 0 ? "" : which);
	rc = ctl_ask(c, &q, CTL_PATIENCE_MS, part_lamp, &end);
	if (rc || end.status)
		return ctl_complain(rc, &end);
	if (map.n == 0)
		return ctl_fail(CTL_FAILED, "no lamp is there that can be written: dockctl light");
	printf("The lamp that is meant blinks \"%s\". Type the name of its bay, or %s for the\n"
	       "station light; nothing where it is none's; q ends it.\n",
	    light_test_row()->timing, STATION);
	q.number = BLINKS_S;
	for (map.at = 0; map.at < map.n; map.at++) {
		memcpy(q.text, map.lamp[map.at].lamp, PROTO_NAME_LEN);
		do /* an answer without a lamp is the end of the one before, whose time was up */
			rc = ctl_ask(c, &q, CTL_PATIENCE_MS, part_ask, &end);
		while (rc == 0 && end.status == 0);
		if (rc < 0 || (rc == 0 && end.status))
			return ctl_complain(rc, &end);
		if (rc == ANSWER_END)
			break;
	}
	print_lines();
	return CTL_OK;
}
