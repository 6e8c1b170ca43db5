/*
 * record: what it writes it reads back byte for byte, and it reads nothing else.
 */
#include "../../dockd/base/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct record one, two;
static char line[RECORD_LINE_MAX], again[RECORD_LINE_MAX];

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void same(const struct record *a, const struct record *b)
{
	assert_int_equal(a->fields, b->fields);
	for (size_t i = 0; i < a->fields; i++) {
		assert_string_equal(a->field[i].key, b->field[i].key);
		assert_int_equal(a->field[i].is_text, b->field[i].is_text);
		if (a->field[i].is_text)
			assert_string_equal(a->field[i].text, b->field[i].text);
		else
			assert_int_equal(a->field[i].number, b->field[i].number);
	}
}

/* Formats one, parses it into two, formats that: nothing may differ. Returns the length. */
static int round_trip(void)
{
	int n = record_format(&one, line, sizeof(line)), m;

	if (n < 0)
		return n;
	assert_true(n > 1 && line[n - 1] == '\n');
	for (int i = 0; i < n - 1; i++)
		assert_true(line[i] >= 0x20 && line[i] < 0x7f);
	assert_int_equal(record_parse(line, (size_t)n - 1, &two), 0);
	same(&one, &two);
	m = record_format(&two, again, sizeof(again));
	assert_int_equal(m, n);
	assert_memory_equal(line, again, (size_t)n);
	return n;
}

static void canonical(void **state)
{
	(void)state;
	record_begin(&one, "found");
	record_number(&one, "size", 42);
	record_text(&one, "path", "a \"b\"\\\n\x7f\xc3\xa4");
	record_hex(&one, "digest", "\x00\xab\xff", 3);
	record_number(&one, "mtime", INT64_MIN);
	round_trip();
	assert_string_equal(line,
	    "{\"digest\":\"00abff\",\"mtime\":-9223372036854775808,"
	    "\"path\":\"a \\\"b\\\"\\\\\\u000a\\u007f\\u00c3\\u00a4\","
	    "\"size\":42,\"type\":\"found\"}\n");
	assert_string_equal(record_type(&two), "found");
	assert_int_equal(record_get_number(&two, "size", 7), 42);
	assert_int_equal(record_get_number(&two, "path", 7), 7);
	assert_null(record_get_text(&two, "size"));
	assert_true(record_has(&two, "mtime"));
	assert_false(record_has(&two, "mtim"));
}

static void random_records(void **state)
{
	static const char *const keys[] = { "a", "b-1", "path", "zz", "serial", "0", "text", "m9" };
	char text[2048];
	unsigned whole = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		record_begin(&one, "t");
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			uint64_t r = random_number();
			size_t n = (size_t)(random_number() % (r & 64 ? 2047 : 20));

			for (size_t i = 0; i < n; i++)
				text[i] = (char)(random_number() % 255 + 1);
			text[n] = '\0';
			if (r & 1)
				record_text(&one, keys[(k + r) % 8], text);
			else if (r & 2)
				record_number(&one, keys[(k + r) % 8], (int64_t)random_number());
		}
		whole += round_trip() > 0;
	}
	assert_true(whole > 100);
}

static void longest_path_fits(void **state)
{
	char path[2048];

	(void)state;
	memset(path, 0xff, sizeof(path) - 1);
	path[2047] = '\0';
	record_begin(&one, "found");
	record_text(&one, "path", path);
	record_text(&one, "camera", "an identity of some length");
	assert_true(round_trip() > 6 * 2047);
	assert_int_equal(strlen(record_get_text(&two, "path")), 2047);
}

