/*
 * index_apply: what each type of record makes of the index; the last column of LEDGER.md as code.
 *
 * Called by journal, live and in replay alike, so it may look at the record and the index only:
 * no clock, no files. A record that index_check passes can always be applied.
 */
#include "base/proto_object.h"
#include "index_act.h"
#include "index_asset.h"
#include "index_docking.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELDS 9

struct rule {
	const char *type;
	int (*apply)(struct act *a);                   /* or */
	int (*change)(struct act *a, struct asset *x); /* of the record's asset */
	const char *fields[FIELDS];                    /* '#' number or '$' text, then the key */
};

uint64_t act_number(const struct act *a, const char *key)
{
	return (uint64_t)record_get_number(a->r, key, 0);
}

void act_text(const struct act *a, const char *key, char *out, size_t room)
{
	const char *value = record_get_text(a->r, key);

	snprintf(out, room, "%s", value ? value : "");
}

bool act_is(const struct act *a, const char *key, const char *word)
{
	const char *value = record_get_text(a->r, key);

	return value && strcmp(value, word) == 0;
}

static int change(struct act *a, const struct rule *rule);

/* ---- dockings ---- */

static int docked(struct act *a)
{
	char bay[PROTO_NAME_LEN], port[PROTO_PORT_LEN], serial[PROTO_TEXT_LEN],
	    profile[PROTO_NAME_LEN];

	act_text(a, "bay", bay, sizeof(bay));
	act_text(a, "port", port, sizeof(port));
	act_text(a, "serial", serial, sizeof(serial));
	act_text(a, "profile", profile, sizeof(profile));
	a->ix->counts.dockings++;
	if (a->docking > a->ix->last_docking)
		a->ix->last_docking = a->docking;
	if (a->docking > a->ix->new_docking)
		a->ix->new_docking = a->docking;
	return db_run(a->ix, Q_DOCKED,
	    "INSERT INTO docking VALUES(?1, ?2, 0, ?3, ?4, ?5, '', ?6, ?7, 0, 0, 0)", "iitttti",
	    (int64_t)a->docking, a->time_s, bay, port, serial, profile, PROTO_NO_TIME);
}

static int camera(struct act *a)
{
	return db_run(a->ix, Q_CAMERA,
	    "UPDATE docking SET camera = ?2, offset_ms = ?3, synchronised = ?4 WHERE number = ?1",
	    "itii", (int64_t)a->docking, record_get_text(a->r, "camera"),
	    record_get_number(a->r, "clock-offset-ms", PROTO_NO_TIME),
	    record_get_number(a->r, "clock-synchronised", 0));
}

static int undocked(struct act *a)
{
	return db_run(a->ix, Q_UNDOCKED,
	    "UPDATE docking SET ended = ?2, held = ?3 WHERE number = ?1", "iii",
	    (int64_t)a->docking, a->time_s, record_get_number(a->r, "held", 0));
}

/* ---- an asset's way ---- */

static int found(struct act *a)
{
	struct entry e = { .receipts = 0 };
	struct asset *x = &e.a;

	x->number = a->asset;
	x->docking = a->docking;
	x->prefix_of = act_number(a, "prefix-of");
	x->size_bytes = act_number(a, "size");
	x->mtime_s = record_get_number(a->r, "mtime", PROTO_NO_TIME);
	x->protected_ = act_number(a, "protected") != 0;
	x->recorded_s = x->dispose_by_s = PROTO_NO_TIME;
	x->rung = RUNG_LISTED;
	if (kind_of_word(record_get_text(a->r, "kind"), &x->kind) < 0)
		x->kind = KIND_OTHER;
	x->kinds = 1u << x->kind;
	act_text(a, "camera", x->camera, sizeof(x->camera));
	act_text(a, "profile", x->profile, sizeof(x->profile));
	act_text(a, "path", x->path, sizeof(x->path));
	act_text(a, "officer", x->officer, sizeof(x->officer));
	act_text(a, "unit", x->unit, sizeof(x->unit));
	x->damage = (act_number(a, "cut") ? OBJECT_CUT : 0) |
	    (act_number(a, "shared") ? OBJECT_SHARED : 0) |
	    (act_number(a, "unfinished") ? OBJECT_UNFINISHED : 0);
	x->told_bytes = act_number(a, "told");
	x->storage = (uint32_t)act_number(a, "storage");
	if (a->asset > a->ix->last_asset)
		a->ix->last_asset = a->asset;
	if (a->asset > a->ix->new_asset)
		a->ix->new_asset = a->asset;
	return entry_write(a->ix, NULL, &e);
}

