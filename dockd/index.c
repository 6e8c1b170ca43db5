/*
 * index: the database itself: schema, statements, transaction.
 *
 * Called by journal (open, begin, commit) and by the other index files. The numbers in the SQL here
 * and there are those of asset.h and base/kind.h: file 2 sealed, rung 1 listed, 2 staged, 3 checked,
 * 5 receipted, kind 3 sidecar, 4 log. It must never be asked for the truth: the ledger has it first.
 */
#include "index.h"

#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_VERSION 13 /* as at the end of schema */

static const char schema[] =
    "CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), applied INTEGER,"
    " last_asset INTEGER, last_docking INTEGER, assets INTEGER, receipted INTEGER,"
    " erased INTEGER, dockings INTEGER, unsent_bytes INTEGER, needs_person INTEGER, any INTEGER,"
    " told INTEGER, latest INTEGER, doubt INTEGER);"
    "INSERT INTO state VALUES(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
    "CREATE TABLE required(name TEXT PRIMARY KEY, kinds INTEGER) WITHOUT ROWID;"
    "CREATE TABLE docking(number INTEGER PRIMARY KEY, began INTEGER, ended INTEGER, bay TEXT,"
    " port TEXT, serial TEXT, camera TEXT, profile TEXT, offset_ms INTEGER, report INTEGER,"
    " synchronised INTEGER, held INTEGER);"
    "CREATE INDEX docking_camera ON docking(camera, number) WHERE camera <> '';"
    "CREATE INDEX docking_open ON docking(number) WHERE ended = 0;"
    "CREATE TABLE asset(number INTEGER PRIMARY KEY, docking INTEGER, prefix_of INTEGER,"
    " kind INTEGER, protected INTEGER, camera TEXT, profile TEXT, path TEXT,"
    " pulled_docking INTEGER, merged_into INTEGER, size INTEGER, durable INTEGER, pulled INTEGER,"
    " mtime INTEGER, staged_at INTEGER, interruptions INTEGER, restarts INTEGER, file INTEGER,"
    " rung INTEGER, erased INTEGER, gone INTEGER, needs_person INTEGER, boot TEXT, sha256 TEXT,"
    " id TEXT, signature TEXT, trouble TEXT, receipts INTEGER, receipted INTEGER, queued INTEGER,"
    " stamp INTEGER, since INTEGER, sidecar INTEGER, recorded INTEGER, recorded_proved INTEGER,"
    " dispose_by INTEGER, marked INTEGER, disposed INTEGER, time_unproved INTEGER, class TEXT,"
    " sha384 TEXT, sha512 TEXT, signature_text TEXT, confirmed INTEGER,"
    " kinds INTEGER, officer TEXT, unit TEXT, damage INTEGER, told_bytes INTEGER,"
    " storage INTEGER);"
    "CREATE INDEX asset_path ON asset(camera, path);"
    "CREATE INDEX asset_id ON asset(id) WHERE id <> '';"
    "CREATE INDEX asset_merged ON asset(merged_into) WHERE merged_into > 0;"
    "CREATE INDEX asset_queued ON asset(number) WHERE queued = 1;"
    "CREATE INDEX asset_unsent ON asset(since) WHERE queued = 1 AND since > 0;"
    "CREATE INDEX asset_verify ON asset(number) WHERE file = 2 AND rung = 2 AND needs_person = 0;"
    "CREATE INDEX asset_listed ON asset(camera, number) WHERE rung = 1 AND gone = 0;"
    "CREATE INDEX asset_erase ON asset(camera, number) WHERE erased = 0 AND receipts > 0;"
    "CREATE INDEX asset_dispose ON asset(dispose_by) WHERE disposed = 0 AND dispose_by > 0;"
    "CREATE INDEX asset_unclassed ON asset(number) WHERE rung = 3 AND class = '';"
    "CREATE INDEX asset_sidecar ON asset(sidecar) WHERE sidecar > 0;"
    "CREATE INDEX asset_retire ON asset(confirmed, number) WHERE confirmed > 0 AND file = 2"
    " AND kind IN (2, 5);"
    "CREATE INDEX asset_person ON asset(number) WHERE needs_person = 1;"
    "CREATE TABLE upload(asset INTEGER, destination TEXT, rung INTEGER, level INTEGER,"
    " refused INTEGER, receipted_at INTEGER, length INTEGER, sha256 TEXT, reason TEXT,"
    " address TEXT, confirmed_at INTEGER, bundle INTEGER, lost INTEGER, version TEXT, key TEXT,"
    " began INTEGER, refusals INTEGER, watch INTEGER, since INTEGER, lock INTEGER,"
    " retain_until INTEGER, held INTEGER, expires INTEGER, doubted INTEGER,"
    " passed INTEGER, found INTEGER, releasing INTEGER,"
    " PRIMARY KEY(asset, destination)) WITHOUT ROWID;"
    "CREATE INDEX upload_bundle ON upload(destination, asset) WHERE rung = 5 AND bundle <= 0;"
    "CREATE INDEX upload_watch ON upload(destination, watch, since, asset) WHERE watch > 0;"
    "CREATE INDEX upload_doubted ON upload(destination, asset) WHERE doubted = 1;"
    "CREATE INDEX upload_lost ON upload(asset) WHERE lost > 0 AND rung < 5;"
    "CREATE INDEX upload_refusals ON upload(asset) WHERE refusals > 0 AND rung < 5;"
    "CREATE INDEX upload_refused ON upload(destination, asset) WHERE refused = 1;"
    "CREATE INDEX upload_passed ON upload(destination, asset) WHERE passed = 1 AND address <> '';"
    "CREATE INDEX upload_held ON upload(destination, asset) WHERE held > 0;"
    "CREATE TABLE erase(asset INTEGER PRIMARY KEY, docking INTEGER);"
    "CREATE TABLE destination(number INTEGER PRIMARY KEY, name TEXT UNIQUE, count INTEGER,"
    " bytes INTEGER, kinds INTEGER, deliver INTEGER);"
    "CREATE TABLE queue(destination INTEGER, asset INTEGER, fresh INTEGER, large INTEGER,"
    " class INTEGER, due INTEGER, docking INTEGER, recorded INTEGER, size INTEGER,"
    " deadline INTEGER, promised INTEGER, PRIMARY KEY(destination, asset)) WITHOUT ROWID;"
    "CREATE INDEX queue_next ON queue(destination, fresh, large, class, due, docking, recorded,"
    " asset);"
    "CREATE TABLE hour(destination INTEGER, class INTEGER, due INTEGER, promised INTEGER,"
    " count INTEGER, bytes INTEGER, PRIMARY KEY(destination, class, due, promised))"
    " WITHOUT ROWID;" /* sums of the queue, for index_outlook */
    "CREATE TRIGGER queue_in AFTER INSERT ON queue BEGIN"
    " INSERT INTO hour VALUES(new.destination, new.class, new.due, new.promised / 3600, 1,"
    " new.size) ON CONFLICT DO UPDATE SET count = count + 1, bytes = bytes + excluded.bytes; END;"
    "CREATE TRIGGER queue_out AFTER DELETE ON queue BEGIN"
    " UPDATE hour SET count = count - 1, bytes = bytes - old.size"
    " WHERE destination = old.destination AND class = old.class AND due = old.due"
    " AND promised = old.promised / 3600;"
    " DELETE FROM hour WHERE destination = old.destination AND class = old.class"
    " AND due = old.due AND promised = old.promised / 3600 AND count = 0; END;"
    "CREATE TABLE camera(camera TEXT PRIMARY KEY, last_seq INTEGER, last_sha256 TEXT,"
    " last_time INTEGER, last_docking INTEGER, before_seq INTEGER, before_sha256 TEXT,"
    " before_time INTEGER, before_docking INTEGER) WITHOUT ROWID;" /* its audit log, as last seen */
    "CREATE TABLE judge(asset INTEGER PRIMARY KEY, again INTEGER);"
    "CREATE TABLE inquire(docking INTEGER PRIMARY KEY);"
    "CREATE INDEX asset_docking ON asset(docking);"
    "CREATE INDEX asset_pulled_log ON asset(pulled_docking) WHERE kind = 4;"
    "CREATE INDEX asset_sidecars ON asset(camera, number) WHERE kind = 3;"
    "CREATE INDEX asset_report ON asset(number) WHERE kind = 7;"
    "CREATE INDEX asset_wrong ON asset(number) WHERE " SIGNATURE_WRONG ";"
    "CREATE TABLE camera_key(camera TEXT, fingerprint TEXT, scheme TEXT, key TEXT, enrolled INTEGER,"
    " revoked INTEGER, uid INTEGER, PRIMARY KEY(camera, fingerprint)) WITHOUT ROWID;"
    "CREATE TABLE finding(seq INTEGER PRIMARY KEY, docking INTEGER, asset INTEGER, code TEXT,"
    " text TEXT);"
    "CREATE INDEX finding_docking ON finding(docking);"
    "CREATE INDEX finding_asset ON finding(asset) WHERE asset > 0;"
    "CREATE TABLE preservation(number INTEGER PRIMARY KEY, scope INTEGER, value TEXT, since INTEGER,"
    " until INTEGER, given INTEGER, lifted INTEGER, uid INTEGER, reason TEXT);"
    "CREATE INDEX preservation_active ON preservation(number) WHERE lifted = 0;"
    "CREATE TABLE disposal(asset INTEGER, place TEXT, kept INTEGER, by_age INTEGER, again INTEGER,"
    " PRIMARY KEY(asset, place)) WITHOUT ROWID;" /* copies of a disposed asset still to go */
    "CREATE TABLE mention(what INTEGER, number INTEGER, seq INTEGER,"
    " PRIMARY KEY(what, number, seq)) WITHOUT ROWID;" /* enum mention */
    "CREATE TABLE bound(destination TEXT PRIMARY KEY, identity TEXT, other TEXT) WITHOUT ROWID;"
    "CREATE TABLE failing(destination TEXT PRIMARY KEY, seconds INTEGER, at INTEGER, boot TEXT)"
    " WITHOUT ROWID;"
    "CREATE TABLE expedite(seq INTEGER PRIMARY KEY, asset INTEGER, camera TEXT, docking INTEGER,"
    " reason TEXT, given INTEGER);" /* in force; asset 0: all of the camera up to the docking */
    "CREATE TABLE assignment(camera TEXT PRIMARY KEY, officer TEXT, unit TEXT, uid INTEGER,"
    " given INTEGER) WITHOUT ROWID;" /* to whom a person has issued it */
    "CREATE TABLE health(docking INTEGER PRIMARY KEY, port TEXT, camera TEXT, speed INTEGER,"
    " errors INTEGER, kinds INTEGER);"
    "CREATE INDEX health_port ON health(port, docking);"
    "CREATE INDEX health_camera ON health(camera, docking) WHERE camera <> '';"
    "CREATE TABLE speed(camera TEXT PRIMARY KEY, best INTEGER) WITHOUT ROWID;"
    "CREATE TABLE current(port TEXT PRIMARY KEY, boot TEXT, count INTEGER) WITHOUT ROWID;"
    "CREATE TABLE unlock(docking INTEGER PRIMARY KEY, began INTEGER, face TEXT,"
    " officer TEXT, unit TEXT, wrong_pin INTEGER);"
    "CREATE TABLE camera_face(camera TEXT, face TEXT, docking INTEGER," /* the first */
    " PRIMARY KEY(camera, face)) WITHOUT ROWID;"
    "CREATE INDEX camera_face_face ON camera_face(face);"
    "CREATE TABLE flow(day INTEGER PRIMARY KEY, came INTEGER, went INTEGER, first INTEGER);"
    "CREATE TABLE shipped(destination TEXT PRIMARY KEY, seq INTEGER) WITHOUT ROWID;"
    "CREATE TABLE tally(what INTEGER, a TEXT, b TEXT, n INTEGER, PRIMARY KEY(what, a, b))"
    " WITHOUT ROWID;" /* sums of what the ledger tells: enum tallied */
    "CREATE TABLE known(number INTEGER PRIMARY KEY, camera TEXT UNIQUE, profile TEXT, officer TEXT,"
    " unit TEXT, docking INTEGER, dockings INTEGER, files INTEGER, last INTEGER, away INTEGER,"
    " forgotten INTEGER);" /* cameras that have been docked here */
    "CREATE INDEX known_last ON known(last) WHERE forgotten = 0 AND away = 1;"
    "CREATE INDEX known_docking ON known(docking) WHERE away = 0;"
    "PRAGMA user_version = 13;";

