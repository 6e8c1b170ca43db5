#include "http_head.h"

#include "../dockd/base/proto.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define DAY_S 86400u

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct http_span trim(struct http_span s)
{
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* What is in front of the next `end`, which goes too; false: nothing is left. */
static bool take(struct http_span *text, char end, struct http_span *out)
{
	const char *at;
	size_t skip;

	if (text->len == 0)
		return false;
	at = memchr(text->at, end, text->len);
	out->at = text->at;
	out->len = at ? (size_t)(at - text->at) : text->len;
	skip = out->len + (at ? 1 : 0);
	text->at += skip;
	text->len -= skip;
	return true;
}

int http_head_status(struct http_span *head, int *status)
{
	struct http_span line, version;
	uint64_t v;

	if (!take(head, '\n', &line) || !take(&line, ' ', &version) || version.len < 6 ||
	    memcmp(version.at, "HTTP/", 5) != 0 || line.len < 3 ||
	    (line.len > 3 && !is_blank(line.at[3])))
		return -EPROTO;
	if (!http_span_number((struct http_span){ line.at, 3 }, &v) || v < 100)
		return -EPROTO;
	*status = (int)v;
	return 0;
}

bool http_head_next(struct http_span *head, struct http_span *name, struct http_span *value)
{
	struct http_span line;

	while (take(head, '\n', &line)) {
		if (!memchr(line.at, ':', line.len))
			continue;
		(void)take(&line, ':', name);
		*name = trim(*name);
		*value = trim(line);
		return true;
	}
	return false;
}

bool http_list_next(struct http_span *list, struct http_span *item)
{
	if (!take(list, ',', item))
		return false;
	*item = trim(*item);
	return true;
}

bool http_span_is(struct http_span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

bool http_span_number(struct http_span s, uint64_t *out)
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

int64_t http_span_date(struct http_span s)
{
	char text[64];
	time_t at;

	if (s.len == 0 || s.len >= sizeof(text))
		return PROTO_NO_TIME;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	at = curl_getdate(text, NULL);
	return at < 0 ? PROTO_NO_TIME : (int64_t)at;
}

uint64_t http_span_wait_ms(struct http_span s, int64_t now_s)
{
	uint64_t wait_s = 0;
	int64_t at;

	if (!http_span_number(s, &wait_s)) {
		at = http_span_date(s);
		wait_s = at != PROTO_NO_TIME && at > now_s ? (uint64_t)(at - now_s) : 0;
	}
	return (wait_s > DAY_S ? DAY_S : wait_s) * 1000;
}
