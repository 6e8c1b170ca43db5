#include "tus_reply.h"

#include "facts.h"

#include "../dockd/base/base64.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_MS 86400000u
#define NOTE_PATIENCE_MS 2000u /* waited for in the slot; longer ones free it */

struct span {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span s)
{
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* The next line without its end; false at the end of the text. */
static bool next_line(struct span *text, struct span *line)
{
	const char *nl;

	if (text->len == 0)
		return false;
	nl = memchr(text->at, '\n', text->len);
	line->at = text->at;
	line->len = nl ? (size_t)(nl - text->at) : text->len;
	text->at += line->len + (nl ? 1 : 0);
	text->len -= line->len + (nl ? 1 : 0);
	return true;
}

/* Digits only: no sign, no blank inside, no overflow. */
static bool read_number(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.at[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

/* One number header; a second one that says otherwise spoils the answer. */
static int take_number(struct span value, bool *has, uint64_t *out)
{
	uint64_t v;

	if (!read_number(value, &v))
		return 0;
	if (*has && *out != v)
		return -EPROTO;
	*has = true;
	*out = v;
	return 0;
}

static bool list_has(struct span list, const char *word)
{
	while (list.len > 0) {
		const char *comma = memchr(list.at, ',', list.len);
		struct span item = { list.at, comma ? (size_t)(comma - list.at) : list.len };
		size_t skip = item.len + (comma ? 1 : 0);

		if (span_is(trim(item), word))
			return true;
		list.at += skip;
		list.len -= skip;
	}
	return false;
}

/* RFC 9110 10.2.3: seconds or a date. */
static uint64_t retry_after(struct span value, int64_t now_s)
{
	char text[64];
	uint64_t s;
	time_t at;

	if (read_number(value, &s))
		return s > DAY_MS / 1000 ? DAY_MS : s * 1000;
	if (value.len == 0 || value.len >= sizeof(text))
		return 0;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	at = curl_getdate(text, NULL);
	if (at < 0 || (int64_t)at <= now_s)
		return 0;
	s = (uint64_t)((int64_t)at - now_s);
	return s > DAY_MS / 1000 ? DAY_MS : s * 1000;
}

/* tus creation: "key base64, key base64"; a key may have no value. */
static void take_metadata(struct tus_reply *r, struct span list)
{
	while (list.len > 0) {
		const char *comma = memchr(list.at, ',', list.len);
		struct span item = { list.at, comma ? (size_t)(comma - list.at) : list.len };
		size_t skip = item.len + (comma ? 1 : 0);
		uint8_t value[sizeof(r->asset)];
		int n;

		item = trim(item);
		if (item.len > 6 && memcmp(item.at, "asset ", 6) == 0) {
			n = base64_read(item.at + 6, item.len - 6, value, sizeof(value) - 1);
			r->asset[0] = '\0';
			if (n == 64 && !r->has_asset && !memchr(value, '\0', 64)) {
				memcpy(r->asset, value, 64);
				r->asset[64] = '\0';
			}
			r->has_asset = true;
		}
		list.at += skip;
		list.len -= skip;
	}
}

/* RFC 9530 section 3: "sha-256=:base64:, sha-512=:...:". */
static int take_digests(struct tus_reply *r, struct span list)
{
	static const char word[] = "sha-256=:";
	const size_t len = sizeof(word) - 1;

	while (list.len > 0) {
		const char *comma = memchr(list.at, ',', list.len);
		struct span item = { list.at, comma ? (size_t)(comma - list.at) : list.len };
		size_t skip = item.len + (comma ? 1 : 0);
		uint8_t value[PROTO_SHA256_LEN];

		item = trim(item);
		if (item.len > len && memcmp(item.at, word, len) == 0 &&
		    item.at[item.len - 1] == ':' &&
		    base64_read(item.at + len, item.len - len - 1, value, sizeof(value)) ==
			PROTO_SHA256_LEN) {
			if (r->has_digest && memcmp(value, r->digest, sizeof(value)) != 0)
				return -EPROTO;
			memcpy(r->digest, value, sizeof(value));
			r->has_digest = true;
		}
		list.at += skip;
		list.len -= skip;
	}
	return 0;
}

static int take_header(struct tus_reply *r, struct span name, struct span value, int64_t now_s)
{
	if (span_is(name, "upload-offset"))
		return take_number(value, &r->has_offset, &r->offset_bytes);
	if (span_is(name, "upload-length"))
		return take_number(value, &r->has_length, &r->length_bytes);
	if (span_is(name, "tus-max-size"))
		return take_number(value, &r->has_max_size, &r->max_size_bytes);
	if (span_is(name, "repr-digest"))
		return take_digests(r, value);
	if (span_is(name, "tus-resumable") || span_is(name, "tus-version")) {
		r->speaks_tus = true;
	} else if (span_is(name, "upload-metadata")) {
		take_metadata(r, value);
	} else if (span_is(name, "tus-extension")) {
		r->extensions = true;
		r->creation |= list_has(value, "creation");
		r->checksum |= list_has(value, "checksum");
		r->termination |= list_has(value, "termination");
	} else if (span_is(name, "tus-checksum-algorithm")) {
		r->sha256 |= list_has(value, "sha256");
	} else if (span_is(name, "retry-after")) {
		r->retry_after_ms = retry_after(value, now_s);
	} else if (span_is(name, "location") && value.len > 0) {
		if (r->has_location || value.len >= sizeof(r->location) ||
		    memchr(value.at, '\0', value.len))
			return -EPROTO;
		memcpy(r->location, value.at, value.len);
		r->location[value.len] = '\0';
		r->has_location = true;
	}
	return 0;
}

/* "HTTP/1.1 204 " and "HTTP/1.1 460": the reason phrase may be empty or absent. */
static int read_status(struct span line, int *status)
{
	const char *sp;
	int v = 0;

	if (line.len < 12 || strncmp(line.at, "HTTP/", 5) != 0)
		return -EPROTO;
	sp = memchr(line.at, ' ', line.len);
	if (!sp || line.len - (size_t)(sp - line.at) < 4)
		return -EPROTO;
	for (int i = 1; i <= 3; i++) {
		if (sp[i] < '0' || sp[i] > '9')
			return -EPROTO;
		v = v * 10 + (sp[i] - '0');
	}
	if (v < 100)
		return -EPROTO;
	*status = v;
	return 0;
}

int tus_reply_read(const char *head, size_t len, int64_t now_s, struct tus_reply *r)
{
	struct span text = { head, len };
	struct span line;
	int err;

	memset(r, 0, sizeof(*r));
	if (!next_line(&text, &line))
		return -EPROTO;
	err = read_status(line, &r->status);
	while (!err && next_line(&text, &line)) {
		const char *colon = memchr(line.at, ':', line.len);
		size_t name_len = colon ? (size_t)(colon - line.at) : 0;

		if (!colon)
			continue;
		err = take_header(r, trim((struct span){ line.at, name_len }),
		    trim((struct span){ colon + 1, line.len - name_len - 1 }), now_s);
	}
	return err;
}

static enum tus_verdict judge_good(
    enum tus_request request, const struct tus_reply *r, const char **text)
{
	switch (request) {
	case TUS_OPTIONS:
		return TUS_GOOD;
	case TUS_CREATE:
		if (r->has_location)
			return TUS_GOOD;
		*text = "the server created an upload but did not say where (no Location)";
		return TUS_DESTINATION;
	case TUS_HEAD:
	case TUS_PATCH:
		if (r->has_offset)
			return TUS_GOOD;
		*text = "the answer has no Upload-Offset";
		return TUS_ASK;
	case TUS_GET:
		if (r->status == 200)
			return TUS_GOOD;
		*text = "the server does not give the whole upload back";
		return TUS_REFUSED;
	case TUS_NOTE:
		if (r->status == 200)
			return TUS_GOOD;
		*text = "the server has no receipt of it yet";
		return TUS_ASK;
	case TUS_DELETE:
		return TUS_GOOD;
	}
	return TUS_REFUSED;
}

struct rule {
	int status;
	enum tus_verdict verdict;
	const char *text;
};

/* What a status means whatever was asked; the odd cases are in tus_reply_judge. */
static const struct rule rules[] = {
	{ 400, TUS_REFUSED, "the server calls the request malformed (400): see its log" },
	{ 401, TUS_CREDENTIALS, "the server does not accept the credentials (401)" },
	{ 402, TUS_DESTINATION, "the server wants a licence or payment (402): ask its operator" },
	{ 403, TUS_CREDENTIALS, "the server forbids it (403): check credentials and rights" },
	{ 405, TUS_DESTINATION,
	    "a proxy or the server does not allow the method (405): let HEAD and "
	    "PATCH through, or set method-override" },
	{ 407, TUS_DESTINATION, "a proxy wants credentials (407)" },
	{ 408, TUS_ASK, "the server waited too long for the body (408)" },
	{ 409, TUS_ASK, "the server holds another offset, or the upload is in use (409)" },
	{ 412, TUS_DESTINATION, "the server does not speak tus 1.0.0 (412)" },
	{ 413, TUS_REFUSED, "the server refuses the size (413): raise its limit" },
	{ 415, TUS_DESTINATION,
	    "the server does not take application/offset+octet-stream (415): is "
	    "this a tus URL?" },
	{ 421, TUS_DESTINATION, "the server is not the one for this name (421): check the URL" },
	{ 423, TUS_ASK, "the upload is locked by another connection (423)" },
	{ 425, TUS_ASK, "too early (425)" },
	{ 429, TUS_ASK, "the server asks for fewer requests (429)" },
	{ 460, TUS_MISMATCH, "the checksum does not match (460)" },
	{ 499, TUS_ASK, "a proxy lost the connection (499)" },
	{ 501, TUS_DESTINATION, "the server cannot do this (501): is this a tus URL?" },
	{ 505, TUS_DESTINATION, "the server does not speak HTTP/1.1 (505)" },
	{ 507, TUS_DESTINATION, "the server's storage is full (507): its operator must make room" },
	{ 511, TUS_DESTINATION, "the network wants a login (511)" },
};

static enum tus_verdict judge_status(const struct tus_reply *r, const char **text)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].status == r->status) {
			*text = rules[i].text;
			return rules[i].verdict;
		}
	}
	if (r->status >= 500) {
		*text = "the server or a proxy is in trouble (5xx)";
		return TUS_ASK;
	}
	if (r->status >= 400) {
		*text = "the server refuses the request";
		return TUS_REFUSED;
	}
	if (r->status >= 300) {
		*text = "the server redirects; redirects are not followed: configure the final URL";
		return TUS_DESTINATION;
	}
	*text = "an answer that makes no sense here";
	return TUS_ASK;
}

