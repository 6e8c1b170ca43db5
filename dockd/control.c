#include "control_client.h"
#include "control_evidence.h"

#include "errand.h"
#include "outlook.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT_PAGE 4
#define ALL_PAGES 64

static void client_drop(struct client *k)
{
	struct control *c = k->control;

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->client[i] == k)
			c->client[i] = NULL;
	}
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

/* ---- status ---- */

enum station_light control_station_light(const struct control *c)
{
	char text[PROTO_TEXT_LEN * 2];
	struct uplink_state d;
	bool away = false;

	retention_text(c->p.retention, text, sizeof(text));
	if (text[0])
		return STATION_NEEDS_IT;
	if (!journal_works(c->p.journal) || bays_stop_why(c->p.bays)[0] || !c->p.bays->hotplug)
		return STATION_NEEDS_IT;
	if (outlook_text(c->p.uplink, text, sizeof(text)))
		return STATION_NEEDS_IT;
	for (size_t i = 0; uplink_state(c->p.uplink, i, &d) == 0; i++) {
		if (d.another || d.person)
			return STATION_NEEDS_IT;
		away = away || d.away;
	}
	return away ? STATION_AWAY : STATION_WELL;
}

static void need(char *text, size_t room, const char *what)
{
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s%s", used ? "; " : "", what);
}

static int answer_status(struct client *k)
{
	struct control *c = k->control;
	struct proto_ctl_status s = {
		.generation = c->generation,
		.records = journal_records(c->p.journal),
		.hotplug_connected = c->p.bays->hotplug,
		.station_light = control_station_light(c),
		.plaintext = c->p.plaintext,
		.intake_stopped = bays_stop_why(c->p.bays)[0] || !journal_works(c->p.journal),
		.erase = c->p.bays->settings.erase,
		.accept_level = c->p.bays->settings.accept,
	};
	struct staging_space space = { 0 };
	struct index_counts n = { 0 };
	char receipts[PROTO_TEXT_LEN * 2];
	int r;

	snprintf(s.station, sizeof(s.station), "%s", c->p.station);
	snprintf(s.version, sizeof(s.version), "%s", DOCKD_VERSION);
	s.checked_records = checkpoint_checked(c->p.checkpoint);
	s.checkpoint_size = checkpoint_size(c->p.checkpoint);
	index_counts(control_index(c), &n);
	s.assets = n.assets;
	s.receipted = n.receipted;
	s.erased = n.erased;
	s.unsent_bytes = n.unsent_bytes;
	s.oldest_unsent_s = n.oldest_unsent_s;
	s.dockings = n.dockings;
	staging_space(c->p.staging, &space);
	s.disk_free_bytes = space.free_bytes;
	s.disk_reserve_bytes = space.reserve_bytes;
	for (size_t i = 0; i < c->p.bays->n; i++) {
		const struct bay *b = c->p.bays->bay[i];

		s.bays += b->state != BAY_FOREIGN;
		s.occupied +=
		    b->state != BAY_EMPTY && b->state != BAY_LEFT && b->state != BAY_FOREIGN;
	}
	if (!journal_works(c->p.journal))
		need(s.text, sizeof(s.text), journal_why(c->p.journal));
	if (bays_stop_why(c->p.bays)[0])
		need(s.text, sizeof(s.text), bays_stop_why(c->p.bays));
	if (!c->p.bays->hotplug)
		need(s.text, sizeof(s.text),
		    "dockd-hotplug is not connected: no camera is seen; start it");
	if (n.needs_person) {
		char some[64];

		snprintf(some, sizeof(some), "%" PRIu64 " files need a person: dockctl queue",
		    n.needs_person);
		need(s.text, sizeof(s.text), some);
	}
	reconcile_text(c->p.reconcile, receipts, sizeof(receipts));
	if (receipts[0])
		need(s.text, sizeof(s.text), receipts);
	control_destination_needs(c, s.text, sizeof(s.text));
	control_fill_retention(c, &s);
	retention_text(c->p.retention, receipts, sizeof(receipts));
	if (receipts[0])
		need(s.text, sizeof(s.text), receipts);
	if (outlook_text(c->p.uplink, receipts, sizeof(receipts)))
		need(s.text, sizeof(s.text), receipts);
	holder_text(c->p.holder, receipts, sizeof(receipts));
	if (receipts[0])
		need(s.text, sizeof(s.text), receipts);
	s.findings = index_findings_count(control_index(c));
	control_needs(c, s.text, sizeof(s.text));
	r = client_send(k, MSG_STATUS, &s, -1);
	if (r == 0)
		r = control_destinations(k);
	return r < 0 ? r : client_end(k, 0, 0, "");
}

