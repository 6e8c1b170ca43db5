/*
 * sidecar: tries the enrolled keys on a signature that does not say whose it is.
 *
 * A signature that fits no key is a mismatch: whether the clip, the signature or the key is another
 * one cannot be told. It must never take two spellings of one signature but those that
 * dockd-signature(5) names.
 */
#include "sidecar.h"

#include "../base/base64.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE_MAX 256 /* an ECDSA signature on P-384 has 104 bytes at most */
#define ED25519_LEN 64

struct signature {
	size_t len;
	uint8_t bytes[SIGNATURE_MAX];
};

/* Binary as it is, or base64 on one line, with a newline behind it or not. */
static bool decode(const char *bytes, size_t len, struct signature *out)
{
	size_t n = len > 0 && bytes[len - 1] == '\n' ? len - 1 : len;
	int got = n > 0 && n <= BASE64_LEN(SIGNATURE_MAX) ?
	    base64_read(bytes, n, out->bytes, sizeof(out->bytes)) :
	    -EBADMSG;

	if (got > 0) {
		out->len = (size_t)got;
		return true;
	}
	if (len == 0 || len > sizeof(out->bytes))
		return false;
	memcpy(out->bytes, bytes, len);
	out->len = len;
	return true;
}

EVP_PKEY *signing_key_load(const struct signing_key *k)
{
	const uint8_t *at = k->spki;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)k->len);

	if (key && at != k->spki + k->len) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

void signing_key_name(const struct signing_key *k, struct proto_judged *out)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(k->spki, k->len, hash, &n, EVP_sha256(), NULL) != 1)
		n = 0;
	out->signer[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		snprintf(out->signer + 2 * i, sizeof(out->signer) - 2 * i, "%02x", hash[i]);
}

/* ---- ECDSA ---- */

/* Bytes of r, and of s; 0: a key that ECDSA cannot use here. */
static size_t coordinate(const EVP_PKEY *key)
{
	char group[32] = "";

	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return 0;
	return strcmp(group, "prime256v1") == 0 ? 32 : strcmp(group, "secp384r1") == 0 ? 48 : 0;
}

/* RFC 3279 section 2.2.3 in DER, and nothing behind it. */
static bool is_der(const struct signature *s)
{
	const uint8_t *at = s->bytes;
	ECDSA_SIG *read = d2i_ECDSA_SIG(NULL, &at, (long)s->len);
	/* libcrypto takes longer spellings of a length. */
	bool good = read && i2d_ECDSA_SIG(read, NULL) == (int)s->len && at == s->bytes + s->len;

	ECDSA_SIG_free(read);
	return good;
}

/* r and s, each of half the bytes, as DER. */
static bool to_der(const struct signature *raw, struct signature *out)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)raw->len / 2, n = -1;
	BIGNUM *r = BN_bin2bn(raw->bytes, half, NULL);
	BIGNUM *s = BN_bin2bn(raw->bytes + half, half, NULL);
	uint8_t *at = out->bytes;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		n = i2d_ECDSA_SIG(sig, NULL);
		if (n > 0 && (size_t)n <= sizeof(out->bytes))
			n = i2d_ECDSA_SIG(sig, &at);
		else
			n = -1;
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	out->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool ecdsa_fits(const struct signing_facts *f, EVP_PKEY *key, const struct signature *der)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = false;

	for (unsigned d = 0; ctx && d < DIGEST_NAMES && !good; d++) {
		if (f->allowed[d] && f->has[d])
			good = EVP_PKEY_verify_init(ctx) == 1 &&
			    EVP_PKEY_verify(ctx, der->bytes, der->len, f->digest[d],
				digest_size((enum digest_name)d)) == 1;
	}
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* What trying all enrolled keys showed. A key of another scheme is passed over. */
struct trial {
	unsigned usable;                /* keys of the right kind */
	bool form;                      /* the signature is as long as one of theirs */
	const struct signing_key *fits; /* that made it; NULL: none */
};

/* 0, or -EBADMSG: it is no key. */
static int try_ecdsa(const struct signing_facts *f, const struct signing_key *k,
    const struct signature *s, struct trial *trial)
{
	EVP_PKEY *key = signing_key_load(k);
	size_t half = key ? coordinate(key) : 0;
	struct signature der = *s;

	if (!key)
		return -EBADMSG;
	if (half > 0)
		trial->usable++;
	if (half > 0 && (is_der(s) || (s->len == 2 * half && to_der(s, &der)))) {
		trial->form = true;
		if (ecdsa_fits(f, key, &der))
			trial->fits = k;
	}
	EVP_PKEY_free(key);
	return 0;
}

