/*
 * s3_proof: what proves that an S3 store has all of a file; see s3.h.
 *
 * Complete is asked with exactly what a fresh listing shows, and only after the digest of the whole
 * was found to be that of the file when it was checked. Then the store is asked what it has, and
 * what was there before, or cannot be told from the ETags, is read back.
 */
#include "s3.h"

#include "facts.h"
#include "server.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XML_PART_MAX 256 /* of one part in Complete's body */
#define ABORT_MS 60000
#define LOCK_SLACK_S 3600 /* where the lock's end moves with the clock: retain-days, due already */

static struct s3 *s3_of(const struct transfer *t)
{
	return t->dest->own;
}

static enum act_result ask_anew(struct transfer *t, const char *text)
{
	struct s3_upload *u = t->own;

	u->step = STEP_NONE;
	return transfer_ask(t, UPLOAD_LATER, "%s", text);
}

/* ---- Complete ---- */

/* The listing that Complete is asked with. */
static enum act_result list_all(struct transfer *t)
{
	static struct s3_parts list;
	struct s3_upload *u = t->own;
	enum act_result result;
	enum s3_verdict v;

	if (!u->shown)
		u->shown = calloc(u->parts_n, sizeof(*u->shown));
	if (!u->shown)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	result = s3_page(t, &list, &v);
	if (v == S3_GONE) /* query finds out what is there instead */
		return ask_anew(t, "the upload has gone before it was completed");
	if (v != S3_GOOD)
		return result;
	for (size_t i = 0; i < list.n; i++) {
		unsigned k = list.part[i].number;

		if (k > u->parts_n || list.part[i].size_bytes != s3_part_size(t, k))
			return ask_anew(t, "the store shows other parts than were sent");
		u->shown[k - 1] = list.part[i];
	}
	if (list.truncated) {
		u->marker = list.next;
		return s3_next(t, STEP_LIST);
	}
	for (unsigned i = 0; i < u->parts_n; i++) {
		const struct s3_known *p = &u->part[i];
		uint8_t etag[S3_MD5_LEN];

		if (!u->shown[i].number)
			return ask_anew(t, "the store does not show all parts");
		if (p->has_etag &&
		    (!s3_etag_md5(u->shown[i].etag, etag) ||
			memcmp(etag, p->etag, sizeof(etag)) != 0))
			return ask_anew(t, "a part has been sent again by another");
	}
	return s3_next(t, STEP_WHOLE);
}

static enum act_result whole(struct transfer *t)
{
	enum act_result r = s3_sum_whole(t);

	return r == ACT_DONE ? s3_next(t, STEP_BEFORE) : r;
}

/* Another station may have begun one as well, at the same moment, and be done with it. */
static enum act_result before(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask_head(t, "");
	switch ((int)s3_heard(t, S3_HEAD, &h, &result)) {
	case S3_GONE:
		return s3_next(t, STEP_COMPLETE);
	case S3_GOOD:
		if (s3_is_it(t, &h))
			return s3_next(t, STEP_ABORT);
		return s3_refuse_other(t, &h);
	}
	return result;
}

/* The object is what was found; where the store keeps our upload all the same, its rules end it. */
static enum act_result give_up(struct transfer *t)
{
	struct http_request q = { .timeout_ms = ABORT_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	enum s3_verdict v;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t, s3_abort(&t->dest->conf, &u->a, s3_form()), &q);
	v = s3_heard(t, S3_ABORT, &h, &result);
	if (v == 0 || result == ACT_AGAIN)
		return result;
	log_info("found-before-complete", "slot=%u asset=%.16s text=\"%s\"", t->slot,
	    log_text(t->upload.asset), v == S3_GOOD ? "" : log_text(t->failed.text));
	u->found = u->stored = true;
	return s3_next(t, STEP_STATED);
}

static enum act_result ask_complete(struct transfer *t)
{
	struct http_request q = { .has_body = true };
	struct s3_upload *u = t->own;
	size_t room = (size_t)u->parts_n * XML_PART_MAX + 256;
	char digest[68], md5[28];
	int len, err;

