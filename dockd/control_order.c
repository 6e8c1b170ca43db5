/*
 * control_order: preservation orders: given, lifted, told.
 *
 * Called by control for the questions of that kind. What changes something needs a reason, and is
 * on record, with the asker's user from the kernel, before it is answered. The answer is by copy: a
 * copy that somebody else may delete is never called preserved.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_copy.h"
#include "control_inner.h"
#include "index_asset.h"
#include "index_docking.h"
#include "index_order.h"

#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COPY_PAGE 4     /* assets a page, each with a row for every copy */
#define COUNT_MAX 10000 /* assets of one order are counted up to here */
/* Seconds for stores to say that they hold it, before the answer says where not. */
#define PRESERVE_WAIT_S 5

/* ---- what happens to each copy ---- */

static int station_preserved(struct client *k, const struct asset *a)
{
	if (a->file == FILE_SEALED)
		return copy_send(
		    k, a->number, COPY_PRESERVED, "station", "kept until it is lifted");
	if (a->file == FILE_RETIRED)
		return copy_send(k, a->number, COPY_GONE, "station",
		    a->disposed ? "disposed of before" : "given up before, as the rules allow");
	return copy_send(k, a->number, COPY_NOT_PRESERVED, "station",
	    "not yet taken in: leave its camera docked until it is");
}

static int camera_preserved(struct client *k, const struct asset *a)
{
	char text[PROTO_TEXT_LEN * 2];

	if (a->erased || a->gone)
		return copy_send(k, a->number, COPY_GONE, "camera", "");
	snprintf(text, sizeof(text),
	    "stays on %.130s as far as dockd goes; keep the camera back: it may overwrite it itself",
	    a->camera);
	return copy_send(k, a->number, COPY_KEPT, "camera", text);
}

static int destination_preserved(struct client *k, const struct asset *a, const struct upload *u)
{
	const struct control *c = k->control;
	char text[PROTO_TEXT_LEN * 2];
	const char *why = holder_trouble(c->p.holder, u->destination);

	if (!u->address[0])
		return copy_send(k, a->number, COPY_GONE, u->destination, "nothing is there");
	if (u->held == HOLD_LEGAL && !u->releasing) {
		snprintf(
		    text, sizeof(text), "the store states a legal hold on it%s", copy_locked(u));
		return copy_send(k, a->number, COPY_CONFIRMED, u->destination, text);
	}
	if (u->releasing || holder_waits(c->p.holder, a, u)) {
		snprintf(text, sizeof(text), "%s%.150s: dockd goes on asking, see dockctl clip%s",
		    why[0] ? "the store does not hold it: " :
			u->releasing ?
			     "told to let go, the store has not said since that it holds it" :
			     "the store was told, and has not said "
			     "yet that it holds it",
		    why, copy_locked(u));
		return copy_send(k, a->number, COPY_NOT_PRESERVED, u->destination, text);
	}
	if (disposer_owns(k->control->p.disposer, u->destination))
		return copy_send(k, a->number, COPY_PRESERVED, u->destination,
		    u->held ?
			"marked there: no station of dockd's removes it; the store itself knows "
			"no hold" :
			"dockd alone disposes there, and does not");
	snprintf(text, sizeof(text),
	    "ask the keeper of %.60s to hold asset %.64s: dockd has no say there", u->destination,
	    a->id);
	return copy_send(k, a->number, COPY_NOT_PRESERVED, u->destination, text);
}

static int send_preserved(struct client *k, const struct asset *a)
{
	int rc = station_preserved(k, a);

	if (rc == 0)
		rc = copy_each(k, a, destination_preserved);
	return rc == 0 ? camera_preserved(k, a) : rc;
}

/* What a lift means for a copy that its store holds. */
static int destination_lifted(struct client *k, const struct asset *a, const struct upload *u)
{
	char text[PROTO_TEXT_LEN * 2];
	bool still = retention_preserves(control_index(k->control), a);

	if (!u->held)
		return 0;
	if (still && u->releasing)
		return destination_preserved(k, a, u);
	snprintf(text, sizeof(text), "%s%s",
	    still ? "the store goes on holding it" : "the store is told to let go of its hold",
	    copy_locked(u));
	return copy_send(k, a->number, still ? COPY_CONFIRMED : COPY_KEPT, u->destination, text);
}

static int send_lifted(struct client *k, const struct asset *a)
{
	bool still = retention_preserves(control_index(k->control), a);
	int rc = copy_send(k, a->number, still ? COPY_PRESERVED : COPY_KEPT, "station",
	    still ? "another order still covers it" : "no order covers it: its retention runs on");

	return rc == 0 ? copy_each(k, a, destination_lifted) : rc;
}

