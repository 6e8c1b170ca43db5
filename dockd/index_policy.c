/*
 * index_policy: the destinations, their queues, and what "receipted" means.
 *
 * Called by the core at start and reload (index_set_policy), and by the questions about queues. A
 * destination's queue is made when it is first heard of; from then on index_asset keeps it.
 */
#include "index_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)
#define EARLIEST NUMBER(ASSET_EARLIEST_S)
#define AHEAD NUMBER(ASSET_AHEAD_S)

/* What makes an asset wait for a destination. */
#define TO_SEND "file = 2 AND rung = 3 AND merged_into = 0 AND disposed = 0"

/* Fills the queue of a destination that was not known before. */
static int destination_make(
    struct index *ix, const char *name, uint32_t kinds, struct destination **out)
{
	struct destination *d = &ix->destination[ix->destinations_n];
	sqlite3_stmt *st = NULL;
	int rc = index_begin(ix);

	if (rc < 0 || ix->destinations_n == INDEX_DESTINATIONS)
		return rc < 0 ? rc : -ENOSPC;
	rc = db_run(ix, Q_DESTINATION_NEW,
	    "INSERT INTO destination(name, count, bytes, kinds)"
	    " VALUES(?1, 0, 0, ?2)",
	    "ti", name, (int64_t)kinds);
	if (rc < 0)
		return rc;
	memset(d, 0, sizeof(*d));
	d->number = sqlite3_last_insert_rowid(ix->db);
	d->kinds = kinds;
	snprintf(d->name, sizeof(d->name), "%s", name);
	rc = db_run(ix, Q_QUEUE_FILL,
	    "INSERT INTO queue SELECT ?1,"
	    " CASE WHEN kind IN (3, 4) THEN 0 ELSE 1 END,"
	    " CASE WHEN mtime BETWEEN " EARLIEST " AND since + " AHEAD " THEN mtime ELSE since END,"
	    " number, size FROM asset WHERE " TO_SEND
	    " AND ?3 >> kind & 1 AND NOT EXISTS(SELECT 1 FROM upload WHERE"
	    " asset = asset.number AND destination = ?2 AND (rung = 5 OR refused = 1))",
	    "iti", d->number, name, (int64_t)kinds);
	if (rc == 0)
		rc = db_query(ix, Q_QUEUE_SUM,
		    "SELECT count(*), coalesce(sum(size), 0) FROM queue"
		    " WHERE destination = ?1",
		    &st, "i", d->number);
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EIO;
	d->count = db_u64(st, 0);
	d->bytes = db_u64(st, 1);
	d->changed = true;
	sqlite3_reset(st);
	ix->destinations_n++;
	*out = d;
	return 0;
}

int destination_find(struct index *ix, const char *name, struct destination **out)
{
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, name) == 0) {
			*out = &ix->destination[i];
			return 0;
		}
	}
	return destination_make(ix, name, KINDS_ALL, out);
}

static int destination_drop(struct index *ix, size_t i)
{
	int64_t number = ix->destination[i].number;
	int rc = db_run(ix, Q_QUEUE_DROP, "DELETE FROM queue WHERE destination = ?1", "i", number);

	if (rc == 0)
		rc = db_run(ix, Q_DESTINATION_DROP, "DELETE FROM destination WHERE number = ?1",
		    "i", number);
	ix->destination[i] = ix->destination[--ix->destinations_n];
	return rc;
}

static const struct index_route *route_of(
    const char *name, const struct index_route *routes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(routes[i].destination, name) == 0)
			return &routes[i];
	}
	return NULL;
}

static bool policy_is(const struct index *ix, const struct index_route *routes, size_t n, bool any)
{
	if (ix->any != any || ix->required_n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct index_route *r = route_of(ix->required[i], routes, n);

		if (!r || r->kinds != ix->required_kinds[i])
			return false;
	}
	return true;
}

bool index_takes(const struct index *ix, const char *destination, enum object_kind kind)
{
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, destination) == 0)
			return ix->destination[i].kinds >> kind & 1;
	}
	return true;
}

/* After a change of policy: every asset whose state of receipts may be another now. */
static int policy_apply(struct index *ix)
{
	uint64_t page[256], after = 0;
	int rc = 0, n = 1;

	while (rc == 0 && n > 0) {
		sqlite3_stmt *st;

		n = 0;
		rc = db_query(ix, Q_POLICY_SCAN,
		    "SELECT number FROM asset WHERE number > ?1 AND"
		    " receipts > 0 AND merged_into = 0 ORDER BY number LIMIT 256",
		    &st, "i", (int64_t)after);
		while (rc == 0 && (rc = db_step(st)) == 1) {
			page[n++] = db_u64(st, 0);
			rc = 0;
		}
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_renew(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

/* Which destinations there are: those that go or take something else now lose their queues. */
static int make_destinations(struct index *ix, const struct index_route *routes, size_t n)
{
	struct destination *d;
	int rc = 0;

	for (size_t i = ix->destinations_n; i > 0 && rc == 0; i--) {
		const struct index_route *r = route_of(ix->destination[i - 1].name, routes, n);

		if (r && r->kinds == ix->destination[i - 1].kinds)
			continue;
		rc = index_begin(ix);
		if (rc == 0)
			rc = destination_drop(ix, i - 1);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		bool there = false;

		for (size_t k = 0; k < ix->destinations_n; k++)
			there =
			    there || strcmp(ix->destination[k].name, routes[i].destination) == 0;
		if (!there)
			rc = destination_make(ix, routes[i].destination, routes[i].kinds, &d);
	}
	return rc;
}

int index_set_routes(struct index *ix, const struct index_route *routes, size_t n, bool any)
{
	int rc;

	if (n > INDEX_DESTINATIONS)
		return -E2BIG;
	rc = make_destinations(ix, routes, n);
	if (rc < 0 || policy_is(ix, routes, n, any))
		return rc;
	rc = index_begin(ix);
	if (rc == 0)
		rc = db_exec(ix, "DELETE FROM required");
	ix->required_n = n;
	ix->any = any;
	ix->changed = true;
	for (size_t i = 0; i < n && rc == 0; i++) {
		snprintf(ix->required[i], PROTO_NAME_LEN, "%s", routes[i].destination);
		ix->required_kinds[i] = routes[i].kinds;
		rc = db_run(ix, Q_REQUIRED_PUT, "INSERT OR IGNORE INTO required VALUES(?1, ?2)",
		    "ti", routes[i].destination, (int64_t)routes[i].kinds);
	}
	if (rc == 0)
		rc = policy_apply(ix);
	if (rc == 0)
		rc = listing_resum(ix);
	return rc;
}

int index_set_policy(struct index *ix, const char *const *destinations, size_t n, bool any)
{
	struct index_route routes[INDEX_DESTINATIONS];

	if (n > INDEX_DESTINATIONS)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		routes[i] = (struct index_route){ destinations[i], KINDS_ALL };
	return index_set_routes(ix, routes, n, any);
}
