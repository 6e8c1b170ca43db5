/*
 * index_listing: what the cameras show now, in scratch tables that no restart outlives.
 *
 * Called by bay. A listing has a number; its rows are asked for only once it is whole, and deleted
 * in slices once nobody asks for them. Which row is to be pulled, and the sums of a docking, follow
 * each change of an asset (listing_follow), so that both can be asked every turn.
 */
#include "index_listing.h"
#include "base/proto_object.h"
#include "index_asset.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

#define PURGE_ROWS 2000 /* deleted in one turn */
#define SKIP_IGNORED 2

/* The order in which files of a camera are pulled. */
enum class { CLASS_FIRST = 0, /* logs and sidecars */ CLASS_FLAGGED, CLASS_REST };

/* What a row counts in the sums depends on these. */
struct part {
	uint64_t row, size_bytes;
	int64_t listing;
	bool first, flagged, log, skip, todo, ignored;
};

static struct listing *find(struct index *ix, uint64_t docking)
{
	for (size_t i = 0; i < ix->listings_n; i++) {
		if (ix->listing[i].docking == docking)
			return &ix->listing[i];
	}
	return NULL;
}

static struct listing *find_whole(struct index *ix, int64_t number)
{
	for (size_t i = 0; i < ix->listings_n; i++) {
		if (number > 0 && ix->listing[i].whole == number)
			return &ix->listing[i];
	}
	return NULL;
}

static int purge_one(struct index *ix)
{
	int rc = index_begin(ix);

	if (rc == 0)
		rc = db_run(ix, Q_PURGE,
		    "DELETE FROM scratch.row WHERE row IN"
		    " (SELECT row FROM scratch.row WHERE listing = ?1 LIMIT ?2)",
		    "ii", ix->dead[0], (int64_t)PURGE_ROWS);
	if (rc == 0 && sqlite3_changes(ix->db) < PURGE_ROWS)
		memmove(ix->dead, ix->dead + 1, --ix->dead_n * sizeof(ix->dead[0]));
	return rc;
}

int listing_purge(struct index *ix)
{
	return ix->dead_n > 0 ? purge_one(ix) : 0;
}

/* Nobody asks for this listing any more. */
static int bury(struct index *ix, int64_t number)
{
	int rc = 0;

	if (number == 0)
		return 0;
	while (rc == 0 && ix->dead_n == sizeof(ix->dead) / sizeof(ix->dead[0]))
		rc = purge_one(ix);
	if (rc == 0)
		ix->dead[ix->dead_n++] = number;
	return rc;
}

int listing_begin(struct index *ix, uint64_t docking)
{
	struct listing *l = find(ix, docking);
	int rc = index_begin(ix);

	if (rc == 0 && l)
		rc = bury(ix, l->coming);
	if (rc < 0)
		return rc;
	if (!l) {
		if (ix->listings_n == INDEX_LISTINGS)
			return -ENOSPC;
		l = &ix->listing[ix->listings_n++];
		memset(l, 0, sizeof(*l));
		l->docking = docking;
	}
	l->coming = ++ix->last_listing;
	return 0;
}

static enum class class_of(const struct proto_object *o) {
	if (o->kind == KIND_LOG || o->kind == KIND_SIDECAR) return CLASS_FIRST;
	return o->flags & OBJECT_PROTECTED ? CLASS_FLAGGED : CLASS_REST;
}

