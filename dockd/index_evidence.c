/*
 * index_evidence: what is still to be judged and audited, the keys of cameras, what audits found.
 *
 * evidence_note is called for every record that is applied, live and in replay alike. What waits to
 * be judged or audited are rows here, put in by the records that give reason for it: nothing is
 * remembered elsewhere, and nothing is walked through to find it.
 */
#include "index_evidence.h"
#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is(const struct record *r, const char *type)
{
	return strcmp(record_type(r), type) == 0;
}

static int64_t number(const struct record *r, const char *key)
{
	return record_get_number(r, key, 0);
}

/* ---- what waits ---- */

static int to_judge(struct index *ix, int64_t asset)
{
	return db_run(ix, Q_JUDGE_PUT, "INSERT OR IGNORE INTO judge VALUES(?1, 0)", "i", asset);
}

int index_judge(struct index *ix, uint64_t asset)
{
	int rc = index_begin(ix);

	return rc < 0 ? rc : to_judge(ix, (int64_t)asset);
}

int index_judged(struct index *ix, uint64_t asset)
{
	int rc = index_begin(ix);

	return rc < 0 ?
	    rc :
	    db_run(ix, Q_JUDGE_TAKE, "DELETE FROM judge WHERE asset = ?1", "i", (int64_t)asset);
}

int index_to_judge(struct index *ix, uint64_t after, uint64_t *numbers, bool *again, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_TO_JUDGE,
		"SELECT asset, again FROM judge WHERE asset > ?1 ORDER BY asset LIMIT ?2", &st,
		"ii", (int64_t)after, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n] = db_u64(st, 0);
		again[n++] = sqlite3_column_int(st, 1) != 0;
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_judge_unsigned(struct index *ix, const char *camera)
{
	int rc = index_begin(ix);

	return rc < 0 ? rc :
			db_run(ix, Q_JUDGE_UNSIGNED,
			    "INSERT OR IGNORE INTO judge SELECT number, 0 FROM asset WHERE"
			    " camera = ?1 AND signature = 'unsigned' AND rung = 3"
			    " AND kind NOT IN (3, 7)",
			    "t", camera);
}

static int to_inquire(struct index *ix, int64_t docking)
{
	return db_run(ix, Q_INQUIRE_PUT,
	    "INSERT OR IGNORE INTO inquire SELECT ?1 WHERE EXISTS(SELECT 1 FROM docking WHERE"
	    " number = ?1 AND camera <> '')",
	    "i", docking);
}

int index_inquired(struct index *ix, uint64_t docking)
{
	int rc = index_begin(ix);

	return rc < 0 ? rc :
			db_run(ix, Q_INQUIRE_TAKE, "DELETE FROM inquire WHERE docking = ?1", "i",
			    (int64_t)docking);
}

