/*
 * note: signed notes of another implementation, each byte changed, each rule of the form broken,
 * keys that are none, and what we sign ourselves.
 */
#include "../../dockd/base/note.c"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Key and note of the documentation of Go's sumdb/note. */
static const char peter[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char quote[] = "If you think cryptography is the answer to your problem,\n"
			    "then you don't know what your problem is.\n";
#define PETER_LINE                                                                                  \
	"— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng" \
	"otpRZb6KE6RyyBwJnAM=\n"
/* A line by nobody we know: 4 bytes of id, one of signature. */
#define OTHER_LINE "— somebody.else/here AAECAwQ=\n"

static int open_with(const char *note, size_t len, const char *vkey)
{
	const char *why = "?";
	struct note_key key;
	size_t text_len = 0, which = 9;
	int rc;

	assert_int_equal(note_key_parse(vkey, &key), 0);
	rc = note_open(note, len, &key, 1, &text_len, &which, &why);
	if (rc == 0) {
		assert_int_equal(which, 0);
		assert_int_equal(text_len, strlen(quote));
	} else {
		assert_memory_equal(why, "signed-note: ", 13);
	}
	return rc;
}

static int open_text(const char *text, const char *lines)
{
	char note[8192];
	int n = snprintf(note, sizeof(note), "%s%s", text, lines);

	return open_with(note, (size_t)n, peter);
}

static void another_implementations_note(void **state)
{
	(void)state;
	assert_int_equal(open_text(quote, "\n" PETER_LINE), 0);
	assert_int_equal(open_text(quote, "\n" OTHER_LINE PETER_LINE OTHER_LINE), 0);
	assert_int_equal(open_text(quote, "\n" OTHER_LINE), -ENOKEY);
}

static void any_bit_changed_is_refused(void **state)
{
	char note[1024];
	int n = snprintf(note, sizeof(note), "%s\n%s", quote, PETER_LINE);

	(void)state;
	for (int i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			note[i] ^= (char)(1u << bit);
			assert_int_not_equal(open_with(note, (size_t)n, peter), 0);
			note[i] ^= (char)(1u << bit);
		}
		assert_int_not_equal(open_with(note, (size_t)i, peter), 0);
	}
}

static void a_wrong_signature_beside_a_right_one_refuses(void **state)
{
	char bad[] = "\n" PETER_LINE PETER_LINE;
	size_t at = strlen(bad) - 12;

	(void)state;
	assert_int_equal(open_text(quote, bad), 0);
	bad[at] = bad[at] == 'A' ? 'B' : 'A';
	assert_int_equal(open_text(quote, bad), -EKEYREJECTED);
	/* the known key's id with a signature of 1 byte */
	assert_int_equal(
	    open_text(quote, "\n" PETER_LINE "— PeterNeumann x08gowA=\n"), -EKEYREJECTED);
}

