/*
 * record: builds, writes and reads one ledger line; pure.
 *
 * Fields are kept sorted by key from the start, so that format is one walk and parse can insist on
 * the order. Called by everything that writes the ledger or reads it back. It must never accept a
 * line that record_format would have written otherwise: two spellings of one record would break
 * every digest taken over the ledger.
 */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static bool key_is_good(const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < 64 && key[n] == '\0';
}

/* Bytes that stand for themselves inside a string. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A new field at its place in the order, or NULL (and overflow). */
static struct record_field *add(struct record *r, const char *key)
{
	size_t at = r->fields;

	if (r->overflow || r->fields == RECORD_FIELDS || !key_is_good(key)) {
		r->overflow = true;
		return NULL;
	}
	while (at > 0 && strcmp(r->field[at - 1].key, key) >= 0)
		at--;
	if (at < r->fields && strcmp(r->field[at].key, key) == 0) {
		r->overflow = true;
		return NULL;
	}
	memmove(&r->field[at + 1], &r->field[at], (r->fields - at) * sizeof(r->field[0]));
	r->fields++;
	r->field[at] = (struct record_field){ .key = key };
	return &r->field[at];
}

/* Room for size bytes in the store, or NULL (and overflow). */
static char *take(struct record *r, size_t size)
{
	char *p;

	if (size > sizeof(r->store) - r->used) {
		r->overflow = true;
		return NULL;
	}
	p = r->store + r->used;
	r->used += size;
	return p;
}

void record_begin(struct record *r, const char *type)
{
	r->fields = 0;
	r->used = 0;
	r->overflow = false;
	record_text(r, "type", type);
}

void record_text(struct record *r, const char *key, const char *text)
{
	size_t size = strnlen(text, RECORD_TEXT_MAX) + 1;
	struct record_field *f;
	char *copy;

	if (size > RECORD_TEXT_MAX) {
		r->overflow = true;
		return;
	}
	copy = take(r, size);
	f = copy ? add(r, key) : NULL;
	if (!f)
		return;
	memcpy(copy, text, size);
	f->is_text = true;
	f->text = copy;
}

void record_number(struct record *r, const char *key, int64_t number)
{
	struct record_field *f = add(r, key);

	if (f)
		f->number = number;
}

void record_hex(struct record *r, const char *key, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;
	struct record_field *f;
	char *copy;

	if (size > (RECORD_TEXT_MAX - 1) / 2) {
		r->overflow = true;
		return;
	}
	copy = take(r, 2 * size + 1);
	f = copy ? add(r, key) : NULL;
	if (!f)
		return;
	for (size_t i = 0; i < size; i++) {
		copy[2 * i] = digits[from[i] >> 4];
		copy[2 * i + 1] = digits[from[i] & 15];
	}
	copy[2 * size] = '\0';
	f->is_text = true;
	f->text = copy;
}

static const struct record_field *find(const struct record *r, const char *key)
{
	for (size_t i = 0; i < r->fields; i++) {
		if (strcmp(r->field[i].key, key) == 0)
			return &r->field[i];
	}
	return NULL;
}

const char *record_get_text(const struct record *r, const char *key)
{
	const struct record_field *f = find(r, key);

	return f && f->is_text ? f->text : NULL;
}

int64_t record_get_number(const struct record *r, const char *key, int64_t fallback)
{
	const struct record_field *f = find(r, key);

	return f && !f->is_text ? f->number : fallback;
}

bool record_has(const struct record *r, const char *key)
{
	return find(r, key) != NULL;
}

const char *record_type(const struct record *r)
{
	const char *type = record_get_text(r, "type");

	return type ? type : "";
}

struct line {
	char *at, *end; /* end: one past the last usable byte */
	bool full;
};

static void put(struct line *l, const char *bytes, size_t n)
{
	if (l->full || n > (size_t)(l->end - l->at)) {
		l->full = true;
		return;
	}
	memcpy(l->at, bytes, n);
	l->at += n;
}

static void put_string(struct line *l, const char *text)
{
	put(l, "\"", 1);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		char escape[6] = { '\\', 'u', '0', '0', digits[*p >> 4], digits[*p & 15] };

		if (is_plain(*p)) {
			put(l, (const char *)p, 1);
		} else if (*p == '"' || *p == '\\') {
			escape[1] = (char)*p;
			put(l, escape, 2);
		} else {
			put(l, escape, sizeof(escape));
		}
	}
	put(l, "\"", 1);
}