/*
 * A receipt that does not come holds up erasing, nothing else: it is asked for until it is there,
 * and neither the upload nor the destination is given up for it.
 */
static enum tus_verdict judge_note(const struct tus_reply *r, const char **text)
{
	enum tus_verdict v = judge_status(r, text);

	if (r->status == 404 || r->status == 410)
		*text = "the server has no receipt of it (404): is its receipt hook in place?";
	if (r->retry_after_ms > NOTE_PATIENCE_MS)
		return TUS_LATER;
	if (r->status == 401 || r->status == 403)
		return TUS_CREDENTIALS;
	return v == TUS_ASK || r->retry_after_ms > 0 ? TUS_ASK : TUS_LATER;
}

enum tus_verdict tus_reply_judge(
    enum tus_request request, const struct tus_reply *r, const char **text)
{
	enum tus_verdict v;

	*text = "";
	if (r->status >= 200 && r->status <= 299)
		return judge_good(request, r, text);
	if (request == TUS_NOTE)
		return judge_note(r, text);
	if (r->status == 404 || r->status == 410) {
		*text = r->status == 410 ? "the server has let the upload expire (410)" :
					   "the server does not know the upload (404)";
		if (request == TUS_HEAD || request == TUS_DELETE)
			return TUS_GONE;
		if (request == TUS_PATCH)
			return TUS_ASK;
		*text = "there is no tus service at this URL (404)";
		return request == TUS_GET ? TUS_REFUSED : TUS_DESTINATION;
	}
	if (request == TUS_PATCH && r->status == 413) {
		*text = "the server refuses the size of the request (413): raise its limit";
		return TUS_SMALLER;
	}
	if (request == TUS_PATCH && r->status == 417) {
		*text = "the server does not take Expect (417)";
		return TUS_NO_EXPECT;
	}
	v = judge_status(r, text);
	if (v == TUS_ASK && r->retry_after_ms > 0)
		return TUS_LATER;
	return v;
}