int listing_add(struct index *ix, uint64_t docking, const struct proto_object *o)
{
	struct listing *l = find(ix, docking);
	uint64_t size = o->size_bytes > INT64_MAX ? INT64_MAX : o->size_bytes;
	int rc;

	if (!l || l->coming == 0)
		return -ENOENT;
	rc = index_begin(ix);
	if (rc < 0)
		return rc;
	return db_run(ix, Q_ROW_ADD,
	    "INSERT INTO scratch.row VALUES(NULL, ?1, 0, ?2, ?3, ?4, ?5, ?6,"
	    " ?7, 0, ?8, 0, ?9, ?10, ?11, ?12)",
	    "iiiiiiiiiiti", l->coming, (int64_t)o->storage, (int64_t)o->handle, (int64_t)o->flags,
	    (int64_t)o->kind, (int64_t)size, o->mtime_s,
	    (int64_t)(o->kind == KIND_IGNORED ? SKIP_IGNORED : 0), (int64_t)class_of(o),
	    o->mtime_s == PROTO_NO_TIME ? INT64_MAX : o->mtime_s, o->path,
	    (int64_t)(o->told_bytes > INT64_MAX ? INT64_MAX : o->told_bytes));
}

/* ---- sums ---- */

/* Takes one row into the sums (sign 1) or out of them (-1). e: its asset, NULL = not linked. */
static void count(struct listing *l, const struct part *p, const struct entry *e, uint64_t sign)
{
	struct listing_sum *s = &l->sum;

	if (p->ignored)
		return;
	l->logs_open += p->log && !(e && e->receipted) ? sign : 0;
	s->objects += sign;
	s->bytes += sign * p->size_bytes;
	if (p->todo) {
		s->pending += sign;
		s->pending_bytes += sign * p->size_bytes;
		s->first_pending += p->first ? sign : 0;
		/* an empty one has its turn too */
		s->flagged_bytes += p->flagged ? sign * (p->size_bytes + !p->size_bytes) : 0;
	}
	if (!e)
		return;
	s->held += e->a.rung >= RUNG_STAGED ? sign : 0;
	s->checked += e->a.rung >= RUNG_CHECKED ? sign : 0;
	s->receipted += e->receipted ? sign : 0;
	s->troubled += e->a.needs_person ? sign : 0;
}

static bool is_todo(const struct part *p, const struct entry *e)
{
	return e && e->a.rung == RUNG_LISTED && !e->a.needs_person && !e->a.gone && !p->skip;
}

static void part_load(sqlite3_stmt *st, struct part *p)
{
	int skip = sqlite3_column_int(st, 4);

	p->row = (uint64_t)sqlite3_column_int64(st, 0);
	p->listing = sqlite3_column_int64(st, 1);
	p->size_bytes = (uint64_t)sqlite3_column_int64(st, 2);
	p->first = sqlite3_column_int(st, 3) == CLASS_FIRST;
	p->flagged = sqlite3_column_int(st, 3) == CLASS_FLAGGED;
	p->skip = skip != 0;
	p->ignored = skip == SKIP_IGNORED;
	p->todo = sqlite3_column_int(st, 5) != 0;
	p->log = sqlite3_column_int(st, 6) == KIND_LOG;
}

#define PART_COLUMNS "row, listing, size, class, skip, todo, kind"

static int sum_anew(struct index *ix, struct listing *l)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ROWS,
	    "SELECT " PART_COLUMNS ", asset,"
	    " (SELECT rung + 16 * receipted + 32 * needs_person FROM asset"
	    " WHERE number = row.asset)"
	    " FROM scratch.row WHERE listing = ?1",
	    &st, "i", l->whole);

	memset(&l->sum, 0, sizeof(l->sum));
	l->logs_open = 0;
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct entry e = { .receipts = 0 };
		struct part p;
		int facts = sqlite3_column_int(st, 8);

		part_load(st, &p);
		e.a.rung = (enum rung)(facts & 15);
		e.receipted = (facts & 16) != 0;
		e.a.needs_person = (facts & 32) != 0;
		count(l, &p, sqlite3_column_int64(st, 7) ? &e : NULL, 1);
		rc = 0;
	}
	return rc;
}

int listing_resum(struct index *ix)
{
	int rc = 0;

	for (size_t i = 0; i < ix->listings_n && rc == 0; i++) {
		if (ix->listing[i].whole)
			rc = sum_anew(ix, &ix->listing[i]);
	}
	return rc;
}

