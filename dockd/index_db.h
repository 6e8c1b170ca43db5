/*
 * index_db: the connection of the index and its statements; the one place that includes sqlite3.h.
 *
 * Included by index*.c only.
 */
#ifndef DOCKD_INDEX_DB_H
#define DOCKD_INDEX_DB_H

#include "index_statement.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct index;

/* SQLite's word as -errno: -EUCLEAN corrupt, -ENOSPC, -ENOMEM, else -EIO. */
int db_error(int rc);

/*
 * A statement, ready with its values: i = int64_t, t = const char *. 0 or -errno.
 */
int db_query(
    struct index *ix, enum statement q, const char *sql, sqlite3_stmt **st, const char *types, ...);
/* The next row: 1, or 0 at the end, or -errno; after 0 and -errno the statement is at rest. */
int db_step(sqlite3_stmt *st);
/* The first column of all rows of a statement that db_query gave with rc. Count or -errno. */
int db_numbers(sqlite3_stmt *st, int rc, uint64_t *numbers);
/* The same of its first row alone. 0, -ENOENT (it has none, *out stays as it was) or -errno. */
int db_value(sqlite3_stmt *st, int rc, int64_t *out);
/* Whether it has a row: 1, 0 or -errno. */
int db_any(sqlite3_stmt *st, int rc);
/* A statement that gives no rows, or whose rows do not matter. 0 or -errno. */
int db_run(struct index *ix, enum statement q, const char *sql, const char *types, ...);
int db_exec(struct index *ix, const char *sql);
void db_text(sqlite3_stmt *st, int column, char *out, size_t room);

static inline uint64_t db_u64(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

static inline int db_number(sqlite3_stmt *st, int rc, uint64_t *out)
{
	return db_value(st, rc, (int64_t *)out);
}

#endif
