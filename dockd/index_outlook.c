/*
 * index_outlook: what waits for a destination, in the order in which it is sent.
 *
 * Called by outlook every few seconds, for expected times. Each question here is bounded, however
 * much waits.
 */
#include "index_entry.h"
#include "index_inner.h"
#include "index_queue.h"

#include <errno.h>

/* The first of one part of a queue, along queue_next: begun or not, small or large. */
#define PART(fresh_is, large_is)                                                                   \
	"SELECT * FROM (SELECT asset, size, promised, class, due, recorded FROM queue"             \
	" WHERE destination = ?1 AND fresh = " #fresh_is " AND large = " #large_is                 \
	" ORDER BY class, due, docking, recorded, asset LIMIT ?2)"
#define UNION " UNION ALL "
/* index_queue's word for what has no day: so long after it came */
#define NO_DAY_S (INT64_C(1) << 32)

int index_ahead(struct index *ix, const char *destination, size_t room,
    int (*take)(void *arg, const struct index_ahead *row), void *arg)
{
	struct destination *d;
	sqlite3_stmt *st;
	int n = 0, rc = destination_find(ix, destination, &d);

	if (rc == 0)
		rc = db_query(ix, Q_AHEAD,
		    "SELECT asset, size, promised, class FROM (" PART(0, 0) UNION PART(0, 1)
			UNION PART(1, 0)
			    UNION PART(1, 1) ") AS q ORDER BY class, due, recorded, asset LIMIT ?2",
		    &st, "ii", d->number, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct index_ahead row = { .asset = db_u64(st, 0),
			.size_bytes = db_u64(st, 1),
			.deadline_s = sqlite3_column_int64(st, 2),
			.expedited = sqlite3_column_int(st, 3) == UPLOAD_EXPEDITED };

		if (row.deadline_s >= NO_DAY_S)
			row.deadline_s = 0;
		n++;
		rc = take(arg, &row);
		if (rc != 0) {
			sqlite3_reset(st);
			return rc < 0 ? rc : n;
		}
	}
	return rc < 0 ? rc : n;
}

int index_hours(struct index *ix, const char *destination,
    int (*take)(void *arg, const struct index_hour *hour), void *arg)
{
	struct destination *d;
	sqlite3_stmt *st;
	int n = 0, rc = destination_find(ix, destination, &d);

	if (rc == 0)
		rc = db_query(ix, Q_HOURS,
		    "SELECT bytes, count, promised * 3600 FROM hour WHERE destination = ?1"
		    " ORDER BY class, due, promised DESC",
		    &st, "i", d->number);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct index_hour hour = { .bytes = db_u64(st, 0),
			.count = db_u64(st, 1),
			.deadline_s = sqlite3_column_int64(st, 2) };

		if (hour.deadline_s >= NO_DAY_S)
			hour.deadline_s = 0;
		n++;
		rc = take(arg, &hour);
		if (rc != 0) {
			sqlite3_reset(st);
			return rc < 0 ? rc : n;
		}
	}
	return rc < 0 ? rc : n;
}

bool index_waits(struct index *ix, const char *destination, uint64_t asset)
{
	struct destination *d;
	sqlite3_stmt *st = NULL;
	int rc = destination_find(ix, destination, &d);

	if (rc == 0)
		rc = db_query(ix, Q_WAITS,
		    "SELECT 1 FROM queue WHERE destination = ?1 AND asset = ?2", &st, "ii",
		    d->number, (int64_t)asset);
	return db_any(st, rc) == 1;
}