/* ---- bays ---- */

static void fill_bay(const struct bay *b, struct proto_ctl_bay *row)
{
	struct stat st;

	memset(row, 0, sizeof(*row));
	memcpy(row->bay, b->name, sizeof(row->bay));
	memcpy(row->port, b->port, sizeof(row->port));
	snprintf(row->state, sizeof(row->state), "%s", bay_state_word(b));
	memcpy(row->camera, b->identity, sizeof(row->camera));
	memcpy(row->model, b->device.model, sizeof(row->model));
	if (b->profile)
		memcpy(row->profile, b->profile->name, sizeof(row->profile));
	bay_text(b, row->text, sizeof(row->text));
	row->light = bay_light(b);
	row->features = b->camera.features;
	row->battery_percent =
	    b->camera.features & CAMERA_BATTERY ? (int32_t)b->camera.battery_percent : -1;
	row->objects = (uint32_t)b->sum.objects;
	row->pending = (uint32_t)b->sum.pending;
	row->held = (uint32_t)b->sum.held;
	row->receipted = (uint32_t)b->sum.receipted;
	row->docking = b->docking;
	row->pending_bytes = b->sum.pending_bytes;
	row->pulled_bytes = b->pulled_bytes;
	row->clock_offset_ms = b->clock_known ? b->clock_offset_ms : INT64_MIN;
	row->docked_at_s = b->docking ? b->docked_at_s : 0;
	if (b->state == BAY_EMPTY || b->state == BAY_LEFT) {
		memset(row->model, 0, sizeof(row->model));
		row->battery_percent = -1;
		row->features = 0;
	}
	if (b->state == BAY_FETCHING) {
		row->now_asset = b->asset.number;
		row->now_size = b->row.size_bytes;
		if (b->part_fd >= 0 && fstat(b->part_fd, &st) == 0)
			row->now_bytes = (uint64_t)st.st_size;
	}
}

static int answer_bays(struct client *k)
{
	struct bays *h = k->control->p.bays;
	const char *name = k->ask.text;
	unsigned sent = 0;

	for (size_t i = k->ask.cursor; i < h->n; i++) {
		struct proto_ctl_bay row;
		int r;

		if (name[0] && strcmp(name, h->bay[i]->name) != 0)
			continue;
		if (sent == CONTROL_PAGE)
			return client_end(k, 0, i, "");
		fill_bay(h->bay[i], &row);
		control_bay_findings(k->control, row.docking, row.text, sizeof(row.text));
		r = client_send(k, MSG_BAY, &row, -1);
		if (r < 0)
			return r;
		sent++;
	}
	if (name[0] && sent == 0)
		return client_end(k, -ENOENT, 0, "no bay of that name");
	return client_end(k, 0, 0, "");
}

/* ---- assets ---- */

static enum rung rung_of(const struct control *c, const struct asset *a)
{
	static struct upload up[CONFIG_DESTINATIONS];
	const struct upload *ups[CONFIG_DESTINATIONS];
	const struct bays *h = c->p.bays;
	size_t n = 0;

	for (size_t i = 0; i < h->destinations_n; i++) {
		uint64_t number = a->merged_into ? a->merged_into : a->number;

		if (!index_takes(control_index(c), h->destination[i], a->kinds))
			continue;
		ups[n++] = index_upload(control_index(c), number, h->destination[i], &up[i]) == 0 ?
		    &up[i] :
		    NULL;
	}
	return asset_rung(a, ups, n, h->settings.any);
}

