/* trust and secret without a connection: pins by date, words for ends, names of files, secrets read. */
#include "../../uploader/secret.c"
#include "../../uploader/trust.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char folder[] = "/tmp/dockd-trust-XXXXXX";

static const char *file(const char *name, const void *bytes, size_t len)
{
	static char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void names_stand_for_paths(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(secret_path("/etc/dockd/key", out, sizeof(out)), 0);
	assert_string_equal(out, "/etc/dockd/key");
	assert_int_equal(secret_path("credential:key", out, sizeof(out)), -ENOENT);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1), 0);
	assert_int_equal(secret_path("credential:key", out, sizeof(out)), 0);
	assert_string_equal(out, "/run/credentials/x/key");
	assert_int_equal(secret_path("credential:", out, sizeof(out)), -EINVAL);
	assert_int_equal(secret_path("credential:a/b", out, sizeof(out)), -EINVAL);
	assert_int_equal(secret_path("credential:..", out, sizeof(out)), -EINVAL);
	assert_int_equal(secret_path("credential:key", out, 22), -ENAMETOOLONG);
}

static void a_secret_is_read_and_read_again(void **state)
{
	struct secret s = { 0 };
	char *big = calloc(1, SECRET_MAX);
	char path[4096];
	char newer[4096];

	(void)state;
	snprintf(path, sizeof(path), "%s", file("secret", "user:word\n", 10));
	snprintf(newer, sizeof(newer), "%s", file("secret.new", "user:news\n", 10));
	assert_true(secret_changed(&s, path));
	assert_int_equal(secret_read(&s, path), 0);
	assert_string_equal(s.text, "user:word\n");
	assert_false(secret_changed(&s, path));
	/* Replaced by another of the same size, as renewals are. */
	assert_int_equal(rename(newer, path), 0);
	assert_true(secret_changed(&s, path));
	assert_int_equal(secret_read(&s, path), 0);
	assert_string_equal(s.text, "user:news\n");
	/* What cannot be read leaves what is held. */
	assert_int_equal(unlink(path), 0);
	assert_false(secret_changed(&s, path));
	assert_int_equal(secret_read(&s, path), -ENOENT);
	assert_string_equal(s.text, "user:news\n");
	assert_int_equal(secret_read(&s, file("nul", "a\0b", 3)), -EINVAL);
	memset(big, 'x', SECRET_MAX);
	assert_int_equal(secret_read(&s, file("big", big, SECRET_MAX)), -EFBIG);
	assert_int_equal(secret_read(&s, file("big", big, SECRET_MAX - 1)), 0);
	assert_int_equal(secret_read(&s, folder), -EINVAL);
	secret_wipe(&s);
	assert_null(s.text);
	free(big);
}

static void pins_by_date(void **state)
{
	struct proto_destination c = { .tls_min = 12 };
	char out[PROTO_PINS * 64];
	char first[64];

	(void)state;
	memset(c.pin[0].sha256, 0x11, PROTO_SHA256_LEN);
	c.pin[0].from_s = PROTO_NO_TIME;
	c.pin[0].until_s = 2000;
	memset(c.pin[1].sha256, 0x22, PROTO_SHA256_LEN);
	c.pin[1].from_s = 1000;
	c.pin[1].until_s = PROTO_NO_TIME;
	assert_int_equal(trust_pins(&c, 999, out, sizeof(out)), 1);
	assert_string_equal(out, "sha256//ERERERERERERERERERERERERERERERERERERERERERE=");
	memcpy(first, out, sizeof(first));
	assert_int_equal(trust_pins(&c, 1000, out, sizeof(out)), 2);
	assert_string_equal(out,
	    "sha256//ERERERERERERERERERERERERERERERERERERERERERE=;"
	    "sha256//IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=");
	assert_int_equal(trust_pins(&c, 2000, out, sizeof(out)), 1);
	assert_string_not_equal(out, first);
	c.pin[1].from_s = 3000;
	assert_int_equal(trust_pins(&c, 2500, out, sizeof(out)), 0);
	assert_int_equal(trust_pins(&c, 100, out, 40), -ENOSPC);
	/* The whole list. */
	for (size_t i = 0; i < PROTO_PINS; i++) {
		memset(c.pin[i].sha256, (int)i + 1, PROTO_SHA256_LEN);
		c.pin[i].from_s = c.pin[i].until_s = PROTO_NO_TIME;
	}
	assert_int_equal(trust_pins(&c, 0, out, sizeof(out)), PROTO_PINS);
	assert_int_equal(strlen(out), PROTO_PINS * 53 - 1);
}

