#include "facts.h"

#include "../base/base64.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *word, *title;
	size_t size;
} digests[DIGEST_NAMES] = {
	[DIGEST_IS_SHA256] = { "sha256", "SHA-256", 32 },
	[DIGEST_IS_SHA384] = { "sha384", "SHA-384", 48 },
	[DIGEST_IS_SHA512] = { "sha512", "SHA-512", 64 },
};

const char *digest_title(enum digest_name d)
{
	return digests[d].title;
}

size_t digest_size(enum digest_name d)
{
	return digests[d].size;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly 2 * size lower-case digits. out may be NULL: they are only looked at. */
static bool hex(const char *text, uint8_t *out, size_t size)
{
	if (!text || strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		if (out)
			out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool text(const struct record *r, const char *key, char *out, size_t room)
{
	const char *value = record_get_text(r, key);
	size_t n = value ? strlen(value) : room;

	if (n >= room)
		return false;
	memcpy(out, value, n + 1);
	return true;
}

static bool length(const struct record *r, uint64_t *out)
{
	int64_t n = record_get_number(r, "length", -1);

	*out = n < 0 ? 0 : (uint64_t)n;
	return n >= 0;
}

static int64_t time_of(const struct record *r, const char *key)
{
	return record_get_number(r, key, PROTO_NO_TIME);
}

/* The next line into r. 1, 0: there is none, -EBADMSG. */
static int next(const char **at, const char *end, struct record *r)
{
	const char *stop;
	int rc;

	if (*at == end)
		return 0;
	stop = memchr(*at, '\n', (size_t)(end - *at));
	if (!stop)
		return -EBADMSG;
	rc = record_parse(*at, (size_t)(stop - *at), r);
	*at = stop + 1;
	return rc < 0 ? rc : 1;
}

static bool is(const struct record *r, const char *type)
{
	return strcmp(record_type(r), type) == 0;
}

static const char *asset(const struct record *r, struct signing_facts *out)
{
	if (!is(r, "asset") || !text(r, "asset", out->asset, sizeof(out->asset)) ||
	    !text(r, "serial", out->serial, sizeof(out->serial)) ||
	    !text(r, "path", out->path, sizeof(out->path)) || !length(r, &out->length_bytes))
		return "asset: asset, serial, path, length";
	for (unsigned d = 0; d < DIGEST_NAMES; d++) {
		const char *value = record_get_text(r, digests[d].word);

		out->has[d] = value != NULL;
		if (value && !hex(value, out->digest[d], digests[d].size))
			return "asset: a digest";
	}
	out->recorded_s = time_of(r, "recorded");
	out->not_before_s = time_of(r, "not-before");
	out->docked_s = time_of(r, "docked");
	out->clock_proved = record_get_number(r, "clock-proved", 0) == 1;
	return !out->has[DIGEST_IS_SHA256] ? "asset: sha256" :
	    out->docked_s == PROTO_NO_TIME ? "asset: docked" :
					     NULL;
}

/* The index of value in words, or -1. */
static int word(const char *value, const char *const *words, size_t n)
{
	for (size_t i = 0; value && i < n; i++) {
		if (words[i] && strcmp(words[i], value) == 0)
			return (int)i;
	}
	return -1;
}

static bool allowed(const char *list, bool out[DIGEST_NAMES])
{
	while (list && *list) {
		size_t n = strcspn(list, " ");
		bool known = false;

		for (unsigned d = 0; d < DIGEST_NAMES; d++) {
			if (strlen(digests[d].word) == n && memcmp(digests[d].word, list, n) == 0)
				known = out[d] = true;
		}
		if (!known)
			return false;
		list += n;
		list += *list == ' ' ? 1 : 0;
	}
	return list != NULL;
}

static const char *signing(const struct record *r, struct signing_facts *out)
{
	static const char *const schemes[] = { [SCHEME_CMS] = "cms",
		[SCHEME_ECDSA] = "ecdsa",
		[SCHEME_ED25519] = "ed25519",
		[SCHEME_MANIFEST] = "manifest" };
	static const char *const signers[] = { [SIGNER_IS_SERIAL_NUMBER] = "serial-number",
		[SIGNER_IS_COMMON_NAME] = "common-name",
		[SIGNER_IS_ANY] = "any" };
	const char *signer = record_get_text(r, "signer");
	int scheme, rule;

	if (!is(r, "signing"))
		return "signing: it comes second";
	scheme = word(record_get_text(r, "scheme"), schemes, sizeof(schemes) / sizeof(schemes[0]));
	rule = signer ? word(signer, signers, sizeof(signers) / sizeof(signers[0])) : 0;
	if (scheme < 0 || rule < 0 || !allowed(record_get_text(r, "digests"), out->allowed))
		return "signing: scheme, digests, signer";
	out->scheme = (enum signing_scheme)scheme;
	out->signer = (enum signer_is)rule;
	return NULL;
}

static const char *signing_key(const struct record *r, struct signing_facts *out)
{
	const char *value = record_get_text(r, "key");
	struct signing_key *k;
	int n;

	if (!is(r, "key") || out->keys == FACTS_KEYS_MAX)
		return "key: 32 at most";
	k = &out->key[out->keys++];
	n = value ? base64_read(value, strlen(value), k->spki, sizeof(k->spki)) : -EBADMSG;
	if (n <= 0 || !text(r, "serial", k->serial, sizeof(k->serial)))
		return "key: key, serial";
	k->len = (size_t)n;
	k->enrolled_s = time_of(r, "enrolled");
	k->revoked_s = time_of(r, "revoked");
	return NULL;
}

int facts_signing(const char *bytes, size_t len, struct signing_facts *out, const char **why)
{
	static struct record r;
	const char *at = bytes, *end = bytes + len;
	unsigned lines = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	while ((rc = next(&at, end, &r)) > 0) {
		*why = lines == 0 ? asset(&r, out) :
		    lines == 1    ? signing(&r, out) :
				    signing_key(&r, out);
		if (*why)
			return -EBADMSG;
		lines++;
	}
	*why = "facts: lines in the form of ledger records, asset and signing first";
	return rc < 0 || lines < 2 ? -EBADMSG : 0;
}

static const char *receipt(const struct record *r, struct receipt_facts *out)
{
	out->sent_s = time_of(r, "sent");
	out->now_s = time_of(r, "now");
	if (!is(r, "receipt") || !text(r, "asset", out->asset, sizeof(out->asset)) ||
	    !text(r, "sha256", out->sha256, sizeof(out->sha256)) || !hex(out->sha256, NULL, 32) ||
	    !length(r, &out->length_bytes) ||
	    !text(r, "station", out->station, sizeof(out->station)) ||
	    !text(r, "object", out->object, sizeof(out->object)) || out->sent_s == PROTO_NO_TIME ||
	    out->now_s == PROTO_NO_TIME)
		return "receipt: asset, sha256, length, station, object, sent, now";
	return NULL;
}

static const char *receipt_key(const struct record *r, struct receipt_facts *out)
{
	const char *vkey = record_get_text(r, "vkey");

	if (!is(r, "key") || out->keys == FACTS_KEYS_MAX)
		return "key: 32 at most";
	if (!vkey || note_key_parse(vkey, &out->key[out->keys]) < 0)
		return "key: vkey";
	out->from_s[out->keys] = time_of(r, "from");
	out->until_s[out->keys] = time_of(r, "until");
	out->keys++;
	return NULL;
}

int facts_receipt(const char *bytes, size_t len, struct receipt_facts *out, const char **why)
{
	static struct record r;
	const char *at = bytes, *end = bytes + len;
	bool first = true;
	int rc;

	memset(out, 0, sizeof(*out));
	while ((rc = next(&at, end, &r)) > 0) {
		*why = first ? receipt(&r, out) : receipt_key(&r, out);
		if (*why)
			return -EBADMSG;
		first = false;
	}
	*why = "facts: lines in the form of ledger records, receipt first";
	return rc < 0 || first ? -EBADMSG : 0;
}
