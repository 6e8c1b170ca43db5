/*
 * index: the database itself, its transaction, one asset's row, and the questions.
 *
 * Called by journal and by whoever asks. The counters, the queues of the destinations and the sums
 * of the listings follow each change of an asset in entry_write; nothing here counts rows when
 * asked. It must never be asked for the truth: what it says was in the ledger first.
 */
#include "index.h"

#include "index_db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

/* What makes an asset wait for a destination; words of asset.h as numbers: file 2, rung 3. */
#define TO_SEND "file = 2 AND rung = 3 AND merged_into = 0"

static const char schema[] =
    "CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), applied INTEGER, last_asset INTEGER,"
    " last_docking INTEGER, assets INTEGER, receipted INTEGER, erased INTEGER, dockings INTEGER,"
    " unsent_bytes INTEGER, needs_person INTEGER, any INTEGER);"
    "INSERT INTO state VALUES(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
    "CREATE TABLE required(name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE docking(number INTEGER PRIMARY KEY, began INTEGER, ended INTEGER, bay TEXT,"
    " port TEXT, serial TEXT, camera TEXT, profile TEXT);"
    "CREATE INDEX docking_open ON docking(number) WHERE ended = 0;"
    "CREATE TABLE asset(number INTEGER PRIMARY KEY, docking INTEGER, prefix_of INTEGER,"
    " kind INTEGER, protected INTEGER, camera TEXT, profile TEXT, path TEXT,"
    " pulled_docking INTEGER, merged_into INTEGER, size INTEGER, durable INTEGER, pulled INTEGER,"
    " mtime INTEGER, staged_at INTEGER, interruptions INTEGER, restarts INTEGER, file INTEGER,"
    " rung INTEGER, erased INTEGER, gone INTEGER, needs_person INTEGER, boot TEXT, sha256 TEXT,"
    " id TEXT, signature TEXT, trouble TEXT, receipts INTEGER, receipted INTEGER, queued INTEGER);"
    "CREATE INDEX asset_path ON asset(camera, path);"
    "CREATE INDEX asset_id ON asset(id) WHERE id <> '';"
    "CREATE INDEX asset_merged ON asset(merged_into) WHERE merged_into > 0;"
    "CREATE INDEX asset_queued ON asset(number) WHERE queued = 1;"
    "CREATE INDEX asset_unsent ON asset(staged_at) WHERE queued = 1 AND staged_at > 0;"
    "CREATE INDEX asset_verify ON asset(number) WHERE file = 2 AND rung = 2 AND needs_person = 0;"
    "CREATE INDEX asset_listed ON asset(camera, number) WHERE rung = 1 AND gone = 0;"
    "CREATE INDEX asset_erase ON asset(camera, number) WHERE erased = 0 AND receipts > 0;"
    "CREATE INDEX asset_person ON asset(number) WHERE needs_person = 1;"
    "CREATE TABLE upload(asset INTEGER, destination TEXT, rung INTEGER, level INTEGER,"
    " refused INTEGER, receipted_at INTEGER, length INTEGER, sha256 TEXT, reason TEXT, address TEXT,"
    " PRIMARY KEY(asset, destination)) WITHOUT ROWID;"
    "CREATE INDEX upload_refused ON upload(destination, asset) WHERE refused = 1;"
    "CREATE TABLE erase(asset INTEGER PRIMARY KEY, docking INTEGER);"
    "CREATE TABLE destination(number INTEGER PRIMARY KEY, name TEXT UNIQUE, count INTEGER,"
    " bytes INTEGER);"
    "CREATE TABLE queue(destination INTEGER, class INTEGER, recorded INTEGER, asset INTEGER,"
    " size INTEGER, PRIMARY KEY(destination, class, recorded, asset)) WITHOUT ROWID;"
    "PRAGMA user_version = " NUMBER(SCHEMA_VERSION) ";";

static const char scratch_schema[] =
    "CREATE TABLE scratch.row(row INTEGER PRIMARY KEY, listing INTEGER, asset INTEGER,"
    " storage INTEGER, handle INTEGER, flags INTEGER, kind INTEGER, size INTEGER, mtime INTEGER,"
    " growing INTEGER, skip INTEGER, todo INTEGER, class INTEGER, recorded INTEGER, path TEXT);"
    "CREATE INDEX scratch.row_path ON row(listing, path);"
    "CREATE INDEX scratch.row_asset ON row(asset) WHERE asset > 0;"
    "CREATE INDEX scratch.row_unlinked ON row(listing, row) WHERE asset = 0 AND skip = 0;"
    "CREATE INDEX scratch.row_next ON row(listing, class, growing, recorded, row) WHERE todo = 1;";

