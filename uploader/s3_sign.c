#include "s3_sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DIGEST_LEN 32
#define TIME_LEN sizeof("20130524T000000Z")
#define ENCODED_LEN (3 * sizeof(((struct s3_param *)0)->value))

/* ---- keys ---- */

struct line {
	const char *name, *value;
	size_t name_len, value_len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* "name: value" or "name = value"; false for what is neither. */
static bool split(const char *at, size_t len, struct line *out)
{
	size_t mark = strcspn(at, ":=");

	if (mark >= len)
		return false;
	out->name = at;
	out->name_len = mark;
	out->value = at + mark + 1;
	out->value_len = len - mark - 1;
	while (out->name_len > 0 && is_blank(out->name[out->name_len - 1]))
		out->name_len--;
	while (out->value_len > 0 && is_blank(out->value[0])) {
		out->value++;
		out->value_len--;
	}
	while (out->value_len > 0 && is_blank(out->value[out->value_len - 1]))
		out->value_len--;
	return out->name_len > 0;
}

static bool named(const struct line *l, const char *one, const char *other)
{
	return (l->name_len == strlen(one) && memcmp(l->name, one, l->name_len) == 0) ||
	    (l->name_len == strlen(other) && memcmp(l->name, other, l->name_len) == 0);
}

/* Visible ASCII alone; none of those in not. */
static int take(const struct line *l, const char * not, char *out, size_t size)
{
	if (l->value_len == 0 || l->value_len >= size || out[0])
		return -EINVAL;
	for (size_t i = 0; i < l->value_len; i++) {
		if (l->value[i] <= ' ' || l->value[i] > '~' || strchr(not, l->value[i]))
			return -EINVAL;
	}
	memcpy(out, l->value, l->value_len);
	out[l->value_len] = '\0';
	return 0;
}

int s3_keys_read(const char *text, struct s3_keys *out)
{
	unsigned sections = 0;
	int err = 0;

	memset(out, 0, sizeof(*out));
	for (const char *at = text; *at && !err;) {
		size_t len = strcspn(at, "\n"), blanks = 0;
		const char *next = at + len + (at[len] ? 1 : 0);
		struct line l;

		while (blanks < len && is_blank(at[blanks]))
			blanks++;
		at += blanks;
		len -= blanks;
		if (len > 0 && at[0] == '[' && ++sections > 1)
			break;
		if (len > 0 && !strchr("#;[", at[0])) {
			if (!split(at, len, &l))
				err = -EINVAL;
			/* '/' and ',' would end it in an Authorization header */
			else if (named(&l, "access-key", "aws_access_key_id"))
				err = take(&l, "/,", out->access, sizeof(out->access));
			else if (named(&l, "secret-key", "aws_secret_access_key"))
				err = take(&l, "", out->secret, sizeof(out->secret));
			else if (named(&l, "session-token", "aws_session_token"))
				err = take(&l, "", out->token, sizeof(out->token));
		}
		at = next;
	}
	if (!err && (!out->access[0] || !out->secret[0]))
		err = -EINVAL;
	if (err)
		explicit_bzero(out, sizeof(*out));
	return err;
}

/* ---- text that grows ---- */

struct sheet {
	char *text;
	size_t used, room;
	int err;
};

static void put(struct sheet *s, const char *text, size_t len)
{
	if (s->err)
		return;
	if (len >= s->room - s->used) {
		size_t room = s->room + len + 16384;
		char *more = realloc(s->text, room);

		if (!more) {
			s->err = -ENOMEM;
			return;
		}
		s->text = more;
		s->room = room;
	}
	memcpy(s->text + s->used, text, len);
	s->used += len;
	s->text[s->used] = '\0';
}

static void put_text(struct sheet *s, const char *text)
{
	put(s, text, strlen(text));
}

int s3_encode(const char *text, int slash, char *out, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t used = 0;

	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool as_is = strchr(plain, c) || (slash && c == '/');

		if (used >= size || (as_is ? 1u : 3u) >= size - used)
			return -ENOSPC;
		if (as_is) {
			out[used++] = *p;
			continue;
		}
		out[used++] = '%';
		out[used++] = hex[c >> 4];
		out[used++] = hex[c & 15];
	}
	if (used >= size)
		return -ENOSPC;
	out[used] = '\0';
	return 0;
}

