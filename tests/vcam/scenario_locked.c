/*
 * scenario_locked: puts a vendor's language before a simulated disk, from its JSON description.
 *
 * Keys of "locked" (LANGUAGES.md says what they do): language (dv16, amba-request, amba-block,
 * amba-text), pin, admin, tries, id, info {serial user_no user_name unit_no unit_name}, battery,
 * clock (seconds), card, others (stall, silent, garbage), comes_back (same-port-new-ids, in-place,
 * never, late:SECONDS, other-serial, other-camera), back {vendor product serial manufacturer
 * model}.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

/* Index of text in list, -1 where it is not there. */
static int place_of(const char *text, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, list[i]) == 0)
			return (int)i;
	}
	return -1;
}

static void load_owner(struct owner *o, const json_t *info)
{
	TEXT(o->serial, info, "serial", "7000001");
	TEXT(o->user_no, info, "user_no", "012345");
	TEXT(o->user_name, info, "user_name", "Ottilie Example");
	TEXT(o->unit_no, info, "unit_no", "440001");
	TEXT(o->unit_name, info, "unit_name", "Harbour Example");
}

/* What it looks like locked: an Ambarella device is of no class. */
static void load_face(struct camera *c, const json_t *usb)
{
	struct identity *id = &c->id;

	if (c->locked->language == SPEAKS_DV16)
		return;
	if (!json_object_get(usb, "vendor"))
		id->vendor = 0x4255;
	if (!json_object_get(usb, "product"))
		id->product = 0x0001;
	if (!json_object_get(usb, "class"))
		id->class = 0xff;
	if (!json_object_get(usb, "subclass"))
		id->subclass = 0;
	if (!json_object_get(usb, "protocol"))
		id->protocol = 0;
}

static int load_back(struct camera *c, const json_t *from, const char *how, const char **why)
{
	struct locked *l = c->locked;
	struct identity *b = l->back;
	char serial[sizeof(b->serial)], model[sizeof(b->model)];

	*b = c->id;
	b->class = 8;
	b->subclass = 6;
	b->protocol = 0x50;
	b->vendor = (uint16_t)scenario_number(from, "vendor", b->vendor);
	b->product = (uint16_t)scenario_number(from, "product", b->product + 1);
	TEXT(serial, from, "serial", b->serial);
	TEXT(model, from, "model", b->model);
	TEXT(b->manufacturer, from, "manufacturer", c->id.manufacturer);
	memcpy(b->serial, serial, sizeof(serial));
	memcpy(b->model, model, sizeof(model));
	if (strncmp(how, "late:", 5) == 0) {
		l->late_s = strtod(how + 5, NULL);
	} else if (strcmp(how, "in-place") == 0 && l->language == SPEAKS_DV16) {
		l->comes_back = BACK_IN_PLACE;
	} else if (strcmp(how, "never") == 0) {
		l->comes_back = BACK_NEVER;
	} else if (strcmp(how, "locked") == 0) {
		l->comes_back = BACK_LOCKED;
	} else if (strcmp(how, "other-serial") == 0) {
		snprintf(b->serial, sizeof(b->serial), "%.100s-OTHER", serial);
	} else if (strcmp(how, "other-camera") == 0) {
		snprintf(b->serial, sizeof(b->serial), "%.100s-OTHER", serial);
		snprintf(b->model, sizeof(b->model), "%.100s-OTHER", model);
		b->product += 0x100;
	} else if (strcmp(how, "same-port-new-ids") != 0) {
		*why = "locked: comes_back is none that this language has";
		return -EINVAL;
	}
	return 0;
}

int scenario_locked(struct camera *c, const json_t *locked, const json_t *usb, const char **why)
{
	static const char *const languages[] = { "none", "dv16", "amba-request", "amba-block",
		"amba-text" };
	static const char *const others[] = { "stall", "silent", "garbage" };
	struct locked *l = c->locked = calloc(1, sizeof(*l));
	int language = place_of(scenario_text(locked, "language", ""), languages, 5);
	int other = place_of(scenario_text(locked, "others", "stall"), others, 3);

	if (!l || !(l->face = calloc(1, sizeof(*l->face))) ||
	    !(l->back = calloc(1, sizeof(*l->back))))
		abort();
	*why = "locked: language and others are words of LANGUAGES.md";
	if (language < 1 || other < 0)
		return -EINVAL;
	l->language = (enum language)language;
	l->others = (enum others)other;
	TEXT(l->pin, locked, "pin", language == SPEAKS_TEXT ? "00000000" : "000000");
	TEXT(l->admin, locked, "admin", "123456");
	TEXT(l->id, locked, "id", language == SPEAKS_TEXT ? "BWC70001" : "DV1601");
	load_owner(&l->owner, json_object_get(locked, "info"));
	l->tries = (unsigned)scenario_number(locked, "tries", 0);
	l->card = !json_is_false(json_object_get(locked, "card"));
	c->battery = (uint8_t)scenario_number(locked, "battery", c->battery);
	c->clock_offset_s = scenario_number(locked, "clock", c->clock_offset_s);
	load_face(c, usb);
	*l->face = c->id;
	return load_back(c, json_object_get(locked, "back"),
	    scenario_text(locked, "comes_back", "same-port-new-ids"), why);
}
