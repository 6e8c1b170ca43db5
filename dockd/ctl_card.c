/*
 * ctl_card: dockctl card: what hangs on the wall, and one page each for the sergeant and the evidence
 * manager. The lamps are light_table's, who may do what is role's; it needs no daemon, which is asked
 * for the station's name only.
 */
#include "base/proto_ctl.h"
#include "base/proto_station.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "role.h"
#include "sheet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NAME_PATIENCE_MS 3000

/* What each question is for, as somebody types it; everybody's are left out. */
static const struct {
	enum ask ask;
	const char *command;
	const char *what;
} commands[] = {
	{ ASK_RETRY, "dockctl retry bay NAME --reason TEXT",
	    "Try a bay again, after you did what its remark says." },
	{ ASK_EXPEDITE, "dockctl expedite CAMERA|CLIP --reason TEXT",
	    "Read and send this first; says when it will be there." },
	{ ASK_PRESERVE, "dockctl preserve asset N|camera SERIAL|docking N --reason TEXT",
	    "Nothing of it is ever deleted, until the order is lifted." },
	{ ASK_ASSIGN, "dockctl camera assign SERIAL --officer ID --unit ID --reason TEXT",
	    "Who carries this camera; it is told when it is docked." },
	{ ASK_CAMERAS, "dockctl camera list", "Cameras docked here, and which are overdue." },
	{ ASK_FORGET, "dockctl camera forget SERIAL --reason TEXT", "It is not awaited any more." },
	{ ASK_ORDERS, "dockctl orders", "Orders to preserve, and who gave them." },
	{ ASK_DUE, "dockctl due; dockctl review",
	    "What goes by age soon; what never goes by itself, and who decides." },
	{ ASK_LIFT, "dockctl lift ORDER --reason TEXT", "Ends an order to preserve." },
	{ ASK_DISPOSE, "dockctl dispose N --reason TEXT --order REF",
	    "Lawful deletion of every copy that can be reached. Cannot be undone." },
	{ ASK_EXPORT, "dockctl export DIR --reason TEXT",
	    "Copies files and ledger out, for a case or a new system." },
	{ ASK_SETTLE, "dockctl settle DOCKING|clock --reason TEXT",
	    "You have looked into an audit's finding; a clock that jumped is right." },
	{ ASK_ENROLL, "dockctl camera enroll SERIAL FILE --scheme S --reason TEXT",
	    "The public key with which this camera signs." },
	{ ASK_REVOKE, "dockctl camera revoke SERIAL --reason TEXT",
	    "What it signs from now on proves nothing: lost, stolen, repaired." },
	{ ASK_REBIND, "dockctl rebind DESTINATION --reason TEXT",
	    "The store that answers under this name now is the one you mean." },
	{ ASK_KEYS, "dockctl camera keys", "Which keys are enrolled." },
	{ ASK_LEDGER, "dockctl ledger verify", "Checks that the continuity ledger is unchanged." },
	{ ASK_BUNDLE, "dockctl statement N", "One page about a file, with its proofs, for court." },
	{ ASK_REPORTS, "dockctl report DOCKING", "How a camera was used, by its own log." },
};

static void put_bay_lamps(struct sheet *s, bool brief)
{
	sheet_heading(s, "THE LIGHT AT A BAY");
	for (unsigned i = 0; i < LIGHT_STATES; i++)
		sheet_lamp(s, light_row(i), brief);
}

static void put_station_lamps(struct sheet *s, bool brief)
{
	sheet_heading(s, "THE STATION LIGHT");
	for (unsigned i = STATION_WELL; i <= STATION_NEEDS_IT; i++)
		sheet_lamp(s, light_station_row(i), brief);
}

static void put_commands(struct sheet *s, enum role role)
{
	char heading[64];

	snprintf(heading, sizeof(heading), "YOUR COMMANDS (role %s)", role_word(role));
	sheet_heading(s, heading);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (role_for(commands[i].ask) & role)
			sheet_command(s, commands[i].command, commands[i].what);
	}
}

/* ---- the pages ---- */

static void put_wall(struct sheet *s)
{
	put_bay_lamps(s, false);
	put_station_lamps(s, false);
	sheet_heading(s, "ALWAYS");
	sheet_item(s, "Look for 6 seconds. The rhythm tells, not the colour.");
	sheet_item(s, LIGHT_FROZEN);
	sheet_item(s, "Taken too early? Nothing is lost: put the camera back in any bay.");
}