static void the_form_is_strict(void **state)
{
	static const char *const lines[] = {
		"",                                       /* no signatures */
		"\n",                                     /* none behind the blank line */
		"\n\n" PETER_LINE "\n",                   /* a blank line at the end */
		"\n- PeterNeumann AAECAwQ=\n" PETER_LINE, /* a hyphen */
		"\n—  AAECAwQ=\n" PETER_LINE,             /* no name */
		"\n— a+b AAECAwQ=\n" PETER_LINE,          /* plus in a name */
		"\n— a\xc2\xa0"
		"b AAECAwQ=\n" PETER_LINE,       /* no-break space in a name */
		"\n— a AAECAw==\n" PETER_LINE,   /* an id alone */
		"\n— a AAECAwR=\n" PETER_LINE,   /* unused bits that are not zero */
		"\n— a AAECAwQ\n" PETER_LINE,    /* no padding */
		"\n— a AAECAwQ= \n" PETER_LINE,  /* a space behind */
		"\n— a AAECAwQ=\r\n" PETER_LINE, /* a carriage return */
		"\n— a AAEC*wQ=\n" PETER_LINE,
		"\n" OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE
		    OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE OTHER_LINE
			OTHER_LINE OTHER_LINE PETER_LINE, /* 17 */
	};
	static const char *const texts[] = {
		"a\tb\n", "a\x01\n", "\xc3\x28\n", /* no UTF-8 */
		"\xc0\xaf\n",                      /* overlong */
		"\xed\xa0\x80\n",                  /* a surrogate */
		"\xf4\x90\x80\x80\n",              /* beyond U+10FFFF */
		"\xe2\x80",                        /* cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(open_text(quote, lines[i]), -EBADMSG);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(open_text(texts[i], "\n" PETER_LINE), -EBADMSG);
	assert_int_equal(open_with("", 0, peter), -EBADMSG);
	assert_int_equal(open_with("\0\n\n" PETER_LINE, strlen(PETER_LINE) + 3, peter), -EBADMSG);
}

static void long_notes(void **state)
{
	char *note = malloc(NOTE_MAX + 2);

	(void)state;
	assert_non_null(note);
	memset(note, '\n', NOTE_MAX + 2);
	assert_int_equal(open_with(note, NOTE_MAX, peter), -EBADMSG);
	assert_int_equal(open_with(note, NOTE_MAX + 1, peter), -EBADMSG);
	free(note);
}

static void keys(void **state)
{
	static const char *const bad[] = {
		"",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	};
	char text[NOTE_VKEY_LEN], name[NOTE_NAME_LEN + 1];
	struct note_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(note_key_parse(bad[i], &key), -EINVAL);
	assert_int_equal(note_key_parse(peter, &key), 0);
	assert_int_equal(note_key_format(&key, text, sizeof(text)), 0);
	assert_string_equal(text, peter);
	assert_int_equal(note_key_format(&key, text, strlen(peter)), -ENOSPC);
	memset(name, 'n', NOTE_NAME_LEN);
	name[NOTE_NAME_LEN] = '\0';
	assert_int_equal(note_key_make(name, key.public_key, &key), -EINVAL);
	name[NOTE_NAME_LEN - 1] = '\0';
	assert_int_equal(note_key_make(name, key.public_key, &key), 0);
	assert_int_equal(note_key_format(&key, text, sizeof(text)), 0);
}

static void a_key_made_is_read_again_and_signs(void **state)
{
	static const char text[] = "dockd/north\n3\nAAAA\n";
	struct note_signer *made, *read_again, *none;
	char dir[128], path[256], note[512];
	size_t text_len, which;
	struct note_key key[2];
	const char *why;
	int fd, n;

	(void)state;
	folder_make(dir);
	folder_path(path, dir, "key");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(note_signer_make(fd, "dockd/north", &made), 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(note_signer_read(fd, "dockd/north", &read_again), 0);
	assert_memory_equal(note_signer_key(made), note_signer_key(read_again), sizeof(key[0]));
	n = note_sign(read_again, text, note, sizeof(note));
	assert_true(n > 0);
	assert_int_equal(n, strlen(note));
	assert_int_equal(note_key_parse(peter, &key[0]), 0);
	key[1] = *note_signer_key(made);
	assert_int_equal(note_open(note, (size_t)n, key, 2, &text_len, &which, &why), 0);
	assert_int_equal(which, 1);
	assert_int_equal(text_len, strlen(text));
	assert_int_equal(note_open(note, (size_t)n, key, 1, &text_len, &which, &why), -ENOKEY);
	/* the name belongs to the key: the same one under another name is another key */
	assert_int_equal(note_key_make("dockd/south", key[1].public_key, &key[0]), 0);
	assert_int_equal(note_open(note, (size_t)n, key, 1, &text_len, &which, &why), -ENOKEY);

	assert_int_equal(note_sign(made, text, note, (size_t)n), -ENOSPC);
	assert_int_equal(note_sign(made, "", note, sizeof(note)), -EINVAL);
	assert_int_equal(note_sign(made, "no newline", note, sizeof(note)), -EINVAL);
	assert_int_equal(note_sign(made, "tab\t\n", note, sizeof(note)), -EINVAL);
	note_signer_free(made);
	note_signer_free(read_again);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(note_signer_read(fd, "a name", &none), -EINVAL);
	assert_int_equal(ftruncate(fd, 60), 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(note_signer_read(fd, "dockd/north", &none), -EINVAL);
	close(fd);
	folder_drop(dir);
}

/* Keys as `openssl` writes them: Ed25519 is taken, others and locked ones are not. */
static void keys_of_openssl(void **state)
{
	static const struct {
		const char *algorithm;
		int rc;
	} cases[] = {
		{ "ed25519", 0 },
		{ "ed25519 -aes256 -pass pass:x", -EINVAL },
		{ "ec -pkeyopt ec_paramgen_curve:P-256", -EINVAL },
	};
	char dir[128], path[256], command[400];

	(void)state;
	folder_make(dir);
	folder_path(path, dir, "key");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct note_signer *s;
		int fd;

		snprintf(command, sizeof(command), "openssl genpkey -algorithm %s -out %s",
		    cases[i].algorithm, path);
		assert_int_equal(system(command), 0);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(note_signer_read(fd, "k", &s), cases[i].rc);
		note_signer_free(s);
		close(fd);
	}
	folder_drop(dir);
}

static void base64(void **state)
{
	uint8_t bytes[64], back[64];
	char text[BASE64_LEN(sizeof(bytes)) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 250);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		base64_write(bytes, n, text);
		assert_int_equal(strlen(text), BASE64_LEN(n));
		assert_int_equal(base64_read(text, strlen(text), back, sizeof(back)), n);
		assert_memory_equal(bytes, back, n);
		if (n > 0)
			assert_int_equal(base64_read(text, strlen(text), back, n - 1), -ENOSPC);
	}
	base64_write("dock", 4, text);
	assert_string_equal(text, "ZG9jaw==");
	assert_int_equal(base64_read("ZG9jax==", 8, back, 9), -EBADMSG);
	assert_int_equal(base64_read("ZG9jaw=a", 8, back, 9), -EBADMSG);
	assert_int_equal(base64_read("ZG==jaw=", 8, back, 9), -EBADMSG);
	assert_int_equal(base64_read("====", 4, back, 9), -EBADMSG);
	assert_int_equal(base64_read("ZG9-", 4, back, 9), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_implementations_note),
		cmocka_unit_test(any_bit_changed_is_refused),
		cmocka_unit_test(a_wrong_signature_beside_a_right_one_refuses),
		cmocka_unit_test(the_form_is_strict),
		cmocka_unit_test(long_notes),
		cmocka_unit_test(keys),
		cmocka_unit_test(a_key_made_is_read_again_and_signs),
		cmocka_unit_test(keys_of_openssl),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
