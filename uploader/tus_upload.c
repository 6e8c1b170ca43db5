/*
 * tus_upload: sending to a tus server: create, query and append; see tus.h.
 *
 * It believes no number but the server's Upload-Offset, asks for a new upload only when the server
 * has said that the old one is gone, and looks at find-path before it makes one.
 */
#include "tus.h"

#include "facts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MISMATCHES_MAX 3u
#define METADATA_MAX 3072

static struct tus *tus_of(const struct transfer *t)
{
	return t->dest->own;
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

enum act_result tus_upload_create(struct transfer *t)
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

/*
 * A server that checks takes a request that was cut away again, back to where it began, and may not
 * have come to that yet: what went on behind it would be cut out of the clip. @uploadx/core counts
 * such bytes meanwhile, and takes the next request beside the dying one. So it is to say the same
 * twice.
 */
static enum act_result settle(struct transfer *t, uint64_t offset)
{
	struct tus_upload *u = t->own;

	if (!tus_of(t)->checksum || (u->looks > 0 && u->looked_bytes == offset)) {
		u->looks = 0;
		return ACT_DONE;
	}
	u->looked_bytes = offset;
	if (++u->looks > TUS_SETTLE_TIMES) {
		u->looks = 0;
		transfer_state(t, "conflict");
		return transfer_fail(t, UPLOAD_LATER,
		    "what the server has of it changes by itself: an earlier request, or another "
		    "station");
	}
	t->pause_until_ms = transfer_now_ms() + TUS_SETTLE_MS;
	return ACT_HELD;
}

enum act_result tus_upload_query(struct transfer *t)
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
	result = settle(t, r.offset_bytes);
	if (result != ACT_DONE)
		return result;
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

enum act_result tus_upload_append(struct transfer *t)
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
