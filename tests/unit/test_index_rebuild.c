/*
 * An index that has followed the ledger from day to day, and one that is made from the ledger at
 * once: the same, row for row, in all that uploads are about.
 */
#include "../../dockd/index_asset.h"
#include "../../dockd/index_assignment.h"
#include "../../dockd/index_binding.h"
#include "../../dockd/index_expedite.h"
#include "../../dockd/index_inner.h"
#include "../../dockd/index_policy.h"

#include "../../dockd/base/proto_object.h"
#include "folder.h"
#include "write.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T 1790000000 /* of recording */
#define RECORDS 256
#define DUMP (256u << 10)

static char dir[128];
static struct index *ix;
static uint64_t seq;
static char *told[RECORDS]; /* all records, as lines */

static struct index *open_index(const char *name)
{
	struct index *one;
	char path[256];

	folder_path(path, dir, name);
	assert_int_equal(index_open(path, &one), 0);
	return one;
}

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	seq = 0;
	ix = open_index("live.sqlite");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	index_close(ix);
	while (seq > 0)
		free(told[--seq]);
	folder_drop(dir);
	return 0;
}

static void put(void)
{
	static char line[RECORD_LINE_MAX];
	char when[40];

	snprintf(when, sizeof(when), "2026-11-21T%02u:%02u:%02u.000Z", (unsigned)(seq / 3600 % 24),
	    (unsigned)(seq / 60 % 60), (unsigned)(seq % 60));
	record_text(&rec, "time", when);
	assert_true(seq < RECORDS);
	assert_true(record_format(&rec, line, sizeof(line)) > 0);
	line[strcspn(line, "\n")] = '\0';
	told[seq++] = strdup(line);
	if (index_apply(ix, seq, &rec) < 0)
		fail_msg("%s", record_type(&rec));
}

/* As the core does at a start and at a reload: the index is told, and it is put on record. */
static void policy(bool any, const char *names)
{
	struct index_route routes[4];
	char text[80], *rest = text, *name;
	size_t n = 0;

	snprintf(text, sizeof(text), "%s", names);
	while ((name = strsep(&rest, " ")))
		routes[n++] = (struct index_route){ name,
			strcmp(name, "logs") == 0 ? 1u << KIND_LOG :
						    1u << KIND_CLIP | 1u << KIND_LOG,
			3 * 86400 };
	assert_int_equal(index_set_routes(ix, routes, n, any), 0);
	record_begin(&rec, "policy");
	record_text(&rec, "need", any ? "any" : "all");
	record_text(&rec, "destinations", names);
	record_text(
	    &rec, "takes", strstr(names, "logs") ? "clip,log clip,log log" : "clip,log clip,log");
	put();
}

/* Keys and values in turn, then NULL; digits alone go as a number. */
static void put_pairs(
    const char *type, uint64_t asset, const char *destination, const char *const *pair)
{
	begin(type, asset);
	if (destination)
		record_text(&rec, "destination", destination);
	for (; *pair; pair += 2) {
		if (pair[1][0] && pair[1][strspn(pair[1], "0123456789")] == '\0')
			record_number(&rec, pair[0], strtoll(pair[1], NULL, 10));
		else
			record_text(&rec, pair[0], pair[1]);
	}
	put();
}
#define put_words(type, asset, destination, ...)                                                   \
	put_pairs(type, asset, destination, (const char *const[]){ __VA_ARGS__, NULL })

static void put_clip(uint64_t asset, uint64_t docking, const char *camera, enum object_kind kind)
{
	char name[24];

	snprintf(name, sizeof(name), "%s-%u", camera, (unsigned)asset);
	put_whole(asset, docking, camera, kind, name, 100, T + (int64_t)asset, name);
}

/* ---- two indexes side by side ---- */

static const char *const tables[] = {
	"SELECT * FROM asset ORDER BY number",
	"SELECT * FROM upload ORDER BY asset, destination",
	"SELECT * FROM assignment ORDER BY camera",
	"SELECT * FROM bound ORDER BY destination",
	"SELECT * FROM expedite ORDER BY seq",
	"SELECT * FROM failing ORDER BY destination",
	"SELECT * FROM required ORDER BY name",
	"SELECT * FROM preservation ORDER BY number",
	"SELECT * FROM disposal ORDER BY asset, place",
	"SELECT * FROM shipped ORDER BY destination",
	"SELECT d.name, q.* FROM queue AS q JOIN destination AS d ON d.number = q.destination"
	" ORDER BY d.name, q.asset",
	"SELECT name, count, bytes, kinds, deliver FROM destination ORDER BY name",
	"SELECT * FROM state",
};

