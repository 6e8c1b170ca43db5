/* s3_sign, s3_request: signatures against the examples that Amazon publishes, requests as data. */
#include "../../uploader/s3_request.h"

#include "../../dockd/base/kind.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000 /* 2026-09-21T14:13:20Z */
#define MIB (1u << 20)
#define HEX64 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ASSET "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"

static struct s3_request r;

/* ---- signatures ---- */

/* S3 API Reference, "Examples: Signature Calculations": 2013-05-24T00:00:00Z, us-east-1. */
static const struct s3_keys example = {
	.access = "AKIAIOSFODNN7EXAMPLE",
	.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
#define EXAMPLE_S 1369353600
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void begin(const char *method, const char *path)
{
	memset(&r, 0, sizeof(r));
	r.method = method;
	snprintf(r.scheme_host, sizeof(r.scheme_host), "https://examplebucket.s3.amazonaws.com");
	snprintf(r.host, sizeof(r.host), "examplebucket.s3.amazonaws.com");
	assert_int_equal(s3_encode(path, 1, r.path, sizeof(r.path)), 0);
	memcpy(r.payload, NOTHING, sizeof(NOTHING));
}

static void with_header(const char *name, const char *value)
{
	snprintf(r.header[r.headers_n].name, sizeof(r.header[0].name), "%s", name);
	snprintf(r.header[r.headers_n++].value, sizeof(r.header[0].value), "%s", value);
}

static void with_param(const char *name, const char *value)
{
	snprintf(r.param[r.params_n].name, sizeof(r.param[0].name), "%s", name);
	snprintf(r.param[r.params_n++].value, sizeof(r.param[0].value), "%s", value);
}

static void assert_signed(const char *headers, const char *signature)
{
	char got[S3_SIGNATURE_LEN], expected[S3_SIGNATURE_LEN];

	snprintf(expected, sizeof(expected),
	    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	    "SignedHeaders=%s,Signature=%s",
	    headers, signature);
	assert_int_equal(s3_sign(&r, &example, "us-east-1", EXAMPLE_S, got), 0);
	assert_string_equal(got, expected);
	/* again, as after a pause: nothing doubles */
	assert_int_equal(s3_sign(&r, &example, "", EXAMPLE_S, got), 0);
	assert_string_equal(got, expected);
}

static void signs_as_the_published_examples(void **state)
{
	(void)state;
	begin("GET", "/test.txt");
	with_header("range", "bytes=0-9");
	assert_signed("host;range;x-amz-content-sha256;x-amz-date",
	    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

	begin("PUT", "/test$file.text");
	with_header("x-amz-storage-class", "  REDUCED_REDUNDANCY ");
	with_header("date", "Fri,   24 May 2013 00:00:00 GMT");
	memcpy(r.payload, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", 65);
	assert_signed("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

	begin("GET", "/");
	with_param("lifecycle", "");
	assert_signed("host;x-amz-content-sha256;x-amz-date",
	    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

	begin("GET", "/");
	with_param("prefix", "J");
	with_param("max-keys", "2");
	assert_signed("host;x-amz-content-sha256;x-amz-date",
	    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void signs_a_session_token_of_any_length(void **state)
{
	struct s3_keys keys = example;
	char out[S3_SIGNATURE_LEN];

	(void)state;
	memset(keys.token, 'T', sizeof(keys.token) - 1);
	begin("GET", "/a");
	assert_int_equal(s3_sign(&r, &keys, "eu-west-2", NOW, out), 0);
	assert_int_equal(r.headers_n, 3);
	assert_string_equal(r.header[0].name, "x-amz-date");
	assert_string_equal(r.header[0].value, "20260921T141320Z");
	assert_string_equal(r.header[1].name, "x-amz-content-sha256");
	assert_string_equal(r.header[2].name, "x-amz-security-token");
	assert_string_equal(r.header[2].value, keys.token);
	assert_non_null(strstr(out, "/20260921/eu-west-2/s3/aws4_request,"));
	assert_non_null(strstr(out, ";x-amz-security-token,"));
}

static void says_when_there_is_no_room(void **state)
{
	char out[S3_SIGNATURE_LEN], url[16];

	(void)state;
	begin("GET", "/a");
	assert_int_equal(s3_url(&r, url, sizeof(url)), -ENOSPC);
	for (unsigned i = 0; i < S3_HEADERS - 2; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x-amz-meta-%02u", i);
		with_header(name, "v");
	}
	assert_int_equal(s3_sign(&r, &example, "", NOW, out), 0);
	assert_int_equal(r.headers_n, S3_HEADERS);
	begin("GET", "/a");
	for (unsigned i = 0; i < S3_HEADERS - 1; i++)
		with_header("x", "v");
	assert_int_equal(s3_sign(&r, &example, "", NOW, out), -ENOSPC);
	assert_int_equal(s3_encode("abc", 1, url, 4), 0);
	assert_string_equal(url, "abc");
	assert_int_equal(s3_encode("abcd", 1, url, 4), -ENOSPC);
}

static void writes_the_url_that_it_signs(void **state)
{
	char url[512];

	(void)state;
	begin("GET", "/a b/~c'd\xc3\xa9+%");
	with_param("uploadId", "2~x/._-=+");
	with_param("max-parts", "1000");
	with_param("partNumber", "");
	assert_int_equal(s3_url(&r, url, sizeof(url)), 0);
	assert_string_equal(url,
	    "https://examplebucket.s3.amazonaws.com/a%20b/~c%27d%C3%A9%2B%25"
	    "?max-parts=1000&partNumber=&uploadId=2~x%2F._-%3D%2B");
}

static void reads_keys(void **state)
{
	struct s3_keys k;

	(void)state;
	assert_int_equal(s3_keys_read("# of the dock\n\n  access-key:  DOCK \r\nsecret-key:a/b+c=\n"
				      "other: thing\n",
			     &k),
	    0);
	assert_string_equal(k.access, "DOCK");
	assert_string_equal(k.secret, "a/b+c=");
	assert_string_equal(k.token, "");
	assert_int_equal(
	    s3_keys_read("; by the console\n[default]\naws_access_key_id = A\n"
			 "aws_secret_access_key=S==\naws_session_token = T/T\n[other]\n"
			 "aws_access_key_id = B\n",
		&k),
	    0);
	assert_string_equal(k.access, "A");
	assert_string_equal(k.secret, "S==");
	assert_string_equal(k.token, "T/T");
}

static void refuses_keys_that_cannot_be(void **state)
{
	static const char *const bad[] = {
		"",
		"access-key: A\n",
		"secret-key: S\n",
		"access-key:\nsecret-key: S\n",
		"access-key: A B\nsecret-key: S\n",
		"access-key: A/B\nsecret-key: S\n",
		"access-key: A,B\nsecret-key: S\n",
		"access-key: A\nsecret-key: \xc3\xa9\n",
		"access-key: A\naccess-key: B\nsecret-key: S\n",
		"access-key: A\nsecret-key: S\nnonsense\n",
		"[a]\n[b]\naccess-key: A\nsecret-key: S\n",
	};
	char text[512];
	struct s3_keys k;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(s3_keys_read(bad[i], &k), -EINVAL);
		assert_int_equal(k.secret[0], 0);
	}
	snprintf(text, sizeof(text), "access-key: %0131d\nsecret-key: S\n", 1);
	assert_int_equal(s3_keys_read(text, &k), 0);
	snprintf(text, sizeof(text), "access-key: %0132d\nsecret-key: S\n", 1);
	assert_int_equal(s3_keys_read(text, &k), -EINVAL);
}

/* ---- requests ---- */

static struct proto_destination at(const char *where, const char *bucket, uint32_t flags)
{
	struct proto_destination c = { .driver = DESTINATION_S3, .flags = flags };

	snprintf(c.where, sizeof(c.where), "%s", where);
	snprintf(c.bucket, sizeof(c.bucket), "%s", bucket);
	return c;
}

static struct proto_upload clip(void)
{
	struct proto_upload u = { .kind = KIND_CLIP,
		.size_bytes = 10,
		.recorded_s = NOW - 3600,
		.dispose_by_s = PROTO_NO_TIME,
		.class = "not-yet-categorised",
		.signature = "valid",
		.asset = ASSET,
		.camera = "BWC-0041",
		.name = "clip 1.mp4" };

	memset(u.sha256, 0xab, sizeof(u.sha256));
	return u;
}

static const char *sent(const char *name)
{
	for (size_t i = 0; i < r.headers_n; i++) {
		if (strcmp(r.header[i].name, name) == 0)
			return r.header[i].value;
	}
	return NULL;
}

static void puts_the_bucket_where_it_belongs(void **state)
{
	static const struct {
		const char *where, *bucket;
		uint32_t flags;
		const char *url;
	} rows[] = {
		{ "https://s3.example", "evidence", 0, "https://evidence.s3.example/k" },
		{ "https://s3.example/", "evidence", 0, "https://evidence.s3.example/k" },
		{ "HTTPS://S3.Example:443", "evidence", 0, "https://evidence.s3.example/k" },
		{ "http://s3.example:80", "evidence", 0, "http://evidence.s3.example/k" },
		{ "http://s3.example:443", "evidence", 0, "http://evidence.s3.example:443/k" },
		{ "https://s3.example:9000", "evidence", 0, "https://evidence.s3.example:9000/k" },
		{ "https://s3.example:9000", "evidence", DESTINATION_PATH_STYLE,
		    "https://s3.example:9000/evidence/k" },
		/* nothing can stand in front of an address, and a wildcard is for one label */
		{ "http://127.0.0.1:7480", "evidence", 0, "http://127.0.0.1:7480/evidence/k" },
		{ "http://[::1]:7480/", "evidence", 0, "http://[::1]:7480/evidence/k" },
		{ "https://[2001:DB8::1]", "evidence", 0, "https://[2001:db8::1]/evidence/k" },
		{ "https://s3.example", "evi.dence", 0, "https://s3.example/evi.dence/k" },
		{ "https://s3.example", "Evi_dence", 0, "https://s3.example/Evi_dence/k" },
	};
	char url[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proto_destination c = at(rows[i].where, rows[i].bucket, rows[i].flags);

		assert_int_equal(s3_head(&c, "k", "", &r), 0);
		assert_int_equal(s3_url(&r, url, sizeof(url)), 0);
		assert_string_equal(url, rows[i].url);
		/* what curl will send as Host is what stands in the URL */
		assert_ptr_equal(strstr(url, r.host), url + strcspn(url, "/") + 2);
	}
}

static void refuses_endpoints_and_buckets(void **state)
{
	static const char *const where[] = { "", "s3.example", "ftp://s3.example", "https://",
		"https:///b", "https://user@s3.example", "https://s3.example/base",
		"https://s3.example?x", "https://s3.example#x",
		"https://s3.example:", "https://s3.example:0", "https://s3.example:65536",
		"https://s3.example:000443", "https://s3.example:4x", "https://[::1", "https://[]",
		"https://[::1]x", "https://[::1%25eth0]", "https://s3 .example",
		"https://s3.ex\xc3\xa4mple" };
	static const char *const bucket[] = { "", "ab", "a/b", "a b", "../a", "-abc", ".abc",
		"a..b",
		"b\xc3\xbc"
		"cket" };
	struct proto_destination c;

	(void)state;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		c = at(where[i], "evidence", 0);
		assert_int_equal(s3_head(&c, "k", "", &r), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(bucket) / sizeof(bucket[0]); i++) {
		c = at("https://s3.example", bucket[i], DESTINATION_PATH_STYLE);
		assert_int_equal(s3_head(&c, "k", "", &r), -EINVAL);
	}
}

static void makes_keys_of_what_is_ours_alone(void **state)
{
	struct proto_destination c = at("https://s3.example", "evidence", 0);
	struct proto_upload u = clip();
	char key[S3_KEY_LEN];

	(void)state;
	snprintf(c.prefix, sizeof(c.prefix), "north/");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), 0);
	assert_string_equal(key, "north/" ASSET);
	u.kind = KIND_BUNDLE;
	assert_int_equal(s3_key(&c, "dock-1", &u, key), 0);
	assert_string_equal(key, "north/" ASSET ".bundle");
	u.kind = KIND_LEDGER;
	snprintf(u.name, sizeof(u.name), "000001.jsonl");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), 0);
	assert_string_equal(key, "north/ledger/dock-1/000001.jsonl");
	snprintf(u.name, sizeof(u.name), "..");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), -EINVAL);
	snprintf(u.name, sizeof(u.name), "a/b");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), -EINVAL);
	u = clip();
	snprintf(u.asset, sizeof(u.asset), "../x");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), -EINVAL);
	u = clip();
	snprintf(c.prefix, sizeof(c.prefix), "/abs/");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), -EINVAL);
	snprintf(c.prefix, sizeof(c.prefix), "a/../");
	assert_int_equal(s3_key(&c, "dock-1", &u, key), -EINVAL);
}

