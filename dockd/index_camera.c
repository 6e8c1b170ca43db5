/*
 * index_camera: see the header. A row for each identity that was proved; those that were not are a
 * docking's, and no camera that could be missed.
 *
 * Called by index_apply with every record (known_note), live and in replay alike.
 */
#include "index_camera.h"
#include "index_act.h"
#include "index_inner.h"

#include <errno.h>
#include <string.h>

/* ---- records ---- */

static const char *text_of(const struct record *r, const char *key)
{
	const char *text = record_get_text(r, key);

	return text ? text : "";
}

/* Told again in one docking (its ids, after they were set): one docking all the same. */
static int camera(struct index *ix, int64_t time_s, const struct record *r)
{
	const char *name = text_of(r, "camera");

	if (!name[0] || strncmp(name, "unproved:", 9) == 0)
		return 0;
	return db_run(ix, Q_KNOWN_PUT,
	    "INSERT INTO known(camera, profile, officer, unit, docking, dockings, files, last, away,"
	    " forgotten) VALUES(?1, (SELECT profile FROM docking WHERE number = ?2), ?3, ?4, ?2, 1, 0,"
	    " ?5, 0, 0) ON CONFLICT(camera) DO UPDATE SET profile = excluded.profile,"
	    " officer = iif(excluded.officer = '', officer, excluded.officer),"
	    " unit = iif(excluded.unit = '', unit, excluded.unit),"
	    " dockings = dockings + (docking <> excluded.docking), docking = excluded.docking,"
	    " last = excluded.last, away = 0, forgotten = 0",
	    "titti", name, record_get_number(r, "docking", 0), text_of(r, "officer"),
	    text_of(r, "unit"), time_s);
}

static int undocked(struct index *ix, int64_t time_s, const struct record *r)
{
	return db_run(ix, Q_KNOWN_LEFT,
	    "UPDATE known SET last = ?2, away = 1 WHERE docking = ?1 AND away = 0", "ii",
	    record_get_number(r, "docking", 0), time_s);
}

static int found(struct index *ix, int64_t time_s, const struct record *r)
{
	(void)time_s;
	if (strcmp(text_of(r, "kind"), kind_word(KIND_REPORT)) == 0)
		return 0; /* our own */
	return db_run(ix, Q_KNOWN_FILE, "UPDATE known SET files = files + 1 WHERE camera = ?1", "t",
	    text_of(r, "camera"));
}

static int assigned(struct index *ix, int64_t time_s, const struct record *r)
{
	(void)time_s;
	return db_run(ix, Q_KNOWN_ISSUED,
	    "UPDATE known SET officer = ?2, unit = ?3 WHERE camera = ?1", "ttt",
	    text_of(r, "camera"), text_of(r, "officer"), text_of(r, "unit"));
}

static int forgotten(struct index *ix, int64_t time_s, const struct record *r)
{
	(void)time_s;
	return db_run(ix, Q_KNOWN_FORGET, "UPDATE known SET forgotten = 1 WHERE camera = ?1", "t",
	    text_of(r, "camera"));
}

int known_note(struct index *ix, int64_t time_s, const struct record *r)
{
	static const struct {
		const char *type;
		int (*note)(struct index *ix, int64_t time_s, const struct record *r);
	} notes[] = { { "camera", camera }, { "undocked", undocked }, { "found", found },
		{ "assigned", assigned }, { "forgotten", forgotten } };

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (strcmp(notes[i].type, record_type(r)) == 0)
			return notes[i].note(ix, time_s, r);
	}
	return 0;
}

/* ---- questions ---- */

#define KNOWN_COLUMNS                                                                              \
	"number, camera, profile, officer, unit, docking, dockings, files, last, away, forgotten," \
	" (SELECT count(*) FROM docking AS d JOIN finding AS f ON f.docking = d.number"            \
	" WHERE d.camera = known.camera AND d.camera <> '')"

static void load(sqlite3_stmt *st, struct known_camera *k)
{
	memset(k, 0, sizeof(*k));
	k->number = db_u64(st, 0);
	db_text(st, 1, k->camera, sizeof(k->camera));
	db_text(st, 2, k->profile, sizeof(k->profile));
	db_text(st, 3, k->officer, sizeof(k->officer));
	db_text(st, 4, k->unit, sizeof(k->unit));
	k->docking = db_u64(st, 5);
	k->dockings = db_u64(st, 6);
	k->files = db_u64(st, 7);
	k->last_s = sqlite3_column_int64(st, 8);
	k->docked = sqlite3_column_int(st, 9) == 0;
	k->forgotten = sqlite3_column_int(st, 10) != 0;
	k->findings = db_u64(st, 11);
}

int index_cameras(
    struct index *ix, uint64_t after, int64_t overdue_s, struct known_camera *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_KNOWN,
		"SELECT " KNOWN_COLUMNS " FROM known WHERE number > ?1 AND (?2 = 0 OR (away = 1"
		" AND forgotten = 0 AND last < ?3)) ORDER BY number LIMIT ?4",
		&st, "iiii", (int64_t)after, (int64_t)(overdue_s != INT64_MAX), overdue_s,
		(int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		load(st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

int index_camera(struct index *ix, const char *name, struct known_camera *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_KNOWN_ONE, "SELECT " KNOWN_COLUMNS " FROM known WHERE camera = ?1",
	    &st, "t", name);

	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	load(st, out);
	sqlite3_reset(st);
	return 0;
}

int index_cameras_count(struct index *ix, int64_t overdue_s, uint64_t *known, uint64_t *overdue)
{
	sqlite3_stmt *st;
	int rc =
	    db_query(ix, Q_KNOWN_COUNT, "SELECT count(*) FROM known WHERE forgotten = 0", &st, "");

	*known = *overdue = 0;
	rc = db_number(st, rc, known);
	if (rc < 0)
		return rc;
	rc = db_query(ix, Q_KNOWN_OVERDUE,
	    "SELECT count(*) FROM known WHERE forgotten = 0 AND away = 1 AND last < ?1", &st, "i",
	    overdue_s);
	return db_number(st, rc, overdue);
}
