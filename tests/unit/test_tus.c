/* tus_reply and disk: answers as real servers give them, and as no server should. */
#include "../../uploader/disk.h"
#include "../../uploader/tus_address.h"
#include "../../uploader/tus_reply.h"

#include "../../dockd/base/kind.h"
#include "tus_verdict.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

static void reads_what_servers_send(void **state)
{
	struct tus_reply r;

	(void)state;
	assert_int_equal(read_text("HTTP/1.1 204 \r\nupload-offset:  52428800 \r\n"
				   "UPLOAD-LENGTH: 52428801\r\n\r\n",
			     &r),
	    0);
	assert_int_equal(r.status, 204);
	assert_true(r.has_offset && r.has_length && !r.has_location);
	assert_int_equal(r.offset_bytes, 52428800);
	assert_int_equal(r.length_bytes, 52428801);
	assert_int_equal(read_text("HTTP/1.1 460\n", &r), 0);
	assert_int_equal(r.status, 460);
	assert_int_equal(
	    read_text(
		"HTTP/1.1 204 No Content\r\n"
		"Tus-Extension: creation-with-upload , creation,checksum\r\n"
		"Tus-Checksum-Algorithm: md5,sha256\r\nTus-Max-Size: 18446744073709551615\r\n\r\n",
		&r),
	    0);
	assert_true(r.extensions && r.creation && r.checksum && r.sha256_offered && r.has_max_size);
	assert_true(r.max_size_bytes == UINT64_MAX);
	assert_int_equal(read_text("HTTP/1.1 204 x\r\nTus-Extension: creation-with-upload\r\n"
				   "Tus-Checksum-Algorithm: sha2567\r\n",
			     &r),
	    0);
	assert_true(r.extensions && !r.creation && !r.checksum && !r.sha256_offered);
}

static void refuses_what_is_no_answer(void **state)
{
	static const char *const bad[] = { "", "\r\n", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2x4 OK",
		"HTTP/1.1 099 x", "SSH-2.0 200 OK..", "HTTP/1.1204 No Content",
		"HTTP/1.1 204 x\r\nUpload-Offset: 1\r\nUpload-Offset: 2\r\n",
		"HTTP/1.1 201 x\r\nLocation: /a\r\nLocation: /b\r\n" };
	struct tus_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_text(bad[i], &r), -EPROTO);
}

static void numbers_are_digits_only(void **state)
{
	static const char *const bad[] = { "-1", "+1", "0x1", "1 2", "", "1.0", "1,2",
		"18446744073709551616", "99999999999999999999999999" };
	struct tus_reply r;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 204 x\r\nUpload-Offset: %s\r\n", bad[i]);
		assert_int_equal(read_text(text, &r), 0);
		assert_false(r.has_offset);
	}
	assert_int_equal(
	    read_text("HTTP/1.1 204 x\r\nUpload-Offset: 7\r\nUpload-Offset: 7\r\n", &r), 0);
	assert_true(r.has_offset);
}

static void location_has_bounds(void **state)
{
	char text[PROTO_ADDRESS_LEN + 64];
	struct tus_reply r;
	int n;

	(void)state;
	n = snprintf(text, sizeof(text), "HTTP/1.1 201 x\r\nLocation: /");
	memset(text + n, 'a', PROTO_ADDRESS_LEN - 2);
	memcpy(text + n + PROTO_ADDRESS_LEN - 2, "\r\n", 3);
	assert_int_equal(read_text(text, &r), 0);
	assert_int_equal(strlen(r.location), PROTO_ADDRESS_LEN - 1);
	memcpy(text + n + PROTO_ADDRESS_LEN - 2, "a\r\n", 4);
	assert_int_equal(read_text(text, &r), -EPROTO);
	assert_int_equal(
	    tus_reply_read("HTTP/1.1 201 x\r\nLocation: /a\0b\r\n", 32, NOW, &r), -EPROTO);
}

static uint64_t retry_of(const char *value)
{
	struct tus_reply r;
	char text[256];

	snprintf(text, sizeof(text), "HTTP/1.1 503 x\r\nRetry-After: %s\r\n", value);
	assert_int_equal(read_text(text, &r), 0);
	return r.retry_after_ms;
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	(void)state;
	assert_int_equal(retry_of("120"), 120000);
	assert_int_equal(retry_of("0"), 0);
	/* 1790000000 is Mon, 21 Sep 2026 14:13:20 GMT; more of them in test_http_head.c. */
	assert_int_equal(retry_of("Mon, 21 Sep 2026 14:13:50 GMT"), 30000);
	assert_int_equal(retry_of("soon"), 0);
}

