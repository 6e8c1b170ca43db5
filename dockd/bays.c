#include "bays.h"

#include "arrival.h"
#include "child.h"
#include "docking.h"
#include "errand.h"
#include "index_docking.h"
#include "unlocking.h"

#include "base/handover.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROBE_SILENT_US (120 * BAY_SECOND_US) /* a whole probe: it tells nothing meanwhile */

#define SILENT_US (3 * BAY_SECOND_US) /* then a pull that brings nothing holds nobody up */

struct bays *bays_new(sd_event *event, struct journal *j, struct staging *s, struct lights *l,
    const struct bays_handlers *handlers, void *arg)
{
	struct bays *b = calloc(1, sizeof(*b));

	if (!b)
		fatal("reason=\"out of memory\"");
	b->event = event;
	b->journal = j;
	b->staging = s;
	b->lights = l;
	b->handlers = handlers;
	b->arg = arg;
	b->roots = roots_new();
	return b;
}

struct bay *bays_add(struct bays *h, const char *name, const char *port)
{
	struct bay *b;

	if (h->n == BAYS_MAX)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		fatal("reason=\"out of memory\"");
	b->house = h;
	b->device_fd = b->part_fd = -1;
	b->health.stale = true;
	snprintf(b->name, sizeof(b->name), "%s", name);
	snprintf(b->port, sizeof(b->port), "%s", port);
	h->bay[h->n++] = b;
	return b;
}

struct bay *bays_find(struct bays *h, const char *port)
{
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->bay[i]->port, port) == 0)
			return h->bay[i];
	}
	return NULL;
}

static void drop_bay(struct bays *h, size_t at)
{
	free(h->bay[at]);
	h->bay[at] = h->bay[--h->n];
}

void bays_configure(struct bays *h, const struct config *c)
{
	h->settings = (struct bays_settings){
		.erase = c->erase,
		.any = c->any,
		.take_when_server = c->take_when_server,
		.accept = c->accept,
		.pulls_per_port = c->pulls_per_port,
		.rejoin_s = c->rejoin_s,
	};
	h->destinations_n = c->destinations_n;
	for (size_t i = 0; i < c->destinations_n; i++)
		memcpy(h->destination[i], c->destination[i].name, sizeof(h->destination[i]));
	for (size_t i = 0; i < h->n; i++)
		h->bay[i]->configured = false;
	for (size_t i = 0; i < c->bays_n; i++) {
		struct bay *b = bays_find(h, c->bay[i].port);

		if (!b)
			b = bays_add(h, c->bay[i].name, c->bay[i].port);
		if (!b)
			break;
		memcpy(b->name, c->bay[i].name, sizeof(b->name));
		if (strcmp(b->lamp, c->bay[i].light) != 0)
			lights_set(h->lights, b->lamp, LIGHT_OFF);
		memcpy(b->lamp, c->bay[i].light, sizeof(b->lamp));
		b->configured = true;
	}
	/* a camera may still be there, but its lamp may be another bay's now */
	for (size_t i = 0; i < h->n; i++) {
		if (!h->bay[i]->configured) {
			lights_set(h->lights, h->bay[i]->lamp, LIGHT_OFF);
			h->bay[i]->lamp[0] = '\0';
		}
	}
	/* a profile in use moves with the array; dockings keep theirs by name */
	for (size_t i = 0; i < h->n; i++) {
		const struct profile *old = h->bay[i]->profile;

		h->bay[i]->profile = NULL;
		for (size_t k = 0; old && k < c->profiles_n; k++) {
			if (strcmp(c->profile[k].name, old->name) == 0)
				h->bay[i]->profile = &c->profile[k];
		}
		if (old && !h->bay[i]->profile) {
			if (probe_is_at(h->bay[i]))
				probe_gone(h->bay[i]);
			docking_interrupted(h->bay[i], "fault");
			if (h->bay[i]->child)
				child_drop(h->bay[i]->child);
			h->bay[i]->child = NULL;
			docking_end(h->bay[i], "inferred");
			h->bay[i]->state = BAY_FOREIGN;
		}
	}
	h->profiles = c->profile;
	h->profiles_n = c->profiles_n;
	h->probe.reload = true;
	controllers_configure(&h->controllers, c->usb_slots, c->usb_endpoints);
	health_again(h);
	arrival_match_again(h);
	bays_asset_changed(h); /* another policy may open the gate */
}