/* Beginning before what was durable says that the file holds no more than that now. */
static int pull(struct act *a, struct asset *x)
{
	if (x->file == FILE_NONE)
		x->file = FILE_PART;
	if (act_number(a, "offset") < x->durable_bytes)
		x->durable_bytes = act_number(a, "offset");
	act_text(a, "boot", x->boot, sizeof(x->boot));
	return 0;
}

static int durable(struct act *a, struct asset *x)
{
	x->file = FILE_PART;
	x->durable_bytes = act_number(a, "offset");
	act_text(a, "boot", x->boot, sizeof(x->boot));
	return 0;
}

static int pulled(struct act *a, struct asset *x)
{
	x->pulled_bytes += act_number(a, "read");
	if (act_is(a, "result", "done"))
		x->pulled_docking = a->docking;
	else
		x->interruptions++;
	return 0;
}

static int compared(struct act *a, struct asset *x)
{
	x->pulled_bytes += act_number(a, "read");
	x->pulled_docking = a->docking;
	return 0;
}

static void begin_anew(struct asset *x)
{
	x->kinds = 1u << x->kind;
	x->rung = RUNG_LISTED;
	x->file = FILE_NONE;
	x->durable_bytes = 0;
	x->staged_at_s = x->stamp_ns = 0;
	x->restarts++;
	x->boot[0] = x->sha256[0] = x->id[0] = x->signature[0] = '\0';
	x->sha384[0] = x->sha512[0] = x->signature_text[0] = '\0';
	x->sidecar = 0;
	x->time_unproved = false;
}

static int resized(struct act *a, struct asset *x)
{
	x->size_bytes = act_number(a, "size");
	x->mtime_s = record_get_number(a->r, "mtime", x->mtime_s);
	return 0;
}

static int staged(struct act *a, struct asset *x)
{
	x->rung = RUNG_STAGED;
	x->file = FILE_SEALED;
	x->size_bytes = x->durable_bytes = act_number(a, "size");
	x->staged_at_s = a->time_s;
	act_text(a, "boot", x->boot, sizeof(x->boot));
	return 0;
}

/* What was half sent may be of the bad copy: nothing may be put behind it. */
static int restart_uploads(struct act *a)
{
	static struct upload page[INDEX_DESTINATIONS];
	int n = index_uploads(a->ix, a->asset, page, INDEX_DESTINATIONS), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && rc == 0; i++) {
		if (page[i].rung == RUNG_RECEIPTED)
			continue;
		upload_anew(&page[i]);
		rc = upload_write(a->ix, &page[i]);
	}
	return rc;
}

/* What was merged into a copy that turned out bad has to be pulled itself. */
static int restarted(struct act *a, struct asset *x)
{
	uint64_t page[32];
	int n, rc = restart_uploads(a);

	while (rc == 0 && (n = index_merged(a->ix, a->asset, 0, page, 32)) != 0) {
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++) {
			struct entry before, after;

			rc = entry_read(a->ix, page[i], &before);
			if (rc < 0)
				break;
			after = before;
			begin_anew(&after.a);
			after.a.merged_into = 0;
			rc = entry_write(a->ix, &before, &after);
			if (rc == 0)
				rc = receipts_renew(a->ix, page[i]);
		}
	}
	begin_anew(x);
	return rc;
}

static int checked(struct act *a, struct asset *x)
{
	x->rung = RUNG_CHECKED;
	act_text(a, "sha256", x->sha256, sizeof(x->sha256));
	act_text(a, "id", x->id, sizeof(x->id));
	act_text(a, "sha384", x->sha384, sizeof(x->sha384));
	act_text(a, "sha512", x->sha512, sizeof(x->sha512));
	act_text(a, "signature", x->signature, sizeof(x->signature));
	x->stamp_ns = record_get_number(a->r, "stamp", 0);
	return 0;
}

/* ---- evidence ---- */

static int signature(struct act *a, struct asset *x)
{
	act_text(a, "result", x->signature, sizeof(x->signature));
	act_text(a, "text", x->signature_text, sizeof(x->signature_text));
	x->sidecar = act_number(a, "sidecar");
	x->time_unproved = act_number(a, "time-unproved") != 0;
	return 0;
}

/* ---- preservation and retention ---- */

static int retention(struct act *a, struct asset *x)
{
	x->recorded_s = record_get_number(a->r, "recorded", PROTO_NO_TIME);
	x->recorded_proved = act_number(a, "proved") != 0;
	x->dispose_by_s = record_get_number(a->r, "dispose-by", PROTO_NO_TIME);
	act_text(a, "class", x->class, sizeof(x->class));
	return 0;
}

