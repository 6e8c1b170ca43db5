/*
 * index_asset: one asset's row and its uploads, and what follows from a change of them.
 *
 * Called by index_apply. The counters, the queues of the destinations and the sums of the listings
 * follow each change in entry_write and upload_write, so that nothing is counted when it is asked.
 */
#include "index_asset.h"
#include "index_binding.h"
#include "index_entry.h"
#include "index_inner.h"
#include "index_receipt.h"

#include <errno.h>
#include <string.h>

void entry_load(sqlite3_stmt *st, struct entry *e)
{
	struct asset *a = &e->a;

	memset(e, 0, sizeof(*e));
	a->number = db_u64(st, 0);
	a->docking = db_u64(st, 1);
	a->prefix_of = db_u64(st, 2);
	a->kind = (enum object_kind)sqlite3_column_int(st, 3);
	a->protected_ = sqlite3_column_int(st, 4) != 0;
	db_text(st, 5, a->camera, sizeof(a->camera));
	db_text(st, 6, a->profile, sizeof(a->profile));
	db_text(st, 7, a->path, sizeof(a->path));
	a->pulled_docking = db_u64(st, 8);
	a->merged_into = db_u64(st, 9);
	a->size_bytes = db_u64(st, 10);
	a->durable_bytes = db_u64(st, 11);
	a->pulled_bytes = db_u64(st, 12);
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
	a->stamp_ns = sqlite3_column_int64(st, 30);
	e->since_s = sqlite3_column_int64(st, 31);
	a->sidecar = db_u64(st, 32);
	a->recorded_s = sqlite3_column_int64(st, 33);
	a->recorded_proved = sqlite3_column_int(st, 34) != 0;
	a->dispose_by_s = sqlite3_column_int64(st, 35);
	a->marked_s = sqlite3_column_int64(st, 36);
	a->disposed = sqlite3_column_int(st, 37) != 0;
	a->time_unproved = sqlite3_column_int(st, 38) != 0;
	db_text(st, 39, a->class, sizeof(a->class));
	db_text(st, 40, a->sha384, sizeof(a->sha384));
	db_text(st, 41, a->sha512, sizeof(a->sha512));
	db_text(st, 42, a->signature_text, sizeof(a->signature_text));
	e->confirmed_s = sqlite3_column_int64(st, 43);
	a->kinds = (uint32_t)sqlite3_column_int64(st, 44);
	db_text(st, 45, a->officer, sizeof(a->officer));
	db_text(st, 46, a->unit, sizeof(a->unit));
	a->damage = (uint32_t)sqlite3_column_int64(st, 47);
	a->told_bytes = db_u64(st, 48);
	a->storage = (uint32_t)sqlite3_column_int64(st, 49);
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
	return db_run(ix, Q_ASSET_NEW,
	    "INSERT INTO asset(number, docking, prefix_of, kind, protected,"
	    " camera, profile, path, officer, unit, damage, told_bytes,"
	    " storage) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	    "iiiiitttttiii", (int64_t)a->number, (int64_t)a->docking, (int64_t)a->prefix_of,
	    (int64_t)a->kind, (int64_t)a->protected_, a->camera, a->profile, a->path, a->officer,
	    a->unit, (int64_t)a->damage, (int64_t)a->told_bytes, (int64_t)a->storage);
}