/* ---- statements ---- */

int db_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
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
			rc = sqlite3_bind_text(st, i + 1, va_arg(values, const char *), -1,
			    SQLITE_TRANSIENT);
	}
	*out = st;
	return db_error(rc);
}

int db_query(struct index *ix, enum statement q, const char *sql, sqlite3_stmt **st,
    const char *types, ...)
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

static uint64_t column_u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

/* ---- opening ---- */

static int exec(struct index *ix, const char *sql)
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
		rc = exec(ix, "PRAGMA scratch.journal_mode = PERSIST;"
		    "PRAGMA scratch.journal_size_limit = 1048576;"
		    "PRAGMA scratch.synchronous = OFF; PRAGMA scratch.cache_size = -2048;"
		    "PRAGMA scratch.mmap_size = 0;");
	return rc == 0 ? exec(ix, scratch_schema) : rc;
}

static int read_state(struct index *ix)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_STATE_READ, "SELECT applied, last_asset, last_docking, assets,"
	    " receipted, erased, dockings, unsent_bytes, needs_person, any FROM state", &st, "");

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EUCLEAN;
	ix->applied = column_u64(st, 0);
	ix->last_asset = ix->new_asset = column_u64(st, 1);
	ix->last_docking = ix->new_docking = column_u64(st, 2);
	ix->counts.assets = column_u64(st, 3);
	ix->counts.receipted = column_u64(st, 4);
	ix->counts.erased = column_u64(st, 5);
	ix->counts.dockings = column_u64(st, 6);
	ix->counts.unsent_bytes = column_u64(st, 7);
	ix->counts.needs_person = column_u64(st, 8);
	ix->any = sqlite3_column_int(st, 9) != 0;
	sqlite3_reset(st);
	rc = db_query(ix, Q_REQUIRED, "SELECT name FROM required ORDER BY name", &st, "");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		if (ix->required_n < INDEX_DESTINATIONS)
			db_text(st, 0, ix->required[ix->required_n++], PROTO_NAME_LEN);
		rc = 0;
	}
	if (rc == 0)
		rc = db_query(ix, Q_DESTINATIONS,
		    "SELECT number, name, count, bytes FROM destination", &st, "");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct destination *d = &ix->destination[ix->destinations_n];

		rc = 0;
		if (ix->destinations_n == INDEX_DESTINATIONS)
			continue;
		d->number = sqlite3_column_int64(st, 0);
		db_text(st, 1, d->name, sizeof(d->name));
		d->count = column_u64(st, 2);
		d->bytes = column_u64(st, 3);
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

int index_open(const char *path, struct index **out)
{
	struct index *ix = calloc(1, sizeof(*ix));
	int rc, version;

	*out = NULL;
	if (!ix)
		return -ENOMEM;
	rc = db_error(sqlite3_open_v2(path, &ix->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL));
	if (rc == 0)
		rc = exec(ix, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		    "PRAGMA cache_size = -4096; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
		    "PRAGMA journal_size_limit = 16777216; PRAGMA trusted_schema = OFF;");
	if (rc == 0)
		rc = schema_version(ix, &version);
	if (rc == 0 && version == 0) {
		rc = exec(ix, "BEGIN");
		if (rc == 0)
			rc = exec(ix, schema);
		if (rc == 0)
			rc = exec(ix, "COMMIT");
	} else if (rc == 0 && version != SCHEMA_VERSION) {
		rc = -EUCLEAN;
	}
	if (rc == 0)
		rc = attach_scratch(ix, path);
	if (rc == 0)
		rc = read_state(ix);
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
	free(ix);
}

uint64_t index_applied(struct index *ix)
{
	return ix->applied;
}

int index_begin(struct index *ix)
{
	int rc = ix->writing ? 0 : exec(ix, "BEGIN IMMEDIATE");

	if (rc == 0)
		ix->writing = true;
	return rc;
}

