#include "../../dockd/verify/audit.h"
#include "../../dockd/verify/audit_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "tests/vectors/audit"

/* Bytes of a file, a NUL behind them; the caller frees them. */
static char *slurp(const char *name, const char *ending, size_t *len)
{
	char path[PATH_MAX];
	FILE *f;
	char *bytes = malloc(1 << 20);

	assert_non_null(bytes);
	snprintf(path, sizeof(path), FOLDER "/%s.%s", name, ending);
	f = fopen(path, "re");
	assert_non_null(f);
	*len = fread(bytes, 1, (1 << 20) - 1, f);
	assert_true(feof(f));
	bytes[*len] = '\0';
	fclose(f);
	return bytes;
}

static int take(void *context, const char *line, size_t len, enum line_end end)
{
	audit_take(context, line, len, end);
	return 0;
}

/* Audits one log, given in pieces of so many bytes. */
static struct audit *run(struct audit_facts *facts, const char *log, size_t len, size_t piece)
{
	static struct lines lines;
	struct audit *a = audit_new(facts);

	assert_non_null(a);
	lines_begin(&lines, take, a);
	audit_log(a, 0);
	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(
		    lines_feed(&lines, log + at, len - at < piece ? len - at : piece), 0);
	lines_end(&lines);
	audit_log_end(a);
	audit_end(a);
	return a;
}

static void read_facts(struct audit_facts *facts, const char *name)
{
	size_t len;
	char *bytes = slurp(name, "facts", &len);

	memset(facts, 0, sizeof(*facts));
	assert_int_equal(audit_facts_parse(facts, bytes, len), 0);
	free(bytes);
}

/* Continuity and findings in the form of NAME.expected. */
static void tell(const json_t *report, char *out, size_t room)
{
	size_t i, used = 0;
	json_t *f;

	used += (size_t)snprintf(
	    out, room, "continuity %s\n", json_string_value(json_object_get(report, "continuity")));
	json_array_foreach(json_object_get(report, "findings"), i, f)
	{
		assert_true(used < room);
		used += (size_t)snprintf(out + used, room - used,
		    "finding %s %" PRId64 " %" PRId64 "\n",
		    json_string_value(json_object_get(f, "code")),
		    (int64_t)json_integer_value(json_object_get(f, "seq")),
		    (int64_t)json_integer_value(json_object_get(f, "asset")));
	}
}

/* Takes the time lines out of what is expected and compares them. */
static void check_times(const char *name, char *expected, const json_t *report)
{
	const json_t *times = json_object_get(report, "times_ms");
	char share[64], *line;
	int64_t seconds;

	while ((line = strstr(expected, "time ")) != NULL) {
		assert_int_equal(sscanf(line, "time %63s %" SCNd64, share, &seconds), 2);
		if (json_integer_value(json_object_get(times, share)) != seconds * 1000)
			fail_msg("%s: %s is %" PRId64 " ms", name, share,
			    (int64_t)json_integer_value(json_object_get(times, share)));
		memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n')));
	}
}

static void check_vector(const char *name)
{
	size_t len, ignored;
	char *log = slurp(name, "log", &len), *expected = slurp(name, "expected", &ignored);
	char told[8192], *document;
	struct audit_facts facts;
	struct audit *a;
	json_t *report;

	read_facts(&facts, name);
	a = run(&facts, log, len, len ? len : 1);
	document = audit_report(a);
	report = json_loads(document, 0, NULL);
	assert_non_null(report);
	check_times(name, expected, report);
	tell(report, told, sizeof(told));
	if (strcmp(told, expected) != 0)
		fail_msg("%s: found\n%sexpected\n%s", name, told, expected);
	audit_free(a);
	audit_facts_clear(&facts);
	json_decref(report);
	free(document);
	free(log);
	free(expected);
}

static void test_vectors(void **state)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	unsigned n = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char *end = strstr(entry->d_name, ".expected");

		if (!end)
			continue;
		*end = '\0';
		check_vector(entry->d_name);
		n++;
	}
	closedir(folder);
	assert_true(n >= 30);
}

/* However the bytes come, the same is found. */
static void test_pieces(void **state)
{
	static const size_t pieces[] = { 1, 2, 7, 100, 4096 };
	size_t len;
	char *log = slurp("shift", "log", &len);
	char *first = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct audit_facts facts;
		struct audit *a;
		char *document;

		read_facts(&facts, "shift");
		a = run(&facts, log, len, pieces[i]);
		document = audit_report(a);
		if (!first)
			first = strdup(document);
		assert_string_equal(document, first);
		free(document);
		audit_free(a);
		audit_facts_clear(&facts);
	}
	free(first);
	free(log);
}

/* ---- lines ---- */

struct seen {
	char text[256];
};

static int note(void *context, const char *line, size_t len, enum line_end end)
{
	struct seen *s = context;
	size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof(s->text) - used, "%zu%c%c ", len, len ? line[0] : '-',
	    end == LINE_WHOLE        ? '.' :
		end == LINE_TOO_LONG ? '+' :
				       '?');
	return 0;
}

