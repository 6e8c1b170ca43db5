/*
 * manifest: opens a signed note, reads the whole list, finds one path.
 *
 * A list is read to its end even when the path was found: one with a line that breaks the form is
 * no list, and a path that stands twice is no statement. It must never look at a line before an
 * enrolled key's signature on the whole has been found good.
 */
#include "manifest.h"

#include "sidecar.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define HEX_LEN (2 * PROTO_SHA256_LEN)

struct list {
	const char *at, *end;
	bool found, twice;
	uint8_t sha256[PROTO_SHA256_LEN];
	uint64_t length_bytes;
};

/* "dockd-camera/SERIAL"; bytes other than letters, digits, '.', '_', '-' as %XX. */
static bool key_name(const char *serial, char out[NOTE_NAME_LEN])
{
	size_t n = (size_t)snprintf(out, NOTE_NAME_LEN, "dockd-camera/");

	for (const unsigned char *p = (const unsigned char *)serial; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= 'a' && *p <= 'z') || *p == '.' || *p == '_' || *p == '-';

		if (n + 4 > NOTE_NAME_LEN)
			return false;
		n += (size_t)snprintf(out + n, NOTE_NAME_LEN - n, plain ? "%c" : "%%%02X", *p);
	}
	return true;
}

/* 1; 0: a key of another scheme, or a name that no note can have; -EBADMSG: it is no key. */
static int note_key_of(const struct signing_key *k, struct note_key *out)
{
	EVP_PKEY *key = signing_key_load(k);
	char name[NOTE_NAME_LEN];
	uint8_t bytes[32];
	size_t n = sizeof(bytes);
	int got = key ? 0 : -EBADMSG;

	if (key && EVP_PKEY_is_a(key, "ED25519") &&
	    EVP_PKEY_get_raw_public_key(key, bytes, &n) == 1 && n == sizeof(bytes) &&
	    key_name(k->serial, name) && note_key_make(name, bytes, out) == 0)
		got = 1;
	EVP_PKEY_free(key);
	return got;
}

/* The next line, without its newline; NULL: there is none. */
static const char *next(struct list *l, size_t *len)
{
	const char *line = l->at;
	const char *stop = line < l->end ? memchr(line, '\n', (size_t)(l->end - line)) : NULL;

	if (!stop)
		return NULL;
	*len = (size_t)(stop - line);
	l->at = stop + 1;
	return line;
}

static bool is_line(const char *line, size_t len, const char *text)
{
	return line && strlen(text) == len && memcmp(line, text, len) == 0;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A decimal number without a superfluous zero; *at is left behind it. */
static bool number(const char **at, const char *end, uint64_t *out)
{
	const char *first = *at;

	*out = 0;
	while (*at < end && **at >= '0' && **at <= '9') {
		if (__builtin_mul_overflow(*out, 10u, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(**at - '0'), out))
			return false;
		(*at)++;
	}
	return *at > first && (*first != '0' || *at == first + 1);
}

/* "HEX LENGTH PATH". false: it is not. */
static bool entry(struct list *l, const char *line, size_t len, const char *path)
{
	uint8_t sha256[PROTO_SHA256_LEN];
	const char *at = line + HEX_LEN + 1, *end = line + len;
	uint64_t length;

	if (len < HEX_LEN + 4 || line[HEX_LEN] != ' ')
		return false;
	for (unsigned i = 0; i < sizeof(sha256); i++) {
		int high = hex_value(line[2 * i]), low = hex_value(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sha256[i] = (uint8_t)(high << 4 | low);
	}
	if (!number(&at, end, &length) || at == end || *at != ' ' || ++at == end)
		return false;
	if (!is_line(at, (size_t)(end - at), path))
		return true;
	l->twice = l->found;
	l->found = true;
	l->length_bytes = length;
	memcpy(l->sha256, sha256, sizeof(sha256));
	return true;
}

static void judge_list(const struct signing_facts *f, struct list *l, struct proto_judged *out)
{
	char camera[sizeof(f->serial) + sizeof("camera ")];
	const char *line;
	size_t len = 0;
	unsigned lines = 2;

	line = next(l, &len);
	if (!is_line(line, len, "dockd manifest v1")) {
		judged_set(out, SIGNATURE_UNREADABLE,
		    "dockd-signature(5): line 1 is not \"dockd manifest v1\"");
		return;
	}
	snprintf(camera, sizeof(camera), "camera %s", f->serial);
	line = next(l, &len);
	if (!is_line(line, len, camera)) {
		bool other = line && len > 7 && memcmp(line, "camera ", 7) == 0;

		judged_set(out, other ? SIGNATURE_ANOTHER_CAMERA : SIGNATURE_UNREADABLE,
		    other ? "the list says that it is of another camera" :
			    "dockd-signature(5): line 2 is not \"camera\" and its serial");
		return;
	}
	while ((line = next(l, &len))) {
		lines++;
		if (!entry(l, line, len, f->path) || l->twice) {
			judged_set(out, SIGNATURE_UNREADABLE, "dockd-signature(5): line %u %s",
			    lines,
			    l->twice ? "has a path that was listed before" :
				       "is not a digest, a length and a path");
			return;
		}
	}
	if (!l->found)
		judged_set(out, SIGNATURE_UNSIGNED, "not in the manifest");
	else if (l->length_bytes != f->length_bytes)
		judged_set(out, SIGNATURE_MISMATCH,
		    "the manifest lists %" PRIu64 " bytes where there are %" PRIu64,
		    l->length_bytes, f->length_bytes);
	else if (memcmp(l->sha256, f->digest[DIGEST_IS_SHA256], sizeof(l->sha256)) != 0)
		judged_set(out, SIGNATURE_MISMATCH,
		    "the SHA-256 in the manifest is not that of these bytes");
	else
		judged_set(out, SIGNATURE_VALID,
		    "listed in a manifest signed by the key that is enrolled for this camera");
}

int manifest_judge(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why)
{
	const struct signing_key *of[FACTS_KEYS_MAX];
	struct note_key keys[FACTS_KEYS_MAX];
	size_t text_len = 0, which = 0, n = 0;
	struct list list;
	int err = 0;

	for (unsigned i = 0; i < f->keys && err >= 0; i++) {
		of[n] = &f->key[i];
		err = note_key_of(&f->key[i], &keys[n]);
		n += err > 0 ? 1 : 0;
	}
	if (err < 0) {
		*why = "key: not a public key";
		return err;
	}
	err = note_open(bytes, len, keys, n, &text_len, &which, why);
	ERR_clear_error();
	if (err == 0) {
		signing_key_name(of[which], out);
		list = (struct list){ .at = bytes, .end = bytes + text_len };
		if (signing_key_judge(f, of[which], out))
			judge_list(f, &list, out);
		return 0;
	}
	judged_set(out,
	    err == -ENOKEY           ? SIGNATURE_UNTRUSTED_SIGNER :
		err == -EKEYREJECTED ? SIGNATURE_MISMATCH :
				       SIGNATURE_UNREADABLE,
	    "%s", *why);
	return 0;
}
