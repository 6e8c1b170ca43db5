/* tus_chunk, tus_address, and what tus_reply makes of clocks and caches: the line to the server. */
#include "../../uploader/tus_address.h"
#include "../../uploader/tus_chunk.h"
#include "../../uploader/tus_reply.h"

#include "tus_verdict.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ZEROS_64                                                                                   \
	"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="

static void chunks_last_a_minute_at_most(void **state)
{
	struct tus_chunk c;

	(void)state;
	tus_chunk_init(&c, 0, 0);
	assert_int_equal(c.now_bytes, 256 << 10);
	tus_chunk_took(&c, 256 << 10, 100, true);
	assert_int_equal(c.now_bytes, 1 << 20);
	tus_chunk_took(&c, 1 << 20, 10000, true);
	assert_int_equal(c.now_bytes, 4 << 20);
	tus_chunk_took(&c, 4 << 20, 30000, true);
	assert_int_equal(c.now_bytes, 8 << 20);
	for (uint64_t most = 32 << 20; most <= 512 << 20; most *= 4) {
		tus_chunk_took(&c, c.now_bytes, 400, true);
		assert_int_equal(c.now_bytes, most < 256 << 20 ? most : 256 << 20);
	}
	/* 64 kbit/s: 8,000 bytes a second, 480,000 a minute. */
	tus_chunk_took(&c, 800000, 100000, false);
	assert_int_equal(c.now_bytes, 480000);
	tus_chunk_took(&c, 1000, 100000, true);
	assert_int_equal(c.now_bytes, 256 << 10);
	/* Neither a short last chunk nor a cut one makes it grow. */
	tus_chunk_took(&c, 1000, 1, true);
	assert_int_equal(c.now_bytes, 256 << 10);
	tus_chunk_took(&c, 256 << 10, 1, false);
	assert_int_equal(c.now_bytes, 256 << 10);
	assert_false(tus_chunk_halve(&c, 256 << 10));
	tus_chunk_took(&c, UINT64_MAX, 0, true);
	assert_int_equal(c.now_bytes, 256 << 10);
}

static void chunks_are_halved_and_grow_again(void **state)
{
	struct tus_chunk c;

	(void)state;
	tus_chunk_init(&c, 256 << 10, 256 << 20);
	while (c.now_bytes < 256 << 20)
		tus_chunk_took(&c, c.now_bytes, 1, true);
	/* half of what was cut, which a checksum holds to 16 MiB; once for all that broke */
	assert_true(tus_chunk_halve(&c, TUS_CHUNK_CHECKED));
	assert_int_equal(c.now_bytes, 8 << 20);
	assert_false(tus_chunk_halve(&c, TUS_CHUNK_CHECKED));
	assert_true(tus_chunk_halve(&c, 8 << 20));
	assert_int_equal(c.now_bytes, 4 << 20);
	/* one that went well proves nothing yet */
	for (unsigned i = 1; i < TUS_CHUNK_WARY; i++)
		tus_chunk_took(&c, 4 << 20, 1, true);
	assert_int_equal(c.now_bytes, 4 << 20);
	tus_chunk_took(&c, 4 << 20, 1, true);
	assert_int_equal(c.now_bytes, 8 << 20);
	tus_chunk_took(&c, 8 << 20, 1, true);
	assert_int_equal(c.now_bytes, 8 << 20);
	for (unsigned i = 1; i < TUS_CHUNK_WARY; i++)
		tus_chunk_took(&c, 8 << 20, 1, true);
	assert_int_equal(c.now_bytes, 16 << 20);
	while (tus_chunk_halve(&c, c.now_bytes))
		;
	assert_int_equal(c.now_bytes, 256 << 10);
}

static void chunks_obey_a_limit(void **state)
{
	struct tus_chunk c;

	(void)state;
	tus_chunk_init(&c, 256 << 10, 256 << 20);
	assert_true(tus_chunk_cap(&c, 5 << 20));
	assert_int_equal(c.max_bytes, (5 << 20) / 2);
	for (int i = 0; i < 5; i++)
		tus_chunk_took(&c, c.now_bytes, 1, true);
	assert_int_equal(c.now_bytes, (5 << 20) / 2);
	assert_true(tus_chunk_cap(&c, 300 << 10));
	assert_int_equal(c.now_bytes, 256 << 10);
	assert_false(tus_chunk_cap(&c, 256 << 10));
	tus_chunk_init(&c, 1 << 20, 512 << 10);
	assert_int_equal(c.now_bytes, 1 << 20);
	tus_chunk_init(&c, 64 << 20, 256 << 20);
	assert_int_equal(c.now_bytes, 64 << 20);
}

/* ---- dates, clocks, caches ---- */

