/*
 * note: signed notes, checked and made (https://c2sp.org/signed-note).
 *
 * Called by the core and dockctl for checkpoints, by dockd-verify for receipts. The form is checked
 * as strictly as the specification allows, so that a note has one spelling. It must never look at
 * what the text says, and never ask for the password of a key.
 */
#include "note.h"

#include "base64.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TYPE_ED25519 0x01
#define SIGNATURE_LEN 64
#define LINE_START "\xe2\x80\x94 " /* em dash (U+2014), space */
#define LINE_START_LEN 4
#define BLOB_MAX 4096 /* bytes of one signature line, decoded: other schemes have long ones */
#define PEM_MAX 4096

struct note_signer {
	struct note_key key;
	EVP_PKEY *private_key;
};

/* ---- text ---- */

/* The character at *text (of len bytes): its length, or 0 where that is no UTF-8 (RFC 3629). */
static size_t character(const char *text, size_t len, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)text[0];
	size_t n = c < 0x80    ? 1 :
	    (c & 0xe0) == 0xc0 ? 2 :
	    (c & 0xf0) == 0xe0 ? 3 :
	    (c & 0xf8) == 0xf0 ? 4 :
				 0;
	uint32_t v = n == 1 ? c : n == 2 ? c & 0x1fu : n == 3 ? c & 0x0fu : c & 0x07u;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | ((unsigned char)text[i] & 0x3fu);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*out = v;
	return n;
}

/* Valid UTF-8 without control characters below U+0020, but for newlines. */
static bool is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n = character(text + i, len - i, &c);

		if (n == 0 || (c < 0x20 && c != '\n'))
			return false;
		i += n;
	}
	return true;
}

/* Unicode's White_Space property. */
static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	    c == 0x205f || c == 0x3000;
}

static bool is_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n = character(name + i, len - i, &c);

		if (n == 0 || c < 0x20 || c == '+' || is_space(c))
			return false;
		i += n;
	}
	return len > 0;
}

/* ---- keys ---- */

/* The first 4 bytes of SHA-256(name, newline, type, key). */
static int key_id(struct note_key *key)
{
	uint8_t bytes[NOTE_NAME_LEN + 2 + 32], hash[EVP_MAX_MD_SIZE];
	size_t n = strlen(key->name);

	memcpy(bytes, key->name, n);
	bytes[n++] = '\n';
	bytes[n++] = TYPE_ED25519;
	memcpy(bytes + n, key->public_key, sizeof(key->public_key));
	n += sizeof(key->public_key);
	if (EVP_Digest(bytes, n, hash, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	memcpy(key->id, hash, sizeof(key->id));
	return 0;
}

int note_key_make(const char *name, const uint8_t public_key[32], struct note_key *out)
{
	size_t n = strnlen(name, NOTE_NAME_LEN);

	memset(out, 0, sizeof(*out));
	if (n == NOTE_NAME_LEN || !is_name(name, n))
		return -EINVAL;
	memcpy(out->name, name, n + 1);
	memcpy(out->public_key, public_key, sizeof(out->public_key));
	return key_id(out);
}

static void id_text(const struct note_key *key, char out[9])
{
	snprintf(out, 9, "%02x%02x%02x%02x", key->id[0], key->id[1], key->id[2], key->id[3]);
}

int note_key_parse(const char *vkey, struct note_key *out)
{
	const char *id = strchr(vkey, '+'), *blob = id ? strchr(id + 1, '+') : NULL;
	char name[NOTE_NAME_LEN], expected[9];
	uint8_t bytes[33];
	int rc;

	memset(out, 0, sizeof(*out));
	if (!blob || (size_t)(id - vkey) >= sizeof(name))
		return -EINVAL;
	memcpy(name, vkey, (size_t)(id - vkey));
	name[id - vkey] = '\0';
	if (base64_read(blob + 1, strlen(blob + 1), bytes, sizeof(bytes)) != sizeof(bytes) ||
	    bytes[0] != TYPE_ED25519)
		return -EINVAL;
	rc = note_key_make(name, bytes + 1, out);
	if (rc < 0)
		return rc;
	id_text(out, expected);
	return blob - id == 9 && memcmp(id + 1, expected, 8) == 0 ? 0 : -EINVAL;
}

int note_key_format(const struct note_key *key, char *out, size_t room)
{
	char id[9], blob[BASE64_LEN(33) + 1];
	uint8_t bytes[33] = { TYPE_ED25519 };
	int n;

	memcpy(bytes + 1, key->public_key, sizeof(key->public_key));
	base64_write(bytes, sizeof(bytes), blob);
	id_text(key, id);
	n = snprintf(out, room, "%s+%s+%s", key->name, id, blob);
	return n < 0 || (size_t)n >= room ? -ENOSPC : 0;
}

/* ---- checking ---- */

static bool is_signed(const struct note_key *key, const uint8_t *signature, size_t signature_len,
    const char *text, size_t text_len)
{
	EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, key->public_key, sizeof(key->public_key));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = public_key && ctx && signature_len == SIGNATURE_LEN &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public_key) == 1 &&
	    EVP_DigestVerify(ctx, signature, signature_len, (const uint8_t *)text, text_len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public_key);
	return good;
}

