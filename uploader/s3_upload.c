/*
 * s3_upload: what an S3 store has of a file: create and query; see s3.h.
 *
 * What fits into one part goes by one PUT, all else by a multipart upload, whose parts' size stands
 * in its address. The key is the asset's id, so that a camera read at two stations makes one
 * object: what is there, or is under way there, is found before anything is begun. A part of which
 * the store shows another ETag than ours is sent again.
 */
#include "s3.h"

#include "facts.h"

#include "../dockd/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_MS 60000
#define CREATE_MS 60000
#define UPLOAD_PAGES_MAX 64u

static struct s3 *s3_of(const struct transfer *t)
{
	return t->dest->own;
}

static enum act_result no_memory(struct transfer *t)
{
	return transfer_fail(t, UPLOAD_LATER, "no memory");
}

/* ---- parts ---- */

uint64_t s3_part_size(const struct transfer *t, unsigned number)
{
	const struct s3_upload *u = t->own;
	uint64_t before = (uint64_t)(number - 1) * u->a.part_bytes;

	return number < u->parts_n ? u->a.part_bytes : t->upload.size_bytes - before;
}

static unsigned parts_of(uint64_t size_bytes, uint64_t part_bytes)
{
	uint64_t n = size_bytes / part_bytes + (size_bytes % part_bytes ? 1 : 0);

	return n <= S3_PARTS_MAX ? (unsigned)n : 0;
}

/* What is known of the parts of u->a; kept where it is the same upload as before. */
static int know_parts(struct transfer *t, const struct s3_address *a)
{
	struct s3_upload *u = t->own;
	unsigned n = a->part_bytes ? parts_of(t->upload.size_bytes, a->part_bytes) : 0;

	if (u->part && n == u->parts_n && strcmp(a->upload_id, u->a.upload_id) == 0) {
		u->a = *a;
		return 0;
	}
	free(u->part);
	u->part = NULL;
	s3_sum_drop_parts(u);
	u->parts_n = n;
	u->a = *a;
	u->ended = u->stored = false;
	if (n == 0)
		return a->upload_id[0] ? -EINVAL : 0;
	u->part = calloc(n, sizeof(*u->part));
	return u->part ? 0 : -ENOMEM;
}

uint64_t s3_held_bytes(const struct transfer *t)
{
	const struct s3_upload *u = t->own;
	unsigned n = 0;

	while (n < u->parts_n && u->part[n].shown)
		n++;
	return n == u->parts_n ? t->upload.size_bytes : n * u->a.part_bytes;
}

static void take_etag(struct s3_known *p, const char *etag)
{
	uint8_t md5[S3_MD5_LEN];
	bool has = s3_etag_md5(etag, md5);

	/* Another one has sent this part since. */
	if (p->proved && p->has_etag && (!has || memcmp(md5, p->etag, sizeof(md5)) != 0))
		p->proved = false;
	p->has_etag = has;
	if (has)
		memcpy(p->etag, md5, sizeof(md5));
}

static void take_part(struct transfer *t, const struct s3_part *shown)
{
	struct s3_upload *u = t->own;
	struct s3_known *p = &u->part[shown->number - 1];

	p->listed = p->shown = shown->size_bytes == s3_part_size(t, shown->number);
	if (p->shown)
		take_etag(p, shown->etag);
	else
		p->proved = false;
}

enum act_result s3_page(struct transfer *t, struct s3_parts *out, enum s3_verdict *v)
{
	struct http_request q = { .timeout_ms = LIST_MS, .text_room = S3_XML_MAX };
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	*v = 0;
	if (!u->asked) {
		if (!u->list)
			u->list = malloc(S3_XML_MAX);
		if (!u->list)
			return no_memory(t);
		q.text = u->list;
		return s3_ask(t, s3_list_parts(&t->dest->conf, &u->a, u->marker, s3_form()), &q);
	}
	*v = s3_heard(t, S3_PARTS, &h, &result);
	/* also a page that leads no further than the one before: it would be asked for for ever */
	if (*v == S3_GOOD &&
	    (s3_parts_read(u->list, s3_text_len(t), out) < 0 ||
		(out->truncated && out->next <= u->marker))) {
		*v = 0;
		u->step = STEP_NONE;
		transfer_state(t, "answer");
		result = transfer_ask(t, UPLOAD_LATER, "a list of parts that makes no sense");
	}
	free(u->list);
	u->list = NULL;
	return result;
}

/* ---- create ---- */

static enum act_result have_address(struct transfer *t, bool found)
{
	struct s3_upload *u = t->own;
	struct s3_address a = u->a;