static void only_not_found_means_gone(void **state)
{
	(void)state;
	for (int status = 100; status < 600; status++) {
		for (int request = TUS_OPTIONS; request <= TUS_FIND; request++) {
			enum tus_verdict v = verdict((enum tus_request)request, status, "");
			bool asks =
			    request == TUS_HEAD || request == TUS_DELETE || request == TUS_FIND;
			bool gone = asks && (status == 404 || status == 410);

			assert_int_equal(v == TUS_GONE, gone);
			if (status < 200 || status > 299)
				assert_int_not_equal(v, TUS_GOOD);
		}
	}
	assert_int_equal(verdict(TUS_PATCH, 404, ""), TUS_ASK);
	assert_int_equal(verdict(TUS_PATCH, 410, ""), TUS_ASK);
}

static void judges_by_status(void **state)
{
	static const int passing[] = { 408, 409, 423, 425, 429, 499, 500, 502, 503, 504, 520, 521,
		522, 523, 524, 599 };
	static const int whole[] = { 402, 405, 407, 412, 415, 501, 505, 507, 511, 301, 302, 303,
		307, 308 };

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		assert_int_equal(verdict(TUS_PATCH, passing[i], ""), TUS_ASK);
		assert_int_equal(verdict(TUS_HEAD, passing[i], ""), TUS_ASK);
		assert_int_equal(verdict(TUS_HEAD, passing[i], "Retry-After: 9\r\n"), TUS_LATER);
	}
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		assert_int_equal(verdict(TUS_PATCH, whole[i], ""), TUS_DESTINATION);
	assert_int_equal(verdict(TUS_PATCH, 413, ""), TUS_SMALLER);
	assert_int_equal(verdict(TUS_CREATE, 413, ""), TUS_REFUSED);
	assert_int_equal(verdict(TUS_PATCH, 417, ""), TUS_NO_EXPECT);
	assert_int_equal(verdict(TUS_PATCH, 460, ""), TUS_MISMATCH);
	assert_int_equal(verdict(TUS_PATCH, 401, ""), TUS_CREDENTIALS);
	assert_int_equal(verdict(TUS_PATCH, 403, ""), TUS_CREDENTIALS);
	assert_int_equal(verdict(TUS_PATCH, 400, ""), TUS_REFUSED);
	assert_int_equal(verdict(TUS_PATCH, 204, ""), TUS_ASK);
	assert_int_equal(verdict(TUS_PATCH, 200, "Upload-Offset: 5\r\n"), TUS_GOOD);
	assert_int_equal(verdict(TUS_CREATE, 201, "Location: /1\r\n"), TUS_GOOD);
	assert_int_equal(verdict(TUS_CREATE, 201, ""), TUS_DESTINATION);
	assert_int_equal(verdict(TUS_GET, 206, ""), TUS_REFUSED);
}