/* Pulled again, and not what a destination gave its receipt for: it has to have this too. */
static int checked_again(struct act *a)
{
	static const struct rule plain = { .change = checked };
	static struct upload page[INDEX_DESTINATIONS];
	struct entry e = { .receipts = 0 };
	int rc = change(a, &plain), n = 0;

	if (rc == 0)
		rc = entry_read(a->ix, a->asset, &e);
	if (rc == 0)
		rc = n = index_uploads(a->ix, a->asset, page, INDEX_DESTINATIONS);
	for (int i = 0; i < n && rc >= 0; i++) {
		if (page[i].rung != RUNG_RECEIPTED ||
		    (page[i].length_bytes == e.a.size_bytes &&
			(!page[i].sha256[0] || strcmp(page[i].sha256, e.a.sha256) == 0)))
			continue;
		upload_anew(&page[i]);
		rc = upload_write(a->ix, &page[i]);
		if (rc == 0)
			rc = receipts_renew(a->ix, a->asset);
	}
	return rc < 0 ? rc : 0;
}

static int rechecked(struct act *a, struct asset *x)
{
	x->staged_at_s = a->time_s;
	x->stamp_ns = record_get_number(a->r, "stamp", 0);
	act_text(a, "boot", x->boot, sizeof(x->boot));
	return 0;
}

static int merged(struct act *a, struct asset *x)
{
	x->merged_into = act_number(a, "into");
	x->file = FILE_RETIRED;
	return 0;
}

/* Whoever takes one of the two kinds is to have the one that stands for both. */
static int merged_kinds(struct act *a)
{
	static const struct rule plain = { .change = merged };
	struct entry x, before, after;
	uint64_t into = act_number(a, "into");
	int rc = change(a, &plain);

	if (rc == 0)
		rc = entry_read(a->ix, a->asset, &x);
	if (rc == 0)
		rc = entry_read(a->ix, into, &before);
	if (rc != 0)
		return rc;
	if ((before.a.kinds | x.a.kinds) == before.a.kinds)
		return 0;
	after = before;
	after.a.kinds |= x.a.kinds;
	rc = entry_write(a->ix, &before, &after);
	return rc < 0 ? rc : receipts_renew(a->ix, into);
}

static int flagged(struct act *a, struct asset *x)
{
	(void)a;
	x->protected_ = true;
	return 0;
}

static int gone(struct act *a, struct asset *x)
{
	(void)a;
	x->gone = true;
	return 0;
}

static int trouble(struct act *a, struct asset *x)
{
	x->needs_person = true;
	act_text(a, "text", x->trouble, sizeof(x->trouble));
	return 0;
}

static int change(struct act *a, const struct rule *rule)
{
	struct entry before, after, other;
	int rc = entry_read(a->ix, a->asset, &before);

	if (rc < 0)
		return rc;
	after = before;
	rc = rule->change(a, &after.a);
	if (rc == 0 && after.a.merged_into != before.a.merged_into) {
		rc = entry_read(a->ix, after.a.merged_into, &other);
		after.receipts = other.receipts;
		after.receipted = other.receipted;
		after.confirmed_s = other.confirmed_s;
	}
	return rc < 0 ? rc : entry_write(a->ix, &before, &after);
}

/* ---- erasing ---- */

static int erase_intent(struct act *a)
{
	return db_run(a->ix, Q_ERASE_PUT, "INSERT OR REPLACE INTO erase VALUES(?1, ?2)", "ii",
	    (int64_t)a->asset, (int64_t)a->docking);
}

static int erased(struct act *a)
{
	struct entry before, after;
	int rc = db_run(
	    a->ix, Q_ERASE_TAKE, "DELETE FROM erase WHERE asset = ?1", "i", (int64_t)a->asset);

	if (rc == 0)
		rc = entry_read(a->ix, a->asset, &before);
	if (rc < 0)
		return rc;
	after = before;
	after.a.erased |= act_is(a, "result", "done") || act_is(a, "result", "gone") ||
	    act_is(a, "result", "inferred");
	rc = entry_write(a->ix, &before, &after);
	if (rc == 0 && after.a.disposed)
		rc = disposal_forget(a->ix, a->asset);
	return rc;
}

/* ---- proofs ---- */

static int noted(struct act *a)
{
	(void)a;
	return 0;
}

/* ---- the table ---- */