/* One signature line, taken apart. */
struct line {
	const char *name;
	size_t name_len, blob_len; /* blob: key id, signature */
	uint8_t blob[BLOB_MAX];
};

/* Of len bytes, without newline. The reason why it is no signature line, or NULL. */
static const char *parse_line(const char *at, size_t len, struct line *out)
{
	const char *space;
	int n;

	if (len < LINE_START_LEN || memcmp(at, LINE_START, LINE_START_LEN) != 0)
		return "signed-note: a signature line begins with an em dash and a space";
	out->name = at + LINE_START_LEN;
	len -= LINE_START_LEN;
	space = memchr(out->name, ' ', len);
	out->name_len = space ? (size_t)(space - out->name) : 0;
	if (!space || !is_name(out->name, out->name_len))
		return "signed-note: a key name has neither spaces nor plus";
	len -= out->name_len + 1;
	n = base64_read(space + 1, len, out->blob, sizeof(out->blob));
	if (n < 5)
		return "signed-note: a signature is base64 of a key id and its signature";
	out->blob_len = (size_t)n;
	return NULL;
}

static bool is_by(const struct line *line, const struct note_key *key)
{
	return strlen(key->name) == line->name_len &&
	    memcmp(key->name, line->name, line->name_len) == 0 &&
	    memcmp(key->id, line->blob, sizeof(key->id)) == 0;
}

/* One past the text: behind its newline, before the blank line. 0: there is no blank line. */
static size_t text_end(const char *note, size_t len)
{
	for (size_t i = len; i >= 2; i--) {
		if (note[i - 1] == '\n' && note[i - 2] == '\n')
			return i - 1;
	}
	return 0;
}

int note_open(const char *note, size_t len, const struct note_key *keys, size_t keys_n,
    size_t *text_len, size_t *which, const char **why)
{
	static struct line line;
	size_t end = len <= NOTE_MAX ? text_end(note, len) : 0, at = end + 1, lines = 0;
	bool rejected = false, found = false;

	*why = len > NOTE_MAX ?
	    "signed-note: longer than 65536 bytes" :
	    !is_text(note, len) ?
	    "signed-note: UTF-8 without control characters but newlines" :
	    end == 0 || at == len || note[len - 1] != '\n' ?
	    "signed-note: text, a blank line, signature lines, each with its newline" :
	    NULL;
	while (!*why && at < len) {
		const char *stop = memchr(note + at, '\n', len - at);
		size_t n = (size_t)(stop - (note + at));

		*why = ++lines > NOTE_SIGNATURES_MAX ? "signed-note: more than 16 signatures" :
						       parse_line(note + at, n, &line);
		for (size_t i = 0; !*why && i < keys_n; i++) {
			if (!is_by(&line, &keys[i]))
				continue;
			if (!is_signed(&keys[i], line.blob + 4, line.blob_len - 4, note, end))
				rejected = true;
			else if (!found)
				*which = i;
			found = true;
		}
		at += n + 1;
	}
	if (*why)
		return -EBADMSG;
	*text_len = end;
	if (rejected) {
		*why = "signed-note: a signature by a known key is wrong";
		return -EKEYREJECTED;
	}
	if (!found) {
		*why = "signed-note: not signed by a known key";
		return -ENOKEY;
	}
	return 0;
}

