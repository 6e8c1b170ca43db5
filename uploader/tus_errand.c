#include "tus.h"

#include "facts.h"

#include <string.h>

#define SERVICE_MS 15000

static enum act_result next(struct transfer *t, enum tus_step step)
{
	struct tus_upload *u = t->own;

	u->step = step;
	return ACT_AGAIN;
}

/* Whether the address is on the configured host: an errand goes nowhere else. */
static bool is_here(struct transfer *t)
{
	char pinned[PROTO_ADDRESS_LEN];

	return t->address[0] &&
	    tus_location(t->dest->conf.where, t->address, pinned, sizeof(pinned)) == 0;
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
	if (v != TUS_GOOD || !r.speaks_tus)
		return transfer_fail(t, UPLOAD_DESTINATION,
		    "404, but no tus server answers at the configured URL: is its proxy in order?");
	u->step = STEP_NONE;
	u->fresh = true;
	(void)transfer_ask(t, UPLOAD_LOST, "the server works and does not have it");
	return ACT_GONE;
}

/* ACT_DONE: it is there, and it is this one as far as a HEAD can tell. */
static enum act_result ask_head(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked)
		return tus_ask_head(t, false);
	v = tus_judge(t, TUS_HEAD, &r, &result);
	if (v == TUS_GONE)
		return next(t, STEP_SERVICE);
	if (v != TUS_GOOD)
		return result;
	if ((r.has_length && r.length_bytes != t->upload.size_bytes) ||
	    r.offset_bytes != t->upload.size_bytes)
		return transfer_fail(t, UPLOAD_DIFFERS,
		    "what is there is not it: offset %llu, length %llu, expected %llu",
		    (unsigned long long)r.offset_bytes, (unsigned long long)r.length_bytes,
		    (unsigned long long)t->upload.size_bytes);
	if (r.has_asset && strcmp(r.asset, t->upload.asset) != 0)
		return transfer_fail(t, UPLOAD_DIFFERS, "what is there is another asset's");
	return ACT_DONE;
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
		return transfer_fail(t, UPLOAD_CANNOT,
		    "no way to ask is configured: receipt-path, or read-back = true");
	return is_here(t) ?
	    ACT_AGAIN :
	    transfer_fail(t, UPLOAD_CANNOT, "the address on record is not on the configured host");
}

/* The proof asked anew; v: what came of it. A plain 404 is looked into. */
static enum act_result ask_proof(struct transfer *t)
{
	const struct tus_upload *u = t->own;
	bool note = u->step == STEP_NOTE;
	enum tus_verdict v;
	enum act_result r = note ? tus_take_note(t, &v) : tus_read_back(t, &v);
	uint32_t status = t->failed.http_status;

	if (v != 0 && v != TUS_GOOD && (status == 404 || status == 410) &&
	    t->failed.retry_after_ms == 0)
		return next(t, STEP_HEAD);
	if (r == ACT_DONE && !note &&
	    (t->receipt.length_bytes != t->upload.size_bytes ||
		memcmp(t->receipt.sha256, t->upload.sha256, PROTO_SHA256_LEN) != 0))
		return transfer_fail(t, UPLOAD_DIFFERS, "it has another length or SHA-256 there");
	return r;
}

enum act_result tus_confirm(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result r;

	switch ((int)u->step) {
	case STEP_NONE:
		return begin_confirm(t);
	case STEP_HEAD:
		r = ask_head(t);
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
		return transfer_fail(t, UPLOAD_CANNOT,
		    "this store is not dockd's to dispose of: its operator must remove it");
	if (t->upload.kind == KIND_LEDGER || t->upload.kind == KIND_CHECKPOINT)
		return transfer_fail(t, UPLOAD_CANNOT, "the continuity ledger is never removed");
	if (s->keeps)
		return transfer_fail(t, UPLOAD_CANNOT,
		    "the server does not offer the termination extension: its operator must remove "
		    "it");
	if (!is_here(t))
		return transfer_fail(
		    t, UPLOAD_CANNOT, "the address on record is not on the configured host");
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
	if (t->failed.http_status == 405 || t->failed.http_status == 501)
		t->failed.failure = UPLOAD_CANNOT;
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

enum act_result tus_remove(struct transfer *t)
{
	const struct tus_upload *u = t->own;
	enum act_result r;

	switch ((int)u->step) {
	case STEP_NONE:
		return begin_remove(t);
	case STEP_HEAD:
		r = ask_head(t);
		return r == ACT_DONE ? next(t, STEP_DELETE) : r;
	case STEP_DELETE:
		return ask_delete(t);
	case STEP_CHECK:
		return check_removed(t);
	}
	return ask_service(t);
}
