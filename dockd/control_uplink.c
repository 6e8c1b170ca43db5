/*
 * control_uplink: destinations and uploads as dockctl is shown them, and what is expedited.
 *
 * Called by control. Expediting changes the order and nothing else: no check, no proof and no
 * destination's trust is passed over for it.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"
#include "index_asset.h"
#include "index_docking.h"
#include "index_expedite.h"
#include "index_policy.h"
#include "index_queue.h"

#include "base/log.h"
#include "base/proto_asset.h"
#include "base/proto_station.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int control_destinations(struct client *k)
{
	struct control *c = k->control;
	struct uplink_state d;
	int64_t from_s;
	int r = 0;

	for (size_t i = 0; r == 0 && uplink_state(c->p.uplink, i, &d) == 0; i++) {
		struct proto_ctl_destination row = {
			.connected = d.connected,
			.active = d.active,
			.level = d.level,
			.away = d.away,
			.sent_bytes = d.sent_bytes,
			.bytes_per_s = d.bytes_per_s,
			.allowed_per_s = d.allowed_per_s,
			.expected_s = d.expected_s,
			.oldest_expected_s = d.urgent_expected_s,
			.oldest_deadline_s = d.urgent_deadline_s,
		};

		for (unsigned j = 0; j < 3; j++)
			uplink_certificate(c->p.uplink, i, (enum certificate_which)(j + 1), &from_s,
			    &row.certificate_until_s[j]);
		memcpy(row.name, d.name, sizeof(row.name));
		memcpy(row.driver, d.driver, sizeof(row.driver));
		memcpy(row.text, d.trouble, sizeof(row.text));
		snprintf(row.state, sizeof(row.state), "%s", d.state[0] ? d.state : d.late);
		index_queued(control_index(c), d.name, &row.queued, &row.queued_bytes);
		r = client_send(k, MSG_DESTINED, &row, -1);
	}
	return r;
}

/* ---- uploads ---- */

static int send_upload(struct client *k, const struct asset *a, const struct upload *up)
{
	struct control *c = k->control;
	struct proto_ctl_upload row = { .number = a->number };
	struct uplink_asset now;

	uplink_asset(c->p.uplink, up->destination, up->asset, &now);
	memcpy(row.destination, up->destination, sizeof(row.destination));
	memcpy(row.address, up->address, sizeof(row.address));
	memcpy(row.version, up->version, sizeof(row.version));
	memcpy(row.reason, up->refused || up->passed || !now.reason[0] ? up->reason : now.reason,
	    sizeof(row.reason));
	memcpy(row.state, now.state, sizeof(row.state));
	row.level = up->level;
	row.rung = up->rung;
	row.lock_mode = up->lock;
	row.retain_until_s = up->retain_until_s;
	/* told to let go, and to hold it again: what it said before counts no more */
	row.held = up->releasing && retention_preserves(control_index(c), a) ? HOLD_NONE : up->held;
	row.receipted_at_s = up->receipted_at_s;
	row.confirmed_at_s = up->confirmed_at_s;
	row.offset_bytes = up->rung == RUNG_RECEIPTED ? up->length_bytes : now.offset_bytes;
	row.sent_bytes = now.sent_bytes;
	row.attempts = now.attempts;
	row.next_try_s = now.next_try_s;
	row.expected_s = up->rung < RUNG_RECEIPTED ? now.expected_s : 0;
	row.expedited =
	    up->rung < RUNG_RECEIPTED && index_is_expedited(control_index(c), up->asset);
	return client_send(k, MSG_UPLOADING, &row, -1);
}

/* Where it waits and nothing has begun: when it will be there is known all the same. */
static int send_waiting(struct client *k, const struct asset *a)
{
	struct control *c = k->control;
	struct uplink_state d;
	int r = 0;

	for (size_t i = 0; r == 0 && uplink_state(c->p.uplink, i, &d) == 0; i++) {
		static struct upload up;

		if (!index_waits(control_index(c), d.name, a->number) ||
		    index_upload(control_index(c), a->number, d.name, &up) == 0)
			continue;
		up = (struct upload){
			.asset = a->number, .rung = RUNG_CHECKED, .retain_until_s = PROTO_NO_TIME
		};
		memcpy(up.destination, d.name, sizeof(up.destination));
		r = send_upload(k, a, &up);
	}
	return r;
}

