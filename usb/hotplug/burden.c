/*
 * burden: see the header. A row of a controller stays when the controller goes: empty, it is told.
 */
#include "burden.h"

#include <stdlib.h>
#include <string.h>

struct controller {
	bool told, owed, settling;
	uint64_t since_ms;            /* since when more devices are unconfigured than was told */
	struct proto_controller last; /* of the scan before */
	struct proto_controller now;
	struct proto_controller said;
};

struct port {
	bool owed;
	struct proto_over_current now;
	uint32_t said;
};

struct burden {
	struct controller controller[BURDEN_CONTROLLERS];
	size_t controllers;
	struct port port[BURDEN_PORTS];
	size_t ports;
};

struct burden *burden_new(void)
{
	return calloc(1, sizeof(struct burden));
}

void burden_free(struct burden *b)
{
	free(b);
}

void burden_begin(struct burden *b)
{
	for (size_t i = 0; i < b->controllers; i++) {
		struct controller *c = &b->controller[i];

		c->last = c->now;
		c->now.buses = c->now.slots = c->now.endpoints = c->now.unconfigured = 0;
	}
}

void burden_bus(struct burden *b, const struct proto_controller *facts)
{
	struct controller *c = b->controller;
	size_t i = 0;

	while (i < b->controllers && strcmp(c[i].now.name, facts->name) != 0)
		i++;
	if (i == BURDEN_CONTROLLERS)
		return;
	if (i == b->controllers) {
		memcpy(c[i].now.name, facts->name, sizeof(c[i].now.name));
		b->controllers++;
	}
	c[i].now.buses |= facts->buses;
	c[i].now.endpoints_max = facts->endpoints_max;
	c[i].now.slots_max = facts->slots_max;
}

void burden_device(struct burden *b, unsigned bus, unsigned endpoints, bool configured)
{
	for (size_t i = 0; i < b->controllers; i++) {
		struct proto_controller *c = &b->controller[i].now;

		if (bus > 31 || !(c->buses & 1u << bus))
			continue;
		c->slots++;
		c->endpoints += endpoints;
		c->unconfigured += !configured;
		return;
	}
}

void burden_port(struct burden *b, const struct proto_over_current *now)
{
	size_t i = 0;

	while (i < b->ports && strcmp(b->port[i].now.port, now->port) != 0)
		i++;
	if (i == BURDEN_PORTS || (i == b->ports && now->count == 0))
		return; /* most ports never had one: they need no row */
	if (i == b->ports)
		b->port[b->ports++].now = *now;
	b->port[i].now.count = now->count;
	/* less than before: its hub was found anew, and counts from there */
	b->port[i].owed = b->port[i].now.count != b->port[i].said;
}

static void end_controller(struct controller *c, bool at_once, uint64_t now_ms)
{
	bool same = c->told && memcmp(&c->now, &c->said, sizeof(c->now)) == 0;
	bool agreed = memcmp(&c->now, &c->last, sizeof(c->now)) == 0;
	bool waiting = false;

	if (c->now.unconfigured <= c->said.unconfigured) {
		c->since_ms = 0;
	} else {
		if (!c->since_ms)
			c->since_ms = now_ms;
		waiting = now_ms - c->since_ms < BURDEN_SETTLE_MS;
	}
	c->owed = !same && (at_once || (agreed && !waiting));
	c->settling = !same && !c->owed;
}

void burden_end(struct burden *b, bool at_once, uint64_t now_ms)
{
	for (size_t i = 0; i < b->controllers; i++)
		end_controller(&b->controller[i], at_once, now_ms);
}

bool burden_next(struct burden *b, struct burden_event *event)
{
	memset(event, 0, sizeof(*event));
	for (size_t i = 0; i < b->controllers; i++) {
		if (b->controller[i].owed) {
			event->type = MSG_CONTROLLER;
			event->controller = b->controller[i].now;
			return true;
		}
	}
	for (size_t i = 0; i < b->ports; i++) {
		if (b->port[i].owed) {
			event->type = MSG_OVER_CURRENT;
			event->current = b->port[i].now;
			return true;
		}
	}
	return false;
}

void burden_told(struct burden *b, const struct burden_event *event)
{
	for (size_t i = 0; i < b->controllers && event->type == MSG_CONTROLLER; i++) {
		struct controller *c = &b->controller[i];

		if (strcmp(c->now.name, event->controller.name) != 0)
			continue;
		c->owed = false;
		c->told = true;
		c->said = event->controller;
	}
	for (size_t i = 0; i < b->ports && event->type == MSG_OVER_CURRENT; i++) {
		if (strcmp(b->port[i].now.port, event->current.port) != 0)
			continue;
		b->port[i].owed = false;
		b->port[i].said = event->current.count;
	}
}

bool burden_unsettled(const struct burden *b)
{
	for (size_t i = 0; i < b->controllers; i++) {
		if (b->controller[i].settling)
			return true;
	}
	return false;
}