static void put_number(struct line *l, int64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRId64, number);

	put(l, text, (size_t)n);
}

int record_format(const struct record *r, char *out, size_t room)
{
	struct line l = { out, out + (room < RECORD_LINE_MAX ? room : RECORD_LINE_MAX), false };

	if (r->overflow)
		return -EOVERFLOW;
	for (size_t i = 0; i < r->fields; i++) {
		put(&l, i ? "," : "{", 1);
		put_string(&l, r->field[i].key);
		put(&l, ":", 1);
		if (r->field[i].is_text)
			put_string(&l, r->field[i].text);
		else
			put_number(&l, r->field[i].number);
	}
	put(&l, "}\n", 2);
	return l.full ? -ENOSPC : (int)(l.at - out);
}

/* ---- reading ---- */

struct reader {
	const unsigned char *at, *end;
	bool bad;
};

static void expect(struct reader *in, unsigned char c)
{
	if (in->bad || in->at == in->end || *in->at != c)
		in->bad = true;
	else
		in->at++;
}

static unsigned hex_digit(struct reader *in)
{
	const char *d;

	if (in->bad || in->at == in->end || *in->at == '\0' || !(d = strchr(digits, *in->at))) {
		in->bad = true;
		return 0;
	}
	in->at++;
	return (unsigned)(d - digits);
}

/* One byte of a string after its backslash; only the spelling that put_string chooses. */
static unsigned char escaped(struct reader *in)
{
	unsigned c;

	if (in->at != in->end && (*in->at == '"' || *in->at == '\\'))
		return *in->at++;
	expect(in, 'u');
	expect(in, '0');
	expect(in, '0');
	c = hex_digit(in) << 4;
	c |= hex_digit(in);
	if (c == 0 || is_plain((unsigned char)c) || c == '"' || c == '\\')
		in->bad = true;
	return (unsigned char)c;
}

/* A quoted string into the record's store; NULL and bad otherwise. */
static const char *string(struct reader *in, struct record *r)
{
	char *text = r->store + r->used;
	size_t n = 0;

	expect(in, '"');
	while (!in->bad && in->at != in->end && *in->at != '"') {
		unsigned char c = *in->at++;

		if (c == '\\')
			c = escaped(in);
		else if (!is_plain(c))
			in->bad = true;
		if (n + 1 >= RECORD_TEXT_MAX || r->used + n + 1 >= sizeof(r->store)) {
			in->bad = true;
			break;
		}
		text[n++] = (char)c;
	}
	expect(in, '"');
	if (in->bad)
		return NULL;
	text[n] = '\0';
	r->used += n + 1;
	return text;
}

/* A decimal integer without a superfluous zero or sign. */
static int64_t number(struct reader *in)
{
	bool minus = in->at != in->end && *in->at == '-';
	uint64_t limit = minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, v = 0;
	const unsigned char *first;

	if (minus)
		in->at++;
	first = in->at;
	while (!in->bad && in->at != in->end && *in->at >= '0' && *in->at <= '9') {
		unsigned d = *in->at++ - '0';

		if (v > (limit - d) / 10)
			in->bad = true;
		else
			v = v * 10 + d;
	}
	if (in->at == first || (*first == '0' && (in->at - first > 1 || minus)))
		in->bad = true;
	if (!minus)
		return (int64_t)v;
	return v == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)v;
}

int record_parse(const char *line, size_t len, struct record *r)
{
	struct reader in = { (const unsigned char *)line, (const unsigned char *)line + len,
		false };
	const char *before = "";

	r->fields = 0;
	r->used = 0;
	r->overflow = false;
	if (len >= RECORD_LINE_MAX)
		return -EBADMSG;
	do {
		struct record_field f = { .key = NULL };

		expect(&in, r->fields ? ',' : '{');
		f.key = string(&in, r);
		expect(&in, ':');
		if (in.bad || !key_is_good(f.key) || strcmp(before, f.key) >= 0 ||
		    r->fields == RECORD_FIELDS)
			return -EBADMSG;
		f.is_text = in.at != in.end && *in.at == '"';
		if (f.is_text)
			f.text = string(&in, r);
		else
			f.number = number(&in);
		before = f.key;
		r->field[r->fields++] = f;
	} while (!in.bad && in.at != in.end && *in.at == ',');
	expect(&in, '}');
	if (in.bad || in.at != in.end || !record_get_text(r, "type"))
		return -EBADMSG;
	return 0;
}