static void puts_marks_beside_the_asset(void **state)
{
	char key[S3_KEY_LEN], long_key[S3_KEY_LEN];

	(void)state;
	assert_int_equal(s3_mark_key("n/" ASSET, ASSET, "north", key), 0);
	assert_string_equal(key, "n/preserve/" ASSET "/north");
	assert_int_equal(s3_mark_key(ASSET, ASSET, "", key), 0);
	assert_string_equal(key, "preserve/" ASSET "/");
	assert_int_equal(s3_mark_key("n/" ASSET ".bundle", ASSET, "north", key), -EINVAL);
	assert_int_equal(s3_mark_key("n/" HEX64, ASSET, "north", key), -EINVAL);
	assert_int_equal(s3_mark_key("k", "k", "north", key), -EINVAL);
	assert_int_equal(s3_mark_key("n/" ASSET, ASSET, "a/b", key), -EINVAL);
	assert_int_equal(s3_mark_key("n/" ASSET, ASSET, "..", key), -EINVAL);
	snprintf(long_key, sizeof(long_key), "%0*d/" ASSET, S3_KEY_LEN - 70, 0);
	assert_int_equal(s3_mark_key(long_key, ASSET, "north", key), -EINVAL);
}

static void keeps_addresses(void **state)
{
	struct s3_address a = { .key = "n\xc3\xb6rth?/a&b",
		.upload_id = "2~a/b.c_d-&partBytes=1",
		.part_bytes = 16 * MIB };
	char text[PROTO_ADDRESS_LEN];
	struct s3_address b;

	(void)state;
	assert_int_equal(s3_address_write(&a, text, sizeof(text)), 0);
	assert_string_equal(
	    text, "n%C3%B6rth%3F/a%26b?uploadId=2~a%2Fb.c_d-%26partBytes%3D1&partBytes=16777216");
	assert_int_equal(s3_address_read(text, &b), 0);
	assert_string_equal(b.key, a.key);
	assert_string_equal(b.upload_id, a.upload_id);
	assert_int_equal(b.part_bytes, a.part_bytes);
	assert_int_equal(s3_address_read("north/" ASSET, &b), 0);
	assert_string_equal(b.key, "north/" ASSET);
	assert_string_equal(b.upload_id, "");
	assert_int_equal(b.part_bytes, 0);
	assert_int_equal(s3_address_write(&b, text, sizeof(text)), 0);
	assert_string_equal(text, "north/" ASSET);
	assert_int_equal(s3_address_write(&b, text, 10), -ENOSPC);
}

