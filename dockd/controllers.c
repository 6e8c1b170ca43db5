#include "controllers.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* Nine tenths of max, where that is known. */
static bool is_near(uint32_t used, uint32_t max)
{
	return max > 0 && (uint64_t)used * 10 >= (uint64_t)max * 9;
}

enum resources controllers_judge(const struct proto_controller *row)
{
	if (row->unconfigured > 0)
		return RESOURCES_OUT;
	return is_near(row->slots, row->slots_max) || is_near(row->endpoints, row->endpoints_max) ?
	    RESOURCES_NEAR :
	    RESOURCES_WELL;
}

void controllers_text(const struct proto_controller *row, char *out, size_t room)
{
	out[0] = '\0';
	switch (controllers_judge(row)) {
	case RESOURCES_WELL:
		break;
	case RESOURCES_NEAR:
		snprintf(out, room,
		    "USB controller %s is nearly out of resources (%u devices, %u endpoints): plug "
		    "further hubs into another controller",
		    row->name, row->slots, row->endpoints);
		break;
	case RESOURCES_OUT:
		snprintf(out, room,
		    "USB controller %s has not configured %u of %u devices: the host is out of USB "
		    "resources, or a hub lacks power; plug some into another controller",
		    row->name, row->unconfigured, row->slots);
		break;
	}
}

/* The settings, where there are some, are what a person has read in the board's manual. */
static void bound(const struct controllers *c, struct proto_controller *row)
{
	if (c->slots_max)
		row->slots_max = c->slots_max;
	if (c->endpoints_max)
		row->endpoints_max = c->endpoints_max;
}

static void tell(struct controllers *c, size_t i)
{
	const struct proto_controller *row = &c->row[i];
	enum resources now = controllers_judge(row);
	char text[PROTO_TEXT_LEN * 2];

	if (now == c->told[i])
		return;
	c->told[i] = now;
	controllers_text(row, text, sizeof(text));
	log_event(now == RESOURCES_WELL ? LOG_INFO_LEVEL : LOG_WARN_LEVEL, "usb-resources",
	    "controller=\"%s\" slots=%u/%u endpoints=%u/%u unconfigured=%u reason=\"%s\"",
	    log_text(row->name), row->slots, row->slots_max, row->endpoints, row->endpoints_max,
	    row->unconfigured, text[0] ? text : "well again");
}

void controllers_configure(struct controllers *c, uint32_t slots_max, uint32_t endpoints_max)
{
	c->slots_max = slots_max;
	c->endpoints_max = endpoints_max;
	for (size_t i = 0; i < c->n; i++) {
		bound(c, &c->row[i]);
		tell(c, i);
	}
}

void controllers_take(struct controllers *c, const struct proto_controller *row)
{
	size_t i = 0;

	while (i < c->n && strcmp(c->row[i].name, row->name) != 0)
		i++;
	if (i == CONTROLLERS_MAX)
		return;
	if (row->buses == 0) {
		if (i < c->n) {
			c->row[i] = c->row[--c->n];
			c->told[i] = c->told[c->n];
		}
		return;
	}
	if (i == c->n) {
		c->n++;
		c->told[i] = RESOURCES_WELL;
	}
	c->row[i] = *row;
	bound(c, &c->row[i]);
	tell(c, i);
}

void controllers_forget(struct controllers *c)
{
	c->n = 0;
}

const struct proto_controller *controllers_of(const struct controllers *c, unsigned bus)
{
	for (size_t i = 0; i < c->n && bus < 32; i++) {
		if (c->row[i].buses & 1u << bus)
			return &c->row[i];
	}
	return NULL;
}
