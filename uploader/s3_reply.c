#include "s3_reply.h"

#include "http_head.h"

#include <errno.h>
#include <string.h>

/* Visible ASCII that fits; nothing else is taken. */
static bool copy_visible(struct http_span s, char *out, size_t size)
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
	struct http_span s = { text + quoted, len - 2 * (size_t)quoted };

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

/* 64 lower-case hex digits, or nothing. */
static void take_hex(struct http_span value, char out[PROTO_ID_LEN])
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

static int take_length(struct http_span value, struct s3_head *out)
{
	uint64_t v;

	if (!http_span_number(value, &v) || (out->has_length && out->length_bytes != v))
		return -EPROTO;
	out->has_length = true;
	out->length_bytes = v;
	return 0;
}

static int take_header(
    struct http_span name, struct http_span value, int64_t now_s, struct s3_head *out)
{
	static const char own[] = "x-amz-";
	uint64_t age;

	out->named |= name.len > sizeof(own) - 1 &&
	    http_span_is((struct http_span){ name.at, sizeof(own) - 1 }, own);
	if (http_span_is(name, "content-length"))
		return take_length(value, out);
	if (http_span_is(name, "etag"))
		return s3_etag_read(value.at, value.len, out->etag) ? 0 : -EPROTO;
	/* a version that cannot be written down is one that could never be asked for again */
	if (http_span_is(name, "x-amz-version-id"))
		return copy_visible(value, out->version, sizeof(out->version)) ? 0 : -EPROTO;
	if (http_span_is(name, "x-amz-object-lock-mode"))
		out->lock_mode = http_span_is(value, "COMPLIANCE") ? LOCK_COMPLIANCE :
		    http_span_is(value, "GOVERNANCE")              ? LOCK_GOVERNANCE :
								     LOCK_NONE;
	else if (http_span_is(name, "x-amz-object-lock-retain-until-date"))
		out->retain_until_s = s3_time_read(value.at, value.len);
	else if (http_span_is(name, "x-amz-object-lock-legal-hold"))
		out->held = http_span_is(value, "ON");
	else if (http_span_is(name, "x-amz-delete-marker"))
		out->delete_marker = http_span_is(value, "true");
	else if (http_span_is(name, "x-amz-meta-asset"))
		take_hex(value, out->asset);
	else if (http_span_is(name, "x-amz-meta-sha256"))
		take_hex(value, out->sha256);
	else if (http_span_is(name, "x-amz-meta-station"))
		(void)copy_visible(value, out->station, sizeof(out->station));
	else if (http_span_is(name, "retry-after"))
		out->retry_after_ms = http_span_wait_ms(value, now_s);
	else if (http_span_is(name, "date"))
		out->date_s = http_span_date(value);
	else if (http_span_is(name, "age"))
		out->cached |= http_span_number(value, &age) && age > 0;
	return 0;
}

int s3_head_read(const char *head, size_t len, int64_t now_s, struct s3_head *out)
{
	struct http_span text = { head, len };
	struct http_span name, value;
	int err;

	memset(out, 0, sizeof(*out));
	out->date_s = out->retain_until_s = PROTO_NO_TIME;
	err = http_head_status(&text, &out->status);
	while (!err && http_head_next(&text, &name, &value))
		err = take_header(name, value, now_s, out);
	out->locked = out->lock_mode != LOCK_NONE && out->retain_until_s != PROTO_NO_TIME;
	return err;
}