static void put_sergeant(struct sheet *s)
{
	put_bay_lamps(s, true);
	put_station_lamps(s, true);
	sheet_heading(s, "WHAT YOU DO");
	sheet_item(s,
	    "A bay says leave it: \"dockctl bay NAME\" says why and what to do. "
	    "Do it, then retry.");
	sheet_item(s,
	    "All bays are off: the station is down. No clip is lost. "
	    "Leave cameras docked, keep full ones unused, call IT.");
	sheet_item(s,
	    "A camera is needed while it is read: take another. If there is none, take "
	    "it: its clips stay on it until it is docked again.");
	sheet_item(s,
	    "Never format a camera, and never delete on it, while its bay does not "
	    "show all receipted.");
	sheet_item(s, LIGHT_FROZEN);
	put_commands(s, ROLE_CUSTODIAN);
}

static void put_evidence(struct sheet *s)
{
	put_station_lamps(s, true);
	sheet_heading(s, "WHAT YOU DO");
	sheet_item(s, "Each day: \"dockctl status\": what waits, and what needs a person.");
	sheet_item(
	    s, "Each week: \"dockctl review\". What is there never goes by age: you decide.");
	sheet_item(s, "A finding of an audit: look into it, write down what you found, settle.");
	sheet_item(s,
	    "Each command that changes something asks for a reason, and the ledger keeps "
	    "it for good, with who gave it.");
	put_commands(s, ROLE_EVIDENCE);
}

static const struct page {
	const char *word, *title;
	enum role role; /* 0: anybody */
	void (*put)(struct sheet *s);
} pages[] = {
	{ "wall", "May I take my camera?", 0, put_wall },
	{ "sergeant", "Docking station: the sergeant's page", ROLE_CUSTODIAN, put_sergeant },
	{ "evidence-manager", "Docking station: the evidence manager's page", ROLE_EVIDENCE,
	    put_evidence },
};

/* ---- the command ---- */

static int part_name(void *context, struct msg *m)
{
	struct ctl *c = context;
	struct proto_ctl_status s;

	if (m->head.type != MSG_STATUS)
		return 0;
	memcpy(&s, m->body, sizeof(s));
	text_clean(s.station, true, c->name, sizeof(c->name));
	return 0;
}

static json_t *json_row(const struct light_row *row)
{
	return json_pack("{ss ss ss ss ss ss ss ss ss}", "state", row->word, "title", row->title,
	    "rhythm", row->rhythm, "timing", row->timing, "colour", row->hue, "summary",
	    row->summary, "means", row->means, "todo", row->todo, "who", row->who);
}

static json_t *json_page(const struct page *page, const char *station)
{
	json_t *o = json_pack("{ss so si so so so ss so}", "card", page->word, "station",
	    station[0] ? json_string(station) : json_null(), "tick_ms", LIGHT_TICK_MS, "bay",
	    json_array(), "station_light", json_array(), "test", json_row(light_test_row()),
	    "frozen", LIGHT_FROZEN, "commands", json_array());

	for (unsigned i = 0; i < LIGHT_STATES; i++)
		json_array_append_new(json_object_get(o, "bay"), json_row(light_row(i)));
	for (unsigned i = STATION_WELL; i <= STATION_NEEDS_IT; i++)
		json_array_append_new(
		    json_object_get(o, "station_light"), json_row(light_station_row(i)));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (role_for(commands[i].ask) & page->role)
			json_array_append_new(json_object_get(o, "commands"),
			    json_pack("{ss ss}", "command", commands[i].command, "what",
				commands[i].what));
	}
	return o;
}

int card_run(struct ctl *c)
{
	const char *word = c->args_n ? c->args[0] : pages[0].word;
	struct sheet s = { .out = stdout, .html = ctl_option(c, OPTION_HTML) != NULL };
	const struct page *page = NULL;
	struct proto_ctl_end end;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].word, word) == 0)
			page = &pages[i];
	}
	if (!page || c->args_n > 1)
		return ctl_usage("card takes wall, sergeant or evidence-manager");
	/* no daemon, no name: the page is the same */
	ctl_ask(c, &(struct proto_ask){ .ask = ASK_STATUS }, NAME_PATIENCE_MS, part_name, &end);
	if (c->json)
		return json_line(stdout, json_page(page, c->name)) ? CTL_OK : CTL_FAILED;
	s.dense = page->role != 0;
	sheet_begin(&s, page->title, c->name);
	page->put(&s);
	sheet_end(&s,
	    "A strip is 6 seconds: filled where the lamp is lit. Printed by dockctl card, "
	    "dockd " DOCKD_VERSION ".");
	return ferror(stdout) ? CTL_FAILED : CTL_OK;
}
