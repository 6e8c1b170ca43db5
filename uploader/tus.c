/*
 * tus: the driver for resumable uploads by tus 1.0.0 (tus.io/protocols), HTTP/1.1 only.
 *
 * Owns what is asked of the server and how its answers turn into acts; what an answer means is
 * tus_reply's. Called by transfer.c. It believes no number but the server's Upload-Offset, and asks
 * for a new upload only when the server has said that the old one is gone.
 */
#include "tus.h"

#include "facts.h"
#include "server.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MS 10000
#define MISMATCHES_MAX 3u
#define METADATA_MAX 3072

static struct tus *tus_of(const struct transfer *t)
{
	return t->dest->own;
}

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

	if (h->end != HTTP_ANSWERED || tus_reply_read(h->head, h->head_len, time(NULL), &r) < 0)
		say_ready(d, 0, h->why[0] ? h->why : "no answer to OPTIONS yet");
	else if (tus_reply_judge(TUS_OPTIONS, &r, &w) != TUS_GOOD)
		say_ready(d, 0, w.text);
	else
		say_ready(d, 0, take_options(d, &r));
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

/* ---- create ---- */

static enum act_result post(struct transfer *t)
{
	struct http_request q = {
		.method = "POST", .url = t->dest->conf.where, .timeout_ms = t->dest->conf.answer_ms
	};
	char metadata[METADATA_MAX];
	const struct tus *s = tus_of(t);

	if (s->has_max_size && t->upload.size_bytes > s->max_size_bytes) {
		transfer_state(t, "too-large");
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the server takes %llu bytes at most (Tus-Max-Size): raise its limit",
		    (unsigned long long)s->max_size_bytes);
	}
	if (!http_header(
		&q.headers, "Upload-Length: %llu", (unsigned long long)t->upload.size_bytes))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	if (tus_metadata(&t->upload, t->dest->station, metadata, sizeof(metadata)) == 0 &&
	    metadata[0] && !http_header(&q.headers, "Upload-Metadata: %s", metadata))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	return tus_ask(t, &q);
}

enum act_result tus_begin_at(struct transfer *t, uint64_t offset)
{
	struct tus_upload *u = t->own;

	if (EVP_DigestInit_ex(u->sent, EVP_sha256(), NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	memset(&t->receipt, 0, sizeof(t->receipt));
	t->receipt.retain_until_s = PROTO_NO_TIME;
	u->step = STEP_NONE;
	u->sought = false;
	u->all_checked = offset == 0;
	t->offset_bytes = offset;
	t->offset_known = true;
	return ACT_DONE;
}

static enum act_result tus_create(struct transfer *t)
{
	bool seek = t->dest->conf.find_path[0] && !facts_is_side(&t->upload);
	const struct tus *s = tus_of(t);
	struct tus_upload *u = t->own;
	enum act_result result;
	struct tus_reply r;
	int err;

	if (!s->known && !u->learnt)
		return tus_learn(t);
	if (seek && !u->sought) {
		t->expires_s = PROTO_NO_TIME;
		t->found = false;
		return tus_find(t);
	}
	if (!u->asked)
		return post(t);
	/* An answer may be lost that made one: it is sought before another is made. */
	u->sought = false;
	if (tus_judge(t, TUS_CREATE, &r, &result) != TUS_GOOD)
		return result;
	err = tus_location(t->dest->conf.where, r.location, t->address, sizeof(t->address));
	if (err < 0) {
		t->address[0] = '\0';
		transfer_state(t, "location");
	}
	if (err == -EXDEV)
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the server's Location names another host; nothing is sent there: %.120s",
		    r.location);
	if (err < 0)
		return transfer_fail(t, UPLOAD_REFUSED, "the server's Location is no usable URL");
	/* A server that knows what it is asked for gives what another station has begun. */
	t->found = r.has_offset && r.offset_bytes > 0;
	result = tus_begin_at(t, 0);
	t->offset_known = !t->found;
	return result;
}

/* ---- query ---- */

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

static struct tus_cut *cut_at(struct tus *s, const char *address)
{
	for (size_t i = 0; i < PROTO_SLOTS; i++) {
		if (s->cut[i].address[0] && strcmp(s->cut[i].address, address) == 0)
			return &s->cut[i];
	}
	return NULL;
}

static void note_cut(struct transfer *t)
{
	const struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);
	struct tus_cut *c = cut_at(s, t->address);

	if (!c) {
		c = &s->cut[t->slot];
		memcpy(c->address, t->address, sizeof(c->address));
		c->unchanged = 0;
	}
	c->from = u->patch_from;
	c->bytes = u->patch_bytes;
	c->ms = u->patch_ms;
	c->asked = false;
}