static const char scratch_schema[] =
    "CREATE TABLE scratch.row(row INTEGER PRIMARY KEY, listing INTEGER, asset INTEGER,"
    " storage INTEGER, handle INTEGER, flags INTEGER, kind INTEGER, size INTEGER, mtime INTEGER,"
    " growing INTEGER, skip INTEGER, todo INTEGER, class INTEGER, recorded INTEGER, path TEXT,"
    " told INTEGER);"
    "CREATE INDEX scratch.row_path ON row(listing, path);"
    "CREATE INDEX scratch.row_asset ON row(asset) WHERE asset > 0;"
    "CREATE INDEX scratch.row_unlinked ON row(listing, row) WHERE asset = 0 AND skip = 0;"
    "CREATE INDEX scratch.row_next ON row(listing, class, growing, recorded, row) WHERE todo = 1;";

/* ---- statements ---- */

/* There is one index. */
static int failure;
static bool opening;

int index_failure(void)
{
	return failure;
}

static int failed(int err)
{
	if (failure == 0)
		failure = err;
	return err;
}

static bool no_files_left(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 && (errno == EMFILE || errno == ENFILE);
}

int db_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return failed(-EUCLEAN);
	case SQLITE_CANTOPEN: /* a folder in its place, or closed to us; or we are out of files */
		if (no_files_left())
			return opening ? -EMFILE : failed(-EMFILE);
		return failed(opening ? -EUCLEAN : -EIO);
	case SQLITE_IOERR:
		return failed(-EIO);
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	}
	return -EIO;
}

