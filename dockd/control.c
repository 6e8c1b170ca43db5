#include "control.h"

#include "control_answer.h"
#include "control_client.h"
#include "control_evidence.h"
#include "control_inner.h"
#include "index_asset.h"
#include "listener.h"

#include "base/log.h"
#include "base/proto_ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALL_PAGES 64
#define CONTROL_OWN (CONTROL_CLIENTS / 2) /* connections of one person */
#define STRANGER_US (5 * BAY_SECOND_US)   /* that one of them has to ask and be refused */
#define CONTROL_STRANGERS 4               /* of all who have no role */

static void client_drop(struct client *k)
{
	struct control *c = k->control;

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->client[i] == k)
			c->client[i] = NULL;
	}
	control_light_gone(k);
	sd_event_source_disable_unref(k->io);
	close(k->sock);
	free(k);
}

int client_send(struct client *k, unsigned type, const void *body, int fd)
{
	return msg_send(k->sock, type, 0, 0, body, &fd, fd >= 0 ? 1 : 0);
}

int client_end(struct client *k, int status, uint64_t cursor, const char *text)
{
	struct proto_ctl_end e = {
		.status = status,
		.cursor = cursor,
		.generation = k->control->generation,
	};

	snprintf(e.text, sizeof(e.text), "%s", text);
	return client_send(k, MSG_END, &e, -1);
}

bool client_gave_reason(struct client *k)
{
	if (k->ask.reason[0])
		return true;
	client_end(k, -EINVAL, 0, "a reason is needed: --reason TEXT");
	return false;
}

void client_park(struct client *k, unsigned seconds)
{
	k->parked = true;
	k->until_us = bay_now_us() +
	    (k->ask.timeout_ms ? k->ask.timeout_ms : seconds * 1000) * UINT64_C(1000);
}

/* ---- changes ---- */

/* What a retry does, and how it is seen; before it is done: how much needed a person. */
static void tell_retry(const struct client *k, char *out, size_t room)
{
	struct index_counts n = { 0 };

	index_counts(control_index(k->control), &n);
	if (k->ask.number)
		snprintf(out, room,
		    "clip %" PRIu64 " is tried again: dockctl clip %" PRIu64
		    " shows how far it comes",
		    k->ask.number, k->ask.number);
	else if (k->ask.text[0])
		snprintf(out, room, "bay %.40s is tried again: dockctl bay %.40s shows how it goes",
		    k->ask.text, k->ask.text);
	else
		snprintf(out, room,
		    "all is tried again: every bay and destination, and %" PRIu64
		    " files that needed a person",
		    n.needs_person);
}

static int answer_retry(struct client *k)
{
	struct control *c = k->control;
	static struct asset a;
	char text[PROTO_TEXT_LEN * 2];
	struct record r;

	if (!client_gave_reason(k))
		return 0;
	tell_retry(k, text, sizeof(text));
	if (k->ask.number && index_asset(control_index(c), k->ask.number, &a) < 0)
		return client_end(k, -ENOENT, 0, "no clip of that number");
	if (!k->ask.number && k->ask.text[0] && bays_retry(c->p.bays, k->ask.text) == 0)
		return client_end(k, -ENOENT, 0, "no bay of that name");
	record_begin(&r, "retry");
	if (k->ask.number)
		record_number(&r, "asset", (int64_t)k->ask.number);
	else if (k->ask.text[0])
		record_text(&r, "bay", k->ask.text);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (!k->ask.text[0]) {
		uplink_retry(c->p.uplink);
		bays_retry(c->p.bays, NULL);
	}
	intake_retry(c->p.intake);
	judge_retry(c->p.judge);
	inquiry_retry(c->p.inquiry);
	bays_asset_changed(c->p.bays);
	log_info("retry", "uid=%u asset=%" PRIu64 " bay=\"%s\"", (unsigned)k->uid, k->ask.number,
	    log_text(k->ask.text));
	return client_end(k, 0, 0, text);
}

/* ---- waiting ---- */

