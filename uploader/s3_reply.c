#include "s3_reply.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_S 86400u

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

/* Visible ASCII that fits; nothing else is taken. */
static bool copy_visible(struct span s, char *out, size_t size)
{
	if (s.len == 0 || s.len >= size)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	}
	memcpy(out, s.at, s.len);
	out[s.len] = '\0';
	return true;
}

bool s3_etag_read(const char *text, size_t len, char out[S3_ETAG_LEN])
{
	bool quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';
	struct span s = { text + quoted, len - 2 * (size_t)quoted };

	if (s.len > S3_ETAG_LEN - 3 || memchr(s.at, '"', s.len) ||
	    !copy_visible(s, out + 1, S3_ETAG_LEN - 2))
		return false;
	out[0] = '"';
	out[s.len + 1] = '"';
	out[s.len + 2] = '\0';
	return true;
}

static bool two_digits(const char *at, unsigned most, unsigned *out)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return false;
	*out = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
	return *out <= most;
}

/* Days since 1970 of a day of the Gregorian calendar; months from 1. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	static const unsigned before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned y = year - (month <= 2);
	int64_t leaps = (int64_t)(y / 4) - y / 100 + y / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);

	return ((int64_t)year - 1970) * 365 + leaps + before[month - 1] + day - 1;
}

/* RFC 3339 5.6 in UTC, as S3 writes it: "2026-11-21T17:00:00.000Z". */
int64_t s3_time_read(const char *text, size_t len)
{
	unsigned century, year, month, day, hour, minute, second;
	size_t digits = 0;

	if (len < 20 || len > 35 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
	    text[13] != ':' || text[16] != ':' || text[len - 1] != 'Z')
		return PROTO_NO_TIME;
	if (text[19] == '.')
		digits = len - 21;
	else if (len != 20)
		return PROTO_NO_TIME;
	for (size_t i = 0; i < digits; i++) {
		if (text[20 + i] < '0' || text[20 + i] > '9')
			return PROTO_NO_TIME;
	}
	if (!two_digits(text, 99, &century) || !two_digits(text + 2, 99, &year) ||
	    !two_digits(text + 5, 12, &month) || !two_digits(text + 8, 31, &day) ||
	    !two_digits(text + 11, 23, &hour) || !two_digits(text + 14, 59, &minute) ||
	    !two_digits(text + 17, 60, &second) || century < 19 || month == 0 || day == 0)
		return PROTO_NO_TIME;
	return days_of(century * 100 + year, month, day) * 86400 + hour * 3600 + minute * 60 +
	    second;
}

/* RFC 9110 5.6.7. */
static int64_t http_date(struct span value)
{
	char text[64];
	time_t at;

	if (value.len == 0 || value.len >= sizeof(text))
		return PROTO_NO_TIME;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	at = curl_getdate(text, NULL);
	return at < 0 ? PROTO_NO_TIME : (int64_t)at;
}

/* RFC 9110 10.2.3: seconds or a date; a day at most. */
static uint64_t retry_after(struct span value, int64_t now_s)
{
	uint64_t s = 0;
	int64_t at;

	if (!read_number(value, &s)) {
		at = http_date(value);
		s = at != PROTO_NO_TIME && at > now_s ? (uint64_t)(at - now_s) : 0;
	}
	return (s > DAY_S ? DAY_S : s) * 1000;
}

/* 64 lower-case hex digits, or nothing. */
static void take_hex(struct span value, char out[PROTO_ID_LEN])
{
	out[0] = '\0';
	if (value.len != 64)
		return;
	for (size_t i = 0; i < 64; i++) {
		if (!strchr("0123456789abcdef", value.at[i]) || !value.at[i])
			return;
	}
	memcpy(out, value.at, 64);
	out[64] = '\0';
}

static int take_length(struct span value, struct s3_head *out)
{
	uint64_t v;

	if (!read_number(value, &v) || (out->has_length && out->length_bytes != v))
		return -EPROTO;
	out->has_length = true;
	out->length_bytes = v;
	return 0;
}

static int take_header(struct span name, struct span value, int64_t now_s, struct s3_head *out)
{
	if (span_is(name, "content-length"))
		return take_length(value, out);
	if (span_is(name, "etag"))
		return s3_etag_read(value.at, value.len, out->etag) ? 0 : -EPROTO;
	/* a version that cannot be written down is one that could never be asked for again */
	if (span_is(name, "x-amz-version-id"))
		return copy_visible(value, out->version, sizeof(out->version)) ? 0 : -EPROTO;
	if (span_is(name, "x-amz-object-lock-mode"))
		out->lock_mode = span_is(value, "COMPLIANCE") ? LOCK_COMPLIANCE :
		    span_is(value, "GOVERNANCE")              ? LOCK_GOVERNANCE :
								LOCK_NONE;
	else if (span_is(name, "x-amz-object-lock-retain-until-date"))
		out->retain_until_s = s3_time_read(value.at, value.len);
	else if (span_is(name, "x-amz-object-lock-legal-hold"))
		out->held = span_is(value, "ON");
	else if (span_is(name, "x-amz-delete-marker"))
		out->delete_marker = span_is(value, "true");
	else if (span_is(name, "x-amz-meta-asset"))
		take_hex(value, out->asset);
	else if (span_is(name, "x-amz-meta-sha256"))
		take_hex(value, out->sha256);
	else if (span_is(name, "x-amz-meta-station"))
		(void)copy_visible(value, out->station, sizeof(out->station));
	else if (span_is(name, "retry-after"))
		out->retry_after_ms = retry_after(value, now_s);
	else if (span_is(name, "date"))
		out->date_s = http_date(value);
	return 0;
}

static bool status_line(struct span line, int *out)
{
	uint64_t v;

	if (line.len < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[8] != ' ' ||
	    (line.len > 12 && !is_blank(line.at[12])) ||
	    !read_number((struct span){ line.at + 9, 3 }, &v) || v < 100)
		return false;
	*out = (int)v;
	return true;
}

int s3_head_read(const char *head, size_t len, int64_t now_s, struct s3_head *out)
{
	bool first = true;
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->date_s = out->retain_until_s = PROTO_NO_TIME;
	while (len > 0 && !err) {
		const char *end = memchr(head, '\n', len);
		size_t line_len = end ? (size_t)(end - head) : len;
		struct span line = { head, line_len };
		const char *colon = memchr(head, ':', line_len);

		if (first && !status_line(line, &out->status))
			return -EPROTO;
		if (!first && colon) {
			struct span name = { head, (size_t)(colon - head) };
			struct span value = { colon + 1, line_len - name.len - 1 };

			err = take_header(name, trim(value), now_s, out);
		}
		first = false;
		head += line_len + (end ? 1 : 0);
		len -= line_len + (end ? 1 : 0);
	}
	out->locked = out->lock_mode != LOCK_NONE && out->retain_until_s != PROTO_NO_TIME;
	return first ? -EPROTO : err;
}
