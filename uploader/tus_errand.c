#include "tus.h"

#include "facts.h"
#include "server.h"

#include <string.h>

#define SERVICE_MS 15000

static enum act_result cannot(struct transfer *t, const char *text)
{
	transfer_state(t, "cannot");
	return transfer_fail(t, UPLOAD_CANNOT, "%s", text);
}

static enum act_result next(struct transfer *t, enum tus_step step)
{
	struct tus_upload *u = t->own;

	u->step = step;
	return ACT_AGAIN;
}

/* Whether the address is on the configured host: an errand goes nowhere else, and as configured. */
static bool is_here(struct transfer *t)
{
	char pinned[PROTO_ADDRESS_LEN];

	if (!t->address[0] ||
	    tus_location(t->dest->conf.where, t->address, pinned, sizeof(pinned)) < 0)
		return false;
	memcpy(t->address, pinned, sizeof(pinned));
	return true;
}

/* 404 proves something only where a tus server says it, not a proxy that has lost its server. */
static enum act_result ask_service(struct transfer *t)
{
	struct http_request q = {
		.method = "OPTIONS", .url = t->dest->conf.where, .timeout_ms = SERVICE_MS
	};
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked) {
		u->fresh = true;
		return http_header(&q.headers, "Cache-Control: no-cache") ?
		    tus_ask(t, &q) :
		    transfer_fail(t, UPLOAD_LATER, "no memory");
	}
	v = tus_judge(t, TUS_OPTIONS, &r, &result);
	if (v == 0 || v == TUS_ASK || v == TUS_LATER)
		return result;
	if (v != TUS_GOOD || !r.speaks_tus) {
		transfer_state(t, "no-service");
		return transfer_fail(t, UPLOAD_DESTINATION,
		    "404, but no tus server answers at the configured URL: is its proxy in order?");
	}
	u->step = STEP_NONE;
	u->fresh = true;
	(void)transfer_ask(t, UPLOAD_LOST, "the server works and does not have it");
	return ACT_GONE;
}

/* ACT_DONE: there is an upload of this asset, as far as a HEAD can tell: *r. */
static enum act_result ask_which(struct transfer *t, struct tus_reply *r)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;

	if (!u->asked)
		return tus_ask_head(t, false);
	v = tus_judge(t, TUS_HEAD, r, &result);
	if (v == TUS_GONE)
		return next(t, STEP_SERVICE);
	if (v != TUS_GOOD)
		return result;
	if (tus_is_same(t, r) && (!r->has_length || r->length_bytes == t->upload.size_bytes) &&
	    r->offset_bytes <= t->upload.size_bytes)
		return ACT_DONE;
	transfer_state(t, "differs");
	return transfer_fail(t, UPLOAD_DIFFERS,
	    "what is there is not it: offset %llu, length %llu, expected %llu%s",
	    (unsigned long long)r->offset_bytes, (unsigned long long)r->length_bytes,
	    (unsigned long long)t->upload.size_bytes,
	    tus_is_same(t, r) ? "" : ", and another asset");
}

/* ACT_DONE: it is there, whole: *r. */
static enum act_result ask_head(struct transfer *t, struct tus_reply *r)
{
	enum act_result result = ask_which(t, r);

	if (result != ACT_DONE || r->offset_bytes == t->upload.size_bytes)
		return result;
	transfer_state(t, "differs");
	return transfer_fail(t, UPLOAD_DIFFERS, "it is not whole there: %llu of %llu bytes",
	    (unsigned long long)r->offset_bytes, (unsigned long long)t->upload.size_bytes);
}

/* ---- confirm ---- */

static enum act_result begin_confirm(struct transfer *t)
{
	uint32_t flags = t->dest->conf.flags;

	if ((flags & DESTINATION_RECEIPTS) && !facts_is_side(&t->upload))
		(void)next(t, STEP_NOTE);
	else if (flags & DESTINATION_READ_BACK)
		(void)next(t, STEP_BACK);
	else
		return cannot(t, "no way to ask is configured: receipt-path, or read-back = true");
	return is_here(t) ? ACT_AGAIN :
			    cannot(t, "the address on record is not on the configured host");
}

/* That the server has something else is only believed after it has shown that it is the server. */
static enum act_result differs(struct transfer *t)
{
	struct tus_upload *u = t->own;

	if (u->differed)
		return transfer_fail(t, UPLOAD_DIFFERS, "it has another length or SHA-256 there");
	u->differed = u->fresh = true;
	return next(t, STEP_HEAD);
}

/* The proof asked anew; v: what came of it. A plain 404 is looked into. */
static enum act_result ask_proof(struct transfer *t)
{
	struct tus_upload *u = t->own;
	bool note = u->step == STEP_NOTE;
	enum tus_verdict v;
	enum act_result r = note ? tus_take_note(t, &v) : tus_read_back(t, &v);
	uint32_t status = t->failed.http_status;

	if (v != 0 && v != TUS_GOOD && (status == 404 || status == 410) &&
	    t->failed.retry_after_ms == 0) {
		u->differed = false; /* the HEAD is the end then, not another GET */
		return next(t, STEP_HEAD);
	}
	if (r == ACT_DONE && !note && !server_has_it(t))
		return differs(t);
	return r;
}

