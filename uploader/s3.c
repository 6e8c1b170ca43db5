/*
 * s3: the driver for object stores that speak S3: Ceph, NetApp, IBM, AWS; HTTP/1.1 only.
 *
 * Owns what is known of the bucket, the keys, and how a request is sent and its answer judged; the
 * acts are in s3_upload.c, s3_proof.c and s3_errand.c. Called by transfer.c. It believes nothing of
 * what it sent before the store lists it, and follows no redirect.
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
#include <unistd.h>

#define PROBE_MS 10000
#define HEAD_MS 45000
#define AGAIN_MS 60000
#define LINE_MAX_LEN 4400 /* a session token is the longest */
#define URL_MAX_LEN 8192
#define SKEW_S 900 /* S3 API, "Error responses": RequestTimeTooSkewed */
#define SKEW_TEXT "the clocks of station and store are too far apart: check NTP at both"

static struct s3 *s3_of(const struct transfer *t)
{
	return t->dest->own;
}

struct s3_request *s3_form(void)
{
	static struct s3_request form;

	return &form;
}

/* ---- requests ---- */

static bool add_line(struct curl_slist **list, const char *name, const char *value)
{
	static char line[LINE_MAX_LEN];
	int n = snprintf(line, sizeof(line), "%s: %s", name, value);
	struct curl_slist *longer = NULL;

	if (n > 0 && (size_t)n < sizeof(line))
		longer = curl_slist_append(*list, line);
	explicit_bzero(line, sizeof(line));
	if (!longer) {
		curl_slist_free_all(*list);
		*list = NULL;
		return false;
	}
	*list = longer;
	return true;
}

/* Signs what is in the form, with the keys as they are now, and makes q of it. 0 or -errno. */
static int sign(const struct destination *d, struct http_request *q, char url[URL_MAX_LEN])
{
	struct s3_request *r = s3_form();
	struct s3 *s = d->own;
	char signature[S3_SIGNATURE_LEN];
	int err = s3_sign(r, &s->keys, d->conf.region, time(NULL), signature);

	if (!err)
		err = s3_url(r, url, URL_MAX_LEN);
	if (err)
		return err;
	q->method = r->method;
	q->url = url;
	if (!add_line(&q->headers, "Authorization", signature))
		return -ENOMEM;
	for (size_t i = 0; i < r->headers_n; i++) {
		if (!add_line(&q->headers, r->header[i].name, r->header[i].value))
			return -ENOMEM;
	}
	return 0;
}

/* Reads the keys; those held stay where the file is not whole just now. 0 or -errno. */
static int read_keys(const struct destination *d)
{
	struct s3 *s = d->own;
	struct s3_keys keys;
	int err = secret_read(&s->secret, d->conf.secrets_file);

	if (!err)
		err = s3_keys_read(s->secret.text, &keys);
	if (!err)
		s->keys = keys;
	s->keys_read++;
	explicit_bzero(&keys, sizeof(keys));
	return err;
}

static void renew_keys(const struct destination *d)
{
	struct s3 *s = d->own;
	int err;

	if (!secret_changed(&s->secret, d->conf.secrets_file))
		return;
	err = read_keys(d);
	log_event(err ? LOG_WARN_LEVEL : LOG_INFO_LEVEL, "credentials-read-again",
	    "file=\"%s\" error=\"%s\"", d->conf.secrets_file, err ? strerror(-err) : "");
}

enum act_result s3_ask(struct transfer *t, int built, struct http_request *q)
{
	struct s3_upload *u = t->own;
	char url[URL_MAX_LEN];

	t->failed.http_status = 0;
	t->failed.retry_after_ms = 0;
	transfer_state(t, "");
	if (built == -EINVAL)
		return transfer_fail(t, UPLOAD_DESTINATION,
		    "url, bucket or prefix cannot be: check them in dockd.conf");
	renew_keys(t->dest);
	if (built < 0 || sign(t->dest, q, url) < 0) {
		curl_slist_free_all(q->headers);
		return transfer_fail(t, UPLOAD_LATER, "no memory, or no room, for a request");
	}
	if (!q->text) {
		q->text = u->text;
		q->text_room = sizeof(u->text);
	}
	q->text_always = true;
	q->fresh |= u->fresh;
	u->fresh = false;
	q->expedited = t->job == MSG_UPLOAD && t->upload.urgency > 0;
	if (q->has_body)
		q->no_expect = !s3_of(t)->expect;
	u->asked = true;
	if (http_start(t->http, q) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory for a request");
	return ACT_WAIT;
}

enum act_result s3_ask_head(struct transfer *t, const char *version)
{
	const struct s3_upload *u = t->own;
	struct http_request q = { .timeout_ms = HEAD_MS };

