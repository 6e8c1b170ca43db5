/*
 * control_bay: rows of bays.
 */
#include "base/proto_camera.h"
#include "base/proto_station.h"
#include "control_answer.h"
#include "control_client.h"
#include "control_evidence.h"
#include "control_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What its camera told of itself, and of the bay's past. */
static void fill_facts(const struct bay *b, struct proto_ctl_bay *row)
{
	row->errors = b->health.errors;
	memcpy(row->attention, b->health.attention, sizeof(row->attention));
	if (b->docking && !row->attention[0])
		memcpy(row->attention, b->untold, sizeof(row->attention));
	row->fill_percent = health_fill(b);
	if (!b->docking || b->state == BAY_LEFT)
		return;
	row->speed_mbps = b->device.speed_mbps;
	row->damaged = b->damaged;
}

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
	memcpy(row->officer, b->camera.officer, sizeof(row->officer));
	memcpy(row->unit, b->camera.unit, sizeof(row->unit));
	row->docked_at_s = b->docking ? b->docked_at_s : 0;
	fill_facts(b, row);
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

int control_bays(struct client *k)
{
	static int32_t minutes[BAYS_MAX];
	struct bays *h = k->control->p.bays;
	const char *name = k->ask.text;
	unsigned sent = 0;

	roots_minutes(h, minutes);

	for (size_t i = k->ask.cursor; i < h->n; i++) {
		struct proto_ctl_bay row;
		int r;

		if (name[0] && strcmp(name, h->bay[i]->name) != 0)
			continue;
		if (sent == CONTROL_PAGE)
			return client_end(k, 0, i, "");
		fill_bay(h->bay[i], &row);
		row.minutes_left = minutes[i];
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