static int update(struct index *ix, const struct entry *e)
{
	const struct asset *a = &e->a;

	return db_run(ix, Q_ASSET_SET,
	    "UPDATE asset SET pulled_docking = ?2, merged_into = ?3,"
	    " size = ?4, durable = ?5, pulled = ?6, mtime = ?7, staged_at = ?8, interruptions = ?9,"
	    " restarts = ?10, file = ?11, rung = ?12, erased = ?13, gone = ?14, needs_person = ?15,"
	    " boot = ?16, sha256 = ?17, id = ?18, signature = ?19, trouble = ?20, receipts = ?21,"
	    " receipted = ?22, queued = ?23, stamp = ?24, since = ?25, sidecar = ?26, recorded = ?27,"
	    " recorded_proved = ?28, dispose_by = ?29, marked = ?30, disposed = ?31,"
	    " time_unproved = ?32, class = ?33, sha384 = ?34, sha512 = ?35, signature_text = ?36,"
	    " confirmed = ?37, protected = ?38, kinds = ?39"
	    " WHERE number = ?1",
	    "iiiiiiiiiiiiiiitttttiiiiiiiiiiiittttiii", (int64_t)a->number,
	    (int64_t)a->pulled_docking, (int64_t)a->merged_into, (int64_t)a->size_bytes,
	    (int64_t)a->durable_bytes, (int64_t)a->pulled_bytes, a->mtime_s, a->staged_at_s,
	    (int64_t)a->interruptions, (int64_t)a->restarts, (int64_t)a->file, (int64_t)a->rung,
	    (int64_t)a->erased, (int64_t)a->gone, (int64_t)a->needs_person, a->boot, a->sha256,
	    a->id, a->signature, a->trouble, (int64_t)e->receipts, (int64_t)e->receipted,
	    (int64_t)e->queued, a->stamp_ns, e->since_s, (int64_t)a->sidecar, a->recorded_s,
	    (int64_t)a->recorded_proved, a->dispose_by_s, a->marked_s, (int64_t)a->disposed,
	    (int64_t)a->time_unproved, a->class, a->sha384, a->sha512, a->signature_text,
	    e->confirmed_s, (int64_t)a->protected_, (int64_t)a->kinds);
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
	return a->file == FILE_SEALED && a->rung == RUNG_CHECKED && a->merged_into == 0 &&
	    !a->disposed;
}

/* The queues of all destinations for an asset that was `before` and is `after`. */
static int queue_follow(struct index *ix, const struct entry *before, const struct entry *after)
{
	const struct asset *was = before ? &before->a : NULL, *is = &after->a;
	int rc = 0;

	if (!is_to_send(is) && (!was || !is_to_send(was)))
		return 0;
	if (was && is_to_send(was) == is_to_send(is) && was->size_bytes == is->size_bytes &&
	    was->mtime_s == is->mtime_s && before->since_s == after->since_s &&
	    was->protected_ == is->protected_ && was->dispose_by_s == is->dispose_by_s &&
	    was->kinds == is->kinds && before->receipted == after->receipted)
		return 0;
	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++)
		rc = queue_renew(ix, &ix->destination[i], is->number);
	return rc;
}

/* How many destinations have refused it. Count or -errno. */
static int refusals_of(struct index *ix, uint64_t asset)
{
	sqlite3_stmt *st;
	int64_t n = 0;
	int rc =
	    db_query(ix, Q_REFUSALS, "SELECT count(*) FROM upload WHERE asset = ?1 AND refused = 1",
		&st, "i", (int64_t)asset);

	rc = db_value(st, rc, &n);
	return rc < 0 ? rc : (int)n;
}

/* A refusal calls a person for as long as the asset is not where the policy asks for it. */
static int call_person(struct index *ix, const struct entry *before, const struct entry *after)
{
	int n;

	if (!before || before->receipted == after->receipted)
		return 0;
	n = refusals_of(ix, after->a.number);
	if (n > 0)
		ix->counts.needs_person += after->receipted ? -(uint64_t)n : (uint64_t)n;
	return n < 0 ? n : 0;
}

