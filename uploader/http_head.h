/*
 * http_head: the lines of an answer's head, and the values that every server writes alike; pure.
 *
 * Bytes in, spans of them out: nothing is copied, and nothing behind a span's length is looked at.
 * Called by the readers of answers (s3_reply.c, tus_reply.c). Every byte is hostile. It never says
 * which headers matter or what they mean. Source: RFC 9110, RFC 9112.
 */
#ifndef DOCKD_HTTP_HEAD_H
#define DOCKD_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_span {
	const char *at; /* not NUL-terminated; may be NULL where len is 0 */
	size_t len;
};

/* Takes the status line off the head; -EPROTO: there is none. The reason phrase may be absent. */
int http_head_status(struct http_span *head, int *status);
/* Takes the next header off it, trimmed; false: no more. Lines without a colon are passed over. */
bool http_head_next(struct http_span *head, struct http_span *name, struct http_span *value);

/* Takes the next item, trimmed, off a list with commas between (RFC 9110 5.6.1); false: no more. */
bool http_list_next(struct http_span *list, struct http_span *item);

/* In any case of letters. */
bool http_span_is(struct http_span s, const char *word);
/* Digits only: no sign, no blank inside, no overflow. */
bool http_span_number(struct http_span s, uint64_t *out);
/* RFC 9110 5.6.7. Seconds since 1970, or PROTO_NO_TIME. */
int64_t http_span_date(struct http_span s);
/* Retry-After (RFC 9110 10.2.3), in seconds or as a date by a clock of now_s: ms, a day at most. */
uint64_t http_span_wait_ms(struct http_span s, int64_t now_s);

#endif
