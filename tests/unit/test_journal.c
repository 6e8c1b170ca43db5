/*
 * journal: what was applied live and what a replay makes are the same; a lost, corrupt, older or
 * newer index is made anew; one dockd a folder, one station a folder; ledger before index.
 */
#include "../../dockd/journal.h"

#include "../../dockd/base/handover.h"
#include "../../dockd/index_asset.h"
#include "../../dockd/index_clock.h"
#include "../../dockd/index_policy.h"
#include "../../dockd/ledger.h"
#include "folder.h"
#include "write.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

static char dir[128];
static struct journal *j;
static char passed[4096];
static int64_t applied_on_disk = -1;

static int64_t ask_number(const char *sql);

void handover(const char *name)
{
	size_t n = strlen(passed);

	snprintf(passed + n, sizeof(passed) - n, "%s ", name);
	if (strcmp(name, "journal-committed") == 0)
		applied_on_disk = ask_number("SELECT applied FROM state");
}

/* Asks the index file through a connection of its own, as another program would. */
static sqlite3 *look(void)
{
	char path[256];
	sqlite3 *db;

	folder_path(path, dir, "index.sqlite");
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static int64_t ask_number(const char *sql)
{
	sqlite3 *db = look();
	sqlite3_stmt *st;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static int row_text(void *arg, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		fprintf(arg, "%s|", values[i] ? values[i] : "NULL");
	fputc('\n', arg);
	return 0;
}

/* Every row of every table, as text; the caller frees. */
static char *dump(void)
{
	static const char *const tables[] = { "state", "required", "docking", "asset", "erase",
		"destination", "upload ORDER BY asset, destination",
		"queue ORDER BY destination, asset" };
	sqlite3 *db = look();
	char *text = NULL, sql[100];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		fprintf(f, "%s:\n", tables[i]);
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[i]);
		assert_int_equal(sqlite3_exec(db, sql, row_text, f, NULL), SQLITE_OK);
	}
	fclose(f);
	sqlite3_close(db);
	return text;
}

/* The first line in which two dumps differ; an assertion on the whole would be cut short. */
static void expect_same(const char *a, const char *b)
{
	while (*a && *b) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (n != m || memcmp(a, b, n) != 0)
			fail_msg("%.*s\nbut was\n%.*s", (int)m, b, (int)n, a);
		a += n + 1;
		b += m + 1;
	}
	assert_true(*a == *b);
}

static void start(void)
{
	const char *why = "";
	int rc = journal_open(dir, "station", &j, &why);

	if (rc < 0)
		fail_msg("journal_open: %d %s", rc, why);
}

static void stop(void)
{
	journal_close(j);
	j = NULL;
}

static int setup(void **state)
{
	(void)state;
	folder_make(dir);
	passed[0] = '\0';
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	folder_drop(dir);
	return 0;
}

/* What was merged into another stands still: that one is sent, erased and retired for it. */
static bool as_it_happens;

static bool is_merged(void)
{
	static struct asset a;

	return index_asset(journal_index(j), (uint64_t)record_get_number(&rec, "asset", 0), &a) ==
	    0 &&
	    a.merged_into;
}

static void put(void)
{
	int rc;

	if (as_it_happens && is_merged())
		return;
	rc = journal_write(j, &rec);

	if (rc < 0)
		fail_msg("%s: %d %s", record_type(&rec), rc, journal_why(j));
}

static uint64_t random_state = 88172645463325252;

static uint64_t below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* A merge, where it is one that may be: not into itself, not in chains. */
static void put_merge(uint64_t asset, uint64_t into)
{
	begin("merged", asset);
	record_number(&rec, "into", (int64_t)into);
	if (index_check(journal_index(j), &rec) == 0)
		put();
}

static void put_random_retry(uint64_t asset, const char *destination)
{
	begin("retry", below(2) ? asset : 0);
	if (below(2))
		record_text(&rec, "bay", below(2) ? "1" : "2");
	else if (below(2))
		record_text(&rec, "destination", destination);
	put();
}

/* What happens at a destination, or by a person. */
static void put_random_switch(uint64_t asset, const char *where)
{
	begin("switched", asset);
	record_text(&rec, "from", where);
	record_text(&rec, "to", strcmp(where, "one") == 0 ? "two" : "one");
	record_text(&rec, "text", "x");
	put();
}

