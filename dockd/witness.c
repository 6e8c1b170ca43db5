#include "witness.h"

#include "index_asset.h"
#include "index_order.h"
#include "index_proof.h"
#include "index_retention.h"
#include "ledger_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_MOST 8      /* itself, and what it was ever merged into */
#define RECORDS_MOST 4096 /* about all of them */
#define PAGE 64
#define DESTINATIONS_MOST 32

struct witness {
	struct index *index;
	struct ledger *ledger;
	struct order *order; /* in force, as the ledger says */
	size_t orders;
	uint64_t orders_upto; /* record number */
};

/* One question. */
struct asking {
	struct witness *w;
	struct index *beside; /* made of the asset's records alone */
	uint64_t group[GROUP_MOST];
	size_t group_n;
	uint64_t seq[RECORDS_MOST];
	size_t n;
};

struct witness *witness_new(struct index *ix, struct ledger *l)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (w) {
		w->index = ix;
		w->ledger = l;
	}
	return w;
}

void witness_free(struct witness *w)
{
	if (w)
		free(w->order);
	free(w);
}

/* A record as it stands in the ledger. 0, -EAGAIN (not committed) or -errno. */
static int read_record(struct witness *w, uint64_t seq, struct record *r)
{
	static char line[RECORD_LINE_MAX];
	int n;

	if (seq > ledger_last(w->ledger))
		return -EAGAIN;
	n = ledger_line(w->ledger, seq, line, sizeof(line));
	return n < 0 ? n : record_parse(line, (size_t)n, r);
}

/* ---- preservation orders ---- */

static void drop_order(struct witness *w, uint64_t number)
{
	for (size_t i = 0; i < w->orders; i++) {
		if (w->order[i].number == number)
			w->order[i--] = w->order[--w->orders];
	}
}