static void refuses_addresses(void **state)
{
	static const char *const bad[] = { "", "?uploadId=a&partBytes=5242880", "/k", "k/../l", ".",
		"k?", "k?uploadId=", "k?uploadId=a", "k?uploadId=&partBytes=5242880",
		"k?uploadId=a&partBytes=", "k?uploadId=a&partBytes=5242881",
		"k?uploadId=a&partBytes=1048576", "k?uploadId=a&partBytes=-5242880",
		"k?uploadId=a&partBytes=5242880x", "k?uploadId=a&partBytes=99999999999999",
		"k?uploadId=a%0Ab&partBytes=5242880", "k?uploadId=a b&partBytes=5242880", "k%00",
		"k%0A", "k%", "k%2", "k%2g", "k\n", "https://other.example/k?versionId=3" };
	char text[PROTO_ADDRESS_LEN];
	struct s3_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(s3_address_read(bad[i], &a), -EINVAL);
	memset(text, 'k', sizeof(text));
	text[S3_KEY_LEN - 1] = '\0';
	assert_int_equal(s3_address_read(text, &a), 0);
	text[S3_KEY_LEN - 1] = 'k';
	text[S3_KEY_LEN] = '\0';
	assert_int_equal(s3_address_read(text, &a), -EINVAL);
}

