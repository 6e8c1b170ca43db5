/*
 * s3_errand: what is asked of an S3 store after an upload: whether it still has it, its removal, an
 * upload given up, holds; see s3.h.
 *
 * Goes by the version on record, so that nothing that was put over it later is taken for it. A
 * version is deleted only when it was looked at and no lock or hold was on it.
 */
#include "s3.h"

#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_MS 60000

/* u->a of the address on record. */
static enum act_result begin(struct transfer *t, enum s3_step step)
{
	struct s3_upload *u = t->own;

	if (s3_address_read(t->upload.address, &u->a) < 0)
		return transfer_fail(
		    t, UPLOAD_CANNOT, "the address on record is none of a store's");
	return s3_next(t, step);
}

/* A 404 proves something only where the bucket itself answers. */
static enum act_result service(struct transfer *t)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t, s3_bucket_head(&t->dest->conf, s3_form()), &q);
	if (s3_heard(t, S3_BUCKET, &h, &result) != S3_GOOD)
		return result;
	u->step = STEP_NONE;
	(void)transfer_ask(t, UPLOAD_LOST, "the bucket is there and does not have it");
	return ACT_GONE;
}

/* Whether what HEAD found is what is on record; what is not told does not count against it. */
static bool may_be_it(const struct transfer *t, const struct s3_head *h)
{
	char hex[68], none[28];
	static const uint8_t md5[S3_MD5_LEN];

	s3_sum_texts(t->upload.sha256, md5, hex, none);
	return h->has_length && h->length_bytes == t->upload.size_bytes &&
	    (!h->asset[0] || strcmp(h->asset, t->upload.asset) == 0) &&
	    (!h->sha256[0] || strcmp(h->sha256, hex) == 0);
}

/* ACT_DONE: h tells of it. ACT_GONE after the bucket was asked. */
static enum act_result look(struct transfer *t, struct s3_head *h)
{
	struct s3_upload *u = t->own;
	enum act_result result;

	if (!u->asked)
		return s3_ask_head(t, t->upload.version);
	switch ((int)s3_heard(t, S3_HEAD, h, &result)) {
	case S3_GOOD:
		break;
	case S3_GONE:
		return s3_next(t, STEP_SERVICE);
	default:
		return result;
	}
	if (!may_be_it(t, h))
		return transfer_fail(t, UPLOAD_DIFFERS,
		    "what is there is not it: %llu bytes, expected %llu, or another's",
		    (unsigned long long)h->length_bytes, (unsigned long long)t->upload.size_bytes);
	return ACT_DONE;
}

/* ---- confirm ---- */

static enum act_result confirm_look(struct transfer *t)
{
	struct s3_head h = { 0 };
	enum act_result r = look(t, &h);

	if (r != ACT_DONE)
		return r;
	s3_take_facts(t, &h);
	return t->dest->conf.flags & DESTINATION_READ_BACK ? s3_next(t, STEP_BACK) : ACT_DONE;
}

static enum act_result confirm_back(struct transfer *t)
{
	enum s3_verdict v;
	enum act_result r = s3_read_back(t, t->upload.version, &v);

	if (v == S3_GONE)
		return s3_next(t, STEP_SERVICE);
	if (r == ACT_DONE &&
	    (t->receipt.length_bytes != t->upload.size_bytes ||
		memcmp(t->receipt.sha256, t->upload.sha256, PROTO_SHA256_LEN) != 0))
		return transfer_fail(t, UPLOAD_DIFFERS, "it has another length or SHA-256 there");
	return r;
}

enum act_result s3_confirm(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HEAD:
		return confirm_look(t);
	case STEP_BACK:
		return confirm_back(t);
	case STEP_SERVICE:
		return service(t);
	}
	return begin(t, STEP_HEAD);
}

/* ---- remove ---- */

static enum act_result begin_remove(struct transfer *t)
{
	if (!(t->dest->conf.flags & DESTINATION_DISPOSE))
		return transfer_fail(t, UPLOAD_CANNOT,
		    "this store is not dockd's to dispose of: its operator must remove it");
	if (t->upload.kind == KIND_LEDGER || t->upload.kind == KIND_CHECKPOINT)
		return transfer_fail(t, UPLOAD_CANNOT, "the continuity ledger is never removed");
	return begin(t, STEP_HEAD);
}

static enum act_result locked(struct transfer *t, const struct s3_head *h)
{
	char until[FACTS_TIME_LEN];

	transfer_state(t, "locked");
	if (h->held)
		return transfer_fail(
		    t, UPLOAD_CANNOT, "a legal hold is on it: it must be lifted first");
	facts_time(h->retain_until_s, until);
	return transfer_fail(t, UPLOAD_CANNOT, "the store keeps it locked until %s", until);
}

static enum act_result remove_look(struct transfer *t)
{
	struct s3_upload *u = t->own;
	struct s3_head h = { 0 };
	enum act_result r = look(t, &h);

	if (r != ACT_DONE)
		return r;
	/* what that one knows of it (orders, findings) is not known here */
	if (h.station[0] && strcmp(h.station, t->dest->station) != 0) {
		transfer_state(t, "another-station");
		return transfer_fail(t, UPLOAD_CANNOT,
		    "station %s has brought it there, and goes by it: dispose of it there",
		    h.station);
	}
	if (h.held || (h.locked && h.retain_until_s > (int64_t)time(NULL)))
		return locked(t, &h);
	/* A version by its name: without it a bucket with versions would only hide it. */
	memcpy(u->version, h.version, sizeof(u->version));
	return s3_next(t, STEP_DELETE);
}