static int write_state(struct index *ix)
{
	const struct index_counts *c = &ix->counts;
	int rc = 0;

	if (ix->changed)
		rc = db_run(ix, Q_STATE_WRITE, "UPDATE state SET applied = ?1, last_asset = ?2,"
		    " last_docking = ?3, assets = ?4, receipted = ?5, erased = ?6, dockings = ?7,"
		    " unsent_bytes = ?8, needs_person = ?9, any = ?10", "iiiiiiiiii",
		    (int64_t)ix->applied, (int64_t)ix->last_asset, (int64_t)ix->last_docking,
		    (int64_t)c->assets, (int64_t)c->receipted, (int64_t)c->erased,
		    (int64_t)c->dockings, (int64_t)c->unsent_bytes, (int64_t)c->needs_person,
		    (int64_t)ix->any);
	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++) {
		struct destination *d = &ix->destination[i];

		if (d->changed)
			rc = db_run(ix, Q_DESTINATION_SET,
			    "UPDATE destination SET count = ?2, bytes = ?3 WHERE number = ?1", "iii",
			    d->number, (int64_t)d->count, (int64_t)d->bytes);
		d->changed = false;
	}
	return rc;
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
		rc = exec(ix, "COMMIT");
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

/* ---- one asset ---- */

#define ASSET_COLUMNS "number, docking, prefix_of, kind, protected, camera, profile, path," \
	" pulled_docking, merged_into, size, durable, pulled, mtime, staged_at, interruptions, restarts," \
	" file, rung, erased, gone, needs_person, boot, sha256, id, signature, trouble, receipts," \
	" receipted, queued"

static void entry_load(sqlite3_stmt *st, struct entry *e)
{
	struct asset *a = &e->a;

	memset(e, 0, sizeof(*e));
	a->number = column_u64(st, 0);
	a->docking = column_u64(st, 1);
	a->prefix_of = column_u64(st, 2);
	a->kind = (enum object_kind)sqlite3_column_int(st, 3);
	a->protected_ = sqlite3_column_int(st, 4) != 0;
	db_text(st, 5, a->camera, sizeof(a->camera));
	db_text(st, 6, a->profile, sizeof(a->profile));
	db_text(st, 7, a->path, sizeof(a->path));
	a->pulled_docking = column_u64(st, 8);
	a->merged_into = column_u64(st, 9);
	a->size_bytes = column_u64(st, 10);
	a->durable_bytes = column_u64(st, 11);
	a->pulled_bytes = column_u64(st, 12);
	a->mtime_s = sqlite3_column_int64(st, 13);
	a->staged_at_s = sqlite3_column_int64(st, 14);
	a->interruptions = (uint32_t)sqlite3_column_int64(st, 15);
	a->restarts = (uint32_t)sqlite3_column_int64(st, 16);
	a->file = (enum asset_file)sqlite3_column_int(st, 17);
	a->rung = (enum rung)sqlite3_column_int(st, 18);
	a->erased = sqlite3_column_int(st, 19) != 0;
	a->gone = sqlite3_column_int(st, 20) != 0;
	a->needs_person = sqlite3_column_int(st, 21) != 0;
	db_text(st, 22, a->boot, sizeof(a->boot));
	db_text(st, 23, a->sha256, sizeof(a->sha256));
	db_text(st, 24, a->id, sizeof(a->id));
	db_text(st, 25, a->signature, sizeof(a->signature));
	db_text(st, 26, a->trouble, sizeof(a->trouble));
	e->receipts = (uint32_t)sqlite3_column_int64(st, 27);
	e->receipted = sqlite3_column_int(st, 28) != 0;
	e->queued = sqlite3_column_int(st, 29) != 0;
}

int entry_read(struct index *ix, uint64_t number, struct entry *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ASSET, "SELECT " ASSET_COLUMNS " FROM asset WHERE number = ?1", &st,
	    "i", (int64_t)number);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	entry_load(st, out);
	sqlite3_reset(st);
	return 0;
}

static int insert(struct index *ix, const struct asset *a)
{
	return db_run(ix, Q_ASSET_NEW, "INSERT INTO asset(number, docking, prefix_of, kind, protected,"
	    " camera, profile, path) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "iiiiittt",
	    (int64_t)a->number, (int64_t)a->docking, (int64_t)a->prefix_of, (int64_t)a->kind,
	    (int64_t)a->protected_, a->camera, a->profile, a->path);
}