int entry_write(struct index *ix, const struct entry *before, struct entry *after)
{
	struct asset *a = &after->a;
	int rc = 0;

	after->queued = !after->receipted && a->merged_into == 0 && !a->gone &&
	    a->file != FILE_RETIRED && !a->disposed;
	if (a->rung == RUNG_LISTED)
		after->since_s = 0;
	else if (after->since_s == 0)
		after->since_s = a->staged_at_s;
	if (!before)
		rc = insert(ix, a);
	if (rc == 0)
		rc = update(ix, after);
	if (rc == 0)
		rc = queue_follow(ix, before, after);
	if (rc == 0)
		rc = listing_follow(ix, before, after);
	if (rc == 0)
		rc = call_person(ix, before, after);
	if (rc == 0)
		rc = flow_note(ix, before, after);
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

#define UPLOAD_COLUMNS                                                                             \
	"asset, destination, rung, level, refused, receipted_at, length, sha256, reason, address," \
	" confirmed_at, bundle, lost, version, key, began, refusals, lock, retain_until, held,"    \
	" expires, passed, doubted, found, releasing, EXISTS(SELECT 1 FROM bound AS b"             \
	" WHERE b.destination = upload.destination AND b.other <> '')"

static void upload_load(const struct index *ix, sqlite3_stmt *st, struct upload *u)
{
	memset(u, 0, sizeof(*u));
	u->asset = db_u64(st, 0);
	db_text(st, 1, u->destination, sizeof(u->destination));
	u->rung = (enum rung)sqlite3_column_int(st, 2);
	u->level = (enum receipt_level)sqlite3_column_int(st, 3);
	u->refused = sqlite3_column_int(st, 4) != 0;
	u->receipted_at_s = sqlite3_column_int64(st, 5);
	u->length_bytes = db_u64(st, 6);
	db_text(st, 7, u->sha256, sizeof(u->sha256));
	db_text(st, 8, u->reason, sizeof(u->reason));
	db_text(st, 9, u->address, sizeof(u->address));
	u->confirmed_at_s = sqlite3_column_int64(st, 10);
	u->bundle = db_u64(st, 11);
	u->lost = (uint32_t)sqlite3_column_int64(st, 12);
	db_text(st, 13, u->version, sizeof(u->version));
	db_text(st, 14, u->key, sizeof(u->key));
	u->began_s = sqlite3_column_int64(st, 15);
	u->refusals = (uint32_t)sqlite3_column_int64(st, 16);
	u->lock = (enum lock_mode)sqlite3_column_int(st, 17);
	u->retain_until_s = sqlite3_column_int64(st, 18);
	u->held = (uint32_t)sqlite3_column_int(st, 19);
	u->expires_s = sqlite3_column_int64(st, 20);
	u->passed = sqlite3_column_int(st, 21) != 0;
	u->doubted = sqlite3_column_int(st, 22) != 0;
	u->found = sqlite3_column_int(st, 23) != 0;
	u->releasing = sqlite3_column_int(st, 24) != 0;
	u->astray = sqlite3_column_int(st, 25) != 0 || index_is_unmet(ix, u->destination);
}

static int one_upload(const struct index *ix, sqlite3_stmt *st, int rc, struct upload *out)
{
	if (rc == 0)
		rc = db_step(st);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	upload_load(ix, st, out);
	sqlite3_reset(st);
	return 0;
}

int upload_read(struct index *ix, uint64_t asset, const char *destination, struct upload *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_UPLOAD_ROW,
	    "SELECT " UPLOAD_COLUMNS " FROM upload WHERE asset = ?1 AND destination = ?2", &st,
	    "it", (int64_t)asset, destination);

	return one_upload(ix, st, rc, out);
}

/* The asset whose uploads count for ?1: the one that it was merged into, or itself. */
#define ITS_ROOT "coalesce((SELECT nullif(merged_into, 0) FROM asset WHERE number = ?1), ?1)"

int index_upload(struct index *ix, uint64_t asset, const char *destination, struct upload *out)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_UPLOAD,
	    "SELECT " UPLOAD_COLUMNS " FROM upload WHERE asset = " ITS_ROOT " AND destination = ?2",
	    &st, "it", (int64_t)asset, destination);

	return one_upload(ix, st, rc, out);
}