static void no_pin_in_force_is_refused(void **state)
{
	struct proto_destination c = { .tls_min = 12, .where = "https://host/files" };
	CURL *easy = curl_easy_init();
	struct trust t = { 0 };

	(void)state;
	assert_int_equal(trust_apply(&t, &c, 5000, easy), CURLE_OK);
	memset(c.pin[0].sha256, 0x11, PROTO_SHA256_LEN);
	c.pin[0].from_s = PROTO_NO_TIME;
	c.pin[0].until_s = 2000;
	assert_int_equal(trust_apply(&t, &c, 1999, easy), CURLE_OK);
	assert_int_equal(trust_apply(&t, &c, 2000, easy), CURLE_SSL_PINNEDPUBKEYNOTMATCH);
	assert_non_null(strstr(t.why, "pins"));
	curl_easy_cleanup(easy);
}

static void what_is_renewed_is_another_epoch(void **state)
{
	struct proto_destination c = { .tls_min = 13, .where = "https://host/files" };
	CURL *easy = curl_easy_init();
	struct trust t = { 0 };
	unsigned epoch;

	(void)state;
	snprintf(c.certificate_file, sizeof(c.certificate_file), "%s", file("cert", "one", 3));
	snprintf(c.key_file, sizeof(c.key_file), "%s", file("key", "one", 3));
	assert_int_equal(trust_apply(&t, &c, 1, easy), CURLE_OK);
	epoch = t.epoch;
	assert_int_equal(trust_apply(&t, &c, 2, easy), CURLE_OK);
	assert_int_equal(t.epoch, epoch);
	assert_int_equal(t.changed_s, 0);
	(void)file("key", "newer", 5);
	assert_int_equal(trust_apply(&t, &c, 3, easy), CURLE_OK);
	assert_int_equal(t.epoch, epoch + 1);
	assert_int_equal(t.changed_s, 3);
	memset(c.pin[0].sha256, 0x11, PROTO_SHA256_LEN);
	c.pin[0].from_s = c.pin[0].until_s = PROTO_NO_TIME;
	assert_int_equal(trust_apply(&t, &c, 4, easy), CURLE_OK);
	assert_int_equal(t.epoch, epoch + 2);
	curl_easy_cleanup(easy);
}

static void proxies(void **state)
{
	struct proto_destination c = { .where = "https://host/files",
		.proxy = "http://proxy:3128" };
	struct trust t = { 0 };

	(void)state;
	assert_int_equal(trust_check(&t, &c), 0);
	snprintf(c.proxy_file, sizeof(c.proxy_file), "%s", file("proxy", "user:pass word \n", 16));
	assert_int_equal(trust_check(&t, &c), 0);
	assert_string_equal(t.proxy.text, "user:pass word");
	snprintf(c.proxy_file, sizeof(c.proxy_file), "%s", file("proxy2", "a:b\nc:d\n", 8));
	assert_int_equal(trust_check(&t, &c), -EINVAL);
	assert_null(strstr(t.why, "c:d"));
	snprintf(c.proxy_file, sizeof(c.proxy_file), "%s", file("proxy3", "word", 4));
	assert_int_equal(trust_check(&t, &c), -EINVAL);
	assert_null(strstr(t.why, "word"));
	c.proxy_file[0] = '\0';
	snprintf(c.proxy, sizeof(c.proxy), "socks5://proxy");
	assert_int_equal(trust_check(&t, &c), -EINVAL);
	c.proxy[0] = '\0';
	assert_int_equal(trust_check(&t, &c), 0);
	c.pin[0].sha256[3] = 1;
	assert_int_equal(trust_check(&t, &c), 0);
	memcpy(c.where, "http://host", sizeof("http://host"));
	assert_int_equal(trust_check(&t, &c), -EINVAL);
	snprintf(c.ca_file, sizeof(c.ca_file), "/nonexistent/ca.pem");
	assert_int_equal(trust_check(&t, &c), -ENOENT);
	assert_non_null(strstr(t.why, "ca-file: /nonexistent/ca.pem"));
	secret_wipe(&t.proxy);
}