static int note_order(struct witness *w, const struct record *r)
{
	struct order o, *more;

	order_of_record(r, &o);
	drop_order(w, o.number);
	if (strcmp(record_type(r), "preserve") != 0)
		return 0;
	more = reallocarray(w->order, w->orders + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->order = more;
	w->order[w->orders++] = o;
	return 0;
}

static bool is_in_force(const struct order *wanted, const struct order *all, int n)
{
	for (int i = 0; all && i < n; i++) {
		const struct order *o = &all[i];

		if (o->number == wanted->number)
			return o->scope == wanted->scope && o->from_s == wanted->from_s &&
			    o->until_s == wanted->until_s && strcmp(o->value, wanted->value) == 0;
	}
	return false;
}

/* Each order that the ledger has in force is in force in the index, as it was given. */
static int ask_orders(struct witness *w, const char **what)
{
	static struct record r;
	const struct order *all = NULL;
	uint64_t page[PAGE];
	int n = PAGE, rc = 0;

	while (rc == 0 && n == PAGE) {
		n = index_order_records(w->index, w->orders_upto, page, PAGE);
		rc = n < 0 ? n : 0;
		for (int i = 0; i < n && rc == 0; i++) {
			rc = read_record(w, page[i], &r);
			if (rc == 0)
				rc = note_order(w, &r);
			if (rc == 0)
				w->orders_upto = page[i];
		}
	}
	n = rc == 0 ? index_active_orders(w->index, &all) : rc;
	for (size_t i = 0; i < w->orders && n >= 0; i++) {
		if (!is_in_force(&w->order[i], all, n)) {
			*what = "preservation";
			return -EKEYREJECTED;
		}
	}
	return n < 0 ? n : 0;
}

/* ---- the asset's records ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int add_records(struct asking *k, enum mention what, uint64_t number)
{
	uint64_t after = 0;
	int n;

	do {
		if (k->n + PAGE > RECORDS_MOST)
			return -E2BIG;
		n = index_mentions(k->w->index, what, number, after, &k->seq[k->n], PAGE);
		if (n > 0) {
			k->n += (size_t)n;
			after = k->seq[k->n - 1];
		}
	} while (n == PAGE);
	return n < 0 ? n : 0;
}

static bool is_in_group(const struct asking *k, uint64_t asset)
{
	for (size_t i = 0; i < k->group_n; i++) {
		if (k->group[i] == asset)
			return true;
	}
	return false;
}

/* Merging takes both: what others merge into ours passes, what ours goes into is looked at too. */
static int apply_merged(struct asking *k, const struct record *r, bool *passes)
{
	uint64_t into = (uint64_t)record_get_number(r, "into", 0);

	*passes = !is_in_group(k, (uint64_t)record_get_number(r, "asset", 0));
	if (*passes || is_in_group(k, into))
		return 0;
	if (k->group_n == GROUP_MOST)
		return -E2BIG;
	k->group[k->group_n++] = into;
	return -ERESTART;
}

static int apply_all(struct asking *k)
{
	static struct record r;
	uint64_t before = 0;
	int rc = 0;

	for (size_t i = 0; i < k->n && rc == 0; i++) {
		bool passes = false;

		if (k->seq[i] == before)
			continue;
		before = k->seq[i];
		rc = read_record(k->w, before, &r);
		if (rc == 0 && strcmp(record_type(&r), "merged") == 0)
			rc = apply_merged(k, &r, &passes);
		if (rc == 0 && !passes)
			rc = index_apply(k->beside, before, &r);
	}
	return rc;
}

/* -ERESTART: it was merged into one more, whose records count as well. */
static int make(struct asking *k)
{
	int rc;

	index_close(k->beside);
	k->beside = NULL;
	k->n = 0;
	rc = add_records(k, MENTION_BINDING, 0);
	for (size_t i = 0; i < k->group_n && rc == 0; i++)
		rc = add_records(k, MENTION_ASSET, k->group[i]);
	qsort(k->seq, k->n, sizeof(k->seq[0]), by_number);
	if (rc == 0)
		rc = index_open_beside(&k->beside);
	return rc == 0 ? apply_all(k) : rc;
}

/* ---- held against each other ---- */

struct cell {
	const char *name;
	size_t at, size;
};

/* clang-format off */
#define CELL(thing, name, member) \
	{ name, offsetof(struct thing, member), sizeof(((struct thing *)NULL)->member) }

/* All that an act rests on and that records about the asset alone decide. */
static const struct cell of_asset[] = {
	CELL(asset, "docking", docking), CELL(asset, "pulled-docking", pulled_docking),
	CELL(asset, "merged-into", merged_into), CELL(asset, "size", size_bytes),
	CELL(asset, "mtime", mtime_s), CELL(asset, "kind", kind), CELL(asset, "file", file),
	CELL(asset, "rung", rung), CELL(asset, "protected", protected_),
	CELL(asset, "erased", erased), CELL(asset, "gone", gone),
	CELL(asset, "disposed", disposed), CELL(asset, "sha256", sha256),
	CELL(asset, "camera", camera), CELL(asset, "profile", profile),
	CELL(asset, "signature", signature), CELL(asset, "class", class),
	CELL(asset, "recorded", recorded_s), CELL(asset, "proved", recorded_proved),
	CELL(asset, "dispose-by", dispose_by_s), CELL(asset, "marked", marked_s),
};

static const struct cell of_upload[] = {
	CELL(upload, "destination", destination), CELL(upload, "receipt", rung),
	CELL(upload, "level", level), CELL(upload, "receipt-length", length_bytes),
	CELL(upload, "receipt-sha256", sha256), CELL(upload, "confirmed-at", confirmed_at_s),
	CELL(upload, "doubted", doubted), CELL(upload, "address", address),
	CELL(upload, "version", version), CELL(upload, "lock", lock),
	CELL(upload, "retain-until", retain_until_s), CELL(upload, "held", held),
	CELL(upload, "found", found), CELL(upload, "passed", passed),
};
/* clang-format on */

#define COUNT(cells) (sizeof(cells) / sizeof((cells)[0]))

static const char *differs(const struct cell *cells, size_t n, const void *a, const void *b)
{
	for (size_t i = 0; i < n; i++) {
		if (memcmp((const char *)a + cells[i].at, (const char *)b + cells[i].at,
			cells[i].size) != 0)
			return cells[i].name;
	}
	return NULL;
}

static int compare_asset(struct asking *k, const char **what)
{
	static struct asset is, told;
	int rc = index_asset(k->w->index, k->group[0], &is);

	if (rc == 0)
		rc = index_asset(k->beside, k->group[0], &told);
	if (rc < 0)
		return rc;
	if (is.file == FILE_NONE || is.file == FILE_PART)
		told.file = is.file; /* `durable` is no mention, and nothing rests on a part */
	*what = differs(of_asset, COUNT(of_asset), &is, &told);
	if (!*what && is.path[0] && strcmp(is.path, told.path) != 0)
		*what = "path"; /* an empty one is forgotten: disposal_forget */
	return *what ? -EKEYREJECTED : 0;
}

static int compare_uploads(struct asking *k, const char **what)
{
	static struct upload is[DESTINATIONS_MOST], told[DESTINATIONS_MOST];
	int n = index_uploads(k->w->index, k->group[0], is, DESTINATIONS_MOST);
	int m = index_uploads(k->beside, k->group[0], told, DESTINATIONS_MOST);

	if (n < 0 || m < 0)
		return n < 0 ? n : m;
	if (n != m)
		*what = "uploads";
	for (int i = 0; i < n && !*what; i++)
		*what = differs(of_upload, COUNT(of_upload), &is[i], &told[i]);
	if (!*what && index_overstates(k->w->index, k->group[0]))
		*what = "receipted";
	return *what ? -EKEYREJECTED : 0;
}

static int compare_disposal(struct asking *k, const char *place, const char **what)
{
	struct disposal d;
	int rc = index_disposal(k->beside, k->group[0], place, &d);

	if (rc == -ENOENT) {
		*what = "disposal";
		rc = -EKEYREJECTED;
	}
	return rc;
}

int witness_ask(struct witness *w, uint64_t asset, const char *place, const char **what)
{
	static struct asking k;
	int rc;

	*what = NULL;
	k.w = w;
	k.group[0] = asset;
	k.group_n = 1;
	rc = ask_orders(w, what);
	if (rc < 0)
		return rc;
	do {
		rc = make(&k);
	} while (rc == -ERESTART);
	if (rc == 0)
		rc = compare_asset(&k, what);
	if (rc == 0)
		rc = compare_uploads(&k, what);
	if (rc == 0 && place)
		rc = compare_disposal(&k, place, what);
	index_close(k.beside);
	k.beside = NULL;
	return rc;
}
