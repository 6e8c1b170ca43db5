/*
 * What comes back on a request, in pieces as libcurl gives them: whatever it is, nothing is written
 * beyond its room, the head is that of one final answer, and the end has a word and a text.
 *
 * The first line says what was wanted and how it ends, a byte each: d(igest), t(ext),
 * e(xplanations too) or n(othing); p(roxy) or -; how libcurl ends; the size of the pieces that a
 * body comes in. A line of one dot ends the body: trailers follow.
 */
#include "../../uploader/http_answer.h"
#include "../../uploader/http_head.h"
#include "../../uploader/transfer.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 600
#define CANARY 0x5a

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct proto_destination conf;
static struct http_room room;
static struct http h;
static char text[ROOM + 64];

int64_t transfer_now_ms(void)
{
	return 1790000000000;
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_bounds(void)
{
	check(h.head_len < sizeof(h.head) && h.head[h.head_len] == '\0');
	check(h.said[sizeof(h.said) - 1] == '\0');
	for (size_t i = ROOM; i < sizeof(text); i++)
		check(text[i] == CANARY);
}

/* In memory of its own, so that a read behind it is seen. */
static bool give(size_t (*take)(char *, size_t, size_t, void *), const uint8_t *data, size_t len)
{
	char *copy = malloc(len ? len : 1);
	size_t taken;

	check(copy != NULL);
	memcpy(copy, data, len);
	taken = take(copy, 1, len, &h);
	free(copy);
	check_bounds();
	check(taken == len || taken == 0);
	return taken == len;
}

static size_t line_len(const uint8_t *data, size_t size)
{
	const uint8_t *nl = memchr(data, '\n', size);

	return nl ? (size_t)(nl - data) + 1 : size;
}

/* Lines up to the end of a final head; false: it was refused. */
static bool heads(const uint8_t **data, size_t *size, bool trailers)
{
	while (*size > 0 && (trailers || !h.head_whole)) {
		size_t len = line_len(*data, *size);

		if (!give(http_answer_head, *data, len))
			return false;
		*data += len;
		*size -= len;
	}
	return true;
}

static bool body(const uint8_t **data, size_t *size, size_t piece)
{
	while (*size > 0) {
		size_t len = piece < *size ? piece : *size;
		const uint8_t *end = memmem(*data, *size, "\n.\n", 3);

		if (end == *data) {
			*data += 3;
			*size -= 3;
			return true;
		}
		if (end && len > (size_t)(end - *data))
			len = (size_t)(end - *data);
		if (!give(http_answer_body, *data, len))
			return false;
		*data += len;
		*size -= len;
	}
	return true;
}

static CURLcode code_of(uint8_t how)
{
	static const CURLcode codes[] = { CURLE_OK, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE,
		CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_OUT_OF_MEMORY,
		CURLE_BAD_CONTENT_ENCODING, CURLE_GOT_NOTHING, CURLE_SSL_CERTPROBLEM,
		CURLE_PEER_FAILED_VERIFICATION, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT };

	return codes[how % (sizeof(codes) / sizeof(codes[0]))];
}

static void check_end(bool wanted_all)
{
	struct http_span head = { h.head, h.head_len };
	const struct http_request *q = &h.request;
	int status = 0;
	bool read = http_head_status(&head, &status) == 0;

	check(h.end >= HTTP_ANSWERED && h.end <= HTTP_SOURCE);
	check(h.state && memchr(h.why, '\0', sizeof(h.why)));
	check(http_is_ok(&h) == (h.head_whole && read && status == 200));
	check(!h.head_whole || status >= 200);
	if (h.end != HTTP_ANSWERED) {
		check(h.state[0] && h.why[0]);
		return;
	}
	check(h.head_whole && !h.state[0]);
	if (!http_is_ok(&h))
		return;
	check(!q->text || h.got_bytes <= q->text_room);
	check(!q->digest || h.got_bytes <= q->digest_max_bytes);
	check(wanted_all || (!q->text && !q->digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece;
	CURLcode code;
	bool all;

	if (size < 5 || line_len(data, size) != 5)
		return 0;
	memset(&h, 0, sizeof(h));
	memset(text, CANARY, sizeof(text));
	conf.proxy[0] = data[1] == 'p' ? 'p' : '\0';
	h.room = &room;
	h.conf = &conf;
	h.state = "";
	h.request.digest = data[0] == 'd' ? EVP_MD_CTX_new() : NULL;
	h.request.digest_max_bytes = ROOM;
	if (h.request.digest)
		check(EVP_DigestInit_ex(h.request.digest, EVP_sha256(), NULL) == 1);
	h.request.text = data[0] == 't' || data[0] == 'e' ? text : NULL;
	h.request.text_room = ROOM;
	h.request.text_always = data[0] == 'e';
	code = code_of(data[2]);
	piece = data[3] ? data[3] * 4u : 1;
	data += 5;
	size -= 5;
	all = heads(&data, &size, false) && body(&data, &size, piece) && heads(&data, &size, true);
	http_answer_judge(&h, all ? code : CURLE_WRITE_ERROR);
	check_bounds();
	check_end(all && code == CURLE_OK);
	EVP_MD_CTX_free(h.request.digest);
	return 0;
}