/* ---- signing ---- */

static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* Takes private_key over, also where it fails. */
static int signer_new(EVP_PKEY *private_key, const char *name, struct note_signer **out)
{
	struct note_signer *s = calloc(1, sizeof(*s));
	uint8_t public_key[32];
	size_t n = sizeof(public_key);
	int rc = s ? 0 : -ENOMEM;

	if (rc == 0 &&
	    (EVP_PKEY_get_id(private_key) != EVP_PKEY_ED25519 ||
		EVP_PKEY_get_raw_public_key(private_key, public_key, &n) != 1 ||
		n != sizeof(public_key)))
		rc = -EINVAL;
	if (rc == 0)
		rc = note_key_make(name, public_key, &s->key);
	if (rc < 0) {
		EVP_PKEY_free(private_key);
		free(s);
		return rc;
	}
	s->private_key = private_key;
	*out = s;
	return 0;
}

int note_signer_read(int fd, const char *name, struct note_signer **out)
{
	EVP_PKEY *private_key;
	char pem[PEM_MAX];
	size_t got = 0;
	ssize_t n = 1;
	BIO *in;

	*out = NULL;
	while (n > 0 && got < sizeof(pem)) {
		n = read(fd, pem + got, sizeof(pem) - got);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			got += (size_t)n;
	}
	if (n < 0)
		return -errno;
	in = BIO_new_mem_buf(pem, (int)got);
	private_key = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;
	BIO_free(in);
	OPENSSL_cleanse(pem, sizeof(pem));
	return private_key ? signer_new(private_key, name, out) : -EINVAL;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

int note_signer_make(int fd, const char *name, struct note_signer **out)
{
	EVP_PKEY *private_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *pem = BIO_new(BIO_s_secmem());
	char *bytes = NULL;
	long n = 0;
	int rc;

	*out = NULL;
	if (private_key && pem &&
	    PEM_write_bio_PKCS8PrivateKey(pem, private_key, NULL, NULL, 0, NULL, NULL) == 1)
		n = BIO_get_mem_data(pem, &bytes);
	rc = n > 0 ? write_all(fd, bytes, (size_t)n) : -ENOMEM;
	BIO_free(pem);
	if (rc < 0) {
		EVP_PKEY_free(private_key);
		return rc;
	}
	return signer_new(private_key, name, out);
}

void note_signer_free(struct note_signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->private_key);
	free(s);
}

const struct note_key *note_signer_key(const struct note_signer *s)
{
	return &s->key;
}

int note_sign(const struct note_signer *s, const char *text, char *out, size_t room)
{
	uint8_t blob[4 + SIGNATURE_LEN];
	char base64[BASE64_LEN(sizeof(blob)) + 1];
	size_t len = strnlen(text, NOTE_MAX), n = SIGNATURE_LEN;
	EVP_MD_CTX *ctx;
	bool good;
	int total;

	if (len == 0 || len == NOTE_MAX || text[len - 1] != '\n' || !is_text(text, len))
		return -EINVAL;
	ctx = EVP_MD_CTX_new();
	good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->private_key) == 1 &&
	    EVP_DigestSign(ctx, blob + 4, &n, (const uint8_t *)text, len) == 1 &&
	    n == SIGNATURE_LEN;
	EVP_MD_CTX_free(ctx);
	if (!good)
		return -ENOMEM;
	memcpy(blob, s->key.id, 4);
	base64_write(blob, sizeof(blob), base64);
	total = snprintf(out, room, "%s\n" LINE_START "%s %s\n", text, s->key.name, base64);
	return total < 0 || (size_t)total >= room || total > NOTE_MAX ? -ENOSPC : total;
}
