/*
 * index_retry: what a person's `retry` makes of the index: troubles and refusals are forgotten, and
 * what was stopped by them has its turn again.
 *
 * Called by index_apply, live and in replay alike.
 */
#include "index_act.h"
#include "index_asset.h"
#include "index_entry.h"
#include "index_inner.h"

/* Lost there with no copy here: nothing can be sent again, and a person has seen to it. */
static int settle_losses(struct index *ix, uint64_t asset)
{
	static struct upload page[INDEX_DESTINATIONS];
	int n = index_uploads(ix, asset, page, INDEX_DESTINATIONS), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && rc == 0; i++) {
		if (!page[i].lost || page[i].rung == RUNG_RECEIPTED)
			continue;
		page[i].lost = 0;
		rc = upload_write(ix, &page[i]);
	}
	return rc;
}

static int calm(struct index *ix, uint64_t asset)
{
	struct entry before, after;
	int rc = entry_read(ix, asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.a.needs_person = false;
	after.a.trouble[0] = '\0';
	rc = entry_write(ix, &before, &after);
	return rc < 0 || after.a.file == FILE_SEALED ? rc : settle_losses(ix, asset);
}

/* Clears the trouble of all assets, or of a bay's: what it found, and the camera that is in it. */
static int calm_many(struct act *a, const char *bay)
{
	int rc, found_one = 1;
	sqlite3_stmt *st;

	do {
		if (bay)
			rc = db_query(a->ix, Q_TROUBLES_BAY,
			    "SELECT number FROM asset WHERE"
			    " needs_person = 1 AND (EXISTS(SELECT 1 FROM docking WHERE"
			    " docking.number = asset.docking AND bay = ?1)"
			    " OR camera IN (SELECT camera FROM docking WHERE bay = ?1 AND ended = 0"
			    " AND camera <> ''))"
			    " LIMIT 1",
			    &st, "t", bay);
		else
			rc = db_query(a->ix, Q_TROUBLES,
			    "SELECT number FROM asset WHERE"
			    " needs_person = 1 LIMIT 1",
			    &st, "");
		found_one = rc == 0 ? db_step(st) : rc;
		if (found_one == 1) {
			uint64_t asset = (uint64_t)sqlite3_column_int64(st, 0);

			sqlite3_reset(st);
			rc = calm(a->ix, asset);
		}
	} while (rc == 0 && found_one == 1);
	return rc < 0 ? rc : found_one;
}

/* Gives refused uploads another chance: of one asset, of one destination, or all. */
static int admit(struct act *a, uint64_t asset, const char *destination)
{
	int rc, found_one = 1;
	sqlite3_stmt *st;

	do {
		struct upload u;

		if (asset)
			rc = db_query(a->ix, Q_REFUSED_ASSET,
			    "SELECT asset, destination FROM upload"
			    " WHERE asset = ?1 AND refused = 1 LIMIT 1",
			    &st, "i", (int64_t)asset);
		else if (destination)
			rc = db_query(a->ix, Q_REFUSED_DESTINATION,
			    "SELECT asset, destination FROM"
			    " upload WHERE destination = ?1 AND refused = 1 LIMIT 1",
			    &st, "t", destination);
		else
			rc = db_query(a->ix, Q_REFUSED_ALL,
			    "SELECT asset, destination FROM upload"
			    " WHERE refused = 1 LIMIT 1",
			    &st, "");
		found_one = rc == 0 ? db_step(st) : rc;
		if (found_one != 1)
			break;
		u.asset = (uint64_t)sqlite3_column_int64(st, 0);
		db_text(st, 1, u.destination, sizeof(u.destination));
		sqlite3_reset(st);
		rc = upload_read(a->ix, u.asset, u.destination, &u);
		if (rc < 0)
			return rc;
		u.refusals = 0;
		u.refused = false;
		u.reason[0] = '\0';
		rc = upload_write(a->ix, &u);
	} while (rc == 0);
	return rc < 0 ? rc : found_one;
}

int apply_retry(struct act *a)
{
	const char *bay = record_get_text(a->r, "bay");
	const char *destination = record_get_text(a->r, "destination");
	int rc = 0;

	if (a->asset)
		rc = calm(a->ix, a->asset);
	else if (bay || !destination)
		rc = calm_many(a, bay);
	if (rc == 0 && !a->asset && !destination)
		rc = unlock_retry(a->ix, bay ? bay : "");
	if (rc == 0 && (a->asset || destination || !bay))
		rc = admit(a, a->asset, destination);
	return rc;
}