/* What a cut PATCH teaches about the line: smaller requests where nothing of it was kept. */
static void learn_from_cut(struct transfer *t, uint64_t offset)
{
	struct tus *s = tus_of(t);
	struct tus_cut *c = cut_at(s, t->address);

	if (!c || c->asked)
		return;
	c->asked = true;
	if (offset > c->from) {
		c->address[0] = '\0';
		tus_chunk_took(&s->chunk, offset - c->from, c->ms, false);
	} else if (++c->unchanged >= 2) {
		c->unchanged = 0;
		if (tus_chunk_halve(&s->chunk, c->bytes))
			t->tries = 0;
	}
}

bool tus_is_same(const struct transfer *t, const struct tus_reply *r)
{
	struct facts facts;

	facts_of(&t->upload, t->dest->station, &facts);
	return (!r->has_asset || strcmp(r->asset, t->upload.asset) == 0) &&
	    (!r->has_sha256 || strcmp(r->sha256, facts.text[0]) == 0);
}

static enum act_result tus_query(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!tus_of(t)->known && !u->learnt)
		return tus_learn(t);
	if (!u->asked)
		return tus_ask_head(t, false);
	v = tus_judge(t, TUS_HEAD, &r, &result);
	/* tus 1.0.0 HEAD: 403 without Upload-Offset is one way to say that it is not there. */
	if (v == TUS_CREDENTIALS && r.status == 403 && !r.has_offset && result == ACT_FAILED)
		return ACT_GONE;
	if (v != TUS_GOOD)
		return result;
	if (facts_is_side(&t->upload) && r.has_length &&
	    (r.length_bytes != t->upload.size_bytes || !tus_is_same(t, &r))) {
		(void)transfer_ask(t, UPLOAD_LATER, "it has changed since");
		return ACT_GONE;
	}
	if (r.offset_bytes > t->upload.size_bytes ||
	    (r.has_length && r.length_bytes != t->upload.size_bytes) || !tus_is_same(t, &r)) {
		transfer_state(t, "differs");
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the upload there is not this clip: offset %llu, length %llu, clip %llu",
		    (unsigned long long)r.offset_bytes, (unsigned long long)r.length_bytes,
		    (unsigned long long)t->upload.size_bytes);
	}
	learn_from_cut(t, r.offset_bytes);
	if (r.offset_bytes != t->offset_bytes || !t->offset_known)
		u->all_checked = false;
	t->offset_bytes = r.offset_bytes;
	t->offset_known = true;
	return ACT_DONE;
}

/* ---- append ---- */

/* Digests the chunk into u->chunk (all up to its end) and into digest (itself). */
static int digest_chunk(struct transfer *t, uint64_t from, uint64_t len, unsigned char *digest)
{
	struct tus_upload *u = t->own;
	static unsigned char buf[256 << 10];
	EVP_MD_CTX *one = EVP_MD_CTX_new();
	int err = -ENOMEM;

	if (!one || EVP_DigestInit_ex(one, EVP_sha256(), NULL) != 1 ||
	    EVP_MD_CTX_copy_ex(u->chunk, u->sent) != 1)
		goto out;
	while (len > 0) {
		size_t want = len < sizeof(buf) ? (size_t)len : sizeof(buf);
		ssize_t n = pread(t->fd, buf, want, (off_t)from);

		err = n < 0 ? -errno : -ENODATA;
		if (n <= 0)
			goto out;
		err = -ENOMEM;
		if (EVP_DigestUpdate(one, buf, (size_t)n) != 1 ||
		    EVP_DigestUpdate(u->chunk, buf, (size_t)n) != 1)
			goto out;
		from += (uint64_t)n;
		len -= (uint64_t)n;
	}
	err = EVP_DigestFinal_ex(one, digest, NULL) == 1 ? 0 : -ENOMEM;
out:
	EVP_MD_CTX_free(one);
	return err;
}