/* One row whose asset (or link) changes: sums and todo. */
static int move(
    struct index *ix, struct part *p, const struct entry *before, const struct entry *after)
{
	struct listing *l = find_whole(ix, p->listing);
	bool todo = is_todo(p, after);
	int rc = 0;

	if (!l)
		return 0;
	if (todo != p->todo)
		rc = db_run(ix, Q_ROW_TODO, "UPDATE scratch.row SET todo = ?2 WHERE row = ?1", "ii",
		    (int64_t)p->row, (int64_t)todo);
	if (rc < 0)
		return rc;
	count(l, p, before, (uint64_t)-1);
	p->todo = todo;
	count(l, p, after, 1);
	return 0;
}

int listing_follow(struct index *ix, const struct entry *before, const struct entry *after)
{
	struct part page[16];
	uint64_t last = 0;
	int n = 16, rc = 0;

	if (!before || ix->listings_n == 0)
		return 0;
	while (rc == 0 && n == 16) {
		sqlite3_stmt *st;

		n = 0;
		rc = db_query(ix, Q_ROWS_OF_ASSET,
		    "SELECT " PART_COLUMNS " FROM scratch.row WHERE"
		    " asset = ?1 AND asset > 0 AND row > ?2 ORDER BY row LIMIT 16",
		    &st, "ii", (int64_t)after->a.number, (int64_t)last);
		while (rc == 0 && (rc = db_step(st)) == 1) {
			part_load(st, &page[n++]);
			rc = 0;
		}
		for (int i = 0; i < n && rc == 0; i++)
			rc = move(ix, &page[i], before, after);
		last = n > 0 ? page[n - 1].row : last;
	}
	return rc;
}

/* ---- the end of a listing ---- */

/* The rule of index.h for an asset: columns of `asset`, ?2 docking, ?3 earliest, ?4 latest time. */
#define MAY_LINK                                                                                     \
	"asset.kind <> 7 AND asset.erased = 0 AND asset.gone = 0 AND (asset.mtime BETWEEN ?3 AND ?4" \
	" OR asset.rung = 1 OR asset.pulled_docking = ?2)"                                           \
	" AND NOT (asset.file = 3 AND asset.receipted = 0 AND asset.merged_into = 0)"

static int mark_growing(struct index *ix, const struct listing *l)
{
	return db_run(ix, Q_GROWING,
	    "UPDATE scratch.row SET growing = 1 WHERE listing = ?1 AND"
	    " EXISTS(SELECT 1 FROM scratch.row AS o WHERE o.listing = ?2 AND o.path = row.path AND"
	    " o.storage = row.storage AND o.size <> row.size)",
	    "ii", l->coming, l->whole);
}

/* Links of the listing before, for rows that are the same; the same handle first. */
static int carry(struct index *ix, const struct listing *l, int64_t earliest, int64_t latest)
{
	return db_run(ix, Q_CARRY,
	    "UPDATE scratch.row SET asset = coalesce((SELECT"
	    " coalesce(max(o.asset) FILTER (WHERE o.handle = row.handle), min(o.asset)) FROM"
	    " scratch.row AS o JOIN asset ON asset.number = o.asset WHERE o.listing = ?5 AND"
	    " o.path = row.path AND o.storage = row.storage AND o.size = row.size AND"
	    " o.mtime = row.mtime AND asset.size = row.size AND " MAY_LINK
	    "), 0) WHERE listing = ?1 AND skip = 0",
	    "iiiii", l->coming, (int64_t)l->docking, earliest, latest, l->whole);
}

/*
 * Links by path, size and time, where only one row and only one held copy answer to them: first
 * what was pulled in this docking, then what is held, then what is still to be pulled.
 */
