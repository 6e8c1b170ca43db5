/*
 * index_order: preservation orders, what is due, and what is being disposed of.
 *
 * Called by index_apply for the records of retention, and by retention and control for questions.
 * The orders in force are kept in memory, because each erasing and each disposal asks for them.
 */
#include "index_order.h"
#include "index_act.h"
#include "index_asset.h"
#include "index_entry.h"
#include "index_evidence.h"
#include "index_inner.h"
#include "index_retention.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEUE_MAX 10000 /* the order of sending only: all is kept, whatever its place */

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

static int order_put(struct index *ix, const struct order *o)
{
	ix->orders_known = false;
	return db_run(ix, Q_ORDER_PUT,
	    "INSERT OR REPLACE INTO preservation VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	    "iitiiiiit", (int64_t)o->number, (int64_t)o->scope, o->value, o->from_s, o->until_s,
	    o->given_s, o->lifted_s, (int64_t)o->uid, o->reason);
}

int index_signed_by(
    struct index *ix, uint64_t sidecar, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_SIGNED_BY,
	    "SELECT number FROM asset WHERE sidecar = ?1 AND sidecar > 0 AND number > ?2"
	    " ORDER BY number LIMIT ?3",
	    &st, "iii", (int64_t)sidecar, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_covered(
    struct index *ix, const struct order *o, uint64_t after, uint64_t *numbers, size_t room)
{
	int64_t from_s = o->from_s == PROTO_NO_TIME ? INT64_MIN : o->from_s - ORDER_BEFORE_S;
	int64_t until_s = o->until_s == PROTO_NO_TIME ? INT64_MAX : o->until_s + ORDER_AFTER_S;
	sqlite3_stmt *st = NULL;
	int rc = -EINVAL;

	switch (o->scope) {
	case ORDER_ASSET:
		rc = db_query(ix, Q_COVERED_ASSET,
		    "SELECT number FROM asset WHERE (id = ?1 AND id <> '' OR number = ?2)"
		    " AND number > ?3 ORDER BY number LIMIT ?4",
		    &st, "tiii", o->value,
		    strlen(o->value) < 20 ? (int64_t)strtoull(o->value, NULL, 10) : 0,
		    (int64_t)after, (int64_t)room);
		break;
	case ORDER_CAMERA:
		rc = db_query(ix, Q_COVERED_CAMERA,
		    "SELECT number FROM asset WHERE camera = ?1 AND number > ?2 ORDER BY number"
		    " LIMIT ?3",
		    &st, "tii", o->value, (int64_t)after, (int64_t)room);
		break;
	case ORDER_DOCKING:
		rc = db_query(ix, Q_COVERED_DOCKING,
		    "SELECT number FROM asset WHERE (docking = ?1 OR pulled_docking = ?1)"
		    " AND number > ?2 ORDER BY number LIMIT ?3",
		    &st, "iii", (int64_t)strtoull(o->value, NULL, 10), (int64_t)after,
		    (int64_t)room);
		break;
	case ORDER_PERIOD:
		rc = db_query(ix, Q_COVERED_PERIOD,
		    "SELECT number FROM asset WHERE (?1 = '' OR camera = ?1) AND number > ?4"
		    " AND CASE WHEN class <> '' AND recorded_proved = 1 THEN recorded >= ?2 AND"
		    " recorded < ?3 WHEN class <> '' THEN recorded >= ?2 ELSE staged_at = 0 OR"
		    " staged_at >= ?2 END ORDER BY number LIMIT ?5",
		    &st, "tiiii", o->value, from_s, until_s, (int64_t)after, (int64_t)room);
		break;
	}
	return rc < 0 ? rc : db_numbers(st, rc, numbers);
}

int index_held(
    struct index *ix, const char *destination, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_HELD,
	    "SELECT asset FROM upload WHERE destination = ?1 AND held > 0 AND asset > ?2"
	    " ORDER BY asset LIMIT ?3",
	    &st, "tii", destination, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

uint64_t index_preserved(struct index *ix)
{
	const struct order *o;
	sqlite3_stmt *st;
	int64_t n = 0;
	int rc = index_active_orders(ix, &o);

	if (rc <= 0)
		return 0;
	rc = db_query(ix, Q_PRESERVED,
	    "SELECT count(*) FROM ("
	    "SELECT a.number FROM preservation AS p JOIN asset AS a ON a.id = p.value AND a.id <> ''"
	    " WHERE p.lifted = 0 AND p.scope = 1 UNION "
	    "SELECT a.number FROM preservation AS p JOIN asset AS a"
	    " ON a.number = CAST(p.value AS INTEGER) WHERE p.lifted = 0 AND p.scope = 1"
	    " AND length(p.value) < 20 UNION "
	    "SELECT a.number FROM preservation AS p JOIN asset AS a ON a.camera = p.value"
	    " WHERE p.lifted = 0 AND p.scope = 2 UNION "
	    "SELECT a.number FROM preservation AS p JOIN asset AS a"
	    " ON CAST(p.value AS INTEGER) IN (a.docking, a.pulled_docking)"
	    " WHERE p.lifted = 0 AND p.scope = 3 UNION "
	    "SELECT a.number FROM preservation AS p JOIN asset AS a ON"
	    " (p.value = '' OR a.camera = p.value) WHERE p.lifted = 0 AND p.scope = 4 AND"
	    " CASE WHEN a.class <> '' AND a.recorded_proved = 1 THEN (p.since < 0 OR a.recorded >="
	    " p.since - ?1) AND (p.until < 0 OR a.recorded < p.until + ?2) WHEN a.class <> '' THEN"
	    " p.since < 0 OR a.recorded >= p.since - ?1 ELSE a.staged_at = 0 OR p.since < 0 OR"
	    " a.staged_at >= p.since - ?1 END)",
	    &st, "ii", (int64_t)ORDER_BEFORE_S, (int64_t)ORDER_AFTER_S);
	return db_value(st, rc, &n) == 0 ? (uint64_t)n : 0;
}

/* ---- what is due ---- */

int index_to_class(struct index *ix, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_CLASS,
	    "SELECT number FROM asset WHERE rung = 3 AND class = '' ORDER BY number LIMIT ?1", &st,
	    "i", (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_due(
    struct index *ix, struct due_place *at, int64_t until_s, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_DUE,
		"SELECT number, dispose_by FROM asset WHERE disposed = 0 AND dispose_by > 0"
		" AND dispose_by >= ?1 AND dispose_by <= ?3 AND merged_into = 0"
		" AND (dispose_by > ?1 OR number > ?2) ORDER BY dispose_by, number LIMIT ?4",
		&st, "iiii", at->dispose_by_s, (int64_t)at->number, until_s, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = at->number = db_u64(st, 0);
		at->dispose_by_s = sqlite3_column_int64(st, 1);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

/* A receipt of one that has still to say what it is. */
static bool rests_on_unmet(struct index *ix, uint64_t asset)
{
	struct upload u;

	for (size_t i = 0; i < ix->unmet_n; i++) {
		bool required = ix->required_n == 0;

		for (size_t k = 0; k < ix->required_n; k++)
			required = required || strcmp(ix->required[k], ix->unmet[i]) == 0;
		if (required && upload_read(ix, asset, ix->unmet[i], &u) == 0 &&
		    u.rung == RUNG_RECEIPTED)
			return true;
	}
	return false;
}

bool index_is_receipted(struct index *ix, uint64_t asset)
{
	sqlite3_stmt *st;
	int64_t receipted = 0;
	int rc = db_query(ix, Q_IS_RECEIPTED,
	    "SELECT receipted AND NOT EXISTS(SELECT 1 FROM upload AS u"
	    " WHERE u.asset = asset.number AND u.rung = 5"
	    " AND (u.destination IN (SELECT name FROM required)"
	    " OR NOT EXISTS(SELECT 1 FROM required)) AND (u.doubted = 1 OR"
	    " EXISTS(SELECT 1 FROM bound AS b WHERE b.destination = u.destination"
	    " AND b.other <> ''))) FROM asset WHERE number = ?1",
	    &st, "i", (int64_t)asset);

	return db_value(st, rc, &receipted) == 0 && receipted != 0 && !rests_on_unmet(ix, asset);
}

bool index_has_finding(struct index *ix, uint64_t asset, uint64_t docking)
{
	sqlite3_stmt *st;
	int64_t n = 1;
	int rc = db_query(ix, Q_HAS_FINDING,
	    "SELECT EXISTS(SELECT 1 FROM finding WHERE asset = ?1 AND asset > 0)"
	    " OR EXISTS(SELECT 1 FROM finding WHERE docking = ?2 AND asset = 0)",
	    &st, "ii", (int64_t)asset, (int64_t)docking);

	return db_value(st, rc, &n) < 0 || n != 0;
}

/* ---- what is being disposed of ---- */

int index_disposals(struct index *ix, uint64_t after, struct disposal *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_DISPOSALS,
		"SELECT asset, place, kept, by_age, again FROM disposal WHERE asset > ?1"
		" ORDER BY asset LIMIT ?2",
		&st, "ii", (int64_t)after, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		out[n].asset = db_u64(st, 0);
		db_text(st, 1, out[n].place, sizeof(out[n].place));
		out[n].kept = sqlite3_column_int(st, 2) != 0;
		out[n].by_age = sqlite3_column_int(st, 3) != 0;
		out[n++].again_s = sqlite3_column_int64(st, 4);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_disposal(struct index *ix, uint64_t asset, const char *place, struct disposal *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_DISPOSAL,
	    "SELECT kept, by_age, again FROM disposal WHERE asset = ?1 AND place = ?2", &st, "it",
	    (int64_t)asset, place);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	out->asset = asset;
	snprintf(out->place, sizeof(out->place), "%s", place);
	out->kept = sqlite3_column_int(st, 0) != 0;
	out->by_age = sqlite3_column_int(st, 1) != 0;
	out->again_s = sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}

uint64_t index_overdue(struct index *ix, int64_t now_s)
{
	sqlite3_stmt *st;
	int64_t n = 0;
	int rc = db_query(ix, Q_OVERDUE,
	    "SELECT count(*) FROM disposal JOIN asset ON asset.number = disposal.asset"
	    " WHERE kept = 0 AND dispose_by > 0 AND dispose_by <= ?1",
	    &st, "i", now_s);

	return db_value(st, rc, &n) == 0 ? (uint64_t)n : 0;
}

static int disposal_put(struct index *ix, const struct disposal *d)
{
	return db_run(ix, Q_DISPOSAL_PUT,
	    "INSERT OR REPLACE INTO disposal VALUES(?1, ?2, ?3, ?4, ?5)", "itiii",
	    (int64_t)d->asset, d->place, (int64_t)d->kept, (int64_t)d->by_age, d->again_s);
}

static int disposal_drop(struct index *ix, uint64_t asset, const char *place)
{
	return db_run(ix, Q_DISPOSAL_DROP, "DELETE FROM disposal WHERE asset = ?1 AND place = ?2",
	    "it", (int64_t)asset, place);
}

/*
 * A name on the camera is needed to know the thing again there; where it is gone everywhere, it is
 * needed no more.
 */
int disposal_forget(struct index *ix, uint64_t asset)
{
	return db_run(ix, Q_FORGET,
	    "UPDATE asset SET path = '' WHERE (number = ?1 OR (merged_into = ?1 AND merged_into > 0))"
	    " AND erased = 1 AND (SELECT disposed FROM asset WHERE number = ?1) = 1"
	    " AND NOT EXISTS(SELECT 1 FROM disposal WHERE asset = ?1 AND kept = 0)",
	    "i", (int64_t)asset);
}

/* ---- records ---- */

/* What it covers has another place in the queues now; of very much, the first of it. */
static int requeue(struct index *ix, const struct order *o)
{
	uint64_t page[128], after = 0, seen = 0;
	int rc = 0, n = 128;

	while (rc == 0 && n == 128 && seen < REQUEUE_MAX) {
		n = index_covered(ix, o, after, page, 128);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++)
			rc = queue_move(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
		seen += n > 0 ? (uint64_t)n : 0;
	}
	return rc;
}

void order_of_record(const struct record *r, struct order *out)
{
	const char *value = record_get_text(r, "value"), *reason = record_get_text(r, "reason");
	const char *scope = record_get_text(r, "scope");

	*out = (struct order){
		.number = (uint64_t)record_get_number(r, "order", 0),
		.from_s = record_get_number(r, "from", PROTO_NO_TIME),
		.until_s = record_get_number(r, "until", PROTO_NO_TIME),
		.uid = (uint32_t)record_get_number(r, "uid", 0),
	};
	if (scope)
		order_scope_of_word(scope, &out->scope); /* unknown: covers all */
	snprintf(out->value, sizeof(out->value), "%s", value ? value : "");
	snprintf(out->reason, sizeof(out->reason), "%s", reason ? reason : "");
}

int apply_preserve(struct act *a)
{
	struct order o;
	int rc;

	order_of_record(a->r, &o);
	o.given_s = a->time_s;
	rc = order_put(a->ix, &o);
	return rc < 0 ? rc : requeue(a->ix, &o);
}

int apply_lift(struct act *a)
{
	struct order o;
	int rc = index_order(a->ix, act_number(a, "order"), &o);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	o.lifted_s = a->time_s ? a->time_s : 1;
	rc = order_put(a->ix, &o);
	return rc < 0 ? rc : requeue(a->ix, &o);
}

int apply_marked(struct act *a)
{
	struct entry before, after;
	int rc = entry_read(a->ix, a->asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.a.marked_s = a->time_s;
	return entry_write(a->ix, &before, &after);
}

/* From here on nothing of it is sent or taken in again; each place has a copy that is to go. */
int apply_dispose_intent(struct act *a)
{
	struct disposal d = { .asset = a->asset, .by_age = act_is(a, "by", "age") };
	char places[(INDEX_DESTINATIONS + 1) * PROTO_NAME_LEN], *rest = places, *place;
	struct entry before, after;
	int rc = entry_read(a->ix, a->asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.a.disposed = true;
	rc = entry_write(a->ix, &before, &after);
	act_text(a, "where", places, sizeof(places));
	while (rc == 0 && (place = strsep(&rest, " ")) != NULL) {
		snprintf(d.place, sizeof(d.place), "%.63s", place);
		rc = place[0] ? disposal_put(a->ix, &d) : 0;
	}
	return rc < 0 ? rc : disposal_forget(a->ix, a->asset);
}

/* The receipt stays as it was: what it proves is past. There is nothing at its address any more. */
static int removed(struct act *a, const char *where)
{
	struct upload u;
	int rc = upload_read(a->ix, a->asset, where, &u);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	u.address[0] = u.version[0] = '\0';
	u.lock = LOCK_NONE;
	u.retain_until_s = PROTO_NO_TIME;
	u.held = u.releasing = false;
	snprintf(u.reason, sizeof(u.reason), "disposed of");
	return upload_write(a->ix, &u);
}

/* Why it is still there, for people. */
static int kept_there(struct act *a, const char *where)
{
	struct upload u;
	int rc = upload_read(a->ix, a->asset, where, &u);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	act_text(a, "text", u.reason, sizeof(u.reason));
	return upload_write(a->ix, &u);
}

static int retired(struct act *a)
{
	struct entry before, after;
	int rc = entry_read(a->ix, a->asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.a.file = FILE_RETIRED;
	return entry_write(a->ix, &before, &after);
}

int apply_disposed(struct act *a)
{
	const char *where = record_get_text(a->r, "where");
	struct disposal d;
	int rc = index_disposal(a->ix, a->asset, where, &d);

	if (act_is(a, "result", "kept")) {
		d.kept = true;
		d.again_s = record_get_number(a->r, "again", 0);
		rc = rc == 0 ? disposal_put(a->ix, &d) : rc == -ENOENT ? 0 : rc;
		if (rc == 0)
			rc = kept_there(a, where);
	} else {
		if (rc == 0)
			rc = disposal_drop(a->ix, a->asset, where);
		if (rc == 0 || rc == -ENOENT)
			rc = strcmp(where, "station") == 0 ? retired(a) : removed(a, where);
	}
	return rc < 0 ? rc : disposal_forget(a->ix, a->asset);
}