static enum act_result remove_ask(struct transfer *t)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t, s3_delete(&t->dest->conf, u->a.key, u->version, s3_form()), &q);
	switch ((int)s3_heard(t, S3_DELETE, &h, &result)) {
	case S3_GOOD:
	case S3_GONE:
		return s3_next(t, STEP_AWAY);
	}
	return result;
}

/* What the store says that it has removed must not be there any more. */
static enum act_result remove_check(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask_head(t, u->version);
	switch ((int)s3_heard(t, S3_HEAD, &h, &result)) {
	case S3_GONE:
		return ACT_DONE;
	case S3_GOOD:
		u->step = STEP_NONE;
		return transfer_fail(
		    t, UPLOAD_LATER, "the store says that it removed it, and still has it");
	}
	return result;
}

enum act_result s3_remove(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HEAD:
		return remove_look(t);
	case STEP_DELETE:
		return remove_ask(t);
	case STEP_AWAY:
		return remove_check(t);
	case STEP_SERVICE:
		return service(t);
	}
	return begin_remove(t);
}

/* ---- abandon ---- */

static enum act_result abandon_ask(struct transfer *t)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t, s3_abort(&t->dest->conf, &u->a, s3_form()), &q);
	(void)s3_heard(t, S3_ABORT, &h, &result);
	return result;
}

/* An address without an upload: an object that is there is whole. */
static enum act_result abandon_look(struct transfer *t)
{
	struct s3_head h;
	enum act_result r = look(t, &h);

	return r == ACT_DONE || (r == ACT_FAILED && t->failed.failure == UPLOAD_DIFFERS) ?
	    transfer_fail(t, UPLOAD_CANNOT, "it is whole there, and is left alone") :
	    r;
}

enum act_result s3_abandon(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HEAD:
		return u->a.upload_id[0] ? abandon_ask(t) : abandon_look(t);
	case STEP_SERVICE:
		return service(t);
	}
	return begin(t, STEP_HEAD);
}

/* ---- locks and holds ---- */

/* Sends u->body, len bytes of it. */
static enum act_result put_body(struct transfer *t, int len, const char *version,
    int (*build)(const struct proto_destination *c, const char *key, const char *version,
	const char *digest, const char *md5, struct s3_request *r))
{
	struct http_request q = { .has_body = true };
	struct s3_upload *u = t->own;
	char digest[68], md5[28];

	if (len < 0 || s3_sum_memory(u->body, (size_t)len, digest, md5) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	q.body = u->body;
	q.length_bytes = (uint64_t)len;
	return s3_ask(t, build(&t->dest->conf, u->a.key, version, digest, md5, s3_form()), &q);
}

static enum act_result body_taken(struct transfer *t, enum s3_verdict *v)
{
	enum act_result result;
	struct s3_head h;

	*v = s3_heard(t, S3_HOLD, &h, &result);
	return result;
}

enum act_result s3_put_hold(struct transfer *t, const char *version, bool on, enum s3_verdict *v)
{
	struct s3_upload *u = t->own;

	*v = 0;
	return u->asked ?
	    body_taken(t, v) :
	    put_body(t, s3_legal_hold_body(on, u->body, sizeof(u->body)), version, s3_legal_hold);
}

enum act_result s3_put_lock(struct transfer *t, const char *version, enum s3_verdict *v)
{
	const struct proto_destination *c = &t->dest->conf;
	struct s3_upload *u = t->own;
	int64_t until = s3_retain_until(c, &t->upload, time(NULL));

	*v = 0;
	return u->asked ?
	    body_taken(t, v) :
	    put_body(t, s3_retention_body(c->lock_mode, until, u->body, sizeof(u->body)), version,
		s3_retention);
}

/* ---- preserve ---- */

static enum act_result preserve_put(struct transfer *t)
{
	enum s3_verdict v;
	enum act_result r = s3_put_hold(t, t->upload.version, t->upload.preserved != 0, &v);

	if (v == S3_GONE)
		return s3_next(t, STEP_SERVICE);
	return r == ACT_DONE ? s3_next(t, STEP_HELD) : r;
}

/* Only the store's own word counts. */
static enum act_result look_hold(struct transfer *t)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;
	int held = -1;

	if (!u->asked)
		return s3_ask(t,
		    s3_legal_hold_ask(&t->dest->conf, u->a.key, t->upload.version, s3_form()), &q);
	switch ((int)s3_heard(t, S3_HOLD, &h, &result)) {
	case S3_GOOD:
		held = s3_hold_read(u->text, s3_text_len(t));
		break;
	case S3_GONE:
		held = 0;
		break;
	default:
		return result;
	}
	u->step = STEP_NONE;
	if (held < 0)
		return transfer_ask(t, UPLOAD_LATER, "the store's word on the hold makes no sense");
	if ((held != 0) != (t->upload.preserved != 0))
		return transfer_fail(
		    t, UPLOAD_LATER, "the store took the hold and does not state it");
	return ACT_DONE;
}

enum act_result s3_preserve(struct transfer *t)
{
	const struct s3 *s = t->dest->own;
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HOLD:
		return preserve_put(t);
	case STEP_HELD:
		return look_hold(t);
	case STEP_SERVICE:
		return service(t);
	}
	return s->lock ? begin(t, STEP_HOLD) :
			 transfer_fail(t, UPLOAD_CANNOT,
			     "the bucket has no object lock, so it knows no legal hold");
}
