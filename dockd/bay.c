#include "bay.h"

#include "docking.h"
#include "errand.h"
#include "schedule.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEATHS_MAX 4    /* of workers in a row, before FAULT */
#define ARRIVALS_MAX 20 /* on one port */
#define ARRIVALS_SPAN_US 60000000
#define LEAVING_US 1000000 /* for the worker of a camera that left, to write what had come */
#define SECOND_US UINT64_C(1000000)

uint64_t bay_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

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
	return b;
}

static struct bay *bay_new(struct bays *h, const char *name, const char *port)
{
	struct bay *b;

	if (h->n == BAYS_MAX)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		fatal("reason=\"out of memory\"");
	b->house = h;
	b->device_fd = b->part_fd = -1;
	snprintf(b->name, sizeof(b->name), "%s", name);
	snprintf(b->port, sizeof(b->port), "%s", port);
	h->bay[h->n++] = b;
	return b;
}

static struct bay *find(struct bays *h, const char *port)
{
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->bay[i]->port, port) == 0)
			return h->bay[i];
	}
	return NULL;
}

static void bay_remove(struct bays *h, size_t at)
{
	free(h->bay[at]);
	h->bay[at] = h->bay[--h->n];
}

static void match_again(struct bays *h);

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
		struct bay *b = find(h, c->bay[i].port);

		if (!b)
			b = bay_new(h, c->bay[i].name, c->bay[i].port);
		if (!b)
			break;
		memcpy(b->name, c->bay[i].name, sizeof(b->name));
		if (strcmp(b->lamp, c->bay[i].light) != 0)
			lights_set(h->lights, b->lamp, LIGHT_OFF);
		memcpy(b->lamp, c->bay[i].light, sizeof(b->lamp));
		b->configured = true;
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
	match_again(h);
	bays_asset_changed(h); /* another policy may open the gate */
}

void bays_set_link(struct bays *h, struct link *l)
{
	h->link = l;
}

static void drop_worker(struct bay *b)
{
	if (b->child)
		child_drop(b->child);
	b->child = NULL;
	if (b->device_fd >= 0)
		close(b->device_fd);
	b->device_fd = -1;
	if (b->part_fd >= 0)
		close(b->part_fd);
	b->part_fd = -1;
	b->plan = PLAN_NONE;
}

void bays_free(struct bays *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		docking_interrupted(b, "stopped");
		if (b->child && b->state == BAY_READY)
			child_send(b->child, MSG_BYE, NULL, NULL, 0);
		else
			drop_worker(b);
		free(b);
	}
	free(h);
}

/* ---- arrivals and departures ---- */

void bays_hotplug_up(struct bays *h)
{
	h->hotplug = true;
	h->synced = false;
	for (size_t i = 0; i < h->n; i++)
		h->bay[i]->told = false;
}

void bays_hotplug_down(struct bays *h)
{
	h->hotplug = false;
	h->synced = false;
	/* cameras are still there as far as anybody knows: their workers go on */
	for (size_t i = 0; i < h->n; i++) {
		if (h->bay[i]->state == BAY_OPENING)
			h->bay[i]->state = BAY_CLOSED;
	}
}

static bool arrives_too_often(struct bay *b)
{
	uint64_t now = bay_now_us();

	if (now - b->arrivals_us > ARRIVALS_SPAN_US) {
		b->arrivals_us = now;
		b->arrivals = 0;
	}
	return ++b->arrivals > ARRIVALS_MAX;
}

/* The same camera as in the open docking of this bay? */
static bool rejoins(const struct bay *b, const struct proto_arrived *a)
{
	return b->docking && b->profile && strcmp(b->device.serial, a->serial) == 0 &&
	    b->device.vendor == a->vendor;
}

/* After a restart of the service: the docking that the books still have open on this port. */
static void adopt(struct bay *b, const struct proto_arrived *a)
{
	static struct docking open[BAYS_MAX];
	int n = index_open_dockings(journal_index(b->house->journal), open, BAYS_MAX);

	for (int i = 0; i < n; i++) {
		if (strcmp(open[i].port, b->port) != 0 || strcmp(open[i].serial, a->serial) != 0)
			continue;
		b->docking = open[i].number;
		if (strncmp(open[i].camera, "unproved:", 9) != 0)
			snprintf(b->identity, sizeof(b->identity), "%s", open[i].camera);
		b->docked_at_s = open[i].began_s;
		b->docked_us = bay_now_us();
		log_info("docking-resumed", "bay=%s docking=%" PRIu64, b->name, b->docking);
		return;
	}
}