	free(u->xml);
	u->xml = malloc(room);
	len = u->xml ? s3_complete_body(u->shown, u->parts_n, u->xml, room) : -ENOMEM;
	if (len < 0 || s3_sum_memory(u->xml, (size_t)len, digest, md5) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	q.body = u->xml;
	q.length_bytes = (uint64_t)len;
	err = s3_complete(&t->dest->conf, &u->a, digest, md5, s3_form());
	if (!err && !s3_of(t)->unconditional)
		err = s3_only_if_new(s3_form());
	return s3_ask(t, err, &q);
}

static enum act_result complete(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	enum s3_verdict v;
	struct s3_head h;

	if (!u->asked)
		return ask_complete(t);
	v = s3_heard(t, S3_COMPLETE, &h, &result);
	if (v == S3_GONE) /* completed by an answer that was lost, or by another */
		return ACT_ASK;
	if (v == S3_DESTINATION && h.status == 501 && !s3_of(t)->unconditional) {
		s3_of(t)->unconditional = true;
		return s3_next(t, STEP_COMPLETE);
	}
	if (v != S3_GOOD)
		return result;
	if (s3_completed_read(u->text, s3_text_len(t), u->etag) < 0) {
		transfer_state(t, "answer");
		return ask_anew(t, "the store's answer to Complete makes no sense");
	}
	u->stored = u->ended = true;
	memcpy(u->version, h.version, sizeof(u->version));
	return s3_next(t, STEP_STATED);
}

/* ---- what the store states ---- */

void s3_take_facts(struct transfer *t, const struct s3_head *h)
{
	struct proto_receipt *p = &t->receipt;

	server_words(t);
	snprintf(p->version, sizeof(p->version), "%s", h->version);
	p->lock_mode = h->locked ? h->lock_mode : LOCK_NONE;
	p->retain_until_s = h->locked ? h->retain_until_s : PROTO_NO_TIME;
	p->held = h->held ? HOLD_LEGAL : HOLD_NONE;
	p->level = LEVEL_LENGTH;
	p->length_bytes = h->length_bytes;
	memset(p->sha256, 0, sizeof(p->sha256));
}

/* Whether each byte went there under a digest of ours that the store checked. */
static bool is_proved(const struct transfer *t, const struct s3_head *h)
{
	const struct s3_upload *u = t->own;
	bool same = u->ended && u->etag[0] && strcmp(u->etag, h->etag) == 0;
	uint8_t md5[S3_MD5_LEN];

	if (u->found)
		return false;
	if (!u->part)
		return same ||
		    (u->sum.done && u->sum.both && u->sum.end_bytes == t->upload.size_bytes &&
			u->sum.from_bytes == 0 && s3_etag_md5(h->etag, md5) &&
			memcmp(md5, u->sum.md5, sizeof(md5)) == 0);
	for (unsigned i = 0; i < u->parts_n; i++) {
		if (!u->part[i].proved)
			return false;
	}
	return same || s3_etag_is_of(u->part, u->parts_n, h->etag);
}

/* Whether what is stated is less than the asset must have: no lock, a shorter, a weaker one. */
static bool lock_lacks(const struct transfer *t, const struct s3_head *h)
{
	const struct proto_destination *c = &t->dest->conf;
	int64_t until = s3_retain_until(c, &t->upload, time(NULL));
	bool moves = until != t->upload.dispose_by_s;

	if (until == PROTO_NO_TIME)
		return false;
	return !h->locked || h->lock_mode < c->lock_mode ||
	    h->retain_until_s < until - (moves ? LOCK_SLACK_S : 0);
}

/* The mark, the lock, the hold that are wanted and not stated; each is put once. */
static enum s3_step lacking(struct transfer *t, const struct s3_head *h)
{
	struct s3_upload *u = t->own;
	bool lock = lock_lacks(t, h);
	bool preserved = t->upload.preserved && !facts_is_side(&t->upload);
	bool hold = t->dest->conf.lock_mode != LOCK_NONE && preserved && !h->held;

	if (preserved && !u->mark_put)
		return STEP_MARK;
	if (lock && !u->lock_put)
		return STEP_LOCK;
	if (hold && !u->hold_put)
		return STEP_HOLD;
	if ((lock && !h->locked) || hold)
		log_warn("not-locked",
		    "slot=%u asset=%.16s text=\"the store takes a %s and states "
		    "none: may the access key read it?\"",
		    t->slot, log_text(t->upload.asset), lock ? "lock" : "legal hold");
	return STEP_NONE;
}

/* A receipt must not stand where another's lock ends before ours would. */
static enum act_result refuse_lock(struct transfer *t)
{
	const struct proto_receipt *p = &t->receipt;
	const struct proto_destination *c = &t->dest->conf;
	char stands[FACTS_TIME_LEN], wanted[FACTS_TIME_LEN];

