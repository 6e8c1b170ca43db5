/*
 * control_light: which lamps there are and whose, and the test that finds which is which: one lamp after
 * the other shows a rhythm that is no state. It ends with its time, or when its asker goes.
 */
#include "control_answer.h"
#include "control_inner.h"

#include "control_client.h"
#include "light.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 60 /* of one lamp */

/* ---- what there is ---- */

/* Lamps of bays, then the station's, then all others. How many. */
static size_t collect(const struct control *c, struct proto_lamp rows[CONTROL_LAMPS])
{
	static char there[CONTROL_LAMPS][PROTO_NAME_LEN];
	const struct bays *h = c->p.bays;
	size_t n = 0, used, there_n = lights_there(c->p.lights, there, CONTROL_LAMPS);
	const char *station = c->station_light;

	for (size_t i = 0; i < h->n && n < CONTROL_LAMPS; i++) {
		const struct bay *b = h->bay[i];

		if (!b->lamp[0])
			continue;
		lights_look(c->p.lights, b->lamp, &rows[n]);
		memcpy(rows[n].name, b->lamp, sizeof(rows[n].name));
		memcpy(rows[n].bay, b->name, sizeof(rows[n].bay));
		rows[n].use = LAMP_OF_BAY;
		rows[n++].state = bay_light(b);
	}
	if (station[0] && n < CONTROL_LAMPS) {
		lights_look(c->p.lights, station, &rows[n]);
		snprintf(rows[n].name, sizeof(rows[n].name), "%s", station);
		rows[n].use = LAMP_OF_STATION;
		rows[n++].state = control_station_light(c);
	}
	used = n;
	for (size_t i = 0; i < there_n && n < CONTROL_LAMPS; i++) {
		bool known = false;

		for (size_t k = 0; k < used; k++)
			known |= strcmp(rows[k].lamp, there[i]) == 0;
		if (known)
			continue;
		lights_look(c->p.lights, there[i], &rows[n]);
		rows[n++].use = LAMP_OF_NOTHING;
	}
	return n;
}

/* Whether somebody means this lamp by that text; "": those in use; "all": all. */
static bool is_meant(const struct proto_lamp *row, const char *text, bool test)
{
	if (!text[0])
		return !test || row->use != LAMP_OF_NOTHING;
	if (strcmp(text, "all") == 0)
		return true;
	if (strcmp(text, "station") == 0 && row->use == LAMP_OF_STATION)
		return true;
	return strcmp(row->bay, text) == 0 || strcmp(row->lamp, text) == 0 ||
	    strcmp(row->name, text) == 0;
}

static int list(struct client *k, const struct proto_lamp *rows, size_t n)
{
	unsigned sent = 0;
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!is_meant(&rows[i], k->ask.text, false))
			continue;
		any = true;
		if (i < k->ask.cursor)
			continue;
		if (sent++ == CONTROL_PAGE)
			return client_end(k, 0, i, "");
		r = client_send(k, MSG_LAMP, &rows[i], -1);
	}
	if (r < 0)
		return r;
	if (!any && k->ask.text[0])
		return client_end(k, -ENOENT, 0, "no lamp and no bay with a lamp is called that");
	return client_end(k, 0, 0, "");
}

/* ---- the test ---- */

static void record(const struct client *k, unsigned seconds)
{
	struct record r;

	record_begin(&r, "light-test");
	if (k->ask.text[0])
		record_text(&r, "lamp", k->ask.text);
	record_number(&r, "seconds", seconds);
	record_number(&r, "uid", k->uid);
	journal_write(k->control->p.journal, &r);
	log_info("light-test", "uid=%u lamp=\"%s\" lamps=%zu seconds=%u", (unsigned)k->uid,
	    log_text(k->ask.text), k->control->light.n, seconds);
}

static int begin(struct client *k, const struct proto_lamp *rows, size_t n)
{
	struct control_light *t = &k->control->light;

	if (t->tester)
		return client_end(k, -EBUSY, 0, "somebody else tests lamps just now");
	if (k->ask.number > SECONDS_MAX)
		return client_end(k, -EINVAL, 0, "a lamp is tested for 60 seconds at most");
	*t = (struct control_light){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (is_meant(&rows[i], k->ask.text, true))
			memcpy(t->lamp[t->n++], rows[i].lamp[0] ? rows[i].lamp : rows[i].name,
			    PROTO_NAME_LEN);
	}
	if (t->n == 0)
		return client_end(k, -ENOENT, 0,
		    k->ask.text[0] ? "no lamp and no bay with a lamp is called that" :
				     "the configuration names no lamp: dockctl light test all");
	t->tester = k;
	record(k, (unsigned)k->ask.number);
	k->parked = true;
	k->until_us = 0;
	return 0;
}

int control_light(struct client *k)
{
	static struct proto_lamp rows[CONTROL_LAMPS];
	size_t n = collect(k->control, rows);

	return k->ask.number ? begin(k, rows, n) : list(k, rows, n);
}

/* The row of a lamp by its name in the class folder, or in the configuration where it is missing. */
static void row_of(const struct control *c, const char *lamp, struct proto_lamp *out)
{
	static struct proto_lamp rows[CONTROL_LAMPS];
	size_t n = collect(c, rows);

	*out = (struct proto_lamp){ .use = LAMP_OF_NOTHING, .presence = LAMP_MISSING };
	snprintf(out->name, sizeof(out->name), "%s", lamp);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].lamp[0] ? rows[i].lamp : rows[i].name, lamp) == 0)
			*out = rows[i];
	}
}

bool control_light_done(struct client *k)
{
	struct control *c = k->control;
	struct control_light *t = &c->light;
	struct proto_lamp row;
	uint64_t now = bay_now_us();

	if (t->tester != k)
		return true;
	while (now >= t->until_us) {
		int err;

		if (t->at == t->n)
			return true;
		err = lights_test(c->p.lights, t->lamp[t->at]);
		row_of(c, t->lamp[t->at++], &row);
		if (!err) {
			t->shown++;
			t->until_us = now + k->ask.number * BAY_SECOND_US;
		}
		if (client_send(k, MSG_LAMP, &row, -1) < 0)
			return true;
	}
	return false;
}

int control_light_end(struct client *k)
{
	unsigned shown = k->control->light.shown;

	control_light_gone(k);
	if (!shown)
		return client_end(k, -ENODEV, 0, "none of these lamps can be written");
	return client_end(k, 0, 0, "");
}

void control_light_gone(const struct client *k)
{
	struct control *c = k->control;

	if (c->light.tester != k)
		return;
	c->light.tester = NULL;
	lights_test(c->p.lights, NULL);
}
