/*
 * index_queue: what waits for each destination, in the order in which upload_order wants it.
 *
 * Called by index_asset and index_receipt after each change of an asset or an upload, and by uplink
 * for candidates. One statement says who waits and where, for one asset and for all of them alike.
 */
#include "index_queue.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)
#define EARLIEST NUMBER(ASSET_EARLIEST_S)
#define AHEAD NUMBER(ASSET_AHEAD_S)
#define LARGE "1073741824"     /* UPLOAD_LARGE_BYTES */
#define NEVER_DUE "4294967296" /* seconds after it came: behind all that has a day, oldest first */

/* Whether an expediting x in force covers asset a. */
#define EXPEDITES                                                                                  \
	"(x.asset = a.number OR"                                                                   \
	" (x.asset = 0 AND x.camera = a.camera AND a.docking <= x.docking))"

/*
 * Whether a preservation order in force covers it, as near as the order of sending needs: what is
 * kept and what is disposed of is decided by order_covers alone.
 */
#define PRESERVED                                                                                  \
	"EXISTS(SELECT 1 FROM preservation AS p WHERE p.lifted = 0 AND CASE p.scope"               \
	" WHEN 1 THEN p.value = a.id OR p.value = CAST(a.number AS TEXT)"                          \
	" WHEN 2 THEN p.value = a.camera"                                                          \
	" WHEN 3 THEN p.value IN (CAST(a.docking AS TEXT), CAST(a.pulled_docking AS TEXT))"        \
	" ELSE p.value IN ('', a.camera) AND a.mtime BETWEEN p.since AND p.until END)"

/*
 * ?1 the destination's number, ?2 its name, ?3 its kinds, ?4 1 for policy any, ?5 when what is
 * staged is due, 0 never. With policy any one that another destination has begun does not wait.
 * promised: when it should be there; whose day of disposal was over when it came has the time that
 * all have.
 */
#define ROWS                                                                                                  \
	"INSERT INTO queue SELECT ?1, number, fresh, size > " LARGE ", class, deadline / 3600,"               \
	" docking, recorded, size, deadline, CASE WHEN since < deadline THEN deadline ELSE since + grant END" \
	" FROM (SELECT a.number AS number, a.size AS size, a.since AS since,"                                 \
	" CASE WHEN ?5 > 0 THEN ?5 ELSE " NEVER_DUE " END AS grant,"                                          \
	" a.docking AS docking, ?4 = 1 AND u.asset IS NULL AS fresh,"                                         \
	" CASE WHEN EXISTS(SELECT 1 FROM expedite AS x WHERE " EXPEDITES ") THEN 0"                           \
	" WHEN a.kind IN (3, 4) THEN 1"                                                                       \
	" WHEN a.protected = 1 OR " PRESERVED " THEN 2 ELSE 3 END AS class,"                                  \
	" CASE WHEN a.mtime BETWEEN " EARLIEST " AND a.since + " AHEAD                                        \
	" THEN a.mtime ELSE a.since END AS recorded,"                                                         \
	" min(a.since + CASE WHEN ?5 > 0 THEN ?5 ELSE " NEVER_DUE " END,"                                     \
	" CASE WHEN a.dispose_by > 0 THEN a.dispose_by ELSE 9223372036854775807 END,"                         \
	" CASE WHEN u.expires > 0 THEN u.expires ELSE 9223372036854775807 END) AS deadline"                   \
	" FROM asset AS a LEFT JOIN upload AS u ON u.asset = a.number AND u.destination = ?2"                 \
	" WHERE a.file = 2 AND a.rung = 3 AND a.merged_into = 0 AND a.disposed = 0"                           \
	" AND ?3 & a.kinds"                                                                                   \
	" AND (u.asset IS NULL OR (u.rung <> 5 AND u.refused = 0 AND (?4 = 0 OR u.passed = 0)))"              \
	" AND (?4 = 0 OR (a.receipted = 0 AND (u.asset IS NOT NULL OR NOT EXISTS("                            \
	"SELECT 1 FROM upload AS o WHERE o.asset = a.number AND o.destination <> ?2"                          \
	" AND o.refused = 0 AND o.passed = 0"                                                                 \
	" AND o.destination IN (SELECT name FROM required"                                                    \
	" WHERE required.kinds & a.kinds & ?3 = a.kinds & ?3)))))"
_Static_assert(UPLOAD_LARGE_BYTES == 1073741824 && UPLOAD_GRAIN_S == 3600, "as in the statement");

