#include "shipping.h"

#include "index_proof.h"
#include "ledger.h"
#include "ledger_read.h"
#include "sealed.h"
#include "waits.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PIECE_BYTES (1u << 20)

/* A pass goes through these in this order, and rests for ship-seconds. */
enum stage { STAGE_REST = 0, STAGE_LEDGER, STAGE_CHECKPOINT, STAGE_BUNDLES };

/* What is sent next, made once and kept until there is a slot for it. */
struct parcel {
	int fd; /* -1: none */
	struct proto_upload what;
	uint64_t from, to; /* records; bundle: to */
	uint64_t asset;    /* bundle */
};

/* To one destination. */
struct route {
	struct shipping *shipping;
	char name[PROTO_NAME_LEN];
	enum stage stage;
	bool out;    /* the parcel is under way */
	bool cannot; /* it takes no such thing */
	bool failed; /* something in this pass */
	unsigned attempts;
	uint64_t rest_until_ms;
	uint64_t looked_at; /* the ledger's size when there was nothing to do */
	uint64_t after;     /* bundles of assets up to here had their turn in this pass */
	uint64_t size;      /* records under note */
	char note[CHECKPOINT_NOTE_MAX];
	struct parcel parcel;
};

struct shipping {
	struct journal *journal;
	struct uplink *uplink;
	struct checkpoint *checkpoint;
	char station[PROTO_NAME_LEN];
	uint32_t every_s, retry_min_s, retry_max_s;
	size_t n;
	struct route *route[CONFIG_DESTINATIONS];
};

struct shipping *shipping_new(
    struct journal *j, struct uplink *u, struct checkpoint *c, const char *station)
{
	struct shipping *s = calloc(1, sizeof(*s));

	if (!s)
		fatal("reason=\"out of memory\"");
	s->journal = j;
	s->uplink = u;
	s->checkpoint = c;
	snprintf(s->station, sizeof(s->station), "%s", station);
	return s;
}

static void drop_parcel(struct route *r)
{
	if (r->parcel.fd >= 0)
		close(r->parcel.fd);
	r->parcel.fd = -1;
}

static void drop_route(struct route *r)
{
	drop_parcel(r);
	free(r);
}

void shipping_free(struct shipping *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		drop_route(s->route[i]);
	free(s);
}

/* One that is no longer named goes when the answer to what it has under way is in. */
static void drop_old(struct shipping *s, const struct config *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct route *r = s->route[i];
		bool named = r->out;

		for (size_t k = 0; k < c->destinations_n; k++)
			named = named || strcmp(c->destination[k].name, r->name) == 0;
		if (named)
			s->route[kept++] = r;
		else
			drop_route(r);
	}
	s->n = kept;
}

void shipping_configure(struct shipping *s, const struct config *c)
{
	uint64_t soon_ms = waits_now_ms() + c->ship_s * UINT64_C(1000);

	s->every_s = c->ship_s;
	s->retry_min_s = c->retry_min_s;
	s->retry_max_s = c->retry_max_s;
	drop_old(s, c);
	for (size_t i = 0; i < c->destinations_n; i++) {
		struct route *r = NULL;

		for (size_t k = 0; k < s->n && !r; k++) {
			if (strcmp(s->route[k]->name, c->destination[i].name) == 0)
				r = s->route[k];
		}
		if (!r && s->n < CONFIG_DESTINATIONS) {
			r = calloc(1, sizeof(*r));
			if (!r)
				fatal("reason=\"out of memory\"");
			r->shipping = s;
			r->parcel.fd = -1;
			r->rest_until_ms = UINT64_MAX;
			memcpy(r->name, c->destination[i].name, sizeof(r->name));
			s->route[s->n++] = r;
		}
		if (r) {
			r->cannot = false;
			r->looked_at = 0;
			if (r->rest_until_ms > soon_ms)
				r->rest_until_ms = soon_ms;
		}
	}
}

/* ---- a pass ---- */

static void rest(struct route *r)
{
	const struct shipping *s = r->shipping;
	uint64_t wait_ms = s->every_s * UINT64_C(1000), back_ms = 0;
	uint32_t random = 0;

	if (r->failed) {
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = (uint32_t)waits_now_ms();
		back_ms = waits_backoff_ms(++r->attempts, s->retry_min_s, s->retry_max_s, random);
	} else {
		r->attempts = 0;
	}
	drop_parcel(r);
	r->stage = STAGE_REST;
	r->looked_at = 0;
	r->rest_until_ms = waits_now_ms() + (wait_ms > back_ms ? wait_ms : back_ms);
}

static struct index *ix(const struct route *r)
{
	return journal_index(r->shipping->journal);
}

