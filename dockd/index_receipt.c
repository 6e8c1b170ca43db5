/*
 * index_receipt: what the records about uploads make of the index, and who is asked again when.
 *
 * Called by index_apply for each such record, and by reconcile and retirement for their next one.
 * As all of the index it looks at the record and at itself only, so a replay gives the same.
 */
#include "index_receipt.h"
#include "index_act.h"
#include "index_asset.h"
#include "index_entry.h"
#include "index_inner.h"
#include "index_order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void upload_anew(struct upload *u)
{
	u->rung = RUNG_CHECKED;
	u->level = LEVEL_NONE;
	u->receipted_at_s = u->confirmed_at_s = u->began_s = 0;
	u->refusals = 0;
	u->length_bytes = 0;
	u->lock = LOCK_NONE;
	u->held = u->releasing = u->doubted = u->found = false;
	u->retain_until_s = u->expires_s = PROTO_NO_TIME;
	u->sha256[0] = u->address[0] = u->version[0] = u->key[0] = '\0';
}

/* Its upload to the destination under a key of the record; a new one where there is none. */
static int upload_at(struct act *a, const char *key, struct upload *u)
{
	const char *destination = record_get_text(a->r, key);
	int rc = upload_read(a->ix, a->asset, destination, u);

	if (rc != -ENOENT)
		return rc;
	memset(u, 0, sizeof(*u));
	u->asset = a->asset;
	u->rung = RUNG_CHECKED;
	u->began_s = a->time_s;
	u->retain_until_s = u->expires_s = PROTO_NO_TIME;
	act_text(a, key, u->destination, sizeof(u->destination));
	return 0;
}

static int its_upload(struct act *a, struct upload *u)
{
	return upload_at(a, "destination", u);
}

int apply_upload(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	return rc < 0 ? rc : upload_write(a->ix, &u);
}

int apply_created(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0)
		return rc;
	if (u.rung < RUNG_SENT)
		u.rung = RUNG_SENT;
	if (strcmp(u.address, record_get_text(a->r, "address")) != 0) {
		u.began_s = a->time_s; /* else told again, with another day on which it ends */
		u.found = false;
	}
	u.found |= act_number(a, "found") != 0;
	u.expires_s = record_get_number(a->r, "expires", PROTO_NO_TIME);
	act_text(a, "address", u.address, sizeof(u.address));
	return upload_write(a->ix, &u);
}

/* What was made there is no good: the next upload begins anew. */
int apply_recreated(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0)
		return rc;
	upload_anew(&u);
	act_text(a, "text", u.reason, sizeof(u.reason));
	rc = upload_write(a->ix, &u);
	return rc < 0 ? rc : receipts_renew(a->ix, a->asset);
}

/* A word that is not known locks all the same. */
static void take_lock(struct act *a, struct upload *u)
{
	u->lock = LOCK_NONE;
	if (record_has(a->r, "lock") && lock_of_word(record_get_text(a->r, "lock"), &u->lock) < 0)
		u->lock = LOCK_COMPLIANCE;
	u->retain_until_s = record_get_number(a->r, "retain-until", PROTO_NO_TIME);
}

int apply_receipted(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc == 0 && u.rung < RUNG_RECEIPTED && u.lost == 0)
		rc = tally_delay(a, u.destination);
	if (rc < 0)
		return rc;
	u.rung = RUNG_RECEIPTED;
	u.refused = false;
	u.reason[0] = '\0';
	u.receipted_at_s = a->time_s;
	u.length_bytes = act_number(a, "length");
	if (level_of_word(record_get_text(a->r, "level"), &u.level) < 0)
		u.level = LEVEL_NONE;
	act_text(a, "sha256", u.sha256, sizeof(u.sha256));
	act_text(a, "version", u.version, sizeof(u.version));
	act_text(a, "key", u.key, sizeof(u.key));
	u.confirmed_at_s = 0;
	u.doubted = false;
	u.refusals = 0;
	take_lock(a, &u);
	u.held = (uint32_t)act_number(a, "held");
	u.releasing = false;
	u.expires_s = PROTO_NO_TIME; /* what is whole does not expire */
	rc = upload_write(a->ix, &u);
	return rc < 0 ? rc : receipts_renew(a->ix, a->asset);
}

int apply_refused(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0)
		return rc;
	u.refused = true;
	act_text(a, "text", u.reason, sizeof(u.reason));
	return upload_write(a->ix, &u);
}

/* Counted until a good one comes or a person asks: the fifth in a row needs that person. */
int apply_receipt_refused(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0)
		return rc;
	u.refusals++;
	act_text(a, "text", u.reason, sizeof(u.reason));
	return upload_write(a->ix, &u);
}

int apply_confirmed(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0 || u.rung != RUNG_RECEIPTED)
		return rc;
	/* of a folder that was bound anew nobody can tell any more whether it is another disk */
	if (u.doubted && act_is(a, "level", level_word(LEVEL_LOCAL)))
		u.level = LEVEL_LOCAL;
	u.confirmed_at_s = a->time_s;
	u.doubted = false;
	if (record_has(a->r, "lock"))
		take_lock(a, &u);
	if (record_has(a->r, "held"))
		u.held = (uint32_t)act_number(a, "held");
	u.releasing = u.releasing && u.held; /* a hold it states may be of before it was told */
	rc = upload_write(a->ix, &u);
	return rc < 0 ? rc : receipts_renew(a->ix, a->asset);
}

