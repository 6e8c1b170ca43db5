#include "arrival.h"

#include "child.h"
#include "docking.h"
#include "index_docking.h"
#include "unlocking.h"

#include "base/handover.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ARRIVALS_MAX 20 /* on one port */
#define ARRIVALS_SPAN_US 60000000
#define LEAVING_US 1000000 /* for the worker of a camera that left, to write what had come */

void arrival_hotplug_up(struct bays *h)
{
	h->hotplug = true;
	h->synced = false;
	for (size_t i = 0; i < h->n; i++)
		h->bay[i]->told = false;
}

void arrival_hotplug_down(struct bays *h)
{
	h->hotplug = false;
	h->synced = false;
	controllers_forget(&h->controllers);
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
		bool other_face;

		if (strcmp(open[i].port, b->port) != 0)
			continue;
		other_face = unlocking_adopts(b, &open[i], a);
		if (!other_face && strcmp(open[i].serial, a->serial) != 0)
			continue;
		b->docking = open[i].number;
		if (strncmp(open[i].camera, "unproved:", 9) != 0)
			snprintf(b->identity, sizeof(b->identity), "%s", open[i].camera);
		b->docked_at_s = open[i].began_s;
		b->docked_us = bay_now_us();
		if (other_face)
			unlocking_adopted(b, &open[i]);
		log_info("docking-resumed", "bay=%s docking=%" PRIu64, b->name, b->docking);
		return;
	}
}

/* What a locked camera has become by now matches other profiles than it did: its own stays. */
static const struct profile *profile_of_books(
    struct bay *b, const struct proto_arrived *a, const struct profile *matched)
{
	static struct docking open[BAYS_MAX];
	int n = index_open_dockings(journal_index(b->house->journal), open, BAYS_MAX);

	for (int i = 0; i < n; i++) {
		if (strcmp(open[i].port, b->port) == 0 && unlocking_adopts(b, &open[i], a))
			return profile_find(
			    b->house->profiles, b->house->profiles_n, open[i].profile);
	}
	return matched;
}

static void block(struct bay *b, const struct proto_arrived *a)
{
	bay_drop_worker(b);
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
	bay_drop_worker(b);
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

/* It comes and goes without end, beyond what its unlocking takes. */
static bool is_given_up(struct bay *b)
{
	if (unlocking_expects(b) || !arrives_too_often(b))
		return false;
	if (!b->docking)
		docking_begin(b);
	health_mishap(b, MISHAP_CONTACT);
	bay_fault(
	    b, "it connects and disconnects all the time: clean or replace the bay's contacts");
	return true;
}

static void arrived(struct bays *h, const struct proto_arrived *a)
{
	struct bay *b = bays_find(h, a->port);
	const struct profile *profile;
	char tie[PROTO_TEXT_LEN * 2] = "";
	bool same, back;

	if (!b)
		b = bays_add(h, a->port, a->port);
	if (!b) {
		log_warn("too-many-ports", "port=%s", log_text(a->port));
		return;
	}
	b->told = true;
	if (b->leaving_us)
		bay_leave(b);
	if (b->state != BAY_EMPTY && b->state != BAY_LEFT && !unlocking_is_away(b) &&
	    b->device.generation == a->generation && b->device.presence == a->presence &&
	    h->synced) {
		/* told twice, or of what no docking depends on */
		b->health.stale |= b->device.power != a->power;
		b->device.power = a->power;
		return;
	}
	if (probe_is_at(b))
		probe_gone(b);
	profile = profile_match(h->profiles, h->profiles_n, a, tie, sizeof(tie));
	back = unlocking_is_back(b, a);
	if (back)
		profile = b->profile;
	same = back || (rejoins(b, a) && profile == b->profile);
	if (same && b->child && a->presence == PRESENCE_READY && b->device.bus == a->bus &&
	    b->device.device == a->device) {
		/* hotplug was started again: the same device on the same address, the worker has it */
		b->device = *a;
		return;
	}
	if (back && a->presence != PRESENCE_READY && unlocking_away(b)) {
		b->device = *a; /* it may be so on its way back */
		return;
	}
	if (b->child || b->state == BAY_LEFT)
		bay_drop_worker(b);
	if (!same)
		docking_end(b, "left");
	b->device = *a;
	if (a->presence != PRESENCE_READY) {
		block(b, a);
		return;
	}
	if (!b->docking)
		profile = profile_of_books(b, a, profile);
	if (!profile) {
		no_profile(b, tie);
		return;
	}
	b->profile = profile;
	if (is_given_up(b))
		return;
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
	struct bay *b = bays_find(h, p->port);

	if (!b || b->device.generation != p->generation)
		return;
	/* a worker in a pull first writes and tells what had come: it sees that the camera is gone */
	if (b->state == BAY_FETCHING && b->child)
		b->leaving_us = bay_now_us() + LEAVING_US;
	else
		bay_leave(b);
}

/* Devices that no profile knew: one of the new profiles may. */
void arrival_match_again(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct proto_arrived a = h->bay[i]->device;

		if (h->bay[i]->state == BAY_FOREIGN) {
			h->bay[i]->state = BAY_EMPTY;
			arrived(h, &a);
		}
	}
}