/* Whether there is something to send; if so, a pass begins, with the checkpoint as it is now. */
static void begin(struct route *r)
{
	struct shipping *s = r->shipping;
	uint64_t records = journal_records(s->journal), asset, to = 0;
	uint64_t size = checkpoint_size(s->checkpoint);

	if (records + size == r->looked_at)
		return;
	r->looked_at = records + size;
	if (size == 0 || index_shipped(ix(r), r->name, &to) < 0)
		return;
	if (size > to && index_told(ix(r)) > to)
		r->stage = STAGE_LEDGER;
	else if (index_to_bundle(ix(r), r->name, 0, size, &asset) == 0)
		r->stage = STAGE_BUNDLES;
	else
		return;
	r->failed = false;
	r->after = 0;
	r->size = size;
	snprintf(r->note, sizeof(r->note), "%s", checkpoint_note(s->checkpoint));
}

/* ---- parcels ---- */

static void describe(
    struct route *r, enum object_kind kind, const char *name, const void *bytes, size_t n)
{
	struct proto_upload *w = &r->parcel.what;

	memset(w, 0, sizeof(*w));
	w->kind = kind;
	w->size_bytes = n;
	w->recorded_s = w->dispose_by_s = PROTO_NO_TIME;
	snprintf(w->name, sizeof(w->name), "%s", name);
	EVP_Digest(bytes, n, w->sha256, NULL, EVP_sha256(), NULL);
}

struct piece {
	uint64_t to; /* at most */
	uint64_t last;
	size_t used;
	char bytes[PIECE_BYTES];
};

static int add_record(void *arg, uint64_t seq, const struct record *r)
{
	struct piece *p = arg;
	int n;

	if (seq > p->to)
		return 1;
	n = record_format(r, p->bytes + p->used, sizeof(p->bytes) - p->used);
	if (n == -ENOSPC)
		return 1;
	if (n < 0)
		return n;
	p->used += (size_t)n;
	p->last = seq;
	return 0;
}

/* The next records that it lacks, up to the pass's checkpoint. 0; -ENOENT: it has them. */
static int make_piece(struct route *r)
{
	static struct piece p;
	struct ledger *l = journal_ledger(r->shipping->journal);
	char name[80];
	uint64_t have;
	int rc = index_shipped(ix(r), r->name, &have);

	if (rc == 0 && have >= r->size)
		rc = -ENOENT;
	if (rc < 0)
		return rc;
	p.to = r->size;
	p.last = 0;
	p.used = 0;
	rc = ledger_replay(l, have + 1, add_record, &p);
	if (rc < 0 || p.last == 0)
		return rc < 0 ? rc : -EIO;
	r->parcel.from = have + 1;
	r->parcel.to = p.last;
	snprintf(
	    name, sizeof(name), "ledger-%016" PRIu64 "-%016" PRIu64 ".jsonl", have + 1, p.last);
	describe(r, KIND_LEDGER, name, p.bytes, p.used);
	r->parcel.fd = sealed_bytes("side-object", p.bytes, p.used);
	return r->parcel.fd < 0 ? r->parcel.fd : 0;
}

static int make_checkpoint(struct route *r)
{
	describe(r, KIND_CHECKPOINT, "checkpoint", r->note, strlen(r->note));
	r->parcel.fd = sealed_bytes("side-object", r->note, strlen(r->note));
	return r->parcel.fd < 0 ? r->parcel.fd : 0;
}

static int prove(void *arg, uint64_t seq, struct tlog_hash out[TLOG_DEPTH])
{
	return checkpoint_prove(arg, seq, out);
}

int shipping_bundle(struct journal *j, struct checkpoint *c, const char *station, uint64_t asset,
    struct bundle *out)
{
	char key[NOTE_VKEY_LEN] = "";
	struct bundle_tree tree = {
		.station = station,
		.key = key,
		.checkpoint = checkpoint_note(c),
		.size = checkpoint_size(c),
		.prove = prove,
		.arg = c,
	};

	if (note_key_format(checkpoint_key(c), key, sizeof(key)) < 0)
		return -EINVAL;
	return bundle_make(journal_index(j), journal_ledger(j), &tree, asset, out);
}

/* The bundle of the next asset that is due. 0; -ENOENT: none is. */
static int make_bundle(struct route *r)
{
	struct shipping *s = r->shipping;
	struct proto_upload *w = &r->parcel.what;
	uint64_t size = checkpoint_size(s->checkpoint), asset;
	struct bundle b = { .fd = -1 };
	int rc = index_to_bundle(ix(r), r->name, r->after, size, &asset);

	if (rc < 0)
		return rc;
	r->after = asset;
	rc = shipping_bundle(s->journal, s->checkpoint, s->station, asset, &b);
	if (rc == 0)
		rc = uplink_describe(s->uplink, asset, r->name, w);
	if (rc < 0) {
		log_warn("bundle-not-made", "asset=%" PRIu64 " destination=%s reason=\"%s\"", asset,
		    r->name, strerror(-rc));
		if (b.fd >= 0)
			close(b.fd);
		r->failed = true;
		return -EAGAIN;
	}
	w->kind = KIND_BUNDLE;
	w->size_bytes = b.size_bytes;
	memcpy(w->sha256, b.sha256, sizeof(w->sha256));
	w->address[0] = '\0';
	snprintf(w->name, sizeof(w->name), "%.64s.bundle", w->asset);
	r->parcel.fd = b.fd;
	r->parcel.asset = asset;
	r->parcel.to = size;
	return 0;
}