int index_uploads(struct index *ix, uint64_t asset, struct upload *out, size_t room)
{
	sqlite3_stmt *st;
	int n = 0,
	    rc = db_query(ix, Q_UPLOADS,
		"SELECT " UPLOAD_COLUMNS " FROM upload WHERE asset = " ITS_ROOT " LIMIT ?2", &st,
		"ii", (int64_t)asset, (int64_t)room);

	while (rc == 0 && (rc = db_step(st)) == 1) {
		upload_load(ix, st, &out[n++]);
		rc = 0;
	}
	return rc < 0 ? rc : n;
}

/* Whether a destination is to be asked for it again, and why; 0 it is not. */
static int64_t watch_of(const struct upload *u, const struct asset *a)
{
	if (u->rung != RUNG_RECEIPTED)
		return 0;
	if (u->doubted && a->file == FILE_SEALED)
		return CONFIRM_DOUBTED;
	if (u->confirmed_at_s == 0)
		return CONFIRM_FIRST;
	return a->file == FILE_SEALED ? CONFIRM_AGAIN :
					0; /* with no copy here nothing could be mended */
}

/* Whether its place in the queues may be another one now. */
static bool moves(const struct upload *was, const struct upload *is)
{
	return (was->rung == RUNG_RECEIPTED) != (is->rung == RUNG_RECEIPTED) ||
	    was->refused != is->refused || was->passed != is->passed ||
	    was->expires_s != is->expires_s;
}

int upload_write(struct index *ix, const struct upload *u)
{
	struct upload was;
	struct entry e;
	int known = upload_read(ix, u->asset, u->destination, &was), rc = known;

	if (rc < 0 && rc != -ENOENT)
		return rc;
	rc = entry_read(ix, u->asset, &e);
	if (rc == 0 && !e.receipted)
		ix->counts.needs_person += (uint64_t)u->refused - (known == 0 && was.refused);
	ix->changed = true;
	if (rc == 0)
		rc = db_run(ix, Q_UPLOAD_SET,
		    "INSERT OR REPLACE INTO upload VALUES(?1, ?2, ?3, ?4, ?5, ?6,"
		    " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
		    " ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
		    "itiiiiitttiiittiiiiiiiiiiii", (int64_t)u->asset, u->destination,
		    (int64_t)u->rung, (int64_t)u->level, (int64_t)u->refused, u->receipted_at_s,
		    (int64_t)u->length_bytes, u->sha256, u->reason, u->address, u->confirmed_at_s,
		    (int64_t)u->bundle, (int64_t)u->lost, u->version, u->key, u->began_s,
		    (int64_t)u->refusals, watch_of(u, &e.a),
		    u->confirmed_at_s ? u->confirmed_at_s : u->receipted_at_s, (int64_t)u->lock,
		    u->retain_until_s, (int64_t)u->held, u->expires_s, (int64_t)u->doubted,
		    (int64_t)u->passed, (int64_t)u->found, (int64_t)u->releasing);
	if (rc != 0 || !is_to_send(&e.a) || (known == 0 && !moves(&was, u)))
		return rc;
	/* where one is enough, who has begun it is everyone's affair */
	for (size_t i = 0; i < ix->destinations_n && rc == 0; i++) {
		if (ix->any || strcmp(ix->destination[i].name, u->destination) == 0)
			rc = queue_renew(ix, &ix->destination[i], u->asset);
	}
	return rc;
}

/* What the uploads of an asset add up to, as the policy asks. */
struct standing {
	uint32_t receipts; /* destinations that have given one */
	bool receipted;
	int64_t confirmed_s;
};

/* Whether the receipts from these destinations (bits, as in required) are what the policy asks. */
static bool are_enough(const struct index *ix, uint32_t from, uint32_t kinds)
{
	uint32_t wanted = 0, served = 0;

	for (size_t i = 0; i < ix->required_n; i++) {
		uint32_t of = ix->required_kinds[i] & kinds;

		wanted |= of;
		if (from >> i & 1)
			served |= of;
		else if (of && !ix->any)
			return false;
	}
	return served == wanted;
}