static int query(struct index *ix, enum statement q, const char *sql, sqlite3_stmt **out,
    const char *types, va_list values)
{
	sqlite3_stmt *st = ix->statement[q];
	int rc = SQLITE_OK;

	if (!st) {
		rc = sqlite3_prepare_v3(ix->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
		if (rc != SQLITE_OK)
			return db_error(rc);
		ix->statement[q] = st;
	}
	sqlite3_reset(st);
	for (int i = 0; types[i] && rc == SQLITE_OK; i++) {
		if (types[i] == 'i')
			rc = sqlite3_bind_int64(st, i + 1, va_arg(values, int64_t));
		else
			rc = sqlite3_bind_text(
			    st, i + 1, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
	}
	*out = st;
	return db_error(rc);
}

int db_query(
    struct index *ix, enum statement q, const char *sql, sqlite3_stmt **st, const char *types, ...)
{
	va_list values;
	int rc;

	va_start(values, types);
	rc = query(ix, q, sql, st, types, values);
	va_end(values);
	return rc;
}

int db_step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(st);
	return db_error(rc);
}

int db_numbers(sqlite3_stmt *st, int rc, uint64_t *numbers)
{
	int n = 0;

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = db_u64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int db_value(sqlite3_stmt *st, int rc, int64_t *out)
{
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	*out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int db_any(sqlite3_stmt *st, int rc)
{
	if (rc == 0)
		rc = db_step(st);
	if (rc == 1)
		sqlite3_reset(st);
	return rc;
}

int db_run(struct index *ix, enum statement q, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list values;
	int rc;

	va_start(values, types);
	rc = query(ix, q, sql, &st, types, values);
	va_end(values);
	if (rc == 0)
		rc = db_step(st);
	if (rc > 0) {
		sqlite3_reset(st);
		rc = 0;
	}
	return rc;
}

void db_text(sqlite3_stmt *st, int column, char *out, size_t room)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(out, room, "%s", text ? text : "");
}

/* ---- opening ---- */

int db_exec(struct index *ix, const char *sql)
{
	return db_error(sqlite3_exec(ix->db, sql, NULL, NULL, NULL));
}

/* The listings live in a file of their own that is made afresh each time and never synced. */
static int attach_scratch(struct index *ix, const char *path)
{
	char name[4096];
	sqlite3_stmt *st;
	int rc;

	if (snprintf(name, sizeof(name), "%s-listings-journal", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	unlink(name);
	name[strlen(name) - strlen("-journal")] = '\0';
	unlink(name);
	rc = db_error(sqlite3_prepare_v2(ix->db, "ATTACH ?1 AS scratch", -1, &st, NULL));
	if (rc < 0)
		return rc;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	rc = db_error(rc);
	if (rc == 0)
		rc = db_exec(ix,
		    "PRAGMA scratch.journal_mode = PERSIST;"
		    "PRAGMA scratch.journal_size_limit = 1048576;"
		    "PRAGMA scratch.synchronous = OFF; PRAGMA scratch.cache_size = -2048;"
		    "PRAGMA scratch.mmap_size = 0;");
	return rc == 0 ? db_exec(ix, scratch_schema) : rc;
}

static int read_state(struct index *ix)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_STATE_READ,
	    "SELECT applied, last_asset, last_docking, assets,"
	    " receipted, erased, dockings, unsent_bytes, needs_person, any, told, latest,"
	    " doubt FROM state",
	    &st, "");

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EUCLEAN;
	ix->applied = db_u64(st, 0);
	ix->last_asset = ix->new_asset = db_u64(st, 1);
	ix->last_docking = ix->new_docking = db_u64(st, 2);
	ix->counts.assets = db_u64(st, 3);
	ix->counts.receipted = db_u64(st, 4);
	ix->counts.erased = db_u64(st, 5);
	ix->counts.dockings = db_u64(st, 6);
	ix->counts.unsent_bytes = db_u64(st, 7);
	ix->counts.needs_person = db_u64(st, 8);
	ix->any = sqlite3_column_int(st, 9) != 0;
	ix->told = db_u64(st, 10);
	ix->latest_s = sqlite3_column_int64(st, 11);
	ix->doubt_s = sqlite3_column_int64(st, 12);
	sqlite3_reset(st);
	rc = db_query(ix, Q_REQUIRED, "SELECT name, kinds FROM required ORDER BY name", &st, "");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		rc = 0;
		if (ix->required_n == INDEX_DESTINATIONS)
			continue;
		ix->required_kinds[ix->required_n] = (uint32_t)sqlite3_column_int64(st, 1);
		db_text(st, 0, ix->required[ix->required_n++], PROTO_NAME_LEN);
	}
	if (rc == 0)
		rc = db_query(ix, Q_DESTINATIONS,
		    "SELECT number, name, count, bytes, kinds, deliver FROM destination", &st, "");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct destination *d = &ix->destination[ix->destinations_n];

		rc = 0;
		if (ix->destinations_n == INDEX_DESTINATIONS)
			continue;
		d->number = sqlite3_column_int64(st, 0);
		db_text(st, 1, d->name, sizeof(d->name));
		d->count = db_u64(st, 2);
		d->bytes = db_u64(st, 3);
		d->kinds = (uint32_t)sqlite3_column_int64(st, 4);
		d->deliver_s = (uint32_t)sqlite3_column_int64(st, 5);
		ix->destinations_n++;
	}
	return rc;
}