static const struct rule rules[] = {
	{ "policy", apply_policy, NULL, { NULL } },
	{ "docked", docked, NULL, { "#docking", "$bay", "$port", "$serial", "$profile" } },
	{ "camera", camera, NULL, { "#docking", "$camera" } },
	{ "undocked", undocked, NULL, { "#docking" } },
	{ "found", found, NULL,
	    { "#asset", "#docking", "$camera", "$profile", "$kind", "$path", "#size" } },
	{ "pull", NULL, pull, { "#asset", "#docking", "#offset", "$boot" } },
	{ "durable", NULL, durable, { "#asset", "#offset", "$boot" } },
	{ "pulled", NULL, pulled, { "#asset", "#docking", "$result", "#read" } },
	{ "compared", NULL, compared, { "#asset", "#docking", "#read" } },
	{ "restarted", NULL, restarted, { "#asset" } },
	{ "resized", NULL, resized, { "#asset", "#size" } },
	{ "staged", NULL, staged, { "#asset", "#size", "$boot" } },
	{ "unstaged", NULL, restarted, { "#asset" } },
	{ "checked", checked_again, NULL, { "#asset", "$sha256", "$id", "$signature" } },
	{ "rechecked", NULL, rechecked, { "#asset", "$boot" } },
	{ "merged", merged_kinds, NULL, { "#asset", "#into" } },
	{ "flagged", NULL, flagged, { "#asset", "#docking" } },
	{ "gone", NULL, gone, { "#asset" } },
	{ "trouble", NULL, trouble, { "#asset", "$text" } },
	{ "upload", apply_upload, NULL, { "#asset", "$destination" } },
	{ "created", apply_created, NULL, { "#asset", "$destination", "$address" } },
	{ "receipted", apply_receipted, NULL, { "#asset", "$destination", "$level", "#length" } },
	{ "recreated", apply_recreated, NULL, { "#asset", "$destination" } },
	{ "refused", apply_refused, NULL, { "#asset", "$destination", "$text" } },
	{ "erase-intent", erase_intent, NULL, { "#asset", "#docking" } },
	{ "erased", erased, NULL, { "#asset", "$result" } },
	{ "retry", apply_retry, NULL, { NULL } },
	{ "denied", noted, NULL, { "$what", "#uid" } },
	{ "light-test", noted, NULL, { "#seconds", "#uid" } },
	{ "clock-vouched", noted, NULL, { "$reason", "#uid" } }, /* clock_note's */
	/* what these do is health_note's */
	{ "mishap", noted, NULL, { "#docking", "$what" } },
	{ "over-current", noted, NULL, { "$port", "#count", "$boot" } },
	/* evidence */
	{ "signature", NULL, signature, { "#asset", "$result" } },
	/* what these do is evidence_note's */
	{ "enrolled", noted, NULL, { "$camera", "$scheme", "$fingerprint", "$key", "#uid" } },
	{ "revoked", noted, NULL, { "$camera", "$fingerprint", "#uid" } },
	{ "audited", noted, NULL, { "#docking", "#asset", "#logs", "#findings" } },
	{ "finding", noted, NULL, { "#docking", "$code", "$text" } },
	{ "settled", noted, NULL, { "#docking", "$reason", "#uid" } },
	/* receipts and the copies behind them */
	{ "receipt-refused", apply_receipt_refused, NULL,
	    { "#asset", "$destination", "$result", "$text" } },
	{ "confirmed", apply_confirmed, NULL, { "#asset", "$destination", "$level" } },
	{ "lost", apply_lost, NULL, { "#asset", "$destination", "$text" } },
	{ "held", apply_held, NULL, { "#asset", "$destination", "#on" } },
	{ "release-intent", apply_release_intent, NULL, { "#asset", "$destination" } },
	{ "retired", apply_retired, NULL, { "#asset", "$reason" } },
	/* what destinations are */
	{ "bound", apply_bound, NULL, { "$destination", "$identity" } },
	{ "another", apply_another, NULL, { "$destination", "$identity" } },
	{ "rebound", apply_rebound, NULL, { "$destination", "$identity", "$reason", "#uid" } },
	{ "failing", apply_failing, NULL, { "$destination", "#for", "#at", "$boot" } },
	{ "working", apply_working, NULL, { "$destination" } },
	/* preservation and retention */
	{ "retention", NULL, retention, { "#asset", "$class" } },
	{ "preserve", apply_preserve, NULL, { "#order", "$scope", "$value", "$reason", "#uid" } },
	{ "marked", apply_marked, NULL, { "#asset" } },
	{ "dispose-intent", apply_dispose_intent, NULL, { "#asset", "$where", "$by" } },
	{ "disposed", apply_disposed, NULL, { "#asset", "$where", "$result" } },
	{ "switched", apply_switched, NULL, { "#asset", "$from", "$to", "$text" } },
	{ "abandoned", apply_abandoned, NULL, { "#asset", "$destination", "$result" } },
	{ "expedited", apply_expedited, NULL, { "#docking", "$camera", "$reason", "#uid" } },
	{ "assigned", apply_assigned, NULL, { "$camera", "$officer", "$unit", "$reason", "#uid" } },
	{ "forgotten", noted, NULL, { "$camera", "$reason", "#uid" } }, /* known_note's */
	{ "unlock", apply_unlock, NULL, { "#docking", "$language", "#try" } },
	{ "unlocked", apply_unlocked, NULL, { "#docking", "$result" } },
	{ "lift", apply_lift, NULL, { "#order", "$reason", "#uid" } },
	/* proofs: what these do is mention_note's */
	{ "bundled", noted, NULL, { "#asset", "$destination", "#upto", "$object" } },
	{ "shipped", noted, NULL, { "$destination", "#from", "#to", "$object" } },
};

