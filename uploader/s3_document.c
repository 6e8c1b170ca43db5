/*
 * s3_document: the XML of an S3 server, read with expat; see s3_reply.h.
 *
 * One walk for all documents: it keeps the path of names down to where it is, gathers the text of
 * one element, and hands each leaf to the reader of that document. What no document needs (a
 * doctype, so no entities of its own; depth; a great many elements) ends the reading.
 */
#include "s3_reply.h"

#include <errno.h>
#include <expat.h>
#include <string.h>

#define DEPTH_MAX 8
#define NAME_LEN 48
#define TEXT_LEN 1536
#define ELEMENTS_MAX 20000 /* a thousand parts with all that servers say of them take half */

struct walk {
	XML_Parser parser;
	const char *root; /* that it must have, "" any */
	unsigned depth, elements;
	int err;
	char name[DEPTH_MAX][NAME_LEN];
	char text[TEXT_LEN];
	size_t text_len;
	bool too_long; /* the text of this element: taken for none */
	/* At the end of an element inside the root: its text, and what it stands in. */
	int (*leaf)(struct walk *w, const char *in, const char *name);
	void *out;
};

static void stop(struct walk *w, int err)
{
	w->err = err;
	XML_StopParser(w->parser, XML_FALSE);
}

/* Without the prefix of a namespace. A name that is longer than all we look for is none of ours. */
static void take_name(const char *name, char out[NAME_LEN])
{
	const char *colon = strrchr(name, ':');
	size_t len;

	name = colon ? colon + 1 : name;
	len = strlen(name);
	if (len > 0 && len < NAME_LEN)
		memcpy(out, name, len + 1);
	else
		memcpy(out, "?", 2);
}

static void XMLCALL begins(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = data;

	(void)attributes;
	if (w->depth == DEPTH_MAX || ++w->elements > ELEMENTS_MAX) {
		stop(w, -EPROTO);
		return;
	}
	take_name(name, w->name[w->depth++]);
	if (w->depth == 1 && w->root[0] && strcmp(w->name[0], w->root) != 0)
		stop(w, -EPROTO);
	w->text_len = 0;
	w->text[0] = '\0';
	w->too_long = false;
}

static void XMLCALL ends(void *data, const XML_Char *name)
{
	struct walk *w = data;
	int err = 0;

	(void)name;
	if (w->depth > 1) {
		if (w->too_long)
			w->text[0] = '\0';
		err = w->leaf(w, w->depth == 2 ? "" : w->name[w->depth - 2], w->name[w->depth - 1]);
	}
	w->depth--;
	w->text_len = 0;
	w->text[0] = '\0';
	w->too_long = false;
	if (err)
		stop(w, err);
}

static void XMLCALL says(void *data, const XML_Char *text, int len)
{
	struct walk *w = data;

	if ((size_t)len >= TEXT_LEN - w->text_len) {
		w->too_long = true;
		return;
	}
	memcpy(w->text + w->text_len, text, (size_t)len);
	w->text_len += (size_t)len;
	w->text[w->text_len] = '\0';
}

static void XMLCALL doctype(
    void *data, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(data, -EPROTO);
}

/* All of it at once: expat never sees a part and waits for more. */
static int walk(struct walk *w, const char *text, size_t len)
{
	if (len == 0 || len > S3_XML_MAX)
		return -EPROTO;
	w->parser = XML_ParserCreate(NULL);
	if (!w->parser)
		return -ENOMEM;
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, begins, ends);
	XML_SetCharacterDataHandler(w->parser, says);
	XML_SetStartDoctypeDeclHandler(w->parser, doctype);
	if (XML_Parse(w->parser, text, (int)len, XML_TRUE) != XML_STATUS_OK && !w->err)
		w->err = XML_GetErrorCode(w->parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EPROTO;
	XML_ParserFree(w->parser);
	return w->err;
}

static bool read_count(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (!text[0])
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

static bool is_visible(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return false;
	}
	return text[0] != '\0';
}