static int update(struct index *ix, const struct entry *e)
{
	const struct asset *a = &e->a;

	return db_run(ix, Q_ASSET_SET, "UPDATE asset SET pulled_docking = ?2, merged_into = ?3,"
	    " size = ?4, durable = ?5, pulled = ?6, mtime = ?7, staged_at = ?8, interruptions = ?9,"
	    " restarts = ?10, file = ?11, rung = ?12, erased = ?13, gone = ?14, needs_person = ?15,"
	    " boot = ?16, sha256 = ?17, id = ?18, signature = ?19, trouble = ?20, receipts = ?21,"
	    " receipted = ?22, queued = ?23 WHERE number = ?1", "iiiiiiiiiiiiiiitttttiii",
	    (int64_t)a->number, (int64_t)a->pulled_docking, (int64_t)a->merged_into,
	    (int64_t)a->size_bytes, (int64_t)a->durable_bytes, (int64_t)a->pulled_bytes, a->mtime_s,
	    a->staged_at_s, (int64_t)a->interruptions, (int64_t)a->restarts, (int64_t)a->file,
	    (int64_t)a->rung, (int64_t)a->erased, (int64_t)a->gone, (int64_t)a->needs_person, a->boot,
	    a->sha256, a->id, a->signature, a->trouble, (int64_t)e->receipts, (int64_t)e->receipted,
	    (int64_t)e->queued);
}

/* Takes an asset out of the counters (sign -1) or puts it in (1). */
static void account(struct index *ix, const struct entry *e, uint64_t sign)
{
	struct index_counts *c = &ix->counts;

	c->assets += sign;
	c->receipted += e->receipted ? sign : 0;
	c->erased += e->a.erased ? sign : 0;
	c->needs_person += e->a.needs_person ? sign : 0;
	if (e->queued && e->a.file == FILE_SEALED)
		c->unsent_bytes += sign * e->a.size_bytes;
	ix->changed = true;
}

static bool is_to_send(const struct asset *a)
{
	return a->file == FILE_SEALED && a->rung == RUNG_CHECKED && a->merged_into == 0;
}

static int64_t class_of(const struct asset *a)
{
	return a->kind == KIND_LOG || a->kind == KIND_SIDECAR ? 0 : 1;
}

static int64_t recorded_of(const struct asset *a)
{
	return asset_time_plausible(a->mtime_s, a->staged_at_s) ? a->mtime_s : a->staged_at_s;
}

/* Puts an asset into the queue of one destination, or takes it out of it. */
static int queue_move(struct index *ix, struct destination *d, const struct asset *a, bool in)
{
	int rc;

	if (in)
		rc = db_run(ix, Q_QUEUE_PUT, "INSERT OR IGNORE INTO queue VALUES(?1, ?2, ?3, ?4, ?5)",
		    "iiiii", d->number, class_of(a), recorded_of(a), (int64_t)a->number,
		    (int64_t)a->size_bytes);
	else
		rc = db_run(ix, Q_QUEUE_TAKE, "DELETE FROM queue WHERE destination = ?1 AND class = ?2"
		    " AND recorded = ?3 AND asset = ?4", "iiii", d->number, class_of(a),
		    recorded_of(a), (int64_t)a->number);
	if (rc < 0)
		return rc;
	if (sqlite3_changes(ix->db) > 0) {
		d->count += in ? 1 : (uint64_t)-1;
		d->bytes += in ? a->size_bytes : (uint64_t)0 - a->size_bytes;
		d->changed = true;
	}
	return 0;
}

/* The queues of all destinations for an asset that was `before` and is `after`. */
static int queue_follow(struct index *ix, const struct entry *before, const struct entry *after)
{
	bool was = before && is_to_send(&before->a), is = is_to_send(&after->a);
	struct upload u;
	int rc = 0;

	if (was == is)
		return 0;
	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++) {
		struct destination *d = &ix->destination[i];

		if (was) {
			rc = queue_move(ix, d, &before->a, false);
			continue;
		}
		rc = index_upload(ix, after->a.number, d->name, &u);
		if (rc == -ENOENT || (rc == 0 && u.rung != RUNG_RECEIPTED && !u.refused))
			rc = queue_move(ix, d, &after->a, true);
	}
	return rc;
}