void control_fill_asset(const struct control *c, const struct asset *a, struct proto_ctl_asset *row)
{
	struct docking d;
	int64_t part;

	memset(row, 0, sizeof(*row));
	row->number = a->number;
	row->docking = a->docking;
	row->merged_into = a->merged_into;
	row->recorded_s = a->recorded_s;
	row->dispose_by_s = a->dispose_by_s;
	row->recorded_proved = a->recorded_proved;
	row->preserved = retention_preserves(control_index(c), a);
	row->retired = a->disposed ? 2 : a->file == FILE_RETIRED && !a->merged_into;
	row->size_bytes = a->size_bytes;
	row->pulled_bytes = a->pulled_bytes;
	row->mtime_s = a->mtime_s;
	row->staged_at_s = a->staged_at_s;
	row->rung = rung_of(c, a);
	row->kind = a->kind;
	row->interruptions = a->interruptions;
	if (a->file == FILE_SEALED)
		row->staged_bytes = a->size_bytes;
	else if (a->file == FILE_PART && (part = staging_part_length(c->p.staging, a->number)) > 0)
		row->staged_bytes = (uint64_t)part;
	memcpy(row->asset, a->id, sizeof(row->asset));
	memcpy(row->sha256, a->sha256, sizeof(row->sha256));
	memcpy(row->camera, a->camera, sizeof(row->camera));
	if (index_docking(control_index(c), a->docking, &d) == 0)
		memcpy(row->bay, d.bay, sizeof(row->bay));
	snprintf(row->signature, sizeof(row->signature), "%s", a->signature);
	snprintf(row->signature_text, sizeof(row->signature_text), "%.140s%s%.110s%s",
	    a->kind == KIND_REPORT && !a->signature_text[0] ? "the station's own" :
							      signature_sentence(a->signature),
	    a->signature_text[0] ? " (" : "", a->signature_text, a->signature_text[0] ? ")" : "");
	memcpy(row->class, a->class, sizeof(row->class));
	memcpy(row->reason, a->trouble, sizeof(row->reason));
	memcpy(row->path, a->path, sizeof(row->path));
}

static int answer_assets(struct client *k)
{
	static struct asset page[CONTROL_PAGE];
	static struct proto_ctl_asset row;
	struct control *c = k->control;
	bool queued = k->ask.flags & ASSETS_QUEUED;
	int n = index_assets(control_index(c), k->ask.cursor, queued, page, CONTROL_PAGE);

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n; i++) {
		int r;

		control_fill_asset(c, &page[i], &row);
		if (!row.reason[0] && index_is_expedited(control_index(c), page[i].number))
			snprintf(row.reason, sizeof(row.reason), "expedited");
		r = client_send(k, MSG_ASSET, &row, -1);
		if (r < 0)
			return r;
	}
	return client_end(k, 0, n == CONTROL_PAGE ? page[n - 1].number : 0, "");
}

static int answer_asset(struct client *k)
{
	static struct proto_ctl_asset row;
	static struct asset a;
	struct control *c = k->control;
	int r;

	if (index_asset(control_index(c), k->ask.number, &a) < 0)
		return client_end(k, -ENOENT, 0, "no clip of that number");
	control_fill_asset(c, &a, &row);
	if (a.disposed && !row.reason[0])
		snprintf(row.reason, sizeof(row.reason), "disposed of");
	if (!row.reason[0])
		snprintf(row.reason, sizeof(row.reason), "%s", errand_gate_text(c->p.bays, &a));
	control_asset_findings(c, a.number, row.reason, sizeof(row.reason));
	r = client_send(k, MSG_ASSET, &row, -1);
	if (r == 0)
		r = control_uploads(k, &a);
	return r < 0 ? r : client_end(k, 0, 0, "");
}