static int schema_version(struct index *ix, int *version)
{
	sqlite3_stmt *st;
	int rc = db_error(sqlite3_prepare_v2(ix->db, "PRAGMA user_version", -1, &st, NULL));

	if (rc < 0)
		return rc;
	rc = sqlite3_step(st);
	*version = rc == SQLITE_ROW ? sqlite3_column_int(st, 0) : -1;
	rc = db_error(rc);
	sqlite3_finalize(st);
	return rc;
}

static int read_all(struct index *ix)
{
	int rc = read_state(ix);

	if (rc == 0)
		rc = evidence_open(ix);
	if (rc == 0)
		rc = expedite_open(ix);
	return rc == 0 ? tally_open(ix) : rc;
}

int index_open_beside(struct index **out)
{
	struct index *ix = calloc(1, sizeof(*ix));
	int rc;

	*out = NULL;
	if (!ix)
		return -ENOMEM;
	rc = db_error(sqlite3_open_v2(":memory:", &ix->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL));
	if (rc == 0)
		rc = db_exec(ix, "ATTACH ':memory:' AS scratch; BEGIN");
	if (rc == 0)
		rc = db_exec(ix, schema);
	if (rc == 0)
		rc = db_exec(ix, scratch_schema);
	ix->writing = true; /* the one transaction, which nobody commits */
	if (rc == 0)
		rc = read_all(ix);
	if (rc < 0) {
		index_close(ix);
		return rc;
	}
	*out = ix;
	return 0;
}