/* The store was told of a preservation order, or of its end, and says so. */
int apply_held(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0 || u.rung != RUNG_RECEIPTED)
		return rc;
	u.held = (uint32_t)act_number(a, "on");
	u.releasing = false;
	return upload_write(a->ix, &u);
}

/* What it holds by its last word may be held no more from here on, until it says so anew. */
int apply_release_intent(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0 || u.rung != RUNG_RECEIPTED)
		return rc;
	u.releasing = u.held != HOLD_NONE;
	return upload_write(a->ix, &u);
}

/* The receipt is worth nothing any more: it is in the queue again while there is a copy here. */
int apply_lost(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0)
		return rc;
	upload_anew(&u);
	u.lost++;
	act_text(a, "text", u.reason, sizeof(u.reason));
	rc = upload_write(a->ix, &u);
	return rc < 0 ? rc : receipts_renew(a->ix, a->asset);
}

int apply_retired(struct act *a)
{
	static struct upload page[INDEX_DESTINATIONS];
	struct entry before, after;
	int n, rc = entry_read(a->ix, a->asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.a.file = FILE_RETIRED;
	rc = entry_write(a->ix, &before, &after);
	n = rc == 0 ? index_uploads(a->ix, a->asset, page, INDEX_DESTINATIONS) : rc;
	for (int i = 0; i < n && rc == 0; i++)
		rc = upload_write(a->ix, &page[i]);
	return n < 0 ? n : rc;
}

/* The other one's upload is the one that counts from now on. */
int apply_switched(struct act *a)
{
	struct upload from, to;
	int rc = upload_at(a, "from", &from);

	if (rc == 0)
		rc = upload_at(a, "to", &to);
	if (rc < 0)
		return rc;
	from.passed = true;
	to.passed = false;
	act_text(a, "text", from.reason, sizeof(from.reason));
	rc = upload_write(a->ix, &from);
	return rc < 0 ? rc : upload_write(a->ix, &to);
}

int apply_abandoned(struct act *a)
{
	struct upload u;
	int rc = its_upload(a, &u);

	if (rc < 0 || u.rung == RUNG_RECEIPTED)
		return rc;
	upload_anew(&u);
	return upload_write(a->ix, &u);
}

/* ---- questions ---- */

int index_to_abandon(struct index *ix, const char *destination, uint64_t *asset)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_ABANDON,
	    "SELECT asset FROM upload WHERE destination = ?1 AND passed = 1 AND address <> ''"
	    " AND rung = 4 AND EXISTS(SELECT 1 FROM asset AS a WHERE a.number = upload.asset"
	    " AND a.receipted = 1) ORDER BY asset LIMIT 1",
	    &st, "t", destination);

	return db_number(st, rc, asset);
}

/* The place that a query gives, as its since and number. 0, -ENOENT, -errno. */
static int move_on(sqlite3_stmt *st, int rc, struct confirm_place *place)
{
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	place->since_s = sqlite3_column_int64(st, 0);
	place->asset = db_u64(st, 1);
	sqlite3_reset(st);
	return 0;
}

int index_to_confirm(struct index *ix, const char *destination, enum confirm why, int64_t before_s,
    struct confirm_place *place)
{
	sqlite3_stmt *st;
	const struct order *orders;
	int any_order = index_active_orders(ix, &orders) != 0;
	int rc = db_query(ix, Q_TO_CONFIRM,
	    "SELECT since, asset FROM upload WHERE destination = ?1 AND watch > 0 AND watch = ?2"
	    " AND (since, asset) > (?3, ?4) AND since <= ?5 AND NOT EXISTS(SELECT 1 FROM asset AS a"
	    " WHERE a.number = upload.asset AND (a.disposed = 1 OR (a.marked > 0 AND ?6 = 0)))"
	    " ORDER BY since, asset LIMIT 1",
	    &st, "tiiiii", destination, (int64_t)why, place->since_s, (int64_t)place->asset,
	    before_s, (int64_t)any_order);

	return move_on(st, rc, place);
}

int index_to_retire(struct index *ix, struct confirm_place *place)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_RETIRE,
	    "SELECT confirmed, number FROM asset WHERE confirmed > 0 AND file = 2"
	    " AND kind IN (2, 5) AND (confirmed, number) > (?1, ?2)"
	    " ORDER BY confirmed, number LIMIT 1",
	    &st, "ii", place->since_s, (int64_t)place->asset);

	return move_on(st, rc, place);
}

static int count(struct index *ix, enum statement q, const char *sql, uint64_t *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, q, sql, &st, "");

	*out = 0;
	if (rc == 0)
		rc = db_step(st);
	if (rc == 1) {
		*out = db_u64(st, 0);
		sqlite3_reset(st);
		rc = 0;
	}
	return rc;
}

int index_receipt_troubles(struct index *ix, uint64_t *lost, uint64_t *refused)
{
	int rc = count(ix, Q_LOST_OPEN,
	    "SELECT count(*) FROM upload JOIN asset ON number = upload.asset WHERE lost > 0"
	    " AND upload.rung < 5 AND asset.receipted = 0",
	    lost);

	return rc < 0 ? rc :
			count(ix, Q_RECEIPTS_REFUSED,
			    "SELECT count(*) FROM upload JOIN asset ON number = upload.asset"
			    " WHERE refusals > 0 AND upload.rung < 5 AND asset.receipted = 0",
			    refused);
}
