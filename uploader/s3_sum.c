/*
 * s3_sum: the digests of what is sent to an S3 store; see s3.h.
 *
 * They are taken by a process of their own (digester.h), so that bodies go on meanwhile. Each part
 * is read once for both of its digests and for that of the whole. A file that goes by one PUT needs
 * its MD5 alone: its SHA-256 is what was checked, and the store refuses bytes that have another.
 */
#include "s3.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_BYTES (16ull << 20) /* asked for at once, so that others have their turn */

void s3_sum_drop(struct s3_sum *s)
{
	s->begun = s->done = false;
}

void s3_sum_drop_parts(struct s3_upload *u)
{
	for (unsigned i = 0; i < S3_SUMS; i++)
		s3_sum_drop(&u->next[i]);
}

/* ---- answers ---- */

static void take_answer(struct s3_upload *u, struct s3_sum *s, const struct digest_answer *a)
{
	if (!s->begun || s->done || s->number != a->number)
		return;
	s->done = true;
	s->error = a->status;
	memcpy(s->md5, a->md5, sizeof(s->md5));
	memcpy(s->sha256, a->sha256, sizeof(s->sha256));
	if (a->status == 0) {
		u->whole_bytes = a->whole_bytes;
		memcpy(u->whole, a->whole, sizeof(u->whole));
	}
}

int s3_sum_hear(struct destination *dest)
{
	struct s3 *s = dest->own;
	struct digest_answer a;
	int err;

	while ((err = digester_hear(&s->digester, &a)) == 1) {
		struct transfer *t = s->at[a.slot];
		struct s3_upload *u = t ? t->own : NULL;

		if (!u || u->file != a.file)
			continue;
		take_answer(u, &u->sum, &a);
		for (unsigned i = 0; i < S3_SUMS; i++)
			take_answer(u, &u->next[i], &a);
		if (t->state == TRANSFER_LOCAL || u->on_line > 0)
			transfer_wake(t);
	}
	if (err == -EAGAIN)
		return 0;
	log_error("digests-lost", "error=\"%s\" text=\"the process that takes them has ended\"",
	    strerror(-err));
	return err;
}

/* ---- questions ---- */

static enum act_result unreadable(struct transfer *t, int err)
{
	return err == -ENOMEM ? transfer_fail(t, UPLOAD_LATER, "no memory") :
				transfer_fail(t, UPLOAD_SOURCE, "the station's copy: %s",
				    err == -ENODATA ? "it has become shorter" : strerror(-err));
}

/* 0, -EAGAIN or -errno. */
static int ask(struct transfer *t, struct s3_sum *sum, uint64_t from, uint64_t end, uint32_t flags)
{
	struct s3 *s = t->dest->own;
	const struct s3_upload *u = t->own;
	struct digest_question q = { .number = s->asked + 1,
		.file = u->file,
		.from_bytes = from,
		.end_bytes = end,
		.slot = t->slot,
		.flags = flags | (u->part ? DIGEST_WHOLE : 0) };
	int err = digester_ask(&s->digester, &q, t->fd);

	if (err < 0)
		return err;
	s->asked++;
	*sum = (struct s3_sum){ .from_bytes = from,
		.end_bytes = end,
		.number = q.number,
		.begun = true,
		.both = (flags & DIGEST_SHA256) != 0 };
	return 0;
}

static bool is_of(const struct s3_sum *s, uint64_t from, uint64_t end, bool sha256)
{
	return s->begun && s->from_bytes == from && s->end_bytes == end && (s->both || !sha256);
}

/* What became of the question. */
static enum act_result outcome(struct transfer *t, struct s3_sum *s, int err)
{
	if (err == -EAGAIN)
		return ACT_AGAIN;
	if (err < 0)
		return transfer_fail(t, UPLOAD_LATER, "digests: %s", strerror(-err));
	if (!s->done)
		return ACT_LOCAL;
	if (s->error) {
		s3_sum_drop(s);
		return unreadable(t, s->error);
	}
	return ACT_DONE;
}