/* What was there goes: 0 or -errno. */
static int take(struct index *ix, struct destination *d, uint64_t asset)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_QUEUE_TAKE,
	    "DELETE FROM queue WHERE destination = ?1 AND asset = ?2 RETURNING size", &st, "ii",
	    d->number, (int64_t)asset);

	if (rc == 0)
		rc = db_step(st);
	if (rc == 1) {
		d->count--;
		d->bytes -= db_u64(st, 0);
		d->changed = true;
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int queue_renew(struct index *ix, struct destination *d, uint64_t asset)
{
	sqlite3_stmt *st;
	int rc = take(ix, d, asset);

	if (rc == 0)
		rc = db_query(ix, Q_QUEUE_PUT, ROWS " AND a.number = ?6) RETURNING size", &st,
		    "itiiii", d->number, d->name, (int64_t)d->kinds, (int64_t)ix->any,
		    (int64_t)d->deliver_s, (int64_t)asset);
	if (rc == 0)
		rc = db_step(st);
	if (rc == 1) {
		d->count++;
		d->bytes += db_u64(st, 0);
		d->changed = true;
		sqlite3_reset(st);
	}
	return rc < 0 ? rc : 0;
}

int queue_move(struct index *ix, uint64_t asset)
{
	int rc = 0;

	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++)
		rc = queue_renew(ix, &ix->destination[i], asset);
	return rc;
}

int queue_fill(struct index *ix, struct destination *d)
{
	sqlite3_stmt *st = NULL;
	int rc = db_run(ix, Q_QUEUE_FILL, ROWS ")", "itiii", d->number, d->name, (int64_t)d->kinds,
	    (int64_t)ix->any, (int64_t)d->deliver_s);

	if (rc == 0)
		rc = db_query(ix, Q_QUEUE_SUM,
		    "SELECT count(*), coalesce(sum(size), 0) FROM queue WHERE destination = ?1",
		    &st, "i", d->number);
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EIO;
	d->count = db_u64(st, 0);
	d->bytes = db_u64(st, 1);
	d->changed = true;
	sqlite3_reset(st);
	return 0;
}

int index_queued(struct index *ix, const char *destination, uint64_t *count, uint64_t *bytes)
{
	struct destination *d;
	int rc = destination_find(ix, destination, &d);

	if (rc < 0)
		return rc;
	*count = d->count;
	*bytes = d->bytes;
	return 0;
}

/* ---- candidates ---- */

/* Where a walk along queue_next has come to. */
struct place {
	int64_t class, due, docking, recorded, asset;
};

static int walk_from(struct index *ix, const struct destination *d, const struct index_wish *wish,
    const struct place *p, sqlite3_stmt **st)
{
	return db_query(ix, Q_CANDIDATES,
	    "SELECT class, due, docking, recorded, asset, size, deadline FROM queue"
	    " WHERE destination = ?1 AND fresh = ?2 AND large = ?3"
	    " AND (class, due, docking, recorded, asset) > (?4, ?5, ?6, ?7, ?8)"
	    " ORDER BY class, due, docking, recorded, asset",
	    st, "iiiiiiii", d->number, (int64_t)wish->fresh, (int64_t)wish->large, p->class, p->due,
	    p->docking, p->recorded, p->asset);
}

static bool is_skipped(const struct index_wish *wish, uint64_t number)
{
	for (size_t i = 0; i < wish->skip_n; i++) {
		if (wish->skip[i] == number)
			return true;
	}
	return false;
}

int index_candidates(struct index *ix, const char *destination, const struct index_wish *wish,
    struct candidate *out, size_t room)
{
	struct place first = { -1, INT64_MIN, 0, 0, 0 }, at = first;
	size_t n = 0, of_docking = 0;
	struct destination *d;
	sqlite3_stmt *st = NULL;
	int rc = destination_find(ix, destination, &d);

	if (rc == 0 && room > 0)
		rc = walk_from(ix, d, wish, &at, &st);
	while (rc == 0 && n < room && (rc = db_step(st)) == 1) {
		struct place next = { sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
			sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3),
			sqlite3_column_int64(st, 4) };

		rc = 0;
		if (n >= wish->each && (next.class != first.class || next.due != first.due))
			break;
		if (n == 0 || next.class != first.class || next.due != first.due ||
		    next.docking != at.docking)
			of_docking = 0;
		at = next;
		if (is_skipped(wish, (uint64_t)at.asset))
			continue;
		first = at;
		out[n++] = (struct candidate){ .number = (uint64_t)at.asset,
			.docking = (uint64_t)at.docking,
			.size_bytes = db_u64(st, 5),
			.class = (enum upload_class)at.class,
			.deadline_s = sqlite3_column_int64(st, 6) };
		if (++of_docking < wish->each)
			continue;
		at.recorded = at.asset = INT64_MAX;
		sqlite3_reset(st);
		rc = walk_from(ix, d, wish, &at, &st);
	}
	if (st && rc >= 0)
		sqlite3_reset(st);
	return rc < 0 ? rc : (int)n;
}