static void dump(struct index *one, char *out)
{
	size_t used = 0;

	assert_int_equal(index_commit(one), 0);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		sqlite3_stmt *st;

		used += (size_t)snprintf(out + used, DUMP - used, "%s\n", tables[i]);
		assert_int_equal(sqlite3_prepare_v2(one->db, tables[i], -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			for (int c = 0; c < sqlite3_column_count(st); c++) {
				/* the numbers of queues are given as they are made */
				if (strcmp(sqlite3_column_name(st, c), "destination") == 0 &&
				    sqlite3_column_type(st, c) == SQLITE_INTEGER)
					continue;
				used += (size_t)snprintf(out + used, DUMP - used, " %s=%s",
				    sqlite3_column_name(st, c), sqlite3_column_text(st, c));
			}
			used += (size_t)snprintf(out + used, DUMP - used, "\n");
			assert_true(used < DUMP);
		}
		sqlite3_finalize(st);
	}
}

static void apply(struct index *one, uint64_t number)
{
	static struct record r;

	assert_int_equal(record_parse(told[number - 1], strlen(told[number - 1]), &r), 0);
	assert_int_equal(index_apply(one, number, &r), 0);
}

static void same_when_rebuilt(bool any, const char *names)
{
	static char live[DUMP], made[DUMP];
	static unsigned n;
	struct index *other, *was = ix;
	char name[40];

	snprintf(name, sizeof(name), "made-%u.sqlite", ++n);
	other = open_index(name);
	for (uint64_t i = 1; i <= seq; i++)
		apply(other, i);
	ix = other;
	policy(any, names);
	ix = was;
	apply(ix, seq);
	dump(ix, live);
	dump(other, made);
	assert_string_equal(made, live);
	index_close(other);
}

/* ---- what has been ---- */

/* One that was expedited, arrived, and was lost again: it is not in front of all any more. */
static void what_was_expedited(void **state)
{
	(void)state;
	policy(false, "one two");
	put_docked(1, "1", "A");
	put_docked(2, "2", "B");
	put_clip(1, 1, "A", KIND_CLIP);
	put_clip(2, 2, "B", KIND_CLIP);
	put_clip(3, 2, "B", KIND_LOG);
	put_words("expedited", 1, NULL, "camera", "A", "docking", "1", "reason", "x", "uid", "7");
	put_words("expedited", 0, NULL, "camera", "B", "docking", "2", "reason", "x", "uid", "7");
	same_when_rebuilt(false, "one two");
	assert_int_equal(index_expedites(ix), 2);
	put_at("receipted", 1, "one");
	put_at("receipted", 1, "two");
	assert_int_equal(index_expedites(ix), 1);
	put_words("lost", 1, "one", "text", "gone");
	same_when_rebuilt(false, "one two");
	assert_false(index_is_expedited(ix, 1));
	/* with another policy one is enough */
	put_at("receipted", 2, "one");
	put_at("receipted", 3, "one");
	put_words("undocked", 0, NULL, "docking", "2", "reason", "left", "held", "1");
	assert_int_equal(index_expedites(ix), 1);
	policy(true, "one two");
	assert_int_equal(index_expedites(ix), 0);
	policy(false, "one two");
	same_when_rebuilt(false, "one two");
	assert_int_equal(index_expedites(ix), 0);
}