static void sizes_parts_for_the_whole_file(void **state)
{
	const uint64_t sizes[] = { 0, 1, 5 * MIB, 16ull * MIB * 10000, 16ull * MIB * 10000 + 1,
		100ull << 30, 5ull << 40 };

	(void)state;
	assert_int_equal(s3_part_bytes(1, 0), S3_PART_MIN);
	assert_int_equal(s3_part_bytes(1, 16 * MIB), 16 * MIB);
	assert_int_equal(s3_part_bytes(1, 16 * MIB - 1), 16 * MIB);
	assert_int_equal(s3_part_bytes(16ull * MIB * 10000, 16 * MIB), 16 * MIB);
	assert_int_equal(s3_part_bytes(16ull * MIB * 10000 + 1, 16 * MIB), 17 * MIB);
	assert_int_equal(s3_part_bytes(UINT64_MAX, UINT64_MAX), 5ull << 30);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t part = s3_part_bytes(sizes[i], 5 * MIB);

		assert_true(part % MIB == 0 && (sizes[i] + part - 1) / part <= S3_PARTS_MAX);
	}
}

static void locks_until_the_day_to_dispose_by(void **state)
{
	struct proto_destination c = at("https://s3.example", "evidence", 0);
	struct proto_upload u = clip();

	(void)state;
	assert_true(s3_retain_until(&c, &u, NOW) == PROTO_NO_TIME);
	c.lock_mode = LOCK_GOVERNANCE;
	assert_true(s3_retain_until(&c, &u, NOW) == PROTO_NO_TIME);
	c.retain_days = 31;
	assert_int_equal(s3_retain_until(&c, &u, NOW), NOW + 31 * 86400);
	u.dispose_by_s = NOW + 40 * 86400;
	assert_int_equal(s3_retain_until(&c, &u, NOW), NOW + 40 * 86400);
	u.dispose_by_s = NOW - 5;
	assert_int_equal(s3_retain_until(&c, &u, NOW), NOW + 86400);
	u.dispose_by_s = INT64_MAX;
	assert_int_equal(s3_retain_until(&c, &u, NOW), 253402300799);
	u.kind = KIND_BUNDLE;
	assert_true(s3_retain_until(&c, &u, NOW) == PROTO_NO_TIME);
}

