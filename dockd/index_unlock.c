/*
 * index_unlock: how far the unlocking of a docking's camera had come, by the records `unlock` and
 * `unlocked`. Called by index_apply for these, by unlocking after a restart.
 */
#include "index_unlock.h"
#include "index_act.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

int apply_unlock(struct act *a)
{
	char officer[PROTO_ID_TEXT_LEN], unit[PROTO_ID_TEXT_LEN];

	act_text(a, "officer", officer, sizeof(officer));
	act_text(a, "unit", unit, sizeof(unit));
	return db_run(a->ix, Q_UNLOCK_PUT,
	    "INSERT INTO unlock VALUES(?1, ?2, '', ?3, ?4, 0)"
	    " ON CONFLICT(docking) DO UPDATE SET began = ?2, officer = ?3, unit = ?4",
	    "iitt", (int64_t)a->docking, a->time_s, officer, unit);
}

int apply_unlocked(struct act *a)
{
	char face[UNLOCK_FACE_LEN];
	int rc = 0;

	act_text(a, "face", face, sizeof(face));
	if (face[0])
		rc = db_run(a->ix, Q_FACE_PUT,
		    "INSERT OR IGNORE INTO camera_face SELECT camera, ?2, number FROM docking"
		    " WHERE number = ?1 AND camera <> ''",
		    "it", (int64_t)a->docking, face);
	if (rc < 0)
		return rc;
	return db_run(a->ix, Q_UNLOCKED,
	    "UPDATE unlock SET began = 0, face = ?2, wrong_pin = ?3 WHERE docking = ?1", "iti",
	    (int64_t)a->docking, act_is(a, "result", "disk") ? face : "",
	    act_is(a, "result", "wrong-pin"));
}

int unlock_retry(struct index *ix, const char *bay)
{
	return db_run(ix, Q_UNLOCK_RETRY,
	    "UPDATE unlock SET wrong_pin = 0 WHERE wrong_pin = 1 AND"
	    " (?1 = '' OR docking IN (SELECT number FROM docking WHERE bay = ?1))",
	    "t", bay);
}

int index_unlocking(struct index *ix, uint64_t docking, struct unlocking_state *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_UNLOCKING,
	    "SELECT began, face, officer, unit, wrong_pin FROM unlock WHERE docking = ?1", &st, "i",
	    (int64_t)docking);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	out->began_s = sqlite3_column_int64(st, 0);
	db_text(st, 1, out->face, sizeof(out->face));
	db_text(st, 2, out->officer, sizeof(out->officer));
	db_text(st, 3, out->unit, sizeof(out->unit));
	out->wrong_pin = sqlite3_column_int64(st, 4) != 0;
	sqlite3_reset(st);
	return 0;
}

int index_face(struct index *ix, const char *camera, const char *face, uint64_t docking,
    struct face_history *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_FACE,
	    "SELECT EXISTS(SELECT 1 FROM camera_face WHERE camera = ?1 AND face = ?2"
	    " AND docking < ?3),"
	    " (SELECT count(*) FROM camera_face WHERE face = ?2 AND camera <> ?1),"
	    " EXISTS(SELECT 1 FROM camera_face WHERE camera = ?1 AND face <> ?2"
	    " AND docking < ?3)",
	    &st, "tti", camera, face, (int64_t)docking);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EIO;
	out->seen = sqlite3_column_int64(st, 0) != 0;
	out->others = (unsigned)sqlite3_column_int64(st, 1);
	out->another = sqlite3_column_int64(st, 2) != 0;
	sqlite3_reset(st);
	return 0;
}
