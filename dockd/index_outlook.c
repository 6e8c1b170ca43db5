/*
 * index_outlook: what waits for a destination, in the order in which it is sent, for expected times.
 *
 * Called by outlook every few seconds. Each question here is bounded, however much waits.
 */
#include "index_db.h"

#include <errno.h>

/* The first of one part of a queue, along queue_next: begun or not, small or large. */
#define PART(fresh_is, large_is)                                                                    \
	"SELECT * FROM (SELECT asset, size, class, due, recorded FROM queue WHERE destination = ?1" \
	" AND fresh = " #fresh_is " AND large = " #large_is                                         \
	" ORDER BY class, due, docking, recorded, asset LIMIT ?2)"

int index_ahead(struct index *ix, const char *destination, size_t room,
    int (*take)(void *arg, const struct index_ahead *row), void *arg)
{
	struct destination *d;
	sqlite3_stmt *st;
	int n = 0, rc = destination_find(ix, destination, &d);

	if (rc == 0)
		rc = db_query(ix, Q_AHEAD,
		    "SELECT q.asset, q.size, a.since, a.dispose_by FROM (" PART(0,
			0) " UNION ALL " PART(0, 1) " UNION ALL " PART(1, 0) " UNION ALL " PART(1,
			1) ") AS q"
			   " CROSS JOIN asset AS a ON a.number = q.asset"
			   " ORDER BY q.class, q.due, q.recorded, q.asset LIMIT ?2",
		    &st, "ii", d->number, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct index_ahead row = { .asset = db_u64(st, 0),
			.size_bytes = db_u64(st, 1),
			.since_s = sqlite3_column_int64(st, 2),
			.dispose_by_s = sqlite3_column_int64(st, 3) };

		n++;
		rc = take(arg, &row);
		if (rc != 0) {
			sqlite3_reset(st);
			return rc < 0 ? rc : n;
		}
	}
	return rc < 0 ? rc : n;
}

int index_newest_waiting(struct index *ix, int64_t *since_s)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_NEWEST_WAITING,
	    "SELECT since FROM asset WHERE queued = 1 AND since > 0 ORDER BY since DESC LIMIT 1",
	    &st, "");

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	*since_s = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}
