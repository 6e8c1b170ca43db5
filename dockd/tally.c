#include "tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tally_row *find(const struct tally *t, unsigned what, const char *a, const char *b)
{
	for (size_t i = 0; i < t->n; i++) {
		struct tally_row *r = &t->row[i];

		if (r->what == what && strcmp(r->b, b) == 0 && strcmp(r->a, a) == 0)
			return r;
	}
	return NULL;
}

static struct tally_row *make(struct tally *t, unsigned what, const char *a, const char *b)
{
	struct tally_row *r;

	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;

		r = realloc(t->row, room * sizeof(*r));
		if (!r)
			return NULL;
		t->row = r;
		t->room = room;
	}
	r = &t->row[t->n++];
	memset(r, 0, sizeof(*r));
	r->what = what;
	snprintf(r->a, sizeof(r->a), "%s", a);
	snprintf(r->b, sizeof(r->b), "%s", b);
	return r;
}

int tally_add(struct tally *t, unsigned what, const char *a, const char *b, uint64_t n)
{
	struct tally_row *r = find(t, what, a, b);

	if (!r && t->n >= TALLY_WORDS) {
		a = a[0] ? "other" : "";
		b = b[0] ? "other" : "";
		r = find(t, what, a, b);
	}
	if (!r)
		r = make(t, what, a, b);
	if (!r)
		return -ENOMEM;
	r->n += n;
	r->changed = true;
	return 0;
}

uint64_t tally_of(const struct tally *t, unsigned what, const char *a, const char *b)
{
	const struct tally_row *r = find(t, what, a, b);

	return r ? r->n : 0;
}

const struct tally_row *tally_next(const struct tally *t, unsigned what, const struct tally_row *at)
{
	for (size_t i = at ? (size_t)(at - t->row) + 1 : 0; i < t->n; i++) {
		if (t->row[i].what == what)
			return &t->row[i];
	}
	return NULL;
}

bool tally_is_word(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < PROTO_CLASS_LEN && !text[n];
}

void tally_free(struct tally *t)
{
	free(t->row);
	memset(t, 0, sizeof(*t));
}