/* ---- Location ---- */

struct place {
	char *scheme, *host, *port;
};

static void place_free(struct place *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
}

static int place_of(CURLU *u, struct place *p)
{
	memset(p, 0, sizeof(*p));
	if (curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &p->host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT))
		return -EINVAL;
	if (strcasecmp(p->scheme, "http") != 0 && strcasecmp(p->scheme, "https") != 0)
		return -EINVAL;
	return 0;
}

static bool has_user(CURLU *u)
{
	char *text = NULL;
	bool has = curl_url_get(u, CURLUPART_USER, &text, 0) == CURLUE_OK;

	curl_free(text);
	if (!has)
		has = curl_url_get(u, CURLUPART_PASSWORD, &text, 0) == CURLUE_OK;
	else
		return true;
	curl_free(text);
	return has;
}

/* No port, or the default one of its own scheme, says nothing: a proxy may have lost it. */
static bool same_place(const struct place *there, const struct place *here)
{
	bool plain = strcasecmp(there->scheme, "http") == 0;

	if (strcasecmp(there->host, here->host) != 0)
		return false;
	return strcmp(there->port, here->port) == 0 ||
	    strcmp(there->port, plain ? "80" : "443") == 0;
}

static int pin(CURLU *u, const struct place *here, char *out, size_t size)
{
	char *text = NULL;
	int err = -EINVAL;

	if (curl_url_set(u, CURLUPART_SCHEME, here->scheme, 0) ||
	    curl_url_set(u, CURLUPART_HOST, here->host, 0) ||
	    curl_url_set(u, CURLUPART_PORT, here->port, 0) ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) ||
	    curl_url_get(u, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT))
		goto out;
	err = -ENAMETOOLONG;
	if (strlen(text) >= size)
		goto out;
	memcpy(out, text, strlen(text) + 1);
	err = 0;
