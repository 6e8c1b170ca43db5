/*
 * index_ask: the questions that the rest of the core asks; nothing here changes anything.
 */
#include "index_asset.h"
#include "index_docking.h"
#include "index_entry.h"
#include "index_inner.h"
#include "index_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_counts(struct index *ix, struct index_counts *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_OLDEST,
	    "SELECT since FROM asset WHERE queued = 1 AND since > 0"
	    " ORDER BY since LIMIT 1",
	    &st, "");

	*out = ix->counts;
	out->oldest_unsent_s = 0;
	rc = db_value(st, rc, &out->oldest_unsent_s);
	return rc == -ENOENT ? 0 : rc;
}

static int one_asset(sqlite3_stmt *st, int rc, struct asset *out)
{
	struct entry e;

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	entry_load(st, &e);
	sqlite3_reset(st);
	*out = e.a;
	return 0;
}

int index_assets(struct index *ix, uint64_t after, bool queued, struct asset *out, size_t room)
{
	struct entry e;
	sqlite3_stmt *st;
	int n = 0, rc;

	if (queued)
		rc = db_query(ix, Q_ASSETS_QUEUED,
		    "SELECT " ASSET_COLUMNS " FROM asset WHERE"
		    " queued = 1 AND number > ?1 ORDER BY number LIMIT ?2",
		    &st, "ii", (int64_t)after, (int64_t)room);
	else
		rc = db_query(ix, Q_ASSETS,
		    "SELECT " ASSET_COLUMNS " FROM asset WHERE number > ?1"
		    " ORDER BY number LIMIT ?2",
		    &st, "ii", (int64_t)after, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		entry_load(st, &e);
		out[n++] = e.a;
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_asset_by_id(struct index *ix, const char *id, uint64_t than, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BY_ID,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE id = ?1 AND id <> ''"
	    " AND number <> ?2 AND merged_into = 0 AND rung = 3 AND (file = 2 OR receipts > 0)"
	    " ORDER BY number LIMIT 1",
	    &st, "ti", id, (int64_t)than);

	return one_asset(st, rc, out);
}

int index_asset_by_path(struct index *ix, const char *camera, const char *path, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BY_PATH,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND"
	    " path = ?2 AND rung = 1 AND gone = 0 AND kind <> 7 ORDER BY number DESC LIMIT 1",
	    &st, "tt", camera, path);

	return one_asset(st, rc, out);
}

int index_log_prefix(
    struct index *ix, const char *camera, const char *path, uint64_t size_bytes, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_PREFIX,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND"
	    " path = ?2 AND kind = 4 AND file = 2 AND size < ?3 ORDER BY number DESC LIMIT 1",
	    &st, "tti", camera, path, (int64_t)size_bytes);

	return one_asset(st, rc, out);
}

int index_to_verify(struct index *ix, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_VERIFY,
	    "SELECT number FROM asset WHERE file = 2 AND rung = 2 AND"
	    " needs_person = 0 AND number > ?1 ORDER BY number LIMIT ?2",
	    &st, "ii", (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_to_erase(
    struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_ERASE,
	    "SELECT number FROM asset WHERE"
	    " camera = (SELECT camera FROM docking WHERE number = ?1 AND camera <> '') AND"
	    " erased = 0 AND receipts > 0 AND number > ?2 ORDER BY number LIMIT ?3",
	    &st, "iii", (int64_t)docking, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_open_erases(struct index *ix, uint64_t *assets, uint64_t *dockings, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_OPEN_ERASES,
		"SELECT asset, docking FROM erase ORDER BY asset"
		" LIMIT ?1",
		&st, "i", (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		assets[n] = db_u64(st, 0);
		dockings[n++] = db_u64(st, 1);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

#define DOCKING_COLUMNS                                                                              \
	"number, began, ended, bay, port, serial, camera, profile, offset_ms, report, synchronised," \
	" held"

static void docking_load(sqlite3_stmt *st, struct docking *d)
{
	memset(d, 0, sizeof(*d));
	d->number = db_u64(st, 0);
	d->began_s = sqlite3_column_int64(st, 1);
	d->ended_s = sqlite3_column_int64(st, 2);
	db_text(st, 3, d->bay, sizeof(d->bay));
	db_text(st, 4, d->port, sizeof(d->port));
	db_text(st, 5, d->serial, sizeof(d->serial));
	db_text(st, 6, d->camera, sizeof(d->camera));
	db_text(st, 7, d->profile, sizeof(d->profile));
	d->offset_ms = sqlite3_column_int64(st, 8);
	d->report = db_u64(st, 9);
	d->synchronised = sqlite3_column_int(st, 10) != 0;
	d->held = sqlite3_column_int(st, 11) != 0;
}

int index_open_dockings(struct index *ix, struct docking *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_OPEN_DOCKINGS,
		"SELECT " DOCKING_COLUMNS " FROM docking WHERE ended = 0 ORDER BY number LIMIT ?1",
		&st, "i", (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		docking_load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_docking_before(struct index *ix, const char *camera, uint64_t number, struct docking *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_DOCKING_BEFORE,
	    "SELECT " DOCKING_COLUMNS " FROM docking WHERE camera = ?1 AND camera <> ''"
	    " AND number < ?2 ORDER BY number DESC LIMIT 1",
	    &st, "ti", camera, (int64_t)number);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	docking_load(st, out);
	sqlite3_reset(st);
	return 0;
}

int index_docking(struct index *ix, uint64_t number, struct docking *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_DOCKING,
	    "SELECT " DOCKING_COLUMNS " FROM docking WHERE number = ?1", &st, "i", (int64_t)number);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	docking_load(st, out);
	sqlite3_reset(st);
	return 0;
}

bool index_bay_seen(struct index *ix, const char *bay)
{
	sqlite3_stmt *st;
	int rc =
	    db_query(ix, Q_BAY_SEEN, "SELECT 1 FROM docking WHERE bay = ?1 LIMIT 1", &st, "t", bay);

	return db_any(st, rc) == 1;
}
