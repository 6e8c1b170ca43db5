/*
 * index_proof: which records name an asset or a docking, what each destination has of the ledger,
 * and whose proof bundle is to be sent.
 *
 * mention_note is called for every record that is applied, live and in replay alike. A record that
 * tells of our own sending (`bundled`, `shipped`) never makes another one due: a quiet station goes
 * quiet.
 */
#include "index_proof.h"
#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

/* upload.bundle: the `bundled` record that holds; else minus the record that made it due, or 0. */

static bool is(const struct record *r, const char *type)
{
	return strcmp(record_type(r), type) == 0;
}

static int mention(struct index *ix, enum mention what, uint64_t number, uint64_t seq)
{
	return db_run(ix, Q_MENTION, "INSERT OR IGNORE INTO mention VALUES(?1, ?2, ?3)", "iii",
	    (int64_t)what, (int64_t)number, (int64_t)seq);
}

/* A bundle that was sent lacks this record: anew, to one destination or to all that have it. */
static int make_due(struct index *ix, uint64_t asset, const char *destination, uint64_t seq)
{
	struct entry e;
	int rc = entry_read(ix, asset, &e);

	if (rc < 0)
		return rc;
	if (e.a.merged_into)
		asset = e.a.merged_into;
	return db_run(ix, Q_BUNDLE_DUE,
	    "UPDATE upload SET bundle = -?2 WHERE asset = ?1 AND rung = 5"
	    " AND (?3 = '' OR destination = ?3)",
	    "iit", (int64_t)asset, (int64_t)seq, destination);
}

static int bundled(struct index *ix, uint64_t asset, uint64_t seq, const struct record *r)
{
	return db_run(ix, Q_BUNDLE_DONE,
	    "UPDATE upload SET bundle = ?3 WHERE asset = ?1 AND destination = ?2"
	    " AND -bundle <= ?4",
	    "itii", (int64_t)asset, record_get_text(r, "destination"), (int64_t)seq,
	    record_get_number(r, "upto", 0));
}

int mention_note(struct index *ix, uint64_t seq, const struct record *r)
{
	int64_t asset = record_get_number(r, "asset", 0), into = record_get_number(r, "into", 0);
	int64_t docking = record_get_number(r, "docking", 0);
	const char *destination = record_get_text(r, "destination");
	int rc = 0;

	if (is(r, "shipped"))
		return db_run(ix, Q_SHIPPED_PUT, "INSERT OR REPLACE INTO shipped VALUES(?1, ?2)",
		    "ti", destination, record_get_number(r, "to", 0));
	if (is(r, "bundled"))
		return bundled(ix, (uint64_t)asset, seq, r);
	ix->told = seq;
	if (is(r, "durable"))
		return 0;
	if (is(r, "preserve") || is(r, "lift"))
		rc = mention(ix, MENTION_ORDER, (uint64_t)record_get_number(r, "order", 0), seq);
	else if (is(r, "began"))
		rc = mention(ix, MENTION_BEGAN, 0, seq);
	else if (is(r, "rebound"))
		rc = mention(ix, MENTION_BINDING, 0, seq);
	else if (asset > 0)
		rc = mention(ix, MENTION_ASSET, (uint64_t)asset, seq);
	/* audited: its asset is the report, and it is about the docking */
	if (rc == 0 && docking > 0 && (asset == 0 || is(r, "audited")))
		rc = mention(ix, MENTION_DOCKING, (uint64_t)docking, seq);
	if (rc == 0 && asset > 0 && into > 0)
		rc = mention(ix, MENTION_ASSET, (uint64_t)into, seq);
	if (rc == 0 && (is(r, "receipted") || is(r, "held")))
		rc = make_due(ix, (uint64_t)asset, destination, seq);
	else if (rc == 0 && (is(r, "signature") || is(r, "erased")))
		rc = make_due(ix, (uint64_t)asset, "", seq);
	return rc;
}

int index_mentions(struct index *ix, enum mention what, uint64_t number, uint64_t after,
    uint64_t *seqs, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_MENTIONS,
	    "SELECT seq FROM mention WHERE what = ?1 AND number = ?2 AND seq > ?3"
	    " ORDER BY seq LIMIT ?4",
	    &st, "iiii", (int64_t)what, (int64_t)number, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, seqs);
}

int index_order_records(struct index *ix, uint64_t after, uint64_t *seqs, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ORDER_RECORDS,
	    "SELECT seq FROM mention WHERE what = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3", &st,
	    "iii", (int64_t)MENTION_ORDER, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, seqs);
}

int index_began(struct index *ix, uint64_t *seq)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BEGAN,
	    "SELECT seq FROM mention WHERE what = ?1 AND number = 0 ORDER BY seq DESC LIMIT 1", &st,
	    "i", (int64_t)MENTION_BEGAN);

	return db_number(st, rc, seq);
}

uint64_t index_told(const struct index *ix)
{
	return ix->told;
}

int index_shipped(struct index *ix, const char *destination, uint64_t *to)
{
	sqlite3_stmt *st;
	int rc = db_query(
	    ix, Q_SHIPPED, "SELECT seq FROM shipped WHERE destination = ?1", &st, "t", destination);

	*to = 0;
	rc = db_number(st, rc, to);
	return rc == -ENOENT ? 0 : rc;
}

int index_to_bundle(
    struct index *ix, const char *destination, uint64_t after, uint64_t upto, uint64_t *asset)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_BUNDLE,
	    "SELECT asset FROM upload WHERE rung = 5 AND bundle <= 0 AND doubted = 0"
	    " AND destination = ?1 AND asset > ?2 AND -bundle <= ?3 AND NOT EXISTS(SELECT 1"
	    " FROM asset AS a WHERE a.number = upload.asset AND a.disposed = 1)"
	    " ORDER BY asset LIMIT 1",
	    &st, "tii", destination, (int64_t)after, (int64_t)upto);

	return db_number(st, rc, asset);
}
