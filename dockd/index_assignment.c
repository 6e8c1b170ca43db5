/*
 * index_assignment: to whom a person has issued a camera.
 *
 * Called by index_apply for the record "assigned" and by docking for what a camera is to be told.
 * The last one counts. It holds ids of officers and units, never names.
 */
#include "index_assignment.h"
#include "index_act.h"
#include "index_inner.h"

#include <errno.h>

int apply_assigned(struct act *a)
{
	return db_run(a->ix, Q_ASSIGN,
	    "INSERT OR REPLACE INTO assignment VALUES(?1, ?2, ?3, ?4, ?5)", "tttii",
	    record_get_text(a->r, "camera"), record_get_text(a->r, "officer"),
	    record_get_text(a->r, "unit"), record_get_number(a->r, "uid", 0), a->time_s);
}

int index_assignment(struct index *ix, const char *camera, struct assignment *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ASSIGNMENT,
	    "SELECT officer, unit, given FROM assignment WHERE camera = ?1", &st, "t", camera);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	db_text(st, 0, out->officer, sizeof(out->officer));
	db_text(st, 1, out->unit, sizeof(out->unit));
	out->given_s = sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}
