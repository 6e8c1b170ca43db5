/*
 * control_asset: rows of assets, one in full, and their copies for an export, which goes on record.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_evidence.h"
#include "control_inner.h"
#include "erasing.h"
#include "index_asset.h"
#include "index_docking.h"
#include "index_expedite.h"
#include "index_policy.h"

#include "base/log.h"
#include "base/proto_asset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPORT_PAGE 4

enum rung control_rung(const struct control *c, const struct asset *a)
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
	row->rung = control_rung(c, a);
	row->kind = a->kind;
	row->interruptions = a->interruptions;
	if (a->file == FILE_SEALED)
		row->staged_bytes = a->size_bytes;
	else if (a->file == FILE_PART && (part = staging_part_length(c->p.staging, a->number)) > 0)
		row->staged_bytes = (uint64_t)part;
	memcpy(row->asset, a->id, sizeof(row->asset));
	memcpy(row->sha256, a->sha256, sizeof(row->sha256));
	memcpy(row->camera, a->camera, sizeof(row->camera));
	memcpy(row->officer, a->officer, sizeof(row->officer));
	memcpy(row->unit, a->unit, sizeof(row->unit));
	row->damage = a->damage;
	row->told_bytes = a->told_bytes;
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

int control_assets(struct client *k)
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

int control_asset(struct client *k)
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
		snprintf(row.reason, sizeof(row.reason), "%s", erasing_text(c->p.bays, &a));
	control_asset_findings(c, a.number, row.reason, sizeof(row.reason));
	r = client_send(k, MSG_ASSET, &row, -1);
	if (r == 0)
		r = control_uploads(k, &a);
	return r < 0 ? r : client_end(k, 0, 0, "");
}

int control_export(struct client *k)
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
