/*
 * ports: see the header. A row is a device that is there or whose departure is still owed.
 */
#include "ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row {
	bool used;
	bool seen;                  /* in this scan */
	bool agreed;                /* the last two scans read the same */
	bool told;                  /* `said` has been sent */
	bool owes_left;             /* of `said` */
	bool owes_arrived;          /* of `facts` */
	uint64_t since_ms;          /* when this device was first seen */
	struct proto_arrived facts; /* as last read */
	struct proto_arrived said;  /* as last told */
};

struct ports {
	uint32_t generation;
	struct row row[PORTS_MAX];
};

struct ports *ports_new(void)
{
	return calloc(1, sizeof(struct ports));
}

void ports_free(struct ports *p)
{
	free(p);
}

static struct row *row_of(struct ports *p, const char *port)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (p->row[i].used && strcmp(p->row[i].facts.port, port) == 0)
			return &p->row[i];
	}
	return NULL;
}

static struct row *row_free(struct ports *p)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (!p->row[i].used)
			return &p->row[i];
	}
	return NULL;
}

static bool same_device(const struct proto_arrived *a, const struct proto_arrived *b)
{
	return a->bus == b->bus && a->device == b->device;
}

void ports_begin(struct ports *p)
{
	for (size_t i = 0; i < PORTS_MAX; i++)
		p->row[i].seen = false;
}

int ports_see(struct ports *p, const struct proto_arrived *facts, uint64_t now_ms)
{
	struct proto_arrived now = *facts;
	struct row *r = row_of(p, facts->port);

	now.generation = 0;
	if (!r) {
		r = row_free(p);
		if (!r)
			return -ENOSPC;
		memset(r, 0, sizeof(*r));
		r->used = true;
		r->since_ms = now_ms;
	} else if (!same_device(&r->facts, &now)) {
		r->since_ms = now_ms;
	}
	r->agreed = memcmp(&r->facts, &now, sizeof(now)) == 0;
	r->seen = true;
	r->facts = now;
	return 0;
}

static bool is_settled(const struct row *r, uint64_t now_ms)
{
	return r->agreed &&
	    (r->facts.presence != PRESENCE_NOT_CONFIGURED ||
		now_ms - r->since_ms >= PORTS_SETTLE_MS);
}

/* Whether what was told is what is there; generations aside. */
static bool is_news(const struct row *r)
{
	struct proto_arrived said = r->said;

	said.generation = 0;
	return memcmp(&said, &r->facts, sizeof(said)) != 0;
}

static void end_row(struct row *r, bool at_once, uint64_t now_ms)
{
	if (!r->seen) {
		r->owes_arrived = false;
		r->owes_left = r->told;
		r->used = r->told;
		return;
	}
	if (r->told && !same_device(&r->said, &r->facts))
		r->owes_left = true;
	r->owes_arrived =
	    (!r->told || r->owes_left || is_news(r)) && (at_once || is_settled(r, now_ms));
}

void ports_end(struct ports *p, bool at_once, uint64_t now_ms)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (p->row[i].used)
			end_row(&p->row[i], at_once, now_ms);
	}
}

bool ports_next(struct ports *p, struct ports_event *event)
{
	memset(event, 0, sizeof(*event));
	for (size_t i = 0; i < PORTS_MAX; i++) {
		if (p->row[i].used && p->row[i].owes_left) {
			event->type = MSG_LEFT;
			event->arrived = p->row[i].said;
			return true;
		}
	}
	for (size_t i = 0; i < PORTS_MAX; i++) {
		struct row *r = &p->row[i];

		if (r->used && r->owes_arrived) {
			event->type = MSG_ARRIVED;
			event->arrived = r->facts;
			event->arrived.generation =
			    r->told ? r->said.generation : p->generation + 1;
			return true;
		}
	}
	return false;
}

void ports_told(struct ports *p, const struct ports_event *event)
{
	struct row *r = row_of(p, event->arrived.port);

	if (!r)
		return;
	if (event->type == MSG_LEFT) {
		r->owes_left = false;
		r->told = false;
		r->used = r->seen;
		return;
	}
	if (!r->told)
		p->generation++;
	r->owes_arrived = false;
	r->told = true;
	r->said = event->arrived;
}

bool ports_unsettled(const struct ports *p)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		const struct row *r = &p->row[i];

		if (r->used && r->seen && !r->owes_arrived && (!r->told || is_news(r)))
			return true;
	}
	return false;
}

const struct proto_arrived *ports_find(const struct ports *p, const char *port, uint32_t generation)
{
	for (size_t i = 0; i < PORTS_MAX; i++) {
		const struct row *r = &p->row[i];

		if (r->used && r->told && r->said.generation == generation &&
		    strcmp(r->said.port, port) == 0)
			return &r->said;
	}
	return NULL;
}
