/*
 * tus: the driver for resumable uploads by tus 1.0.0 (tus.io/protocols), HTTP/1.1 only.
 *
 * Owns what is known of the server, and how a request is sent and its answer turned into an act's
 * end; what an answer means is tus_reply's, and the acts are in tus_upload.c, tus_proof.c and
 * tus_errand.c. Called by transfer.c. It follows no redirect.
 */
#include "tus.h"

#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPTIONS_MS 10000

/* ---- open ---- */

static enum receipt_level level_of(const struct destination *d)
{
	const struct tus *s = d->own;
	uint32_t f = d->conf.flags;

	if (f & DESTINATION_RECEIPTS)
		return LEVEL_SIGNED;
	if (f & DESTINATION_READ_BACK)
		return LEVEL_READBACK;
	if (f & DESTINATION_STORED_DIGEST)
		return LEVEL_STORED_DIGEST;
	return s->checksum ? LEVEL_TRANSFER_DIGEST : LEVEL_LENGTH;
}

static void say_ready(struct destination *d, int status, const char *text)
{
	const struct tus *s = d->own;
	uint32_t f = d->conf.flags;
	uint32_t can = (f & (DESTINATION_READ_BACK | DESTINATION_RECEIPTS) ? READY_CONFIRMS : 0) |
	    ((f & DESTINATION_DISPOSE) && !s->keeps ? READY_REMOVES : 0);
	/* What is found by all stations may be whole by another one's hand before it is deleted. */
	if (d->conf.find_path[0])
		can |= READY_FINDS;
	else if (s->terminates || !s->known) /* not known yet: it is asked before */
		can |= READY_ABANDONS;
	server_ready(d, status, level_of(d), can, text);
}

/* What the server says of itself; "" or what is missing of what is configured. */
static const char *take_options(struct destination *d, const struct tus_reply *r)
{
	bool wanted = (d->conf.flags & DESTINATION_CHECKSUM) != 0;
	struct tus *s = d->own;

	s->known = true;
	s->checksum = wanted && r->checksum && r->sha256_offered;
	s->keeps = r->extensions && !r->termination;
	s->terminates = r->termination;
	s->has_max_size = r->has_max_size && r->max_size_bytes > 0;
	s->max_size_bytes = r->max_size_bytes;
	if (r->extensions && !r->creation)
		return "the server does not offer the creation extension";
	if (wanted && !s->checksum)
		return "the server does not offer the checksum extension with sha256";
	return "";
}

static void options_done(struct http *h)
{
	struct destination *d = h->owner;
	struct tus_words w;
	struct tus_reply r;

	if (h->end != HTTP_ANSWERED || tus_reply_read(h->head, h->head_len, time(NULL), &r) < 0) {
		say_ready(d, 0, h->why[0] ? h->why : "no answer to OPTIONS yet");
		d->ready.can |= READY_UNHEARD;
	} else if (tus_reply_judge(TUS_OPTIONS, &r, &w) != TUS_GOOD) {
		say_ready(d, 0, w.text);
		d->ready.can |= READY_UNHEARD;
	} else {
		say_ready(d, 0, take_options(d, &r));
	}
}

static bool check_urls(struct destination *d)
{
	static const char id[] = "0000000000000000000000000000000000000000000000000000000000000000";
	const struct proto_destination *c = &d->conf;
	char address[PROTO_ADDRESS_LEN];

	if (tus_location(c->where, c->where, address, sizeof(address)) < 0) {
		say_ready(
		    d, -EINVAL, "the URL must be http:// or https://, with a host and no user");
		return false;
	}
	snprintf(d->ready.identity, sizeof(d->ready.identity), "tus %.*s",
	    (int)strcspn(address, "?"), address);
	if (!c->find_path[0] ||
	    tus_find_url(c->where, c->find_path, id, address, sizeof(address)) == 0)
		return true;
	say_ready(d, -EINVAL, "find-path must hold {asset} and stay at the host of the URL");
	return false;
}

static bool check_conf(struct destination *d)
{
	char text[sizeof(d->ready.text)];
	int err;

	if (!check_urls(d))
		return false;
	err = server_files(d, text, sizeof(text));
	if (err < 0) {
		say_ready(d, err, text);
		return false;
	}
	return true;
}

static int tus_open(struct destination *d)
{
	struct http_request q = {
		.method = "OPTIONS", .url = d->conf.where, .timeout_ms = OPTIONS_MS
	};
	struct tus *s = d->own ? d->own : calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	d->own = s;
	s->expect = true;
	tus_chunk_init(&s->chunk, d->conf.chunk_min_bytes, d->conf.chunk_max_bytes);
	if (!check_conf(d))
		return 0;
	if (d->told) {
		d->ready.status = 0;
		return 0;
	}
	if (!s->options)
		s->options = http_new(d->room, &d->conf, d, options_done);
	if (!s->options || !http_header(&q.headers, "Tus-Resumable: 1.0.0"))
		return -ENOMEM;
	return http_start(s->options, &q);
}

/* ---- a transfer's requests ---- */

static void tus_end(struct transfer *t)
{
	struct tus_upload *u = t->own;

	if (t->http)
		http_stop(t->http);
	if (!u)
		return;
	EVP_MD_CTX_free(u->sent);
	EVP_MD_CTX_free(u->chunk);
	EVP_MD_CTX_free(u->back);
	free(u);
	t->own = NULL;
}

