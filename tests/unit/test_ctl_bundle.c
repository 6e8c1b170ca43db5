/*
 * dockctl verify-bundle and statement: a bundle as dockd makes it is good on any machine; any byte
 * of it changed, another file, another key, another's receipt: refused; and what the sheet says.
 */
#include "../../dockd/ctl_bundle.h"

#define main ctl_main
int ctl_main(int argc, char **argv);
#include "../../dockd/ctl.c"
#undef main

#include "../../dockd/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bundle_ledger.h"
#include "proof_ledger.h"

#define SHEET "tests/vectors/statement/clip.txt"

static char name[256];
static struct bundle_view v;
static char *good_bytes;
static size_t good_n;
static char clip_sha256[65], clip_id[PROTO_ID_LEN];
static struct note_signer *server;
static char server_vkey[NOTE_VKEY_LEN];

/* The clock of this test: one second a record, from 21 November 2026, 12:00:00. */
static int64_t now_ms = INT64_C(1795262400000);

int64_t clock_now_ms(void)
{
	return now_ms += 1000;
}

static void sign_all(void)
{
	struct tlog_checkpoint c = { .origin = "north" };
	struct tlog_edge edge;
	char text[512];

	grow_tree(&edge);
	c.size = leaves;
	tlog_edge_root(&edge, &c.root);
	assert_true(tlog_checkpoint_format(&c, text, sizeof(text)) > 0);
	assert_true(note_sign(signer, text, checkpoint_text, sizeof(checkpoint_text)) > 0);
	tree = (struct bundle_tree){ "north", vkey, checkpoint_text, leaves, prove_one, NULL };
}

/* The lines of a receipt, in their order; one of them may be another. */
static const char *const receipt_form[] = { "evidence.example", "dockd receipt v1", "sha256 %s",
	"length 9", "asset %s", "station north", "object x", "version v7",
	"time 2026-11-21T12:00:30Z" };

static void receipt_text(char *out, size_t room, const char *sha256, int other, const char *line)
{
	size_t used = 0;

	for (int i = 0; i < 9; i++) {
		const char *value = i == 2 ? sha256 : i == 4 ? clip_id : "";
		const char *at = strchr(receipt_form[i], '%');

		used += (size_t)(i == other ?
			snprintf(out + used, room - used, "%s\n", line) :
			snprintf(out + used, room - used, "%.*s%s\n",
			    (int)(at ? at - receipt_form[i] : (ptrdiff_t)strlen(receipt_form[i])),
			    receipt_form[i], value));
	}
}

static void put_receipt(const char *sha256, int other, const char *line)
{
	char text[600], note[1200];

	receipt_text(text, sizeof(text), sha256, other, line);
	assert_true(note_sign(server, text, note, sizeof(note)) > 0);
	begin("receipted", 1);
	record_text(&rec, "destination", "evidence");
	record_text(&rec, "level", "signed");
	record_number(&rec, "length", 9);
	record_text(&rec, "sha256", clip_sha256);
	record_text(&rec, "object", "https://evidence.example/files/x?part=1");
	record_text(&rec, "key", "evidence.example");
	record_number(&rec, "server-time", 1795262430);
	record_text(&rec, "version", "v7");
	record_text(&rec, "lock", "governance");
	record_number(&rec, "retain-until", 1800000000);
	record_text(&rec, "note", note);
	put();
}

static void sign_receipt(const char *sha256)
{
	put_receipt(sha256, -1, "");
}

static void put_camera(void)
{
	begin("docked", 0);
	record_number(&rec, "docking", 7);
	record_text(&rec, "bay", "3");
	record_text(&rec, "port", "1-2");
	record_text(&rec, "serial", "BWC-1");
	record_text(&rec, "profile", "p");
	put();
	begin("camera", 0);
	record_number(&rec, "docking", 7);
	record_text(&rec, "camera", "BWC-1");
	record_text(&rec, "identity", "proved");
	record_number(&rec, "clock-offset-ms", -2500);
	record_number(&rec, "clock-synchronised", 1);
	record_text(&rec, "clock-source", "chrony");
	put();
}

