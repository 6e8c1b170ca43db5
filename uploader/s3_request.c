#include "s3_request.h"

#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MIB (1u << 20)
#define PART_MAX (5ull << 30)
#define DAY_S 86400
#define YEAR_9999_S 253402300799
#define XMLNS "http://s3.amazonaws.com/doc/2006-03-01/"
/* SHA-256 of nothing */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- addresses and keys ---- */

static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static int nibble(char c)
{
	const char *hex = "0123456789ABCDEF";
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

/* What s3_encode wrote, len characters of it. Control characters, NUL among them: -EINVAL. */
static int decode(const char *text, size_t len, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = len - i < 3 ? -1 : nibble(text[i + 1]);
			int low = high < 0 ? -1 : nibble(text[i + 2]);

			if (low < 0)
				return -EINVAL;
			c = high * 16 + low;
			i += 2;
		}
		if (c < ' ' || c == 0x7f || used + 1 >= size)
			return -EINVAL;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return used ? 0 : -EINVAL;
}

/* No part of it is "." or "..": clients on the way would fold them. */
static bool key_is_plain(const char *key)
{
	const char *at = key;

	if (!key[0] || key[0] == '/')
		return false;
	for (;;) {
		size_t n = strcspn(at, "/");

		if ((n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++) {
			if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
				return false;
		}
		if (!at[n])
			return true;
		at += n + 1;
	}
}

static int read_bytes(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (!text[0] || strlen(text) > 12)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return v >= S3_PART_MIN && v <= PART_MAX && v % MIB == 0 ? 0 : -EINVAL;
}

int s3_address_read(const char *address, struct s3_address *out)
{
	static const char id[] = "?uploadId=", size[] = "&partBytes=";
	size_t key_len = strcspn(address, "?");
	const char *rest = address + key_len, *mark;
	int err;

	memset(out, 0, sizeof(*out));
	err = decode(address, key_len, out->key, sizeof(out->key));
	if (err || !key_is_plain(out->key))
		return -EINVAL;
	if (!rest[0])
		return 0;
	if (strncmp(rest, id, sizeof(id) - 1) != 0)
		return -EINVAL;
	rest += sizeof(id) - 1;
	mark = strstr(rest, size);
	if (!mark ||
	    decode(rest, (size_t)(mark - rest), out->upload_id, sizeof(out->upload_id)) < 0 ||
	    !is_visible(out->upload_id))
		return -EINVAL;
	return read_bytes(mark + sizeof(size) - 1, &out->part_bytes);
}

int s3_address_write(const struct s3_address *a, char *out, size_t size)
{
	char key[3 * S3_KEY_LEN + 1], id[3 * S3_UPLOAD_ID_LEN + 1];
	int n;

	if (s3_encode(a->key, 1, key, sizeof(key)) < 0 ||
	    s3_encode(a->upload_id, 0, id, sizeof(id)) < 0)
		return -ENOSPC;
	n = a->upload_id[0] ? snprintf(out, size, "%s?uploadId=%s&partBytes=%llu", key, id,
				  (unsigned long long)a->part_bytes) :
			      snprintf(out, size, "%s", key);
	return n > 0 && (size_t)n < size ? 0 : -ENOSPC;
}

/* A name that the station gives: one plain part of a key. */
static bool is_own_name(const char *name)
{
	return name[0] && !strchr(name, '/') && key_is_plain(name);
}

int s3_key(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    char out[S3_KEY_LEN])
{
	int n;

	if (u->kind == KIND_LEDGER || u->kind == KIND_CHECKPOINT) {
		if (!is_own_name(station) || !is_own_name(u->name))
			return -EINVAL;
		n = snprintf(out, S3_KEY_LEN, "%sledger/%s/%s", c->prefix, station, u->name);
	} else {
		if (strlen(u->asset) != 64 || strspn(u->asset, "0123456789abcdef") != 64)
			return -EINVAL;
		n = snprintf(out, S3_KEY_LEN, "%s%s%s", c->prefix, u->asset,
		    u->kind == KIND_BUNDLE ? ".bundle" : "");
	}
	return n > 0 && n < S3_KEY_LEN && key_is_plain(out) ? 0 : -EINVAL;
}

int s3_mark_key(const char *key, const char *asset, const char *station, char out[S3_KEY_LEN])
{
	size_t len = strlen(key), id = strlen(asset);
	int n;

	if (id != 64 || len < id || strcmp(key + len - id, asset) != 0 ||
	    (station[0] && !is_own_name(station)))
		return -EINVAL;
	n = snprintf(out, S3_KEY_LEN, "%.*spreserve/%s/%s", (int)(len - id), key, asset, station);
	return n > 0 && n < S3_KEY_LEN && key_is_plain(out) ? 0 : -EINVAL;
}

/* ---- sizes and times ---- */

static uint64_t whole_mib(uint64_t bytes)
{
	return bytes / MIB * MIB + (bytes % MIB ? MIB : 0);
}

uint64_t s3_part_bytes(uint64_t size_bytes, uint64_t part_bytes)
{
	uint64_t least = size_bytes / S3_PARTS_MAX + (size_bytes % S3_PARTS_MAX ? 1 : 0);
	uint64_t bytes = part_bytes < S3_PART_MIN ? S3_PART_MIN : part_bytes;

	bytes = bytes < least ? least : bytes;
	return bytes > PART_MAX ? PART_MAX : whole_mib(bytes);
}

/* What is due already is kept for a day: a lock must end in the future. */
int64_t s3_retain_until(
    const struct proto_destination *c, const struct proto_upload *u, int64_t now_s)
{
	int64_t until;

	if (c->lock_mode == LOCK_NONE || facts_is_side(u) || now_s < 0)
		return PROTO_NO_TIME;
	if (u->dispose_by_s != PROTO_NO_TIME)
		until = u->dispose_by_s > now_s + DAY_S ? u->dispose_by_s : now_s + DAY_S;
	else if (c->retain_days > 0)
		until = now_s + (int64_t)c->retain_days * DAY_S;
	else
		return PROTO_NO_TIME;
	return until > YEAR_9999_S ? YEAR_9999_S : until;
}

/* ---- where a request goes ---- */

struct endpoint {
	char scheme[8];  /* "https://" without NUL's need of more */
	char host[256];  /* lower case, IPv6 in its brackets */
	char port[8];    /* ":9000", "" the scheme's own */
	bool is_address; /* no name: nothing can stand in front of it */
};

static int read_port(const char *text, bool tls, struct endpoint *e)
{
	unsigned port = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || p - text > 4)
			return -EINVAL;
		port = port * 10 + (unsigned)(*p - '0');
	}
	if (port == 0 || port > 65535)
		return -EINVAL;
	if (port != (tls ? 443 : 80))
		snprintf(e->port, sizeof(e->port), ":%u", port);
	return 0;
}

