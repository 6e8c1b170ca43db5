/*
 * index_binding: what each destination is bound to, what a rebinding makes of what is there, and
 * how long one has failed.
 *
 * Called by index_apply for the records about bindings, and by binding and the gate for questions.
 * A receipt from before a rebinding stays on record and counts for nothing (`doubted`) until the
 * destination has confirmed it anew; only questions and `confirmed` move it.
 */
#include "index_binding.h"
#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE 256

static int bind(struct act *a, const char *other)
{
	return db_run(a->ix, Q_BOUND_PUT, "INSERT OR REPLACE INTO bound VALUES(?1, ?2, ?3)", "ttt",
	    record_get_text(a->r, "destination"), record_get_text(a->r, "identity"), other);
}

int apply_bound(struct act *a)
{
	return bind(a, "");
}

int apply_another(struct act *a)
{
	return db_run(a->ix, Q_BOUND_OTHER, "UPDATE bound SET other = ?2 WHERE destination = ?1",
	    "tt", record_get_text(a->r, "destination"), record_get_text(a->r, "identity"));
}

/* The assets of a question's rows, up to PAGE, with number > after. Count or -errno. */
static int page_of(struct index *ix, enum statement q, const char *sql, const char *destination,
    uint64_t after, uint64_t *numbers)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, q, sql, &st, "ti", destination, (int64_t)after);

	return db_numbers(st, rc, numbers);
}

/* What was begun or refused at the old one: begins anew. */
static int begin_anew(struct index *ix, const char *destination)
{
	uint64_t page[PAGE], after = 0;
	int n = PAGE, rc = 0;

	while (rc == 0 && n == PAGE) {
		n = page_of(ix, Q_REBOUND_BEGUN,
		    "SELECT asset FROM upload WHERE destination = ?1 AND asset > ?2 AND rung < 5"
		    " AND (address <> '' OR refused = 1) ORDER BY asset LIMIT 256",
		    destination, after, page);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++) {
			struct upload u;

			after = page[i];
			rc = upload_read(ix, page[i], destination, &u);
			if (rc < 0)
				break;
			upload_anew(&u);
			u.refused = false;
			u.reason[0] = '\0';
			rc = upload_write(ix, &u);
		}
	}
	return rc;
}

/* Nothing of ours is where there is no mark: all of which there is a copy here begins anew. */
static int send_all(struct index *ix, const char *destination)
{
	uint64_t page[PAGE];
	int n = PAGE, rc = 0;

	while (rc == 0 && n == PAGE) {
		n = page_of(ix, Q_REBOUND_ALL,
		    "SELECT asset FROM upload WHERE destination = ?1 AND asset > ?2"
		    " AND doubted = 1 AND watch = 3 LIMIT 256",
		    destination, 0, page);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++) {
			struct upload u;

			rc = upload_read(ix, page[i], destination, &u);
			if (rc < 0)
				break;
			upload_anew(&u);
			rc = upload_write(ix, &u);
			if (rc == 0)
				rc = receipts_renew(ix, page[i]);
		}
	}
	return rc;
}

/*
 * The sums of all of which there is a copy here: as much work as the station holds. The others keep
 * theirs, on which nothing rests: the gate and index_is_receipted look at the receipts themselves.
 */