	return s3_ask(t, s3_head(&t->dest->conf, u->a.key, version, s3_form()), &q);
}

enum act_result s3_next(struct transfer *t, enum s3_step step)
{
	struct s3_upload *u = t->own;

	u->step = step;
	return ACT_AGAIN;
}

/* ---- answers ---- */

static size_t text_len(const struct http *h)
{
	return h->got_bytes < h->request.text_room ? (size_t)h->got_bytes : h->request.text_room;
}

size_t s3_text_len(const struct transfer *t)
{
	return text_len(t->http);
}

bool s3_is_it(const struct transfer *t, const struct s3_head *h)
{
	char hex[68], none[28];
	static const uint8_t md5[S3_MD5_LEN];

	s3_sum_texts(t->upload.sha256, md5, hex, none);
	return h->has_length && h->length_bytes == t->upload.size_bytes &&
	    strcmp(h->asset, t->upload.asset) == 0 && strcmp(h->sha256, hex) == 0;
}

/* A refusal without a document, to HEAD, does not say that the clocks are why. */
static bool is_skewed(const struct s3_head *h)
{
	int64_t now = time(NULL);

	return h->date_s != PROTO_NO_TIME && (h->date_s > now + SKEW_S || now > h->date_s + SKEW_S);
}

/* The document of an answer that is no object, and what all of it means. -EPROTO: no sense. */
static int judge(const struct http *h, enum s3_asked asked, struct s3_head *head,
    enum s3_verdict *v, const char **word, const char **text, struct s3_error *e)
{
	memset(e, 0, sizeof(*e));
	e->server_s = PROTO_NO_TIME;
	if (s3_head_read(h->head, h->head_len, time(NULL), head) < 0)
		return -EPROTO;
	if (asked != S3_HEAD && asked != S3_BUCKET && (asked != S3_GET || head->status != 200) &&
	    h->got_bytes > 0 && s3_error_read(h->request.text, text_len(h), e) < 0 &&
	    head->status < 300) /* a proxy's page for people counts by its status */
		return -EPROTO;
	*v = s3_judge(asked, head, e, word, text);
	if (*v == S3_CREDENTIALS && !e->code[0] && is_skewed(head)) {
		*v = S3_SKEW;
		*word = "clock-skew";
		*text = SKEW_TEXT;
	}
	return 0;
}

static void skew_text(
    const struct s3_head *h, const struct s3_error *e, const char *text, char *out, size_t size)
{
	char ours[FACTS_TIME_LEN], theirs[FACTS_TIME_LEN];

	facts_time(time(NULL), ours);
	facts_time(e->server_s != PROTO_NO_TIME ? e->server_s : h->date_s, theirs);
	snprintf(
	    out, size, "%s (station %s, store %s)", text, ours, theirs[0] ? theirs : "unknown");
}

static enum act_result result_of(struct transfer *t, enum s3_verdict v, const struct s3_head *h,
    const struct s3_error *e, const char *text)
{
	struct s3_upload *u = t->own;
	char skew[sizeof(t->failed.text)];

	switch (v) {
	case S3_GOOD:
		return ACT_DONE;
	case S3_ASK:
	case S3_DIGEST:
	case S3_PARTS_DIFFER:
		return transfer_ask(t, UPLOAD_LATER, "%s", text);
	case S3_LATER:
		return transfer_fail(t, UPLOAD_LATER, "%s", text);
	case S3_GONE:
		(void)transfer_ask(t, UPLOAD_LATER, "%s", text);
		return ACT_GONE;
	case S3_CREDENTIALS:
		return server_renew(t, &u->reread, t->dest->conf.secrets_file, read_keys, text);
	case S3_SKEW:
		skew_text(h, e, text, skew, sizeof(skew));
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", skew);
	case S3_LOCKED:
		return transfer_fail(t, UPLOAD_CANNOT, "%s", text);
	case S3_REFUSED:
		return transfer_fail(t, UPLOAD_REFUSED, "%s (HTTP %d%s%s)", text, h->status,
		    e->code[0] ? " " : "", e->code);
	case S3_DESTINATION:
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", text);
	}
	return transfer_fail(t, UPLOAD_LATER, "an answer without a meaning");
}

static int probe(struct destination *d, bool head);

/* What the bucket offers, where open had no answer: it answers now. */
static void ask_again(struct destination *d)
{
	int64_t now_ms = transfer_now_ms();
	struct s3 *s = d->own;

	if (!s->unasked || s->probe->busy ||
	    (s->asked_again_ms && now_ms - s->asked_again_ms < AGAIN_MS))
		return;
	s->asked_again_ms = now_ms;
	(void)probe(d, false);
}

enum s3_verdict s3_heard(
    struct transfer *t, enum s3_asked asked, struct s3_head *h, enum act_result *result)
{
	struct s3_upload *u = t->own;
	const char *word = "", *text = "";
	struct s3_error e;
	enum s3_verdict v;

