/*
 * index_policy: the destinations, their queues, and what "receipted" means.
 *
 * Called by the core at start and reload (index_set_policy), and by the questions about queues. A
 * destination's queue is made when it is first heard of; from then on index_asset keeps it.
 */
#include "index_policy.h"
#include "index_act.h"
#include "index_entry.h"
#include "index_inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Fills the queue of a destination that was not known before. */
static int destination_make(
    struct index *ix, const struct index_route *route, struct destination **out)
{
	struct destination *d = &ix->destination[ix->destinations_n];
	int rc = index_begin(ix);

	if (rc < 0 || ix->destinations_n == INDEX_DESTINATIONS)
		return rc < 0 ? rc : -ENOSPC;
	rc = db_run(ix, Q_DESTINATION_NEW,
	    "INSERT INTO destination(name, count, bytes, kinds, deliver) VALUES(?1, 0, 0, ?2, ?3)",
	    "tii", route->destination, (int64_t)route->kinds, (int64_t)route->deliver_s);
	if (rc < 0)
		return rc;
	memset(d, 0, sizeof(*d));
	d->number = sqlite3_last_insert_rowid(ix->db);
	d->kinds = route->kinds;
	d->deliver_s = route->deliver_s;
	snprintf(d->name, sizeof(d->name), "%s", route->destination);
	rc = queue_fill(ix, d);
	if (rc < 0)
		return rc;
	ix->destinations_n++;
	*out = d;
	return 0;
}

int destination_find(struct index *ix, const char *name, struct destination **out)
{
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, name) == 0) {
			*out = &ix->destination[i];
			return 0;
		}
	}
	return destination_make(ix, &(struct index_route){ name, KINDS_ALL, 0 }, out);
}

static int destination_drop(struct index *ix, size_t i)
{
	int64_t number = ix->destination[i].number;
	int rc = db_run(ix, Q_QUEUE_DROP, "DELETE FROM queue WHERE destination = ?1", "i", number);

	if (rc == 0)
		rc = db_run(ix, Q_DESTINATION_DROP, "DELETE FROM destination WHERE number = ?1",
		    "i", number);
	ix->destination[i] = ix->destination[--ix->destinations_n];
	return rc;
}

int index_destination(const struct index *ix, size_t i, char name[PROTO_NAME_LEN])
{
	if (i >= ix->destinations_n)
		return -ENOENT;
	memcpy(name, ix->destination[i].name, PROTO_NAME_LEN);
	return 0;
}

static const struct index_route *route_of(
    const char *name, const struct index_route *routes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(routes[i].destination, name) == 0)
			return &routes[i];
	}
	return NULL;
}

static bool policy_is(const struct index *ix, const struct index_route *routes, size_t n, bool any)
{
	if (ix->any != any || ix->required_n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct index_route *r = route_of(ix->required[i], routes, n);

		if (!r || r->kinds != ix->required_kinds[i])
			return false;
	}
	return true;
}

uint32_t index_takes(const struct index *ix, const char *destination, uint32_t kinds)
{
	for (size_t i = 0; i < ix->destinations_n; i++) {
		if (strcmp(ix->destination[i].name, destination) == 0)
			return ix->destination[i].kinds & kinds;
	}
	return kinds;
}

/* After a change of policy: every asset whose state of receipts may be another now. */
static int policy_apply(struct index *ix)
{
	uint64_t page[256], after = 0;
	int rc = 0, n = 1;

	while (rc == 0 && n > 0) {
		sqlite3_stmt *st;

		n = 0;
		rc = db_query(ix, Q_POLICY_SCAN,
		    "SELECT number FROM asset WHERE number > ?1 AND"
		    " receipts > 0 AND merged_into = 0 ORDER BY number LIMIT 256",
		    &st, "i", (int64_t)after);
		while (rc == 0 && (rc = db_step(st)) == 1) {
			page[n++] = db_u64(st, 0);
			rc = 0;
		}
		for (int i = 0; i < n && rc == 0; i++)
			rc = receipts_renew(ix, page[i]);
		after = n > 0 ? page[n - 1] : after;
	}
	return rc;
}

/*
 * Which destinations there are: those that go or take something else now lose their queues; where
 * what one owes another has changed (afresh), all do.
 */
static int make_destinations(
    struct index *ix, const struct index_route *routes, size_t n, bool afresh)
{
	struct destination *d;
	int rc = 0;