int index_open(const char *path, struct index **out)
{
	struct index *ix = calloc(1, sizeof(*ix));
	int rc, version;

	*out = NULL;
	if (!ix)
		return -ENOMEM;
	failure = 0;
	opening = true;
	rc = db_error(sqlite3_open_v2(path, &ix->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL));
	if (rc == 0)
		rc = db_exec(ix,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -4096; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
		    "PRAGMA journal_size_limit = 16777216; PRAGMA trusted_schema = OFF;");
	if (rc == 0)
		rc = schema_version(ix, &version);
	if (rc == 0 && version == 0) {
		rc = db_exec(ix, "BEGIN");
		if (rc == 0)
			rc = db_exec(ix, schema);
		if (rc == 0)
			rc = db_exec(ix, "COMMIT");
	} else if (rc == 0 && version != SCHEMA_VERSION) {
		rc = -EUCLEAN;
	}
	if (rc == 0)
		rc = attach_scratch(ix, path);
	if (rc == 0)
		rc = read_all(ix);
	opening = false;
	if (rc < 0) {
		index_close(ix);
		return rc;
	}
	*out = ix;
	return 0;
}

void index_close(struct index *ix)
{
	if (!ix)
		return;
	for (size_t i = 0; i < Q_STATEMENTS; i++)
		sqlite3_finalize(ix->statement[i]);
	sqlite3_close(ix->db);
	free(ix->orders);
	tally_free(&ix->tally);
	free(ix);
}