int index_to_inquire(struct index *ix, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_INQUIRE,
	    "SELECT docking FROM inquire WHERE docking > ?1 ORDER BY docking LIMIT ?2", &st, "ii",
	    (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_docking_open(struct index *ix, uint64_t docking, bool judged)
{
	sqlite3_stmt *st;

	int rc;

	if (judged)
		rc = db_query(ix, Q_DOCKING_JUDGING,
		    "SELECT 1 FROM judge JOIN asset ON number = judge.asset WHERE"
		    " docking = ?1 LIMIT 1",
		    &st, "i", (int64_t)docking);
	else
		rc = db_query(ix, Q_DOCKING_CHECKING,
		    "SELECT 1 FROM asset WHERE docking = ?1 AND rung = 2 AND needs_person = 0"
		    " AND kind <> 7 LIMIT 1",
		    &st, "i", (int64_t)docking);
	return db_any(st, rc);
}

int index_docking_held(struct index *ix, uint64_t docking)
{
	sqlite3_stmt *st;

	int rc = db_query(ix, Q_DOCKING_HELD,
	    "SELECT 1 FROM asset WHERE docking = ?1 AND rung = 3 AND kind <> 7 UNION ALL"
	    " SELECT 1 FROM asset WHERE pulled_docking = ?1 AND kind = 4 AND rung = 3 LIMIT 1",
	    &st, "i", (int64_t)docking);

	return db_any(st, rc);
}

/* ---- keys ---- */

static int enrolled(struct index *ix, int64_t time_s, const struct record *r)
{
	const char *camera = record_get_text(r, "camera");
	int rc = db_run(ix, Q_KEY_PUT,
	    "INSERT OR REPLACE INTO camera_key VALUES(?1, ?2, ?3, ?4, ?5, 0, ?6)", "ttttii", camera,
	    record_get_text(r, "fingerprint"), record_get_text(r, "scheme"),
	    record_get_text(r, "key"), time_s, number(r, "uid"));

	if (rc == 0)
		rc = db_run(ix, Q_JUDGE_AGAIN,
		    "INSERT OR REPLACE INTO judge SELECT number, 1 FROM asset WHERE camera = ?1"
		    " AND signature = 'untrusted-signer'",
		    "t", camera);
	return rc;
}

static int revoked(struct index *ix, int64_t time_s, const struct record *r)
{
	return db_run(ix, Q_KEY_REVOKE,
	    "UPDATE camera_key SET revoked = ?3 WHERE camera = ?1 AND fingerprint = ?2"
	    " AND revoked = 0",
	    "tti", record_get_text(r, "camera"), record_get_text(r, "fingerprint"), time_s);
}

int index_keys(
    struct index *ix, const char *camera, uint64_t skip, struct camera_key *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_KEYS,
		"SELECT camera, fingerprint, scheme, key, enrolled, revoked, uid FROM camera_key"
		" WHERE ?1 = '' OR camera = ?1 ORDER BY camera, fingerprint LIMIT ?3 OFFSET ?2",
		&st, "tii", camera, (int64_t)skip, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct camera_key *k = &out[n++];
		char word[32];

		memset(k, 0, sizeof(*k));
		db_text(st, 0, k->camera, sizeof(k->camera));
		db_text(st, 1, k->fingerprint, sizeof(k->fingerprint));
		db_text(st, 2, word, sizeof(word));
		if (scheme_of_word(word, &k->scheme) < 0)
			k->scheme = SCHEME_NONE;
		db_text(st, 3, k->key, sizeof(k->key));
		k->enrolled_s = sqlite3_column_int64(st, 4);
		k->revoked_s = sqlite3_column_int64(st, 5);
		k->uid = (uint32_t)sqlite3_column_int64(st, 6);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

/* ---- audits ---- */

/* Its findings are open no more. */
static int drop_findings(struct index *ix, int64_t docking)
{
	int rc =
	    db_run(ix, Q_FINDINGS_DROP, "DELETE FROM finding WHERE docking = ?1", "i", docking);

	if (rc == 0)
		ix->findings -= (uint64_t)sqlite3_changes(ix->db);
	return rc;
}

static int audited(struct index *ix, const struct record *r)
{
	int64_t docking = number(r, "docking");
	const char *sha256 = record_get_text(r, "last-sha256");
	int rc = db_run(ix, Q_REPORT, "UPDATE docking SET report = ?2 WHERE number = ?1", "ii",
	    docking, number(r, "asset"));

	if (rc == 0)
		rc = drop_findings(ix, docking);
	if (rc == 0)
		rc = db_run(
		    ix, Q_INQUIRE_TAKE, "DELETE FROM inquire WHERE docking = ?1", "i", docking);
	if (rc < 0 || !sha256 || !record_has(r, "last-seq"))
		return rc;
	return db_run(ix, Q_LOG_STATE,
	    "INSERT INTO camera SELECT camera, ?2, ?3, ?4, ?1, 0, '', 0, 0 FROM docking"
	    " WHERE number = ?1 AND camera <> '' ON CONFLICT(camera) DO UPDATE SET"
	    " before_seq = CASE last_docking WHEN ?1 THEN before_seq ELSE last_seq END,"
	    " before_sha256 = CASE last_docking WHEN ?1 THEN before_sha256 ELSE last_sha256 END,"
	    " before_time = CASE last_docking WHEN ?1 THEN before_time ELSE last_time END,"
	    " before_docking = CASE last_docking WHEN ?1 THEN before_docking ELSE last_docking END,"
	    " last_seq = ?2, last_sha256 = ?3, last_time = ?4, last_docking = ?1",
	    "iiti", docking, number(r, "last-seq"), sha256,
	    record_get_number(r, "last-time", PROTO_NO_TIME));
}

int index_log_state(struct index *ix, const char *camera, uint64_t docking, struct log_state *out)
{
	sqlite3_stmt *st;
	int at,
	    rc = db_query(ix, Q_LOG_STATE_READ,
		"SELECT last_seq, last_sha256, last_time, last_docking, before_seq, before_sha256,"
		" before_time, before_docking FROM camera WHERE camera = ?1",
		&st, "t", camera);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	at = db_u64(st, 3) == docking ? 4 : 0;
	memset(out, 0, sizeof(*out));
	out->seq = db_u64(st, at);
	db_text(st, at + 1, out->sha256, sizeof(out->sha256));
	out->time_s = sqlite3_column_int64(st, at + 2);
	out->docking = db_u64(st, at + 3);
	sqlite3_reset(st);
	return out->seq > 0 ? 0 : -ENOENT;
}

static int finding(struct index *ix, uint64_t seq, const struct record *r)
{
	ix->findings++;
	return db_run(ix, Q_FINDING_PUT, "INSERT INTO finding VALUES(?1, ?2, ?3, ?4, ?5)", "iiitt",
	    (int64_t)seq, number(r, "docking"), number(r, "asset"), record_get_text(r, "code"),
	    record_get_text(r, "text"));
}

int index_findings(
    struct index *ix, uint64_t docking, uint64_t asset, struct finding *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0, rc;

	if (docking)
		rc = db_query(ix, Q_FINDINGS,
		    "SELECT seq, docking, asset, code, text FROM finding WHERE docking = ?1"
		    " ORDER BY seq LIMIT ?2",
		    &st, "ii", (int64_t)docking, (int64_t)room);
	else
		rc = db_query(ix, Q_FINDINGS_ASSET,
		    "SELECT seq, docking, asset, code, text FROM finding WHERE asset = ?1"
		    " AND asset > 0 ORDER BY seq LIMIT ?2",
		    &st, "ii", (int64_t)asset, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct finding *f = &out[n++];

		f->seq = db_u64(st, 0);
		f->docking = db_u64(st, 1);
		f->asset = db_u64(st, 2);
		db_text(st, 3, f->code, sizeof(f->code));
		db_text(st, 4, f->text, sizeof(f->text));
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

uint64_t index_findings_count(const struct index *ix)
{
	return ix->findings;
}

int index_signatures_wrong(struct index *ix, uint64_t *count)
{
	sqlite3_stmt *st;
	int rc = db_query(
	    ix, Q_SIGNATURES_WRONG, "SELECT count(*) FROM asset WHERE " SIGNATURE_WRONG, &st, "");

	return db_number(st, rc, count);
}

int evidence_open(struct index *ix)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_FINDINGS_COUNT, "SELECT count(*) FROM finding", &st, "");

	return db_number(st, rc, &ix->findings);
}

/* ---- questions of judge and inquiry ---- */

static int assets_of(sqlite3_stmt *st, int rc, struct asset *out)
{
	struct entry e;
	int n = 0;

	while (rc == 0 && (rc = db_step(st)) == 1) {
		entry_load(st, &e);
		out[n++] = e.a;
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_assets_at(
    struct index *ix, const char *camera, const char *path, struct asset *out, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ASSETS_AT,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND path = ?2 AND rung = 3"
	    " AND kind <> 7 ORDER BY number DESC LIMIT ?3",
	    &st, "tti", camera, path, (int64_t)room);

	return assets_of(st, rc, out);
}

int index_assets_beside(
    struct index *ix, const char *camera, const char *stem, struct asset *out, size_t room)
{
	char from[PROTO_PATH_LEN + 2], to[PROTO_PATH_LEN + 2];
	sqlite3_stmt *st;
	int rc;

	/* '/' follows '.': all that begins with "stem." and nothing else */
	snprintf(from, sizeof(from), "%s.", stem);
	snprintf(to, sizeof(to), "%s/", stem);
	rc = db_query(ix, Q_ASSETS_BESIDE,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND path > ?2 AND path < ?3"
	    " AND rung = 3 AND kind NOT IN (3, 7) ORDER BY path, number DESC LIMIT ?4",
	    &st, "ttti", camera, from, to, (int64_t)room);
	return assets_of(st, rc, out);
}

int index_sidecars(
    struct index *ix, const char *camera, uint64_t before, struct asset *out, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_SIDECARS,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND kind = 3 AND number < ?2"
	    " AND rung = 3 ORDER BY number DESC LIMIT ?3",
	    &st, "tii", camera, (int64_t)before, (int64_t)room);

	return assets_of(st, rc, out);
}

int index_audit_logs(struct index *ix, uint64_t docking, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_AUDIT_LOGS,
	    "SELECT number FROM (SELECT number FROM asset WHERE pulled_docking = ?1"
	    " AND kind = 4 AND rung = 3 UNION SELECT number FROM asset WHERE docking = ?1"
	    " AND pulled_docking = 0 AND kind = 4 AND rung = 3 ORDER BY number DESC LIMIT ?2)"
	    " ORDER BY number",
	    &st, "ii", (int64_t)docking, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_audit_clips(struct index *ix, const char *camera, uint64_t since,
    int (*take)(void *arg, const struct asset *a), void *arg)
{
	struct entry e;
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_AUDIT_CLIPS,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND kind IN (2, 5)"
	    " AND (erased = 0 OR docking >= ?2 OR pulled_docking >= ?2)",
	    &st, "ti", camera, (int64_t)since);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		entry_load(st, &e);
		rc = take(arg, &e.a);
		if (rc < 0)
			sqlite3_reset(st);
	}
	return rc;
}

int index_report_begun(struct index *ix, uint64_t docking, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_REPORT_BEGUN,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE docking = ?1 AND kind = 7 AND rung = 1"
	    " ORDER BY number DESC LIMIT 1",
	    &st, "i", (int64_t)docking);

	rc = assets_of(st, rc, out);
	return rc < 0 ? rc : rc == 1 ? 0 : -ENOENT;
}

int index_reports(
    struct index *ix, const struct report_wish *w, uint64_t after, struct asset *out, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_REPORTS,
	    "SELECT " ASSET_COLUMNS " FROM asset WHERE kind = 7 AND rung = 3 AND number > ?1"
	    " AND (?2 = '' OR camera = ?2) AND (?3 = 0 OR docking = ?3)"
	    " AND number IN (SELECT report FROM docking WHERE number = asset.docking"
	    " AND began < ?5 AND (ended = 0 OR ended >= ?4))"
	    " ORDER BY number LIMIT ?6",
	    &st, "itiiii", (int64_t)after, w->camera, (int64_t)w->docking, w->from_s, w->until_s,
	    (int64_t)room);

	return assets_of(st, rc, out);
}

/* ---- what a record gives reason for ---- */

static int checked(struct index *ix, const struct record *r)
{
	struct entry e;
	int rc = entry_read(ix, (uint64_t)number(r, "asset"), &e);

	if (rc < 0 || e.a.kind == KIND_REPORT)
		return rc;
	rc = to_judge(ix, (int64_t)e.a.number);
	if (rc == 0)
		rc = to_inquire(
		    ix, (int64_t)(e.a.pulled_docking ? e.a.pulled_docking : e.a.docking));
	return rc;
}

int evidence_note(struct index *ix, uint64_t seq, int64_t time_s, const struct record *r)
{
	if (is(r, "checked"))
		return checked(ix, r);
	if (is(r, "signature"))
		return index_judged(ix, (uint64_t)number(r, "asset"));
	if (is(r, "camera"))
		return to_inquire(ix, number(r, "docking"));
	if (is(r, "audited"))
		return audited(ix, r);
	if (is(r, "finding"))
		return finding(ix, seq, r);
	if (is(r, "settled"))
		return drop_findings(ix, number(r, "docking"));
	if (is(r, "enrolled"))
		return enrolled(ix, time_s, r);
	if (is(r, "revoked"))
		return revoked(ix, time_s, r);
	return 0;
}
