#include "tus_reply.h"

#include "facts.h"
#include "http_head.h"

#include "../dockd/base/base64.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SKEW_S 300             /* tokens and signatures are refused from about here on */
#define NOTE_PATIENCE_MS 2000u /* waited for in the slot; longer ones free it */

/* One number header; a second one that says otherwise spoils the answer. */
static int take_number(struct http_span value, bool *has, uint64_t *out)
{
	uint64_t v;

	if (!http_span_number(value, &v))
		return 0;
	if (*has && *out != v)
		return -EPROTO;
	*has = true;
	*out = v;
	return 0;
}

static bool list_has(struct http_span list, const char *word)
{
	struct http_span item;

	while (http_list_next(&list, &item)) {
		if (http_span_is(item, word))
			return true;
	}
	return false;
}

/* 64 characters in base64 into out, which is "" where it is anything else or comes twice. */
static void take_id(struct http_span value, bool *has, char *out)
{
	uint8_t id[PROTO_ID_LEN];
	int n = base64_read(value.at, value.len, id, sizeof(id) - 1);

	out[0] = '\0';
	if (n == 64 && !*has && !memchr(id, '\0', 64)) {
		memcpy(out, id, 64);
		out[64] = '\0';
	}
	*has = true;
}

/* A station's name (dockd.conf(5)) in base64, or "". */
static void take_station(struct http_span value, char out[PROTO_NAME_LEN])
{
	uint8_t name[PROTO_NAME_LEN];
	int n = base64_read(value.at, value.len, name, sizeof(name) - 1);

	out[0] = '\0';
	for (int i = 0; i < n; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return;
	}
	if (n > 0) {
		memcpy(out, name, (size_t)n);
		out[n] = '\0';
	}
}

/* tus creation: "key base64, key base64"; a key may have no value. */
static void take_metadata(struct tus_reply *r, struct http_span list)
{
	struct http_span item;

	while (http_list_next(&list, &item)) {
		if (item.len > 6 && memcmp(item.at, "asset ", 6) == 0)
			take_id((struct http_span){ item.at + 6, item.len - 6 }, &r->has_asset,
			    r->asset);
		else if (item.len > 7 && memcmp(item.at, "sha256 ", 7) == 0)
			take_id((struct http_span){ item.at + 7, item.len - 7 }, &r->has_sha256,
			    r->sha256);
		else if (item.len > 8 && memcmp(item.at, "station ", 8) == 0)
			take_station((struct http_span){ item.at + 8, item.len - 8 }, r->station);
	}
}

/* An address as it stands; a second one spoils the answer. */
static int take_address(struct http_span value, bool *has, char out[PROTO_ADDRESS_LEN])
{
	if (*has || value.len >= PROTO_ADDRESS_LEN || memchr(value.at, '\0', value.len))
		return -EPROTO;
	memcpy(out, value.at, value.len);
	out[value.len] = '\0';
	*has = true;
	return 0;
}

/* RFC 9530 section 3: "sha-256=:base64:, sha-512=:...:". */
static int take_digests(struct tus_reply *r, struct http_span list)
{
	static const char word[] = "sha-256=:";
	const size_t len = sizeof(word) - 1;

	uint8_t value[PROTO_SHA256_LEN];
	struct http_span item;

	while (http_list_next(&list, &item)) {
		if (item.len > len && memcmp(item.at, word, len) == 0 &&
		    item.at[item.len - 1] == ':' &&
		    base64_read(item.at + len, item.len - len - 1, value, sizeof(value)) ==
			PROTO_SHA256_LEN) {
			if (r->has_digest && memcmp(value, r->digest, sizeof(value)) != 0)
				return -EPROTO;
			memcpy(r->digest, value, sizeof(value));
			r->has_digest = true;
		}
	}
	return 0;
}

/* Headers whose meaning needs the clocks, which are compared at the end. */
struct dates {
	struct http_span retry_after;
	int64_t date_s, expires_s; /* PROTO_NO_TIME: not stated, or no date */
};

static void take_extensions(struct tus_reply *r, struct http_span list)
{
	r->extensions = true;
	r->creation |= list_has(list, "creation");
	r->checksum |= list_has(list, "checksum");
	r->termination |= list_has(list, "termination");
	r->expiration |= list_has(list, "expiration");
}

static int take_header(
    struct tus_reply *r, struct dates *dates, struct http_span name, struct http_span value)
{
	uint64_t age;

