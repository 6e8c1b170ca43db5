/*
 * index_flow: what came into the staging area and what left it, by the day.
 *
 * Kept by entry_write, wherever an asset's own copy comes to be or goes; asked for forecasts.
 */
#include "index_flow.h"

#include "index_entry.h"
#include "index_inner.h"

static int add(struct index *ix, int64_t time_s, uint64_t came, uint64_t went)
{
	if (time_s <= 0)
		return 0;
	return db_run(ix, Q_FLOW_ADD,
	    "INSERT INTO flow VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
	    " came = came + excluded.came, went = went + excluded.went",
	    "iiii", time_s / FILLING_DAY_S, (int64_t)came, (int64_t)went, time_s);
}

int flow_note(struct index *ix, const struct entry *before, const struct entry *after)
{
	bool was = before && before->a.file == FILE_SEALED, is = after->a.file == FILE_SEALED;

	if (was == is)
		return 0;
	return is ? add(ix, ix->time_s, after->a.size_bytes, 0) :
		    add(ix, ix->time_s, 0, before->a.size_bytes);
}

int index_flow(struct index *ix, int64_t from_day, struct filling_day *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_FLOW,
		"SELECT day, came, went FROM flow WHERE day >= ?1 ORDER BY day LIMIT ?2", &st, "ii",
		from_day, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		out[n++] = (struct filling_day){ sqlite3_column_int64(st, 0), db_u64(st, 1),
			db_u64(st, 2) };
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int64_t index_flow_first_s(struct index *ix)
{
	sqlite3_stmt *st;
	int64_t first_s = 0;
	int rc = db_query(ix, Q_FLOW_FIRST, "SELECT first FROM flow ORDER BY day LIMIT 1", &st, "");

	return db_value(st, rc, &first_s) == 0 ? first_s : 0;
}
