#include "config_pins.h"

#include "config_moment.h"

#include "base/base64.h"

#include <string.h>

#define DIGEST_ALLOWED                                                                             \
	"the SHA-256 of a public key (SubjectPublicKeyInfo), 64 hexadecimal digits or base64"

struct draft_pin {
	char sha256[72];
	char from[CONFIG_MOMENT_LEN], until[CONFIG_MOMENT_LEN];
};

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

/* Zeros end the list of pins, so they are none. */
static bool read_digest(const char *text, uint8_t out[PROTO_SHA256_LEN])
{
	static const uint8_t none[PROTO_SHA256_LEN];
	size_t len = strlen(text);

	if (len != 2 * PROTO_SHA256_LEN)
		return base64_read(text, len, out, PROTO_SHA256_LEN) == PROTO_SHA256_LEN &&
		    memcmp(out, none, sizeof(none)) != 0;
	for (size_t i = 0; i < PROTO_SHA256_LEN; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return memcmp(out, none, sizeof(none)) != 0;
}

static bool good_digest(const char *text)
{
	uint8_t digest[PROTO_SHA256_LEN];

	return read_digest(text, digest);
}

/* clang-format off */
static const struct setting pin_settings[] = {
	{ .name = "sha256", .type = SETTING_TEXT, SETTING_AT(draft_pin, sha256),
	  .good = good_digest, .allowed = DIGEST_ALLOWED },
	{ .name = "from", .type = SETTING_TEXT, SETTING_AT(draft_pin, from),
	  .good = config_moment_good, .allowed = CONFIG_MOMENT_ALLOWED },
	{ .name = "until", .type = SETTING_TEXT, SETTING_AT(draft_pin, until),
	  .good = config_moment_good, .allowed = CONFIG_MOMENT_ALLOWED },
};
/* clang-format on */

static void read_pin(
    struct setting_errors *e, const struct config_setting_t *node, struct proto_pin *out)
{
	struct draft_pin d = { 0 };
	bool seen[3] = { false };

	*out = (struct proto_pin){ .from_s = PROTO_NO_TIME, .until_s = PROTO_NO_TIME };
	if (!setting_is_group(node)) {
		setting_wrong(e, node, "{ sha256 = ...; from = ...; until = ...; }");
		return;
	}
	setting_read(e, node, pin_settings, 3, &d, seen);
	if (!seen[0])
		setting_missing(e, node, "sha256", DIGEST_ALLOWED);
	if (d.sha256[0])
		read_digest(d.sha256, out->sha256);
	if (!config_moment_span(d.from, d.until, &out->from_s, &out->until_s))
		setting_wrong(e, setting_find(node, "until"), "a time after from");
}

void config_pins_read(
    struct setting_errors *e, const struct config_setting_t *node, struct proto_destination *d)
{
	const struct config_setting_t *list = setting_find(node, "pins");

	if (!list)
		return;
	if (!setting_is_list(list) || setting_count(list) == 0 ||
	    setting_count(list) > PROTO_PINS) {
		setting_wrong(e, list, "a list of 1 to %d: ( { sha256 = ...; }, ... )", PROTO_PINS);
		return;
	}
	for (size_t i = 0; i < setting_count(list); i++)
		read_pin(e, setting_member(list, i), &d->pin[i]);
}