uint64_t index_applied(struct index *ix)
{
	return ix->applied;
}

int index_begin(struct index *ix)
{
	int rc = ix->writing ? 0 : db_exec(ix, "BEGIN IMMEDIATE");

	if (rc == 0)
		ix->writing = true;
	return rc;
}

static int write_state(struct index *ix)
{
	const struct index_counts *c = &ix->counts;
	int rc = 0;

	if (ix->changed)
		rc = db_run(ix, Q_STATE_WRITE,
		    "UPDATE state SET applied = ?1, last_asset = ?2,"
		    " last_docking = ?3, assets = ?4, receipted = ?5, erased = ?6, dockings = ?7,"
		    " unsent_bytes = ?8, needs_person = ?9, any = ?10, told = ?11,"
		    " latest = ?12, doubt = ?13",
		    "iiiiiiiiiiiii", (int64_t)ix->applied, (int64_t)ix->last_asset,
		    (int64_t)ix->last_docking, (int64_t)c->assets, (int64_t)c->receipted,
		    (int64_t)c->erased, (int64_t)c->dockings, (int64_t)c->unsent_bytes,
		    (int64_t)c->needs_person, (int64_t)ix->any, (int64_t)ix->told, ix->latest_s,
		    ix->doubt_s);
	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++) {
		struct destination *d = &ix->destination[i];

		if (d->changed)
			rc = db_run(ix, Q_DESTINATION_SET,
			    "UPDATE destination SET count = ?2, bytes = ?3 WHERE number = ?1",
			    "iii", d->number, (int64_t)d->count, (int64_t)d->bytes);
		d->changed = false;
	}
	return rc == 0 ? tally_write(ix) : rc;
}

int index_commit(struct index *ix)
{
	int rc;

	if (ix->dead_n > 0) {
		rc = listing_purge(ix);
		if (rc < 0)
			return rc;
	}
	if (!ix->writing)
		return 0;
	rc = write_state(ix);
	if (rc == 0)
		rc = db_exec(ix, "COMMIT");
	if (rc < 0)
		return rc;
	ix->changed = false;
	ix->writing = false;
	return 0;
}

uint64_t index_new_asset(struct index *ix)
{
	return ++ix->new_asset;
}

uint64_t index_new_docking(struct index *ix)
{
	return ++ix->new_docking;
}
