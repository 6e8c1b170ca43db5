/*
 * acceptance: signed receipts, handed to dockd-verify with what they ought to say.
 *
 * Called by uplink and reconcile; each turn by core. A few receipts wait here until a process is
 * free for them. It must never let anything but a clean "good" of verify count as good.
 */
#include "acceptance.h"

#include "brief.h"
#include "clock.h"
#include "index_asset.h"
#include "sealed.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 30000

struct claim {
	enum { CLAIM_NONE = 0, CLAIM_WAITS, CLAIM_ASKED } state;
	int64_t began_s;
	char sha256[PROTO_ID_LEN]; /* of the asset when the receipt came */
	struct accepted what;
	void (*done)(void *arg, const struct accepted *what);
	void *arg;
};

struct acceptance {
	struct journal *journal;
	struct verifier *verifier;
	char station[PROTO_NAME_LEN];
	size_t n;
	struct config_destination destination[CONFIG_DESTINATIONS];
	struct claim claim[CLAIMS_MAX];
};

struct acceptance *acceptance_new(struct journal *j, struct verifier *v)
{
	struct acceptance *a = calloc(1, sizeof(*a));

	if (!a)
		fatal("reason=\"out of memory\"");
	a->journal = j;
	a->verifier = v;
	return a;
}

void acceptance_free(struct acceptance *a)
{
	free(a);
}

void acceptance_configure(struct acceptance *a, const struct config *c)
{
	memcpy(a->station, c->station, sizeof(a->station));
	a->n = c->destinations_n;
	memcpy(a->destination, c->destination, c->destinations_n * sizeof(a->destination[0]));
}

const char *acceptance_word(enum receipt_result r)
{
	switch (r) {
	case RECEIPT_GOOD:
		return "good";
	case RECEIPT_UNREADABLE:
		return "unreadable";
	case RECEIPT_UNKNOWN_KEY:
		return "unknown-key";
	case RECEIPT_BAD_SIGNATURE:
		return "bad-signature";
	case RECEIPT_OTHER_ASSET:
		return "other-asset";
	case RECEIPT_WRONG_TIME:
		return "wrong-time";
	}
	return "unchecked";
}

int acceptance_ask(struct acceptance *a, uint64_t asset, const char *destination, int64_t began_s,
    const struct proto_receipt *receipt, void (*done)(void *arg, const struct accepted *what),
    void *arg)
{
	static struct asset x;
	struct claim *c = a->claim;
	int rc = index_asset(journal_index(a->journal), asset, &x);

	if (rc < 0)
		return rc;
	while (c < a->claim + CLAIMS_MAX && c->state != CLAIM_NONE)
		c++;
	if (c == a->claim + CLAIMS_MAX)
		return -EAGAIN;
	memset(c, 0, sizeof(*c));
	c->state = CLAIM_WAITS;
	c->began_s = began_s;
	memcpy(c->sha256, x.sha256, sizeof(c->sha256));
	c->what.asset = asset;
	snprintf(c->what.destination, sizeof(c->what.destination), "%s", destination);
	c->what.receipt = *receipt;
	c->done = done;
	c->arg = arg;
	return 0;
}

/* The claim's place is free before its asker hears of it. */
static void end(struct claim *c)
{
	static struct claim ended;

	ended = *c;
	*c = (struct claim){ .state = CLAIM_NONE };
	ended.done(ended.arg, &ended.what);
}

static void unchecked(struct claim *c, const char *why)
{
	c->what.result = 0;
	snprintf(
	    c->what.text, sizeof(c->what.text), "the receipt could not be checked: %.180s", why);
	end(c);
}

static void judged(void *arg, uint64_t key, const struct verdict *v)
{
	struct acceptance *a = arg;
	struct claim *c = &a->claim[key];
	static struct asset x;

	if (v->killed) { /* nothing was found wrong with it: it is asked again */
		c->state = CLAIM_WAITS;
		return;
	}
	if (!v->clean || v->result.status < 0) {
		unchecked(c, v->clean ? v->result.text : v->how);
		return;
	}
	if (index_asset(journal_index(a->journal), c->what.asset, &x) < 0 ||
	    strcmp(x.sha256, c->sha256) != 0) {
		unchecked(c, "the station's copy is another one now");
		return;
	}
	c->what.result = v->judged.result <= RECEIPT_WRONG_TIME ? v->judged.result : 0;
	c->what.server_s = v->judged.time_s;
	memcpy(c->what.signer, v->judged.signer, sizeof(c->what.signer));
	memcpy(c->what.version, v->judged.version, sizeof(c->what.version));
	memcpy(c->what.text, v->judged.text, sizeof(c->what.text));
	end(c);
}