static void all_that_uploads_write(void **state)
{
	struct failing f;
	struct upload u;

	(void)state;
	policy(false, "one two logs");
	put_docked(1, "1", "A");
	for (uint64_t i = 1; i <= 6; i++)
		put_clip(i, 1, "A", i == 6 ? KIND_LOG : KIND_CLIP);
	put_words("bound", 0, "one", "identity", "dir a");
	put_words("created", 1, "one", "address", "x/1", "found", "1", "expires", "1790100000");
	put_words("created", 1, "one", "address", "x/1", "expires", "1790200000");
	put_words("created", 2, "two", "address", "y/2");
	put_words("created", 2, "one", "address", "x/2");
	put_words("receipted", 2, "one", "level", "stored-digest", "length", "100", "sha256", "ab",
	    "object", "o", "version", "v", "lock", "governance", "retain-until", "1800000000",
	    "held", "1");
	put_words("receipted", 3, "one", "level", "readback", "length", "100", "sha256", "ab");
	put_words("held", 3, "one", "on", "1");
	put_words("confirmed", 3, "one", "level", "readback", "lock", "compliance", "retain-until",
	    "1900000000", "held", "0");
	put_pairs("release-intent", 2, "one", (const char *const[]){ NULL });
	put_words("refused", 4, "two", "text", "no");
	put_words("receipt-refused", 5, "one", "result", "unknown-key", "text", "no");
	put_words("preserve", 0, NULL, "order", "1", "scope", "camera", "value", "A", "reason", "r",
	    "uid", "0");
	put_words("expedited", 4, NULL, "camera", "A", "docking", "1", "reason", "x", "uid", "7");
	assert_int_equal(index_upload(ix, 2, "one", &u), 0);
	assert_true(u.held && u.releasing);
	same_when_rebuilt(false, "one two logs");
	put_words("another", 0, "one", "identity", "dir b");
	put_words("rebound", 0, "one", "identity", "dir b", "reason", "r", "uid", "0");
	put_words("shipped", 0, "two", "from", "1", "to", "9", "object", "l");
	assert_int_equal(index_upload(ix, 2, "one", &u), 0);
	assert_false(u.held || u.releasing); /* that was the other one's */
	same_when_rebuilt(false, "one two logs");
	put_merged(5, 4);
	put_words("lift", 0, NULL, "order", "1", "reason", "r", "uid", "0");
	/* one is enough now: what was refused goes elsewhere, what was begun is given up */
	policy(true, "one two");
	put_words("created", 4, "one", "address", "x/4");
	put_words("switched", 4, NULL, "from", "one", "to", "two", "text", "t");
	same_when_rebuilt(true, "one two");
	put_words("receipted", 4, "two", "level", "readback", "length", "100", "sha256", "ab");
	put_words("abandoned", 4, "one", "result", "done");
	put_words("retired", 2, NULL, "reason", "confirmed");
	put_pairs("marked", 3, NULL, (const char *const[]){ NULL });
	put_words("dispose-intent", 3, NULL, "where", "station one", "by", "age");
	put_words("disposed", 3, NULL, "where", "one", "result", "done");
	same_when_rebuilt(true, "one two");
	put_words("failing", 0, "one", "for", "7200", "at", "9000", "boot", "b");
	put_words("failing", 0, "two", "for", "300", "at", "9000", "boot", "b");
	same_when_rebuilt(true, "one two");
	put_pairs("working", 0, "two", (const char *const[]){ NULL });
	assert_int_equal(index_failing(ix, "one", &f), 0);
	assert_int_equal(f.seconds, 7200);
	assert_int_equal(index_failing(ix, "two", &f), -ENOENT);
	/* and as one destination alone has it */
	policy(false, "two");
	same_when_rebuilt(false, "two");
	assert_int_equal(index_failing(ix, "one", &f), -ENOENT);
}

static void whose_a_camera_is(void **state)
{
	struct assignment to;
	struct asset a;

	(void)state;
	policy(false, "one");
	put_docked(1, "1", "A");
	begin("found", 1);
	record_number(&rec, "docking", 1);
	record_text(&rec, "camera", "A");
	record_text(&rec, "profile", "p");
	record_text(&rec, "kind", "clip");
	record_text(&rec, "path", "a.mp4");
	record_number(&rec, "size", 100);
	record_text(&rec, "officer", "000217");
	record_text(&rec, "unit", "U-9");
	record_number(&rec, "cut", 1);
	record_number(&rec, "told", 300);
	record_number(&rec, "unfinished", 1);
	put();
	put_words("assigned", 0, NULL, "camera", "A", "officer", "O-3", "unit", "", "reason", "new",
	    "uid", "7");
	put_words("assigned", 0, NULL, "camera", "A", "officer", "O-4", "unit", "U-1", "reason",
	    "x", "uid", "7");
	assert_int_equal(index_asset(ix, 1, &a), 0);
	assert_string_equal(a.officer, "000217");
	assert_string_equal(a.unit, "U-9");
	assert_int_equal(a.damage, OBJECT_CUT | OBJECT_UNFINISHED);
	assert_int_equal(a.told_bytes, 300);
	assert_int_equal(index_assignment(ix, "A", &to), 0);
	assert_string_equal(to.officer, "O-4");
	assert_string_equal(to.unit, "U-1");
	assert_int_equal(index_assignment(ix, "B", &to), -ENOENT);
	same_when_rebuilt(false, "one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whose_a_camera_is, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_expedited, setup, teardown),
		cmocka_unit_test_setup_teardown(all_that_uploads_write, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
