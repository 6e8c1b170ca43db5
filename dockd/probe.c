#include "probe.h"

#include "arrival.h"
#include "bays.h"
#include "books.h"
#include "child.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OBJECTS 20000
#define WINDOW_BYTES (1u << 20)
#define TIMEOUT_MS 5000

static const char *why_not(const struct bay *b)
{
	switch (b->state) {
	case BAY_EMPTY:
	case BAY_LEFT:
		return "nothing is plugged in there";
	case BAY_BLOCKED:
		return b->fault;
	case BAY_FOREIGN:
	case BAY_FAULT:
	case BAY_READY:
		break;
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
	case BAY_LOOKING:
		return "busy: wait until its camera is held, then ask again";
	}
	if (b->state == BAY_READY && (!b->linked || b->sum.pending || b->leaving_us))
		return "busy: wait until its camera is held, then ask again";
	return NULL;
}

const char *probe_begin(struct bays *h, struct bay *b, uid_t uid)
{
	struct probe *p = &h->probe;
	const char *why = why_not(b);

	if (why)
		return why;
	if (p->bay)
		return "another device is being probed: ask again in a minute";
	if (!h->hotplug || !h->synced)
		return "dockd-hotplug is not connected: nothing can be opened";
	p->bay = b;
	p->number++;
	p->uid = uid;
	p->docked = b->state == BAY_READY;
	p->fault = b->state == BAY_FAULT;
	p->reload = false;
	p->status = 0;
	p->text[0] = '\0';
	memset(&p->row, 0, sizeof(p->row));
	p->row.device = b->device;
	if (b->profile)
		memcpy(p->row.profile, b->profile->name, sizeof(p->row.profile));
	bay_drop_worker(b);
	b->state = BAY_CLOSED;
	b->due_us = 0;
	return NULL;
}

bool probe_is_at(const struct bay *b)
{
	return b->house->probe.bay == b;
}

int probe_attach(struct bay *b)
{
	const struct proto_attach a = {
		.version = PROTO_VERSION,
		.driver = DRIVER_PTP,
		.window_bytes = WINDOW_BYTES,
		.timeout_ms = TIMEOUT_MS,
		.max_objects = OBJECTS,
		.flags = ATTACH_PROBE,
	};
	int r = child_send(b->child, MSG_ATTACH, &a, &b->device_fd, 1);

	close(b->device_fd);
	b->device_fd = -1;
	b->state = BAY_PROBING;
	return r;
}

static void record(const struct probe *p, const struct bay *b)
{
	static const char *const words[] = { "none", "ptp", "msc" };
	struct record *r = books_begin("probed");

	record_text(r, "bay", b->name);
	record_text(r, "port", b->port);
	record_number(r, "vendor", p->row.device.vendor);
	record_number(r, "product", p->row.device.product);
	record_text(r, "driver", words[p->row.probed.driver]);
	record_number(r, "uid", p->uid);
	journal_write(b->house->journal, r);
}

static void end(struct bay *b, int status, const char *text)
{
	struct probe *p = &b->house->probe;

	p->bay = NULL;
	p->status = status;
	snprintf(p->text, sizeof(p->text), "%s", text);
	record(p, b);
	log_info("probed",
	    "bay=%s port=%s vendor=%04x product=%04x driver=%u status=%d text=\"%s\"", b->name,
	    b->port, p->row.device.vendor, p->row.device.product, p->row.probed.driver, status,
	    log_text(text));
}

/* The bay goes on as if nobody had asked. */
static void give_back(struct bay *b)
{
	const struct probe *p = &b->house->probe;

	bay_drop_worker(b);
	b->listings = p->docked ? 0 : b->listings;
	b->linked = b->final = false;
	b->due_us = 0;
	b->state = p->docked ? BAY_CLOSED : p->fault ? BAY_FAULT : BAY_FOREIGN;
	if (p->reload)
		arrival_match_again(b->house);
}

void probe_failed(struct bay *b, const char *why)
{
	end(b, -EIO, why);
	give_back(b);
}

void probe_gone(struct bay *b)
{
	end(b, -ENODEV, "the device has gone");
}

static bool in_range(const struct proto_probed *d)
{
	return d->driver <= DRIVER_MSC && d->objects <= OBJECTS &&
	    d->camera.unlock <= UNLOCK_AMBA_TEXT;
}

const char *probe_message(struct bay *b, const struct msg *m)
{
	struct probe *p = &b->house->probe;
	struct proto_reason reason;

	if (m->nfds != 0)
		return "a descriptor with a message that has none";
	if (m->head.type == MSG_FAULT) {
		memcpy(&reason, m->body, sizeof(reason));
		probe_failed(b, reason.text);
		return NULL;
	}
	if (m->head.type != MSG_PROBED)
		return "a message that is not due now";
	memcpy(&p->row.probed, m->body, sizeof(p->row.probed));
	if (!in_range(&p->row.probed)) {
		memset(&p->row.probed, 0, sizeof(p->row.probed));
		return "PROBED with numbers out of range";
	}
	end(b, 0, "");
	give_back(b);
	return NULL;
}