/* A million assets are looked through in many turns: ALL_PAGES pages in each. */
static bool all_have(struct control *c, struct client *k)
{
	static struct asset page[CONTROL_PAGE];
	unsigned pages = 0;
	int n;

	do {
		if (pages++ == ALL_PAGES)
			return false;
		n = index_assets(control_index(c), k->passed, false, page, CONTROL_PAGE);
		for (int i = 0; i < n; i++) {
			if (!page[i].gone && control_rung(c, &page[i]) < k->ask.rung)
				return false;
			k->passed = page[i].number;
		}
	} while (n == CONTROL_PAGE);
	return n >= 0 && k->passed > 0;
}

static bool holds(struct control *c, struct client *k)
{
	static struct asset a;
	struct index_counts n;

	if (k->ask.ask == ASK_PRESERVE)
		return control_preserve_done(k);
	if (k->ask.ask == ASK_DISPOSE)
		return control_dispose_done(k);
	if (k->ask.ask == ASK_PROBE)
		return control_probe_done(k);
	if (k->ask.ask == ASK_LIGHT)
		return control_light_done(k);
	if (k->ask.ask == ASK_CHANGED)
		return c->generation != k->ask.cursor;
	switch ((enum wait_for)k->ask.wait_for) {
	case WAIT_ASSET_RUNG:
		return index_asset(control_index(c), k->ask.number, &a) == 0 &&
		    control_rung(c, &a) >= k->ask.rung;
	case WAIT_ALL_RUNG:
		return all_have(c, k);
	case WAIT_BAY_LIGHT:
		for (size_t i = 0; i < c->p.bays->n; i++) {
			const struct bay *b = c->p.bays->bay[i];

			if (strcmp(b->name, k->ask.text) == 0 && bay_light(b) == k->ask.rung)
				return true;
		}
		return false;
	case WAIT_IDLE:
		return bays_idle(c->p.bays) && intake_idle(c->p.intake) && judge_idle(c->p.judge) &&
		    inquiry_idle(c->p.inquiry) && uplink_idle(c->p.uplink);
	case WAIT_DOCKINGS:
		return index_counts(control_index(c), &n) == 0 && n.dockings >= k->ask.cursor;
	}
	return false;
}

static int park(struct client *k)
{
	if (k->ask.ask == ASK_WAIT &&
	    (k->ask.wait_for < WAIT_ASSET_RUNG || k->ask.wait_for > WAIT_DOCKINGS))
		return client_end(k, -EINVAL, 0, "no such condition");
	k->parked = true;
	k->passed = 0;
	k->until_us = k->ask.timeout_ms ? bay_now_us() + k->ask.timeout_ms * UINT64_C(1000) : 0;
	return 0;
}

static int end_wait(struct client *k, int status)
{
	if (k->ask.ask == ASK_PRESERVE)
		return control_preserve_end(k);
	if (k->ask.ask == ASK_DISPOSE)
		return control_dispose_end(k);
	if (k->ask.ask == ASK_PROBE)
		return control_probe_end(k);
	if (k->ask.ask == ASK_LIGHT)
		return control_light_end(k);
	return client_end(k, status, 0, status ? "the time is up" : "");
}

void control_turn(struct control *c, bool changed)
{
	if (changed)
		c->generation++;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *k = c->client[i];
		bool over;
		int status;

		if (k && !k->roles && bay_now_us() - k->since_us > STRANGER_US) {
			client_drop(k);
			continue;
		}
		if (!k || !k->parked)
			continue;
		over = k->until_us && bay_now_us() >= k->until_us;
		if (holds(c, k))
			status = 0;
		else if (over)
			status = -ETIMEDOUT;
		else
			continue;
		k->parked = false;
		if (end_wait(k, status) < 0)
			client_drop(k);
	}
}

/* ---- clients ---- */

