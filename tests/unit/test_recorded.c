/*
 * recorded and brief: by which measurement a recording is dated, and when that proves its time.
 */
#include "../../dockd/brief.h"
#include "../../dockd/index_asset.h"
#include "../../dockd/recorded.h"

#include "fresh_index.h"

#include <unistd.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

static int64_t now_s;
static struct zone utc;

static void put(void)
{
	apply_at(now_s);
}

/* A camera whose clock is so far ahead is docked, and measured by a clock that knows or not. */
static void docked(uint64_t docking, int64_t offset_s, int synchronised)
{
	begin("docked", 0);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "bay", "1");
	record_text(&rec, "port", "1-2");
	record_text(&rec, "serial", "A");
	record_text(&rec, "profile", "p");
	put();
	begin("camera", 0);
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "camera", "A");
	if (offset_s != PROTO_NO_TIME) {
		record_number(&rec, "clock-offset-ms", offset_s * 1000);
		record_number(&rec, "clock-synchronised", synchronised);
	}
	put();
}

static int setup(void **state)
{
	setup_index(state);
	now_s = INT64_C(1795262400);
	assert_int_equal(zone_read("UTC0", &utc), 0);
	return 0;
}

static uint64_t by(uint64_t asset)
{
	static struct asset a;
	struct docking d;

	assert_int_equal(index_asset(ix, asset, &a), 0);
	assert_int_equal(recorded_docking(ix, &a, &utc, &d), 0);
	return d.number;
}

/* Found in one docking, its clock set there, pulled in the next: the clock as it was found counts. */
static void found_then_set(void **state)
{
	(void)state;
	docked(1, HOUR, 1);
	put_found(1, 1, "A", KIND_CLIP, "a.mp4", 10, now_s + HOUR - 60);
	begin("clock", 0);
	record_number(&rec, "docking", 1);
	record_number(&rec, "offset-ms", HOUR * 1000);
	record_number(&rec, "set-to", now_s);
	put();
	now_s += DAY;
	docked(2, 0, 1);
	put_pulled(1, 2, "done", 10);
	put_found(2, 2, "A", KIND_CLIP, "b.mp4", 10, now_s - 60);
	put_pulled(2, 2, "done", 10);
	assert_int_equal(by(1), 1);
	assert_int_equal(by(2), 2);
}

/* Not measured when it was found: no later measurement covers it. */
static void not_measured(void **state)
{
	(void)state;
	docked(1, PROTO_NO_TIME, 0);
	put_found(1, 1, "A", KIND_CLIP, "a.mp4", 10, now_s - 60);
	put_found(2, 1, "A", KIND_CLIP, "b.mp4", 10, PROTO_NO_TIME);
	now_s += DAY;
	docked(2, 0, 1);
	put_pulled(1, 2, "done", 10);
	put_pulled(2, 2, "done", 10);
	assert_int_equal(by(1), 1);
	assert_int_equal(by(2), 1);
}

/* It grew after it was found: the clock of then dates it. */
static void written_since(void **state)
{
	(void)state;
	docked(1, HOUR, 1);
	put_found(1, 1, "A", KIND_LOG, "a.log", 10, now_s + HOUR - 60);
	now_s += DAY;
	docked(2, 0, 1);
	begin("resized", 1);
	record_number(&rec, "size", 20);
	record_number(&rec, "mtime", now_s - 60);
	put();
	put_pulled(1, 2, "done", 20);
	assert_int_equal(by(1), 2);
}

/* The fact of this name in what dockd-verify is told of a signature; -1: it is not there. */
static int64_t fact(const struct docking *clock, int64_t mtime_s, const char *key)
{
	static struct profile p;
	static struct asset a;
	static char text[RECORD_LINE_MAX];
	static struct record r;
	struct brief_signing s = { .profile = &p, .asset = &a, .clock = clock };
	ssize_t n;
	int fd;

	p.clock_zone = utc;
	a.mtime_s = mtime_s;
	fd = brief_signing(&s);
	assert_true(fd >= 0);
	n = pread(fd, text, sizeof(text), 0);
	close(fd);
	assert_true(n > 0);
	assert_int_equal(
	    record_parse(text, (size_t)((char *)memchr(text, '\n', (size_t)n) - text), &r), 0);
	return record_get_number(&r, key, -1);
}

static void clock_proves(void **state)
{
	struct docking d = { .began_s = now_s, .offset_ms = 5000, .synchronised = true };

	(void)state;
	assert_int_equal(fact(&d, now_s - 60, "clock-proved"), 1);
	assert_int_equal(fact(&d, now_s - 60, "recorded"), now_s - 65);
	d.synchronised = false;
	assert_int_equal(fact(&d, now_s - 60, "clock-proved"), 0);
	assert_int_equal(fact(&d, now_s - 60, "recorded"), now_s - 65);
	d.synchronised = true;
	assert_int_equal(fact(&d, 100, "clock-proved"), 0);
	assert_int_equal(fact(&d, 100, "recorded"), -1);
	d.offset_ms = PROTO_NO_TIME;
	assert_int_equal(fact(&d, now_s - 60, "clock-proved"), 0);
	assert_int_equal(fact(NULL, now_s - 60, "clock-proved"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown_index)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(found_then_set),
		TEST(not_measured),
		TEST(written_since),
		TEST(clock_proves),
	};

	return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