static void sends_what_goes_with_an_object(void **state)
{
	struct proto_destination c = at("https://s3.example", "evidence", 0);
	struct proto_upload u = clip();
	char out[S3_SIGNATURE_LEN];

	(void)state;
	c.lock_mode = LOCK_COMPLIANCE;
	c.retain_days = 31;
	u.preserved = 1;
	u.dispose_by_s = NOW + 86400 * 40;
	snprintf(u.name, sizeof(u.name), " na\xc3\xafve  100%% clip\r\n.mp4");
	assert_int_equal(s3_create(&c, "dock-1", &u, "k", NOW, &r), 0);
	assert_string_equal(r.method, "POST");
	assert_string_equal(r.payload, NOTHING);
	assert_int_equal(r.params_n, 1);
	assert_string_equal(r.param[0].name, "uploads");
	assert_string_equal(sent("x-amz-meta-asset"), ASSET);
	assert_string_equal(sent("x-amz-meta-sha256"),
	    "abababababababababababababababababababababababababababababababab");
	assert_string_equal(sent("x-amz-meta-name"), "%20na%C3%AFve%20%20100%25%20clip%0D%0A.mp4");
	assert_string_equal(sent("x-amz-meta-recorded"), "2026-09-21T13:13:20Z");
	assert_string_equal(sent("x-amz-meta-preserved"), "yes");
	assert_string_equal(sent("x-amz-object-lock-mode"), "COMPLIANCE");
	assert_string_equal(sent("x-amz-object-lock-retain-until-date"), "2026-10-31T14:13:20Z");
	assert_string_equal(sent("x-amz-object-lock-legal-hold"), "ON");
	assert_null(sent("content-md5"));
	assert_int_equal(s3_sign(&r, &example, "", NOW, out), 0);

	c.lock_mode = LOCK_GOVERNANCE;
	u.preserved = 0;
	assert_int_equal(s3_put(&c, "dock-1", &u, "k", NOW, HEX64, "bWQ1", &r), 0);
	assert_string_equal(r.method, "PUT");
	assert_string_equal(r.payload, HEX64);
	assert_string_equal(sent("content-md5"), "bWQ1");
	assert_string_equal(sent("x-amz-object-lock-mode"), "GOVERNANCE");
	assert_null(sent("x-amz-object-lock-legal-hold"));
	assert_null(sent("x-amz-meta-preserved"));

	c.lock_mode = LOCK_NONE;
	u.preserved = 1;
	assert_int_equal(s3_put(&c, "dock-1", &u, "k", NOW, HEX64, "bWQ1", &r), 0);
	assert_null(sent("x-amz-object-lock-mode"));
	assert_null(sent("x-amz-object-lock-retain-until-date"));
	/* a bucket without object lock refuses the whole object for this header */
	assert_null(sent("x-amz-object-lock-legal-hold"));
	assert_int_equal(s3_put(&c, "dock-1", &u, "k", NOW, "ab", "bWQ1", &r), -EINVAL);
}