/* What a server calls an object: the last part of its address (dockd-receipt(5)). */
static const char *object_of(const char *address)
{
	const char *slash = strrchr(address, '/');

	return slash ? slash + 1 : address;
}

/* What the receipt ought to say, and the keys that may say it (verify/facts.h). fd or -errno. */
static int facts_of(const struct acceptance *a, const struct claim *c, const struct asset *x)
{
	static struct record r;
	const struct config_destination *d = NULL;
	struct brief *b;

	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->destination[i].name, c->what.destination) == 0)
			d = &a->destination[i];
	}
	if (!d || d->receipt_keys_n == 0)
		return -ENOKEY;
	b = brief_new();
	if (!b)
		return -ENOMEM;
	record_begin(&r, "receipt");
	record_text(&r, "asset", x->id);
	record_text(&r, "sha256", x->sha256);
	record_number(&r, "length", (int64_t)x->size_bytes);
	record_text(&r, "station", a->station);
	record_text(&r, "object", object_of(c->what.receipt.object));
	record_number(&r, "sent", c->began_s);
	record_number(&r, "now", clock_now_s());
	brief_add(b, &r);
	for (size_t i = 0; i < d->receipt_keys_n; i++) {
		const struct config_receipt_key *k = &d->receipt_key[i];

		record_begin(&r, "key");
		record_text(&r, "vkey", k->vkey);
		if (k->from_s != PROTO_NO_TIME)
			record_number(&r, "from", k->from_s);
		if (k->until_s != PROTO_NO_TIME)
			record_number(&r, "until", k->until_s);
		brief_add(b, &r);
	}
	return brief_fd(b);
}

static int ask(struct acceptance *a, struct claim *c)
{
	struct question q = { .ask.job = VERIFY_RECEIPT,
		.fds = { -1, -1 },
		.fds_n = 2,
		.patience_ms = PATIENCE_MS,
		.key = (uint64_t)(c - a->claim),
		.done = judged,
		.arg = a };
	static struct asset x;
	int rc = index_asset(journal_index(a->journal), c->what.asset, &x);

	if (rc == 0)
		q.fds[0] = rc = facts_of(a, c, &x);
	if (rc >= 0)
		q.fds[1] = rc =
		    sealed_bytes("receipt", c->what.receipt.raw, c->what.receipt.raw_len);
	if (rc >= 0)
		rc = verifier_ask(a->verifier, &q);
	for (unsigned i = 0; i < 2; i++) {
		if (q.fds[i] >= 0)
			close(q.fds[i]);
	}
	if (rc == 0)
		c->state = CLAIM_ASKED;
	return rc;
}

void acceptance_plan(struct acceptance *a)
{
	for (unsigned i = 0; i < CLAIMS_MAX; i++) {
		struct claim *c = &a->claim[i];
		int rc;

		if (c->state != CLAIM_WAITS)
			continue;
		if (!verifier_room(a->verifier, VERIFY_RECEIPT))
			return;
		rc = ask(a, c);
		if (rc == -ENOKEY)
			unchecked(c, "no receipt-keys are set for this destination");
		else if (rc < 0 && rc != -EAGAIN)
			unchecked(c, strerror(-rc));
	}
}

size_t acceptance_open(const struct acceptance *a, const char *destination, uint64_t *asset)
{
	size_t n = 0;

	for (unsigned i = 0; i < CLAIMS_MAX; i++) {
		const struct claim *c = &a->claim[i];

		if (c->state != CLAIM_NONE && strcmp(c->what.destination, destination) == 0)
			asset[n++] = c->what.asset;
	}
	return n;
}

bool acceptance_idle(const struct acceptance *a)
{
	for (unsigned i = 0; i < CLAIMS_MAX; i++) {
		if (a->claim[i].state != CLAIM_NONE)
			return false;
	}
	return true;
}