static int read_endpoint(const char *where, struct endpoint *e)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	bool tls = strncasecmp(where, "https://", 8) == 0;
	const char *at = where + (tls ? 8 : 7), *allowed = plain;
	size_t len, whole;

	memset(e, 0, sizeof(*e));
	if (!tls && strncasecmp(where, "http://", 7) != 0)
		return -EINVAL;
	memcpy(e->scheme, tls ? "https" : "http", tls ? 6 : 5);
	whole = strcspn(at, "/");
	/* S3 has its buckets at the root: nothing may stand behind the host */
	if (at[whole] && at[whole + 1])
		return -EINVAL;
	len = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
	if (len == 0 || len > whole || len >= sizeof(e->host))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		e->host[i] = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] + 32) : at[i];
	if (at[0] == '[')
		allowed = "[]0123456789abcdef:.";
	if (strspn(e->host, allowed) != len || (at[0] == '[' && len < 4))
		return -EINVAL;
	e->is_address = at[0] == '[' || strspn(e->host, "0123456789.") == len;
	if (len == whole)
		return 0;
	if (at[len] != ':' || whole - len > 6)
		return -EINVAL;
	char port[8] = "";

	memcpy(port, at + len + 1, whole - len - 1);
	return read_port(port, tls, e);
}

/* S3 User Guide, "General purpose bucket naming rules"; Ceph takes '_' and capitals too. */
static bool bucket_is_plain(const char *bucket)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len = strlen(bucket);

	return len >= 3 && len <= 63 && strspn(bucket, allowed) == len && bucket[0] != '.' &&
	    bucket[0] != '-' && !strstr(bucket, "..");
}