	u->step = STEP_NONE;
	u->a.upload_id[0] = '\0'; /* so that know_parts begins anew */
	if (s3_address_write(&a, t->address, sizeof(t->address)) < 0)
		return transfer_fail(t, UPLOAD_REFUSED, "the store's upload id is too long");
	if (know_parts(t, &a) < 0)
		return no_memory(t);
	t->found = found;
	t->offset_bytes = 0;
	t->offset_known = !found;
	return ACT_DONE;
}

static enum act_result create_first(struct transfer *t)
{
	struct s3_upload *u = t->own;

	memset(&u->a, 0, sizeof(u->a));
	u->found = u->stored = u->ended = false;
	u->pages = 0;
	if (s3_key(&t->dest->conf, t->dest->station, &t->upload, u->a.key) < 0)
		return transfer_fail(t, UPLOAD_REFUSED, "no key can be made of prefix and name");
	/* What is sent again replaces what was there. */
	return facts_is_side(&t->upload) ? have_address(t, false) : s3_next(t, STEP_HEAD);
}

enum act_result s3_refuse_other(struct transfer *t, const struct s3_head *h)
{
	struct s3_upload *u = t->own;

	if (!h->named) {
		u->step = STEP_NONE;
		u->fresh = true;
		transfer_state(t, "answer");
		return transfer_ask(t, UPLOAD_LATER,
		    "something without any x-amz- header answers at this key: a login page?");
	}
	transfer_state(t, "another-object");
	return transfer_fail(t, UPLOAD_REFUSED,
	    "another object is at this key: its operator must look at it; nothing is overwritten");
}

/* Is it there already, whoever brought it? */
static enum act_result create_look(struct transfer *t)
{
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask_head(t, "");
	switch ((int)s3_heard(t, S3_HEAD, &h, &result)) {
	case S3_GOOD:
		if (!s3_is_it(t, &h))
			return s3_refuse_other(t, &h);
		result = have_address(t, true);
		if (result != ACT_DONE)
			return result;
		u->found = u->stored = true;
		t->offset_bytes = t->upload.size_bytes;
		t->offset_known = true;
		return ACT_DONE;
	case S3_GONE:
		if (t->upload.size_bytes <=
		    s3_part_bytes(t->upload.size_bytes, t->dest->conf.part_bytes))
			return have_address(t, false);
		return s3_next(t, STEP_UPLOADS);
	}
	return result;
}

/* The oldest first: two stations that look at the same time choose the same one. */
static void sort_uploads(struct s3_uploads *l)
{
	for (size_t i = 1; i < l->n; i++) {
		for (size_t j = i; j > 0; j--) {
			int order = strcmp(l->upload[j - 1].initiated, l->upload[j].initiated);

			if (order == 0)
				order = strcmp(l->upload[j - 1].id, l->upload[j].id);
			if (order <= 0)
				break;
			__typeof__(l->upload[0]) swap = l->upload[j];

			l->upload[j] = l->upload[j - 1];
			l->upload[j - 1] = swap;
		}
	}
}

/* Adds a page to those found. Whether another one may have more of this key. */
static bool add_uploads(struct transfer *t, const struct s3_uploads *page)
{
	struct s3_upload *u = t->own;
	struct s3_uploads *all = u->uploads;
	size_t room = sizeof(all->upload) / sizeof(all->upload[0]) - all->n;
	size_t n = page->n < room ? page->n : room;
	/* one that leads nowhere, or behind the key: they come in the order of keys */
	bool onward = strcmp(page->next_key, u->a.key) <= 0 &&
	    (strcmp(page->next_key, all->next_key) != 0 ||
		strcmp(page->next_id, all->next_id) != 0);

	memcpy(all->upload + all->n, page->upload, n * sizeof(all->upload[0]));
	all->n += n;
	memcpy(all->next_key, page->next_key, sizeof(all->next_key));
	memcpy(all->next_id, page->next_id, sizeof(all->next_id));
	return page->truncated && onward && n == page->n && ++u->pages < UPLOAD_PAGES_MAX;
}

static enum act_result ask_uploads(struct transfer *t)
{
	struct http_request q = { .timeout_ms = LIST_MS, .text_room = S3_XML_MAX };
	struct s3_upload *u = t->own;

	if (!u->list)
		u->list = malloc(S3_XML_MAX);
	if (!u->uploads)
		u->uploads = malloc(sizeof(*u->uploads));
	if (!u->list || !u->uploads)
		return no_memory(t);
	if (u->pages == 0) {
		u->uploads->n = 0;
		u->uploads->next_key[0] = u->uploads->next_id[0] = '\0';
	}
	q.text = u->list;
	return s3_ask(t,
	    s3_list_uploads(
		&t->dest->conf, u->a.key, u->uploads->next_key, u->uploads->next_id, s3_form()),
	    &q);
}