static void judge_trial(const struct signing_facts *f, const struct trial *trial, const char *good,
    struct proto_judged *out)
{
	if (trial->usable == 0) {
		judged_set(out, SIGNATURE_UNTRUSTED_SIGNER,
		    "no key of this kind is enrolled for this camera: dockctl camera enroll");
	} else if (!trial->form) {
		judged_set(out, SIGNATURE_UNREADABLE,
		    "dockd-signature(5): r and s are not as long as the enrolled key's");
	} else if (!trial->fits) {
		judged_set(out, SIGNATURE_MISMATCH,
		    "it was made with none of the enrolled keys over these bytes");
	} else {
		signing_key_name(trial->fits, out);
		if (signing_key_judge(f, trial->fits, out))
			judged_set(out, SIGNATURE_VALID, "%s", good);
	}
}

int sidecar_ecdsa(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why)
{
	struct trial trial = { 0 };
	struct signature s;

	if (!decode(bytes, len, &s) || (!is_der(&s) && s.len != 64 && s.len != 96)) {
		ERR_clear_error();
		judged_set(out, SIGNATURE_UNREADABLE,
		    "RFC 3279 section 2.2.3: it is no ECDSA signature in DER, nor r and s of 32 or "
		    "48 bytes each");
		return 0;
	}
	for (unsigned i = 0; i < f->keys && !trial.fits; i++) {
		if (try_ecdsa(f, &f->key[i], &s, &trial) < 0) {
			*why = "key: not a public key";
			return -EBADMSG;
		}
	}
	ERR_clear_error();
	judge_trial(
	    f, &trial, "signed with ECDSA by the key that is enrolled for this camera", out);
	return 0;
}

/* ---- Ed25519 ---- */

size_t sidecar_line(const struct signing_facts *f, char out[CANONICAL_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = (size_t)snprintf(
	    out, CANONICAL_MAX, "{\"length\":%" PRIu64 ",\"serial\":\"", f->length_bytes);

	for (const unsigned char *p = (const unsigned char *)f->serial; *p; p++) {
		if (*p == '"' || *p == '\\') {
			out[n++] = '\\';
			out[n++] = (char)*p;
		} else if (*p >= 0x20 && *p < 0x7f) {
			out[n++] = (char)*p;
		} else {
			memcpy(out + n, "\\u00", 4);
			out[n + 4] = digits[*p >> 4];
			out[n + 5] = digits[*p & 15];
			n += 6;
		}
	}
	n += (size_t)snprintf(out + n, CANONICAL_MAX - n, "\",\"sha256\":\"");
	for (unsigned i = 0; i < PROTO_SHA256_LEN; i++) {
		uint8_t c = f->digest[DIGEST_IS_SHA256][i];

		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	memcpy(out + n, "\"}\n", 3);
	return n + 3;
}

/*
 * The line is built with the serial for which the key is enrolled: a clip that ended up under
 * another camera's name is told from one that was changed.
 */
static int try_ed25519(const struct signing_facts *f, const struct signing_key *k,
    const struct signature *s, struct trial *trial)
{
	static struct signing_facts of;
	EVP_PKEY *key = signing_key_load(k);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char line[CANONICAL_MAX];

	if (key && ctx && EVP_PKEY_is_a(key, "ED25519")) {
		trial->usable++;
		of = *f;
		memcpy(of.serial, k->serial, sizeof(of.serial));
		if (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(
			ctx, s->bytes, s->len, (const uint8_t *)line, sidecar_line(&of, line)) == 1)
			trial->fits = k;
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return key ? 0 : -EBADMSG;
}

int sidecar_ed25519(const struct signing_facts *f, const char *bytes, size_t len,
    struct proto_judged *out, const char **why)
{
	struct trial trial = { .form = true };
	struct signature s;

	if (len == ED25519_LEN) { /* 64 characters of base64 are no signature */
		memcpy(s.bytes, bytes, len);
		s.len = len;
	} else if (!decode(bytes, len, &s) || s.len != ED25519_LEN) {
		judged_set(out, SIGNATURE_UNREADABLE,
		    "RFC 8032 section 5.1.6: it is neither 64 bytes nor their base64 on one line");
		return 0;
	}
	if (!f->allowed[DIGEST_IS_SHA256]) {
		*why = "signing: ed25519 signs SHA-256, which the profile refuses";
		return -EBADMSG;
	}
	for (unsigned i = 0; i < f->keys && !trial.fits; i++) {
		if (try_ed25519(f, &f->key[i], &s, &trial) < 0) {
			*why = "key: not a public key";
			return -EBADMSG;
		}
	}
	ERR_clear_error();
	judge_trial(f, &trial,
	    "digest, length and serial are signed with Ed25519 by the key that is enrolled for "
	    "this camera",
	    out);
	return 0;
}
