/*
 * tus: the driver for resumable uploads by tus 1.0.0 (tus.io/protocols), HTTP/1.1 only.
 *
 * Owns what is asked of the server and how its answers turn into acts; what an answer means is
 * tus_reply's. Called by transfer.c. It believes no number but the server's Upload-Offset, and asks
 * for a new upload only when the server has said that the old one is gone.
 */
#include "tus.h"

#include "facts.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MS 45000 /* servers wait for a lock to drain before they answer HEAD */
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

	d->ready.status = status;
	d->ready.level = level_of(d);
	d->ready.can = (f & (DESTINATION_READ_BACK | DESTINATION_RECEIPTS) ? READY_CONFIRMS : 0) |
	    ((f & DESTINATION_DISPOSE) && !s->keeps ? READY_REMOVES : 0);
	snprintf(d->ready.text, sizeof(d->ready.text), "%s", text);
	d->told = true;
}

static void options_done(struct http *h)
{
	struct destination *d = h->owner;
	struct tus *s = d->own;
	struct tus_reply r;
	const char *text;

	if (h->end != HTTP_ANSWERED || tus_reply_read(h->head, h->head_len, time(NULL), &r) < 0) {
		say_ready(d, 0, h->why[0] ? h->why : "no answer to OPTIONS yet");
		return;
	}
	if (tus_reply_judge(TUS_OPTIONS, &r, &text) != TUS_GOOD) {
		say_ready(d, 0, text);
		return;
	}
	s->checksum = (d->conf.flags & DESTINATION_CHECKSUM) && r.checksum && r.sha256;
	s->keeps = r.extensions && !r.termination;
	s->has_max_size = r.has_max_size && r.max_size_bytes > 0;
	s->max_size_bytes = r.max_size_bytes;
	if (r.extensions && !r.creation)
		say_ready(d, 0, "the server does not offer the creation extension");
	else if ((d->conf.flags & DESTINATION_CHECKSUM) && !s->checksum)
		say_ready(d, 0, "the server does not offer the checksum extension with sha256");
	else
		say_ready(d, 0, "");
}