/* A bucket's name in the host's must be one label of DNS: TLS wildcards stand for one alone. */
static bool bucket_fits_host(const char *bucket)
{
	return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(bucket);
}

static int start(
    const struct proto_destination *c, const char *method, const char *key, struct s3_request *r)
{
	struct endpoint e;
	bool in_path;
	size_t used;
	int n;

	r->params_n = r->headers_n = 0;
	r->method = method;
	memcpy(r->payload, NOTHING, sizeof(NOTHING));
	if (read_endpoint(c->where, &e) < 0 || !bucket_is_plain(c->bucket) ||
	    (key && !key_is_plain(key)))
		return -EINVAL;
	in_path =
	    (c->flags & DESTINATION_PATH_STYLE) || e.is_address || !bucket_fits_host(c->bucket);
	n = in_path ? snprintf(r->host, sizeof(r->host), "%s%s", e.host, e.port) :
		      snprintf(r->host, sizeof(r->host), "%s.%s%s", c->bucket, e.host, e.port);
	if (n < 0 || (size_t)n >= sizeof(r->host))
		return -ENOSPC;
	snprintf(r->scheme_host, sizeof(r->scheme_host), "%s://%s", e.scheme, r->host);
	n = snprintf(
	    r->path, sizeof(r->path), "/%s%s", in_path ? c->bucket : "", in_path && key ? "/" : "");
	used = (size_t)n;
	return key ? s3_encode(key, 1, r->path + used, sizeof(r->path) - used) : 0;
}

static int param(struct s3_request *r, const char *name, const char *value)
{
	struct s3_param *p = &r->param[r->params_n];

	if (r->params_n == S3_PARAMS || strlen(value) >= sizeof(p->value))
		return -ENOSPC;
	snprintf(p->name, sizeof(p->name), "%s", name);
	memcpy(p->value, value, strlen(value) + 1);
	r->params_n++;
	return 0;
}

static int number(struct s3_request *r, const char *name, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return param(r, name, text);
}

static int header(struct s3_request *r, const char *name, const char *value)
{
	struct s3_header *h = &r->header[r->headers_n];

	if (r->headers_n == S3_HEADERS || strlen(name) >= sizeof(h->name) ||
	    strlen(value) >= sizeof(h->value))
		return -ENOSPC;
	memcpy(h->name, name, strlen(name) + 1);
	memcpy(h->value, value, strlen(value) + 1);
	r->headers_n++;
	return 0;
}

static int body(struct s3_request *r, const char *digest, const char *md5)
{
	if (strlen(digest) != 64)
		return -EINVAL;
	memcpy(r->payload, digest, 65);
	return header(r, "content-md5", md5);
}

static int xml_body(struct s3_request *r, const char *digest, const char *md5)
{
	int err = body(r, digest, md5);

	return err ? err : header(r, "content-type", "application/xml");
}

/* ---- what goes with an object ---- */

/*
 * A header's value is visible ASCII (RFC 9110 5.5): all else, blanks and '%' among it, is
 * percent-encoded, so that decoding gives the very bytes back.
 */
static int put_fact(struct s3_request *r, const struct fact *f)
{
	struct s3_header *h = &r->header[r->headers_n];
	size_t used = 0;

	if (r->headers_n == S3_HEADERS)
		return -ENOSPC;
	snprintf(h->name, sizeof(h->name), "x-amz-meta-%s", f->key);
	for (const char *p = f->value; *p; p++) {
		bool as_is = *p > ' ' && *p <= '~' && *p != '%';

		if (used + 4 > sizeof(h->value))
			return -ENOSPC;
		if (as_is)
			h->value[used++] = *p;
		else
			used += (size_t)snprintf(
			    h->value + used, 4, "%%%02X", (unsigned)(unsigned char)*p);
	}
	h->value[used] = '\0';
	r->headers_n++;
	return 0;
}

static int put_facts(struct s3_request *r, const char *station, const struct proto_upload *u)
{
	struct facts facts;
	int err = 0;

	facts_of(u, station, &facts);
	for (size_t i = 0; !err && i < facts.n; i++)
		err = put_fact(r, &facts.fact[i]);
	return err;
}