static void put_random_upload(uint64_t asset)
{
	static const char *const types[] = { "upload", "created", "receipted", "receipted",
		"refused", "recreated" };
	static const char *const destinations[] = { "one", "two", "three" };
	const char *where = destinations[below(3)];

	if (below(8) == 0)
		put_random_retry(asset, where);
	else if (below(8) == 0)
		put_random_switch(asset, where);
	else
		put_at(types[below(6)], asset, where);
}

/* One record of any type, about things that are there. */
static void put_random(uint64_t *dockings, uint64_t *assets)
{
	static const char *const results[] = { "done", "gone", "inferred", "changed", "unsure" };
	static const char *const bays[] = { "1", "2" };
	static const char *const cameras[] = { "A", "B" };
	uint64_t asset, docking;
	char path[40], id[8];

	if (*dockings == 0 || below(40) == 0)
		put_docked(++*dockings, bays[below(2)], cameras[below(2)]);
	docking = 1 + below(*dockings);
	snprintf(path, sizeof(path), "DCIM/%u", (unsigned)below(30));
	if (*assets == 0 || below(10) == 0)
		put_found(++*assets, docking, cameras[below(2)], KIND_CLIP + below(4), path,
		    below(1000), below(3) ? 1700000000 + (int64_t)below(1000) : PROTO_NO_TIME);
	asset = 1 + below(*assets);
	snprintf(id, sizeof(id), "%u", (unsigned)below(50));
	switch (below(25)) {
	case 24:
		begin("resized", asset);
		record_number(&rec, "size", (int64_t)below(1000));
		put();
		break;
	case 0:
		put_pull(asset, docking, below(500));
		break;
	case 1:
		put_durable(asset, below(1000));
		break;
	case 2:
		put_pulled(asset, docking, below(2) ? "done" : "stopped", below(1000));
		break;
	case 3:
		put_erase("compared", asset, docking, NULL);
		break;
	case 4:
		put_asset("restarted", asset);
		break;
	case 5:
		put_staged(asset, below(1000));
		break;
	case 6:
		put_asset("unstaged", asset);
		break;
	case 7:
	case 8:
	case 9:
		put_staged(asset, below(1000));
		put_checked(asset, id);
		break;
	case 10:
		put_asset("rechecked", asset);
		break;
	case 11:
		put_merge(asset, 1 + below(*assets));
		break;
	default:
		put_random_upload(asset);
		break;
	case 17:
		put_erase("erase-intent", asset, docking, NULL);
		break;
	case 18:
		put_erase("erased", asset, docking, results[below(5)]);
		break;
	case 19:
		put_asset("gone", asset);
		break;
	case 20:
		put_asset("trouble", asset);
		break;
	case 22:
		begin("undocked", 0);
		record_number(&rec, "docking", (int64_t)docking);
		put();
		break;
	}
}

static void put_many(unsigned n, uint64_t *dockings, uint64_t *assets)
{
	for (unsigned i = 0; i < n; i++) {
		put_random(dockings, assets);
		if (i % 37 == 0)
			assert_int_equal(journal_commit(j), 0);
	}
	assert_int_equal(journal_commit(j), 0);
}

static void set_policy(bool any)
{
	static const char *const names[] = { "one", "two" };

	assert_int_equal(index_set_policy(journal_index(j), names, 2, any), 0);
	assert_int_equal(journal_commit(j), 0);
}

static void remove_index(void)
{
	static const char *const names[] = { "index.sqlite", "index.sqlite-wal",
		"index.sqlite-shm" };
	char path[256];

	for (size_t i = 0; i < 3; i++) {
		folder_path(path, dir, names[i]);
		unlink(path);
	}
}