static int link_all(
    struct index *ix, const struct listing *l, const char *camera, int64_t earliest, int64_t latest)
{
	return db_run(ix, Q_LINK_ALL,
	    "UPDATE scratch.row SET asset = coalesce((SELECT coalesce("
	    "max(number) FILTER (WHERE pulled_docking = ?2 AND rung > 1),"
	    " CASE count(DISTINCT CASE WHEN merged_into > 0 THEN merged_into ELSE number END)"
	    "  FILTER (WHERE rung > 1)"
	    " WHEN 0 THEN max(number) WHEN 1 THEN min(number) FILTER (WHERE rung > 1) END)"
	    " FROM asset WHERE camera = ?5 AND path = row.path AND size = row.size AND"
	    " mtime = row.mtime AND storage IN (0, row.storage) AND " MAY_LINK "), 0)"
	    " WHERE listing = ?1 AND asset = 0 AND skip = 0 AND NOT EXISTS(SELECT 1 FROM"
	    " scratch.row AS o WHERE o.listing = ?1 AND o.path = row.path AND o.row <> row.row AND"
	    " o.size = row.size AND o.mtime = row.mtime)",
	    "iiiit", l->coming, (int64_t)l->docking, earliest, latest, camera);
}

/* Never two rows on one asset, and then which rows are to be pulled. */
static int settle(struct index *ix, const struct listing *l)
{
	int rc = db_run(ix, Q_UNIQUE,
	    "UPDATE scratch.row SET asset = 0 WHERE listing = ?1 AND"
	    " asset > 0 AND EXISTS(SELECT 1 FROM scratch.row AS o WHERE o.asset = row.asset AND"
	    " o.asset > 0 AND o.listing = ?1 AND o.row < row.row)",
	    "i", l->coming);

	if (rc == 0)
		rc = db_run(ix, Q_TODO_ALL,
		    "UPDATE scratch.row SET todo = 1 WHERE listing = ?1 AND"
		    " asset > 0 AND (SELECT rung = 1 AND needs_person = 0 AND gone = 0 FROM asset"
		    " WHERE number = row.asset)",
		    "i", l->coming);
	return rc;
}

int listing_end(struct index *ix, uint64_t docking, const char *camera, int64_t now_s)
{
	struct listing *l = find(ix, docking);
	int64_t earliest = ASSET_EARLIEST_S, latest = now_s + ASSET_AHEAD_S;
	int rc;

	if (!l || l->coming == 0)
		return -ENOENT;
	rc = index_begin(ix);
	if (rc == 0 && l->whole)
		rc = mark_growing(ix, l);
	if (rc == 0 && l->whole)
		rc = carry(ix, l, earliest, latest);
	if (rc == 0 && camera[0])
		rc = link_all(ix, l, camera, earliest, latest);
	if (rc == 0)
		rc = settle(ix, l);
	if (rc == 0)
		rc = bury(ix, l->whole);
	if (rc < 0)
		return rc;
	l->whole = l->coming;
	l->coming = 0;
	return sum_anew(ix, l);
}

/* ---- questions and marks ---- */

#define ROW_COLUMNS "row, asset, storage, handle, flags, kind, size, mtime, growing, path, told"

static void row_load(sqlite3_stmt *st, struct listing_row *r)
{
	memset(r, 0, sizeof(*r));
	r->row = (uint64_t)sqlite3_column_int64(st, 0);
	r->asset = (uint64_t)sqlite3_column_int64(st, 1);
	r->storage = (uint32_t)sqlite3_column_int64(st, 2);
	r->handle = (uint64_t)sqlite3_column_int64(st, 3);
	r->flags = (uint32_t)sqlite3_column_int64(st, 4);
	r->kind = (enum object_kind)sqlite3_column_int(st, 5);
	r->size_bytes = (uint64_t)sqlite3_column_int64(st, 6);
	r->mtime_s = sqlite3_column_int64(st, 7);
	r->growing = sqlite3_column_int(st, 8) != 0;
	db_text(st, 9, r->path, sizeof(r->path));
	r->told_bytes = db_u64(st, 10);
}