	if (http_span_is(name, "upload-offset"))
		return take_number(value, &r->has_offset, &r->offset_bytes);
	if (http_span_is(name, "upload-length"))
		return take_number(value, &r->has_length, &r->length_bytes);
	if (http_span_is(name, "tus-max-size"))
		return take_number(value, &r->has_max_size, &r->max_size_bytes);
	if (http_span_is(name, "repr-digest"))
		return take_digests(r, value);
	if (http_span_is(name, "location") && value.len > 0)
		return take_address(value, &r->has_location, r->location);
	if (http_span_is(name, "content-location") && value.len > 0)
		return take_address(value, &r->has_content_location, r->content_location);
	if (http_span_is(name, "tus-resumable") || http_span_is(name, "tus-version"))
		r->speaks_tus = true;
	else if (http_span_is(name, "upload-metadata"))
		take_metadata(r, value);
	else if (http_span_is(name, "tus-extension"))
		take_extensions(r, value);
	else if (http_span_is(name, "tus-checksum-algorithm"))
		r->sha256_offered |= list_has(value, "sha256");
	else if (http_span_is(name, "retry-after"))
		dates->retry_after = value;
	else if (http_span_is(name, "upload-expires"))
		dates->expires_s = http_span_date(value);
	else if (http_span_is(name, "date"))
		dates->date_s = http_span_date(value);
	else if (http_span_is(name, "age"))
		r->cached |= http_span_number(value, &age) && age > 0;
	return 0;
}

/* A server that is an hour wrong means its own hour. */
static void take_dates(struct tus_reply *r, const struct dates *d, int64_t now_s)
{
	r->skew_s = d->date_s > 0 ? d->date_s - now_s : 0;
	r->retry_after_ms = http_span_wait_ms(d->retry_after, now_s + r->skew_s);
	r->expires_s = d->expires_s > 0 ? d->expires_s - r->skew_s : PROTO_NO_TIME;
}

int tus_reply_read(const char *head, size_t len, int64_t now_s, struct tus_reply *r)
{
	struct dates dates = { .date_s = PROTO_NO_TIME, .expires_s = PROTO_NO_TIME };
	struct http_span text = { head, len };
	struct http_span name, value;
	int err;

	memset(r, 0, sizeof(*r));
	err = http_head_status(&text, &r->status);
	while (!err && http_head_next(&text, &name, &value))
		err = take_header(r, &dates, name, value);
	take_dates(r, &dates, now_s);
	return err;
}

static enum tus_verdict say(
    struct tus_words *words, enum tus_verdict v, const char *state, const char *text)
{
	words->state = state;
	words->text = text;
	return v;
}

static enum tus_verdict judge_good(
    enum tus_request request, const struct tus_reply *r, struct tus_words *w)
{
	switch (request) {
	case TUS_OPTIONS:
	case TUS_DELETE:
		return TUS_GOOD;
	case TUS_CREATE:
		return r->has_location ?
		    TUS_GOOD :
		    say(w, TUS_DESTINATION, "no-location",
			"the server created an upload but did not say where (no Location)");
	case TUS_FIND:
		if (!r->has_length)
			return say(w, TUS_DESTINATION, "find-path",
			    "what answers at find-path is no upload (no Upload-Length): check it");
		/* fall through */
	case TUS_HEAD:
	case TUS_PATCH:
		return r->has_offset || request == TUS_FIND ?
		    TUS_GOOD :
		    say(w, TUS_ASK, "no-offset", "the answer has no Upload-Offset");
	case TUS_GET:
		return r->status == 200 ? TUS_GOOD :
					  say(w, TUS_REFUSED, "not-given-back",
					      "the server does not give the whole upload back");
	case TUS_NOTE:
		return r->status == 200 ?
		    TUS_GOOD :
		    say(w, TUS_ASK, "no-receipt", "the server has no receipt of it yet");
	}
	return TUS_REFUSED;
}

struct rule {
	int status;
	enum tus_verdict verdict;
	const char *state;
	const char *text;
};

/* What a status means whatever was asked; the odd cases are in tus_reply_judge. */
static const struct rule rules[] = {
	{ 400, TUS_REFUSED, "malformed",
	    "the server calls the request malformed (400): see its log" },
	{ 401, TUS_CREDENTIALS, "credentials", "the server does not accept the credentials (401)" },
	{ 402, TUS_DESTINATION, "licence",
	    "the server wants a licence or payment (402): ask its operator" },
	{ 403, TUS_CREDENTIALS, "forbidden",
	    "the server forbids it (403): check credentials and rights" },
	{ 405, TUS_DESTINATION, "method",
	    "a proxy or the server does not allow the method (405): let HEAD and "
	    "PATCH through, or set method-override" },
	{ 407, TUS_DESTINATION, "proxy-credentials", "a proxy wants credentials (407)" },
	{ 408, TUS_ASK, "slow", "the server waited too long for the body (408)" },
	{ 409, TUS_ASK, "conflict",
	    "the server holds another offset, or the upload is in use (409)" },
	{ 412, TUS_DESTINATION, "no-tus", "the server does not speak tus 1.0.0 (412)" },
	{ 413, TUS_REFUSED, "too-large", "the server refuses the size (413): raise its limit" },
	{ 415, TUS_DESTINATION, "no-tus",
	    "the server does not take application/offset+octet-stream (415): is "
	    "this a tus URL?" },
	{ 421, TUS_DESTINATION, "wrong-server",
	    "the server is not the one for this name (421): check the URL" },
	{ 423, TUS_ASK, "locked", "the upload is locked by another connection (423)" },
	{ 425, TUS_ASK, "busy", "too early (425)" },
	{ 429, TUS_ASK, "busy", "the server asks for fewer requests (429)" },
	{ 460, TUS_MISMATCH, "checksum", "the checksum does not match (460)" },
	{ 499, TUS_ASK, "gateway", "a proxy lost the connection (499)" },
	{ 501, TUS_DESTINATION, "no-tus", "the server cannot do this (501): is this a tus URL?" },
	{ 502, TUS_ASK, "gateway", "a proxy cannot reach the server (502)" },
	{ 503, TUS_ASK, "busy", "the server is overloaded or being maintained (503)" },
	{ 504, TUS_ASK, "gateway", "a proxy had no answer from the server in time (504)" },
	{ 505, TUS_DESTINATION, "no-tus", "the server does not speak HTTP/1.1 (505)" },
	{ 507, TUS_DESTINATION, "full",
	    "the server's storage is full (507): its operator must make room" },
	{ 511, TUS_DESTINATION, "login", "the network wants a login (511)" },
};