static int take_id(const char *text, char out[S3_UPLOAD_ID_LEN])
{
	if (!is_visible(text) || strlen(text) >= S3_UPLOAD_ID_LEN || out[0])
		return -EPROTO;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* ---- Error ---- */

/* Cut at a character's beginning (UTF-8); control characters become blanks. */
static void take_message(const char *text, char out[PROTO_TEXT_LEN])
{
	size_t len = strlen(text);

	if (len >= PROTO_TEXT_LEN) {
		len = PROTO_TEXT_LEN - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = text[i] < ' ' && text[i] >= 0 ? ' ' : text[i];
	out[len] = '\0';
}

static int error_leaf(struct walk *w, const char *in, const char *name)
{
	struct s3_error *e = w->out;

	if (in[0] || strcmp(w->name[0], "Error") != 0)
		return 0;
	if (strcmp(name, "Code") == 0 && !e->code[0]) {
		size_t len = strlen(w->text);

		/* an error all the same, of a kind that nobody knows */
		if (len == 0 || len >= sizeof(e->code) || !is_visible(w->text))
			memcpy(e->code, "Unreadable", sizeof("Unreadable"));
		else
			memcpy(e->code, w->text, len + 1);
	} else if (strcmp(name, "Message") == 0 && !e->message[0]) {
		take_message(w->text, e->message);
	} else if (strcmp(name, "ServerTime") == 0) {
		e->server_s = s3_time_read(w->text, strlen(w->text));
	}
	return 0;
}

int s3_error_read(const char *text, size_t len, struct s3_error *out)
{
	struct walk w = { .root = "", .leaf = error_leaf, .out = out };
	int err;

	memset(out, 0, sizeof(*out));
	out->server_s = PROTO_NO_TIME;
	err = walk(&w, text, len);
	if (err) {
		memset(out, 0, sizeof(*out));
		out->server_s = PROTO_NO_TIME;
	} else if (strcmp(w.name[0], "Error") == 0 && !out->code[0]) {
		memcpy(out->code, "Unreadable", sizeof("Unreadable"));
	}
	return err;
}

/* ---- ListParts ---- */

struct parts_walk {
	struct s3_parts *parts;
	struct s3_part now;
	bool has_size, has_next;
};

static int part_ends(struct parts_walk *p)
{
	struct s3_parts *all = p->parts;

	if (p->now.number == 0 || !p->now.etag[0] || !p->has_size ||
	    all->n == sizeof(all->part) / sizeof(all->part[0]) ||
	    (all->n > 0 && p->now.number <= all->part[all->n - 1].number))
		return -EPROTO;
	all->part[all->n++] = p->now;
	memset(&p->now, 0, sizeof(p->now));
	p->has_size = false;
	return 0;
}

static int parts_leaf(struct walk *w, const char *in, const char *name)
{
	struct parts_walk *p = w->out;
	uint64_t v = 0;

	if (!in[0] && strcmp(name, "Part") == 0)
		return part_ends(p);
	if (!in[0] && strcmp(name, "IsTruncated") == 0) {
		p->parts->truncated = strcmp(w->text, "true") == 0;
	} else if (!in[0] && strcmp(name, "NextPartNumberMarker") == 0 && w->text[0]) {
		if (!read_count(w->text, &v) || v > S3_PARTS_MAX)
			return -EPROTO;
		p->parts->next = (unsigned)v;
		p->has_next = true;
	} else if (strcmp(in, "Part") == 0 && w->depth == 3) {
		if (strcmp(name, "PartNumber") == 0) {
			if (!read_count(w->text, &v) || v < 1 || v > S3_PARTS_MAX)
				return -EPROTO;
			p->now.number = (unsigned)v;
		} else if (strcmp(name, "Size") == 0) {
			if (!read_count(w->text, &p->now.size_bytes))
				return -EPROTO;
			p->has_size = true;
		} else if (strcmp(name, "ETag") == 0 &&
		    !s3_etag_read(w->text, strlen(w->text), p->now.etag)) {
			return -EPROTO;
		}
	}
	return 0;
}

int s3_parts_read(const char *text, size_t len, struct s3_parts *out)
{
	struct parts_walk p = { .parts = out };
	struct walk w = { .root = "ListPartsResult", .leaf = parts_leaf, .out = &p };
	unsigned last;
	int err;

	out->truncated = false;
	out->next = 0;
	out->n = 0;
	err = walk(&w, text, len);
	last = out->n ? out->part[out->n - 1].number : 0;
	/* a page that leads nowhere, or back, would be asked for for ever */
	if (!err && out->truncated) {
		if (!p.has_next)
			out->next = last;
		if (out->n == 0 || out->next < last)
			err = -EPROTO;
	}
	if (err)
		out->n = 0;
	return err;
}

/* ---- ListMultipartUploads ---- */

struct uploads_walk {
	struct s3_uploads *uploads;
	const char *key;
	bool is_key; /* of the Upload that is being read */
	char id[S3_UPLOAD_ID_LEN], initiated[40];
};

static int upload_ends(struct uploads_walk *u)
{
	struct s3_uploads *all = u->uploads;

	if (!u->id[0])
		return -EPROTO;
	if (u->is_key && all->n < sizeof(all->upload) / sizeof(all->upload[0])) {
		memcpy(all->upload[all->n].id, u->id, sizeof(u->id));
		memcpy(all->upload[all->n].initiated, u->initiated, sizeof(u->initiated));
		all->n++;
	}
	u->is_key = false;
	u->id[0] = u->initiated[0] = '\0';
	return 0;
}

static int copy_text(const char *text, char *out, size_t size)
{
	if (strlen(text) >= size)
		return -EPROTO;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int uploads_leaf(struct walk *w, const char *in, const char *name)
{
	struct uploads_walk *u = w->out;
	struct s3_uploads *all = u->uploads;

	if (!in[0] && strcmp(name, "Upload") == 0)
		return upload_ends(u);
	if (!in[0] && strcmp(name, "IsTruncated") == 0)
		all->truncated = strcmp(w->text, "true") == 0;
	else if (!in[0] && strcmp(name, "NextKeyMarker") == 0)
		return copy_text(w->text, all->next_key, sizeof(all->next_key));
	else if (!in[0] && strcmp(name, "NextUploadIdMarker") == 0)
		return copy_text(w->text, all->next_id, sizeof(all->next_id));
	if (strcmp(in, "Upload") != 0 || w->depth != 3)
		return 0;
	if (strcmp(name, "Key") == 0)
		u->is_key = strcmp(w->text, u->key) == 0;
	else if (strcmp(name, "UploadId") == 0)
		return take_id(w->text, u->id);
	else if (strcmp(name, "Initiated") == 0)
		return copy_text(w->text, u->initiated, sizeof(u->initiated));
	return 0;
}

int s3_uploads_read(const char *text, size_t len, const char *key, struct s3_uploads *out)
{
	struct uploads_walk u = { .uploads = out, .key = key };
	struct walk w = { .root = "ListMultipartUploadsResult", .leaf = uploads_leaf, .out = &u };
	int err;

	out->truncated = false;
	out->next_key[0] = out->next_id[0] = '\0';
	out->n = 0;
	err = walk(&w, text, len);
	if (!err && out->truncated && !out->next_key[0])
		err = -EPROTO;
	if (err)
		out->n = 0;
	return err;
}

/* ---- ListObjectsV2 ---- */

struct marks_walk {
	struct s3_marks *marks;
	const char *prefix, *station;
	size_t keys, contents;
	bool ended; /* there is no page behind this one */
};

static int take_mark(struct marks_walk *m, const char *key)
{
	size_t len = strlen(m->prefix);
	const char *name = key + len;

	/* what was not asked for: the store passes over the prefix, and tells nothing then */
	if (strncmp(key, m->prefix, len) != 0 || !name[0])
		return -EPROTO;
	m->keys++;
	if (strcmp(name, m->station) == 0) {
		m->marks->ours = true;
		return 0;
	}
	if (m->marks->others++ == 0 && is_visible(name) && strlen(name) < PROTO_NAME_LEN)
		memcpy(m->marks->other, name, strlen(name) + 1);
	return 0;
}

static int marks_leaf(struct walk *w, const char *in, const char *name)
{
	struct marks_walk *m = w->out;

	if (!in[0] && strcmp(name, "Contents") == 0) {
		m->contents++;
	} else if (!in[0] && strcmp(name, "IsTruncated") == 0) {
		m->ended = strcmp(w->text, "false") == 0;
	} else if (w->depth == 3 && strcmp(in, "Contents") == 0 && strcmp(name, "Key") == 0) {
		return take_mark(m, w->text);
	}
	return 0;
}

int s3_marks_read(
    const char *text, size_t len, const char *prefix, const char *station, struct s3_marks *out)
{
	struct marks_walk m = { .marks = out, .prefix = prefix, .station = station };
	struct walk w = { .root = "ListBucketResult", .leaf = marks_leaf, .out = &m };
	int err;

	memset(out, 0, sizeof(*out));
	err = walk(&w, text, len);
	/* nobody is taken for absent who may stand on a page that was not read */
	if (!err && (m.keys != m.contents || (out->others == 0 && !m.ended)))
		err = -EPROTO;
	if (err)
		memset(out, 0, sizeof(*out));
	return err;
}

/* ---- single values ---- */

struct wanted {
	const char *name;
	char *out;
	size_t size;
	bool seen;
};

static int wanted_leaf(struct walk *w, const char *in, const char *name)
{
	struct wanted *v = w->out;

	if (in[0] || strcmp(name, v->name) != 0)
		return 0;
	if (v->seen)
		return -EPROTO;
	v->seen = true;
	return copy_text(w->text, v->out, v->size);
}

/* The text of the one element of that name right below the root. */
static int read_one(
    const char *text, size_t len, const char *root, const char *name, char *out, size_t size)
{
	struct wanted v = { .name = name, .out = out, .size = size };
	struct walk w = { .root = root, .leaf = wanted_leaf, .out = &v };
	int err;

	out[0] = '\0';
	err = walk(&w, text, len);
	return err ? err : v.seen ? 0 : -EPROTO;
}

int s3_created_read(const char *text, size_t len, char id[S3_UPLOAD_ID_LEN])
{
	int err =
	    read_one(text, len, "InitiateMultipartUploadResult", "UploadId", id, S3_UPLOAD_ID_LEN);

	if (!err && is_visible(id))
		return 0;
	id[0] = '\0';
	return err ? err : -EPROTO;
}

int s3_completed_read(const char *text, size_t len, char etag[S3_ETAG_LEN])
{
	char value[S3_ETAG_LEN];
	int err =
	    read_one(text, len, "CompleteMultipartUploadResult", "ETag", value, sizeof(value));

	etag[0] = '\0';
	/* radosgw of Ceph 16 leaves it empty in a bucket without versions */
	if (err || !value[0])
		return err;
	return s3_etag_read(value, strlen(value), etag) ? 0 : -EPROTO;
}

int s3_hold_read(const char *text, size_t len)
{
	char value[16];
	int err = read_one(text, len, "LegalHold", "Status", value, sizeof(value));

	if (err)
		return err;
	return strcmp(value, "ON") == 0 ? 1 : strcmp(value, "OFF") == 0 ? 0 : -EPROTO;
}

int s3_lock_read(const char *text, size_t len)
{
	char value[16];
	int err = read_one(
	    text, len, "ObjectLockConfiguration", "ObjectLockEnabled", value, sizeof(value));

	if (err)
		return err;
	return strcmp(value, "Enabled") == 0;
}