static void location_is_pinned(void **state)
{
	static const struct {
		const char *base, *location, *expected;
	} good[] = {
		{ "https://ev.example/files", "/files/1", "https://ev.example/files/1" },
		{ "https://ev.example/files/", "1", "https://ev.example/files/1" },
		{ "https://ev.example/files", "?id=1", "https://ev.example/files?id=1" },
		{ "https://ev.example/files", "//ev.example/x", "https://ev.example/x" },
		{ "https://ev.example/files", "http://ev.example/x", "https://ev.example/x" },
		{ "https://ev.example/files", "http://EV.example:80/x#y", "https://ev.example/x" },
		{ "https://ev.example:8443/f", "https://ev.example/x",
		    "https://ev.example:8443/x" },
		{ "https://ev.example:8443/f", "http://ev.example:8443/x",
		    "https://ev.example:8443/x" },
		{ "http://127.0.0.1:1080/f", "https://127.0.0.1/x", "http://127.0.0.1:1080/x" },
		{ "http://[::1]:1080/f", "http://[::1]:1080/x", "http://[::1]:1080/x" },
	};
	static const struct {
		const char *location;
		int err;
	} bad[] = {
		{ "https://evil.example/files/1", -EXDEV },
		{ "//evil.example/files/1", -EXDEV },
		{ "https://ev.example.evil/1", -EXDEV },
		{ "https://ev.example:444/1", -EXDEV },
		{ "http://ev.example:8080/1", -EXDEV },
		{ "https://user@ev.example/1", -EINVAL },
		{ "https://user:p@ev.example/1", -EINVAL },
		{ "https://ev.example@evil.example/1", -EINVAL },
		{ "ftp://ev.example/1", -EINVAL },
		{ "file:///etc/passwd", -EINVAL },
		{ "/a b", -EINVAL },
		{ "/a\r\nHost: evil", -EINVAL },
		{ "\\\\evil.example\\x", -EINVAL },
	};
	char out[PROTO_ADDRESS_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tus_location(good[i].base, good[i].location, out, sizeof(out)), 0);
		assert_string_equal(out, good[i].expected);
		/* What is pinned stays as it is when it is pinned again. */
		assert_int_equal(tus_location(good[i].base, good[i].expected, out, sizeof(out)), 0);
		assert_string_equal(out, good[i].expected);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    tus_location("https://ev.example/files", bad[i].location, out, sizeof(out)),
		    bad[i].err);
	assert_int_equal(
	    tus_location("https://ev.example/files", "/files/1", out, 20), -ENAMETOOLONG);
	assert_int_equal(
	    tus_location("https://u:p@ev.example/files", "/1", out, sizeof(out)), -EINVAL);
	assert_int_equal(tus_location("ev.example/files", "/1", out, sizeof(out)), -EINVAL);
}

static void reads_what_is_stored(void **state)
{
	static const char zeros[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const uint8_t none[PROTO_SHA256_LEN];
	struct tus_reply r;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text),
	    "HTTP/1.1 200 x\r\nRepr-Digest: sha-512=:AAAA:, sha-256=:%s:\r\n"
	    "Tus-Version: 1.0.0\r\nTus-Extension: creation,termination\r\n",
	    zeros);
	assert_int_equal(read_text(text, &r), 0);
	assert_true(r.has_digest && r.speaks_tus && r.termination);
	assert_memory_equal(r.digest, none, sizeof(none));
	snprintf(text, sizeof(text), "HTTP/1.1 200 x\r\nRepr-Digest: sha-256=%s\r\n", zeros);
	assert_int_equal(read_text(text, &r), 0);
	assert_false(r.has_digest);
	snprintf(text, sizeof(text), "HTTP/1.1 200 x\r\nRepr-Digest: sha-256=:%.40s:\r\n", zeros);
	assert_int_equal(read_text(text, &r), 0);
	assert_false(r.has_digest);
	/* two that differ: no answer at all */
	snprintf(text, sizeof(text),
	    "HTTP/1.1 200 x\r\nRepr-Digest: sha-256=:%s:\r\nRepr-Digest: sha-256=:B%s:\r\n", zeros,
	    zeros + 1);
	assert_int_equal(read_text(text, &r), -EPROTO);
}

/* 64 times '0', in base64. */
#define ZEROS_64                                                                                   \
	"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA=="

static void reads_whose_it_is(void **state)
{
	struct tus_reply r;

	(void)state;
	assert_int_equal(
	    read_text("HTTP/1.1 200 x\r\nUpload-Metadata: filename YQ==, asset " ZEROS_64
		      ",is_final\r\n",
		&r),
	    0);
	assert_true(r.has_asset);
	assert_int_equal(strspn(r.asset, "0"), 64);
	assert_int_equal(strlen(r.asset), 64);
	/* one that is none, or two: not this one */
	assert_int_equal(read_text("HTTP/1.1 200 x\r\nUpload-Metadata: asset YQ==\r\n", &r), 0);
	assert_true(r.has_asset && r.asset[0] == '\0');
	assert_int_equal(
	    read_text(
		"HTTP/1.1 200 x\r\nUpload-Metadata: asset " ZEROS_64 ",asset " ZEROS_64 "\r\n", &r),
	    0);
	assert_true(r.has_asset && r.asset[0] == '\0');
	assert_int_equal(
	    read_text("HTTP/1.1 200 x\r\nUpload-Metadata: dasset YQ==,asset\r\n", &r), 0);
	assert_false(r.has_asset);
}

