#include "http_answer.h"

#include "http_head.h"
#include "transfer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIGESTED_LEAST 1024u /* of a body in the time that is given, where that is short */
#define FILES_SETTLE_S 10    /* a certificate and its key are not renewed in one instant */

/* RFC 9112 section 6.1: one that was not asked for by TE; libcurl would unpack it. */
static bool is_coded(const char *line, size_t len)
{
	struct http_span head = { line, len };
	struct http_span name, value;

	return http_head_next(&head, &name, &value) && http_span_is(name, "transfer-encoding") &&
	    !http_span_is(value, "chunked");
}

/* 0: the head has no status line. */
static int status_of(const struct http *h)
{
	struct http_span head = { h->head, h->head_len };
	int status;

	return http_head_status(&head, &status) == 0 ? status : 0;
}

/* Keeps the last answer's head; interim ones (1xx) give way to the next. */
size_t http_answer_head(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http *h = ctx;
	size_t len = size * count;
	bool blank = len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');

	/* A body is that of the last head: a line behind it is a trailer, whatever it says. */
	if (h->got_bytes == 0 && len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		h->head_len = 0;
		h->head_whole = false;
	}
	h->heads_bytes += len;
	h->over = h->heads_bytes > HTTP_HEADS_MAX ||
	    (!h->head_whole && h->head_len + len >= sizeof(h->head));
	if (h->over)
		return 0;
	if (h->head_whole)
		return len; /* trailers of a chunked answer */
	if (is_coded(bytes, len)) {
		h->coded = true;
		return 0;
	}
	memcpy(h->head + h->head_len, bytes, len);
	h->head_len += len;
	h->head[h->head_len] = '\0';
	if (blank)
		h->head_whole = status_of(h) >= 200;
	return len;
}

bool http_is_ok(const struct http *h)
{
	return h->head_whole && status_of(h) == 200;
}

/* What comes with an error is an explanation, not what was asked for. */
static bool is_wanted(const struct http *h)
{
	const struct http_request *q = &h->request;

	return http_is_ok(h) ? q->digest || q->text : q->text && q->text_always;
}

static size_t take_text(struct http *h, const char *bytes, size_t len, uint64_t at)
{
	const struct http_request *q = &h->request;
	size_t fits = at < q->text_room ? q->text_room - (size_t)at : 0;

	if (len > fits && http_is_ok(h)) {
		h->over = true;
		return 0;
	}
	memcpy(q->text + at, bytes, len < fits ? len : fits);
	if (len <= fits)
		return len;
	h->got_bytes = q->text_room; /* of an explanation the beginning is enough */
	return 0;
}

/* What must have come in the time that is given, or it is over. */
static uint64_t least(const struct http_request *q)
{
	uint64_t bytes = (uint64_t)q->timeout_ms * HTTP_LEAST_PER_S / 1000;

	return bytes > DIGESTED_LEAST ? bytes : DIGESTED_LEAST;
}

size_t http_answer_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http *h = ctx;
	const struct http_request *q = &h->request;
	size_t len = size * count;
	uint64_t at = h->got_bytes;

	h->got_bytes += len;
	if (!http_is_ok(h) && at < sizeof(h->said) - 1) {
		size_t fits = sizeof(h->said) - 1 - (size_t)at;

		memcpy(h->said + at, bytes, len < fits ? len : fits);
	}
	if (!is_wanted(h))
		return h->got_bytes > HTTP_BODY_MAX ? 0 : len;
	if (!q->digest || !http_is_ok(h))
		return take_text(h, bytes, len, at);
	if (h->got_bytes - h->seen_bytes >= least(q)) {
		h->seen_bytes = h->got_bytes;
		h->moved_ms = transfer_now_ms();
	}
	if (h->got_bytes > q->digest_max_bytes) {
		h->over = true;
		return 0;
	}
	return EVP_DigestUpdate(q->digest, bytes, len) == 1 ? len : 0;
}

/* ---- how it ended ---- */

