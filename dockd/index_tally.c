/*
 * index_tally: see the header. Called by index (open, commit) and by index_apply with each record.
 *
 * As all of the index it looks at the record and at itself only, so a replay gives the same sums.
 */
#include "index_tally.h"
#include "index_act.h"
#include "index_docking.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const uint32_t index_delay_s[DELAY_BUCKETS] = { 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600,
	86400, 172800, 259200 };

/* Which records count as what: by the words under a and b, so many as under `number`, or one. */
static const struct {
	const char *type;
	enum tallied what;
	const char *a, *b, *number;
} counted[] = {
	{ "found", TALLY_FOUND, "kind", NULL, NULL },
	{ "pulled", TALLY_PULLED_BYTES, NULL, NULL, "read" },
	{ "pulled", TALLY_PULLS, NULL, "result", NULL },
	{ "compared", TALLY_PULLED_BYTES, NULL, NULL, "read" },
	{ "receipted", TALLY_RECEIPTS, "destination", "level", NULL },
	{ "receipted", TALLY_RECEIVED_BYTES, "destination", NULL, "length" },
	{ "receipt-refused", TALLY_RECEIPTS_REFUSED, "destination", "result", NULL },
	{ "refused", TALLY_REFUSED, "destination", NULL, NULL },
	{ "lost", TALLY_LOST, "destination", NULL, NULL },
	{ "confirmed", TALLY_CONFIRMED, "destination", NULL, NULL },
	{ "signature", TALLY_SIGNATURES, NULL, "result", NULL },
	{ "mishap", TALLY_MISHAPS, NULL, "what", NULL },
	{ "fault", TALLY_FAULTS, NULL, NULL, NULL },
	{ "trouble", TALLY_TROUBLES, NULL, NULL, NULL },
	{ "unstaged", TALLY_RESTAGED, NULL, NULL, NULL },
	{ "over-current", TALLY_OVER_CURRENT, NULL, NULL, NULL },
	{ "denied", TALLY_DENIED, NULL, NULL, NULL },
	{ "denied", TALLY_DENIED, NULL, NULL, "more" },
	{ "contradiction", TALLY_CONTRADICTIONS, NULL, NULL, NULL },
	{ "erased", TALLY_ERASED, NULL, "result", NULL },
	{ "disposed", TALLY_DISPOSED, NULL, "result", NULL },
};

static const char *word(const struct record *r, const char *key)
{
	const char *text = key ? record_get_text(r, key) : "";

	return text ? text : "";
}

int tally_note(struct index *ix, const struct record *r)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]) && rc == 0; i++) {
		int64_t n = 1;

		if (strcmp(counted[i].type, record_type(r)) != 0)
			continue;
		if (counted[i].number)
			n = record_get_number(r, counted[i].number, 0);
		if (n > 0)
			rc = tally_add(&ix->tally, counted[i].what, word(r, counted[i].a),
			    word(r, counted[i].b), (uint64_t)n);
	}
	return rc;
}

/* From the begin of the docking in which the station saw it first; clips alone, first receipt. */
int tally_delay(struct act *a, const char *destination)
{
	uint32_t bucket = 0;
	struct docking d;
	struct entry e;
	char number[12];
	int64_t s;
	int rc = entry_read(a->ix, a->asset, &e);

	if (rc < 0 || e.a.kind != KIND_CLIP)
		return rc;
	rc = index_docking(a->ix, e.a.docking, &d);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	s = a->time_s > d.began_s ? a->time_s - d.began_s : 0;
	while (bucket < DELAY_BUCKETS && s > index_delay_s[bucket])
		bucket++;
	snprintf(number, sizeof(number), "%" PRIu32, bucket);
	rc = tally_add(&a->ix->tally, TALLY_DELAY, destination, number, 1);
	return rc < 0 ? rc : tally_add(&a->ix->tally, TALLY_DELAY_S, destination, "", (uint64_t)s);
}

int tally_open(struct index *ix)
{
	char a[PROTO_NAME_LEN], b[PROTO_CLASS_LEN];
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_TALLIES, "SELECT what, a, b, n FROM tally", &st, "");

	while (rc == 0 && (rc = db_step(st)) == 1) {
		db_text(st, 1, a, sizeof(a));
		db_text(st, 2, b, sizeof(b));
		rc = tally_add(&ix->tally, (unsigned)db_u64(st, 0), a, b, db_u64(st, 3));
	}
	for (size_t i = 0; i < ix->tally.n; i++)
		ix->tally.row[i].changed = false;
	return rc;
}

int tally_write(struct index *ix)
{
	int rc = 0;

	for (size_t i = 0; i < ix->tally.n && rc == 0; i++) {
		struct tally_row *row = &ix->tally.row[i];

		if (row->changed)
			rc = db_run(ix, Q_TALLY_PUT,
			    "INSERT OR REPLACE INTO tally VALUES(?1, ?2, ?3, ?4)", "itti",
			    (int64_t)row->what, row->a, row->b, (int64_t)row->n);
		if (rc == 0)
			row->changed = false;
	}
	return rc;
}

const struct tally *index_tally(const struct index *ix)
{
	return &ix->tally;
}