static void on_message(void *arg, const struct msg *m)
{
	struct bay *b = arg;
	const char *why = b->state == BAY_PROBING ? probe_message(b, m) : docking_message(b, m);

	if (why && b->child) {
		log_warn("worker-refused", "bay=%s message=%s reason=\"%s\"", b->name,
		    proto_name(m->head.type), why);
		child_kill(b->child, why);
	}
}

static void on_ended(void *arg, enum child_end end, const char *how)
{
	struct bay *b = arg;

	if (end == CHILD_DONE)
		how = "the worker ended by itself";
	b->child = NULL;
	if (b->leaving_us) {
		bay_leave(b);
		return;
	}
	if (probe_is_at(b)) {
		probe_failed(b, how);
		return;
	}
	if (b->house->ending) {
		docking_interrupted(b, "stopped");
		b->state = BAY_CLOSED;
		return;
	}
	docking_interrupted(b, "fault");
	if (b->state == BAY_FAULT || b->state == BAY_CLOSED)
		return;
	if (end == CHILD_KILLED) { /* no camera's fault, and no bay's */
		bay_worker_starved(b, how);
		return;
	}
	if (end == CHILD_FAILED)
		health_mishap(b, MISHAP_WORKER);
	bay_worker_lost(b, how);
}

static void opened(struct bays *h, struct msg *m)
{
	static const struct child_handlers handlers = { on_message, on_ended };
	struct proto_opened o;
	struct bay *b;
	int r;

	memcpy(&o, m->body, sizeof(o));
	b = bays_find(h, o.port);
	if (!b || h->ending || b->state != BAY_OPENING || b->device.generation != o.generation)
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
		bay_worker_starved(b,
		    r == -ENOENT || r == -EACCES ?
			"dockd-camera could not be started: is the package whole?" :
			"dockd-camera could not be started, the station is short of memory, files "
			"or processes: see its log");
		return;
	}
	b->state = BAY_ATTACHING;
	b->listings = 0;
	b->linked = b->final = false;
	b->sign_us = bay_now_us();
	handover("bay-attach");
	r = probe_is_at(b) ? probe_attach(b) : docking_attach(b);
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
			bay_leave(h->bay[i]);
	}
	log_info("hotplug-synced", "bays=%zu", h->n);
}

/* A port's name as the kernel writes it, and nothing else. */
static bool is_port(const char *port)
{
	return port[0] && !port[strspn(port, "0123456789-.")];
}

void arrival_message(struct bays *h, struct msg *m)
{
	struct proto_controller controller;
	struct proto_over_current current;
	struct proto_arrived a;
	struct proto_port p;

	if (m->nfds != 0 && m->head.type != MSG_OPENED) {
		link_drop_hotplug(h->link, "a descriptor with a message that has none");
		return;
	}
	switch (m->head.type) {
	case MSG_ARRIVED:
		memcpy(&a, m->body, sizeof(a));
		if (a.interfaces > PROTO_INTERFACES || !is_port(a.port))
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
	case MSG_CONTROLLER:
		memcpy(&controller, m->body, sizeof(controller));
		controllers_take(&h->controllers, &controller);
		h->health_changes++;
		return;
	case MSG_OVER_CURRENT:
		memcpy(&current, m->body, sizeof(current));
		if (is_port(current.port))
			health_over_current(h, &current);
		else
			link_drop_hotplug(h->link, "OVER_CURRENT of no port");
		return;
	default:
		link_drop_hotplug(h->link, "a message that hotplug does not send");
	}
}