static int receipts_of(struct index *ix, uint64_t asset, uint32_t kinds, struct standing *out)
{
	int64_t first_s = INT64_MAX, last_s = 0;
	uint32_t from = 0, wanted = 0;
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_RECEIPTED,
	    "SELECT destination, confirmed_at FROM upload WHERE asset = ?1 AND rung = 5"
	    " AND doubted = 0",
	    &st, "i", (int64_t)asset);

	for (size_t i = 0; i < ix->required_n; i++)
		wanted |= ix->required_kinds[i] & kinds;
	*out = (struct standing){ .receipts = 0 };
	while (rc == 0 && (rc = db_step(st)) == 1) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		int64_t confirmed_s = sqlite3_column_int64(st, 1);
		bool counts = wanted == 0;

		out->receipts++;
		for (size_t i = 0; i < ix->required_n && name; i++) {
			if (strcmp(ix->required[i], name) != 0 || !(ix->required_kinds[i] & kinds))
				continue;
			from |= 1u << i;
			counts = true;
		}
		rc = 0;
		if (!counts)
			continue;
		first_s = confirmed_s < first_s ? confirmed_s : first_s;
		last_s = confirmed_s > last_s ? confirmed_s : last_s;
	}
	out->receipted = wanted == 0 ? out->receipts > 0 : are_enough(ix, from, kinds);
	if (out->receipted)
		out->confirmed_s = ix->any || wanted == 0 ? last_s : first_s;
	return rc;
}

/* Numbers merged into asset, a page at a time. Count or -errno. */
static int merged_page(
    struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room)
{
	sqlite3_stmt *st;
	int rc = db_query(ix, Q_MERGED_INTO,
	    "SELECT number FROM asset WHERE merged_into = ?1"
	    " AND merged_into > 0 AND number > ?2 ORDER BY number LIMIT ?3",
	    &st, "iii", (int64_t)asset, (int64_t)after, (int64_t)room);

	return db_numbers(st, rc, numbers);
}

int index_merged(struct index *ix, uint64_t asset, uint64_t after, uint64_t *numbers, size_t room)
{
	return merged_page(ix, asset, after, numbers, room);
}

static int receipts_store(struct index *ix, uint64_t number, const struct standing *standing)
{
	struct entry before, after;
	int rc = entry_read(ix, number, &before);

	if (rc < 0)
		return rc;
	after = before;
	after.receipts = standing->receipts;
	after.receipted = standing->receipted;
	after.confirmed_s = standing->confirmed_s;
	return entry_write(ix, &before, &after);
}

int receipts_renew(struct index *ix, uint64_t asset)
{
	uint64_t page[32], after = 0;
	struct standing standing;
	struct entry e;
	int rc = entry_read(ix, asset, &e), n;

	if (rc < 0)
		return rc;
	if (e.a.merged_into)
		asset = e.a.merged_into;
	if (e.a.merged_into)
		rc = entry_read(ix, asset, &e);
	if (rc == 0)
		rc = receipts_of(ix, asset, e.a.kinds, &standing);
	if (rc == 0)
		rc = receipts_store(ix, asset, &standing);
	while (rc == 0 && (n = merged_page(ix, asset, after, page, 32)) != 0) {
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_store(ix, page[i], &standing);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

bool index_overstates(struct index *ix, uint64_t asset)
{
	static struct upload page[INDEX_DESTINATIONS];
	struct standing standing;
	struct entry e, root;
	int n = 0, rc = entry_read(ix, asset, &e);

	if (rc == 0)
		rc = entry_read(ix, e.a.merged_into ? e.a.merged_into : asset, &root);
	if (rc == 0)
		rc = receipts_of(ix, root.a.number, root.a.kinds, &standing);
	if (rc == 0)
		rc = n = index_uploads(ix, asset, page, INDEX_DESTINATIONS);
	if (rc < 0)
		return true;
	for (int i = 0; i < n; i++) {
		if (page[i].doubted)
			return false; /* index_binding.c, renew: its sum may be of before */
	}
	return e.receipted && !standing.receipted;
}