int control_uploads(struct client *k, const struct asset *a)
{
	static struct upload up[CONFIG_DESTINATIONS];
	int n = index_uploads(control_index(k->control),
	    a->merged_into ? a->merged_into : a->number, up, CONFIG_DESTINATIONS);
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = send_upload(k, a, &up[i]);
	return r == 0 ? send_waiting(k, a) : r;
}

/* ---- expedite ---- */

/* A row for each destination that takes it, begun there or not. */
static int send_expedited(struct client *k, uint64_t number, unsigned *rows)
{
	struct control *c = k->control;
	static struct asset a;
	struct uplink_state d;
	int r = 0;

	if (index_asset(control_index(c), number, &a) < 0)
		return 0;
	for (size_t i = 0; r == 0 && uplink_state(c->p.uplink, i, &d) == 0; i++) {
		static struct upload up;
		uint64_t root = a.merged_into ? a.merged_into : a.number;

		if (!index_takes(control_index(c), d.name, a.kinds))
			continue;
		if (index_upload(control_index(c), root, d.name, &up) < 0) {
			up = (struct upload){ .asset = root,
				.rung = a.rung < RUNG_CHECKED ? a.rung : RUNG_CHECKED,
				.retain_until_s = PROTO_NO_TIME };
			memcpy(up.destination, d.name, sizeof(up.destination));
		}
		r = send_upload(k, &a, &up);
		(*rows)++;
	}
	return r;
}

static int put_on_record(struct client *k, uint64_t asset, const char *camera, uint64_t docking)
{
	struct control *c = k->control;
	struct record r;

	record_begin(&r, "expedited");
	if (asset)
		record_number(&r, "asset", (int64_t)asset);
	record_text(&r, "camera", camera);
	record_number(&r, "docking", (int64_t)docking);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return -EIO;
	log_info("expedited", "uid=%u asset=%" PRIu64 " camera=\"%s\" docking=%" PRIu64,
	    (unsigned)k->uid, asset, log_text(camera), docking);
	uplink_hurry(c->p.uplink);
	return 0;
}

static int expedite_asset(struct client *k)
{
	static struct asset a;
	struct index *ix = control_index(k->control);
	unsigned rows = 0;
	int r = 0;

	if (index_asset(ix, k->ask.number, &a) < 0)
		return client_end(k, -ENOENT, 0, "no clip of that number");
	if (a.disposed || (a.gone && a.rung == RUNG_LISTED))
		return client_end(k, -ENOENT, 0, "there is no copy of it that could be sent");
	if (!index_is_expedited(ix, a.number) && !index_is_receipted(ix, a.number))
		r = put_on_record(k, a.number, a.camera, a.docking);
	if (r < 0)
		return client_end(k, r, 0, "it cannot be put on record");
	r = send_expedited(k, a.number, &rows);
	return r < 0 ? r : client_end(k, 0, 0, "");
}

static int expedite_camera(struct client *k)
{
	uint64_t numbers[CONTROL_PAGE];
	struct index *ix = control_index(k->control);
	struct docking d;
	char text[80] = "";
	unsigned rows = 0;
	int r, n;

	if (index_docking_before(ix, k->ask.text, INT64_MAX, &d) < 0)
		return client_end(k, -ENOENT, 0, "no camera of that serial number has been here");
	r = put_on_record(k, 0, d.camera, d.number);
	if (r < 0)
		return client_end(k, r, 0, "it cannot be put on record");
	n = index_expedited_next(ix, d.camera, d.number, 0, numbers, CONTROL_PAGE);
	for (int i = 0; i < n && r == 0 && rows < CONTROL_PAGE; i++)
		r = send_expedited(k, numbers[i], &rows);
	if (r < 0)
		return r;
	if (n == CONTROL_PAGE)
		snprintf(text, sizeof(text), "and more: dockctl queue shows all");
	else if (n == 0)
		snprintf(text, sizeof(text), "nothing of it waits here now");
	return client_end(k, 0, 0, text);
}

int control_expedite(struct client *k)
{
	if (!client_gave_reason(k))
		return 0;
	if (k->ask.number)
		return expedite_asset(k);
	if (k->ask.text[0])
		return expedite_camera(k);
	return client_end(k, -EINVAL, 0, "name a clip by its number, or a camera by its serial");
}
