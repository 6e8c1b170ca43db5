/*
 * index_health: see the header. A row for each docking of late; who asks sees the last twenty.
 *
 * Called by index_apply with every record (health_note), live and in replay alike.
 */
#include "index_health.h"
#include "index_act.h"
#include "index_inner.h"

#include <string.h>

#define KEPT_DOCKINGS 20000 /* older rows are of no use: a busy station's three months */

static const char *const words[] = {
	[MISHAP_CONTACT] = "contact",
	[MISHAP_WORKER] = "worker",
	[MISHAP_RECOVERY] = "recovery",
	[MISHAP_CURRENT] = "over-current",
	[MISHAP_CHARGE] = "charge",
};

const char *mishap_word(enum mishap what)
{
	return words[what];
}

static uint32_t mishap_of(const char *word)
{
	for (uint32_t i = MISHAP_CONTACT; word && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0)
			return i;
	}
	return 0; /* of a later version: counted, not named */
}

/* ---- records ---- */

static int docked(struct index *ix, const struct record *r)
{
	int64_t docking = record_get_number(r, "docking", 0);
	int rc =
	    db_run(ix, Q_HEALTH_PUT, "INSERT OR REPLACE INTO health VALUES(?1, ?2, ?3, ?4, 0, 0)",
		"itti", docking, record_get_text(r, "port"), record_get_text(r, "serial"),
		record_get_number(r, "speed", 0));

	if (rc == 0 && docking > KEPT_DOCKINGS)
		rc = db_run(ix, Q_HEALTH_PRUNE, "DELETE FROM health WHERE docking <= ?1", "i",
		    docking - KEPT_DOCKINGS);
	return rc;
}

/* Who it is is known: its best speed is kept under that. */
static int camera(struct index *ix, const struct record *r)
{
	int64_t docking = record_get_number(r, "docking", 0);
	const char *name = record_get_text(r, "camera");
	int rc = db_run(ix, Q_HEALTH_CAMERA, "UPDATE health SET camera = ?2 WHERE docking = ?1",
	    "it", docking, name);

	if (rc == 0 && strncmp(name, "unproved:", 9) != 0)
		rc = db_run(ix, Q_HEALTH_SPEED,
		    "INSERT INTO speed SELECT ?2, speed FROM health WHERE docking = ?1 AND"
		    " speed > 0 ON CONFLICT DO UPDATE SET best = max(best, excluded.best)",
		    "it", docking, name);
	return rc;
}

static int mishap(struct index *ix, const struct record *r)
{
	return db_run(ix, Q_HEALTH_MISHAP,
	    "UPDATE health SET errors = errors + 1, kinds = kinds | ?2 WHERE docking = ?1", "ii",
	    record_get_number(r, "docking", 0),
	    INT64_C(1) << mishap_of(record_get_text(r, "what")));
}

/* It counts against the last docking at the port, whoever was there. */
static int over_current(struct index *ix, const struct record *r)
{
	const char *port = record_get_text(r, "port");
	int64_t count = record_get_number(r, "count", 0);
	int rc = db_run(ix, Q_CURRENT_PUT, "INSERT OR REPLACE INTO current VALUES(?1, ?2, ?3)",
	    "tti", port, record_get_text(r, "boot"), count);

	if (rc == 0 && count > 0)
		rc = db_run(ix, Q_HEALTH_CURRENT,
		    "UPDATE health SET errors = errors + 1, kinds = kinds | ?2 WHERE docking ="
		    " (SELECT max(docking) FROM health WHERE port = ?1)",
		    "ti", port, INT64_C(1) << MISHAP_CURRENT);
	return rc;
}

/* A person has seen to a bay, or to all: what was before counts no more. */
static int retry(struct index *ix, const struct record *r)
{
	const char *bay = record_get_text(r, "bay");

	if (record_has(r, "asset") || record_has(r, "destination"))
		return 0;
	if (!bay)
		return db_run(ix, Q_HEALTH_CALM_ALL,
		    "UPDATE health SET errors = 0, kinds = 0 WHERE errors > 0", "");
	return db_run(ix, Q_HEALTH_CALM,
	    "UPDATE health SET errors = 0, kinds = 0 WHERE errors > 0 AND port IN"
	    " (SELECT port FROM docking WHERE bay = ?1 ORDER BY number DESC LIMIT 1)",
	    "t", bay);
}

int health_note(struct index *ix, const struct record *r)
{
	static const struct {
		const char *type;
		int (*note)(struct index *ix, const struct record *r);
	} notes[] = { { "docked", docked }, { "camera", camera }, { "mishap", mishap },
		{ "over-current", over_current }, { "retry", retry } };

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (strcmp(notes[i].type, record_type(r)) == 0)
			return notes[i].note(ix, r);
	}
	return 0;
}

/* ---- questions ---- */

#define HEALTH_COLUMNS "docking, port, camera, errors, kinds, speed"

static int rows(struct index *ix, sqlite3_stmt *st, int rc, struct health_docking *out)
{
	int n = 0;

	(void)ix;
	while (rc == 0 && (rc = db_step(st)) == 1) {
		struct health_docking *d = &out[n++];

		memset(d, 0, sizeof(*d));
		d->docking = db_u64(st, 0);
		db_text(st, 1, d->port, sizeof(d->port));
		db_text(st, 2, d->camera, sizeof(d->camera));
		d->errors = (uint32_t)sqlite3_column_int64(st, 3);
		d->kinds = (uint32_t)sqlite3_column_int64(st, 4);
		d->speed_mbps = (uint32_t)sqlite3_column_int64(st, 5);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

static int64_t at_most(size_t room)
{
	return room < HEALTH_DOCKINGS ? (int64_t)room : HEALTH_DOCKINGS;
}

int index_health_port(struct index *ix, const char *port, struct health_docking *out, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_HEALTH_PORT,
	    "SELECT " HEALTH_COLUMNS " FROM health WHERE port = ?1 ORDER BY docking DESC LIMIT ?2",
	    &st, "ti", port, at_most(room));

	return rows(ix, st, rc, out);
}

int index_health_camera(
    struct index *ix, const char *camera, struct health_docking *out, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_HEALTH_OF_CAMERA,
	    "SELECT " HEALTH_COLUMNS
	    " FROM health WHERE camera = ?1 AND camera <> '' ORDER BY docking DESC LIMIT ?2",
	    &st, "ti", camera, at_most(room));

	return rows(ix, st, rc, out);
}

uint32_t index_best_speed(struct index *ix, const char *camera)
{
	uint64_t best = 0;
	sqlite3_stmt *st;
	int rc = db_query(
	    ix, Q_BEST_SPEED, "SELECT best FROM speed WHERE camera = ?1", &st, "t", camera);

	return db_number(st, rc, &best) == 0 ? (uint32_t)best : 0;
}

uint32_t index_over_current(struct index *ix, const char *port, const char *boot)
{
	uint64_t count = 0;
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_CURRENT, "SELECT count FROM current WHERE port = ?1 AND boot = ?2",
	    &st, "tt", port, boot);

	return db_number(st, rc, &count) == 0 ? (uint32_t)count : 0;
}