/* Metadata of the longest names, all of it encoded, is still within S3's 2 KB. */
static void metadata_stays_within_its_limit(void **state)
{
	struct proto_destination c = at("https://s3.example", "evidence", 0);
	struct proto_upload u = clip();
	char station[PROTO_NAME_LEN], out[S3_SIGNATURE_LEN];
	size_t bytes = 0;

	(void)state;
	c.lock_mode = LOCK_COMPLIANCE;
	u.preserved = 1;
	u.dispose_by_s = NOW;
	memset(u.name, 0xff, sizeof(u.name) - 1);
	memset(u.camera, 0xff, sizeof(u.camera) - 1);
	memset(u.class, 'c', sizeof(u.class) - 1);
	memset(u.signature, 's', sizeof(u.signature) - 1);
	memset(station, 's', sizeof(station) - 1);
	station[sizeof(station) - 1] = '\0';
	assert_int_equal(s3_create(&c, station, &u, "k", NOW, &r), 0);
	for (size_t i = 0; i < r.headers_n; i++) {
		if (strncmp(r.header[i].name, "x-amz-meta-", 11) == 0)
			bytes += strlen(r.header[i].name) - 11 + strlen(r.header[i].value);
	}
	assert_true(bytes > 1000 && bytes <= 2048);
	assert_int_equal(s3_sign(&r, &example, "", NOW, out), 0);
}

static void assert_asks(int err, const char *method, const char *query)
{
	char url[2048];

	assert_int_equal(err, 0);
	assert_string_equal(r.method, method);
	assert_int_equal(s3_url(&r, url, sizeof(url)), 0);
	assert_string_equal(url + strcspn(url, "?"), query);
}

static void asks_as_the_api_says(void **state)
{
	struct proto_destination c = at("https://s3.example", "evidence", 0);
	struct s3_address a = { .key = "k", .upload_id = "2~id", .part_bytes = 5 * MIB };
	struct s3_address whole = { .key = "k" };

	(void)state;
	assert_asks(s3_head(&c, "k", "", &r), "HEAD", "");
	assert_asks(s3_head(&c, "k", "v/1", &r), "HEAD", "?versionId=v%2F1");
	assert_asks(s3_get(&c, "k", "v1", &r), "GET", "?versionId=v1");
	assert_asks(s3_delete(&c, "k", "v1", &r), "DELETE", "?versionId=v1");
	assert_asks(
	    s3_upload_part(&c, &a, 17, HEX64, "bWQ1", &r), "PUT", "?partNumber=17&uploadId=2~id");
	assert_string_equal(r.payload, HEX64);
	assert_string_equal(sent("content-md5"), "bWQ1");
	assert_int_equal(s3_upload_part(&c, &a, 0, HEX64, "bWQ1", &r), -EINVAL);
	assert_int_equal(s3_upload_part(&c, &a, 10001, HEX64, "bWQ1", &r), -EINVAL);
	assert_int_equal(s3_upload_part(&c, &whole, 1, HEX64, "bWQ1", &r), -EINVAL);
	assert_asks(s3_list_parts(&c, &a, 0, &r), "GET", "?max-parts=1000&uploadId=2~id");
	assert_asks(s3_list_parts(&c, &a, 1000, &r), "GET",
	    "?max-parts=1000&part-number-marker=1000&uploadId=2~id");
	assert_asks(s3_list_uploads(&c, "p/k", "", "", &r), "GET",
	    "?max-uploads=200&prefix=p%2Fk&uploads=");
	assert_asks(s3_list_uploads(&c, "k", "k", "2~a", &r), "GET",
	    "?key-marker=k&max-uploads=200&prefix=k&upload-id-marker=2~a&uploads=");
	assert_asks(s3_complete(&c, &a, HEX64, "bWQ1", &r), "POST", "?uploadId=2~id");
	assert_string_equal(r.payload, HEX64);
	assert_asks(s3_abort(&c, &a, &r), "DELETE", "?uploadId=2~id");
	assert_int_equal(s3_abort(&c, &whole, &r), -EINVAL); /* it would delete the object */
	assert_asks(
	    s3_legal_hold(&c, "k", "v1", HEX64, "bWQ1", &r), "PUT", "?legal-hold=&versionId=v1");
	assert_string_equal(sent("content-md5"), "bWQ1");
	assert_asks(s3_legal_hold_ask(&c, "k", "v1", &r), "GET", "?legal-hold=&versionId=v1");
	assert_asks(s3_list_marks(&c, "p/preserve/k/", &r), "GET",
	    "?list-type=2&max-keys=100&prefix=p%2Fpreserve%2Fk%2F");
	assert_string_equal(r.path, "/");
	assert_asks(s3_put_mark(&c, "p/preserve/k/north", HEX64, "bWQ1", &r), "PUT", "");
	assert_string_equal(r.path, "/p/preserve/k/north");
	assert_string_equal(r.payload, HEX64);
	assert_string_equal(sent("content-md5"), "bWQ1");
	assert_asks(s3_bucket_head(&c, &r), "HEAD", "");
	assert_string_equal(r.path, "/");
	c.flags = DESTINATION_PATH_STYLE;
	assert_asks(s3_object_lock(&c, &r), "GET", "?object-lock=");
	assert_string_equal(r.path, "/evidence");
}