/* ---- orders ---- */

static uint64_t order_assets(struct index *ix, const struct order *o)
{
	static uint64_t numbers[256];
	uint64_t sum = 0, after = 0;
	int n;

	do {
		n = index_covered(ix, o, after, numbers, 256);
		sum += n > 0 ? (uint64_t)n : 0;
		after = n > 0 ? numbers[n - 1] : after;
	} while (n == 256 && sum < COUNT_MAX);
	return sum;
}

static int send_order(struct client *k, const struct order *o)
{
	struct proto_ctl_order row = {
		.number = o->number,
		.assets = order_assets(control_index(k->control), o),
		.scope = o->scope,
		.lifted = o->lifted_s != 0,
		.uid = o->uid,
		.given_s = o->given_s,
		.from_s = o->from_s,
		.until_s = o->until_s,
	};

	memcpy(row.value, o->value, sizeof(row.value));
	memcpy(row.reason, o->reason, sizeof(row.reason));
	return client_send(k, MSG_ORDER, &row, -1);
}

/* The next page of what this order covers, row by row. */
static int send_covered(
    struct client *k, const struct order *o, int (*row)(struct client *k, const struct asset *a))
{
	struct index *ix = control_index(k->control);
	static struct asset a;
	uint64_t numbers[COPY_PAGE];
	int n = index_covered(ix, o, k->ask.cursor, numbers, COPY_PAGE), rc = 0;

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	if (n == 0 && k->ask.cursor == 0)
		rc = copy_send(k, 0, COPY_PRESERVED, "station",
		    "nothing that it covers has arrived yet; what arrives is preserved");
	for (int i = 0; i < n && rc == 0; i++) {
		rc = index_asset(ix, numbers[i], &a);
		if (rc == 0 && a.merged_into)
			rc = index_asset(ix, a.merged_into, &a);
		if (rc == 0)
			rc = row(k, &a);
	}
	return rc < 0 ? rc : client_end(k, 0, n == COPY_PAGE ? numbers[n - 1] : 0, "");
}

/* An asset by its number here or its id; also an id that has not arrived yet. NULL: it is good. */
static const char *take_asset(struct index *ix, const char *text, struct order *o)
{
	static struct asset a;
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (isdigit((unsigned char)text[0]) && *end == '\0' && strlen(text) < 20) {
		if (index_asset(ix, number, &a) < 0)
			return "no clip of that number";
		if (a.id[0])
			memcpy(o->value, a.id, sizeof(a.id));
		else
			snprintf(o->value, sizeof(o->value), "%" PRIu64, number);
		return NULL;
	}
	if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return "an asset is named by its number here, or by its id of 64 hex digits";
	memcpy(o->value, text, 65);
	return NULL;
}

static const char *take_docking(struct index *ix, const char *text, struct order *o)
{
	struct docking d;
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end || index_docking(ix, number, &d) < 0)
		return "no docking of that number";
	snprintf(o->value, sizeof(o->value), "%" PRIu64, number);
	return NULL;
}

/* What is asked for, as an order; NULL: it is good, else what is wrong with it. */
static const char *read_order(struct client *k, struct order *o)
{
	struct index *ix = control_index(k->control);
	const struct proto_ask *ask = &k->ask;

	o->scope = (enum order_scope)ask->scope;
	o->from_s = o->until_s = PROTO_NO_TIME;
	if (strlen(ask->text) >= sizeof(o->value))
		return "that is longer than any camera's serial number";
	snprintf(o->value, sizeof(o->value), "%.131s", ask->text);
	switch (o->scope) {
	case ORDER_ASSET:
		return take_asset(ix, ask->text, o);
	case ORDER_CAMERA:
		return ask->text[0] ? NULL : "a camera's serial number is missing";
	case ORDER_DOCKING:
		return take_docking(ix, ask->text, o);
	case ORDER_PERIOD:
		o->from_s = ask->from_s;
		o->until_s = ask->until_s;
		if ((o->from_s != PROTO_NO_TIME && o->from_s < 0) ||
		    (o->until_s != PROTO_NO_TIME && o->until_s < 0))
			return "a period lies after 1970";
		if (o->from_s != PROTO_NO_TIME && o->until_s != PROTO_NO_TIME &&
		    o->from_s >= o->until_s)
			return "the period ends before it begins";
		return NULL;
	}
	return "an order is for an asset, a camera, a docking or a period";
}