static void words(void **state)
{
	static const struct {
		struct trust_end end;
		const char *word;
	} cases[] = {
		{ { .code = CURLE_OK, .why = "" }, "" },
		{ { .code = CURLE_COULDNT_RESOLVE_HOST, .why = "" }, "dns" },
		{ { .code = CURLE_COULDNT_CONNECT, .oserr = ECONNREFUSED, .why = "" }, "refused" },
		{ { .code = CURLE_COULDNT_CONNECT, .oserr = EHOSTUNREACH, .why = "" },
		    "unreachable" },
		{ { .code = CURLE_OPERATION_TIMEDOUT, .why = "" }, "unreachable" },
		{ { .code = CURLE_COULDNT_CONNECT, .proxied = true, .why = "" }, "proxy" },
		{ { .code = CURLE_PEER_FAILED_VERIFICATION, .why = "" }, "tls-name" },
		{ { .code = CURLE_PEER_FAILED_VERIFICATION, .verify = 10, .why = "" },
		    "tls-expired" },
		{ { .code = CURLE_PEER_FAILED_VERIFICATION, .verify = 9, .why = "" },
		    "tls-expired" },
		{ { .code = CURLE_PEER_FAILED_VERIFICATION, .verify = 18, .why = "" },
		    "tls-untrusted" },
		{ { .code = CURLE_SSL_PINNEDPUBKEYNOTMATCH, .why = "" }, "tls-pin" },
		{ { .code = CURLE_SSL_CERTPROBLEM, .why = "" }, "tls-key" },
		{ { .code = CURLE_RECV_ERROR, .tunnel = 407, .why = "" }, "proxy-refused" },
		{ { .code = CURLE_RECV_ERROR, .tunnel = 502, .why = "" }, "proxy" },
		{ { .code = CURLE_RECV_ERROR, .tunnel = 200, .why = "Connection reset" }, "" },
		{ { .code = CURLE_RECV_ERROR,
		      .why = "SSL routines::tlsv13 alert certificate required" },
		    "tls-client" },
		{ { .code = CURLE_SSL_CONNECT_ERROR,
		      .why = "SSL routines::tlsv1 alert protocol version" },
		    "tls-version" },
		{ { .code = CURLE_SSL_CONNECT_ERROR,
		      .why = "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection" },
		    "" },
		{ { .code = CURLE_SSL_CONNECT_ERROR, .why = "SSL routines::wrong version number" },
		    "tls" },
		{ { .code = CURLE_WRITE_ERROR, .why = "" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(trust_word(&cases[i].end), cases[i].word);
	assert_non_null(strstr(trust_text("tls-expired"), "clock"));
	assert_string_equal(trust_text(""), "");
}

/* Each fits where it is reported to the core: proto_failed.text. */
static void texts_fit(void **state)
{
	static const char *const all[] = { "tls-name", "tls-expired", "tls-untrusted", "tls-pin",
		"tls-client", "tls-key", "tls-version", "tls-files", "tls", "proxy",
		"proxy-refused", "dns" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_in_range(strlen(trust_text(all[i])), 20, 200);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "secret", "secret.new", "nul", "big", "cert", "key",
		"proxy", "proxy2", "proxy3" };
	char path[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stand_for_paths),
		cmocka_unit_test(a_secret_is_read_and_read_again),
		cmocka_unit_test(pins_by_date),
		cmocka_unit_test(no_pin_in_force_is_refused),
		cmocka_unit_test(what_is_renewed_is_another_epoch),
		cmocka_unit_test(proxies),
		cmocka_unit_test(words),
		cmocka_unit_test(texts_fit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