static int one_row(sqlite3_stmt *st, int rc, struct listing_row *out)
{
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	row_load(st, out);
	sqlite3_reset(st);
	return 0;
}

static int64_t whole_of(struct index *ix, uint64_t docking)
{
	struct listing *l = find(ix, docking);

	return l ? l->whole : 0;
}

int listing_unlinked(struct index *ix, uint64_t docking, struct listing_row *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_UNLINKED,
		"SELECT " ROW_COLUMNS " FROM scratch.row WHERE"
		" listing = ?1 AND asset = 0 AND skip = 0 ORDER BY row LIMIT ?2",
		&st, "ii", whole_of(ix, docking), (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		row_load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

/* A row of the docking's whole listing, with its asset (entry zeroed and *linked 0: none). */
static int row_read(struct index *ix, uint64_t docking, uint64_t row, struct part *p,
    struct entry *e, uint64_t *linked)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ROW,
	    "SELECT " PART_COLUMNS ", asset FROM scratch.row WHERE row = ?1"
	    " AND listing = ?2",
	    &st, "ii", (int64_t)row, whole_of(ix, docking));

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	part_load(st, p);
	*linked = (uint64_t)sqlite3_column_int64(st, 7);
	sqlite3_reset(st);
	return *linked ? entry_read(ix, *linked, e) : 0;
}

int listing_link(struct index *ix, uint64_t docking, uint64_t row, uint64_t asset)
{
	struct entry before, after;
	uint64_t linked;
	struct part p;
	int rc = row_read(ix, docking, row, &p, &before, &linked);

	if (rc == 0)
		rc = entry_read(ix, asset, &after);
	if (rc == 0)
		rc = index_begin(ix);
	if (rc == 0)
		rc = db_run(ix, Q_ROW_LINK, "UPDATE scratch.row SET asset = ?2 WHERE row = ?1",
		    "ii", (int64_t)row, (int64_t)asset);
	return rc != 0 ? rc : move(ix, &p, linked ? &before : NULL, &after);
}

int listing_skip(struct index *ix, uint64_t docking, uint64_t row)
{
	uint64_t linked;
	struct entry e;
	struct part p;
	int rc = row_read(ix, docking, row, &p, &e, &linked);

	if (rc != 0 || p.skip)
		return rc;
	rc = index_begin(ix);
	if (rc == 0)
		rc = db_run(ix, Q_ROW_SKIP, "UPDATE scratch.row SET skip = 1 WHERE row = ?1", "i",
		    (int64_t)row);
	p.skip = true;
	return rc != 0 ? rc : move(ix, &p, linked ? &e : NULL, linked ? &e : NULL);
}

int listing_next(struct index *ix, uint64_t docking, bool only_first, struct listing_row *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_NEXT,
	    "SELECT " ROW_COLUMNS " FROM scratch.row WHERE listing = ?1 AND"
	    " todo = 1 AND class <= ?2 ORDER BY class, growing, recorded, row LIMIT 1",
	    &st, "ii", whole_of(ix, docking), (int64_t)(only_first ? CLASS_FIRST : CLASS_REST));

	return one_row(st, rc, out);
}

int listing_expedited(struct index *ix, uint64_t docking, struct listing_row *out)
{
	sqlite3_stmt *st;
	int rc;

	if (ix->expedites == 0)
		return -ENOENT;
	rc = db_query(ix, Q_EXPEDITED_ROW,
	    "SELECT " ROW_COLUMNS " FROM scratch.row WHERE asset IN (SELECT asset FROM expedite"
	    " WHERE asset > 0) AND asset > 0 AND listing = ?1 AND todo = 1 ORDER BY row LIMIT 1",
	    &st, "i", whole_of(ix, docking));
	return one_row(st, rc, out);
}