	for (size_t i = ix->destinations_n; i > 0 && rc == 0; i--) {
		const struct index_route *r = route_of(ix->destination[i - 1].name, routes, n);

		if (r && !afresh && r->kinds == ix->destination[i - 1].kinds &&
		    r->deliver_s == ix->destination[i - 1].deliver_s)
			continue;
		rc = index_begin(ix);
		if (rc == 0)
			rc = destination_drop(ix, i - 1);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		bool there = false;

		for (size_t k = 0; k < ix->destinations_n; k++)
			there =
			    there || strcmp(ix->destination[k].name, routes[i].destination) == 0;
		if (!there)
			rc = destination_make(ix, &routes[i], &d);
	}
	return rc;
}

static int set_required(struct index *ix, const struct index_route *routes, size_t n, bool any)
{
	int rc = index_begin(ix);

	if (rc == 0)
		rc = db_exec(ix, "DELETE FROM required");
	ix->required_n = n;
	ix->any = any;
	ix->changed = true;
	for (size_t i = 0; i < n && rc == 0; i++) {
		snprintf(ix->required[i], PROTO_NAME_LEN, "%s", routes[i].destination);
		ix->required_kinds[i] = routes[i].kinds;
		rc = db_run(ix, Q_REQUIRED_PUT, "INSERT OR IGNORE INTO required VALUES(?1, ?2)",
		    "ti", routes[i].destination, (int64_t)routes[i].kinds);
	}
	return rc;
}

int index_set_routes(struct index *ix, const struct index_route *routes, size_t n, bool any)
{
	bool was_any = ix->any, same;
	int rc = 0;

	if (n > INDEX_DESTINATIONS)
		return -E2BIG;
	same = policy_is(ix, routes, n, any);
	if (!same)
		rc = set_required(ix, routes, n, any);
	if (rc == 0)
		rc = make_destinations(ix, routes, n, !same && (any || was_any));
	if (rc < 0 || same)
		return rc;
	rc = policy_apply(ix);
	if (rc == 0)
		rc = listing_resum(ix);
	if (rc == 0)
		rc = expedite_end(ix);
	return rc;
}

/* "clip,log" as bits; a word that is not known is passed over. */
static uint32_t kinds_of_words(char *words)
{
	enum object_kind kind;
	uint32_t kinds = 0;
	char *word;

	while ((word = strsep(&words, ",")) != NULL) {
		if (kind_of_word(word, &kind) == 0)
			kinds |= 1u << kind;
	}
	return kinds;
}

/* The routes of a `policy` record; texts: as long as a record's may be. Count. */
static size_t routes_of(
    const struct act *a, char *names, char *takes, size_t room, struct index_route *routes)
{
	char *name, *kinds;
	size_t n = 0;

	act_text(a, "destinations", names, room);
	act_text(a, "takes", takes, room);
	while (n < INDEX_DESTINATIONS && (name = strsep(&names, " ")) != NULL && name[0]) {
		kinds = strsep(&takes, " ");
		routes[n++] = (struct index_route){ name,
			kinds && kinds[0] ? kinds_of_words(kinds) : KINDS_ALL, 0 };
	}
	return n;
}

/*
 * What a record ends (an expediting) it ended as the policy was then. With queues there is one who
 * has told what it is now, and who knows more than the record.
 */
int apply_policy(struct act *a)
{
	char names[RECORD_TEXT_MAX], takes[RECORD_TEXT_MAX];
	struct index_route routes[INDEX_DESTINATIONS];
	bool any = act_is(a, "need", "any");
	size_t n;
	int rc;

	/* one that is named no more, and comes back, begins anew */
	rc = db_run(a->ix, Q_FAILING_DROP,
	    "DELETE FROM failing WHERE instr(' ' || ?1 || ' ', ' ' || destination || ' ') = 0", "t",
	    record_has(a->r, "destinations") ? record_get_text(a->r, "destinations") : "");
	if (rc < 0 || a->ix->destinations_n > 0)
		return rc;
	n = routes_of(a, names, takes, sizeof(names), routes);
	if (policy_is(a->ix, routes, n, any))
		return 0;
	rc = set_required(a->ix, routes, n, any);
	if (rc == 0)
		rc = policy_apply(a->ix);
	return rc == 0 ? expedite_end(a->ix) : rc;
}

int index_set_policy(struct index *ix, const char *const *destinations, size_t n, bool any)
{
	struct index_route routes[INDEX_DESTINATIONS];

	if (n > INDEX_DESTINATIONS)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		routes[i] = (struct index_route){ destinations[i], KINDS_ALL, 0 };
	return index_set_routes(ix, routes, n, any);
}