int control_preserve(struct client *k)
{
	struct control *c = k->control;
	struct index *ix = control_index(c);
	static struct order o;
	const struct order *all;
	const char *wrong;
	struct record r;
	int rc;

	if (k->ask.cursor)
		return index_order(ix, k->order, &o) < 0 ?
		    client_end(k, -EINVAL, 0, "ask from the first page on") :
		    send_covered(k, &o, send_preserved);
	if (!client_gave_reason(k))
		return 0;
	memset(&o, 0, sizeof(o));
	wrong = read_order(k, &o);
	if (!wrong && index_active_orders(ix, &all) >= ORDERS_MAX)
		wrong = "there are 1024 orders in force: lift what is over";
	o.number = index_new_order(ix);
	if (wrong || !o.number)
		return client_end(k, -EINVAL, 0, wrong ? wrong : "the index cannot be read");
	record_begin(&r, "preserve");
	record_number(&r, "order", (int64_t)o.number);
	record_text(&r, "scope", order_scope_word(o.scope));
	record_text(&r, "value", o.value);
	if (o.from_s != PROTO_NO_TIME)
		record_number(&r, "from", o.from_s);
	if (o.until_s != PROTO_NO_TIME)
		record_number(&r, "until", o.until_s);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	log_info("preserve", "order=%" PRIu64 " scope=%s value=\"%s\" uid=%u", o.number,
	    order_scope_word(o.scope), log_text(o.value), (unsigned)k->uid);
	retention_changed(c->p.retention);
	holder_changed(c->p.holder);
	k->order = o.number;
	rc = index_order(ix, o.number, &o);
	if (rc == 0)
		rc = send_order(k, &o);
	if (rc == 0)
		client_park(k, PRESERVE_WAIT_S);
	return rc;
}

/* The stores were told of what the first page shows, as far as they can hold anything. */
bool control_preserve_done(const struct client *k)
{
	static struct upload up[CONFIG_DESTINATIONS];
	const struct control *c = k->control;
	struct index *ix = control_index(c);
	uint64_t numbers[COPY_PAGE];
	static struct asset a;
	static struct order o;
	int n =
	    index_order(ix, k->order, &o) < 0 ? 0 : index_covered(ix, &o, 0, numbers, COPY_PAGE);

	for (int i = 0; i < n; i++) {
		int ups = index_asset(ix, numbers[i], &a) < 0 ?
		    0 :
		    index_uploads(ix, numbers[i], up, CONFIG_DESTINATIONS);

		for (int d = 0; d < ups; d++) {
			if (holder_waits(c->p.holder, &a, &up[d]) &&
			    !holder_trouble(c->p.holder, up[d].destination)[0])
				return false;
		}
	}
	return true;
}

int control_preserve_end(struct client *k)
{
	static struct order o;

	return index_order(control_index(k->control), k->order, &o) < 0 ?
	    client_end(k, -EIO, 0, "the index cannot be read") :
	    send_covered(k, &o, send_preserved);
}

int control_lift(struct client *k)
{
	struct control *c = k->control;
	struct index *ix = control_index(c);
	static struct order o;
	struct record r;

	if (index_order(ix, k->ask.number, &o) < 0)
		return client_end(k, -ENOENT, 0, "no order of that number");
	if (k->ask.cursor && k->order == o.number)
		return send_covered(k, &o, send_lifted);
	if (!client_gave_reason(k))
		return 0;
	if (o.lifted_s)
		return client_end(k, -EALREADY, 0, "that order is lifted already");
	record_begin(&r, "lift");
	record_number(&r, "order", (int64_t)o.number);
	record_text(&r, "reason", k->ask.reason);
	record_number(&r, "uid", k->uid);
	journal_write(c->p.journal, &r);
	if (journal_commit(c->p.journal) < 0)
		return client_end(k, -EIO, 0, "it cannot be put on record");
	log_info("lift", "order=%" PRIu64 " uid=%u", o.number, (unsigned)k->uid);
	retention_changed(c->p.retention);
	holder_changed(c->p.holder);
	k->order = o.number;
	return send_covered(k, &o, send_lifted);
}

int control_orders(struct client *k)
{
	static struct order page[CONTROL_PAGE];
	int n = index_orders(control_index(k->control), k->ask.cursor, page, CONTROL_PAGE), rc = 0;

	if (n < 0)
		return client_end(k, n, 0, "the index cannot be read");
	for (int i = 0; i < n && rc == 0; i++)
		rc = send_order(k, &page[i]);
	return rc < 0 ? rc : client_end(k, 0, n == CONTROL_PAGE ? page[n - 1].number : 0, "");
}