void bays_set_link(struct bays *h, struct link *l)
{
	h->link = l;
}

/* What else it may be at ends by itself, or with the patience of who calls. */
static void end_bay(struct bay *b)
{
	bool reads =
	    b->state == BAY_FETCHING || b->state == BAY_COMPARING || b->state == BAY_LISTING;

	if (reads && !b->stop_sent) {
		b->stop_sent = true;
		child_send(b->child, MSG_STOP, NULL, NULL, 0);
	} else if (b->state == BAY_READY && !b->bye_sent) {
		b->bye_sent = true;
		child_send(b->child, MSG_BYE, NULL, NULL, 0);
	}
}

unsigned bays_end(struct bays *h)
{
	unsigned left = 0;

	h->ending = true;
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		if (!b->child)
			continue;
		end_bay(b);
		left++;
	}
	return left;
}

void bays_free(struct bays *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		docking_interrupted(b, "stopped");
		bay_drop_worker(b);
		free(b);
	}
	roots_free(h->roots);
	free(h);
}

unsigned bays_retry(struct bays *h, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		if (name && strcmp(b->name, name) != 0)
			continue;
		n++;
		b->deaths = b->starved = 0;
		b->arrivals = 0;
		b->trouble[0] = '\0';
		b->not_erased_n = 0;
		b->mishaps = 0;
		b->unlock.tries = 0;
		if (b->state == BAY_FAULT && b->profile) {
			b->fault[0] = '\0';
			b->listings = 0;
			b->linked = b->final = false;
			b->state = BAY_CLOSED;
			b->due_us = 0;
		} else if (b->state == BAY_READY) {
			b->listings = 0;
			b->linked = b->final = false;
		}
	}
	h->stopped = false;
	h->disk_errors = 0;
	health_again(h);
	return n;
}

void bays_asset_changed(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		h->bay[i]->erase_wanted = true;
	}
}

bool bays_are_shut(const struct bays *h)
{
	return h->volume_trouble && h->volume_trouble[0];
}

const char *bays_stop_why(const struct bays *h)
{
	if (bays_are_shut(h))
		return h->volume_trouble;
	if (h->ledger_trouble && h->ledger_trouble[0])
		return h->ledger_trouble;
	return h->stopped ? h->stop_why : "";
}

bool bays_idle(const struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct bay *b = h->bay[i];

		switch (b->state) {
		case BAY_EMPTY:
		case BAY_FOREIGN:
		case BAY_BLOCKED:
		case BAY_FAULT:
		case BAY_LOOKING:
			continue;
		case BAY_READY:
			if ((!b->final && !(b->sum.troubled && b->listings >= 2)) ||
			    b->sum.pending || b->erased_some || !b->owner_told ||
			    (h->settings.erase && (b->erase_wanted || b->erase_scan)))
				return false;
			continue;
		case BAY_CLOSED:
		case BAY_OPENING:
		case BAY_ATTACHING:
		case BAY_CLOCK:
		case BAY_CONFIGURING:
		case BAY_UNLOCKING:
		case BAY_PROBING:
		case BAY_LISTING:
		case BAY_FETCHING:
		case BAY_COMPARING:
		case BAY_ERASING:
		case BAY_LEFT:
			return false;
		}
	}
	return true;
}

/* ---- each turn ---- */

void bays_act(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];
		struct proto_port open = { .generation = b->device.generation };

		if (!journal_works(h->journal)) {
			b->plan = PLAN_NONE;
			continue;
		}
		if (b->plan == PLAN_OPEN && b->state == BAY_CLOSED) {
			b->plan = PLAN_NONE;
			b->state = BAY_OPENING;
			b->sign_us = bay_now_us();
			memcpy(open.port, b->port, sizeof(open.port));
			handover("bay-open");
			if (link_send_hotplug(h->link, MSG_OPEN, &open) < 0)
				b->state = BAY_CLOSED;
			continue;
		}
		errand_act(b);
	}
}