int entry_write(struct index *ix, const struct entry *before, struct entry *after)
{
	struct asset *a = &after->a;
	int rc = 0;

	after->queued = !after->receipted && a->merged_into == 0 && !a->gone &&
	    a->file != FILE_RETIRED;
	if (!before)
		rc = insert(ix, a);
	if (rc == 0)
		rc = update(ix, after);
	if (rc == 0)
		rc = queue_follow(ix, before, after);
	if (rc == 0)
		rc = listing_follow(ix, before, after);
	if (rc < 0)
		return rc;
	if (before)
		account(ix, before, (uint64_t)-1);
	account(ix, after, 1);
	return 0;
}

int index_asset(struct index *ix, uint64_t number, struct asset *out)
{
	struct entry e;
	int rc = entry_read(ix, number, &e);

	if (rc == 0)
		*out = e.a;
	return rc;
}

/* ---- uploads and what they add up to ---- */

#define UPLOAD_COLUMNS \
	"asset, destination, rung, level, refused, receipted_at, length, sha256, reason, address"

static void upload_load(sqlite3_stmt *st, struct upload *u)
{
	memset(u, 0, sizeof(*u));
	u->asset = column_u64(st, 0);
	db_text(st, 1, u->destination, sizeof(u->destination));
	u->rung = (enum rung)sqlite3_column_int(st, 2);
	u->level = (enum receipt_level)sqlite3_column_int(st, 3);
	u->refused = sqlite3_column_int(st, 4) != 0;
	u->receipted_at_s = sqlite3_column_int64(st, 5);
	u->length_bytes = column_u64(st, 6);
	db_text(st, 7, u->sha256, sizeof(u->sha256));
	db_text(st, 8, u->reason, sizeof(u->reason));
	db_text(st, 9, u->address, sizeof(u->address));
}

int index_upload(struct index *ix, uint64_t asset, const char *destination, struct upload *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_UPLOAD, "SELECT " UPLOAD_COLUMNS
	    " FROM upload WHERE asset = ?1 AND destination = ?2", &st, "it", (int64_t)asset,
	    destination);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	upload_load(st, out);
	sqlite3_reset(st);
	return 0;
}

int index_uploads(struct index *ix, uint64_t asset, struct upload *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0, rc = db_query(ix, Q_UPLOADS, "SELECT " UPLOAD_COLUMNS
	    " FROM upload WHERE asset = ?1 LIMIT ?2", &st, "ii", (int64_t)asset, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		upload_load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int upload_write(struct index *ix, const struct upload *u)
{
	struct upload was;
	struct entry e;
	bool waits;
	int rc = index_upload(ix, u->asset, u->destination, &was);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	ix->counts.needs_person += (uint64_t)u->refused - (rc == 0 && was.refused);
	ix->changed = true;
	rc = db_run(ix, Q_UPLOAD_SET, "INSERT OR REPLACE INTO upload VALUES(?1, ?2, ?3, ?4, ?5, ?6,"
	    " ?7, ?8, ?9, ?10)", "itiiiiittt", (int64_t)u->asset, u->destination, (int64_t)u->rung,
	    (int64_t)u->level, (int64_t)u->refused, u->receipted_at_s, (int64_t)u->length_bytes,
	    u->sha256, u->reason, u->address);
	if (rc == 0)
		rc = entry_read(ix, u->asset, &e);
	if (rc < 0)
		return rc;
	waits = is_to_send(&e.a) && u->rung != RUNG_RECEIPTED && !u->refused;
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, u->destination) == 0)
			return queue_move(ix, &ix->destination[i], &e.a, waits);
	}
	return 0;
}

/* How many destinations have given a receipt, and whether that is what the policy asks. */
static int receipts_of(struct index *ix, uint64_t asset, uint32_t *receipts, bool *receipted)
{
	uint32_t n = 0, required = 0;
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_RECEIPTED,
	    "SELECT destination FROM upload WHERE asset = ?1 AND rung = 5", &st, "i", (int64_t)asset);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		const char *name = (const char *)sqlite3_column_text(st, 0);

		n++;
		for (size_t i = 0; i < ix->required_n; i++)
			required += name && strcmp(ix->required[i], name) == 0;
		rc = 0;
	}
	*receipts = n;
	if (ix->required_n == 0)
		*receipted = n > 0;
	else
		*receipted = ix->any ? required > 0 : required == ix->required_n;
	return rc;
}