static const struct rule *rule_of(const struct record *r)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(rules[i].type, record_type(r)) == 0)
			return &rules[i];
	}
	return NULL;
}

static int known(struct index *ix, const struct record *r, const char *key, bool wanted)
{
	struct entry e;
	int rc = entry_read(ix, (uint64_t)record_get_number(r, key, 0), &e);

	if (rc == -ENOENT)
		return wanted ? -EBADMSG : 0;
	return rc == 0 && !wanted ? -EBADMSG : rc;
}

/* Into another one that stands for itself, and nothing may stand on this one: no chains. */
static int can_merge(struct index *ix, const struct record *r)
{
	uint64_t asset = (uint64_t)record_get_number(r, "asset", 0), one;
	uint64_t into = (uint64_t)record_get_number(r, "into", 0);
	struct entry e;
	int rc = index_merged(ix, asset, 0, &one, 1);

	if (rc != 0 || asset == into)
		return rc < 0 ? rc : -EBADMSG;
	rc = entry_read(ix, into, &e);
	return rc == -ENOENT || (rc == 0 && e.a.merged_into) ? -EBADMSG : rc;
}

int index_check(struct index *ix, const struct record *r)
{
	const struct rule *rule = rule_of(r);
	struct docking d;
	int rc = 0;

	for (size_t i = 0; rule && i < FIELDS && rule->fields[i]; i++) {
		const char *key = rule->fields[i] + 1;

		if (rule->fields[i][0] == '$' ? !record_get_text(r, key) :
						!record_has(r, key) || record_get_text(r, key) ||
			    record_get_number(r, key, -1) < 0)
			return -EBADMSG;
	}
	if (rule && record_has(r, "asset"))
		rc = known(ix, r, "asset", rule->apply != found);
	if (rc == 0 && rule && rule->apply == merged_kinds)
		rc = can_merge(ix, r);
	if (rc == 0 && rule && rule->apply == docked) {
		rc = index_docking(ix, (uint64_t)record_get_number(r, "docking", 0), &d);
		rc = rc == 0 ? -EBADMSG : rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

/* When the record was written, from its own words; 0 where it has none. */
static int64_t time_of(const struct record *r)
{
	const char *when = record_get_text(r, "time");
	struct tm tm = { 0 };

	return when && strptime(when, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

int index_apply(struct index *ix, uint64_t seq, const struct record *r)
{
	struct act a = {
		.ix = ix,
		.r = r,
		.seq = seq,
		.time_s = time_of(r),
		.asset = (uint64_t)record_get_number(r, "asset", 0),
		.docking = (uint64_t)record_get_number(r, "docking", 0),
	};
	const struct rule *rule = rule_of(r);
	int rc;

	if (seq <= ix->applied)
		return 0;
	ix->time_s = a.time_s;
	rc = index_check(ix, r);
	if (rc == 0)
		rc = index_begin(ix);
	if (rc == 0 && rule)
		rc = rule->apply ? rule->apply(&a) : change(&a, rule);
	if (rc == 0)
		rc = mention_note(ix, seq, r);
	if (rc == 0)
		rc = evidence_note(ix, seq, a.time_s, r);
	if (rc == 0)
		rc = expedite_note(ix, r);
	if (rc == 0)
		rc = health_note(ix, r);
	if (rc == 0)
		rc = tally_note(ix, r);
	if (rc == 0)
		rc = known_note(ix, a.time_s, r);
	if (rc < 0)
		return rc;
	clock_note(&a);
	ix->applied = seq;
	ix->changed = true;
	return 0;
}