out:
	curl_free(text);
	return err;
}

int tus_location(const char *creation_url, const char *location, char *out, size_t size)
{
	struct place here = { 0 }, there = { 0 };
	CURLU *base = curl_url();
	CURLU *u = NULL;
	int err = -ENOMEM;

	if (!base)
		return err;
	err = -EINVAL;
	if (curl_url_set(base, CURLUPART_URL, creation_url, 0) || place_of(base, &here) ||
	    has_user(base))
		goto out;
	for (const char *p = location; *p; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '\\')
			goto out;
	}
	u = curl_url_dup(base);
	if (!u || curl_url_set(u, CURLUPART_URL, location, 0) || place_of(u, &there) || has_user(u))
		goto out;
	err = same_place(&there, &here) ? pin(u, &here, out, size) : -EXDEV;
out:
	place_free(&here);
	place_free(&there);
	curl_url_cleanup(u);
	curl_url_cleanup(base);
	return err;
}

/* ---- what is asked ---- */

int tus_receipt_url(const char *address, const char *path, char *out, size_t size)
{
	size_t at = strcspn(address, "?");
	int n;

	while (at > 0 && address[at - 1] == '/')
		at--;
	n = snprintf(
	    out, size, "%.*s%s%s", (int)at, address, path, address + strcspn(address, "?"));
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Bytes of the character at s (RFC 3629, section 4), 0 where it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n == 0 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool tus_note_is_text(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	if (len == 0 || len > TUS_NOTE_MAX || memchr(text, '\0', len))
		return false;
	for (size_t at = 0; at < len; at += n) {
		n = utf8_len(s + at, len - at);
		if (n == 0)
			return false;
	}
	return true;
}

static int put_pair(char *out, size_t size, size_t *used, const char *key, const char *value)
{
	size_t len = strlen(value);
	size_t need = strlen(key) + 2 + 4 * ((len + 2) / 3) + 1;

	if (len == 0)
		return 0;
	if (*used + need > size || len > PROTO_ADDRESS_LEN)
		return -ENAMETOOLONG;
	*used += (size_t)snprintf(out + *used, size - *used, "%s%s ", *used ? "," : "", key);
	*used += (size_t)EVP_EncodeBlock(
	    (unsigned char *)out + *used, (const unsigned char *)value, (int)len);
	return 0;
}

int tus_metadata(const struct proto_upload *u, const char *station, char *out, size_t size)
{
	struct facts facts;
	size_t used = 0;
	int err = 0;

	facts_of(u, station, &facts);
	out[0] = '\0';
	for (size_t i = 0; !err && i < facts.n; i++) {
		const struct fact *f = &facts.fact[i];

		/* tus servers and their tools know a name under this key */
		err = put_pair(
		    out, size, &used, strcmp(f->key, "name") == 0 ? "filename" : f->key, f->value);
	}
	return err;
}

/* ---- chunks ---- */

static uint64_t within(uint64_t v, uint64_t least, uint64_t most)
{
	return v < least ? least : v > most ? most : v;
}

void tus_chunk_init(struct tus_chunk *c, uint64_t min_bytes, uint64_t max_bytes)
{
	c->min_bytes = min_bytes ? min_bytes : 256u << 10;
	c->max_bytes = max_bytes ? max_bytes : 256u << 20;
	if (c->max_bytes < c->min_bytes)
		c->max_bytes = c->min_bytes;
	c->now_bytes = within(TUS_CHUNK_START, c->min_bytes, c->max_bytes);
}

void tus_chunk_took(struct tus_chunk *c, uint64_t bytes, uint64_t ms, bool complete)
{
	uint64_t fits;

	if (__builtin_mul_overflow(bytes, (uint64_t)TUS_PATCH_MS, &fits))
		return;
	fits /= ms ? ms : 1;
	if (fits < c->now_bytes)
		c->now_bytes = within(fits, c->min_bytes, c->max_bytes);
	else if (complete && bytes >= c->now_bytes)
		c->now_bytes = within(
		    fits / 4 < c->now_bytes ? fits : c->now_bytes * 4, c->min_bytes, c->max_bytes);
}

bool tus_chunk_halve(struct tus_chunk *c)
{
	if (c->now_bytes <= c->min_bytes)
		return false;
	c->now_bytes = within(c->now_bytes / 2, c->min_bytes, c->max_bytes);
	return true;
}

bool tus_chunk_cap(struct tus_chunk *c, uint64_t refused_bytes)
{
	if (refused_bytes <= c->min_bytes)
		return false;
	c->max_bytes = within(refused_bytes / 2, c->min_bytes, c->max_bytes);
	c->now_bytes = within(c->now_bytes, c->min_bytes, c->max_bytes);
	return true;
}
