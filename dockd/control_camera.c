/*
 * control_camera: the cameras that have been docked here, and those that a person says are gone.
 *
 * Called by control. It tells serial numbers and ids; a camera that is overdue is no trouble of the
 * station, so its light is not asked here.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"
#include "index_camera.h"

#include "base/log.h"
#include "base/proto_known.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Whoever was here last before that is overdue. */
static int64_t overdue_before(const struct control *c)
{
	return c->camera_overdue_s ? clock_now_s() - (int64_t)c->camera_overdue_s : INT64_MIN;
}

void control_cameras_count(const struct control *c, uint64_t *known, uint64_t *overdue)
{
	*known = *overdue = 0;
	index_cameras_count(control_index(c), overdue_before(c), known, overdue);
}

static int send_camera(struct client *k, const struct known_camera *one, int64_t before_s)
{
	struct proto_ctl_known row = {
		.docking = one->docking,
		.dockings = one->dockings,
		.files = one->files,
		.findings = one->findings,
		.last_s = one->last_s,
		.docked = one->docked,
		.forgotten = one->forgotten,
		.overdue = !one->docked && !one->forgotten && one->last_s < before_s,
	};

	memcpy(row.camera, one->camera, sizeof(row.camera));
	memcpy(row.profile, one->profile, sizeof(row.profile));
	memcpy(row.officer, one->officer, sizeof(row.officer));
	memcpy(row.unit, one->unit, sizeof(row.unit));
	return client_send(k, MSG_KNOWN, &row, -1);
}

int control_cameras(struct client *k)
{
	static struct known_camera page[CONTROL_PAGE];
	int64_t before_s = overdue_before(k->control);
	bool overdue = k->ask.flags & CAMERAS_OVERDUE;
	int r = 0,
	    n = index_cameras(control_index(k->control), k->ask.cursor,
		overdue ? before_s : INT64_MAX, page, CONTROL_PAGE);

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n && r == 0; i++)
		r = send_camera(k, &page[i], before_s);
	if (r < 0)
		return r;
	return client_end(k, 0, n == CONTROL_PAGE ? page[n - 1].number : 0, "");
}

int control_forget(struct client *k)
{
	struct control *c = k->control;
	struct known_camera one;
	struct record r;

	if (index_camera(control_index(c), k->ask.text, &one) < 0)
		return client_end(
		    k, -ENOENT, 0, "no camera of that serial number has been docked here");
	if (one.docked)
		return client_end(k, -EBUSY, 0, "it is docked here now");
	if (!client_gave_reason(k))
		return 0;
	record_begin(&r, "forgotten");
	record_text(&r, "camera", one.camera);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	log_info(
	    "camera-forgotten", "uid=%u camera=\"%s\"", (unsigned)k->uid, log_text(one.camera));
	return client_end(k, 0, 0, "");
}