static int answer_export(struct client *k)
{
	static struct asset page[EXPORT_PAGE];
	static struct proto_ctl_asset row;
	struct control *c = k->control;
	int n = index_assets(control_index(c), k->ask.cursor, false, page, EXPORT_PAGE);
	struct record r;

	if (!client_gave_reason(k))
		return 0;
	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n; i++) {
		if (page[i].file != FILE_SEALED)
			continue;
		record_begin(&r, "exported");
		record_number(&r, "asset", (int64_t)page[i].number);
		record_text(&r, "reason", k->ask.reason);
		record_number(&r, "uid", k->uid);
		journal_write(c->p.journal, &r);
	}
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "the export cannot be put on record");
	for (int i = 0; i < n; i++) {
		int fd =
		    page[i].file == FILE_SEALED ? staging_read(c->p.staging, page[i].number) : -1;
		int err;

		control_fill_asset(c, &page[i], &row);
		err = client_send(k, MSG_ASSET, &row, fd);
		if (fd >= 0)
			close(fd);
		if (err < 0)
			return err;
	}
	log_info("exported", "uid=%u assets=%d after=%" PRIu64, (unsigned)k->uid, n, k->ask.cursor);
	return client_end(k, 0, n == EXPORT_PAGE ? page[n - 1].number : 0, "");
}

/* ---- changes ---- */

static int answer_retry(struct client *k)
{
	struct control *c = k->control;
	static struct asset a;
	struct record r;

	if (!client_gave_reason(k))
		return 0;
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
	return client_end(k, 0, 0, "");
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
			if (!page[i].gone && rung_of(c, &page[i]) < k->ask.rung)
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

	if (k->ask.ask == ASK_DISPOSE || k->ask.ask == ASK_PRESERVE)
		return control_order_settled(k);
	if (k->ask.ask == ASK_CHANGED)
		return c->generation != k->ask.cursor;
	switch ((enum wait_for)k->ask.wait_for) {
	case WAIT_ASSET_RUNG:
		return index_asset(control_index(c), k->ask.number, &a) == 0 &&
		    rung_of(c, &a) >= k->ask.rung;
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

void control_turn(struct control *c, bool changed)
{
	if (changed)
		c->generation++;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *k = c->client[i];
		bool over;
		int status;

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
		if ((k->ask.ask == ASK_DISPOSE || k->ask.ask == ASK_PRESERVE ?
			    control_order_end(k) :
			    client_end(k, status, 0, status ? "the time is up" : "")) < 0)
			client_drop(k);
	}
}

/* ---- clients ---- */

static int answer(struct client *k)
{
	if (k->ask.version != PROTO_VERSION)
		return client_end(
		    k, -EPROTONOSUPPORT, 0, "dockctl and dockd are of different versions");
	switch ((enum ask)k->ask.ask) {
	case ASK_STATUS:
		return answer_status(k);
	case ASK_BAYS:
		return answer_bays(k);
	case ASK_ASSETS:
		return answer_assets(k);
	case ASK_ASSET:
		return answer_asset(k);
	case ASK_RETRY:
		return answer_retry(k);
	case ASK_WAIT:
	case ASK_CHANGED:
		return park(k);
	case ASK_EXPORT:
		return answer_export(k);
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
	memcpy(&k->ask, m.body, sizeof(k->ask));
	if (answer(k) < 0)
		client_drop(k);
	return 0;
}

static int on_accept(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct control *c = arg;
	struct client *k = NULL;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	unsigned slot = 0;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)s;
	(void)revents;
	if (sock < 0)
		return 0;
	while (slot < CONTROL_CLIENTS && c->client[slot])
		slot++;
	if (slot < CONTROL_CLIENTS && getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		k = calloc(1, sizeof(*k));
	if (!k) {
		close(sock);
		return 0;
	}
	k->control = c;
	k->sock = sock;
	k->uid = cred.uid;
	if (sd_event_add_io(c->event, &k->io, sock, EPOLLIN, on_client, k) < 0) {
		close(sock);
		free(k);
		return 0;
	}
	c->client[slot] = k;
	return 0;
}

int control_open(sd_event *event, const char *path, gid_t gid, const struct control_parts *parts,
    struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->event = event;
	c->p = *parts;
	c->generation = 1;
	r = link_listen(path, gid);
	if (r < 0)
		goto out;
	c->listener = r;
	r = sd_event_add_io(event, &c->io, c->listener, EPOLLIN, on_accept, c);
	if (r < 0) {
		close(c->listener);
		goto out;
	}
	*out = c;
	return 0;
out:
	free(c);
	return r;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->client[i])
			client_drop(c->client[i]);
	}
	sd_event_source_disable_unref(c->io);
	close(c->listener);
	free(c);
}