static void a_receipt_that_does_not_come_is_waited_for(void **state)
{
	struct tus_words w;

	(void)state;
	for (int status = 201; status < 600; status++) {
		struct tus_reply r = { .status = status };
		enum tus_verdict v = tus_reply_judge(TUS_NOTE, &r, &w);

		if (v != TUS_ASK && v != TUS_LATER)
			assert_true(v == TUS_CREDENTIALS && (status == 401 || status == 403));
		assert_int_not_equal(w.text[0], '\0');
		assert_int_not_equal(w.state[0], '\0');
		r.retry_after_ms = 60000;
		if (status >= 300)
			assert_int_equal(tus_reply_judge(TUS_NOTE, &r, &w), TUS_LATER);
	}
}

static void receipts_have_their_url(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(tus_receipt_url("http://a/files/1", "/receipt", out, sizeof(out)), 0);
	assert_string_equal(out, "http://a/files/1/receipt");
	assert_int_equal(tus_receipt_url("http://a/files/1/?k=v", "/r", out, sizeof(out)), 0);
	assert_string_equal(out, "http://a/files/1/r?k=v");
	assert_int_equal(tus_receipt_url("http://a/files/1", "/receipt", out, 24), -ENAMETOOLONG);
	assert_int_equal(tus_receipt_url("http://a/files/1", "/receipt", out, 25), 0);
}