static void put_order(uint64_t number, const char *scope, const char *value)
{
	begin("preserve", 0);
	record_number(&rec, "order", (int64_t)number);
	record_text(&rec, "scope", scope);
	record_text(&rec, "value", value);
	record_text(&rec, "reason", "case 7");
	record_number(&rec, "uid", 1000);
	put();
}

/* A clip's life, from docking to erasing, as the core writes it. */
static void live(void)
{
	put_camera();
	put_found(1, 7, "BWC-1", KIND_CLIP, "DCIM/clip \x1b[2J.mp4", 9, 1795250000);
	put_pull(1, 7, 0);
	put_pulled(1, 7, "broken", 4);
	put_pulled(1, 7, "done", 9);
	put_staged(1, 9);
	begin("checked", 1);
	record_text(&rec, "sha256", clip_sha256);
	record_number(&rec, "length", 9);
	record_text(&rec, "id", clip_id);
	record_text(&rec, "signature", "");
	put();
	begin("signature", 1);
	record_text(&rec, "result", "valid");
	record_number(&rec, "time-unproved", 0);
	record_text(&rec, "text", "certificate of BWC-1");
	put();
	begin("retention", 1);
	record_text(&rec, "class", "not-yet-categorised");
	record_number(&rec, "recorded", 1795250002);
	record_number(&rec, "proved", 1);
	put();
	begin("created", 1);
	record_text(&rec, "destination", "evidence");
	record_text(&rec, "address", "https://evidence.example/files/x");
	put();
	sign_receipt(clip_sha256);
	put_order(1, "camera", "BWC-1");
	put_order(2, "camera", "BWC-2");
	begin("held", 1);
	record_text(&rec, "destination", "evidence");
	record_number(&rec, "on", 1);
	put();
	put_order(3, "asset", clip_id);
	begin("lift", 0);
	record_number(&rec, "order", 1);
	record_text(&rec, "reason", "inquiry closed");
	record_number(&rec, "uid", 1000);
	put();
	begin("erased", 1);
	record_number(&rec, "docking", 7);
	record_text(&rec, "result", "done");
	put();
	begin("exported", 1);
	record_number(&rec, "uid", 1000);
	put();
}

static void make_good(void)
{
	struct bundle b;

	sign_all();
	free(good_bytes);
	good_bytes = bundle_bytes(1, &b);
	good_n = b.size_bytes;
	close(b.fd);
	file_put(dir, "bundle", good_bytes, good_n);
}