	facts_time(p->retain_until_s, stands);
	facts_time(s3_retain_until(c, &t->upload, time(NULL)), wanted);
	transfer_state(t, "weaker-lock");
	return transfer_fail(t, UPLOAD_REFUSED,
	    "it is there under another's lock (%s until %s), and the store does not make that %s "
	    "until %s: its operator must",
	    p->lock_mode == LOCK_COMPLIANCE ? "compliance" : "governance", stands,
	    c->lock_mode == LOCK_COMPLIANCE ? "compliance" : "governance", wanted);
}

static enum act_result put_lacking(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool lock = u->step == STEP_LOCK;
	enum s3_verdict v;
	enum act_result r = lock ? s3_put_lock(t, t->receipt.version, &v) :
				   s3_put_hold(t, t->receipt.version, true, &v);

	/* a lock that stands, and the store's word that it stays as it is */
	if (r == ACT_FAILED && lock && t->receipt.lock_mode != LOCK_NONE &&
	    (v == S3_CREDENTIALS || v == S3_DESTINATION || v == S3_LOCKED || v == S3_REFUSED))
		return refuse_lock(t);
	if (r != ACT_DONE)
		return r;
	*(lock ? &u->lock_put : &u->hold_put) = true;
	return s3_next(t, STEP_STATED);
}

/* Where the access key may put none, a person is told when the core asks for it (PRESERVE). */
static enum act_result put_own_mark(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result r = s3_mark(t);

	if (r != ACT_DONE && (r != ACT_FAILED || t->failed.failure != UPLOAD_DESTINATION))
		return r;
	u->mark_put = true;
	u->marked = r == ACT_DONE;
	return s3_next(t, STEP_STATED);
}

/* To a PUT: then the ETag must stand for it, and only as the MD5 of bytes of the right SHA-256. */
static bool is_answer_lost(const struct s3_upload *u)
{
	return !u->part && !u->ended && (u->sum.begun || u->sum.done);
}

static enum act_result stated(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	enum s3_verdict v;
	enum s3_step step;
	struct s3_head h;
	bool proved;

	if (!u->asked && is_answer_lost(u)) {
		result = s3_sum_file(t, true);
		if (result != ACT_DONE)
			return result;
	}
	if (!u->asked)
		return s3_ask_head(t, u->version);
	v = s3_heard(t, S3_HEAD, &h, &result);
	if (v == S3_GONE) {
		u->stored = u->ended = false;
		return ask_anew(t, "the object that was made is not there");
	}
	if (v != S3_GOOD)
		return result;
	if (!s3_is_it(t, &h))
		return !h.named ? s3_refuse_other(t, &h) :
				  transfer_fail(t, UPLOAD_REFUSED,
				      "what is at this key now is another object: it was "
				      "replaced meanwhile");
	proved = is_proved(t, &h);
	s3_take_facts(t, &h);
	step = lacking(t, &h);
	if (step != STEP_NONE)
		return s3_next(t, step);
	if (h.locked && lock_lacks(t, &h))
		return refuse_lock(t);
	if (u->marked && s3_marks_only(t))
		t->receipt.held = HOLD_MARK;
	if (!proved || (t->dest->conf.flags & DESTINATION_READ_BACK))
		return s3_next(t, STEP_BACK);
	t->receipt.level = LEVEL_TRANSFER_DIGEST;
	memcpy(t->receipt.sha256, t->upload.sha256, PROTO_SHA256_LEN);
	return ACT_DONE;
}

/* ---- read back ---- */

static enum act_result get(struct transfer *t, const char *version)
{
	struct http_request q = { .digest_max_bytes = t->upload.size_bytes,
		.timeout_ms = t->dest->conf.answer_ms };
	struct s3_upload *u = t->own;

	if (EVP_DigestInit_ex(u->back, EVP_sha256(), NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "the digest failed");
	q.digest = u->back;
	return s3_ask(t, s3_get(&t->dest->conf, u->a.key, version, s3_form()), &q);
}

enum act_result s3_read_back(struct transfer *t, const char *version, enum s3_verdict *v)
{
	struct s3_upload *u = t->own;
	enum act_result result = ACT_ASK;
	struct s3_head head;

	*v = 0;
	if (!u->asked)
		return get(t, version);
	if (server_gives_more(t->http, t->upload.size_bytes)) {
		u->asked = false;
		*v = S3_GOOD;
	} else {
		*v = s3_heard(t, S3_GET, &head, &result);
	}
	return *v == S3_GOOD ? server_gave_back(t, u->back) : result;
}

/* ---- finish ---- */

static enum act_result finish_first(struct transfer *t)
{
	struct s3_upload *u = t->own;

	u->marker = 0;
	if (u->part && !u->stored) {
		free(u->shown);
		u->shown = NULL;
		return s3_next(t, STEP_LIST);
	}
	/* Nothing to append, and still an object to be made. */
	return s3_next(t, u->stored ? STEP_STATED : STEP_EMPTY);
}

/* From now on it is the object, and no upload any more. */
static enum act_result finished(struct transfer *t, enum act_result r)
{
	struct s3_upload *u = t->own;
	struct s3_address a = u->a;

	if (r != ACT_DONE)
		return r;
	a.upload_id[0] = '\0';
	return s3_address_write(&a, t->address, sizeof(t->address)) < 0 ?
	    transfer_fail(t, UPLOAD_REFUSED, "the key is too long") :
	    ACT_DONE;
}

enum act_result s3_finish(struct transfer *t)
{
	const struct s3_upload *u = t->own;
	enum act_result r;
	enum s3_verdict v;

	switch ((int)u->step) {
	case STEP_EMPTY:
		r = s3_send_whole(t);
		return r == ACT_DONE ? s3_next(t, STEP_STATED) : r;
	case STEP_LIST:
		return list_all(t);
	case STEP_WHOLE:
		return whole(t);
	case STEP_BEFORE:
		return before(t);
	case STEP_ABORT:
		return give_up(t);
	case STEP_COMPLETE:
		return complete(t);
	case STEP_MARK:
	case STEP_MARK_PUT:
	case STEP_MARKED:
		return put_own_mark(t);
	case STEP_LOCK:
	case STEP_HOLD:
		return put_lacking(t);
	case STEP_STATED:
		return finished(t, stated(t));
	case STEP_BACK:
		return finished(t, s3_read_back(t, t->receipt.version, &v));
	}
	return finish_first(t);
}
