/*
 * s3_append: sending to an S3 store; see s3.h.
 *
 * What fits into one part goes by one PUT, all else in parts, of which some are on the line at the
 * same time: while the store writes one down, others are on their way. What ended with trouble lets
 * the others end, and then the store is asked what it has. Called by transfer.c's append.
 */
#include "s3.h"

#include "facts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MISMATCHES_MAX 3u
#define BODIES_MAX 4u /* on the line; above that each file has one */

static struct s3 *s3_of(const struct transfer *t)
{
	return t->dest->own;
}

/* After an answer to a body; v is not S3_GOOD. */
static enum act_result not_taken(struct transfer *t, enum s3_verdict v, enum act_result result)
{
	struct s3_upload *u = t->own;

	if (v == S3_GONE) /* query finds out what is there instead */
		return ACT_ASK;
	if (v != S3_DIGEST)
		return result;
	s3_sum_drop(&u->sum);
	u->doubted = true;
	if (++u->mismatches < MISMATCHES_MAX)
		return result;
	return transfer_fail(t, UPLOAD_SOURCE,
	    "what arrived had another digest %u times: the station's copy or its memory",
	    MISMATCHES_MAX);
}

/* ---- one PUT ---- */

enum act_result s3_send_whole(struct transfer *t)
{
	/* Of nothing: see create_new. */
	struct http_request q = { .has_body = true,
		.fd = t->fd,
		.length_bytes = t->upload.size_bytes,
		.sent_bytes = &t->sent_bytes,
		.fresh = t->upload.size_bytes == 0 };
	struct s3_upload *u = t->own;
	char digest[68], md5[28];
	enum act_result result;
	enum s3_verdict v;
	struct s3_head h;
	int err;

	if (!u->asked) {
		result = s3_sum_file(t, u->doubted);
		if (result != ACT_DONE)
			return result;
		s3_sum_texts(t->upload.sha256, u->sum.md5, digest, md5);
		err = s3_put(&t->dest->conf, t->dest->station, &t->upload, u->a.key, time(NULL),
		    digest, md5, s3_form());
		if (!err && !facts_is_side(&t->upload) && !s3_of(t)->unconditional)
			err = s3_only_if_new(s3_form());
		return s3_ask(t, err, &q);
	}
	v = s3_heard(t, S3_PUT, &h, &result);
	if (v == S3_DESTINATION && h.status == 501 && !s3_of(t)->unconditional) {
		s3_of(t)->unconditional = true;
		return ACT_AGAIN;
	}
	if (v != S3_GOOD)
		return not_taken(t, v, result);
	u->stored = u->ended = true;
	memcpy(u->etag, h.etag, sizeof(u->etag));
	memcpy(u->version, h.version, sizeof(u->version));
	t->offset_bytes = t->upload.size_bytes;
	return ACT_DONE;
}

/* ---- parts ---- */

static unsigned bodies(const struct s3 *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		const struct s3_upload *u = s->at[i] ? s->at[i]->own : NULL;

		n += u ? u->on_line : 0;
	}
	return n;
}

static bool is_on_line(const struct s3_upload *u, unsigned number)
{
	for (unsigned i = 0; i < S3_LANES; i++) {
		if (u->lane[i].part == number)
			return true;
	}
	return false;
}

/* The part after this one that is still to be sent; 0: none. */
static unsigned part_after(const struct s3_upload *u, unsigned number)
{
	while (++number <= u->parts_n) {
		if (!u->part[number - 1].shown && !is_on_line(u, number))
			return number;
	}
	return 0;
}

static void part_taken(struct transfer *t, unsigned number, const struct s3_head *h)
{
	struct s3_upload *u = t->own;
	struct s3_known *p = &u->part[number - 1];

	p->shown = p->proved = true;
	p->has_etag = s3_etag_md5(h->etag, p->etag);
	if ((!p->has_etag || memcmp(p->etag, p->md5, S3_MD5_LEN) != 0) &&
	    !s3_of(t)->etag_is_no_md5) {
		s3_of(t)->etag_is_no_md5 = true;
		/* Then other ETags than ours told nothing of the parts before either. */
		for (unsigned i = 0; i < u->parts_n; i++)
			u->part[i].shown = u->part[i].shown || u->part[i].listed;
	}
	t->offset_bytes = s3_held_bytes(t);
}

/* The lane's request stands for the transfer's while it is asked or heard. */
static enum act_result ask_part(
    struct transfer *t, struct s3_lane *l, unsigned number, const char *digest, const char *md5)
{
	struct s3_upload *u = t->own;
	struct http *first = t->http;
	struct http_request q = { .has_body = true,
		.fd = t->fd,
		.from_bytes = (uint64_t)(number - 1) * u->a.part_bytes,
		.length_bytes = s3_part_size(t, number),
		.sent_bytes = &t->sent_bytes,
		.text = l->text,
		.text_room = S3_TEXT_MAX };
	enum act_result r;

