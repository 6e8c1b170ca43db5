#include "profile.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/*
 * How much each match field says of a device: each outweighs all that say less, taken together.
 * Equal sums therefore mean the same set of fields, but for class, subclass and protocol.
 */
enum {
	WEIGHT_CLASS = 1, /* class, subclass, protocol: one each */
	WEIGHT_INTERFACE = 4,
	WEIGHT_MANUFACTURER = 8,
	WEIGHT_VENDOR = 16,
	WEIGHT_PRODUCT = 32,
	WEIGHT_MODEL = 64,
	WEIGHT_SERIAL = 128,
};

static bool glob_fits(const char *glob, const char *text)
{
	return !glob[0] || fnmatch(glob, text, 0) == 0;
}

static bool number_fits(int wanted, unsigned value)
{
	return wanted < 0 || (unsigned)wanted == value;
}

/* One interface must fit all four fields that speak of interfaces. */
static bool interface_fits(const struct profile *p, const struct proto_arrived *a)
{
	size_t n = a->interfaces < PROTO_INTERFACES ? a->interfaces : PROTO_INTERFACES;

	if (p->class < 0 && p->subclass < 0 && p->protocol < 0 && !p->interface_name[0])
		return true;
	for (size_t i = 0; i < n; i++) {
		const struct proto_interface *f = &a->interface[i];

		if (number_fits(p->class, f->class) && number_fits(p->subclass, f->subclass) &&
		    number_fits(p->protocol, f->protocol) && glob_fits(p->interface_name, f->name))
			return true;
	}
	return false;
}

static bool profile_fits(const struct profile *p, const struct proto_arrived *a)
{
	return number_fits(p->vendor, a->vendor) && number_fits(p->product, a->product) &&
	    glob_fits(p->manufacturer, a->manufacturer) && glob_fits(p->model, a->model) &&
	    glob_fits(p->serial, a->serial) && interface_fits(p, a);
}

const struct profile *profile_find(const struct profile *profiles, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

unsigned profile_weight(const struct profile *p)
{
	unsigned weight = 0;

	weight += (p->class >= 0) * WEIGHT_CLASS;
	weight += (p->subclass >= 0) * WEIGHT_CLASS;
	weight += (p->protocol >= 0) * WEIGHT_CLASS;
	weight += (p->interface_name[0] != '\0') * WEIGHT_INTERFACE;
	weight += (p->manufacturer[0] != '\0') * WEIGHT_MANUFACTURER;
	weight += (p->vendor >= 0) * WEIGHT_VENDOR;
	weight += (p->product >= 0) * WEIGHT_PRODUCT;
	weight += (p->model[0] != '\0') * WEIGHT_MODEL;
	weight += (p->serial[0] != '\0') * WEIGHT_SERIAL;
	return weight;
}

const struct profile *profile_match(
    const struct profile *profiles, size_t n, const struct proto_arrived *a, char *tie, size_t room)
{
	const struct profile *best = NULL, *equal = NULL;

	if (room > 0)
		tie[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const struct profile *p = &profiles[i];

		if (!profile_fits(p, a))
			continue;
		if (!best || profile_weight(p) > profile_weight(best)) {
			best = p;
			equal = NULL;
		} else if (!equal && profile_weight(p) == profile_weight(best)) {
			equal = p;
		}
	}
	if (!equal)
		return best;
	if (room > 0)
		snprintf(tie, room, "%s, %s", best->name, equal->name);
	return NULL;
}