/* ---- the canonical request ---- */

static int by_param(const void *a, const void *b)
{
	const struct s3_param *x = *(const struct s3_param *const *)a;
	const struct s3_param *y = *(const struct s3_param *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

static int by_header(const void *a, const void *b)
{
	const struct s3_header *x = *(const struct s3_header *const *)a;
	const struct s3_header *y = *(const struct s3_header *const *)b;

	return strcmp(x->name, y->name);
}

/*
 * "a=1&b=", sorted by the bytes before encoding: unreserved characters, of which our names consist,
 * keep their order.
 */
static int put_query(struct sheet *s, const struct s3_request *r)
{
	const struct s3_param *sorted[S3_PARAMS];
	char encoded[ENCODED_LEN + 1];

	if (r->params_n > S3_PARAMS)
		return -ENOSPC;
	for (size_t i = 0; i < r->params_n; i++)
		sorted[i] = &r->param[i];
	qsort(sorted, r->params_n, sizeof(sorted[0]), by_param);
	for (size_t i = 0; i < r->params_n; i++) {
		put_text(s, i ? "&" : "");
		if (s3_encode(sorted[i]->name, 0, encoded, sizeof(encoded)) < 0)
			return -ENOSPC;
		put_text(s, encoded);
		put_text(s, "=");
		if (s3_encode(sorted[i]->value, 0, encoded, sizeof(encoded)) < 0)
			return -ENOSPC;
		put_text(s, encoded);
	}
	return s->err;
}

/* Without blanks at its ends, and one for several inside. */
static void put_trimmed(struct sheet *s, const char *value)
{
	bool gap = false, any = false;

	for (const char *p = value; *p; p++) {
		if (*p == ' ' || *p == '\t') {
			gap = true;
			continue;
		}
		if (gap && any)
			put(s, " ", 1);
		put(s, p, 1);
		gap = false;
		any = true;
	}
}

/* host is among them; names: "a;b;c". */
static int put_headers(struct sheet *s, struct sheet *names, const struct s3_request *r)
{
	struct s3_header host = { .name = "host" };
	const struct s3_header *sorted[S3_HEADERS + 1];
	size_t n = 0;

	if (r->headers_n > S3_HEADERS)
		return -ENOSPC;
	memcpy(host.value, r->host, sizeof(r->host));
	sorted[n++] = &host;
	for (size_t i = 0; i < r->headers_n; i++)
		sorted[n++] = &r->header[i];
	qsort(sorted, n, sizeof(sorted[0]), by_header);
	for (size_t i = 0; i < n; i++) {
		put_text(s, sorted[i]->name);
		put_text(s, ":");
		put_trimmed(s, sorted[i]->value);
		put_text(s, "\n");
		put_text(names, i ? ";" : "");
		put_text(names, sorted[i]->name);
	}
	return s->err ? s->err : names->err;
}

static void to_hex(const uint8_t bytes[DIGEST_LEN], char out[2 * DIGEST_LEN + 1])
{
	for (size_t i = 0; i < DIGEST_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int hmac(
    const void *key, size_t key_len, const char *text, size_t len, uint8_t out[DIGEST_LEN])
{
	unsigned n = DIGEST_LEN;

	return HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, len, out, &n) ? 0 :
											    -ENOMEM;
}

/* The key of that day, region and service: secret => date => region => s3 => aws4_request. */
static int day_key(
    const struct s3_keys *keys, const char *day, const char *region, uint8_t out[DIGEST_LEN])
{
	static const char service[] = "s3", last[] = "aws4_request";
	char first[sizeof(keys->secret) + 4];
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN];
	int n = snprintf(first, sizeof(first), "AWS4%s", keys->secret);
	int err = hmac(first, (size_t)n, day, strlen(day), a);

	if (!err)
		err = hmac(a, sizeof(a), region, strlen(region), b);
	if (!err)
		err = hmac(b, sizeof(b), service, strlen(service), a);
	if (!err)
		err = hmac(a, sizeof(a), last, strlen(last), out);
	explicit_bzero(first, sizeof(first));
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return err;
}

/* One value a name: what is there is replaced. */
static int set_header(struct s3_request *r, const char *name, const char *value)
{
	size_t i = 0;

	while (i < r->headers_n && strcmp(r->header[i].name, name) != 0)
		i++;
	if (i == S3_HEADERS || strlen(value) >= sizeof(r->header[i].value))
		return -ENOSPC;
	snprintf(r->header[i].name, sizeof(r->header[i].name), "%s", name);
	memcpy(r->header[i].value, value, strlen(value) + 1);
	if (i == r->headers_n)
		r->headers_n++;
	return 0;
}

static int sign_text(
    struct sheet *s, struct sheet *names, const struct s3_request *r, char hex[2 * DIGEST_LEN + 1])
{
	uint8_t digest[DIGEST_LEN];
	unsigned n = sizeof(digest);
	int err;

	put_text(s, r->method);
	put_text(s, "\n");
	put_text(s, r->path);
	put_text(s, "\n");
	err = put_query(s, r);
	put_text(s, "\n");
	if (!err)
		err = put_headers(s, names, r);
	put_text(s, "\n");
	put_text(s, names->used ? names->text : "");
	put_text(s, "\n");
	put_text(s, r->payload);
	if (!err)
		err = s->err;
	if (!err && !EVP_Digest(s->text, s->used, digest, &n, EVP_sha256(), NULL))
		err = -ENOMEM;
	if (!err)
		to_hex(digest, hex);
	return err;
}

int s3_sign(struct s3_request *r, const struct s3_keys *keys, const char *region, int64_t now_s,
    char out[S3_SIGNATURE_LEN])
{
	struct sheet canonical = { 0 }, names = { 0 };
	char hex[2 * DIGEST_LEN + 1], at[TIME_LEN], day[9], scope[128], text[512];
	uint8_t key[DIGEST_LEN], signature[DIGEST_LEN];
	time_t now = (time_t)now_s;
	struct tm tm;
	int n, err = -ENOSPC;

	region = region[0] ? region : "us-east-1";
	if (!gmtime_r(&now, &tm) || strftime(at, sizeof(at), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return -ENOSPC;
	snprintf(day, sizeof(day), "%.8s", at);
	n = snprintf(scope, sizeof(scope), "%s/%s/s3/aws4_request", day, region);
	if (n < 0 || (size_t)n >= sizeof(scope) || set_header(r, "x-amz-date", at) < 0 ||
	    set_header(r, "x-amz-content-sha256", r->payload) < 0 ||
	    (keys->token[0] && set_header(r, "x-amz-security-token", keys->token) < 0))
		return -ENOSPC;
	err = sign_text(&canonical, &names, r, hex);
	if (err)
		goto out;
	n = snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s\n%s", at, scope, hex);
	err = day_key(keys, day, region, key);
	if (!err)
		err = hmac(key, sizeof(key), text, (size_t)n, signature);
	if (err)
		goto out;
	to_hex(signature, hex);
	n = snprintf(out, S3_SIGNATURE_LEN,
	    ALGORITHM " Credential=%s/%s,SignedHeaders=%s,Signature=%s", keys->access, scope,
	    names.text, hex);
	err = n < 0 || n >= S3_SIGNATURE_LEN ? -ENOSPC : 0;
out:
	explicit_bzero(key, sizeof(key));
	if (canonical.text)
		explicit_bzero(canonical.text, canonical.used);
	free(canonical.text);
	free(names.text);
	return err;
}

int s3_url(const struct s3_request *r, char *out, size_t size)
{
	struct sheet s = { 0 };
	int err;

	put_text(&s, r->scheme_host);
	put_text(&s, r->path);
	put_text(&s, r->params_n ? "?" : "");
	err = put_query(&s, r);
	if (!err && s.used >= size)
		err = -ENOSPC;
	if (!err)
		memcpy(out, s.text, s.used + 1);
	free(s.text);
	return err;
}
