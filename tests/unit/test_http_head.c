/* http_head: the lines of heads, and values that every server writes, as none should write them. */
#include "../../uploader/http_head.h"

#include "../../dockd/base/proto.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000 /* Mon, 21 Sep 2026 14:13:20 GMT */

static struct http_span span(const char *text)
{
	return (struct http_span){ text, strlen(text) };
}

static void assert_span(struct http_span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.at, text, s.len);
}

static void status_lines(void **state)
{
	static const struct {
		const char *head;
		int err, status;
	} rows[] = {
		{ "HTTP/1.1 204 No Content\r\n", 0, 204 },
		{ "HTTP/1.1 204 \r\n", 0, 204 },
		{ "HTTP/1.1 460\r\n", 0, 460 },
		{ "HTTP/1.0 460\n", 0, 460 },
		{ "HTTP/2 999", 0, 999 },
		{ "HTTP/1.1 100", 0, 100 },
		{ "", -EPROTO, 0 },
		{ "\r\n", -EPROTO, 0 },
		{ "\nHTTP/1.1 200 OK\r\n", -EPROTO, 0 },
		{ "HTTP/1.1", -EPROTO, 0 },
		{ "HTTP/1.1 ", -EPROTO, 0 },
		{ "HTTP/1.1 20", -EPROTO, 0 },
		{ "HTTP/1.1 2000 x", -EPROTO, 0 },
		{ "HTTP/1.1 2x4 OK", -EPROTO, 0 },
		{ "HTTP/1.1 +04 OK", -EPROTO, 0 },
		{ "HTTP/1.1 099 x", -EPROTO, 0 },
		{ "HTTP/1.1  204 x", -EPROTO, 0 },
		{ "HTTP/1.1204 No Content", -EPROTO, 0 },
		{ "http/1.1 204 x", -EPROTO, 0 },
		{ "HTTP/ 204 x", -EPROTO, 0 },
		{ "SSH-2.0 200 OK..", -EPROTO, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_span head = span(rows[i].head);
		int status = 0;

		assert_int_equal(http_head_status(&head, &status), rows[i].err);
		assert_int_equal(status, rows[i].status);
	}
	assert_int_equal(http_head_status(&(struct http_span){ NULL, 0 }, &(int){ 0 }), -EPROTO);
}

static void headers_in_turn(void **state)
{
	struct http_span head = span("HTTP/1.1 200 OK\r\nETag:\"a:b\"\r\n X-Name : \tvalue \t\r\n"
				     "no colon here\r\n\r\nEmpty:\r\n:nameless\nLast: cut off");
	struct http_span name, value;
	int status;

	(void)state;
	assert_int_equal(http_head_status(&head, &status), 0);
	assert_true(http_head_next(&head, &name, &value));
	assert_true(http_span_is(name, "etag") && http_span_is(name, "ETAG"));
	assert_false(http_span_is(name, "eta") || http_span_is(name, "etags"));
	assert_span(value, "\"a:b\"");
	assert_true(http_head_next(&head, &name, &value));
	assert_span(name, "X-Name");
	assert_span(value, "value");
	assert_true(http_head_next(&head, &name, &value));
	assert_span(name, "Empty");
	assert_span(value, "");
	assert_true(http_head_next(&head, &name, &value));
	assert_span(name, "");
	assert_span(value, "nameless");
	assert_true(http_head_next(&head, &name, &value));
	assert_span(name, "Last");
	assert_span(value, "cut off");
	assert_false(http_head_next(&head, &name, &value));
	assert_false(http_head_next(&head, &name, &value));
}

/* Nothing behind a span is looked at: each head ends where what it was copied into ends. */
static void heads_end_where_they_end(void **state)
{
	static const char whole[] = "HTTP/1.1 503 x\r\nRetry-After: 17\r\nDate: a, b\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *copy = malloc(len ? len : 1);
		struct http_span head = { copy, len };
		struct http_span name, value, item;
		int status;

		assert_non_null(copy);
		memcpy(copy, whole, len);
		assert_int_equal(http_head_status(&head, &status), len < 12 ? -EPROTO : 0);
		while (http_head_next(&head, &name, &value)) {
			assert_true(name.at + name.len < copy + len);
			assert_true(value.at + value.len <= copy + len);
			(void)http_span_date(value);
			(void)http_span_wait_ms(value, NOW);
			while (http_list_next(&value, &item))
				assert_true(item.at + item.len <= copy + len);
		}
		free(copy);
	}
}

