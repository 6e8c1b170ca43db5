/*
 * control_disposal: the due and the review list, and disposal by order.
 *
 * Called by control for the questions of that kind. A disposal needs a reason and an order's
 * reference; it is on record, with the asker's user from the kernel, before it is answered. The
 * answer is by copy: what was not reached is never called disposed of.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_copy.h"
#include "control_inner.h"
#include "index_asset.h"

#include "base/log.h"
#include "base/proto_station.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DUE_LOOKS 256 /* assets looked at for one page */
/* Seconds for destinations to answer, before the certificate says how far it is. */
#define DISPOSE_WAIT_S 60

void control_fill_retention(const struct control *c, struct proto_ctl_status *s)
{
	struct retention_numbers n;

	retention_numbers(c->p.retention, &n);
	s->preserved = n.preserved;
	s->due = n.due;
	s->review = n.review;
	s->dispose = n.dispose;
	s->clock_synchronised = n.clock.synchronised;
	memcpy(s->time_source, n.clock.source, sizeof(s->time_source));
}

static int send_due(
    struct client *k, const struct asset *a, enum due_stage stage, const char *reason)
{
	struct proto_ctl_due row = {
		.number = a->number,
		.recorded_s = a->recorded_s,
		.dispose_by_s = a->dispose_by_s,
		.stage = reason ? DUE_NEVER : stage,
	};

	memcpy(row.asset, a->id, sizeof(row.asset));
	memcpy(row.camera, a->camera, sizeof(row.camera));
	memcpy(row.class, a->class, sizeof(row.class));
	snprintf(row.reason, sizeof(row.reason), "%s", reason ? reason : "");
	return client_send(k, MSG_DUE, &row, -1);
}

int control_due(struct client *k)
{
	struct retention *rt = k->control->p.retention;
	bool review = k->ask.flags & DUE_REVIEW;
	static struct asset a;
	unsigned sent = 0, looked = 0;
	int n = 1, rc = 0;

	if (k->ask.cursor == 0)
		k->due = (struct due_place){ 0 };
	while (n > 0 && rc == 0 && sent < CONTROL_PAGE && looked++ < DUE_LOOKS) {
		enum due_stage stage;
		const char *reason;
		uint64_t number;

		n = retention_walk(rt, &k->due, &number, 1);
		if (n <= 0 || index_asset(control_index(k->control), number, &a) < 0 ||
		    !retention_due(rt, &a, &stage, &reason) || (reason != NULL) != review)
			continue;
		rc = send_due(k, &a, stage, reason);
		sent++;
	}
	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	return rc < 0 ? rc : client_end(k, 0, n > 0 ? k->ask.cursor + 1 : 0, "");
}

/* ---- disposal ---- */

static int destination_disposed(struct client *k, const struct asset *a, const struct upload *u)
{
	char text[PROTO_TEXT_LEN * 2];
	struct disposal d;
	int rc = index_disposal(control_index(k->control), a->number, u->destination, &d);

	if (!u->address[0])
		return copy_send(k, a->number, COPY_DISPOSED, u->destination, "");
	if (rc == 0 && !d.kept)
		return copy_send(k, a->number, COPY_KEPT, u->destination,
		    "not reached yet: dockd goes on trying");
	if (rc == 0 && d.again_s) {
		snprintf(
		    text, sizeof(text), "%.180s; dockd tries again%s", u->reason, copy_locked(u));
		return copy_send(k, a->number, COPY_KEPT, u->destination, text);
	}
	snprintf(text, sizeof(text), "not reached: its keeper has to delete asset %.64s", a->id);
	return copy_send(k, a->number, COPY_KEPT, u->destination, text);
}

static int camera_disposed(struct client *k, const struct asset *a)
{
	char text[PROTO_TEXT_LEN * 2];

	if (a->erased || a->gone)
		return copy_send(k, a->number, COPY_GONE, "camera", "");
	snprintf(text, sizeof(text),
	    "not reached: %.130s still has it; delete it there, it is not taken in again",
	    a->camera);
	return copy_send(k, a->number, COPY_KEPT, "camera", text);
}

static int send_disposed(struct client *k, const struct asset *a)
{
	int rc = a->file == FILE_RETIRED ?
	    copy_send(k, a->number, COPY_DISPOSED, "station", "") :
	    copy_send(k, a->number, COPY_KEPT, "station", "not removed yet: dockd goes on trying");

	if (rc == 0)
		rc = copy_each(k, a, destination_disposed);
	return rc == 0 ? camera_disposed(k, a) : rc;
}

/* A copy that no command of ours reaches is on record as that. */
static void camera_kept(struct client *k, const struct asset *a)
{
	struct record r;

	if (a->erased || a->gone)
		return;
	record_begin(&r, "disposed");
	record_number(&r, "asset", (int64_t)a->number);
	record_text(&r, "where", "camera");
	record_text(&r, "result", "kept");
	record_text(&r, "text", "the camera still has it");
	journal_write(k->control->p.journal, &r);
}

static const char *may_dispose(struct client *k, struct asset *a)
{
	struct index *ix = control_index(k->control);
	int rc = k->ask.number ? index_asset(ix, k->ask.number, a) :
				 index_asset_by_id(ix, k->ask.text, 0, a);

	if (rc == 0 && a->merged_into)
		rc = index_asset(ix, a->merged_into, a);
	if (rc < 0)
		return "no such asset";
	if (!k->ask.order[0])
		return "the order's reference is needed: --order REF";
	if (a->rung < RUNG_CHECKED)
		return "it has not been taken in yet: wait until it is";
	return NULL;
}

int control_dispose(struct client *k)
{
	struct control *c = k->control;
	struct disposal_order by = { k->ask.order, k->ask.reason, k->uid };
	static struct asset a;
	const char *wrong;
	int rc = 0;

	if (!client_gave_reason(k))
		return 0;
	wrong = may_dispose(k, &a);
	if (wrong)
		return client_end(k, -EINVAL, 0, wrong);
	if (retention_preserves(control_index(c), &a))
		return client_end(k, -EPERM, 0, "a preservation order covers it: dockctl orders");
	if (!a.disposed) {
		rc = disposal_begin(c->p.disposer, &a, &by);
		if (rc == 0)
			camera_kept(k, &a);
	}
	if (rc == -EBUSY)
		return client_end(
		    k, rc, 0, "it is being sent just now: ask again when it is there");
	if (rc < 0)
		return client_end(k, rc, 0, "it cannot be put on record");
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	k->order = a.number;
	client_park(k, DISPOSE_WAIT_S);
	return 0;
}

bool control_dispose_done(const struct client *k)
{
	static struct disposal rows[CONFIG_DESTINATIONS + 1];
	int n =
	    index_disposals(control_index(k->control), k->order - 1, rows, CONFIG_DESTINATIONS + 1);

	for (int i = 0; i < n; i++) {
		if (rows[i].asset == k->order && !rows[i].kept)
			return false;
	}
	return true;
}

int control_dispose_end(struct client *k)
{
	static struct asset a;
	int rc = index_asset(control_index(k->control), k->order, &a);

	if (rc == 0)
		rc = send_disposed(k, &a);
	return rc < 0 ? rc : client_end(k, 0, 0, "");
}
