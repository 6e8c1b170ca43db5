/*
 * s3_errand: what is asked of an S3 store after an upload: whether it still has it, its removal, an
 * upload given up; see s3.h. Holds are s3_hold.c's.
 *
 * Goes by the version on record, so that nothing that was put over it later is taken for it. A
 * version is deleted only when it was looked at and no lock or hold was on it.
 */
#include "s3.h"

#include "facts.h"
#include "server.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_MS 60000

enum act_result s3_begin_errand(struct transfer *t, enum s3_step step)
{
	struct s3_upload *u = t->own;

	u->gone = u->marked = u->dropping = false;
	u->drops = 0;
	if (s3_address_read(t->upload.address, &u->a) < 0)
		return transfer_fail(
		    t, UPLOAD_CANNOT, "the address on record is none of a store's");
	return s3_next(t, step);
}

enum act_result s3_service(struct transfer *t)
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

/*
 * That the store has something else is believed when it is found twice, and then only of an answer
 * that names itself the store's.
 */
static enum act_result differs(struct transfer *t, bool named, const char *what)
{
	struct s3_upload *u = t->own;

	if (!u->differed) {
		u->differed = u->fresh = true;
		return s3_next(t, STEP_HEAD);
	}
	if (named)
		return transfer_fail(t, UPLOAD_DIFFERS, "%s", what);
	transfer_state(t, "answer");
	return transfer_fail(t, UPLOAD_LATER,
	    "%s, but no x-amz- header says that it is the store that answers: a login page?", what);
}

enum act_result s3_look(struct transfer *t, struct s3_head *h)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	char what[128];

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
	if (may_be_it(t, h))
		return ACT_DONE;
	snprintf(what, sizeof(what),
	    "what is there is not it: %llu bytes, expected %llu, or another's",
	    (unsigned long long)h->length_bytes, (unsigned long long)t->upload.size_bytes);
	return differs(t, h->named, what);
}

/* ---- confirm ---- */

static enum act_result confirm_look(struct transfer *t)
{
	struct s3_head h = { 0 };
	enum act_result r = s3_look(t, &h);

	if (r != ACT_DONE)
		return r;
	s3_take_facts(t, &h);
	return s3_next(t, s3_marks_only(t) ? STEP_MARK : STEP_BACK);
}

/* In a bucket that knows no holds: this station's mark. */
static enum act_result confirm_mark(struct transfer *t)
{
	enum s3_verdict v;
	enum act_result r = s3_look_mark(t, &v);

	if (v != S3_GOOD && v != S3_GONE)
		return r;
	if (v == S3_GOOD)
		t->receipt.held = HOLD_MARK;
	return s3_next(t, STEP_BACK);
}

/* Also of one that was cut, being longer than it may be: nobody has read its head yet. */
static bool answer_is_named(const struct transfer *t)
{
	struct s3_head h;

	return s3_head_read(t->http->head, t->http->head_len, time(NULL), &h) == 0 && h.named;
}

static enum act_result confirm_back(struct transfer *t)
{
	enum s3_verdict v;
	enum act_result r;

	if (!(t->dest->conf.flags & DESTINATION_READ_BACK))
		return ACT_DONE;
	r = s3_read_back(t, t->upload.version, &v);
	if (v == S3_GONE)
		return s3_next(t, STEP_SERVICE);
	if (r == ACT_DONE && !server_has_it(t))
		return differs(t, answer_is_named(t), "it has another length or SHA-256 there");
	return r;
}

enum act_result s3_confirm(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HEAD:
		return confirm_look(t);
	case STEP_MARK:
		return confirm_mark(t);
	case STEP_BACK:
		return confirm_back(t);
	case STEP_SERVICE:
		return s3_service(t);
	}
	return s3_begin_errand(t, STEP_HEAD);
}

/* ---- remove ---- */