/* Of a part that was asked for before; NULL: none was. */
static struct s3_sum *asked_for(struct s3_upload *u, uint64_t from, uint64_t end, bool sha256)
{
	for (unsigned i = 0; i < S3_SUMS; i++) {
		if (is_of(&u->next[i], from, end, sha256))
			return &u->next[i];
	}
	return NULL;
}

unsigned s3_sum_room(const struct s3_upload *u)
{
	unsigned n = 0;

	for (unsigned i = 0; i < S3_SUMS; i++)
		n += !u->next[i].begun;
	return n;
}

static struct s3_sum *room_for_one(struct s3_upload *u)
{
	for (unsigned i = 0; i < S3_SUMS; i++) {
		if (!u->next[i].begun)
			return &u->next[i];
	}
	return NULL;
}

enum act_result s3_sum_part(
    struct transfer *t, unsigned number, bool sha256, const struct s3_sum **out)
{
	struct s3_upload *u = t->own;
	uint64_t from = (uint64_t)(number - 1) * u->a.part_bytes;
	uint64_t end = from + s3_part_size(t, number);
	struct s3_sum *s = asked_for(u, from, end, sha256);
	int err = 0;

	*out = s;
	if (!s) {
		s = room_for_one(u);
		if (!s) { /* full of what is not wanted any more */
			s3_sum_drop_parts(u);
			s = &u->next[0];
		}
		err = ask(t, s, from, end, sha256 ? DIGEST_SHA256 : 0);
		*out = s;
	}
	return outcome(t, s, err);
}

void s3_sum_use(struct transfer *t, unsigned number, const struct s3_sum *sum)
{
	struct s3_upload *u = t->own;
	struct s3_known *p = &u->part[number - 1];

	memcpy(p->md5, sum->md5, S3_MD5_LEN);
	p->summed = true;
	s3_sum_drop(&u->next[sum - u->next]);
}

bool s3_sum_ahead(struct transfer *t, unsigned number, bool sha256)
{
	struct s3_upload *u = t->own;
	uint64_t from = (uint64_t)(number - 1) * u->a.part_bytes;
	uint64_t end = from + s3_part_size(t, number);
	struct s3_sum *s;

	if (asked_for(u, from, end, sha256))
		return true;
	s = room_for_one(u);
	return s && ask(t, s, from, end, sha256 ? DIGEST_SHA256 : 0) == 0;
}

enum act_result s3_sum_file(struct transfer *t, bool check)
{
	struct s3_upload *u = t->own;
	uint64_t end = t->upload.size_bytes;
	enum act_result r;
	int err = 0;

	if (!is_of(&u->sum, 0, end, check))
		err = ask(t, &u->sum, 0, end, check ? DIGEST_SHA256 : 0);
	r = outcome(t, &u->sum, err);
	if (r == ACT_DONE && check &&
	    memcmp(u->sum.sha256, t->upload.sha256, PROTO_SHA256_LEN) != 0)
		return transfer_fail(t, UPLOAD_SOURCE,
		    "the station's copy has another digest than when it was checked");
	return r;
}

/* Of the file from its beginning, a piece further. */
static enum act_result further(struct transfer *t)
{
	struct s3_upload *u = t->own;
	uint64_t from = u->whole_bytes, left = t->upload.size_bytes - from;
	uint64_t end = from + (left < REST_BYTES ? left : REST_BYTES);
	int err = 0;

	if (!is_of(&u->sum, from, end, false))
		err = ask(t, &u->sum, from, end, DIGEST_NO_MD5);
	return outcome(t, &u->sum, err);
}

enum act_result s3_sum_whole(struct transfer *t)
{
	struct s3_upload *u = t->own;

	if (u->whole_bytes < t->upload.size_bytes) {
		enum act_result r = further(t);

		if (r == ACT_DONE) { /* and it is not yet at the end */
			s3_sum_drop(&u->sum);
			return ACT_AGAIN;
		}
		return r;
	}
	if (memcmp(u->whole, t->upload.sha256, sizeof(u->whole)) != 0)
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
