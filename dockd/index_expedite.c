/*
 * index_expedite: what a person wants first, and until when.
 *
 * Called by index_apply for its record and for those that may end it, and by uplink, bay and
 * control for questions. An expediting covers one asset, or all of a camera up to a docking; it
 * ends when all that it covers is receipted as the policy asks, or will never be.
 */
#include "index_expedite.h"
#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

#define COVERED                                                                                    \
	"(x.asset = a.number OR"                                                                   \
	" (x.asset = 0 AND x.camera = a.camera AND a.docking <= x.docking))"

int expedite_open(struct index *ix)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_EXPEDITE_COUNT, "SELECT count(*) FROM expedite", &st, "");

	ix->expedites = 0;
	return db_number(st, rc, &ix->expedites);
}

uint64_t index_expedites(const struct index *ix)
{
	return ix->expedites;
}

bool index_is_expedited(struct index *ix, uint64_t asset)
{
	sqlite3_stmt *st;
	int rc;

	if (ix->expedites == 0)
		return false;
	rc = db_query(ix, Q_IS_EXPEDITED,
	    "SELECT 1 FROM asset AS a WHERE a.number = ?1 AND EXISTS(SELECT 1 FROM expedite AS x"
	    " WHERE " COVERED ")",
	    &st, "i", (int64_t)asset);
	return db_any(st, rc) == 1;
}

bool index_expedites_camera(struct index *ix, const char *camera)
{
	sqlite3_stmt *st;
	int rc;

	if (ix->expedites == 0 || !camera[0])
		return false;
	rc = db_query(ix, Q_EXPEDITES_CAMERA,
	    "SELECT 1 FROM expedite AS x WHERE x.camera = ?1 AND (x.asset = 0 OR EXISTS(SELECT 1"
	    " FROM asset AS a WHERE a.number = x.asset AND a.rung = 1 AND a.gone = 0)) LIMIT 1",
	    &st, "t", camera);
	return db_any(st, rc) == 1;
}

int index_expedited_next(struct index *ix, const char *camera, uint64_t docking, uint64_t after,
    uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_EXPEDITED_NEXT,
	    "SELECT number FROM asset WHERE camera = ?1 AND docking <= ?2 AND queued = 1"
	    " AND number > ?3 ORDER BY number LIMIT ?4",
	    &st, "tiii", camera, (int64_t)docking, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

/* Whatever of a camera may stand in a queue. */
static int move_camera(struct index *ix, const char *camera, uint64_t docking)
{
	uint64_t page[128], after = 0;
	int rc = 0, n = 128;

	while (rc == 0 && n == 128) {
		sqlite3_stmt *st;

		rc = db_query(ix, Q_EXPEDITE_MOVE,
		    "SELECT number FROM asset WHERE camera = ?1 AND docking <= ?2 AND file = 2"
		    " AND rung = 3 AND merged_into = 0 AND number > ?3 ORDER BY number LIMIT 128",
		    &st, "tii", camera, (int64_t)docking, (int64_t)after);
		n = db_numbers(st, rc, page);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++)
			rc = queue_move(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

int apply_expedited(struct act *a)
{
	char camera[PROTO_TEXT_LEN + 4], reason[PROTO_TEXT_LEN * 2];
	uint64_t asset = a->asset;
	struct entry e;
	int rc = 0;

	act_text(a, "camera", camera, sizeof(camera));
	act_text(a, "reason", reason, sizeof(reason));
	if (asset)
		rc = entry_read(a->ix, asset, &e);
	if (rc == 0 && asset && e.a.merged_into)
		asset = e.a.merged_into;
	if (rc == 0)
		rc = db_run(a->ix, Q_EXPEDITE_PUT,
		    "INSERT INTO expedite VALUES(?6, ?1, ?2, ?3, ?4, ?5)", "ititii", (int64_t)asset,
		    camera, (int64_t)a->docking, reason, a->time_s, (int64_t)a->seq);
	if (rc < 0)
		return rc;
	a->ix->expedites++;
	return asset ? queue_move(a->ix, asset) : move_camera(a->ix, camera, a->docking);
}

/* What was merged is now another's to bring there. */
static int follow_merge(struct index *ix, uint64_t asset, uint64_t into)
{
	int rc = db_run(ix, Q_EXPEDITE_MERGE, "UPDATE expedite SET asset = ?2 WHERE asset = ?1",
	    "ii", (int64_t)asset, (int64_t)into);

	return rc < 0 || sqlite3_changes(ix->db) == 0 ? rc : queue_move(ix, into);
}

/* Ends one that has nothing left to bring there: 1, 0: there is none, or -errno. */
static int end_one(struct index *ix)
{
	char camera[PROTO_TEXT_LEN + 4];
	uint64_t asset, docking;
	sqlite3_stmt *st;
	int64_t seq;
	int rc = db_query(ix, Q_EXPEDITE_OVER,
	    "SELECT seq, asset, camera, docking FROM expedite AS x WHERE CASE WHEN x.asset > 0 THEN"
	    " NOT EXISTS(SELECT 1 FROM asset AS a WHERE a.number = x.asset AND a.queued = 1)"
	    " ELSE NOT EXISTS(SELECT 1 FROM asset AS a WHERE a.camera = x.camera"
	    " AND a.docking <= x.docking AND a.queued = 1) AND NOT EXISTS(SELECT 1 FROM"
	    " docking AS d WHERE d.camera = x.camera AND d.camera <> '' AND d.ended = 0"
	    " AND d.number <= x.docking) END LIMIT 1",
	    &st, "");

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc;
	seq = sqlite3_column_int64(st, 0);
	asset = db_u64(st, 1);
	db_text(st, 2, camera, sizeof(camera));
	docking = db_u64(st, 3);
	sqlite3_reset(st);
	rc = db_run(ix, Q_EXPEDITE_END, "DELETE FROM expedite WHERE seq = ?1", "i", seq);
	if (rc < 0)
		return rc;
	ix->expedites--;
	rc = asset ? queue_move(ix, asset) : move_camera(ix, camera, docking);
	return rc < 0 ? rc : 1;
}

int expedite_end(struct index *ix)
{
	int rc = 1;

	/* nobody has said yet what the policy asks */
	if (ix->required_n == 0 || ix->expedites == 0)
		return 0;
	while (rc == 1)
		rc = end_one(ix);
	return rc;
}

int expedite_note(struct index *ix, const struct record *r)
{
	static const char *const enders[] = { "receipted", "merged", "gone", "undocked", "disposed",
		"dispose-intent", "expedited" };
	const char *type = record_type(r);
	bool ends = false;
	int rc = 0;

	if (ix->expedites == 0)
		return 0;
	for (size_t i = 0; i < sizeof(enders) / sizeof(enders[0]); i++)
		ends = ends || strcmp(type, enders[i]) == 0;
	if (!ends)
		return 0;
	if (strcmp(type, "merged") == 0)
		rc = follow_merge(ix, (uint64_t)record_get_number(r, "asset", 0),
		    (uint64_t)record_get_number(r, "into", 0));
	return rc < 0 ? rc : expedite_end(ix);
}