static enum act_result begin_remove(struct transfer *t)
{
	if (!(t->dest->conf.flags & DESTINATION_DISPOSE))
		return transfer_fail(t, UPLOAD_CANNOT,
		    "this store is not dockd's to dispose of: its operator must remove it");
	if (t->upload.kind == KIND_LEDGER || t->upload.kind == KIND_CHECKPOINT)
		return transfer_fail(t, UPLOAD_CANNOT, "the continuity ledger is never removed");
	return s3_begin_errand(t, STEP_HEAD);
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
	enum act_result r = s3_look(t, &h);

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
	return s3_next(t, s3_knows_holds(t) ? STEP_HELD : STEP_OTHERS);
}

/* HEAD tells of a hold only whom the store allows to see it. */
static enum act_result remove_held(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool held = false;
	enum act_result r = s3_ask_hold(t, u->version, &held);

	if (r != ACT_DONE)
		return r;
	if (!held)
		return s3_next(t, STEP_OTHERS);
	transfer_state(t, "locked");
	return transfer_fail(t, UPLOAD_CANNOT, "a legal hold is on it: it must be lifted first");
}

/* Who preserves it; asked immediately before it is deleted. */
static enum act_result remove_others(struct transfer *t)
{
	struct s3_upload *u = t->own;
	struct s3_marks m = { .others = 1 };
	enum act_result r = s3_ask_marks(t, &m);

	if (r != ACT_DONE)
		return r;
	u->marked = m.ours;
	if (m.others == 0)
		return s3_next(t, u->gone ? STEP_BUNDLE : STEP_DELETE);
	u->step = STEP_NONE;
	if (u->gone)
		return ACT_GONE;
	transfer_state(t, "preserved");
	return transfer_fail(t, UPLOAD_CANNOT,
	    "station %s preserves it: its order must be lifted there first",
	    m.other[0] ? m.other : "(of no possible name)");
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
		return s3_next(t, STEP_BUNDLE);
	case S3_GOOD:
		u->step = STEP_NONE;
		return transfer_fail(
		    t, UPLOAD_LATER, "the store says that it removed it, and still has it");
	}
	return result;
}

/* It is not there: what was put beside it goes all the same, as after a removal cut short. */
static enum act_result remove_gone(struct transfer *t)
{
	struct s3_upload *u = t->own;
	char prefix[S3_KEY_LEN];
	enum act_result r = s3_service(t);

	if (r != ACT_GONE || s3_mark_key(u->a.key, t->upload.asset, "", prefix) < 0)
		return r;
	u->gone = true;
	return s3_next(t, STEP_OTHERS);
}

/* Its proof bundle, then a mark of ours that nobody wants any more. */
static enum act_result remove_beside(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool bundle = u->step == STEP_BUNDLE;
	char key[S3_KEY_LEN];
	int n = snprintf(key, sizeof(key), "%s.bundle", u->a.key);
	enum s3_verdict v = S3_GOOD;
	enum act_result r = ACT_DONE;

	if (bundle ? n < (int)sizeof(key) : u->marked && s3_own_mark(t, key) == 0)
		r = s3_drop(t, key, &v);
	if (r != ACT_DONE && (r != ACT_FAILED || v != S3_LOCKED))
		return r;
	if (r != ACT_DONE)
		log_warn("kept-beside", "slot=%u object=\"%s\" text=\"%s\"", t->slot, log_text(key),
		    log_text(t->failed.text));
	u->step = STEP_NONE;
	if (bundle)
		return s3_next(t, STEP_UNMARK);
	return u->gone ? ACT_GONE : ACT_DONE;
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
	case STEP_HELD:
		return remove_held(t);
	case STEP_OTHERS:
		return remove_others(t);
	case STEP_BUNDLE:
	case STEP_UNMARK:
		return remove_beside(t);
	case STEP_SERVICE:
		return remove_gone(t);
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
	enum act_result r = s3_look(t, &h);

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
		return s3_service(t);
	}
	return s3_begin_errand(t, STEP_HEAD);
}