/* An upload of this key that is under way: of another station, or ours, its answer lost. */
static enum act_result create_uploads(struct transfer *t)
{
	static struct s3_uploads page;
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;
	int err;

	if (!u->asked)
		return ask_uploads(t);
	if (s3_heard(t, S3_UPLOADS, &h, &result) != S3_GOOD)
		return result;
	err = s3_uploads_read(u->list, s3_text_len(t), u->a.key, &page);
	free(u->list);
	u->list = NULL;
	if (err < 0) {
		u->step = STEP_NONE;
		transfer_state(t, "answer");
		return transfer_ask(t, UPLOAD_LATER, "a list of uploads that makes no sense");
	}
	if (add_uploads(t, &page))
		return s3_next(t, STEP_UPLOADS);
	sort_uploads(u->uploads);
	u->candidate = 0;
	return s3_next(t, STEP_SIZES);
}

/* Of a new upload: those on the line together are what conf says one interruption may cost. */
static uint64_t new_part_bytes(const struct transfer *t)
{
	uint64_t each = (t->dest->conf.part_bytes / S3_LANES) >> 20 << 20;

	return s3_part_bytes(t->upload.size_bytes, each);
}

/* The size of parts of an upload that has these; 0: none that this file can have. */
static uint64_t size_of_parts(const struct transfer *t, const struct s3_parts *l)
{
	uint64_t size = t->upload.size_bytes, part = 0;
	unsigned n;

	if (l->n == 0)
		return new_part_bytes(t);
	for (size_t i = 0; i < l->n; i++) {
		if (l->part[i].size_bytes > part)
			part = l->part[i].size_bytes;
	}
	if (part < S3_PART_MIN || part % (1u << 20) != 0)
		return 0;
	n = parts_of(size, part);
	for (size_t i = 0; i < l->n; i++) {
		unsigned k = l->part[i].number;

		if (k > n || l->part[i].size_bytes != (k < n ? part : size - (n - 1) * part))
			return 0;
	}
	return part;
}

static enum act_result create_sizes(struct transfer *t)
{
	static struct s3_parts list;
	struct s3_upload *u = t->own;
	enum act_result result;
	enum s3_verdict v;

	if (!u->asked) {
		if (u->candidate == u->uploads->n)
			return s3_next(t, STEP_CREATE);
		snprintf(u->a.upload_id, sizeof(u->a.upload_id), "%s",
		    u->uploads->upload[u->candidate].id);
		u->marker = 0;
		return s3_page(t, &list, &v);
	}
	result = s3_page(t, &list, &v);
	u->candidate++;
	if (v == S3_GONE)
		return s3_next(t, STEP_SIZES);
	if (v != S3_GOOD) {
		u->candidate -= result == ACT_AGAIN;
		return result;
	}
	u->a.part_bytes = size_of_parts(t, &list);
	return u->a.part_bytes ? have_address(t, true) : s3_next(t, STEP_SIZES);
}

static enum act_result create_new(struct transfer *t)
{
	/* Where a kept connection breaks, libcurl would ask again by itself, and make two. */
	struct http_request q = { .timeout_ms = CREATE_MS, .fresh = true };
	const struct proto_destination *c = &t->dest->conf;
	struct s3_upload *u = t->own;
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask(t,
		    s3_create(c, t->dest->station, &t->upload, u->a.key, time(NULL), s3_form()),
		    &q);
	if (s3_heard(t, S3_CREATE, &h, &result) != S3_GOOD)
		return result;
	if (s3_created_read(u->text, s3_text_len(t), u->a.upload_id) < 0) {
		u->step = STEP_NONE;
		transfer_state(t, "answer");
		return transfer_ask(t, UPLOAD_LATER, "the store gave no upload id");
	}
	u->a.part_bytes = new_part_bytes(t);
	return have_address(t, false);
}

enum act_result s3_upload_create(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_HEAD:
		return create_look(t);
	case STEP_UPLOADS:
		return create_uploads(t);
	case STEP_SIZES:
		return create_sizes(t);
	case STEP_CREATE:
		return create_new(t);
	}
	return create_first(t);
}

/* ---- query ---- */

static enum act_result query_first(struct transfer *t)
{
	struct s3_upload *u = t->own;
	struct s3_address a;
	int err = s3_address_read(t->address, &a);