int listing_by_asset(struct index *ix, uint64_t docking, uint64_t asset, struct listing_row *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_BY_ASSET,
	    "SELECT " ROW_COLUMNS " FROM scratch.row WHERE asset = ?1"
	    " AND asset > 0 AND listing = ?2 LIMIT 1",
	    &st, "ii", (int64_t)asset, whole_of(ix, docking));

	return one_row(st, rc, out);
}

int listing_by_path(struct index *ix, uint64_t docking, const char *path, struct listing_row *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_ROW_BY_PATH,
	    "SELECT " ROW_COLUMNS " FROM scratch.row WHERE"
	    " listing = ?1 AND path = ?2 LIMIT 1",
	    &st, "it", whole_of(ix, docking), path);

	return one_row(st, rc, out);
}

int listing_sum(struct index *ix, uint64_t docking, struct listing_sum *out)
{
	struct listing *l = find(ix, docking);

	memset(out, 0, sizeof(*out));
	if (!l)
		return -ENOENT;
	*out = l->sum;
	return 0;
}

int listing_logs_open(struct index *ix, uint64_t docking)
{
	struct listing *l = find(ix, docking);

	if (!l || l->whole == 0)
		return -ENOENT;
	return l->logs_open > INT32_MAX ? INT32_MAX : (int)l->logs_open;
}

int index_asset_in_docking(
    struct index *ix, uint64_t docking, const char *camera, const char *path, struct asset *out)
{
	uint64_t number = 0;
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_IN_DOCKING,
	    "SELECT number FROM asset WHERE camera = ?2 AND path = ?3"
	    " AND kind <> 7 AND (docking = ?1 OR pulled_docking = ?1) AND NOT EXISTS(SELECT 1 FROM"
	    " scratch.row WHERE row.asset = asset.number AND row.asset > 0 AND listing = ?4)"
	    " ORDER BY number DESC LIMIT 1",
	    &st, "itti", (int64_t)docking, camera, path, whole_of(ix, docking));

	rc = db_number(st, rc, &number);
	return rc == 0 ? index_asset(ix, number, out) : rc;
}

int listing_missing(
    struct index *ix, uint64_t docking, uint64_t after, uint64_t *numbers, size_t room)
{
	int64_t whole = whole_of(ix, docking);
	sqlite3_stmt *st;
	int n = 0, rc;

	if (whole == 0)
		return -ENOENT;
	rc = db_query(ix, Q_MISSING,
	    "SELECT number FROM asset WHERE"
	    " camera = (SELECT camera FROM docking WHERE number = ?1 AND camera <> '') AND rung = 1"
	    " AND kind <> 7 AND gone = 0 AND number > ?2 AND NOT EXISTS(SELECT 1 FROM scratch.row WHERE"
	    " row.asset = asset.number AND row.asset > 0 AND listing = ?3) ORDER BY number"
	    " LIMIT ?4",
	    &st, "iiii", (int64_t)docking, (int64_t)after, whole, (int64_t)room);
	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = (uint64_t)sqlite3_column_int64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int listing_flagged(struct index *ix, uint64_t docking, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_FLAGGED,
		"SELECT number FROM scratch.row JOIN asset ON number = row.asset WHERE listing = ?1"
		" AND row.asset > 0 AND row.flags & 1 AND asset.protected = 0 LIMIT ?2",
		&st, "ii", whole_of(ix, docking), (int64_t)room);

	_Static_assert(OBJECT_PROTECTED == 1, "the bit in the statement");
	while (rc == 0 && (rc = db_step(st)) == 1) {
		numbers[n++] = db_u64(st, 0);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int listing_drop(struct index *ix, uint64_t docking)
{
	struct listing *l = find(ix, docking);
	int rc;

	if (!l)
		return 0;
	rc = bury(ix, l->whole);
	if (rc == 0)
		rc = bury(ix, l->coming);
	*l = ix->listing[--ix->listings_n];
	return rc;
}