static enum tus_verdict judge_status(const struct tus_reply *r, struct tus_words *w)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].status == r->status)
			return say(w, rules[i].verdict, rules[i].state, rules[i].text);
	}
	if (r->status >= 520 && r->status <= 524)
		return say(w, TUS_ASK, "gateway", "a proxy is in trouble with the server (52x)");
	if (r->status >= 500)
		return say(w, TUS_ASK, "server", "the server or a proxy is in trouble (5xx)");
	if (r->status >= 400)
		return say(w, TUS_REFUSED, "refused", "the server refuses the request");
	if (r->status >= 300)
		return say(w, TUS_DESTINATION, "redirect",
		    "the server redirects; redirects are not followed: configure the final URL");
	return say(w, TUS_ASK, "nonsense", "an answer that makes no sense here");
}

/*
 * A receipt that does not come holds up erasing, nothing else: it is asked for until it is there,
 * and neither the upload nor the destination is given up for it.
 */
static enum tus_verdict judge_note(const struct tus_reply *r, struct tus_words *w)
{
	enum tus_verdict v = judge_status(r, w);

	if (r->status == 404 || r->status == 410)
		say(w, v, "no-receipt",
		    "the server has no receipt of it (404): is its receipt hook in place?");
	if (r->retry_after_ms > NOTE_PATIENCE_MS)
		return TUS_LATER;
	if (r->status == 401 || r->status == 403)
		return TUS_CREDENTIALS;
	return v == TUS_ASK || r->retry_after_ms > 0 ? TUS_ASK : TUS_LATER;
}

static enum tus_verdict judge_missing(
    enum tus_request request, const struct tus_reply *r, struct tus_words *w)
{
	if (r->status == 410)
		say(w, 0, "expired", "the server has let the upload expire (410)");
	else
		say(w, 0, "unknown", "the server does not know the upload (404)");
	if (request == TUS_HEAD || request == TUS_DELETE || request == TUS_FIND)
		return TUS_GONE;
	if (request == TUS_PATCH)
		return TUS_ASK;
	return say(w, request == TUS_GET ? TUS_REFUSED : TUS_DESTINATION, "no-service",
	    "there is no tus service at this URL (404)");
}

/* What the server is asked now it has to say now: what it has, what it has not, and its proof. */
static bool is_from_cache(enum tus_request request, const struct tus_reply *r)
{
	return r->cached &&
	    (request == TUS_HEAD || request == TUS_FIND || request == TUS_GET ||
		request == TUS_NOTE);
}

enum tus_verdict tus_reply_judge(
    enum tus_request request, const struct tus_reply *r, struct tus_words *words)
{
	enum tus_verdict v;

	say(words, 0, "", "");
	if (is_from_cache(request, r))
		return say(words, TUS_ASK, "cached",
		    "a cache answers in the server's place (Age): let HEAD and GET through");
	if (r->status >= 200 && r->status <= 299)
		return judge_good(request, r, words);
	if (request == TUS_NOTE)
		return judge_note(r, words);
	if (r->status == 404 || r->status == 410)
		return judge_missing(request, r, words);
	if (request == TUS_PATCH && r->status == 413)
		return say(words, TUS_SMALLER, "too-large",
		    "the server refuses the size of the request (413): raise its limit");
	if (request == TUS_PATCH && r->status == 417)
		return say(words, TUS_NO_EXPECT, "expect", "the server does not take Expect (417)");
	v = judge_status(r, words);
	if (v == TUS_CREDENTIALS && (r->skew_s > SKEW_S || r->skew_s < -SKEW_S))
		return say(words, v, "clock-skew",
		    "the server refuses us, and its clock is minutes from ours: check NTP on both");
	if (v == TUS_ASK && r->retry_after_ms > 0)
		return TUS_LATER;
	return v;
}

/* ---- what is asked ---- */

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
