/*
 * s3_hold: what keeps an object at an S3 store: its lock, legal holds, and marks; see s3.h.
 *
 * A legal hold is the store's, and one for all; only a bucket with object lock knows it. A mark is
 * a small object of a station beside an asset that it preserves: it holds nobody but the stations,
 * none of which removes an asset, or takes its legal hold off, while another's mark stands. What
 * was put on is looked at again before anything is said.
 */
#include "s3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_MS 60000
#define DROPS_MAX 256u /* versions of one small object */

bool s3_knows_holds(const struct transfer *t)
{
	return ((const struct s3 *)t->dest->own)->lock;
}

bool s3_marks_only(const struct transfer *t)
{
	const struct s3 *s = t->dest->own;

	return !s->lock && !s->unasked;
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
	enum lock_mode mode = (enum lock_mode)c->lock_mode;

	/* what stands is lengthened and made stronger, never less: what the receipt says of it */
	if (t->receipt.lock_mode > mode)
		mode = (enum lock_mode)t->receipt.lock_mode;
	if (t->receipt.lock_mode != LOCK_NONE && t->receipt.retain_until_s > until)
		until = t->receipt.retain_until_s;
	*v = 0;
	return u->asked ? body_taken(t, v) :
			  put_body(t, s3_retention_body(mode, until, u->body, sizeof(u->body)),
			      version, s3_retention);
}

/* Only the store's own word counts. */
enum act_result s3_ask_hold(struct transfer *t, const char *version, bool *held)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;
	int on = 0;

	if (!u->asked)
		return s3_ask(
		    t, s3_legal_hold_ask(&t->dest->conf, u->a.key, version, s3_form()), &q);
	switch ((int)s3_heard(t, S3_HELD, &h, &result)) {
	case S3_GOOD:
		on = s3_hold_read(u->text, s3_text_len(t));
		break;
	case S3_GONE:
		break;
	default:
		return result;
	}
	*held = on > 0;
	if (on >= 0)
		return ACT_DONE;
	u->step = STEP_NONE;
	return transfer_ask(t, UPLOAD_LATER, "the store's word on the hold makes no sense");
}

/* ---- marks ---- */

static enum act_result no_mark(struct transfer *t)
{
	return transfer_fail(t, UPLOAD_CANNOT, "no mark can be put beside this address");
}

int s3_own_mark(const struct transfer *t, char key[S3_KEY_LEN])
{
	const struct s3_upload *u = t->own;

	return s3_mark_key(u->a.key, t->upload.asset, t->dest->station, key);
}

enum act_result s3_look_mark(struct transfer *t, enum s3_verdict *v)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	const struct s3_upload *u = t->own;
	enum act_result result;
	char key[S3_KEY_LEN];
	struct s3_head h;

	*v = 0;
	if (!u->asked)
		return s3_own_mark(t, key) < 0 ?
		    no_mark(t) :
		    s3_ask(t, s3_head(&t->dest->conf, key, "", s3_form()), &q);
	*v = s3_heard(t, S3_HEAD, &h, &result);
	return result;
}

static enum act_result put_mark(struct transfer *t)
{
	struct http_request q = { .has_body = true };
	struct s3_upload *u = t->own;
	char digest[68], md5[28], key[S3_KEY_LEN];
	enum act_result result;
	struct s3_head h;
	int len;

	if (u->asked)
		return s3_heard(t, S3_PUT, &h, &result) == S3_GOOD ? s3_next(t, STEP_MARKED) :
								     result;
	len = s3_mark_body(t->dest->station, t->upload.asset, u->body, sizeof(u->body));
	if (s3_own_mark(t, key) < 0)
		return no_mark(t);
	if (len < 0 || s3_sum_memory(u->body, (size_t)len, digest, md5) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	q.body = u->body;
	q.length_bytes = (uint64_t)len;
	return s3_ask(t, s3_put_mark(&t->dest->conf, key, digest, md5, s3_form()), &q);
}

enum act_result s3_mark(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool put = u->step == STEP_MARKED;
	enum act_result r;
	enum s3_verdict v;

	if (u->step == STEP_MARK_PUT)
		return put_mark(t);
	r = s3_look_mark(t, &v);
	if (v != S3_GONE)
		return r;
	if (!put)
		return s3_next(t, STEP_MARK_PUT);
	u->step = STEP_NONE;
	return transfer_ask(t, UPLOAD_LATER, "the store took the mark and does not have it");
}

enum act_result s3_ask_marks(struct transfer *t, struct s3_marks *out)
{
	struct http_request q = { .timeout_ms = ANSWER_MS, .text_room = S3_XML_MAX };
	struct s3_upload *u = t->own;
	char prefix[S3_KEY_LEN];
	enum act_result result;
	struct s3_head h;
	int err;