void bays_moved(struct bay *b, uint64_t length_bytes)
{
	if (length_bytes == b->sign_bytes)
		return;
	if (length_bytes > b->sign_bytes)
		roots_moved(b->house->roots, b, length_bytes - b->sign_bytes);
	b->sign_bytes = length_bytes;
	b->sign_us = bay_now_us();
	b->silent = false;
}

/* A request is out and nothing has been heard: how long may that last? */
static void watch_silence(struct bay *b, uint64_t now)
{
	uint64_t limit_us;
	struct stat st;

	if (b->state == BAY_OPENING) {
		if (now - b->sign_us > 15 * BAY_SECOND_US)
			bay_worker_lost(b, "hotplug did not open the device node");
		return;
	}
	if (!b->child || b->state == BAY_READY || b->state == BAY_FAULT || b->state == BAY_CLOSED)
		return;
	if (b->state == BAY_FETCHING && b->part_fd >= 0 && fstat(b->part_fd, &st) == 0)
		bays_moved(b, (uint64_t)st.st_size);
	if (now < b->sign_us)
		now = b->sign_us; /* just moved */
	b->silent = b->state == BAY_FETCHING && now > b->sign_us && now - b->sign_us > SILENT_US;
	/* the worker gives up by itself first: its own time-outs, three tries and a reset */
	limit_us = b->state == BAY_PROBING ?
	    PROBE_SILENT_US :
	    b->profile->timeout_ms * UINT64_C(8000) + 20 * BAY_SECOND_US;
	if (now - b->sign_us > limit_us) {
		b->sign_us = now;
		child_kill(b->child, "the camera and its worker were silent for too long");
	}
}

static void end_absence(struct bay *b)
{
	docking_end(b, "left");
	b->state = BAY_EMPTY;
	b->profile = NULL;
	b->fault[0] = '\0';
}

/*
 * Ends dockings that the books have open and whose camera did not show up after a restart. false:
 * one may still come back from being unlocked.
 */
static bool end_missed(struct bays *h)
{
	static struct docking open[BAYS_MAX];
	int n = index_open_dockings(journal_index(h->journal), open, BAYS_MAX);
	bool all = true;

	for (int i = 0; i < n; i++) {
		bool here = false;

		for (size_t k = 0; k < h->n; k++)
			here = here || h->bay[k]->docking == open[i].number;
		if (!here && unlocking_pending(h, &open[i])) {
			all = false;
		} else if (!here) {
			struct record r;

			record_begin(&r, "undocked");
			record_number(&r, "docking", (int64_t)open[i].number);
			record_text(&r, "reason", "inferred");
			journal_write(h->journal, &r);
			log_info("undocked", "bay=%s docking=%" PRIu64 " reason=inferred",
			    open[i].bay, open[i].number);
		}
	}
	return all;
}

void bays_tick(struct bays *h, uint64_t tick)
{
	uint64_t now = bay_now_us();

	for (size_t i = h->n; i > 0; i--) {
		struct bay *b = h->bay[i - 1];

		watch_silence(b, now);
		if (b->leaving_us && (now >= b->leaving_us || b->state != BAY_FETCHING))
			bay_leave(b);
		unlocking_tick(b, now);
		if (b->state == BAY_LEFT && now >= b->due_us)
			end_absence(b);
		if (b->state == BAY_EMPTY && !b->configured) {
			lights_set(h->lights, b->lamp, LIGHT_OFF);
			drop_bay(h, i - 1);
		} else {
			lights_set(h->lights, b->lamp, bay_light(b));
		}
	}
	if (h->synced && h->synced_us &&
	    now - h->synced_us > h->settings.rejoin_s * BAY_SECOND_US) {
		if (end_missed(h))
			h->synced_us = 0;
	}
	roots_tick(h);
	lights_tick(h->lights, tick);
}