static int put_lock(struct s3_request *r, const struct proto_destination *c,
    const struct proto_upload *u, int64_t now_s)
{
	char text[FACTS_TIME_LEN];
	int err = 0;

	facts_time(s3_retain_until(c, u, now_s), text);
	if (text[0])
		err = header(r, "x-amz-object-lock-mode",
		    c->lock_mode == LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE");
	if (text[0] && !err)
		err = header(r, "x-amz-object-lock-retain-until-date", text);
	/* only a bucket with object lock takes a hold */
	if (!err && c->lock_mode != LOCK_NONE && u->preserved && !facts_is_side(u))
		err = header(r, "x-amz-object-lock-legal-hold", "ON");
	return err;
}

/* ---- the requests ---- */

static int of_version(const struct proto_destination *c, const char *method, const char *key,
    const char *version, struct s3_request *r)
{
	int err = start(c, method, key, r);

	if (!err && version[0])
		err = param(r, "versionId", version);
	return err;
}

int s3_head(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r)
{
	return of_version(c, "HEAD", key, version, r);
}

int s3_get(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r)
{
	return of_version(c, "GET", key, version, r);
}

int s3_delete(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r)
{
	return of_version(c, "DELETE", key, version, r);
}

int s3_put(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    const char *key, int64_t now_s, const char *digest, const char *md5, struct s3_request *r)
{
	int err = start(c, "PUT", key, r);

	if (!err)
		err = body(r, digest, md5);
	if (!err)
		err = put_facts(r, station, u);
	return err ? err : put_lock(r, c, u, now_s);
}

int s3_put_mark(const struct proto_destination *c, const char *key, const char *digest,
    const char *md5, struct s3_request *r)
{
	int err = start(c, "PUT", key, r);

	if (!err)
		err = body(r, digest, md5);
	return err ? err : header(r, "content-type", "text/plain");
}

int s3_list_marks(const struct proto_destination *c, const char *prefix, struct s3_request *r)
{
	int err = start(c, "GET", NULL, r);

	if (!err)
		err = param(r, "list-type", "2");
	if (!err)
		err = number(r, "max-keys", S3_LISTED_MARKS);
	return err ? err : param(r, "prefix", prefix);
}

/* RFC 9110 13.1.2; radosgw keeps it where the bucket has no versions. */
int s3_only_if_new(struct s3_request *r)
{
	return header(r, "if-none-match", "*");
}

int s3_create(const struct proto_destination *c, const char *station, const struct proto_upload *u,
    const char *key, int64_t now_s, struct s3_request *r)
{
	int err = start(c, "POST", key, r);

	if (!err)
		err = param(r, "uploads", "");
	if (!err)
		err = put_facts(r, station, u);
	return err ? err : put_lock(r, c, u, now_s);
}

static int of_upload(const struct proto_destination *c, const char *method,
    const struct s3_address *a, struct s3_request *r)
{
	int err = a->upload_id[0] ? start(c, method, a->key, r) : -EINVAL;

	return err ? err : param(r, "uploadId", a->upload_id);
}

int s3_upload_part(const struct proto_destination *c, const struct s3_address *a, unsigned part,
    const char *digest, const char *md5, struct s3_request *r)
{
	int err = part >= 1 && part <= S3_PARTS_MAX ? of_upload(c, "PUT", a, r) : -EINVAL;

	if (!err)
		err = number(r, "partNumber", part);
	return err ? err : body(r, digest, md5);
}

int s3_list_parts(const struct proto_destination *c, const struct s3_address *a, unsigned after,
    struct s3_request *r)
{
	int err = of_upload(c, "GET", a, r);

	if (!err)
		err = number(r, "max-parts", S3_LISTED_PARTS);
	if (!err && after)
		err = number(r, "part-number-marker", after);
	return err;
}

int s3_list_uploads(const struct proto_destination *c, const char *key, const char *key_marker,
    const char *id_marker, struct s3_request *r)
{
	int err = start(c, "GET", NULL, r);

	if (!err)
		err = param(r, "uploads", "");
	if (!err)
		err = param(r, "prefix", key);
	if (!err)
		err = number(r, "max-uploads", S3_LISTED_UPLOADS);
	if (!err && key_marker[0])
		err = param(r, "key-marker", key_marker);
	if (!err && id_marker[0])
		err = param(r, "upload-id-marker", id_marker);
	return err;
}

int s3_complete(const struct proto_destination *c, const struct s3_address *a, const char *digest,
    const char *md5, struct s3_request *r)
{
	int err = of_upload(c, "POST", a, r);

	return err ? err : xml_body(r, digest, md5);
}

int s3_abort(const struct proto_destination *c, const struct s3_address *a, struct s3_request *r)
{
	return of_upload(c, "DELETE", a, r);
}

static int put_subresource(const struct proto_destination *c, const char *key, const char *version,
    const char *name, const char *digest, const char *md5, struct s3_request *r)
{
	int err = of_version(c, "PUT", key, version, r);

	if (!err)
		err = param(r, name, "");
	return err ? err : xml_body(r, digest, md5);
}

int s3_legal_hold(const struct proto_destination *c, const char *key, const char *version,
    const char *digest, const char *md5, struct s3_request *r)
{
	return put_subresource(c, key, version, "legal-hold", digest, md5, r);
}

int s3_retention(const struct proto_destination *c, const char *key, const char *version,
    const char *digest, const char *md5, struct s3_request *r)
{
	return put_subresource(c, key, version, "retention", digest, md5, r);
}

int s3_legal_hold_ask(
    const struct proto_destination *c, const char *key, const char *version, struct s3_request *r)
{
	int err = of_version(c, "GET", key, version, r);

	return err ? err : param(r, "legal-hold", "");
}

int s3_bucket_head(const struct proto_destination *c, struct s3_request *r)
{
	return start(c, "HEAD", NULL, r);
}

int s3_object_lock(const struct proto_destination *c, struct s3_request *r)
{
	int err = start(c, "GET", NULL, r);

	return err ? err : param(r, "object-lock", "");
}

/* ---- bodies ---- */

struct sheet {
	char *out;
	size_t size, used;
	bool full;
};

static void put(struct sheet *s, const char *text)
{
	size_t len = strlen(text);

	s->full = s->full || len >= s->size - s->used;
	if (s->full)
		return;
	memcpy(s->out + s->used, text, len + 1);
	s->used += len;
}

/* As the text of an element (XML 1.0, 2.4); what XML cannot have at all is not in an ETag. */
static void put_escaped(struct sheet *s, const char *text)
{
	for (; *text; text++) {
		char one[2] = { *text, '\0' };

		put(s,
		    *text == '&'     ? "&amp;" :
			*text == '<' ? "&lt;" :
			*text == '>' ? "&gt;" :
			*text == '"' ? "&quot;" :
				       one);
	}
}

int s3_complete_body(const struct s3_part *parts, size_t n, char *out, size_t size)
{
	struct sheet s = { .out = out, .size = size, .full = size == 0 };

	put(&s, "<CompleteMultipartUpload xmlns=\"" XMLNS "\">");
	for (size_t i = 0; i < n; i++) {
		char text[64];

		snprintf(
		    text, sizeof(text), "<Part><PartNumber>%u</PartNumber><ETag>", parts[i].number);
		put(&s, text);
		put_escaped(&s, parts[i].etag);
		put(&s, "</ETag></Part>");
	}
	put(&s, "</CompleteMultipartUpload>");
	return s.full ? -ENOSPC : (int)s.used;
}

int s3_legal_hold_body(bool on, char *out, size_t size)
{
	int n = snprintf(out, size,
	    "<LegalHold xmlns=\"" XMLNS "\"><Status>%s</Status></LegalHold>", on ? "ON" : "OFF");

	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}

int s3_mark_body(const char *station, const char *asset, char *out, size_t size)
{
	int n = snprintf(out, size, "station %s preserves asset %s\n", station, asset);

	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}

int s3_retention_body(enum lock_mode mode, int64_t until_s, char *out, size_t size)
{
	char until[FACTS_TIME_LEN];
	int n;

	facts_time(until_s, until);
	n = snprintf(out, size,
	    "<Retention xmlns=\"" XMLNS "\"><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"
	    "</Retention>",
	    mode == LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE", until);
	return n > 0 && (size_t)n < size ? n : -ENOSPC;
}

int s3_identity(const struct proto_destination *c, char *out, size_t size)
{
	struct endpoint e;
	int n;

	if (read_endpoint(c->where, &e) < 0)
		return -EINVAL;
	n = snprintf(
	    out, size, "s3 %s://%s%s %s %s", e.scheme, e.host, e.port, c->bucket, c->prefix);
	return n > 0 && (size_t)n < size ? 0 : -ENOSPC;
}
