/*
 * index_order: preservation orders, what is due, and what is being disposed of.
 *
 * Called by index_apply for the records of retention, and by retention and control for questions.
 * The orders in force are kept in memory, because each erasing and each disposal asks for them.
 */
#include "index_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- orders ---- */

#define ORDER_COLUMNS "number, scope, value, since, until, given, lifted, uid, reason"

static void order_load(sqlite3_stmt *st, struct order *o)
{
	memset(o, 0, sizeof(*o));
	o->number = db_u64(st, 0);
	o->scope = (enum order_scope)sqlite3_column_int(st, 1);
	db_text(st, 2, o->value, sizeof(o->value));
	o->from_s = sqlite3_column_int64(st, 3);
	o->until_s = sqlite3_column_int64(st, 4);
	o->given_s = sqlite3_column_int64(st, 5);
	o->lifted_s = sqlite3_column_int64(st, 6);
	o->uid = (uint32_t)sqlite3_column_int64(st, 7);
	db_text(st, 8, o->reason, sizeof(o->reason));
}

int index_order(struct index *ix, uint64_t number, struct order *out)
{
	sqlite3_stmt *st;
	int rc =
	    db_query(ix, Q_ORDER, "SELECT " ORDER_COLUMNS " FROM preservation WHERE number = ?1",
		&st, "i", (int64_t)number);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	order_load(st, out);
	sqlite3_reset(st);
	return 0;
}

int index_orders(struct index *ix, uint64_t after, struct order *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_ORDERS,
		"SELECT " ORDER_COLUMNS " FROM preservation WHERE number > ?1 ORDER BY number"
		" LIMIT ?2",
		&st, "ii", (int64_t)after, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		order_load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_active_orders(struct index *ix, const struct order **out)
{
	sqlite3_stmt *st;
	int rc;

	if (!ix->orders && !(ix->orders = calloc(ORDERS_MAX + 1, sizeof(*ix->orders))))
		return -ENOMEM;
	*out = ix->orders;
	if (ix->orders_known)
		return (int)ix->orders_n;
	ix->orders_n = 0;
	rc = db_query(ix, Q_ORDERS_ACTIVE,
	    "SELECT " ORDER_COLUMNS " FROM preservation WHERE lifted = 0 ORDER BY number", &st, "");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		if (ix->orders_n > ORDERS_MAX) {
			sqlite3_reset(st);
			return -E2BIG;
		}
		order_load(st, &ix->orders[ix->orders_n++]);
		rc = 0;
	}
	if (rc < 0)
		return rc;
	ix->orders_known = true;
	return (int)ix->orders_n;
}

uint64_t index_new_order(struct index *ix)
{
	sqlite3_stmt *st;
	uint64_t number = 0;

	if (db_query(ix, Q_ORDER_LAST, "SELECT coalesce(max(number), 0) FROM preservation", &st,
		"") == 0 &&
	    db_step(st) == 1) {
		number = db_u64(st, 0) + 1;
		sqlite3_reset(st);
	}
	return number;
}

int order_put(struct index *ix, const struct order *o)
{
	ix->orders_known = false;
	return db_run(ix, Q_ORDER_PUT,
	    "INSERT OR REPLACE INTO preservation VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	    "iitiiiiit", (int64_t)o->number, (int64_t)o->scope, o->value, o->from_s, o->until_s,
	    o->given_s, o->lifted_s, (int64_t)o->uid, o->reason);
}

static int numbers_of(sqlite3_stmt *st, int rc, uint64_t *numbers)
{
	int n = 0;

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = db_u64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_signed_by(
    struct index *ix, uint64_t sidecar, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_SIGNED_BY,
	    "SELECT number FROM asset WHERE sidecar = ?1 AND sidecar > 0 AND number > ?2"
	    " ORDER BY number LIMIT ?3",
	    &st, "iii", (int64_t)sidecar, (int64_t)after, (int64_t)room);

	return numbers_of(st, rc, numbers);
}
