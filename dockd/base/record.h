/*
 * record: one ledger record, a flat JSON object of our own making; pure.
 *
 * Built by the files that decide (bay, intake, uplink, control), numbered by ledger, applied by
 * index. Canonical bytes: keys sorted, no spaces, integers in decimal, strings in ASCII with every
 * other byte of their UTF-8 written as \u00XX (a byte each: what came in comes out). It reads only
 * what it writes: anything else is an error, never a guess.
 */
#ifndef DOCKD_RECORD_H
#define DOCKD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS 24
#define RECORD_LINE_MAX 16384 /* bytes of one line, newline included */
#define RECORD_TEXT_MAX 2048  /* bytes of one string value before escaping, NUL included */

struct record_field {
	const char *key; /* static text, [a-z0-9-]+ ; when parsed: into store */
	bool is_text;
	int64_t number;
	const char *text; /* into store */
};

struct record {
	size_t fields;
	struct record_field field[RECORD_FIELDS];
	size_t used;
	bool overflow; /* something did not fit: ledger_append refuses it */
	char store[RECORD_LINE_MAX];
};

/* Starts a record of this type ("docked"). */
void record_begin(struct record *r, const char *type);

/* Adds a field. key is static; text is copied, NUL-terminated. */
void record_text(struct record *r, const char *key, const char *text);
void record_number(struct record *r, const char *key, int64_t number);
/* size bytes as lower-case hex text */
void record_hex(struct record *r, const char *key, const void *bytes, size_t size);

/* The value, or NULL / fallback where the record has no such field of that kind. */
const char *record_get_text(const struct record *r, const char *key);
int64_t record_get_number(const struct record *r, const char *key, int64_t fallback);
bool record_has(const struct record *r, const char *key);
const char *record_type(const struct record *r);

/*
 * Canonical line with its newline into out. Returns its length, or -EOVERFLOW / -ENOSPC (room).
 */
int record_format(const struct record *r, char *out, size_t room);

/* The reverse; line without newline. 0, or -EBADMSG for anything that record_format cannot make. */
int record_parse(const char *line, size_t len, struct record *r);

#endif