static int answer(struct client *k)
{
	if (k->ask.version != PROTO_VERSION)
		return client_end(
		    k, -EPROTONOSUPPORT, 0, "dockctl and dockd are of different versions");
	if (!role_for(k->ask.ask))
		return client_end(k, -EINVAL, 0, "no such question");
	if (!(role_for(k->ask.ask) & k->roles))
		return control_deny(k);
	switch ((enum ask)k->ask.ask) {
	case ASK_STATUS:
		return control_status(k);
	case ASK_BAYS:
		return control_bays(k);
	case ASK_ASSETS:
		return control_assets(k);
	case ASK_ASSET:
		return control_asset(k);
	case ASK_RETRY:
		return answer_retry(k);
	case ASK_WAIT:
	case ASK_CHANGED:
		return park(k);
	case ASK_EXPORT:
		return control_export(k);
	case ASK_LEDGER:
		return control_ledger(k);
	case ASK_BUNDLE:
		return control_bundle(k);
	case ASK_PRESERVE:
		return control_preserve(k);
	case ASK_LIFT:
		return control_lift(k);
	case ASK_ORDERS:
		return control_orders(k);
	case ASK_DUE:
		return control_due(k);
	case ASK_DISPOSE:
		return control_dispose(k);
	case ASK_REPORTS:
		return control_reports(k);
	case ASK_ENROLL:
		return control_enroll(k);
	case ASK_REVOKE:
		return control_revoke(k);
	case ASK_KEYS:
		return control_keys(k);
	case ASK_SETTLE:
		return control_settle(k);
	case ASK_EXPEDITE:
		return control_expedite(k);
	case ASK_REBIND:
		return control_rebind(k);
	case ASK_ASSIGN:
		return control_assign(k);
	case ASK_PROBE:
		return control_probe(k);
	case ASK_ROOTS:
		return control_roots(k);
	case ASK_DOCTOR:
		return control_doctor(k);
	case ASK_LIGHT:
		return control_light(k);
	case ASK_METRICS:
		return control_metrics(k);
	case ASK_CAMERAS:
		return control_cameras(k);
	case ASK_FORGET:
		return control_forget(k);
	}
	return client_end(k, -EINVAL, 0, "no such question");
}

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct client *k = arg;
	struct msg m;
	int r;

	(void)s;
	(void)revents;
	r = msg_recv(fd, &m, 0, NULL);
	if (r == -EAGAIN)
		return 0;
	if (r != 1 || m.head.type != MSG_ASK) {
		client_drop(k);
		return 0;
	}
	k->parked = false;
	control_light_gone(k);
	memcpy(&k->ask, m.body, sizeof(k->ask));
	if (answer(k) < 0 || !k->roles) /* who has none is told so once: not on and on */
		client_drop(k);
	return 0;
}

/* So that no one person keeps the others out; least of all one who may ask nothing. -1: none. */
static int free_slot(const struct control *c, uid_t uid, uint32_t roles)
{
	unsigned own = 0;
	int slot = -1;

	for (int i = CONTROL_CLIENTS - 1; i >= 0; i--) {
		if (!c->client[i])
			slot = i;
		else if (c->client[i]->uid == uid || (!roles && !c->client[i]->roles))
			own++;
	}
	if (uid != 0 && own >= (roles ? CONTROL_OWN : CONTROL_STRANGERS))
		return -1;
	return slot;
}

static bool take(void *arg, int sock, uid_t *uid)
{
	struct control *c = arg;
	struct client *k = NULL;
	uint32_t roles = role_of_peer(sock, &c->roles, uid);
	int slot = free_slot(c, *uid, roles);

	if (slot >= 0)
		k = calloc(1, sizeof(*k));
	if (!k) {
		close(sock);
		return !roles;
	}
	k->control = c;
	k->sock = sock;
	k->uid = *uid;
	k->roles = roles;
	k->since_us = bay_now_us();
	if (sd_event_add_io(c->event, &k->io, sock, EPOLLIN, on_client, k) < 0) {
		close(sock);
		free(k);
		return !roles;
	}
	c->client[slot] = k;
	return !roles;
}

void control_configure(struct control *c, const struct config *config)
{
	c->roles = config->roles;
	c->camera_overdue_s = config->camera_overdue_s;
	control_doctor_configure(c, config);
	memcpy(c->station_light, config->station_light, sizeof(c->station_light));
}

int control_open(
    sd_event *event, const char *path, const struct control_parts *parts, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->event = event;
	c->p = *parts;
	c->generation = 1;
	c->began_s = (double)clock_now_s();
	r = listener_open(event, path, (gid_t)-1, 0666, take, c, &c->listener);
	if (r < 0)
		free(c);
	else
		*out = c;
	return r;
}

bool control_is_there(const struct control *c)
{
	return listener_is_there(c->listener);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->client[i])
			client_drop(c->client[i]);
	}
	listener_close(c->listener);
	free(c);
}
