/*
 * asset: the ladder, its words, and the asset id; pure.
 *
 * Called by every file of the core that handles assets.
 */
#include "asset.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum rung asset_rung(const struct asset *a, const struct upload *const *uploads, size_t n, bool any)
{
	enum rung lowest = RUNG_RECEIPTED, highest = RUNG_CHECKED;

	if (a->erased)
		return RUNG_ERASED;
	if (a->rung < RUNG_CHECKED)
		return a->rung;
	for (size_t i = 0; i < n; i++) {
		enum rung r = uploads[i] ? uploads[i]->rung : RUNG_CHECKED;

		if (r < lowest)
			lowest = r;
		if (r > highest)
			highest = r;
	}
	return any || n == 0 ? highest : lowest;
}

static const struct {
	const char *word, *sentence;
} signatures[] = {
	[SIGNATURE_NONE] = { "", "its signature has not been judged yet" },
	[SIGNATURE_VALID] = { "valid",
	    "these are the bytes that the camera's key signed; it does not say who recorded, where, "
	    "or that nothing is missing" },
	[SIGNATURE_UNSIGNED] = { "unsigned",
	    "no signature has come with it; that alone is no sign of a change" },
	[SIGNATURE_MISMATCH] = { "mismatch",
	    "the signature does not fit the bytes: changed, damaged or wrongly signed, which of "
	    "them cannot be told" },
	[SIGNATURE_UNTRUSTED_SIGNER] = { "untrusted-signer",
	    "it is signed, but not by a key that this force trusts" },
	[SIGNATURE_ANOTHER_CAMERA] = { "signed-by-another-camera",
	    "it is signed with the key of another camera than the one it came from" },
	[SIGNATURE_CUT_SHORT] = { "cut-short",
	    "the camera lost it before all of it was taken off: what there is, is kept" },
	[SIGNATURE_UNREADABLE] = { "unreadable",
	    "there is a signature, but it cannot be read: damaged, or of another form than the "
	    "profile says" },
};

const char *signature_word(enum signature_result s)
{
	return (size_t)s < sizeof(signatures) / sizeof(signatures[0]) ? signatures[s].word : "";
}

const char *signature_sentence(const char *word)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		if (strcmp(signatures[i].word, word) == 0)
			return signatures[i].sentence;
	}
	return signatures[SIGNATURE_NONE].sentence;
}

const char *rung_word(enum rung r)
{
	switch (r) {
	case RUNG_LISTED:
		return "listed";
	case RUNG_STAGED:
		return "staged";
	case RUNG_CHECKED:
		return "checked";
	case RUNG_SENT:
		return "sent";
	case RUNG_RECEIPTED:
		return "receipted";
	case RUNG_ERASABLE:
		return "erasable";
	case RUNG_ERASED:
		return "erased";
	}
	return "unknown";
}

int kind_of_word(const char *word, enum object_kind *out)
{
	for (int k = KIND_FOLDER; k <= KIND_REPORT; k++) {
		if (strcmp(word, kind_word((enum object_kind)k)) == 0) {
			*out = (enum object_kind)k;
			return 0;
		}
	}
	return -EINVAL;
}

const char *level_word(enum receipt_level l)
{
	switch (l) {
	case LEVEL_NONE:
		return "none";
	case LEVEL_LOCAL:
		return "local";
	case LEVEL_LENGTH:
		return "length";
	case LEVEL_TRANSFER_DIGEST:
		return "transfer-digest";
	case LEVEL_STORED_DIGEST:
		return "stored-digest";
	case LEVEL_READBACK:
		return "readback";
	case LEVEL_SIGNED:
		return "signed";
	}
	return "unknown";
}

int level_of_word(const char *word, enum receipt_level *out)
{
	for (int l = LEVEL_LOCAL; l <= LEVEL_SIGNED; l++) {
		if (strcmp(word, level_word((enum receipt_level)l)) == 0) {
			*out = (enum receipt_level)l;
			return 0;
		}
	}
	return -EINVAL;
}

const char *lock_word(enum lock_mode l)
{
	switch (l) {
	case LOCK_NONE:
		return "none";
	case LOCK_GOVERNANCE:
		return "governance";
	case LOCK_COMPLIANCE:
		return "compliance";
	}
	return "unknown";
}

int lock_of_word(const char *word, enum lock_mode *out)
{
	for (int l = LOCK_NONE; l <= LOCK_COMPLIANCE; l++) {
		if (strcmp(word, lock_word((enum lock_mode)l)) == 0) {
			*out = (enum lock_mode)l;
			return 0;
		}
	}
	return -EINVAL;
}

const char *scheme_word(enum signing_scheme s)
{
	switch (s) {
	case SCHEME_NONE:
		return "none";
	case SCHEME_CMS:
		return "cms";
	case SCHEME_ECDSA:
		return "ecdsa";
	case SCHEME_ED25519:
		return "ed25519";
	case SCHEME_MANIFEST:
		return "manifest";
	}
	return "unknown";
}

int scheme_of_word(const char *word, enum signing_scheme *out)
{
	for (int s = SCHEME_NONE; s <= SCHEME_MANIFEST; s++) {
		if (strcmp(word, scheme_word((enum signing_scheme)s)) == 0) {
			*out = (enum signing_scheme)s;
			return 0;
		}
	}
	return -EINVAL;
}

bool asset_time_plausible(int64_t mtime_s, int64_t now_s)
{
	return mtime_s != PROTO_NO_TIME && mtime_s >= ASSET_EARLIEST_S &&
	    mtime_s <= now_s + ASSET_AHEAD_S;
}

int asset_id_text(const char *camera, const char *sha256_hex, char *out, size_t room)
{
	int n = snprintf(out, room, "dockd asset v1\n%s\n%s\n", camera, sha256_hex);

	return n < 0 || (size_t)n >= room ? -ENOSPC : n;
}

int asset_id(const char *camera, const char *sha256_hex, char out[PROTO_ID_LEN])
{
	char text[PROTO_TEXT_LEN * 2 + PROTO_ID_LEN];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int n = asset_id_text(camera, sha256_hex, text, sizeof(text));

	if (n < 0)
		return n;
	if (EVP_Digest(text, (size_t)n, digest, &size, EVP_sha256(), NULL) != 1 || size != 32)
		return -EIO;
	for (unsigned i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return 0;
}