	if (s3_mark_key(u->a.key, t->upload.asset, "", prefix) < 0)
		return no_mark(t);
	if (!u->asked) {
		if (!u->list)
			u->list = malloc(S3_XML_MAX);
		if (!u->list)
			return transfer_fail(t, UPLOAD_LATER, "no memory");
		q.text = u->list;
		return s3_ask(t, s3_list_marks(&t->dest->conf, prefix, s3_form()), &q);
	}
	if (s3_heard(t, S3_MARKS, &h, &result) != S3_GOOD)
		return result;
	err = s3_marks_read(u->list, s3_text_len(t), prefix, t->dest->station, out);
	free(u->list);
	u->list = NULL;
	if (err == 0)
		return ACT_DONE;
	u->step = STEP_NONE;
	transfer_state(t, "answer");
	return transfer_ask(t, UPLOAD_LATER, "a list of marks that makes no sense");
}

/* ---- small objects that go as a whole ---- */

static enum act_result drop_look(struct transfer *t, const char *key, enum s3_verdict *v)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t, s3_head(&t->dest->conf, key, "", s3_form()), &q);
	*v = s3_heard(t, S3_HEAD, &h, &result);
	if (*v == S3_GONE)
		return ACT_DONE;
	if (*v != S3_GOOD)
		return result;
	if (++u->drops > DROPS_MAX) {
		u->step = STEP_NONE;
		return transfer_fail(
		    t, UPLOAD_LATER, "the store says that it removes it, and still has it");
	}
	memcpy(u->drop_version, h.version, sizeof(u->drop_version));
	u->dropping = true;
	return ACT_AGAIN;
}

enum act_result s3_drop(struct transfer *t, const char *key, enum s3_verdict *v)
{
	struct http_request q = { .timeout_ms = ANSWER_MS };
	struct s3_upload *u = t->own;
	enum s3_step step = u->step;
	enum act_result result;
	struct s3_head h;

	*v = 0;
	if (!u->dropping)
		return drop_look(t, key, v);
	if (!u->asked)
		return s3_ask(t, s3_delete(&t->dest->conf, key, u->drop_version, s3_form()), &q);
	*v = s3_heard(t, S3_DELETE, &h, &result);
	if (*v == S3_LOCKED && u->drop_version[0]) {
		/* the bucket's own lock is on it: it is hidden until that ends */
		u->drop_version[0] = '\0';
		return s3_next(t, step);
	}
	if (result != ACT_AGAIN)
		u->dropping = false;
	return *v == S3_GOOD || *v == S3_GONE ? s3_next(t, step) : result;
}

/* ---- preserve ---- */

/* Looked at when the mark stands: whoever looks for marks before a removal has found it by then. */
static enum act_result preserve_look(struct transfer *t)
{
	struct s3_head h = { 0 };
	enum act_result r = s3_look(t, &h);

	return r != ACT_DONE ? r : s3_knows_holds(t) ? s3_next(t, STEP_HOLD) : ACT_DONE;
}

static enum act_result preserve_hold(struct transfer *t)
{
	enum s3_verdict v;
	enum act_result r = s3_put_hold(t, t->upload.version, t->upload.preserved != 0, &v);

	if (v == S3_GONE)
		return s3_next(t, STEP_SERVICE);
	return r == ACT_DONE ? s3_next(t, STEP_HELD) : r;
}

static enum act_result preserve_held(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool held = false;
	enum act_result r = s3_ask_hold(t, t->upload.version, &held);

	if (r != ACT_DONE)
		return r;
	u->step = STEP_NONE;
	return held == (t->upload.preserved != 0) ?
	    ACT_DONE :
	    transfer_fail(t, UPLOAD_LATER, "the store took the hold and does not state it");
}

/* The hold stays while another station wants it. */
static enum act_result lift_others(struct transfer *t)
{
	struct s3_upload *u = t->own;
	struct s3_marks m = { .others = 1 };
	enum act_result r = s3_ask_marks(t, &m);

	if (r != ACT_DONE)
		return r;
	if (m.others == 0)
		return s3_next(t, STEP_HOLD);
	u->step = STEP_NONE;
	return ACT_DONE;
}

static enum act_result lift_mark(struct transfer *t)
{
	char key[S3_KEY_LEN];
	enum s3_verdict v;
	enum act_result r = s3_own_mark(t, key) < 0 ? no_mark(t) : s3_drop(t, key, &v);

	return r == ACT_DONE && s3_knows_holds(t) ? s3_next(t, STEP_OTHERS) : r;
}

enum act_result s3_preserve(struct transfer *t)
{
	const struct s3_upload *u = t->own;
	enum act_result r;

	switch ((int)u->step) {
	case STEP_MARK:
	case STEP_MARK_PUT:
	case STEP_MARKED:
		r = s3_mark(t);
		return r == ACT_DONE ? s3_next(t, STEP_HEAD) : r;
	case STEP_HEAD:
		return preserve_look(t);
	case STEP_UNMARK:
		return lift_mark(t);
	case STEP_OTHERS:
		return lift_others(t);
	case STEP_HOLD:
		return preserve_hold(t);
	case STEP_HELD:
		return preserve_held(t);
	case STEP_SERVICE:
		return s3_service(t);
	}
	return s3_begin_errand(t, t->upload.preserved ? STEP_MARK : STEP_UNMARK);
}