/* Counters and queues as kept, against what counting gives. */
static void expect_counters_right(void)
{
	assert_int_equal(
	    ask_number("SELECT assets FROM state"), ask_number("SELECT count(*) FROM asset"));
	assert_int_equal(ask_number("SELECT receipted FROM state"),
	    ask_number("SELECT count(*) FROM asset WHERE receipted = 1"));
	assert_int_equal(ask_number("SELECT erased FROM state"),
	    ask_number("SELECT count(*) FROM asset WHERE erased = 1"));
	assert_int_equal(
	    ask_number("SELECT dockings FROM state"), ask_number("SELECT count(*) FROM docking"));
	assert_int_equal(ask_number("SELECT needs_person FROM state"),
	    ask_number("SELECT (SELECT count(*) FROM asset WHERE needs_person = 1) +"
		       " (SELECT count(*) FROM upload JOIN asset ON number = upload.asset"
		       " WHERE refused = 1 AND receipted = 0)"));
	assert_int_equal(ask_number("SELECT unsent_bytes FROM state"),
	    ask_number("SELECT coalesce(sum(size), 0) FROM asset WHERE queued = 1 AND file = 2"));
	assert_int_equal(ask_number("SELECT coalesce(sum(count), 0) FROM destination"),
	    ask_number("SELECT count(*) FROM queue"));
	assert_int_equal(ask_number("SELECT coalesce(sum(bytes), 0) FROM destination"),
	    ask_number("SELECT coalesce(sum(size), 0) FROM queue"));
	assert_int_equal(
	    ask_number("SELECT count(*) FROM (SELECT destination, class, due, promised,"
		       " count, bytes FROM hour EXCEPT SELECT destination, class, due,"
		       " promised / 3600, count(*), sum(size) FROM queue GROUP BY 1, 2,"
		       " 3, 4)"),
	    0);
	assert_int_equal(ask_number("SELECT coalesce(sum(count), 0) FROM hour"),
	    ask_number("SELECT count(*) FROM queue"));
	assert_int_equal(ask_number("SELECT count(*) FROM queue"),
	    ask_number(
		"SELECT count(*) FROM destination AS d JOIN asset AS a WHERE file = 2 AND"
		" rung = 3 AND merged_into = 0 AND NOT EXISTS(SELECT 1 FROM upload AS u WHERE"
		" u.asset = a.number AND u.destination = d.name AND (u.rung = 5 OR u.refused OR"
		" (u.passed AND (SELECT any FROM state))))"
		" AND ((SELECT any FROM state) = 0 OR (receipted = 0 AND (EXISTS(SELECT 1 FROM"
		" upload AS u WHERE u.asset = a.number AND u.destination = d.name) OR NOT EXISTS("
		"SELECT 1 FROM upload AS o JOIN required AS r ON r.name = o.destination WHERE"
		" o.asset = a.number AND o.destination <> d.name AND o.refused = 0"
		" AND o.passed = 0))))"));
}

static void replay_makes_the_same(void **state)
{
	uint64_t dockings = 0, assets = 0;
	char *live, *again;

	(void)state;
	for (int round = 0; round < 6; round++) {
		set_policy(round & 1);
		put_many(400, &dockings, &assets);
		expect_counters_right();
		live = dump();
		stop();
		if (round % 3 != 2)
			remove_index();
		start();
		set_policy(round & 1);
		again = dump();
		expect_same(live, again);
		free(live);
		free(again);
		assert_true(index_new_asset(journal_index(j)) > assets);
		assert_true(index_new_docking(journal_index(j)) > dockings);
	}
	assert_true(journal_records(j) > 2400);
}

/* The other policy, and back, gives what that policy gives from the start. */
static void policy_changes(void **state)
{
	uint64_t dockings = 0, assets = 0;
	char *all, *any, *all_again;

	(void)state;
	set_policy(false);
	put_many(800, &dockings, &assets);
	all = dump();
	set_policy(true);
	any = dump();
	expect_counters_right();
	set_policy(false);
	all_again = dump();
	expect_same(all, all_again);
	assert_string_not_equal(all, any);
	free(all);
	free(any);
	free(all_again);
}

/* Whatever was recorded, the ledger says the same of each asset as the index does. */
static void the_ledger_vouches(void **state)
{
	uint64_t dockings = 0, assets = 0;

	(void)state;
	as_it_happens = true;
	for (int round = 0; round < 4; round++) {
		set_policy(round & 1);
		put_many(300, &dockings, &assets);
		if (round == 2) {
			begin("rebound", 0);
			record_text(&rec, "destination", "one");
			record_text(&rec, "identity", "x");
			record_text(&rec, "reason", "x");
			record_number(&rec, "uid", 0);
			put();
			assert_int_equal(journal_commit(j), 0);
		}
		for (uint64_t n = 1; n <= assets; n++)
			assert_int_equal(journal_vouches(j, n, NULL), 0);
	}
	as_it_happens = false;
	put_asset("gone", 1);
	assert_int_equal(journal_vouches(j, 1, NULL), -EAGAIN);
	assert_int_equal(journal_commit(j), 0);
	assert_int_equal(journal_vouches(j, 1, NULL), 0);
	assert_int_equal(journal_vouches(j, 1, "station"), -EKEYREJECTED);
	assert_false(journal_works(j));
}