	if (!err)
		err = know_parts(t, &a);
	if (err == -ENOMEM)
		return no_memory(t);
	if (err < 0) {
		(void)transfer_ask(t, UPLOAD_LATER, "the address on record is none of a store's");
		return ACT_GONE;
	}
	for (unsigned i = 0; i < u->parts_n; i++)
		u->part[i].listed = u->part[i].shown = false;
	u->marker = 0;
	return s3_next(t, a.upload_id[0] ? STEP_LIST : STEP_HEAD);
}

static enum act_result query_list(struct transfer *t)
{
	static struct s3_parts list;
	struct s3_upload *u = t->own;
	enum s3_verdict v;
	enum act_result result = s3_page(t, &list, &v);

	/* A lost answer to Complete, or another station completed it: then the object is there. */
	if (v == S3_GONE)
		return s3_next(t, STEP_HEAD);
	if (v != S3_GOOD)
		return result;
	for (size_t i = 0; i < list.n; i++) {
		/* a station of another part size was first: create finds out what it has begun */
		if (list.part[i].number > u->parts_n) {
			(void)transfer_ask(t, UPLOAD_LATER,
			    "another station sends it in parts of another size: it has a part %u, "
			    "the clip %u",
			    list.part[i].number, u->parts_n);
			return ACT_GONE;
		}
		take_part(t, &list.part[i]);
	}
	if (list.truncated) {
		u->marker = list.next;
		return s3_next(t, STEP_LIST);
	}
	return s3_next(t, STEP_CHECK);
}

/* The next part, from that with index i on, that is to be compared; parts_n: none. */
static unsigned unproved(const struct transfer *t, unsigned i)
{
	const struct s3_upload *u = t->own;

	while (i < u->parts_n &&
	    (!u->part[i].shown || u->part[i].proved ||
		(u->part[i].summed && s3_of(t)->etag_is_no_md5)))
		i++;
	return i;
}

/* The parts that this run has not sent itself, one by one. */
static enum act_result query_check(struct transfer *t)
{
	struct s3_upload *u = t->own;
	unsigned i = unproved(t, 0);
	const struct s3_sum *sum;
	enum act_result r;

	if (i == u->parts_n) {
		u->step = STEP_NONE;
		s3_sum_drop_parts(u);
		t->offset_bytes = s3_held_bytes(t);
		t->offset_known = true;
		return ACT_DONE;
	}
	if (!u->part[i].summed) {
		r = s3_sum_part(t, i + 1, false, &sum);
		if (r != ACT_DONE) {
			for (unsigned k = i + 1; (k = unproved(t, k)) < u->parts_n; k++) {
				if (!s3_sum_ahead(t, k + 1, false))
					break;
			}
			return r;
		}
		s3_sum_use(t, i + 1, sum);
	}
	u->part[i].proved =
	    u->part[i].has_etag && memcmp(u->part[i].etag, u->part[i].md5, S3_MD5_LEN) == 0;
	if (!u->part[i].proved && !s3_of(t)->etag_is_no_md5) {
		log_warn("part-differs", "slot=%u asset=%.16s part=%u text=\"it is sent again\"",
		    t->slot, log_text(t->upload.asset), i + 1);
		u->part[i].shown = false;
	}
	return ACT_AGAIN;
}

/* Without an upload: is the object there? */
static enum act_result query_look(struct transfer *t)
{
	struct s3_upload *u = t->own;
	bool side = facts_is_side(&t->upload);
	enum act_result result;
	struct s3_head h;

	if (!u->asked)
		return s3_ask_head(t, "");
	switch ((int)s3_heard(t, S3_HEAD, &h, &result)) {
	case S3_GOOD:
		u->step = STEP_NONE;
		u->stored = s3_is_it(t, &h);
		if (!u->stored && !side)
			return s3_refuse_other(t, &h);
		break;
	case S3_GONE:
		u->stored = u->ended = false;
		/* It was there when its address was put on record, or it is to go in parts now. */
		if (!side &&
		    (u->a.upload_id[0] ||
			t->upload.size_bytes >
			    s3_part_bytes(t->upload.size_bytes, t->dest->conf.part_bytes))) {
			(void)transfer_ask(
			    t, UPLOAD_LATER, "the store has neither the upload nor the object");
			return ACT_GONE;
		}
		break;
	default:
		return result;
	}
	t->offset_bytes = u->stored ? t->upload.size_bytes : 0;
	t->offset_known = true;
	return ACT_DONE;
}

enum act_result s3_upload_query(struct transfer *t)
{
	const struct s3_upload *u = t->own;

	switch ((int)u->step) {
	case STEP_LIST:
		return query_list(t);
	case STEP_CHECK:
		return query_check(t);
	case STEP_HEAD:
		return query_look(t);
	}
	return query_first(t);
}