/* Numbers merged into asset, a page at a time. Count or -errno. */
static int merged_page(struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers,
    size_t room)
{
	sqlite3_stmt *st;
	int n = 0, rc = db_query(ix, Q_MERGED_INTO, "SELECT number FROM asset WHERE merged_into = ?1"
	    " AND merged_into > 0 AND number > ?2 ORDER BY number LIMIT ?3", &st, "iii",
	    (int64_t)asset, (int64_t)after, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = column_u64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_merged(struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room)
{
	return merged_page(ix, asset, after, numbers, room);
}

static int receipts_store(struct index *ix, uint64_t number, uint32_t receipts, bool receipted)
{
	struct entry before, after;
	int rc = entry_read(ix, number, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.receipts = receipts;
	after.receipted = receipted;
	return entry_write(ix, &before, &after);
}

int receipts_renew(struct index *ix, uint64_t asset)
{
	uint64_t page[32], after = 0;
	uint32_t receipts;
	bool receipted;
	int rc = receipts_of(ix, asset, &receipts, &receipted), n;

	if (rc == 0)
		rc = receipts_store(ix, asset, receipts, receipted);
	while (rc == 0 && (n = merged_page(ix, asset, after, page, 32)) != 0) {
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_store(ix, page[i], receipts, receipted);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

/* ---- destinations and policy ---- */

/* Fills the queue of a destination that was not known before. */
static int destination_make(struct index *ix, const char *name, struct destination **out)
{
	struct destination *d = &ix->destination[ix->destinations_n];
	sqlite3_stmt *st;
	int rc = index_begin(ix);

	if (rc < 0 || ix->destinations_n == INDEX_DESTINATIONS)
		return rc < 0 ? rc : -ENOSPC;
	rc = db_run(ix, Q_DESTINATION_NEW, "INSERT INTO destination(name, count, bytes)"
	    " VALUES(?1, 0, 0)", "t", name);
	if (rc < 0)
		return rc;
	memset(d, 0, sizeof(*d));
	d->number = sqlite3_last_insert_rowid(ix->db);
	snprintf(d->name, sizeof(d->name), "%s", name);
	rc = db_run(ix, Q_QUEUE_FILL, "INSERT INTO queue SELECT ?1,"
	    " CASE WHEN kind IN (3, 4) THEN 0 ELSE 1 END,"
	    " CASE WHEN mtime BETWEEN " NUMBER(ASSET_EARLIEST_S) " AND staged_at + " NUMBER(ASSET_AHEAD_S)
	    " THEN mtime ELSE staged_at END,"
	    " number, size FROM asset WHERE " TO_SEND " AND NOT EXISTS(SELECT 1 FROM upload WHERE"
	    " asset = asset.number AND destination = ?2 AND (rung = 5 OR refused = 1))", "it",
	    d->number, name);
	if (rc == 0)
		rc = db_query(ix, Q_QUEUE_SUM, "SELECT count(*), coalesce(sum(size), 0) FROM queue"
		    " WHERE destination = ?1", &st, "i", d->number);
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -EIO;
	d->count = column_u64(st, 0);
	d->bytes = column_u64(st, 1);
	d->changed = true;
	sqlite3_reset(st);
	ix->destinations_n++;
	*out = d;
	return 0;
}

static int destination_find(struct index *ix, const char *name, struct destination **out)
{
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, name) == 0) {
			*out = &ix->destination[i];
			return 0;
		}
	}
	return destination_make(ix, name, out);
}

static int destination_drop(struct index *ix, size_t i)
{
	int64_t number = ix->destination[i].number;
	int rc = db_run(ix, Q_QUEUE_DROP, "DELETE FROM queue WHERE destination = ?1", "i", number);

	if (rc == 0)
		rc = db_run(ix, Q_DESTINATION_DROP, "DELETE FROM destination WHERE number = ?1", "i",
		    number);
	ix->destination[i] = ix->destination[--ix->destinations_n];
	return rc;
}

static bool is_named(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool policy_is(const struct index *ix, const char *const *names, size_t n, bool any)
{
	if (ix->any != any || ix->required_n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_named(ix->required[i], names, n))
			return false;
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
		rc = db_query(ix, Q_POLICY_SCAN, "SELECT number FROM asset WHERE number > ?1 AND"
		    " receipts > 0 AND merged_into = 0 ORDER BY number LIMIT 256", &st, "i",
		    (int64_t)after);
		while (rc == 0 && (rc = db_step(st)) == 1) {
			page[n++] = column_u64(st, 0);
			rc = 0;
		}
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_renew(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

int index_set_policy(struct index *ix, const char *const *destinations, size_t n, bool any)
{
	struct destination *d;
	int rc = 0;

	if (n > INDEX_DESTINATIONS)
		return -E2BIG;
	for (size_t i = ix->destinations_n; i > 0 && rc == 0; i--) {
		if (is_named(ix->destination[i - 1].name, destinations, n))
			continue;
		rc = index_begin(ix);
		if (rc == 0)
			rc = destination_drop(ix, i - 1);
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = destination_find(ix, destinations[i], &d);
	if (rc < 0 || policy_is(ix, destinations, n, any))
		return rc;
	rc = index_begin(ix);
	if (rc == 0)
		rc = exec(ix, "DELETE FROM required");
	ix->required_n = n;
	ix->any = any;
	ix->changed = true;
	for (size_t i = 0; i < n && rc == 0; i++) {
		sqlite3_stmt *st;

		snprintf(ix->required[i], PROTO_NAME_LEN, "%s", destinations[i]);
		rc = db_error(sqlite3_prepare_v2(ix->db, "INSERT OR IGNORE INTO required VALUES(?1)",
		    -1, &st, NULL));
		if (rc < 0)
			break;
		sqlite3_bind_text(st, 1, destinations[i], -1, SQLITE_STATIC);
		rc = db_error(sqlite3_step(st));
		sqlite3_finalize(st);
	}
	if (rc == 0)
		rc = policy_apply(ix);
	if (rc == 0)
		rc = listing_resum(ix);
	return rc;
}

/* ---- questions ---- */

int index_counts(struct index *ix, struct index_counts *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_OLDEST, "SELECT staged_at FROM asset WHERE queued = 1 AND staged_at > 0"
	    " ORDER BY staged_at LIMIT 1", &st, "");

	*out = ix->counts;
	out->oldest_unsent_s = 0;
	if (rc == 0)
		rc = db_step(st);
	if (rc == 1) {
		out->oldest_unsent_s = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		rc = 0;
	}
	return rc;
}

static int one_asset(sqlite3_stmt *st, int rc, struct asset *out)
{
	struct entry e;

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	entry_load(st, &e);
	sqlite3_reset(st);
	*out = e.a;
	return 0;
}

int index_assets(struct index *ix, uint64_t after, bool queued, struct asset *out, size_t room)
{
	struct entry e;
	sqlite3_stmt *st;
	int n = 0, rc;

	if (queued)
		rc = db_query(ix, Q_ASSETS_QUEUED, "SELECT " ASSET_COLUMNS " FROM asset WHERE"
		    " queued = 1 AND number > ?1 ORDER BY number LIMIT ?2", &st, "ii", (int64_t)after,
		    (int64_t)room);
	else
		rc = db_query(ix, Q_ASSETS, "SELECT " ASSET_COLUMNS " FROM asset WHERE number > ?1"
		    " ORDER BY number LIMIT ?2", &st, "ii", (int64_t)after, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		entry_load(st, &e);
		out[n++] = e.a;
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_asset_by_id(struct index *ix, const char *id, uint64_t than, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BY_ID, "SELECT " ASSET_COLUMNS " FROM asset WHERE id = ?1 AND id <> ''"
	    " AND number <> ?2 AND merged_into = 0 AND rung = 3 AND (file = 2 OR receipts > 0)"
	    " ORDER BY number LIMIT 1", &st, "ti", id, (int64_t)than);

	return one_asset(st, rc, out);
}

int index_asset_by_path(struct index *ix, const char *camera, const char *path, struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BY_PATH, "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND"
	    " path = ?2 AND rung = 1 AND gone = 0 ORDER BY number DESC LIMIT 1", &st, "tt", camera,
	    path);

	return one_asset(st, rc, out);
}

int index_log_prefix(struct index *ix, const char *camera, const char *path, uint64_t size_bytes,
    struct asset *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_PREFIX, "SELECT " ASSET_COLUMNS " FROM asset WHERE camera = ?1 AND"
	    " path = ?2 AND kind = 4 AND file = 2 AND size < ?3 ORDER BY number DESC LIMIT 1", &st,
	    "tti", camera, path, (int64_t)size_bytes);

	return one_asset(st, rc, out);
}

static int numbers_of(sqlite3_stmt *st, int rc, uint64_t *numbers)
{
	int n = 0;

	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = column_u64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_to_verify(struct index *ix, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_VERIFY, "SELECT number FROM asset WHERE file = 2 AND rung = 2 AND"
	    " needs_person = 0 AND number > ?1 ORDER BY number LIMIT ?2", &st, "ii", (int64_t)after,
	    (int64_t)room);

	return numbers_of(st, rc, numbers);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int index_to_upload(struct index *ix, const char *destination, const uint64_t *skip, size_t n,
    uint64_t *numbers, size_t room)
{
	uint64_t *sorted = NULL;
	struct destination *d;
	sqlite3_stmt *st;
	size_t found = 0;
	int rc = destination_find(ix, destination, &d);

	if (rc < 0 || room == 0)
		return rc;
	if (n > 0) {
		sorted = malloc(n * sizeof(*sorted));
		if (!sorted)
			return -ENOMEM;
		memcpy(sorted, skip, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), compare);
	}
	rc = db_query(ix, Q_TO_UPLOAD, "SELECT asset FROM queue WHERE destination = ?1"
	    " ORDER BY class, recorded, asset", &st, "i", d->number);
	while (rc == 0 && found < room && (rc = db_step(st)) == 1) {
		uint64_t number = column_u64(st, 0);

		if (n == 0 || !bsearch(&number, sorted, n, sizeof(*sorted), compare))
			numbers[found++] = number;
		rc = 0;
	}
	if (rc == 0)
		sqlite3_reset(st);
	free(sorted);
	return rc < 0 ? rc : (int)found;
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

int index_to_erase(struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers,
    size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TO_ERASE, "SELECT number FROM asset WHERE"
	    " camera = (SELECT camera FROM docking WHERE number = ?1 AND camera <> '') AND"
	    " erased = 0 AND receipts > 0 AND number > ?2 ORDER BY number LIMIT ?3", &st, "iii",
	    (int64_t)docking, (int64_t)after, (int64_t)room);

	return numbers_of(st, rc, numbers);
}

int index_open_erases(struct index *ix, uint64_t *assets, uint64_t *dockings, size_t room)
{
	sqlite3_stmt *st;
	int n = 0, rc = db_query(ix, Q_OPEN_ERASES, "SELECT asset, docking FROM erase ORDER BY asset"
	    " LIMIT ?1", &st, "i", (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		assets[n] = column_u64(st, 0);
		dockings[n++] = column_u64(st, 1);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

#define DOCKING_COLUMNS "number, began, ended, bay, port, serial, camera, profile"

static void docking_load(sqlite3_stmt *st, struct docking *d)
{
	memset(d, 0, sizeof(*d));
	d->number = column_u64(st, 0);
	d->began_s = sqlite3_column_int64(st, 1);
	d->ended_s = sqlite3_column_int64(st, 2);
	db_text(st, 3, d->bay, sizeof(d->bay));
	db_text(st, 4, d->port, sizeof(d->port));
	db_text(st, 5, d->serial, sizeof(d->serial));
	db_text(st, 6, d->camera, sizeof(d->camera));
	db_text(st, 7, d->profile, sizeof(d->profile));
}

int index_open_dockings(struct index *ix, struct docking *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0, rc = db_query(ix, Q_OPEN_DOCKINGS, "SELECT " DOCKING_COLUMNS
	    " FROM docking WHERE ended = 0 ORDER BY number LIMIT ?1", &st, "i", (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		docking_load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_docking(struct index *ix, uint64_t number, struct docking *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_DOCKING, "SELECT " DOCKING_COLUMNS
	    " FROM docking WHERE number = ?1", &st, "i", (int64_t)number);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	docking_load(st, out);
	sqlite3_reset(st);
	return 0;
}