/* Makes what comes next in this pass. Whether there is a parcel. */
static bool make(struct route *r)
{
	int rc = 0;

	switch (r->stage) {
	case STAGE_REST:
		return false;
	case STAGE_LEDGER:
		rc = make_piece(r);
		if (rc == -ENOENT)
			r->stage = STAGE_CHECKPOINT;
		break;
	case STAGE_CHECKPOINT:
		rc = make_checkpoint(r);
		break;
	case STAGE_BUNDLES:
		rc = make_bundle(r);
		if (rc == -ENOENT)
			rest(r);
		break;
	}
	if (rc < 0 && rc != -ENOENT && rc != -EAGAIN) {
		log_warn("shipping-failed", "destination=%s reason=\"%s\"", r->name, strerror(-rc));
		r->failed = true;
		rest(r);
	}
	return rc == 0;
}

/* ---- answers ---- */

static void record_shipped(struct route *r, const char *object)
{
	struct shipping *s = r->shipping;
	struct record rec;

	record_begin(&rec, "shipped");
	record_text(&rec, "destination", r->name);
	record_number(&rec, "from", (int64_t)r->parcel.from);
	record_number(&rec, "to", (int64_t)r->parcel.to);
	record_text(&rec, "object", object);
	journal_write(s->journal, &rec);
	log_info("shipped", "destination=%s from=%" PRIu64 " to=%" PRIu64, r->name, r->parcel.from,
	    r->parcel.to);
}

static void record_bundled(struct route *r, const char *object)
{
	struct record rec;

	record_begin(&rec, "bundled");
	record_number(&rec, "asset", (int64_t)r->parcel.asset);
	record_text(&rec, "destination", r->name);
	record_number(&rec, "upto", (int64_t)r->parcel.to);
	record_text(&rec, "object", object);
	journal_write(r->shipping->journal, &rec);
	log_info("bundled", "destination=%s asset=%" PRIu64 " upto=%" PRIu64, r->name,
	    r->parcel.asset, r->parcel.to);
}

static void arrived(struct route *r, const struct proto_receipt *c)
{
	enum object_kind kind = (enum object_kind)r->parcel.what.kind;

	if (kind == KIND_LEDGER)
		record_shipped(r, c->object);
	else if (kind == KIND_CHECKPOINT)
		r->stage = STAGE_BUNDLES;
	else
		record_bundled(r, c->object);
	drop_parcel(r);
}

/* One bundle that is not taken does not keep back the others; all else ends the pass. */
static void came_back(struct route *r, const struct proto_failed *f)
{
	bool bundle = r->parcel.what.kind == KIND_BUNDLE;

	r->failed = true;
	r->cannot = f && f->failure == UPLOAD_CANNOT;
	if (bundle && f && (f->failure == UPLOAD_REFUSED || f->failure == UPLOAD_DIFFERS))
		drop_parcel(r);
	else
		rest(r);
}

static void on_answer(void *arg, uint64_t key, const struct uplink_answer *a)
{
	struct route *r = arg;

	(void)key;
	r->out = false;
	if (a->end == UPLINK_DONE && a->receipt)
		arrived(r, a->receipt);
	else
		came_back(r, a->end == UPLINK_FAILED ? a->failed : NULL);
}

static void send(struct route *r)
{
	struct uplink_errand e = {
		.type = MSG_UPLOAD,
		.what = &r->parcel.what,
		.fd = r->parcel.fd,
		.done = on_answer,
		.arg = r,
	};
	int rc = uplink_errand(r->shipping->uplink, r->name, &e);

	if (rc == 0)
		r->out = true;
	else if (rc == -EOPNOTSUPP)
		r->cannot = true;
	else if (rc != -EAGAIN)
		rest(r);
}

void shipping_turn(struct shipping *s)
{
	if (!journal_works(s->journal))
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct route *r = s->route[i];

		if (r->out || r->cannot || waits_now_ms() < r->rest_until_ms)
			continue;
		if (r->stage == STAGE_REST)
			begin(r);
		if (r->parcel.fd >= 0 || make(r))
			send(r);
	}
}