/* One asset that has gone all the way, and an order that covers it. */
static void put_one(void)
{
	put_docked(1, "1", "A");
	put_whole(1, 1, "A", KIND_CLIP, "a", 100, 1700000000, "id");
	put_at("upload", 1, "one");
	put_at("created", 1, "one");
	put_at("receipted", 1, "one");
	begin("preserve", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "scope", "asset");
	record_text(&rec, "value", "1");
	record_text(&rec, "reason", "x");
	record_number(&rec, "uid", 0);
	put();
	begin("lift", 0);
	record_number(&rec, "order", 2);
	record_text(&rec, "reason", "x");
	record_number(&rec, "uid", 0);
	put();
	assert_int_equal(journal_commit(j), 0);
}

/* Each changed behind our back: nothing is vouched for, and the next start has made it anew. */
static void a_cell_that_lies(void **state)
{
	static const char *const lies[] = {
		"UPDATE asset SET file = 3",
		"UPDATE asset SET erased = 1",
		"UPDATE asset SET disposed = 1",
		"UPDATE asset SET sha256 = 'ac'",
		"UPDATE asset SET camera = 'B'",
		"UPDATE asset SET path = 'b'",
		"UPDATE asset SET merged_into = 1",
		"UPDATE asset SET size = 101",
		"UPDATE asset SET pulled_docking = 2",
		"UPDATE asset SET signature = 'valid'",
		"UPDATE asset SET dispose_by = 1, class = 'x'",
		"UPDATE asset SET receipted = 1",
		"UPDATE upload SET rung = 4",
		"UPDATE upload SET level = 6",
		"UPDATE upload SET confirmed_at = 1700000000",
		"UPDATE upload SET destination = 'two'",
		"UPDATE upload SET address = 'https://example/2'",
		"DELETE FROM upload",
		"UPDATE preservation SET lifted = 1",
		"UPDATE preservation SET value = '2'",
		"DELETE FROM preservation",
		"INSERT INTO upload SELECT 1, 'two', rung, level, 0, 1, 100, 'ab', '', '', 0, 1, 0, '',"
		" '', 1, 0, 0, 0, 0, -1, 0, -1, 0, 0, 0, 0 FROM upload",
		"UPDATE upload SET rung = 4; UPDATE upload SET doubted = 1",
	};
	static const char *const names[] = { "one", "two" };

	(void)state;
	put_one();
	assert_int_equal(index_set_policy(journal_index(j), names, 2, false), 0);
	assert_int_equal(journal_commit(j), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		sqlite3 *db;

		assert_int_equal(journal_vouches(j, 1, NULL), 0);
		stop();
		db = look();
		if (sqlite3_exec(db, lies[i], NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s: %s", lies[i], sqlite3_errmsg(db));
		sqlite3_close(db);
		start();
		assert_string_equal(journal_rebuilt(j), "");
		if (journal_vouches(j, 1, NULL) != -EKEYREJECTED)
			fail_msg("vouched for: %s", lies[i]);
		assert_false(journal_works(j));
		assert_true(journal_restart_mends(j));
		assert_int_equal(journal_vouches(j, 1, NULL), -EIO);
		stop();
		start();
		assert_string_not_equal(journal_rebuilt(j), "");
		assert_int_equal(index_set_policy(journal_index(j), names, 2, false), 0);
		assert_int_equal(journal_commit(j), 0);
		assert_int_equal(journal_vouches(j, 1, NULL), 0);
		/* once more, and this start has made it itself: refused and told, no start after start */
		if (i == 0) {
			db = look();
			assert_int_equal(sqlite3_exec(db, lies[i], NULL, NULL, NULL), SQLITE_OK);
			sqlite3_close(db);
			assert_int_equal(journal_vouches(j, 1, NULL), -EKEYREJECTED);
			assert_true(journal_works(j));
			assert_string_not_equal(journal_doubt(j), "");
			stop();
			remove_index();
			start();
		}
		stop();
		start();
	}
}

static void ledger_before_index(void **state)
{
	(void)state;
	put_docked(1, "1", "A");
	assert_string_equal(passed, "");
	assert_int_equal(journal_commit(j), 0);
	assert_string_equal(passed, "journal-append journal-committed ");
	assert_int_equal(applied_on_disk, 0);
	assert_int_equal(ask_number("SELECT applied FROM state"), 2);
	assert_int_equal(journal_commit(j), 0);
	assert_string_equal(passed, "journal-append journal-committed ");
	assert_int_equal(journal_records(j), 2);
}

static void uncommitted_is_not_there(void **state)
{
	(void)state;
	put_docked(1, "1", "A");
	assert_int_equal(journal_commit(j), 0);
	put_found(1, 1, "A", KIND_CLIP, "a", 1, PROTO_NO_TIME);
	stop();
	start();
	assert_int_equal(journal_records(j), 2);
	assert_int_equal(index_applied(journal_index(j)), 2);
}

static void one_instance_one_station(void **state)
{
	struct journal *other;
	const char *why = "";

	(void)state;
	assert_int_equal(journal_open(dir, "station", &other, &why), -EBUSY);
	assert_non_null(strstr(why, "another dockd"));
	stop();
	assert_int_equal(journal_open(dir, "elsewhere", &other, &why), -EREMOTE);
	assert_non_null(strstr(why, "\"station\""));
	start();
}

static int count_bad(void)
{
	char path[256], name[40];
	int n = 0;

	for (int i = 1; i < 10; i++) {
		snprintf(name, sizeof(name), "index.sqlite.bad-%d", i);
		folder_path(path, dir, name);
		n += access(path, F_OK) == 0;
	}
	return n;
}

static void damaged_index_is_made_anew(void **state)
{
	static const char junk[8192] = "this is no database";
	uint64_t dockings = 0, assets = 0;
	char *live, *again, path[256];

	(void)state;
	put_many(500, &dockings, &assets);
	live = dump();
	for (int round = 0; round < 4; round++) {
		sqlite3 *db;

		stop();
		if (round == 0) {
			file_put(dir, "index.sqlite", junk, sizeof(junk));
		} else if (round == 1) {
			db = look();
			sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
			sqlite3_close(db);
		} else if (round == 2) {
			db = look();
			sqlite3_exec(
			    db, "UPDATE state SET applied = applied + 1", NULL, NULL, NULL);
			sqlite3_close(db);
		} else {
			folder_path(path, dir, "index.sqlite");
			assert_int_equal(truncate(path, 4096), 0);
		}
		start();
		again = dump();
		expect_same(live, again);
		free(again);
		assert_int_equal(count_bad(), round < 3 ? round + 1 : 3); /* the newest three */
	}
	free(live);
}

/* Found corrupt while it runs: no more writing, and the next start has a whole one. */
static void corrupt_while_running(void **state)
{
	uint64_t dockings = 0, assets = 0;
	char path[256], junk[4096];
	size_t n;
	char *bytes;
	int rc = 0;

	(void)state;
	put_docked(++dockings, "1", "A");
	while (assets < 1500) {
		snprintf(path, sizeof(path), "%0200u", (unsigned)++assets);
		put_found(assets, 1, "A", KIND_CLIP, path, 1, PROTO_NO_TIME);
	}
	assert_int_equal(journal_commit(j), 0);
	stop();
	bytes = file_get(dir, "index.sqlite", &n);
	memset(junk, 0x5a, sizeof(junk));
	assert_true(n > 100 * 4096);
	for (size_t at = 70 * 4096; at + 4096 <= n; at += 4096)
		memcpy(bytes + at, junk, sizeof(junk));
	file_put(dir, "index.sqlite", bytes, n);
	free(bytes);
	start();
	for (uint64_t i = 1; i <= assets && rc == 0; i++) {
		begin("trouble", i);
		record_text(&rec, "text", "x");
		rc = journal_write(j, &rec);
	}
	if (rc == 0)
		rc = journal_commit(j);
	assert_int_equal(rc, -EUCLEAN);
	assert_false(journal_works(j));
	assert_non_null(strstr(journal_why(j), "next start"));
	assert_int_equal(journal_commit(j), -EIO);
	stop();
	start();
	assert_true(journal_works(j));
	folder_path(path, dir, "index.sqlite.bad-1");
	assert_int_equal(access(path, F_OK), 0);
	expect_counters_right();
}

/* A record that could not be applied never reaches the ledger. */
static void bad_records(void **state)
{
	static const char *const types[] = { "found", "staged", "receipted", "docked" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		record_begin(&rec, types[i]);
		record_number(&rec, "asset", 99);
		record_number(&rec, "size", 1);
		record_text(&rec, "boot", "b");
		assert_int_equal(journal_write(j, &rec), -EBADMSG);
		assert_false(journal_works(j));
		assert_int_equal(journal_write(j, &rec), -EIO);
		stop();
		start();
		assert_int_equal(journal_records(j), 0);
	}
	record_begin(&rec, "from-a-later-version");
	record_number(&rec, "asset", 99);
	put();
	assert_int_equal(journal_commit(j), 0);
	assert_int_equal(index_applied(journal_index(j)), 1);
}

static void full_disk(void **state)
{
	struct rlimit was, low;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	put_docked(1, "1", "A");
	assert_int_equal(journal_commit(j), 0);
	getrlimit(RLIMIT_FSIZE, &was);
	low = was;
	low.rlim_cur = 10;
	setrlimit(RLIMIT_FSIZE, &low);
	put_found(1, 1, "A", KIND_CLIP, "a", 1, PROTO_NO_TIME);
	assert_int_equal(journal_commit(j), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_false(journal_works(j));
	assert_true(journal_why(j)[0] != '\0');
	assert_int_equal(journal_write(j, &rec), -EIO);
	stop();
	start();
	assert_int_equal(journal_records(j), 2);
	put_found(1, 1, "A", KIND_CLIP, "a", 1, PROTO_NO_TIME);
	assert_int_equal(journal_commit(j), 0);
}

static void broken_ledger_is_named(void **state)
{
	static const char name[] = "ledger/0000000000000001.jsonl";
	const char *why = "";
	char *bytes;
	size_t n;

	(void)state;
	put_docked(1, "1", "A");
	put_found(1, 1, "A", KIND_CLIP, "a", 1, PROTO_NO_TIME);
	assert_int_equal(journal_commit(j), 0);
	stop();
	remove_index();
	bytes = file_get(dir, name, &n);
	bytes[1] ^= 1;
	file_put(dir, name, bytes, n);
	assert_int_equal(journal_open(dir, "station", &j, &why), -EBADMSG);
	assert_string_equal(why, "ledger/0000000000000001.jsonl line 1 cannot be read");
	bytes[1] ^= 1;
	file_put(dir, name, bytes, n);
	free(bytes);
	start();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void set_clock(const char *path, int64_t by_s)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "0 1 %" PRId64 "\n", by_s);
	assert_int_equal(fclose(f), 0);
}

/* The first record after the clock was set ahead does not pass for one of before. */
static void a_set_clock_comes_before_a_record(void **state)
{
	char path[256];

	(void)state;
	folder_path(path, dir, "clock");
	assert_int_equal(setenv("CLOCK_FILE", path, 1), 0);
	set_clock(path, 0);
	put_docked(1, "1", "A");
	assert_int_equal(index_clock_doubt_s(journal_index(j)), 0);
	set_clock(path, 365 * 86400);
	put_docked(2, "2", "B");
	assert_in_range(index_clock_doubt_s(journal_index(j)), 365 * 86400, 365 * 86400 + 60);
	set_clock(path, 0);
	put_docked(3, "3", "C");
	assert_int_equal(unsetenv("CLOCK_FILE"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replay_makes_the_same),
		TEST(policy_changes),
		TEST(the_ledger_vouches),
		TEST(a_cell_that_lies),
		TEST(ledger_before_index),
		TEST(uncommitted_is_not_there),
		TEST(one_instance_one_station),
		TEST(damaged_index_is_made_anew),
		TEST(corrupt_while_running),
		TEST(bad_records),
		TEST(full_disk),
		TEST(broken_ledger_is_named),
		TEST(a_set_clock_comes_before_a_record),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