static int setup(void **state)
{
	unsigned char digest[32];

	(void)state;
	open_ledger();
	EVP_Digest("the clip!", 9, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		snprintf(clip_sha256 + 2 * i, 3, "%02x", digest[i]);
	assert_int_equal(asset_id("BWC-1", clip_sha256, clip_id), 0);
	new_signer("evidence.example");
	server = signer;
	signer = NULL;
	memcpy(server_vkey, vkey, sizeof(vkey));
	new_signer("north");
	folder_path(name, dir, "bundle");
	now_ms = INT64_C(1795262400000);
	live();
	make_good();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bundle_free(&v);
	note_signer_free(server);
	close_ledger();
	return 0;
}

static bool check_with(const char *bytes, size_t n, const char *key, const char *receipt_key)
{
	struct bundle_keys keys = { .key = key };
	char *copy = malloc(n + 1);

	if (receipt_key)
		assert_int_equal(note_key_parse(receipt_key, &keys.receipt[keys.receipts++]), 0);
	memcpy(copy, bytes, n);
	bundle_free(&v);
	bundle_check(copy, n, &keys, &v);
	assert_true(v.good == !v.problem[0]);
	return v.good;
}

static bool check(const char *key, const char *receipt_key)
{
	return check_with(good_bytes, good_n, key, receipt_key);
}

static void good(void **state)
{
	(void)state;
	if (!check(vkey, server_vkey))
		fail_msg("%s", v.problem);
	assert_int_equal(v.lines, 18);
	assert_string_equal(v.receipt[0].version, "v7");
	assert_string_equal(v.receipt[0].lock, "governance");
	assert_int_equal(v.receipt[0].retain_until_s, 1800000000);
	assert_true(v.receipt[0].held);
	assert_null(memmem(good_bytes, good_n, "BWC-2", 5));
	assert_int_equal(v.receipts, 1);
	assert_int_equal(v.receipt[0].state, RECEIPT_STATE_GOOD);
	assert_string_equal(v.sha256, clip_sha256);
	assert_true(check(NULL, NULL));
	assert_false(v.key_given);
	assert_int_equal(v.receipt[0].state, RECEIPT_STATE_NO_KEY);
	assert_true(check(vkey, vkey));
	assert_int_equal(v.receipt[0].state, RECEIPT_STATE_NO_KEY);
}

/* Also where the digest at the end is made anew: then the proofs must tell. */
static void every_byte_changed(void **state)
{
	char end[100], hex[65];
	unsigned char digest[32];
	size_t body = good_n - 91,
	       text = (size_t)((char *)memchr(good_bytes, '\n', good_n) - good_bytes);

	(void)state;
	assert_memory_equal(good_bytes + body, "{\"sha256\":\"", 11);
	for (size_t i = 0; i < good_n; i++) {
		char was = good_bytes[i];

		good_bytes[i] = (char)(was ^ (1 << i % 7));
		if (check(vkey, NULL))
			fail_msg("byte %zu", i);
		if (i > text && i + 1 < body && i % 5 == 0) {
			char *forged = malloc(good_n);

			EVP_Digest(good_bytes, body, digest, NULL, EVP_sha256(), NULL);
			for (int k = 0; k < 32; k++)
				snprintf(hex + 2 * k, 3, "%02x", digest[k]);
			snprintf(end, sizeof(end), "{\"sha256\":\"%s\",\"type\":\"end\"}\n", hex);
			memcpy(forged, good_bytes, body);
			memcpy(forged + body, end, good_n - body);
			if (check_with(forged, good_n, vkey, NULL))
				fail_msg("byte %zu, with a digest made anew", i);
			assert_null(strstr(v.problem, "damaged"));
			free(forged);
		}
		good_bytes[i] = was;
	}
	for (size_t n = 0; n < good_n; n += 97)
		assert_false(check_with(good_bytes, n, vkey, NULL));
	assert_true(check(vkey, NULL));
}

static void keys(void **state)
{
	(void)state;
	assert_false(check(server_vkey, NULL));
	assert_non_null(strstr(v.problem, "another station's key"));
}

static void another_files_receipt(void **state)
{
	(void)state;
	sign_receipt("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	make_good();
	assert_true(check(vkey, NULL));
	assert_false(check(vkey, server_vkey));
	assert_non_null(strstr(v.problem, "it is of another file"));
}

/* Each line that dockd-verify compares is compared again. */
static void another_line(void **state)
{
	static const struct {
		int at;
		const char *line, *word;
	} others[] = {
		{ 0, "other.example", "origin" },
		{ 3, "length 10", "file" },
		{ 4, "asset 17", "file" },
		{ 5, "station south", "station" },
		{ 6, "object y", "object" },
		{ 7, "version -", "version" },
		{ 8, "time 2026-11-21T12:00:31Z", "time" },
		{ 8, "time yesterday", "time" },
		{ 8, "time 2026-11-21T12:00:30Z\nmore", "form" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char wanted[64];

		put_receipt(clip_sha256, others[i].at, others[i].line);
		make_good();
		assert_true(check(vkey, NULL));
		if (check(vkey, server_vkey))
			fail_msg("%s", others[i].line);
		snprintf(wanted, sizeof(wanted), "it is of another %s", others[i].word);
		if (!strstr(v.problem, wanted))
			fail_msg("%s: %s", others[i].line, v.problem);
	}
	put_receipt(clip_sha256, -1, "");
	make_good();
	assert_true(check(vkey, server_vkey));
}

/* A receipt of before what is there now was begun, and of after it was put down. */
static void another_time(void **state)
{
	(void)state;
	now_ms += 3600 * 1000;
	begin("created", 1);
	record_text(&rec, "destination", "evidence");
	record_text(&rec, "address", "https://evidence.example/files/x");
	put();
	sign_receipt(clip_sha256);
	make_good();
	assert_false(check(vkey, server_vkey));
	assert_non_null(strstr(v.problem, "it is of another time"));
}

/* What the store said of a hold before it was told to let go of it is not told as if it were so. */
static void a_hold_let_go(void **state)
{
	(void)state;
	begin("release-intent", 1);
	record_text(&rec, "destination", "evidence");
	put();
	make_good();
	assert_true(check(vkey, server_vkey));
	assert_false(v.receipt[0].held);
	begin("held", 1);
	record_text(&rec, "destination", "evidence");
	record_number(&rec, "on", 2);
	put();
	make_good();
	assert_true(check(vkey, server_vkey));
	assert_int_equal(v.receipt[0].held, 2);
}

/* dockctl in a child, its output in dir/out. The exit code. */
static int run_dockctl(char **argv)
{
	int argc = 0, status;
	char path[256];
	pid_t pid;

	while (argv[argc])
		argc++;
	folder_path(path, dir, "out");
	pid = fork();
	if (pid == 0) {
		if (!freopen(path, "w", stdout))
			_exit(99);
		optind = 0;
		status = ctl_main(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void the_clip_itself(void **state)
{
	char clip[256];

	(void)state;
	file_put(dir, "clip", "the clip!", 9);
	folder_path(clip, dir, "clip");
	assert_int_equal(run_dockctl((char *[]){ "dockctl", "verify-bundle", name, "--key", vkey,
			     "--file", clip, "--receipt-key", server_vkey, NULL }),
	    0);
	file_put(dir, "clip", "the clip?", 9);
	assert_int_equal(
	    run_dockctl((char *[]){ "dockctl", "verify-bundle", name, "--file", clip, NULL }), 1);
	assert_int_equal(
	    run_dockctl((char *[]){ "dockctl", "verify-bundle", name, "--key", server_vkey, NULL }),
	    1);
	assert_int_equal(run_dockctl((char *[]){ "dockctl", "verify-bundle", NULL }), 2);
}

/* Word for word; only the key, which each run makes anew, is taken out. */
static void the_sheet(void **state)
{
	char *got, *wanted, *at;
	size_t n;

	(void)state;
	assert_int_equal(run_dockctl((char *[]){ "dockctl", "statement", name, "--key", vkey,
			     "--receipt-key", server_vkey, NULL }),
	    0);
	got = file_get(dir, "out", &n);
	at = strstr(got, vkey);
	assert_non_null(at);
	memmove(at + 3, at + strlen(vkey), strlen(at + strlen(vkey)) + 1);
	memcpy(at, "KEY", 3);
	wanted = file_get(".", SHEET, &n);
	if (strcmp(got, wanted) != 0) {
		file_put("/tmp", "dockd-statement.txt", got, strlen(got));
		fail_msg("the sheet is another one: see /tmp/dockd-statement.txt");
	}
	free(got);
	free(wanted);
	good_bytes[good_n / 2] ^= 1;
	file_put(dir, "bundle", good_bytes, good_n);
	assert_int_equal(run_dockctl((char *[]){ "dockctl", "statement", name, NULL }), 1);
	got = file_get(dir, "out", &n);
	assert_string_equal(got, "");
	free(got);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good),
		TEST(every_byte_changed),
		TEST(keys),
		TEST(another_files_receipt),
		TEST(another_line),
		TEST(another_time),
		TEST(a_hold_let_go),
		TEST(the_clip_itself),
		TEST(the_sheet),
	};

	return cmocka_run_group_tests_name("ctl_bundle", tests, NULL, NULL);
}