static enum act_result patch(struct transfer *t)
{
	bool override = (t->dest->conf.flags & DESTINATION_OVERRIDE) != 0;
	struct http_request q = { .method = override ? "POST" : "PATCH",
		.url = t->address,
		.has_body = true,
		.fd = t->fd,
		.from_bytes = t->offset_bytes,
		.sent_bytes = &t->sent_bytes };
	struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);
	unsigned char digest[PROTO_SHA256_LEN];
	unsigned char base64[48];
	bool ok;
	int err;

	q.length_bytes = t->upload.size_bytes - t->offset_bytes;
	if (q.length_bytes > s->chunk.now_bytes)
		q.length_bytes = s->chunk.now_bytes;
	q.no_expect = s->never_expect || !s->expect;
	ok = http_header(&q.headers, "Upload-Offset: %llu", (unsigned long long)t->offset_bytes) &&
	    http_header(&q.headers, "Content-Type: application/offset+octet-stream");
	if (ok && override)
		ok = http_header(&q.headers, "X-HTTP-Method-Override: PATCH");
	if (ok && s->checksum && !u->no_checksum) {
		if (q.length_bytes > TUS_CHUNK_CHECKED)
			q.length_bytes = TUS_CHUNK_CHECKED;
		err = digest_chunk(t, t->offset_bytes, q.length_bytes, digest);
		if (err < 0) {
			curl_slist_free_all(q.headers);
			transfer_state(t, "source");
			return transfer_fail(
			    t, UPLOAD_SOURCE, "the station's copy: %s", strerror(-err));
		}
		EVP_EncodeBlock(base64, digest, sizeof(digest));
		ok = http_header(&q.headers, "Upload-Checksum: sha256 %s", (const char *)base64);
	} else {
		u->all_checked = false;
	}
	if (!ok)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	u->patch_from = t->offset_bytes;
	u->patch_bytes = q.length_bytes;
	return tus_ask(t, &q);
}

static enum act_result patch_good(struct transfer *t, const struct tus_reply *r)
{
	struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);
	uint64_t end = u->patch_from + u->patch_bytes;

	/* Beyond what was sent: another's bytes, or a server that does not count. HEAD tells. */
	if (r->offset_bytes > end) {
		transfer_state(t, "beyond");
		return transfer_ask(t, UPLOAD_LATER, "the server's offset is beyond what was sent");
	}
	s->expect = false;
	if (cut_at(s, t->address))
		cut_at(s, t->address)->address[0] = '\0';
	if (r->offset_bytes > u->patch_from)
		tus_chunk_took(&s->chunk, r->offset_bytes - u->patch_from, u->patch_ms,
		    r->offset_bytes == end);
	if (r->offset_bytes != end) {
		u->all_checked = false;
	} else if (u->all_checked) {
		EVP_MD_CTX *sent = u->sent;

		u->sent = u->chunk;
		u->chunk = sent;
	}
	t->offset_bytes = r->offset_bytes;
	return ACT_DONE;
}

/* By the line or a proxy; not because our own timetable ended it. */
static bool was_cut(const struct http *h, enum tus_verdict v, int status)
{
	if (v == 0)
		return h->end == HTTP_CUT && strcmp(h->state, "timetable") != 0;
	return status == 408 || status == 499 || status == 502 || status == 504 ||
	    (status >= 520 && status <= 524);
}

static enum act_result tus_append(struct transfer *t)
{
	struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r = { 0 };

	if (!u->asked)
		return patch(t);
	u->patch_ms = t->http->body_ms;
	v = tus_judge(t, TUS_PATCH, &r, &result);
	if (was_cut(t->http, v, r.status))
		note_cut(t);
	/* To ask first saves the body where the server says no, not where the line breaks. */
	if (v != 0 && v != TUS_GOOD)
		s->expect = true;
	switch ((int)v) {
	case TUS_GOOD:
		return patch_good(t, &r);
	case TUS_SMALLER:
		if (!tus_chunk_cap(&s->chunk, u->patch_bytes))
			return transfer_fail(t, UPLOAD_REFUSED, "%s", t->failed.text);
		return ACT_AGAIN;
	case TUS_MISMATCH:
		if (++u->mismatches < MISMATCHES_MAX)
			return result;
		return transfer_fail(t, UPLOAD_SOURCE,
		    "a chunk's checksum did not match %u times: the station's copy or its memory",
		    MISMATCHES_MAX);
	case TUS_NO_EXPECT:
		if (s->never_expect)
			return transfer_fail(t, UPLOAD_DESTINATION, "%s", t->failed.text);
		s->never_expect = true;
		u->fresh = true;
		return ACT_AGAIN;
	case TUS_REFUSED:
		/* tus checksum extension: 400 = this algorithm is not supported after all. */
		if (r.status != 400 || !s->checksum || u->no_checksum)
			return result;
		u->no_checksum = true;
		return ACT_ASK;
	}
	return result;
}

const struct driver tus_driver = {
	.name = "tus",
	.id = DESTINATION_TUS,
	.open = tus_open,
	.begin = tus_begin,
	.create = tus_create,
	.query = tus_query,
	.append = tus_append,
	.finish = tus_finish,
	.confirm = tus_confirm,
	.remove = tus_remove,
	.abandon = tus_abandon,
	.end = tus_end,
};