static void block(struct bay *b, const struct proto_arrived *a)
{
	drop_worker(b);
	docking_end(b, "left");
	b->state = BAY_BLOCKED;
	b->profile = NULL;
	snprintf(b->fault, sizeof(b->fault), "%s",
	    a->presence == PRESENCE_NOT_AUTHORISED ?
		"a device is present but not authorised (USB authorisation): authorise this port or "
		"take the device out" :
		"a device is present but not configured: the host is out of USB resources or the port "
		"lacks power; use another port");
	log_warn("blocked", "bay=%s port=%s reason=\"%s\"", b->name, b->port, b->fault);
}

static void no_profile(struct bay *b, const char *tie)
{
	drop_worker(b);
	docking_end(b, "left");
	b->state = BAY_FOREIGN;
	b->profile = NULL;
	if (tie[0]) {
		snprintf(b->fault, sizeof(b->fault),
		    "profiles %.180s match equally: make one more specific", tie);
		log_warn("profile-tie", "bay=%s reason=\"%s\"", b->name, b->fault);
		return;
	}
	snprintf(b->fault, sizeof(b->fault), "not a camera known here: it is left alone");
	log_info("foreign", "bay=%s port=%s vendor=%04x product=%04x class=%02x model=\"%s\"",
	    b->name, b->port, b->device.vendor, b->device.product, b->device.class,
	    log_text(b->device.model));
}

static void has_left(struct bay *b)
{
	if (b->state == BAY_EMPTY)
		return;
	b->leaving_us = 0;
	docking_interrupted(b, "left");
	drop_worker(b);
	if (b->docking) {
		b->state = BAY_LEFT;
		b->fault[0] = '\0';
		b->due_us = bay_now_us() + b->house->settings.rejoin_s * SECOND_US;
		log_info("left", "bay=%s docking=%" PRIu64 " held=%s", b->name, b->docking,
		    bay_holds_all(b) ? "all" : "not-all");
		return;
	}
	log_info("left", "bay=%s port=%s", b->name, b->port);
	b->state = BAY_EMPTY;
	b->fault[0] = '\0';
	b->profile = NULL;
}

static void arrived(struct bays *h, const struct proto_arrived *a)
{
	struct bay *b = find(h, a->port);
	const struct profile *profile;
	char tie[PROTO_TEXT_LEN * 2] = "";
	bool same;

	if (!b)
		b = bay_new(h, a->port, a->port);
	if (!b) {
		log_warn("too-many-ports", "port=%s", log_text(a->port));
		return;
	}
	b->told = true;
	if (b->leaving_us)
		has_left(b);
	if (b->state != BAY_EMPTY && b->state != BAY_LEFT &&
	    b->device.generation == a->generation && b->device.presence == a->presence && h->synced)
		return; /* told twice */
	profile = profile_match(h->profiles, h->profiles_n, a, tie, sizeof(tie));
	same = rejoins(b, a) && profile == b->profile;
	if (same && b->child && b->device.bus == a->bus && b->device.device == a->device) {
		/* hotplug was started again: the same device on the same address, the worker has it */
		b->device = *a;
		return;
	}
	if (b->child || b->state == BAY_LEFT)
		drop_worker(b);
	if (!same)
		docking_end(b, "left");
	b->device = *a;
	if (a->presence != PRESENCE_READY) {
		block(b, a);
		return;
	}
	if (!profile) {
		no_profile(b, tie);
		return;
	}
	b->profile = profile;
	if (arrives_too_often(b)) {
		if (!b->docking)
			docking_begin(b);
		bay_fault(b,
		    "it connects and disconnects all the time: clean or replace the bay's contacts");
		return;
	}
	if (!same)
		adopt(b, a);
	if (!b->docking)
		docking_begin(b);
	else
		b->listings = 0, b->linked = b->final = b->known = false;
	b->fault[0] = '\0';
	b->state = BAY_CLOSED;
	b->due_us = 0;
}

static void left(struct bays *h, const struct proto_port *p)
{
	struct bay *b = find(h, p->port);

	if (!b || b->device.generation != p->generation)
		return;
	/* a worker in a pull first writes and tells what had come: it sees that the camera is gone */
	if (b->state == BAY_FETCHING && b->child)
		b->leaving_us = bay_now_us() + LEAVING_US;
	else
		has_left(b);
}