static void too_much(void **state)
{
	static const char *const keys[RECORD_FIELDS] = { "a", "b", "c", "d", "e", "f", "g", "h",
		"i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x" };
	char text[2100];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[2048] = '\0';
	record_begin(&one, "t");
	record_text(&one, "a", text);
	assert_int_equal(record_format(&one, line, sizeof(line)), -EOVERFLOW);
	record_begin(&one, "t");
	for (size_t i = 0; i + 1 < RECORD_FIELDS; i++)
		record_number(&one, keys[i], 1);
	assert_false(one.overflow);
	record_number(&one, keys[RECORD_FIELDS - 1], 1);
	assert_true(one.overflow);
	record_begin(&one, "t");
	record_number(&one, "a", 1);
	record_text(&one, "a", "twice");
	assert_int_equal(record_format(&one, line, sizeof(line)), -EOVERFLOW);
	record_begin(&one, "t");
	record_number(&one, "Bad Key", 1);
	assert_true(one.overflow);
	record_begin(&one, "t");
	assert_int_equal(record_format(&one, line, 5), -ENOSPC);
	memset(text, 0xff, 2047);
	text[2047] = '\0';
	record_text(&one, "a", text);
	record_text(&one, "b", text);
	assert_int_equal(record_format(&one, line, sizeof(line)), -ENOSPC);
}

static void strict(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"}",
		"{}",
		"{}\n",
		"[]",
		"null",
		"{\"type\":\"t\"} ",
		" {\"type\":\"t\"}",
		"{ \"type\":\"t\"}",
		"{\"type\": \"t\"}",
		"{\"type\":\"t\",}",
		"{\"type\":\"t\"",
		"{\"type\":\"t}",
		"{\"type\":1}",
		"{\"size\":1}",
		"{\"type\":\"t\",\"size\":1}",
		"{\"a\":1,\"a\":1,\"type\":\"t\"}",
		"{\"a\":01,\"type\":\"t\"}",
		"{\"a\":-0,\"type\":\"t\"}",
		"{\"a\":+1,\"type\":\"t\"}",
		"{\"a\":1.0,\"type\":\"t\"}",
		"{\"a\":1e3,\"type\":\"t\"}",
		"{\"a\":-,\"type\":\"t\"}",
		"{\"a\":,\"type\":\"t\"}",
		"{\"a\":true,\"type\":\"t\"}",
		"{\"a\":null,\"type\":\"t\"}",
		"{\"a\":9223372036854775808,\"type\":\"t\"}",
		"{\"a\":-9223372036854775809,\"type\":\"t\"}",
		"{\"a\":99999999999999999999999,\"type\":\"t\"}",
		"{\"A\":1,\"type\":\"t\"}",
		"{\"\":1,\"type\":\"t\"}",
		"{\"a_b\":1,\"type\":\"t\"}",
		"{\"type\":\"\\u0041\"}",
		"{\"type\":\"\\u0022\"}",
		"{\"type\":\"\\u005c\"}",
		"{\"type\":\"\\u0000\"}",
		"{\"type\":\"\\u00C3\"}",
		"{\"type\":\"\\u0100\"}",
		"{\"type\":\"\\n\"}",
		"{\"type\":\"\\/\"}",
		"{\"type\":\"\\\"}",
		"{\"type\":\"\\u00\"}",
		"{\"type\":\"\x01\"}",
		"{\"type\":\"\x7f\"}",
		"{\"type\":\"\xc3\xa4\"}",
		"{\"a\":{},\"type\":\"t\"}",
		"{\"a\":[],\"type\":\"t\"}",
		"{\"type\":\"t\"}{\"type\":\"t\"}",
	};

	(void)state;
	assert_int_equal(record_parse("{\"type\":\"t\"}", 12, &two), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (record_parse(bad[i], strlen(bad[i]), &two) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* Any one byte changed gives another record or none, never the same one. */
static void one_byte_changed(void **state)
{
	int n;

	(void)state;
	record_begin(&one, "receipted");
	record_number(&one, "length", 1000);
	record_text(&one, "object", "a\xc3\xa4");
	n = record_format(&one, line, sizeof(line)) - 1;
	for (int i = 0; i < n; i++) {
		for (int c = 0; c < 256; c++) {
			char was = line[i];
			int m;

			if ((char)c == was)
				continue;
			line[i] = (char)c;
			if (record_parse(line, (size_t)n, &two) == 0) {
				m = record_format(&two, again, sizeof(again)) - 1;
				assert_int_equal(m, n);
				assert_memory_equal(line, again, (size_t)n);
			}
			line[i] = was;
		}
		assert_int_equal(record_parse(line, (size_t)i, &two), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical),
		cmocka_unit_test(random_records),
		cmocka_unit_test(longest_path_fits),
		cmocka_unit_test(too_much),
		cmocka_unit_test(strict),
		cmocka_unit_test(one_byte_changed),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