static void receipts_are_text(void **state)
{
	static const char *const good[] = { "a", "\n", "\u2014 x\n", "\U0001f4f7", "\x7f",
		"\xed\x9f\xbf", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "", "\x80", "\xc0\x80", "\xc1\xbf", "\xe2\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5",
		"\xff\xfe", "a\xe2\x80" };
	static char large[TUS_NOTE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(tus_note_is_text(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(tus_note_is_text(bad[i], strlen(bad[i])));
	assert_false(tus_note_is_text("a\0b", 3));
	memset(large, 'x', sizeof(large));
	assert_true(tus_note_is_text(large, TUS_NOTE_MAX));
	assert_false(tus_note_is_text(large, TUS_NOTE_MAX + 1));
}

static void metadata_leaves_out_what_is_empty(void **state)
{
	struct proto_upload u = { .kind = KIND_CLIP,
		.recorded_s = PROTO_NO_TIME,
		.dispose_by_s = PROTO_NO_TIME,
		.name = "a.mp4" };
	char out[3072];

	(void)state;
	assert_int_equal(tus_metadata(&u, "", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "filename YS5tcDQ=,sha256 "));
	assert_null(strstr(out, "camera"));
	assert_null(strstr(out, "recorded"));
	assert_null(strstr(out, "station"));
	u.recorded_s = 0;
	assert_int_equal(tus_metadata(&u, "s", out, sizeof(out)), 0);
	assert_non_null(
	    strstr(out, ",station cw==,kind Y2xpcA==,recorded MTk3MC0wMS0wMVQwMDowMDowMFo="));
	u.kind = KIND_BUNDLE; /* of the station's own: no retention record goes with it */
	assert_int_equal(tus_metadata(&u, "s", out, sizeof(out)), 0);
	assert_non_null(strstr(out, ",kind YnVuZGxl"));
	assert_null(strstr(out, "recorded"));
	u.kind = KIND_CLIP;
	u.dispose_by_s = PROTO_NO_TIME;
	u.preserved = 1;
	assert_int_equal(tus_metadata(&u, "s", out, sizeof(out)), 0);
	assert_non_null(strstr(out, ",preserved eWVz"));
	assert_null(strstr(out, "dispose-by"));
	u.recorded_s = INT64_MAX;
	assert_int_equal(tus_metadata(&u, "s", out, sizeof(out)), 0);
	assert_null(strstr(out, "recorded"));
	memset(u.name, 'n', sizeof(u.name) - 1);
	memset(u.camera, 'c', sizeof(u.camera) - 1);
	memset(u.asset, 'a', sizeof(u.asset) - 1);
	assert_int_equal(tus_metadata(&u, "s", out, sizeof(out)), 0);
	assert_null(strchr(out, '\n'));
	assert_int_equal(tus_metadata(&u, "s", out, 600), -ENAMETOOLONG);
	assert_true(strlen(out) < 600);
}

/* ---- disks, on a sysfs made for the test ---- */

static char root[64];

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; *p; p++) {
		if (*p == '/') {
			*p = '\0';
			mkdir(full, 0700);
			*p = '/';
		}
	}
	if (!text) {
		mkdir(full, 0700);
		return;
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void name(const char *dev, const char *path)
{
	char to[128], at[128];

	snprintf(to, sizeof(to), "../../devices/%s", path);
	snprintf(at, sizeof(at), "%s/dev/block/%s", root, dev);
	put("dev/block", NULL);
	assert_int_equal(symlink(to, at), 0);
}

static int make_sysfs(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/dockd-sysfs-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("devices/sda/device", NULL);
	put("devices/sda/dev", "8:0\n");
	put("devices/sda/sda1/partition", "1\n");
	put("devices/sda/sda2/partition", "2\n");
	put("devices/sdb/device", NULL);
	put("devices/sdb/dev", "8:16\n");
	put("devices/sdb/sdb1/partition", "1\n");
	put("devices/dm-0/slaves/sda2/dev", "8:2\n");
	put("devices/md0/slaves/sda1/dev", "8:1\n");
	put("devices/md0/slaves/sdb1/dev", "8:17\n");
	put("devices/dm-1/slaves/loop0/dev", "7:0\n");
	put("devices/dm-2/slaves/dm-2/dev", "253:2\n");
	put("devices/dm-3/slaves", NULL);
	put("devices/loop0/dev", "7:0\n");
	name("8:0", "sda");
	name("8:1", "sda/sda1");
	name("8:2", "sda/sda2");
	name("8:16", "sdb");
	name("8:17", "sdb/sdb1");
	name("253:0", "dm-0");
	name("9:0", "md0");
	name("253:1", "dm-1");
	name("253:2", "dm-2");
	name("253:3", "dm-3");
	name("7:0", "loop0");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static int remove_sysfs(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void disks_are_resolved(void **state)
{
	struct disks d;

	(void)state;
	assert_int_equal(disk_resolve(root, makedev(8, 1), &d), 0);
	assert_int_equal(d.n, 1);
	assert_true(d.disk[0] == makedev(8, 0));
	assert_int_equal(disk_resolve(root, makedev(253, 0), &d), 0);
	assert_true(d.n == 1 && d.disk[0] == makedev(8, 0));
	assert_int_equal(disk_resolve(root, makedev(9, 0), &d), 0);
	assert_int_equal(d.n, 2);
	assert_true(d.disk[0] + d.disk[1] == makedev(8, 0) + makedev(8, 16));
	/* What has no hardware behind it, or cannot be followed, is not resolved. */
	assert_int_equal(disk_resolve(root, makedev(7, 0), &d), -ENODEV);
	assert_int_equal(disk_resolve(root, makedev(253, 1), &d), -ENODEV);
	assert_int_equal(disk_resolve(root, makedev(253, 3), &d), -ENODEV);
	assert_int_equal(disk_resolve(root, makedev(0, 42), &d), -ENODEV);
	/* A device on itself ends, with no disk found. */
	assert_int_equal(disk_resolve(root, makedev(253, 2), &d), 0);
	assert_int_equal(d.n, 0);
}

static void same_file_is_never_another_disk(void **state)
{
	int dir = fileno(tmpfile());

	(void)state;
	assert_false(disk_is_another("/sys", dir, dir));
	assert_false(disk_is_another("/sys", dir, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_servers_send),
		cmocka_unit_test(refuses_what_is_no_answer),
		cmocka_unit_test(numbers_are_digits_only),
		cmocka_unit_test(location_has_bounds),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(only_not_found_means_gone),
		cmocka_unit_test(judges_by_status),
		cmocka_unit_test(location_is_pinned),
		cmocka_unit_test(reads_what_is_stored),
		cmocka_unit_test(reads_whose_it_is),
		cmocka_unit_test(a_receipt_that_does_not_come_is_waited_for),
		cmocka_unit_test(receipts_have_their_url),
		cmocka_unit_test(receipts_are_text),
		cmocka_unit_test(metadata_leaves_out_what_is_empty),
		cmocka_unit_test_setup_teardown(disks_are_resolved, make_sysfs, remove_sysfs),
		cmocka_unit_test(same_file_is_never_another_disk),
	};

	return cmocka_run_group_tests_name("tus", tests, NULL, NULL);
}
