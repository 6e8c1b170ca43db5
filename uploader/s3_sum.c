/*
 * s3_sum: the digests of what is sent to an S3 store; see s3.h.
 *
 * Reads the station's copy in slices, one a turn of the loop, so that other uploads go on
 * meanwhile. Each part is read once for both of its digests and for that of the whole. A file that
 * goes by one PUT needs its MD5 alone: its SHA-256 is what was checked, and the store refuses bytes
 * that have another.
 */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Small beside what the kernel holds of a body: others' sockets are not kept waiting. */
#define SLICE_BYTES (256u << 10)

int s3_sum_new(struct s3_sum *s)
{
	s->sha256_ctx = EVP_MD_CTX_new();
	s->md5_ctx = EVP_MD_CTX_new();
	return s->sha256_ctx && s->md5_ctx ? 0 : -ENOMEM;
}

void s3_sum_free(struct s3_sum *s)
{
	EVP_MD_CTX_free(s->sha256_ctx);
	EVP_MD_CTX_free(s->md5_ctx);
}

void s3_sum_drop(struct s3_sum *s)
{
	s->begun = s->done = false;
}

/* Up to len bytes at *at into ctx[0], ctx[1] (where wanted) and the whole. 0 or -errno. */
static int take_slice(struct transfer *t, uint64_t *at, uint64_t end, EVP_MD_CTX *const ctx[2])
{
	static unsigned char buf[256 << 10];
	struct s3_upload *u = t->own;
	uint64_t stop = end - *at < SLICE_BYTES ? end : *at + SLICE_BYTES;

	while (*at < stop) {
		size_t want = stop - *at < sizeof(buf) ? (size_t)(stop - *at) : sizeof(buf);
		ssize_t n = pread(t->fd, buf, want, (off_t)*at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		for (int i = 0; i < 2; i++) {
			if (ctx[i] && EVP_DigestUpdate(ctx[i], buf, (size_t)n) != 1)
				return -ENOMEM;
		}
		if (u->part && *at == u->whole_bytes) {
			if (EVP_DigestUpdate(u->whole, buf, (size_t)n) != 1)
				return -ENOMEM;
			u->whole_bytes += (uint64_t)n;
		}
		*at += (uint64_t)n;
	}
	return 0;
}

static enum act_result unreadable(struct transfer *t, int err)
{
	return err == -ENOMEM ? transfer_fail(t, UPLOAD_LATER, "no memory") :
				transfer_fail(t, UPLOAD_SOURCE, "the station's copy: %s",
				    err == -ENODATA ? "it has become shorter" : strerror(-err));
}

/* One that waits for an answer, or for the line, keeps nobody from reading. */
static bool may_read(const struct transfer *t)
{
	struct s3 *s = t->dest->own;

	if (s->reading && s->reading != t && s->reading->state == TRANSFER_TURN)
		return false;
	s->reading = t;
	return true;
}

void s3_sum_yield(const struct transfer *t)
{
	struct s3 *s = t->dest->own;

	if (s->reading == t)
		s->reading = NULL;
}

static enum act_result take(struct transfer *t, uint64_t from_bytes, uint64_t len_bytes, bool both)
{
	struct s3_upload *u = t->own;
	struct s3_sum *s = &u->sum;
	EVP_MD_CTX *ctx[2] = { both ? s->sha256_ctx : NULL, s->md5_ctx };
	int err;

	if (s->from_bytes != from_bytes || s->end_bytes != from_bytes + len_bytes ||
	    s->both != both)
		s3_sum_drop(s);
	if (s->done)
		return ACT_DONE;
	if (!may_read(t))
		return ACT_AGAIN;
	if (!s->begun) {
		s->both = both;
		s->from_bytes = s->at_bytes = from_bytes;
		s->end_bytes = from_bytes + len_bytes;
		if (EVP_DigestInit_ex(s->sha256_ctx, EVP_sha256(), NULL) != 1 ||
		    EVP_DigestInit_ex(s->md5_ctx, EVP_md5(), NULL) != 1)
			return unreadable(t, -ENOMEM);
		s->begun = true;
	}
	err = take_slice(t, &s->at_bytes, s->end_bytes, ctx);
	if (err < 0) {
		s3_sum_drop(s);
		return unreadable(t, err);
	}
	if (s->at_bytes < s->end_bytes)
		return ACT_AGAIN;
	s3_sum_yield(t);
	if ((both && EVP_DigestFinal_ex(s->sha256_ctx, s->sha256, NULL) != 1) ||
	    EVP_DigestFinal_ex(s->md5_ctx, s->md5, NULL) != 1)
		return unreadable(t, -ENOMEM);
	s->done = true;
	return ACT_DONE;
}

enum act_result s3_sum_take(struct transfer *t, uint64_t from_bytes, uint64_t len_bytes)
{
	return take(t, from_bytes, len_bytes, true);
}

enum act_result s3_sum_file(struct transfer *t, bool check)
{
	const struct s3_upload *u = t->own;
	enum act_result r = take(t, 0, t->upload.size_bytes, check);

	if (r == ACT_DONE && check &&
	    memcmp(u->sum.sha256, t->upload.sha256, PROTO_SHA256_LEN) != 0)
		return transfer_fail(t, UPLOAD_SOURCE,
		    "the station's copy has another digest than when it was checked");
	return r;
}

enum act_result s3_sum_whole(struct transfer *t)
{
	struct s3_upload *u = t->own;
	EVP_MD_CTX *none[2] = { NULL, NULL };
	uint8_t digest[PROTO_SHA256_LEN];
	EVP_MD_CTX *copy;
	bool ok;

	if (u->whole_bytes < t->upload.size_bytes) {
		uint64_t at = u->whole_bytes;
		int err = take_slice(t, &at, t->upload.size_bytes, none);

		return err < 0 ? unreadable(t, err) : ACT_AGAIN;
	}
	/* A copy: Complete may be asked for more than once. */
	copy = EVP_MD_CTX_new();
	ok = copy && EVP_MD_CTX_copy_ex(copy, u->whole) == 1 &&
	    EVP_DigestFinal_ex(copy, digest, NULL) == 1;
	EVP_MD_CTX_free(copy);
	if (!ok)
		return unreadable(t, -ENOMEM);
	if (memcmp(digest, t->upload.sha256, sizeof(digest)) != 0)
		return transfer_fail(t, UPLOAD_SOURCE,
		    "the bytes sent have another digest than the clip had when it was checked");
	return ACT_DONE;
}

void s3_sum_texts(const uint8_t sha256[PROTO_SHA256_LEN], const uint8_t md5[S3_MD5_LEN],
    char digest[68], char base64[28])
{
	for (size_t i = 0; i < PROTO_SHA256_LEN; i++)
		snprintf(digest + 2 * i, 3, "%02x", sha256[i]);
	EVP_EncodeBlock((unsigned char *)base64, md5, S3_MD5_LEN);
}

int s3_sum_memory(const char *text, size_t len, char digest[68], char base64[28])
{
	uint8_t sha256[PROTO_SHA256_LEN], md5[S3_MD5_LEN];

	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1 ||
	    EVP_Digest(text, len, md5, NULL, EVP_md5(), NULL) != 1)
		return -ENOMEM;
	s3_sum_texts(sha256, md5, digest, base64);
	return 0;
}

static int nibble(char c)
{
	const char *hex = "0123456789abcdef";
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

bool s3_etag_md5(const char *etag, uint8_t md5[S3_MD5_LEN])
{
	if (strlen(etag) != 2 * S3_MD5_LEN + 2)
		return false;
	for (size_t i = 0; i < S3_MD5_LEN; i++) {
		int high = nibble(etag[1 + 2 * i]);
		int low = nibble(etag[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		md5[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool s3_etag_is_of(const struct s3_known *part, unsigned n, const char *etag)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md5[S3_MD5_LEN];
	char text[S3_ETAG_LEN] = "\"";
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;

	for (unsigned i = 0; ok && i < n; i++)
		ok = part[i].summed && EVP_DigestUpdate(ctx, part[i].md5, S3_MD5_LEN) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, md5, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return false;
	for (size_t i = 0; i < S3_MD5_LEN; i++)
		snprintf(text + 1 + 2 * i, 3, "%02x", md5[i]);
	snprintf(text + 1 + 2 * S3_MD5_LEN, sizeof(text) - 1 - 2 * S3_MD5_LEN, "-%u\"", n);
	return strcmp(text, etag) == 0;
}