static const char *word_of(const struct http *h, CURLcode code)
{
	struct trust_end e = { .code = code, .proxied = h->conf->proxy[0] != '\0', .why = h->why };
	const char *word;

	curl_easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &e.verify);
	curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &e.oserr);
	curl_easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &e.tunnel);
	word = trust_word(&e);
	if (word[0])
		return word;
	if (h->coded)
		return "not-http";
	switch ((int)code) {
	case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP/1.1 answer */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return "not-http";
	case CURLE_OUT_OF_MEMORY: /* libcurl's word for a line of more than 100 KiB */
		return h->head_whole ? "cut" : "answer-head";
	case CURLE_WRITE_ERROR:
		return h->head_whole ? "answer-body" : "answer-head";
	}
	return "cut";
}

static enum http_end end_of_word(const char *word)
{
	if (strncmp(word, "tls", 3) == 0 || strcmp(word, "proxy-refused") == 0 ||
	    strcmp(word, "proxy-scheme") == 0)
		return HTTP_TLS;
	if (strcmp(word, "dns") == 0 || strcmp(word, "refused") == 0 ||
	    strcmp(word, "unreachable") == 0 || strcmp(word, "proxy") == 0)
		return HTTP_AWAY;
	return strcmp(word, "cut") == 0 ? HTTP_CUT : HTTP_BAD;
}

/* An answer that is not the server's word on what was asked, but on us. */
static const char *word_of_answer(const struct http *h)
{
	int status = status_of(h);

	/* nginx answers within HTTP where a client certificate is missing or not accepted. */
	if (status == 400 &&
	    (strstr(h->said, "No required SSL certificate was sent") ||
		strstr(h->said, "The SSL certificate error")))
		return "tls-client";
	if (status == 407 && h->conf->proxy[0])
		return "proxy-refused";
	return "";
}

/* A proxy that refuses us may ask for what no password here could give. */
static bool is_scheme(struct http *h)
{
	long asked = 0;

	curl_easy_getinfo(h->easy, CURLINFO_PROXYAUTH_AVAIL, &asked);
	return trust_proxy_scheme(&h->room->trust, h->conf, asked, h->why, sizeof(h->why));
}

static bool is_answered(const struct http *h, CURLcode code)
{
	/* The head was whole, only the body broke: where that is not wanted the head is enough. */
	return h->head_whole && (code == CURLE_OK || !is_wanted(h) || !http_is_ok(h));
}

void http_answer_judge(struct http *h, CURLcode code)
{
	const char *word;

	if (h->source_errno) {
		h->end = HTTP_SOURCE;
		snprintf(h->why, sizeof(h->why), "%s", strerror(h->source_errno));
		return;
	}
	if (is_answered(h, code)) {
		h->end = HTTP_ANSWERED;
		word = word_of_answer(h);
	} else if (h->silent) {
		h->end = HTTP_CUT; /* watch has said why */
		return;
	} else {
		word = code == CURLE_OK ? "not-http" : word_of(h, code);
	}
	if (strcmp(word, "proxy-refused") == 0 && is_scheme(h))
		word = "proxy-scheme";
	h->state = word;
	if (!word[0])
		return;
	h->end = end_of_word(word);
	/* A certificate whose key has not followed it yet is no person's business. */
	if (code == CURLE_SSL_CERTPROBLEM && time(NULL) - h->room->trust.changed_s < FILES_SETTLE_S)
		h->end = HTTP_CUT;
	if (h->refused)
		snprintf(h->why, sizeof(h->why), "%s", h->room->trust.why);
	else if (trust_text(word)[0])
		snprintf(h->why, sizeof(h->why), "%s", trust_text(word));
	else if (h->coded)
		snprintf(h->why, sizeof(h->why), "the answer has a transfer coding of its own");
	else if (h->over || code == CURLE_OUT_OF_MEMORY)
		snprintf(h->why, sizeof(h->why), "the answer's %s is longer than it may be",
		    h->head_whole ? "body" : "head");
	else if (!h->why[0])
		snprintf(h->why, sizeof(h->why), "%s", curl_easy_strerror(code));
}