static bool check_conf(struct destination *d)
{
	const struct proto_destination *c = &d->conf;
	char address[PROTO_ADDRESS_LEN];
	char text[sizeof(d->ready.text)];
	int err;

	if (tus_location(c->where, "x", address, sizeof(address)) < 0) {
		say_ready(
		    d, -EINVAL, "the URL must be http:// or https://, with a host and no user");
		return false;
	}
	err = trust_check(&d->room->trust, c);
	if (err < 0) {
		say_ready(d, err, d->room->trust.why);
		return false;
	}
	err = c->headers_file[0] ? http_room_credentials(d->room, c->headers_file) : 0;
	if (err < 0) {
		snprintf(text, sizeof(text), "headers-file: %.120s: %s", c->headers_file,
		    err == -EINVAL ?
			"a line is not \"Name: value\", or sets what dockd sets itself" :
			strerror(-err));
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

static void answered(struct http *h)
{
	struct transfer *t = h->owner;

	t->state = TRANSFER_TURN;
}

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
	if (!t->http)
		t->http = http_new(t->dest->room, &t->dest->conf, t, answered);
	if (!t->http || !u->sent || !u->chunk || !u->back ||
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
	if (!q->headers || !http_header(&q->headers, "Tus-Resumable: 1.0.0") ||
	    http_start(t->http, q) < 0)
		return transfer_fail(t, UPLOAD_LATER, "no memory for a request");
	return ACT_WAIT;
}

static enum act_result credentials(struct transfer *t, const char *text)
{
	const char *path = t->dest->conf.headers_file;
	struct tus_upload *u = t->own;
	int err;

	if (u->reread || !path[0])
		return transfer_fail(t, UPLOAD_DESTINATION, "%s", text);
	u->reread = true;
	err = http_room_credentials(t->dest->room, path);
	if (err < 0)
		return transfer_fail(
		    t, UPLOAD_DESTINATION, "%s; %s: %s", text, path, strerror(-err));
	log_info("credentials-read-again", "slot=%u", t->slot);
	return ACT_AGAIN;
}

enum tus_verdict tus_judge(
    struct transfer *t, enum tus_request request, struct tus_reply *r, enum act_result *result)
{
	const struct http *h = t->http;
	struct tus_upload *u = t->own;
	enum tus_verdict v;
	const char *text;

	u->asked = false;
	*result = transfer_heard(t);
	if (*result != ACT_DONE)
		return 0;
	if (tus_reply_read(h->head, h->head_len, time(NULL), r) < 0) {
		*result = transfer_ask(t, UPLOAD_LATER, "an answer that contradicts itself");
		return 0;
	}
	t->failed.http_status = (uint32_t)r->status;
	v = tus_reply_judge(request, r, &text);
	switch (v) {
	case TUS_ASK:
		t->failed.retry_after_ms = r->retry_after_ms;
		*result = transfer_ask(t, UPLOAD_LATER, "%s", text);
		break;
	case TUS_LATER:
		t->failed.retry_after_ms = r->retry_after_ms;
		*result = transfer_fail(t, UPLOAD_LATER, "%s", text);
		break;
	case TUS_CREDENTIALS:
		*result = credentials(t, text);
		break;
	case TUS_REFUSED:
		*result = transfer_fail(t, UPLOAD_REFUSED, "%s (HTTP %d)", text, r->status);
		break;
	case TUS_DESTINATION:
		*result = transfer_fail(t, UPLOAD_DESTINATION, "%s", text);
		break;
	case TUS_GONE:
		(void)transfer_ask(t, UPLOAD_LATER, "%s", text);
		*result = ACT_GONE;
		break;
	case TUS_GOOD:
	case TUS_SMALLER:
	case TUS_MISMATCH:
	case TUS_NO_EXPECT:
		(void)transfer_ask(t, UPLOAD_LATER, "%s", text);
		*result = ACT_ASK;
		break;
	}
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

	if (s->has_max_size && t->upload.size_bytes > s->max_size_bytes)
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the server takes %llu bytes at most (Tus-Max-Size): raise its limit",
		    (unsigned long long)s->max_size_bytes);
	if (!http_header(
		&q.headers, "Upload-Length: %llu", (unsigned long long)t->upload.size_bytes))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	if (tus_metadata(&t->upload, t->dest->station, metadata, sizeof(metadata)) == 0 &&
	    metadata[0] && !http_header(&q.headers, "Upload-Metadata: %s", metadata))
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	return tus_ask(t, &q);
}

static enum act_result tus_create(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	struct tus_reply r;
	int err;

	if (!u->asked)
		return post(t);
	if (tus_judge(t, TUS_CREATE, &r, &result) != TUS_GOOD)
		return result;
	err = tus_location(t->dest->conf.where, r.location, t->address, sizeof(t->address));
	if (err == -EXDEV)
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the server's Location names another host; nothing is sent there: %.120s",
		    r.location);
	if (err < 0)
		return transfer_fail(t, UPLOAD_REFUSED, "the server's Location is no usable URL");
	if (EVP_DigestInit_ex(u->sent, EVP_sha256(), NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "no memory");
	memset(&t->receipt, 0, sizeof(t->receipt));
	u->step = STEP_NONE;
	u->all_checked = true;
	u->was_cut = false;
	t->offset_bytes = 0;
	t->offset_known = true;
	return ACT_DONE;
}

/* ---- query ---- */

enum act_result tus_ask_head(struct transfer *t, bool want_digest)
{
	struct http_request q = { .method = "HEAD", .url = t->address, .timeout_ms = HEAD_MS };
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

/* What a cut PATCH teaches about the line: smaller requests where nothing of it was kept. */
static void learn_from_cut(struct transfer *t, uint64_t offset)
{
	struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);

	if (!u->was_cut)
		return;
	u->was_cut = false;
	if (offset > u->patch_from) {
		u->unchanged = 0;
		tus_chunk_took(&s->chunk, offset - u->patch_from, u->patch_ms, false);
	} else if (++u->unchanged >= 2) {
		u->unchanged = 0;
		if (tus_chunk_halve(&s->chunk))
			t->tries = 0;
	}
}

static enum act_result tus_query(struct transfer *t)
{
	struct tus_upload *u = t->own;
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked)
		return tus_ask_head(t, false);
	v = tus_judge(t, TUS_HEAD, &r, &result);
	/* tus 1.0.0 HEAD: 403 without Upload-Offset is one way to say that it is not there. */
	if (v == TUS_CREDENTIALS && r.status == 403 && !r.has_offset && result == ACT_FAILED)
		return ACT_GONE;
	if (v != TUS_GOOD)
		return result;
	if (facts_is_side(&t->upload) && r.has_length && r.length_bytes != t->upload.size_bytes) {
		(void)transfer_ask(t, UPLOAD_LATER, "it has changed since");
		return ACT_GONE;
	}
	if (r.offset_bytes > t->upload.size_bytes ||
	    (r.has_length && r.length_bytes != t->upload.size_bytes))
		return transfer_fail(t, UPLOAD_REFUSED,
		    "the upload there is not this clip: offset %llu, length %llu, clip %llu",
		    (unsigned long long)r.offset_bytes, (unsigned long long)r.length_bytes,
		    (unsigned long long)t->upload.size_bytes);
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
	if (r->offset_bytes > end)
		return transfer_ask(t, UPLOAD_LATER, "the server's offset is beyond what was sent");
	s->expect = false;
	u->unchanged = 0;
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

static bool is_cut(int status)
{
	return status == 408 || status == 499 || status == 502 || status == 504 ||
	    (status >= 520 && status <= 524);
}

static enum act_result tus_append(struct transfer *t)
{
	struct tus_upload *u = t->own;
	struct tus *s = tus_of(t);
	enum act_result result;
	enum tus_verdict v;
	struct tus_reply r;

	if (!u->asked)
		return patch(t);
	u->patch_ms = t->http->body_ms;
	v = tus_judge(t, TUS_PATCH, &r, &result);
	u->was_cut = v == 0 ? t->http->end == HTTP_CUT : is_cut(r.status);
	if (v != TUS_GOOD)
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
	.end = tus_end,
};