static void test_lines(void **state)
{
	static struct lines lines;
	static char longest[LINES_MAX + 2];
	struct seen s = { "" };

	(void)state;
	memset(longest, 'x', sizeof(longest));
	lines_begin(&lines, note, &s);
	lines_feed(&lines, "ab\n\nc", 5);
	lines_feed(&lines, "d\n", 2);
	lines_feed(&lines, longest, LINES_MAX);
	lines_feed(&lines, "\n", 1);
	lines_feed(&lines, longest, LINES_MAX + 1);
	lines_feed(&lines, "\ny", 2);
	assert_int_equal(lines_end(&lines), 0);
	assert_string_equal(s.text, "2a. 0-. 2c. 16384x. 16384x+ 1y? ");
	s.text[0] = '\0';
	longest[LINES_MAX + 1] = '\n';
	lines_feed(&lines, longest, LINES_MAX + 2);
	lines_end(&lines);
	assert_string_equal(s.text, "16384x+ ");
}

/* ---- one line ---- */

#define PREV "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\""

static const char *parse(const char *text, struct audit_line *line)
{
	const char *why;

	return audit_line_parse(text, strlen(text), line, &why) < 0 ? why : "";
}

static void test_line(void **state)
{
	struct audit_line line;

	(void)state;
	assert_string_equal(parse("{\"seq\":7,\"time\":\"2026-11-21T03:04:05.25+01:00\","
				  "\"event\":\"record-stop\"," PREV ",\"file\":\"\xe2\x82\xac\","
				  "\"size\":5}",
				&line),
	    "");
	assert_int_equal(line.seq, 7);
	assert_int_equal(line.event, AUDIT_RECORD_STOP);
	assert_int_equal(line.time_ms, 1795226645250);
	assert_true(line.has_size && !line.has_sha256);
	assert_string_equal(line.file, "\xe2\x82\xac");
}

static void test_line_damage(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"7",
		"{\"seq\":0,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV "}",
		"{\"seq\":1.0,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV "}",
		"{\"seq\":9007199254740993,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV
		"}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05\",\"event\":\"x\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\",\"prev\":\"00\"}",
		"{\"seq\":1,\"seq\":2,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV "} x",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\\u0000\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"\xff\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"battery\"," PREV "}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"battery\",\"percent\":101," PREV
		"}",
		"{\"seq\":1,\"time\":\"2026-11-21T03:04:05Z\",\"event\":\"x\"," PREV
		",\"a\":[[[[[[[[0]]]]]]]]}",
	};
	struct audit_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_not_equal(parse(bad[i], &line), "");
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: no time */
	} times[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-21T03:04:05Z", 1795230245000 },
		{ "2026-11-21T03:04:05.1239999Z", 1795230245123 },
		{ "2024-02-29T23:59:60Z", 1709251200000 },
		{ "2000-03-01T00:00:00-00:30", 951870600000 },
		{ "9999-12-31T23:59:59Z", 253402300799000 },
		{ "1970-01-01T00:00:00+00:01", -1 },
		{ "2026-02-29T00:00:00Z", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-00-01T00:00:00Z", -1 },
		{ "2026-01-00T00:00:00Z", -1 },
		{ "2026-01-01T24:00:00Z", -1 },
		{ "2026-01-01 00:00:00Z", -1 },
		{ "2026-01-01T00:00:00", -1 },
		{ "2026-01-01T00:00:00.Z", -1 },
		{ "2026-01-01T00:00:00+0100", -1 },
		{ "2026-01-01T00:00:00Zz", -1 },
		{ "2026-1-1T00:00:00Z", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ms = -1;

		if (!audit_time(times[i].text, &ms))
			ms = -1;
		assert_int_equal(ms, times[i].ms);
	}
}

/* ---- bounds ---- */

static void test_sums_do_not_overflow(void **state)
{
	int64_t sum = INT64_MAX - 5;

	(void)state;
	activation_add(&sum, 3);
	assert_int_equal(sum, INT64_MAX - 2);
	activation_add(&sum, 3);
	assert_int_equal(sum, INT64_MAX);
}

static void test_findings_are_bounded(void **state)
{
	static struct findings f;
	char text[600];

	(void)state;
	memset(&f, 0, sizeof(f));
	/* A character that does not fit is left out whole. */
	memset(text, 'a', sizeof(text));
	memcpy(text + sizeof(f.finding[0].text) - 3, "\xe2\x82\xac", 4);
	finding_add(&f, FINDING_NO_LOG, 0, 0, "%s", text);
	assert_int_equal(strlen(f.finding[0].text), sizeof(f.finding[0].text) - 3);
	for (unsigned i = 0; i < 100000; i++)
		finding_add(&f, (enum finding_code)(i % FINDING_CODES), i, 0, "x");
	assert_int_equal(f.total, 100001);
	assert_int_equal(f.kept, FINDING_CODES * FINDING_KEPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_line_damage),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_sums_do_not_overflow),
		cmocka_unit_test(test_findings_are_bounded),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