static void expiry_is_by_our_clock(void **state)
{
	struct tus_reply r;

	(void)state;
	assert_int_equal(read_text("HTTP/1.1 201 x\r\n"
				   "Upload-Expires: Mon, 21 Sep 2026 14:23:20 GMT\r\n",
			     &r),
	    0);
	assert_true(r.expires_s == NOW + 600 && r.skew_s == 0);
	/* a server that is an hour ahead: its Date stands before or behind */
	assert_int_equal(read_text("HTTP/1.1 201 x\r\nDate: Mon, 21 Sep 2026 15:13:20 GMT\r\n"
				   "Upload-Expires: Mon, 21 Sep 2026 15:23:20 GMT\r\n",
			     &r),
	    0);
	assert_true(r.expires_s == NOW + 600 && r.skew_s == 3600);
	assert_int_equal(
	    read_text("HTTP/1.1 503 x\r\nRetry-After: Mon, 21 Sep 2026 13:13:50 GMT\r\n"
		      "Date: Mon, 21 Sep 2026 13:13:20 GMT\r\n",
		&r),
	    0);
	assert_true(r.retry_after_ms == 30000 && r.skew_s == -3600);
	for (const char *const *bad = (const char *const[]){ "", "soon", "0", "x, y", NULL }; *bad;
	     bad++) {
		char text[128];

		snprintf(text, sizeof(text), "HTTP/1.1 201 x\r\nUpload-Expires: %s\r\nDate: %s\r\n",
		    *bad, *bad);
		assert_int_equal(read_text(text, &r), 0);
		assert_true(r.expires_s == PROTO_NO_TIME && r.skew_s == 0);
	}
}

static void refusal_under_a_wrong_clock_is_named(void **state)
{
	struct tus_reply r = { .status = 403, .skew_s = -1000 };
	struct tus_words w;

	(void)state;
	assert_int_equal(tus_reply_judge(TUS_CREATE, &r, &w), TUS_CREDENTIALS);
	assert_string_equal(w.state, "clock-skew");
	r.skew_s = 200;
	assert_int_equal(tus_reply_judge(TUS_CREATE, &r, &w), TUS_CREDENTIALS);
	assert_string_equal(w.state, "forbidden");
}

static void caches_are_not_believed(void **state)
{
	(void)state;
	assert_int_equal(verdict(TUS_HEAD, 200, "Upload-Offset: 5\r\nAge: 0\r\n"), TUS_GOOD);
	assert_int_equal(verdict(TUS_HEAD, 200, "Upload-Offset: 5\r\nage: 1\r\n"), TUS_ASK);
	assert_int_equal(verdict(TUS_FIND, 200, "Upload-Length: 5\r\nAge: 77\r\n"), TUS_ASK);
	assert_int_equal(verdict(TUS_PATCH, 204, "Upload-Offset: 5\r\nAge: 1\r\n"), TUS_GOOD);
}

static void finds_what_others_have_begun(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *url, *path, *front;
	} good[] = {
		{ "http://h/files", "{asset}", "http://h/files/" },
		{ "http://h/files/", "{asset}", "http://h/files/" },
		{ "http://h/files/?key=1", "by-asset/{asset}", "http://h/files/by-asset/" },
		{ "https://h:8443", "/find/{asset}", "https://h:8443/find/" },
		{ "https://h:8443/a//", "?asset={asset}", "https://h:8443/a/?asset=" },
		{ "http://h/f", "http://h/find/{asset}", "http://h/find/" },
	};
	char url[PROTO_ADDRESS_LEN];
	struct tus_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tus_find_url(good[i].url, good[i].path, id, url, sizeof(url)), 0);
		assert_int_equal(strncmp(url, good[i].front, strlen(good[i].front)), 0);
		assert_string_equal(url + strlen(good[i].front), id);
	}
	assert_int_equal(tus_find_url("http://h/f", "asset", id, url, sizeof(url)), -EINVAL);
	assert_int_equal(tus_find_url("http://h/f", "{asset}", "../x", url, sizeof(url)), -EINVAL);
	assert_int_equal(
	    tus_find_url("http://h/f", "//evil/{asset}", id, url, sizeof(url)), -EXDEV);
	assert_int_equal(tus_find_url("http://h/f", "{asset}", id, url, 20), -ENAMETOOLONG);
	assert_int_equal(verdict(TUS_FIND, 200, "Upload-Length: 5\r\n"), TUS_GOOD);
	assert_int_equal(verdict(TUS_FIND, 200, ""), TUS_DESTINATION);
	assert_int_equal(verdict(TUS_FIND, 423, ""), TUS_ASK);
	assert_int_equal(verdict(TUS_FIND, 423, "Retry-After: 5\r\n"), TUS_LATER);
	assert_int_equal(read_text("HTTP/1.1 200 x\r\nContent-Location: /files/1\r\n"
				   "Upload-Metadata: sha256 " ZEROS_64 "\r\n",
			     &r),
	    0);
	assert_true(r.has_content_location && r.has_sha256 && !r.has_location && !r.has_asset);
	assert_string_equal(r.content_location, "/files/1");
	assert_int_equal(strspn(r.sha256, "0"), 64);
	assert_int_equal(
	    read_text("HTTP/1.1 200 x\r\nContent-Location: /1\r\nContent-Location: /2\r\n", &r),
	    -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_last_a_minute_at_most),
		cmocka_unit_test(chunks_are_halved_and_grow_again),
		cmocka_unit_test(chunks_obey_a_limit),
		cmocka_unit_test(expiry_is_by_our_clock),
		cmocka_unit_test(refusal_under_a_wrong_clock_is_named),
		cmocka_unit_test(caches_are_not_believed),
		cmocka_unit_test(finds_what_others_have_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