	u->asked = false;
	*result = transfer_heard(t);
	if (*result != ACT_DONE) {
		u->step = STEP_NONE;
		return 0;
	}
	if (judge(t->http, asked, h, &v, &word, &text, &e) < 0) {
		u->step = STEP_NONE;
		transfer_state(t, "answer");
		*result = transfer_ask(t, UPLOAD_LATER, "an answer that contradicts itself");
		return 0;
	}
	t->failed.http_status = (uint32_t)h->status;
	t->failed.retry_after_ms = h->retry_after_ms;
	transfer_state(t, word);
	*result = result_of(t, v, h, &e, text);
	if (v == S3_GOOD || v == S3_GONE)
		ask_again(t->dest);
	if (v == S3_GOOD) {
		u->reread = false;
		s3_of(t)->expect = false;
	} else {
		/* what is not there yet is the rule, and says nothing of a body */
		s3_of(t)->expect |= v != S3_GONE;
		if (*result != ACT_AGAIN)
			u->step = STEP_NONE;
	}
	return v;
}

/* ---- open ---- */

static void say_ready(struct destination *d, int status, const char *text)
{
	struct s3 *s = d->own;
	uint32_t f = d->conf.flags;
	bool known = status == 0 && !text[0]; /* what the bucket has */
	uint32_t can = READY_CONFIRMS | READY_ABANDONS | READY_FINDS |
	    (known || s->lock ? READY_PRESERVES : 0) | (known && !s->lock ? READY_MARKS : 0) |
	    (f & DESTINATION_DISPOSE ? READY_REMOVES : 0);

	if (d->told && d->ready.status < 0) {
		d->mended = status == 0 && !text[0];
		return;
	}
	/* READY was said without it, and says otherwise from now on */
	if (d->told && s->unasked) {
		s->unasked = false;
		d->mended = can != (d->ready.can & ~READY_UNHEARD) || status < 0;
		return;
	}
	server_ready(d, status, f & DESTINATION_READ_BACK ? LEVEL_READBACK : LEVEL_TRANSFER_DIGEST,
	    can, text);
}

static void say_no_lock(struct destination *d)
{
	char text[sizeof(d->ready.text)];

	if (d->conf.lock_mode == LOCK_NONE) {
		say_ready(d, 0, "");
		return;
	}
	snprintf(text, sizeof(text),
	    "bucket %s has no object lock, and object-lock asks for it: it can only be switched on "
	    "when a bucket is made; name another bucket, or take object-lock out",
	    d->conf.bucket);
	say_ready(d, -ENOTSUP, text);
}

/* 0 or -errno; without memory READY is said with that. */
static int probe(struct destination *d, bool head)
{
	struct http_request q = { .timeout_ms = PROBE_MS, .text_always = true };
	struct s3 *s = d->own;
	char url[URL_MAX_LEN];
	int err;

	s->asking_head = head;
	q.text = s->text;
	q.text_room = sizeof(s->text);
	err = head ? s3_bucket_head(&d->conf, s3_form()) : s3_object_lock(&d->conf, s3_form());
	if (!err)
		err = sign(d, &q, url);
	if (err) {
		curl_slist_free_all(q.headers);
		return err;
	}
	return http_start(s->probe, &q);
}

/* What the bucket offers is not known yet. */
static void say_unasked(struct destination *d, const char *text)
{
	struct s3 *s = d->own;

	if (!d->told || d->ready.status < 0) {
		say_ready(d, 0, text);
		d->ready.can |= READY_UNHEARD;
	}
	s->unasked = true;
}

/*
 * Not every policy lets us ask for the lock, and not every store knows the question: then it is
 * asked whether the bucket is there at all.
 */
static bool may_not_ask(enum s3_verdict v, const struct s3_error *e, const char *word)
{
	return (v == S3_CREDENTIALS && strcmp(e->code, "AccessDenied") == 0) ||
	    (v == S3_DESTINATION && strcmp(word, "not-s3") == 0 && e->code[0]) || v == S3_REFUSED;
}

static void probe_done(struct http *h)
{
	struct destination *d = h->owner;
	struct s3 *s = d->own;
	const char *word = "", *text = "";
	char skew[sizeof(d->ready.text)];
	struct s3_head head;
	struct s3_error e;
	enum s3_verdict v;

	if (h->end == HTTP_TLS && !s->unasked) {
		say_ready(d, -EPROTO, h->why);
		return;
	}
	if (h->end != HTTP_ANSWERED ||
	    judge(h, s->asking_head ? S3_BUCKET : S3_LOCK, &head, &v, &word, &text, &e) < 0) {
		say_unasked(d, h->why[0] ? h->why : "no answer of the store yet");
		return;
	}
	if (!s->asking_head && (v == S3_GOOD || v == S3_GONE))
		s->lock = v == S3_GOOD && s3_lock_read(s->text, text_len(h)) == 1;
	if (v == S3_GOOD && (s->lock || s->asking_head)) {
		say_ready(d, 0, "");
	} else if (v == S3_GOOD || (v == S3_GONE && !s->asking_head)) {
		say_no_lock(d);
	} else if (!s->asking_head && may_not_ask(v, &e, word)) {
		/* Where a lock is configured the store itself will refuse what it cannot lock. */
		s->lock = d->conf.lock_mode != LOCK_NONE;
		if (probe(d, true) < 0)
			say_ready(d, 0, text);
	} else if (v == S3_SKEW) {
		skew_text(&head, &e, text, skew, sizeof(skew));
		say_ready(d, -ETIME, skew);
	} else if (v == S3_ASK || v == S3_LATER) {
		say_unasked(d, text);
	} else {
		say_ready(d, -EACCES, text);
	}
}

static bool check_conf(struct destination *d)
{
	const struct proto_destination *c = &d->conf;
	char text[sizeof(d->ready.text)];
	int err;

	if (s3_identity(c, d->ready.identity, sizeof(d->ready.identity)) < 0 ||
	    s3_bucket_head(c, s3_form()) < 0) {
		say_ready(d, -EINVAL,
		    "url must be http:// or https:// with a host and nothing behind it, and bucket "
		    "a bucket's name");
		return false;
	}
	err = server_files(d, text, sizeof(text));
	if (err < 0) {
		say_ready(d, err, text);
		return false;
	}
	err = read_keys(d);
	if (err == 0)
		return true;
	snprintf(text, sizeof(text), "secrets-file: %.120s: %s", c->secrets_file,
	    err == -EINVAL ? "it must have access-key and secret-key, one a line" : strerror(-err));
	say_ready(d, err, text);
	return false;
}

static int s3_prepare(struct destination *d)
{
	struct s3 *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	d->own = s;
	s->expect = true;
	s->lock = d->conf.lock_mode != LOCK_NONE; /* until the bucket was asked */
	err = digester_start(&s->digester);
	if (!err)
		d->side_fd = s->digester.fd;
	return err;
}

static int s3_open(struct destination *d)
{
	struct s3 *s = d->own;
	int err;

	if (!check_conf(d))
		return 0;
	if (!s->probe)
		s->probe = http_new(d->room, &d->conf, d, probe_done);
	if (!s->probe)
		return -ENOMEM;
	if (s->probe->busy)
		return 0;
	err = probe(d, false);
	return err == -ENOMEM ? err : 0;
}

/* ---- a transfer ---- */

unsigned s3_lanes(const struct transfer *t)
{
	const struct s3_upload *u = t->own;
	uint64_t n = t->dest->conf.part_bytes / u->a.part_bytes;

	return n < 1 ? 1 : n < S3_LANES ? (unsigned)n : S3_LANES;
}

bool s3_lane_ready(struct transfer *t, unsigned i)
{
	struct s3_upload *u = t->own;
	struct s3_lane *l = &u->lane[i];
	struct http **own = i ? &s3_of(t)->more[t->slot][i - 1] : &t->http;

	if (server_http(t, own) < 0)
		return false;
	if (!l->text)
		l->text = malloc(S3_TEXT_MAX);
	l->http = *own;
	return l->text != NULL;
}

static void s3_end(struct transfer *t)
{
	struct s3_upload *u = t->own;

	if (t->http)
		http_stop(t->http);
	if (!u)
		return;
	for (unsigned i = 0; i < S3_LANES; i++) {
		if (u->lane[i].http)
			http_stop(u->lane[i].http);
		free(u->lane[i].text);
	}
	s3_of(t)->at[t->slot] = NULL;
	EVP_MD_CTX_free(u->back);
	free(u->list);
	free(u->uploads);
	free(u->part);
	free(u->shown);
	free(u->xml);
	free(u);
	t->own = NULL;
}

static int s3_begin(struct transfer *t)
{
	struct s3_upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	t->own = u;
	u->back = EVP_MD_CTX_new();
	if (server_http(t, &t->http) < 0 || !u->back) {
		s3_end(t);
		return -ENOMEM;
	}
	u->file = ++s3_of(t)->files;
	s3_of(t)->at[t->slot] = t;
	return 0;
}

const struct driver s3_driver = {
	.name = "s3",
	.id = DESTINATION_S3,
	.open = s3_open,
	.begin = s3_begin,
	.create = s3_upload_create,
	.query = s3_upload_query,
	.append = s3_upload_append,
	.finish = s3_finish,
	.confirm = s3_confirm,
	.remove = s3_remove,
	.abandon = s3_abandon,
	.preserve = s3_preserve,
	.end = s3_end,
	.prepare = s3_prepare,
	.hear = s3_sum_hear,
};