/* Devices that no profile knew: one of the new profiles may. */
static void match_again(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct proto_arrived a = h->bay[i]->device;

		if (h->bay[i]->state == BAY_FOREIGN) {
			h->bay[i]->state = BAY_EMPTY;
			arrived(h, &a);
		}
	}
}

static void bay_message(void *arg, const struct msg *m)
{
	struct bay *b = arg;
	const char *why = docking_message(b, m);

	if (why && b->child) {
		log_warn("worker-refused", "bay=%s message=%s reason=\"%s\"", b->name,
		    proto_name(m->head.type), why);
		child_kill(b->child, why);
	}
}

static void bay_ended(void *arg, bool clean, const char *how)
{
	struct bay *b = arg;

	b->child = NULL;
	if (b->leaving_us) {
		has_left(b);
		return;
	}
	docking_interrupted(b, "fault");
	if (b->state != BAY_FAULT && b->state != BAY_CLOSED)
		bay_worker_lost(b, clean ? "the worker ended by itself" : how);
}

static void opened(struct bays *h, struct msg *m)
{
	static const struct child_handlers handlers = { bay_message, bay_ended };
	struct proto_opened o;
	struct bay *b;
	int r;

	memcpy(&o, m->body, sizeof(o));
	b = find(h, o.port);
	if (!b || b->state != BAY_OPENING || b->device.generation != o.generation)
		return;
	if (o.status < 0 || m->nfds != 1) {
		log_warn("not-opened", "bay=%s status=%d reason=\"%s\"", b->name, o.status,
		    log_text(o.text));
		bay_worker_lost(b, o.text[0] ? o.text : "the device node could not be opened");
		return;
	}
	b->device_fd = m->fds[0];
	m->fds[0] = -1;
	r = child_start(h->event, "dockd-camera", &handlers, b, &b->child);
	if (r < 0) {
		log_error("worker-start", "bay=%s reason=\"%s\"", b->name, strerror(-r));
		bay_worker_lost(b, "dockd-camera could not be started: is the package whole?");
		return;
	}
	b->state = BAY_ATTACHING;
	b->listings = 0;
	b->linked = b->final = false;
	b->sign_us = bay_now_us();
	handover("bay-attach");
	r = docking_attach(b);
	if (r < 0)
		child_kill(b->child, "it does not read its requests");
}

static void synced(struct bays *h)
{
	h->synced = true;
	h->synced_us = bay_now_us();
	/* what was there before and was not told again has left while nobody looked */
	for (size_t i = 0; i < h->n; i++) {
		if (!h->bay[i]->told && h->bay[i]->state != BAY_LEFT)
			has_left(h->bay[i]);
	}
	log_info("hotplug-synced", "bays=%zu", h->n);
}

void bays_hotplug_message(struct bays *h, struct msg *m)
{
	struct proto_arrived a;
	struct proto_port p;

	if (m->nfds != 0 && m->head.type != MSG_OPENED) {
		link_drop_hotplug(h->link, "a descriptor with a message that has none");
		return;
	}
	switch (m->head.type) {
	case MSG_ARRIVED:
		memcpy(&a, m->body, sizeof(a));
		if (a.interfaces > PROTO_INTERFACES || !a.port[0] ||
		    a.port[strspn(a.port, "0123456789-.")])
			link_drop_hotplug(h->link, "ARRIVED out of range");
		else
			arrived(h, &a);
		return;
	case MSG_LEFT:
		memcpy(&p, m->body, sizeof(p));
		left(h, &p);
		return;
	case MSG_SYNCED:
		synced(h);
		return;
	case MSG_OPENED:
		opened(h, m);
		return;
	default:
		link_drop_hotplug(h->link, "a message that hotplug does not send");
	}
}

/* ---- faults ---- */

void bay_fault(struct bay *b, const char *why)
{
	drop_worker(b);
	b->state = BAY_FAULT;
	snprintf(b->fault, sizeof(b->fault), "%s", why);
	log_error("bay-fault", "bay=%s docking=%" PRIu64 " reason=\"%s\"", b->name, b->docking,
	    log_text(why));
	if (b->docking) {
		struct record r;

		record_begin(&r, "fault");
		record_number(&r, "docking", (int64_t)b->docking);
		record_text(&r, "text", why);
		journal_write(b->house->journal, &r);
	}
}

