/*
 * An S3 server's answers, addresses on record, and a file of keys: the first byte says which reader
 * gets the rest. Readers stay within their bounds, what they take can be asked for again in a
 * signed request, pages lead forward, and a verdict comes with a word and a text.
 */
#include "../../uploader/s3_reply.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1790000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct s3_request r;
static struct proto_destination c;

static bool is_etag(const char *etag)
{
	size_t len = strlen(etag);

	return len >= 3 && len < S3_ETAG_LEN && etag[0] == '"' && etag[len - 1] == '"';
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_request(int err)
{
	static const struct s3_keys keys = { .access = "A", .secret = "S" };
	char out[S3_SIGNATURE_LEN], url[8192];

	check(err == 0);
	check(s3_sign(&r, &keys, "", NOW, out) == 0 && s3_url(&r, url, sizeof(url)) == 0);
	for (const char *p = url; *p; p++)
		check(*p > ' ' && *p <= '~');
	check(strncmp(url, "https://evidence.s3.example/", 28) == 0);
}

static void check_verdicts(const struct s3_head *h, const struct s3_error *e)
{
	const char *word, *text;

	for (int q = S3_HEAD; q <= S3_HELD; q++) {
		enum s3_verdict v = s3_judge((enum s3_asked)q, h, e, &word, &text);

		check(v >= S3_GOOD && v <= S3_DESTINATION);
		check(v == S3_GOOD ? !e->code[0] : word[0] && text[0]);
	}
}

static void head(const char *text, size_t len)
{
	static const struct s3_error none;
	struct s3_head h;

	if (s3_head_read(text, len, NOW, &h) < 0)
		return;
	check(h.status >= 100 && h.status <= 999 && h.retry_after_ms <= 86400000);
	check(!h.etag[0] || is_etag(h.etag));
	check(!h.asset[0] || strlen(h.asset) == 64);
	check(!h.sha256[0] || strlen(h.sha256) == 64);
	check_request(s3_get(&c, "k", h.version, &r));
	check_verdicts(&h, &none);
}

static void error(const char *text, size_t len)
{
	struct s3_head h = { .status = 200 };
	struct s3_error e;

	s3_error_read(text, len, &e);
	check(strlen(e.code) < sizeof(e.code) && strlen(e.message) < sizeof(e.message));
	check_verdicts(&h, &e);
}

static void parts(const char *text, size_t len)
{
	static struct s3_parts p;
	static char body[200000];

	if (s3_parts_read(text, len, &p) < 0) {
		check(p.n == 0);
		return;
	}
	for (size_t i = 0; i < p.n; i++) {
		check(is_etag(p.part[i].etag));
		check(p.part[i].number > (i ? p.part[i - 1].number : 0));
		check(p.part[i].number <= S3_PARTS_MAX);
	}
	check(!p.truncated || (p.n > 0 && p.next >= p.part[p.n - 1].number));
	check(s3_complete_body(p.part, p.n < 500 ? p.n : 500, body, sizeof(body)) > 0);
}

static void uploads(const char *text, size_t len)
{
	static struct s3_uploads u;
	struct s3_address a = { .key = "k", .part_bytes = S3_PART_MIN }, again;
	char address[PROTO_ADDRESS_LEN * 2];

	if (s3_uploads_read(text, len, "k", &u) < 0) {
		check(u.n == 0);
		return;
	}
	check(!u.truncated || u.next_key[0]);
	for (size_t i = 0; i < u.n; i++) {
		memcpy(a.upload_id, u.upload[i].id, sizeof(a.upload_id));
		check_request(s3_abort(&c, &a, &r));
		check(s3_address_write(&a, address, sizeof(address)) == 0);
		check(s3_address_read(address, &again) == 0);
		check(strcmp(again.upload_id, a.upload_id) == 0);
	}
}

static void values(const char *text, size_t len)
{
	char id[S3_UPLOAD_ID_LEN], etag[S3_ETAG_LEN];

	check(s3_created_read(text, len, id) == 0 ? strlen(id) > 0 : !id[0]);
	check(s3_completed_read(text, len, etag) == 0 ? !etag[0] || is_etag(etag) : !etag[0]);
	check(s3_hold_read(text, len) <= 1 && s3_lock_read(text, len) <= 1);
}

static void marks(const char *text, size_t len)
{
	struct s3_marks m;

	if (s3_marks_read(text, len, "k/preserve/a/", "north", &m) < 0)
		check(!m.ours && m.others == 0);
	check(strlen(m.other) < sizeof(m.other) && (m.others > 0 || !m.other[0]));
}

static void address(const char *text)
{
	char out[PROTO_ADDRESS_LEN * 3], mark[S3_KEY_LEN];
	struct s3_address a, b;

	if (s3_address_read(text, &a) < 0)
		return;
	check(s3_address_write(&a, out, sizeof(out)) == 0 && s3_address_read(out, &b) == 0);
	check(strcmp(a.key, b.key) == 0 && strcmp(a.upload_id, b.upload_id) == 0);
	if (strlen(a.key) >= 64 &&
	    s3_mark_key(a.key, a.key + strlen(a.key) - 64, "north", mark) == 0)
		check_request(s3_head(&c, mark, "", &r));
	check(a.part_bytes == b.part_bytes && (a.part_bytes != 0) == (a.upload_id[0] != '\0'));
	check_request(s3_head(&c, a.key, "", &r));
	if (a.upload_id[0])
		check_request(s3_list_parts(&c, &a, 0, &r));
}

static void keys(const char *text)
{
	struct s3_keys k;

	if (s3_keys_read(text, &k) < 0) {
		check(!k.access[0] && !k.secret[0] && !k.token[0]);
		return;
	}
	check(k.access[0] && k.secret[0] && !strpbrk(k.access, " /,\r\n"));
	check(!strpbrk(k.secret, " \r\n") && !strpbrk(k.token, " \r\n"));
}

/* A destination's own place: what is taken is written as a URL on that host. */
static void endpoint(const char *text)
{
	struct proto_destination odd = { 0 };
	char url[8192], identity[PROTO_ADDRESS_LEN + 256];
	size_t len = strcspn(text, "\n");

	if (len >= sizeof(odd.where))
		return;
	memcpy(odd.where, text, len);
	if (text[len])
		strncpy(odd.bucket, text + len + 1, sizeof(odd.bucket) - 1);
	if (s3_head(&odd, "k", "", &r) < 0)
		return;
	check(s3_url(&r, url, sizeof(url)) == 0 && strstr(url, r.host) && r.path[0] == '/');
	check(!strpbrk(r.host, "/@?# \t\r\n%"));
	check(s3_identity(&odd, identity, sizeof(identity)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[65536];
	size_t len = size ? size - 1 : 0;

	if (size == 0 || len >= sizeof(text))
		return 0;
	memcpy(text, data + 1, len);
	text[len] = '\0';
	memcpy(c.where, "https://s3.example", sizeof("https://s3.example"));
	memcpy(c.bucket, "evidence", sizeof("evidence"));
	switch (data[0]) {
	case 'h':
		head(text, len);
		break;
	case 'e':
		error(text, len);
		break;
	case 'p':
		parts(text, len);
		break;
	case 'u':
		uploads(text, len);
		break;
	case 'm':
		marks(text, len);
		break;
	case 'v':
		values(text, len);
		break;
	case 'a':
		address(text);
		break;
	case 'k':
		keys(text);
		break;
	case 'w':
		endpoint(text);
		break;
	}
	return 0;
}