static void writes_bodies(void **state)
{
	const struct s3_part parts[] = { { 1, 5, "\"a<b>&c\"" }, { 2, 5, "\"d\"" } };
	static char big[10000 * 160];
	static struct s3_part many[S3_PARTS_MAX];
	char out[512];
	int n;

	(void)state;
	n = s3_complete_body(parts, 2, out, sizeof(out));
	assert_string_equal(out,
	    "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	    "<Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;b&gt;&amp;c&quot;</ETag></Part>"
	    "<Part><PartNumber>2</PartNumber><ETag>&quot;d&quot;</ETag></Part>"
	    "</CompleteMultipartUpload>");
	assert_int_equal(n, strlen(out));
	assert_int_equal(s3_complete_body(parts, 2, out, (size_t)n), -ENOSPC);
	assert_int_equal(s3_complete_body(parts, 2, out, (size_t)n + 1), n);
	for (unsigned i = 0; i < S3_PARTS_MAX; i++)
		many[i] = (struct s3_part){ i + 1, 5, "\"0123456789abcdef0123456789abcdef\"" };
	assert_true(s3_complete_body(many, S3_PARTS_MAX, big, sizeof(big)) > 900000);
	assert_true(s3_legal_hold_body(true, out, sizeof(out)) > 0);
	assert_non_null(strstr(out, "<Status>ON</Status>"));
	assert_true(s3_legal_hold_body(false, out, sizeof(out)) > 0);
	assert_non_null(strstr(out, "<Status>OFF</Status>"));
	assert_int_equal(s3_legal_hold_body(true, out, 20), -ENOSPC);
}

static void names_the_destination(void **state)
{
	struct proto_destination c = at("HTTPS://S3.example:443/", "evidence", 0);
	char out[256];

	(void)state;
	snprintf(c.prefix, sizeof(c.prefix), "north/");
	assert_int_equal(s3_identity(&c, out, sizeof(out)), 0);
	assert_string_equal(out, "s3 https://s3.example evidence north/");
	assert_int_equal(s3_identity(&c, out, 10), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_as_the_published_examples),
		cmocka_unit_test(signs_a_session_token_of_any_length),
		cmocka_unit_test(says_when_there_is_no_room),
		cmocka_unit_test(writes_the_url_that_it_signs),
		cmocka_unit_test(reads_keys),
		cmocka_unit_test(refuses_keys_that_cannot_be),
		cmocka_unit_test(puts_the_bucket_where_it_belongs),
		cmocka_unit_test(refuses_endpoints_and_buckets),
		cmocka_unit_test(makes_keys_of_what_is_ours_alone),
		cmocka_unit_test(puts_marks_beside_the_asset),
		cmocka_unit_test(keeps_addresses),
		cmocka_unit_test(refuses_addresses),
		cmocka_unit_test(sizes_parts_for_the_whole_file),
		cmocka_unit_test(locks_until_the_day_to_dispose_by),
		cmocka_unit_test(sends_what_goes_with_an_object),
		cmocka_unit_test(metadata_stays_within_its_limit),
		cmocka_unit_test(asks_as_the_api_says),
		cmocka_unit_test(writes_bodies),
		cmocka_unit_test(names_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
