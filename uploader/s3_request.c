#include "s3_request.h"

#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* SHA-256 of nothing */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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
	    (key && !s3_key_is_plain(key)))
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