enum act_result tus_confirm(struct transfer *t)
{
	struct tus_upload *u = t->own;
	struct tus_reply reply = { 0 };
	enum act_result r;

	switch ((int)u->step) {
	case STEP_NONE:
		return begin_confirm(t);
	case STEP_HEAD:
		r = ask_head(t, &reply);
		if (r == ACT_DONE && u->differed)
			return next(t, STEP_BACK);
		return r == ACT_DONE ?
		    transfer_fail(
			t, UPLOAD_LATER, "the server has it, but does not give proof of it (404)") :
		    r;
	case STEP_SERVICE:
		return ask_service(t);
	}
	return ask_proof(t);
}

/* ---- remove ---- */

static enum act_result begin_remove(struct transfer *t)
{
	const struct tus *s = t->dest->own;

	if (!(t->dest->conf.flags & DESTINATION_DISPOSE))
		return cannot(
		    t, "this store is not dockd's to dispose of: its operator must remove it");
	if (t->upload.kind == KIND_LEDGER || t->upload.kind == KIND_CHECKPOINT)
		return cannot(t, "the continuity ledger is never removed");
	if (s->keeps)
		return cannot(t,
		    "the server does not offer the termination extension: its operator must remove "
		    "it");
	if (!is_here(t))
		return cannot(t, "the address on record is not on the configured host");
	return next(t, STEP_HEAD);
}

static enum act_result ask_delete(struct transfer *t)
{
	struct http_request q = {
		.method = "DELETE", .url = t->address, .timeout_ms = t->dest->conf.answer_ms
	};
	struct tus_upload *u = t->own;
	enum act_result result;
	struct tus_reply r;

	if (!u->asked)
		return http_header(&q.headers, "Cache-Control: no-cache") ?
		    tus_ask(t, &q) :
		    transfer_fail(t, UPLOAD_LATER, "no memory");
	switch ((int)tus_judge(t, TUS_DELETE, &r, &result)) {
	case TUS_GOOD:
		return next(t, STEP_CHECK);
	case TUS_GONE:
		return next(t, STEP_SERVICE);
	}
	if (t->failed.http_status == 405 || t->failed.http_status == 501) {
		t->failed.failure = UPLOAD_CANNOT;
		transfer_state(t, "cannot");
	}
	return result;
}

/* What the server says that it has removed must not be there any more. */
static enum act_result check_removed(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked)
		return tus_ask_head(t, false);
	v = tus_judge(t, TUS_HEAD, &r, &result);
	/* tus 1.0.0 HEAD: 403 is one way to say that it is not there. */
	if (v == TUS_GONE || (v == TUS_CREDENTIALS && r.status == 403 && !r.has_offset))
		return ACT_DONE;
	if (v != TUS_GOOD)
		return result;
	u->step = STEP_HEAD;
	return transfer_fail(
	    t, UPLOAD_LATER, "the server says that it removed it, and still has it");
}

/* What another station knows of it (orders, findings) is not known here. */
static enum act_result look_whose(struct transfer *t)
{
	struct tus_reply r = { 0 };
	enum act_result result = ask_head(t, &r);

	if (result != ACT_DONE)
		return result;
	if (!r.station[0] || strcmp(r.station, t->dest->station) == 0)
		return next(t, STEP_DELETE);
	transfer_state(t, "another-station");
	return transfer_fail(t, UPLOAD_CANNOT,
	    "station %s has brought it there, and goes by it: dispose of it there", r.station);
}

enum act_result tus_remove(struct transfer *t)
{
	const struct tus_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_NONE:
		return begin_remove(t);
	case STEP_HEAD:
		return look_whose(t);
	case STEP_DELETE:
		return ask_delete(t);
	case STEP_CHECK:
		return check_removed(t);
	}
	return ask_service(t);
}

/* ---- abandon ---- */

static enum act_result begin_abandon(struct transfer *t)
{
	const struct tus_upload *u = t->own;
	const struct tus *s = t->dest->own;

	if (!s->known && !u->learnt)
		return tus_learn(t);
	if (t->dest->conf.find_path[0])
		return cannot(t,
		    "other stations find it there and may go on with it: it is left to "
		    "the server's expiration");
	if (!s->terminates)
		return cannot(t,
		    "the server does not offer the termination extension: it is left to "
		    "its expiration, or its operator");
	if (!is_here(t))
		return cannot(t, "the address on record is not on the configured host");
	return next(t, STEP_HEAD);
}

static enum act_result ask_unfinished(struct transfer *t)
{
	struct tus_reply r = { 0 };
	enum act_result result = ask_which(t, &r);

	if (result != ACT_DONE)
		return result;
	return r.offset_bytes < t->upload.size_bytes ?
	    next(t, STEP_DELETE) :
	    cannot(t, "it is whole there: what is whole is left alone");
}

enum act_result tus_abandon(struct transfer *t)
{
	const struct tus_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_NONE:
		return begin_abandon(t);
	case STEP_HEAD:
		return ask_unfinished(t);
	case STEP_DELETE:
		return ask_delete(t);
	case STEP_CHECK:
		return check_removed(t);
	}
	return ask_service(t);
}