static int tus_begin(struct transfer *t)
{
	struct tus_upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	t->own = u;
	u->sent = EVP_MD_CTX_new();
	u->chunk = EVP_MD_CTX_new();
	u->back = EVP_MD_CTX_new();
	if (server_http(t, &t->http) < 0 || !u->sent || !u->chunk || !u->back ||
	    EVP_DigestInit_ex(u->sent, EVP_sha256(), NULL) != 1) {
		tus_end(t);
		return -ENOMEM;
	}
	return 0;
}

enum act_result tus_ask(struct transfer *t, struct http_request *q)
{
	struct tus_upload *u = t->own;

	q->fresh = u->fresh;
	q->expedited = t->job == MSG_UPLOAD && t->upload.urgency > 0;
	u->fresh = false;
	u->asked = true;
	t->failed.http_status = 0;
	t->failed.retry_after_ms = 0;
	if (!http_header(&q->headers, "Tus-Resumable: 1.0.0") || http_start(t->http, q) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory for a request");
	return ACT_WAIT;
}

enum act_result tus_ask_head(struct transfer *t, bool want_digest)
{
	struct http_request q = { .method = "HEAD", .url = t->address, .timeout_ms = TUS_HEAD_MS };
	char pinned[PROTO_ADDRESS_LEN];

	if (tus_location(t->dest->conf.where, t->address, pinned, sizeof(pinned)) < 0) {
		transfer_fail(
		    t, UPLOAD_LATER, "the address on record is not on the configured host");
		return ACT_GONE;
	}
	memcpy(t->address, pinned, sizeof(pinned));
	if (!http_header(&q.headers, "Cache-Control: no-cache") ||
	    (want_digest && !http_header(&q.headers, "Want-Repr-Digest: sha-256=10")))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	return tus_ask(t, &q);
}

enum act_result tus_learn(struct transfer *t)
{
	struct http_request q = {
		.method = "OPTIONS", .url = t->dest->conf.where, .timeout_ms = OPTIONS_MS
	};
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked)
		return tus_ask(t, &q);
	v = tus_judge(t, TUS_OPTIONS, &r, &result);
	if (v == 0)
		return result;
	/* Some servers and proxies keep OPTIONS to themselves; the rest may work all the same. */
	if (v == TUS_GOOD)
		(void)take_options(t->dest, &r);
	u->reread = false;
	u->learnt = true;
	return ACT_AGAIN;
}

static int read_headers(const struct destination *d)
{
	return http_room_credentials(d->room, d->conf.headers_file);
}

static enum act_result judged(
    struct transfer *t, enum tus_verdict v, const struct tus_reply *r, const char *text)
{
	struct tus_upload *u = t->own;

	switch (v) {
	case TUS_ASK:
		t->failed.retry_after_ms = r->retry_after_ms;
		return transfer_ask(t, UPLOAD_LATER, "%s", text);
	case TUS_LATER:
		t->failed.retry_after_ms = r->retry_after_ms;
		return transfer_fail(t, UPLOAD_LATER, "%s", text);
	case TUS_CREDENTIALS:
		return server_renew(t, &u->reread, t->dest->conf.headers_file, read_headers, text);
	case TUS_REFUSED:
		return transfer_fail(t, UPLOAD_REFUSED, "%s (HTTP %d)", text, r->status);
	case TUS_DESTINATION:
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", text);
	case TUS_GONE:
		(void)transfer_ask(t, UPLOAD_LATER, "%s", text);
		return ACT_GONE;
	case TUS_GOOD:
	case TUS_SMALLER:
	case TUS_MISMATCH:
	case TUS_NO_EXPECT:
		break;
	}
	return transfer_ask(t, UPLOAD_LATER, "%s", text);
}

enum tus_verdict tus_judge(
    struct transfer *t, enum tus_request request, struct tus_reply *r, enum act_result *result)
{
	const struct http *h = t->http;
	struct tus_upload *u = t->own;
	enum tus_verdict v;
	struct tus_words w;

	u->asked = false;
	*result = transfer_heard(t);
	if (*result != ACT_DONE)
		return 0;
	if (tus_reply_read(h->head, h->head_len, time(NULL), r) < 0) {
		transfer_state(t, "contradiction");
		*result = transfer_ask(t, UPLOAD_LATER, "an answer that contradicts itself");
		return 0;
	}
	t->failed.http_status = (uint32_t)r->status;
	v = tus_reply_judge(request, r, &w);
	transfer_state(t, w.state);
	if (r->expires_s != PROTO_NO_TIME)
		t->expires_s = r->expires_s;
	if (v == TUS_GOOD)
		u->reread = false; /* they may be changed again while this goes on */
	*result = judged(t, v, r, w.text);
	return v;
}

const struct driver tus_driver = {
	.name = "tus",
	.id = DESTINATION_TUS,
	.open = tus_open,
	.begin = tus_begin,
	.create = tus_upload_create,
	.query = tus_upload_query,
	.append = tus_upload_append,
	.finish = tus_finish,
	.confirm = tus_confirm,
	.remove = tus_remove,
	.abandon = tus_abandon,
	.end = tus_end,
};