static void lists_in_turn(void **state)
{
	struct http_span list = span("creation-with-upload , creation,,checksum\t,");
	struct http_span item;

	(void)state;
	assert_true(http_list_next(&list, &item));
	assert_span(item, "creation-with-upload");
	assert_true(http_list_next(&list, &item));
	assert_span(item, "creation");
	assert_true(http_list_next(&list, &item));
	assert_span(item, "");
	assert_true(http_list_next(&list, &item));
	assert_span(item, "checksum");
	assert_false(http_list_next(&list, &item));
}

static void numbers_are_digits_only(void **state)
{
	static const char *const bad[] = { "-1", "+1", "0x1", "1 2", "", "1.0", "1,2", " 1", "1 ",
		"18446744073709551616", "99999999999999999999999999" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(http_span_number(span(bad[i]), &v));
	assert_int_equal(v, 7);
	assert_true(http_span_number(span("0"), &v));
	assert_int_equal(v, 0);
	assert_true(http_span_number(span("00052428801"), &v));
	assert_int_equal(v, 52428801);
	assert_true(http_span_number(span("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
}

static void dates(void **state)
{
	(void)state;
	assert_int_equal(http_span_date(span("Mon, 21 Sep 2026 14:13:20 GMT")), NOW);
	assert_int_equal(http_span_date(span("Monday, 21-Sep-26 14:13:20 GMT")), NOW);
	assert_int_equal(http_span_date(span("Mon Sep 21 14:13:20 2026")), NOW);
	assert_true(http_span_date(span("soon")) == PROTO_NO_TIME);
	assert_true(http_span_date(span("")) == PROTO_NO_TIME);
	assert_true(http_span_date((struct http_span){ NULL, 0 }) == PROTO_NO_TIME);
	assert_true(
	    http_span_date(span("Mon, 21 Sep 2026 14:13:20 GMT, and a very long tail of nothing "
				"at all that no date has")) == PROTO_NO_TIME);
}

static uint64_t wait_of(const char *value)
{
	return http_span_wait_ms(span(value), NOW);
}

static void waits_are_seconds_or_a_date(void **state)
{
	(void)state;
	assert_int_equal(wait_of("120"), 120000);
	assert_int_equal(wait_of("0"), 0);
	assert_int_equal(wait_of("86400"), 86400000);
	assert_int_equal(wait_of("86401"), 86400000);
	assert_int_equal(wait_of("99999999999"), 86400000);
	assert_int_equal(wait_of("18446744073709551615"), 86400000);
	assert_int_equal(wait_of("Mon, 21 Sep 2026 14:13:50 GMT"), 30000);
	assert_int_equal(wait_of("Mon, 21 Sep 2026 14:13:20 GMT"), 0);
	assert_int_equal(wait_of("Mon, 21 Sep 2026 14:13:10 GMT"), 0);
	assert_int_equal(wait_of("Sun, 21 Sep 2036 14:13:10 GMT"), 86400000);
	assert_int_equal(wait_of("soon"), 0);
	assert_int_equal(wait_of("-5"), 0);
	assert_int_equal(wait_of(""), 0);
	assert_int_equal(wait_of("Mon, 21 Sep 2026 14:13:50 GMT, and a very long tail of nothing "
				 "at all that no date has"),
	    0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_lines),
		cmocka_unit_test(headers_in_turn),
		cmocka_unit_test(heads_end_where_they_end),
		cmocka_unit_test(lists_in_turn),
		cmocka_unit_test(numbers_are_digits_only),
		cmocka_unit_test(dates),
		cmocka_unit_test(waits_are_seconds_or_a_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