static int renew(struct index *ix, const char *destination)
{
	uint64_t page[PAGE], after = 0;
	int n = PAGE, rc = 0;

	while (rc == 0 && n == PAGE) {
		n = page_of(ix, Q_REBOUND_HERE,
		    "SELECT asset FROM upload WHERE destination = ?1 AND asset > ?2"
		    " AND doubted = 1 AND watch = 3 ORDER BY asset LIMIT 256",
		    destination, after, page);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_renew(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

/*
 * What was disposed of there has no address any more and is asked for by nobody. A hold that the
 * old one stated is to be put on anew, and the ledger is sent from its beginning.
 */
int apply_rebound(struct act *a)
{
	const char *destination = record_get_text(a->r, "destination");
	int rc = bind(a, "");

	if (rc == 0)
		rc = apply_working(a); /* the old one's time is not the new one's */
	if (rc == 0)
		rc = begin_anew(a->ix, destination);
	if (rc == 0)
		rc = db_run(a->ix, Q_REBOUND,
		    "UPDATE upload SET doubted = 1, confirmed_at = 0, held = 0, releasing = 0,"
		    " bundle = 0, since = receipted_at, watch = CASE WHEN EXISTS(SELECT 1 FROM asset AS a"
		    " WHERE a.number = upload.asset AND a.file = 2) THEN 3 ELSE 1 END"
		    " WHERE destination = ?1 AND rung = 5 AND address <> ''",
		    "t", destination);
	if (rc == 0)
		rc = db_run(a->ix, Q_REBOUND_SHIPPED, "DELETE FROM shipped WHERE destination = ?1",
		    "t", destination);
	if (rc == 0 && act_is(a, "identity", ""))
		rc = send_all(a->ix, destination);
	if (rc == 0)
		rc = renew(a->ix, destination);
	a->ix->changed = true;
	return rc == 0 ? listing_resum(a->ix) : rc;
}

int apply_failing(struct act *a)
{
	return db_run(a->ix, Q_FAILING_PUT, "INSERT OR REPLACE INTO failing VALUES(?1, ?2, ?3, ?4)",
	    "tiit", record_get_text(a->r, "destination"), (int64_t)act_number(a, "for"),
	    (int64_t)act_number(a, "at"), record_get_text(a->r, "boot"));
}

int apply_working(struct act *a)
{
	return db_run(a->ix, Q_FAILING_END, "DELETE FROM failing WHERE destination = ?1", "t",
	    record_get_text(a->r, "destination"));
}

int index_failing(struct index *ix, const char *destination, struct failing *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_FAILING,
	    "SELECT seconds, at, boot FROM failing WHERE destination = ?1", &st, "t", destination);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	out->seconds = sqlite3_column_int64(st, 0);
	out->at_s = sqlite3_column_int64(st, 1);
	db_text(st, 2, out->boot, sizeof(out->boot));
	sqlite3_reset(st);
	return 0;
}

int index_bound(struct index *ix, const char *destination, struct bound *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BOUND, "SELECT identity, other FROM bound WHERE destination = ?1",
	    &st, "t", destination);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	db_text(st, 0, out->identity, sizeof(out->identity));
	db_text(st, 1, out->other, sizeof(out->other));
	sqlite3_reset(st);
	return 0;
}

int index_bound_next(struct index *ix, char name[PROTO_NAME_LEN], uint64_t *held)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BOUND_NEXT,
	    "SELECT destination, (SELECT count(*) FROM upload AS u WHERE u.held = 1"
	    " AND u.destination = b.destination) FROM bound AS b WHERE destination > ?1"
	    " ORDER BY destination LIMIT 1",
	    &st, "t", name);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	db_text(st, 0, name, PROTO_NAME_LEN);
	*held = db_u64(st, 1);
	sqlite3_reset(st);
	return 0;
}

void index_set_unmet(struct index *ix, const char *const *names, size_t n)
{
	ix->unmet_n = 0;
	for (size_t i = 0; i < n && i < INDEX_DESTINATIONS; i++)
		snprintf(ix->unmet[ix->unmet_n++], PROTO_NAME_LEN, "%s", names[i]);
}

bool index_is_unmet(const struct index *ix, const char *destination)
{
	for (size_t i = 0; i < ix->unmet_n; i++) {
		if (strcmp(ix->unmet[i], destination) == 0)
			return true;
	}
	return false;
}

bool index_astray(struct index *ix, enum object_kind kind)
{
	struct bound b;

	for (size_t i = 0; i < ix->destinations_n; i++) {
		const struct destination *d = &ix->destination[i];

		if (!(d->kinds >> kind & 1))
			continue;
		if (index_is_unmet(ix, d->name) ||
		    (index_bound(ix, d->name, &b) == 0 && b.other[0]))
			return true;
	}
	return false;
}

int index_doubted(struct index *ix, const char *destination, uint64_t *count)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_DOUBTED,
	    "SELECT count(*) FROM upload WHERE destination = ?1 AND watch = 3", &st, "t",
	    destination);

	*count = 0;
	rc = db_number(st, rc, count);
	return rc == -ENOENT ? 0 : rc;
}
