/*
 * fresh_index: an index in a folder of its own, and what write.h writes applied to it. For unit
 * tests; the includer's put() says by apply_at or apply_next when each record was written.
 */
#ifndef TEST_FRESH_INDEX_H
#define TEST_FRESH_INDEX_H

#include "folder.h"
#include "write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define APPLY_FROM_S INT64_C(1795219200) /* 2026-11-21T00:00:00Z */
#define APPLY_DAY_S 86400

static char dir[128];
static struct index *ix;
static uint64_t seq; /* of the record that was applied last */

static inline void open_index(void)
{
	char path[256];

	folder_path(path, dir, "index.sqlite");
	assert_int_equal(index_open(path, &ix), 0);
}

static inline int setup_index(void **state)
{
	(void)state;
	folder_make(dir);
	seq = 0;
	open_index();
	return 0;
}

static inline int teardown_index(void **state)
{
	(void)state;
	index_close(ix);
	folder_drop(dir);
	return 0;
}

/* Closed and opened again, as by a restart. */
static inline void reopen_index(void)
{
	assert_int_equal(index_commit(ix), 0);
	index_close(ix);
	open_index();
}

/* The record that has been begun, written at this time. */
static inline void apply_at(int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	char text[64];
	int rc;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&t, &tm));
	record_text(&rec, "time", text);
	rc = index_apply(ix, ++seq, &rec);
	if (rc < 0)
		fail_msg("%s: %d", record_type(&rec), rc);
}

/* The same; each a second after the one before, all of one day. */
static inline void apply_next(void)
{
	apply_at(APPLY_FROM_S + (int64_t)((seq + 1) % APPLY_DAY_S));
}

#endif