	t->http = l->http;
	r = s3_ask(t, s3_upload_part(&t->dest->conf, &u->a, number, digest, md5, s3_form()), &q);
	t->http = first;
	if (r != ACT_WAIT)
		return r;
	l->part = number;
	l->keys = s3_of(t)->keys_read;
	u->on_line++;
	return ACT_WAIT;
}

static enum act_result send_part(struct transfer *t, struct s3_lane *l, unsigned number)
{
	char digest[68], md5[28];
	const struct s3_sum *sum;
	enum act_result r = s3_sum_part(t, number, true, &sum);

	if (r != ACT_DONE)
		return r;
	s3_sum_texts(sum->sha256, sum->md5, digest, md5);
	s3_sum_use(t, number, sum);
	return ask_part(t, l, number, digest, md5);
}

/* What came of a part: ACT_DONE, ACT_AGAIN, or trouble. */
static enum act_result hear_part(struct transfer *t, struct s3_lane *l)
{
	struct s3_upload *u = t->own;
	struct http *first = t->http;
	unsigned number = l->part;
	enum act_result r;
	enum s3_verdict v;
	struct s3_head h;

	/* It was signed with keys that have been read again since: that is no second refusal. */
	if (l->keys != s3_of(t)->keys_read)
		u->reread = false;
	l->part = 0;
	u->on_line--;
	t->http = l->http;
	v = s3_heard(t, S3_PART, &h, &r);
	t->http = first;
	if (v != S3_GOOD)
		return not_taken(t, v, r);
	part_taken(t, number, &h);
	return ACT_DONE;
}

static void hear_parts(struct transfer *t)
{
	struct s3_upload *u = t->own;

	for (unsigned i = 0; i < S3_LANES; i++) {
		struct s3_lane *l = &u->lane[i];
		enum act_result r;

		if (l->part == 0 || l->http->busy)
			continue;
		r = hear_part(t, l);
		if (r != ACT_DONE && r != ACT_AGAIN && u->trouble == 0) {
			u->trouble = r;
			u->trouble_is = t->failed;
		}
	}
}

/* One that is free, with all that it needs; NULL: none, or no memory for another one. */
static struct s3_lane *free_lane(struct transfer *t)
{
	struct s3_upload *u = t->own;
	unsigned most = s3_lanes(t);

	for (unsigned i = 0; i < most; i++) {
		if (u->lane[i].part == 0)
			return s3_lane_ready(t, i) ? &u->lane[i] : NULL;
	}
	return NULL;
}

/*
 * Begins what may begin now. ACT_WAIT: nothing more for now; ACT_LOCAL, ACT_AGAIN: digests are
 * waited for; else trouble.
 */
static enum act_result send_parts(struct transfer *t)
{
	struct s3_upload *u = t->own;
	unsigned number = part_after(u, 0), next;
	enum act_result r = ACT_WAIT;
	struct s3_lane *l;

	while (r == ACT_WAIT && number && (l = free_lane(t)) &&
	    (u->on_line == 0 || (bodies(s3_of(t)) < BODIES_MAX && transfer_begins_another(t)))) {
		r = send_part(t, l, number);
		if (r == ACT_WAIT)
			number = part_after(u, number);
	}
	if (r == ACT_WAIT && u->on_line == 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory for a request");
	/* several at a time: their MD5s are taken together for little more than one's */
	for (next = s3_sum_room(u) < S3_SUMS / 2 ? 0 : number; next && s3_sum_ahead(t, next, true);)
		next = part_after(u, next);
	return r;
}

static enum act_result append_parts(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool all_ended = u->on_line > 0;
	enum act_result r = ACT_WAIT;

	hear_parts(t);
	all_ended = all_ended && u->on_line == 0 && u->trouble == 0;
	if (all_ended) /* whether there may be another body now is asked anew */
		return part_after(u, 0) ? ACT_AGAIN : ACT_DONE;
	if (u->trouble == 0) {
		r = send_parts(t);
		if (r != ACT_WAIT && r != ACT_LOCAL && r != ACT_AGAIN) {
			u->trouble = r;
			u->trouble_is = t->failed;
		}
	}
	if (u->on_line > 0) /* what came meanwhile calls it again */
		return ACT_WAIT;
	if (u->trouble == 0)
		return r;
	r = u->trouble;
	u->trouble = 0;
	t->failed = u->trouble_is;
	return r;
}

enum act_result s3_upload_append(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	return u->a.upload_id[0] ? append_parts(t) : s3_send_whole(t);
}