void bay_worker_lost(struct bay *b, const char *why)
{
	static const unsigned wait_s[DEATHS_MAX] = { 1, 2, 5, 10 };
	char text[PROTO_TEXT_LEN * 2];

	if (b->leaving_us) {
		has_left(b);
		return;
	}
	if (b->deaths >= DEATHS_MAX) {
		snprintf(text, sizeof(text), "%.200s; tried %u times", why, b->deaths + 1);
		bay_fault(b, text);
		return;
	}
	drop_worker(b);
	b->state = BAY_CLOSED;
	b->due_us = bay_now_us() + wait_s[b->deaths++] * SECOND_US;
	snprintf(b->fault, sizeof(b->fault), "%s", why);
	log_warn(
	    "worker-lost", "bay=%s deaths=%u reason=\"%s\"", b->name, b->deaths, log_text(why));
}

unsigned bays_retry(struct bays *h, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		if (name && strcmp(b->name, name) != 0)
			continue;
		n++;
		b->deaths = 0;
		b->arrivals = 0;
		b->trouble[0] = '\0';
		b->not_erased_n = 0;
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
	return n;
}

void bays_asset_changed(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		h->bay[i]->erase_wanted = true;
	}
}

/* ---- each turn ---- */

static void plan_open(struct bay *b)
{
	if (b->state == BAY_CLOSED && b->house->hotplug && b->house->synced &&
	    (!b->due_us || bay_now_us() >= b->due_us)) {
		b->due_us = 0;
		b->plan = PLAN_OPEN;
	}
}

void bays_plan(struct bays *h)
{
	struct bay *order[BAYS_MAX];

	h->again = false;
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		b->plan = PLAN_NONE;
		b->expedited =
		    b->docking && index_expedites_camera(journal_index(h->journal), b->identity);
		/* what has come in since the last turn changes whose turn it is */
		if (b->state == BAY_READY && b->linked)
			listing_sum(journal_index(h->journal), b->docking, &b->sum);
	}
	schedule_order(h, order);
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = order[i];

		plan_open(b);
		if (b->state == BAY_READY && !b->leaving_us)
			errand_plan(b, schedule_may_pull(h, b));
	}
}

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

/* A request is out and nothing has been heard: how long may that last? */
static void watch_silence(struct bay *b, uint64_t now)
{
	uint64_t limit_us;
	struct stat st;

	if (b->state == BAY_OPENING) {
		if (now - b->sign_us > 15 * SECOND_US)
			bay_worker_lost(b, "hotplug did not open the device node");
		return;
	}
	if (!b->child || b->state == BAY_READY || b->state == BAY_FAULT || b->state == BAY_CLOSED)
		return;
	if (b->state == BAY_FETCHING && b->part_fd >= 0 && fstat(b->part_fd, &st) == 0 &&
	    (uint64_t)st.st_size != b->sign_bytes) {
		b->sign_bytes = (uint64_t)st.st_size;
		b->sign_us = now;
	}
	/* the worker gives up by itself first: its own time-outs, three tries and a reset */
	limit_us = b->profile->timeout_ms * UINT64_C(8000) + 20 * SECOND_US;
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

/* Dockings that the books have open, whose camera did not show up after a restart. */
static void end_missed(struct bays *h)
{
	static struct docking open[BAYS_MAX];
	int n = index_open_dockings(journal_index(h->journal), open, BAYS_MAX);

	for (int i = 0; i < n; i++) {
		bool here = false;

		for (size_t k = 0; k < h->n; k++)
			here = here || h->bay[k]->docking == open[i].number;
		if (!here) {
			struct record r;

			record_begin(&r, "undocked");
			record_number(&r, "docking", (int64_t)open[i].number);
			record_text(&r, "reason", "inferred");
			journal_write(h->journal, &r);
			log_info("undocked", "bay=%s docking=%" PRIu64 " reason=inferred",
			    open[i].bay, open[i].number);
		}
	}
}

void bays_tick(struct bays *h, uint64_t tick)
{
	uint64_t now = bay_now_us();

	for (size_t i = h->n; i > 0; i--) {
		struct bay *b = h->bay[i - 1];

		watch_silence(b, now);
		if (b->leaving_us && (now >= b->leaving_us || b->state != BAY_FETCHING))
			has_left(b);
		if (b->state == BAY_LEFT && now >= b->due_us)
			end_absence(b);
		if (b->state == BAY_EMPTY && !b->configured) {
			lights_set(h->lights, b->lamp, LIGHT_OFF);
			bay_remove(h, i - 1);
		} else {
			lights_set(h->lights, b->lamp, bay_light(b));
		}
	}
	if (h->synced && h->synced_us && now - h->synced_us > h->settings.rejoin_s * SECOND_US) {
		h->synced_us = 0;
		end_missed(h);
	}
	lights_tick(h->lights, tick);
}
