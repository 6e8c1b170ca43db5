#include "light.h"

#include "lamp.h"
#include "lamp_name.h"

#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REOPEN_TICKS 40 /* a lamp that is missing is looked for again */

/* A lamp by what it is called. Kept for good once named: a station has as many as bays. */
struct light {
	struct light *next;
	char called[PROTO_NAME_LEN];
	struct lamp lamp;
	bool told;                   /* that it is missing or cannot be written */
	const struct light_row *row; /* what it shall show */
};

struct lights {
	struct light *first;
	struct light *tested;
	struct light extra; /* tested, and of nothing */
	char folder[PATH_MAX / 2];
};

/* Once for each trouble; a lamp is an extra, so nothing else follows from it. */
static void tell_trouble(struct light *light, int err)
{
	if (err && !light->told)
		log_warn("light-missing", "light=\"%s\" error=\"%s\"", log_text(light->called),
		    strerror(-err));
	light->told = err != 0;
}

static struct light *light_called(struct lights *l, const char *called)
{
	struct light *light;

	for (light = l->first; light; light = light->next) {
		if (strcmp(light->called, called) == 0)
			return light;
	}
	light = calloc(1, sizeof(*light));
	if (!light)
		return NULL;
	snprintf(light->called, sizeof(light->called), "%s", called);
	light->row = light_row(LIGHT_OFF);
	tell_trouble(light, lamp_open(&light->lamp, l->folder, called));
	light->next = l->first;
	l->first = light;
	return light;
}

struct lights *lights_new(const char *leds_dir)
{
	struct lights *l = calloc(1, sizeof(*l));

	if (l)
		snprintf(l->folder, sizeof(l->folder), "%s", leds_dir);
	return l;
}

void lights_free(struct lights *l)
{
	struct light *next;

	if (!l)
		return;
	lights_all_off(l);
	for (struct light *light = l->first; light; light = next) {
		next = light->next;
		lamp_close(&light->lamp);
		free(light);
	}
	free(l);
}

static void set(struct lights *l, const char *called, const struct light_row *row)
{
	struct light *light = called[0] ? light_called(l, called) : NULL;

	if (light)
		light->row = row;
}

void lights_set(struct lights *l, const char *name, enum light_state state)
{
	set(l, name, light_row(state));
}

void lights_set_station(struct lights *l, const char *name, enum station_light state)
{
	set(l, name, light_station_row(state));
}

static void show(struct lights *l, struct light *light, uint64_t tick)
{
	const struct light_row *row = light == l->tested ? light_test_row() : light->row;
	int err = lamp_show(&light->lamp, light_row_is_lit(row, tick), row->colour);

	if (err)
		tell_trouble(light, err);
}

void lights_tick(struct lights *l, uint64_t tick)
{
	for (struct light *light = l->first; light; light = light->next) {
		if (light->lamp.brightness < 0 && tick % REOPEN_TICKS == 0)
			tell_trouble(light, lamp_open(&light->lamp, l->folder, light->called));
		show(l, light, tick);
	}
	if (l->tested == &l->extra)
		show(l, &l->extra, tick);
}

static void darken(struct light *light)
{
	light->lamp.written = false;
	lamp_show(&light->lamp, false, light->lamp.colour);
}

void lights_all_off(struct lights *l)
{
	lights_test(l, NULL);
	for (struct light *light = l->first; light; light = light->next)
		darken(light);
}

/* ---- test ---- */

int lights_test(struct lights *l, const char *name)
{
	int err;

	if (l->tested)
		darken(l->tested);
	if (l->tested == &l->extra)
		lamp_close(&l->extra.lamp);
	l->tested = NULL;
	if (!name)
		return 0;
	for (struct light *light = l->first; light; light = light->next) {
		if (light->lamp.brightness >= 0 &&
		    (strcmp(light->called, name) == 0 || strcmp(light->lamp.name, name) == 0)) {
			l->tested = light;
			return 0;
		}
	}
	memset(&l->extra, 0, sizeof(l->extra));
	snprintf(l->extra.called, sizeof(l->extra.called), "%s", name);
	err = lamp_open(&l->extra.lamp, l->folder, name);
	if (!err)
		l->tested = &l->extra;
	return err;
}

/* ---- what there is ---- */

void lights_look(const struct lights *l, const char *name, struct proto_lamp *row)
{
	char path[PATH_MAX];

	memset(row, 0, sizeof(*row));
	row->presence = LAMP_MISSING;
	if (lamp_name_find(l->folder, name, row->lamp, sizeof(row->lamp)) < 0)
		row->lamp[0] = '\0';
	lamp_name_of(l->folder, row->lamp[0] ? row->lamp : name, row->name, sizeof(row->name));
	snprintf(path, sizeof(path), "%s/%s/brightness", l->folder, row->lamp);
	if (!row->lamp[0] || access(path, F_OK) != 0) {
		row->lamp[0] = '\0';
		return;
	}
	row->presence = access(path, W_OK) == 0 ? LAMP_THERE : LAMP_NOT_PERMITTED;
	row->channels = lamp_channels(l->folder, row->lamp);
	row->testing = l->tested && strcmp(l->tested->lamp.name, row->lamp) == 0;
}

size_t lights_there(const struct lights *l, char (*out)[PROTO_NAME_LEN], size_t room)
{
	return lamp_name_list(l->folder, out, room);
}
