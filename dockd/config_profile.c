#include "config_profile.h"

#include "charge.h"
#include "config_camera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const struct setting_choice drivers[] = {
	{ "ptp", DRIVER_PTP },
	{ "msc", DRIVER_MSC },
	{ NULL, 0 },
};
static const struct setting_choice identities[] = {
	{ "usb", IDENTITY_USB },
	{ "mtp", IDENTITY_MTP },
	{ "vendor", IDENTITY_VENDOR },
	{ NULL, 0 },
};
static const struct setting_choice schemes[] = {
	{ "none", SCHEME_NONE },
	{ "cms", SCHEME_CMS },
	{ "ecdsa", SCHEME_ECDSA },
	{ "ed25519", SCHEME_ED25519 },
	{ "manifest", SCHEME_MANIFEST },
	{ NULL, 0 },
};
static const struct setting_choice signers[] = {
	{ "serial-number", SIGNER_SERIAL_NUMBER },
	{ "common-name", SIGNER_COMMON_NAME },
	{ "any", SIGNER_ANY },
	{ NULL, 0 },
};
static const struct setting_choice logs[] = {
	{ "none", LOGS_NONE },
	{ "yes", LOGS_YES },
	{ NULL, 0 },
};
static const struct setting_choice quirks[] = {
	{ "no-zero-reads", QUIRK_NO_ZERO_READS },
	{ "ignore-headers", QUIRK_IGNORE_HEADERS },
	{ "no-proplist", QUIRK_NO_PROPLIST },
	{ "no-partial64", QUIRK_NO_PARTIAL64 },
	{ "no-partial", QUIRK_NO_PARTIAL },
	{ "offset-bug", QUIRK_OFFSET_BUG },
	{ "long-timeout", QUIRK_LONG_TIMEOUT },
	{ "keep-session", QUIRK_KEEP_SESSION },
	{ "no-release", QUIRK_NO_RELEASE },
	{ "no-battery", QUIRK_NO_BATTERY },
	{ "no-reset-request", QUIRK_NO_RESET_REQUEST },
	{ "small-reads", QUIRK_SMALL_READS },
	{ "ignore-residue", QUIRK_IGNORE_RESIDUE },
	{ NULL, 0 },
};
/* The four lists of globs; they may stand in any order, and their order in the file counts. */
static const struct setting_choice lists[] = {
	{ "clips", KIND_CLIP },
	{ "sidecars", KIND_SIDECAR },
	{ "logs-paths", KIND_LOG },
	{ "ignore", KIND_IGNORED },
	{ NULL, 0 },
};

static bool good_path(const char *text)
{
	return text[0] == '/' || text[0] == '\0';
}

#define PATH_ALLOWED "a path from / on, or \"\" for none"

/* clang-format off */
static const struct setting profile_settings[] = {
	{ .name = "name", .type = SETTING_TEXT, SETTING_AT(profile, name), .good = setting_is_name,
	  .allowed = SETTING_NAME_ALLOWED },
	{ .name = "match", .type = SETTING_LATER },
	{ .name = "driver", .type = SETTING_CHOICE, SETTING_AT(profile, driver),
	  .choices = drivers },
	{ .name = "identity", .type = SETTING_CHOICE, SETTING_AT(profile, identity),
	  .choices = identities },
	{ .name = "unlock", .type = SETTING_LATER },
	{ .name = "pin-file", .type = SETTING_TEXT, SETTING_AT(profile, pin_file),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "unlock-seconds", .type = SETTING_NUMBER, SETTING_AT(profile, unlock_s),
	  .min = 1, .max = 600 },
	{ .name = "owner-property", .type = SETTING_NUMBER, SETTING_AT(profile, owner_property),
	  .min = PROFILE_PROPERTY_MIN, .max = 0xffff, .allowed = PROFILE_PROPERTY_ALLOWED },
	{ .name = "settings", .type = SETTING_LATER },
	{ .name = "signing", .type = SETTING_CHOICE, SETTING_AT(profile, scheme),
	  .choices = schemes },
	{ .name = "digests", .type = SETTING_LATER },
	{ .name = "signer", .type = SETTING_CHOICE, SETTING_AT(profile, signer),
	  .choices = signers },
	{ .name = "sidecar-suffixes", .type = SETTING_LATER },
	{ .name = "manifest-path", .type = SETTING_TEXT, SETTING_AT(profile, manifest_path) },
	{ .name = "anchors-file", .type = SETTING_TEXT, SETTING_AT(profile, anchors_file),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "crl-file", .type = SETTING_TEXT, SETTING_AT(profile, crl_file),
	  .good = good_path, .allowed = PATH_ALLOWED },
	{ .name = "logs", .type = SETTING_CHOICE, SETTING_AT(profile, logs), .choices = logs },
	{ .name = "erasable", .type = SETTING_BOOL, SETTING_AT(profile, erasable) },
	{ .name = "overwrites-oldest", .type = SETTING_BOOL,
	  SETTING_AT(profile, overwrites_oldest) },
	{ .name = "set-clock", .type = SETTING_BOOL, SETTING_AT(profile, set_clock) },
	{ .name = "quirks", .type = SETTING_LATER },
	{ .name = "window-bytes", .type = SETTING_NUMBER, SETTING_AT(profile, window_bytes),
	  .min = 65536, .max = 67108864 },
	{ .name = "timeout-seconds", .type = SETTING_NUMBER, SETTING_AT(profile, timeout_ms),
	  .min = 1, .max = 600, .scale = 1000 },
	{ .name = "max-objects", .type = SETTING_NUMBER, SETTING_AT(profile, max_objects),
	  .min = 1, .max = 100000 },
	{ .name = "settle-seconds", .type = SETTING_NUMBER, SETTING_AT(profile, settle_s),
	  .min = 1, .max = 3600 },
	{ .name = "charge-minutes", .type = SETTING_NUMBER, SETTING_AT(profile, charge_minutes),
	  .min = 0, .max = 1440 },
	{ .name = "full-percent", .type = SETTING_NUMBER, SETTING_AT(profile, full_percent),
	  .min = 50, .max = 100 },
	{ .name = "charge-stall-minutes", .type = SETTING_NUMBER,
	  SETTING_AT(profile, charge_stall_minutes), .min = 0, .max = 1440 },
	{ .name = "clock-zone", .type = SETTING_TEXT, SETTING_AT(profile, clock_zone_text) },
	{ .name = "clock-utc-offset-minutes", .type = SETTING_NUMBER,
	  SETTING_AT(profile, clock_zone.winter_s), .min = -840, .max = 840, .scale = 60 },
	{ .name = "room-bytes", .type = SETTING_NUMBER, SETTING_AT(profile, room_bytes),
	  .min = 0, .max = INT64_MAX },
	{ .name = "clips", .type = SETTING_LATER },
	{ .name = "sidecars", .type = SETTING_LATER },
	{ .name = "logs-paths", .type = SETTING_LATER },
	{ .name = "ignore", .type = SETTING_LATER },
};

static const struct setting match_settings[] = {
	{ .name = "vendor", .type = SETTING_NUMBER, SETTING_AT(profile, vendor), .max = 0xffff,
	  .allowed = "0 to 0xffff" },
	{ .name = "product", .type = SETTING_NUMBER, SETTING_AT(profile, product), .max = 0xffff,
	  .allowed = "0 to 0xffff" },
	{ .name = "class", .type = SETTING_NUMBER, SETTING_AT(profile, class), .max = 255 },
	{ .name = "subclass", .type = SETTING_NUMBER, SETTING_AT(profile, subclass), .max = 255 },
	{ .name = "protocol", .type = SETTING_NUMBER, SETTING_AT(profile, protocol), .max = 255 },
	{ .name = "interface", .type = SETTING_TEXT, SETTING_AT(profile, interface_name) },
	{ .name = "manufacturer", .type = SETTING_TEXT, SETTING_AT(profile, manufacturer) },
	{ .name = "model", .type = SETTING_TEXT, SETTING_AT(profile, model) },
	{ .name = "serial", .type = SETTING_TEXT, SETTING_AT(profile, serial) },
};
/* clang-format on */

static const struct setting_choice *choice_of(
    const struct setting_choice *choices, const char *word)
{
	for (; word && choices->word; choices++) {
		if (strcmp(choices->word, word) == 0)
			return choices;
	}
	return NULL;
}

static void read_match(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *match = setting_find(root, "match");

	if (!match) {
		setting_missing(e, root, "match",
		    "{ ... } with one of vendor product class subclass "
		    "protocol interface manufacturer model serial at least");
		return;
	}
	if (!setting_is_group(match) || setting_count(match) == 0) {
		setting_wrong(e, match,
		    "{ ... } with one of vendor product class subclass protocol "
		    "interface manufacturer model serial at least");
		return;
	}
	setting_read(e, match, match_settings, ITEMS(match_settings), p, NULL);
	if (p->product >= 0 && p->vendor < 0)
		setting_wrong(e, setting_find(match, "product"), "only together with vendor");
}

static void read_quirks(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *node = setting_find(root, "quirks");

	if (node && !setting_is_list(node)) {
		setting_wrong(e, node, "a list: ( \"word\", ... )");
		return;
	}
	for (size_t i = 0; node && i < setting_count(node); i++) {
		const struct config_setting_t *item = setting_member(node, i);
		const struct setting_choice *c = choice_of(quirks, setting_text(item));

		if (c)
			p->quirks |= (uint32_t)c->value;
		else
			setting_wrong(e, item,
			    "one of \"no-zero-reads\" \"ignore-headers\" "
			    "\"no-proplist\" \"no-partial64\" \"no-partial\" \"offset-bug\" "
			    "\"long-timeout\" \"keep-session\" \"no-release\" \"no-battery\" "
			    "\"no-reset-request\" \"small-reads\"");
	}
}

/* One list of globs, added behind the patterns that are there. */
static void read_globs(struct setting_errors *e, const struct config_setting_t *node,
    enum object_kind kind, struct profile *p, size_t *used)
{
	if (!setting_is_list(node)) {
		setting_wrong(e, node, "a list of globs: ( \"DCIM/*.MP4\", ... )");
		return;
	}
	for (size_t i = 0; i < setting_count(node); i++) {
		const struct config_setting_t *item = setting_member(node, i);
		const char *glob = setting_text(item);

		if (!glob || !glob[0] || strlen(glob) >= PROTO_GLOB_LEN) {
			setting_wrong(
			    e, item, "a glob in quotes, 1 to %d bytes", PROTO_GLOB_LEN - 1);
		} else if (*used == PROTO_PATTERNS) {
			setting_wrong(e, item,
			    "at most %d globs in all lists of a profile together", PROTO_PATTERNS);
		} else {
			p->pattern[*used].kind = kind;
			memcpy(p->pattern[*used].glob, glob, strlen(glob) + 1);
			(*used)++;
		}
	}
}

/* ---- how it signs ---- */

static void read_digests(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	static const struct setting_choice words[] = {
		{ "sha256", 0 },
		{ "sha384", DIGEST_SHA384 },
		{ "sha512", DIGEST_SHA512 },
		{ NULL, 0 },
	};
	const struct config_setting_t *node = setting_find(root, "digests");

	if (!node)
		return;
	if (!setting_is_list(node) || setting_count(node) == 0) {
		setting_wrong(e, node, "a list: ( \"sha256\", ... )");
		return;
	}
	p->sha256_refused = true;
	for (size_t i = 0; i < setting_count(node); i++) {
		const struct config_setting_t *item = setting_member(node, i);
		const struct setting_choice *c = choice_of(words, setting_text(item));

		if (!c) {
			setting_wrong(e, item, "one of \"sha256\" \"sha384\" \"sha512\"");
			continue;
		}
		p->digests |= (uint32_t)c->value;
		if (c->value == 0)
			p->sha256_refused = false;
	}
}

static bool good_suffix(const char *text)
{
	return text && text[0] == '.' && text[1] && strlen(text) < PROFILE_SUFFIX_LEN &&
	    !strchr(text, '/');
}

static void read_suffixes(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *node = setting_find(root, "sidecar-suffixes");

	if (!node)
		return;
	memset(p->sidecar_suffix, 0, sizeof(p->sidecar_suffix));
	if (!setting_is_list(node) || setting_count(node) == 0 ||
	    setting_count(node) > PROFILE_SUFFIXES) {
		setting_wrong(e, node, "a list of 1 to %d: ( \".p7s\", ... )", PROFILE_SUFFIXES);
		return;
	}
	for (size_t i = 0; i < setting_count(node); i++) {
		const struct config_setting_t *item = setting_member(node, i);
		const char *suffix = setting_text(item);

		if (good_suffix(suffix))
			memcpy(p->sidecar_suffix[i], suffix, strlen(suffix) + 1);
		else
			setting_wrong(e, item, "a suffix in quotes with its dot, up to %d bytes",
			    PROFILE_SUFFIX_LEN - 1);
	}
}

/* Settings that say something of one scheme only, elsewhere would say nothing: told, not ignored. */
static void check_scheme(
    struct setting_errors *e, const struct config_setting_t *root, const struct profile *p)
{
	static const struct {
		const char *name;
		unsigned schemes; /* bits 1 << enum signing_scheme */
		const char *text;
	} rules[] = {
		{ "anchors-file", 1u << SCHEME_CMS, "only with signing = \"cms\"" },
		{ "crl-file", 1u << SCHEME_CMS, "only with signing = \"cms\"" },
		{ "signer", 1u << SCHEME_CMS, "only with signing = \"cms\"" },
		{ "manifest-path", 1u << SCHEME_MANIFEST, "only with signing = \"manifest\"" },
		{ "sidecar-suffixes", 1u << SCHEME_CMS | 1u << SCHEME_ECDSA | 1u << SCHEME_ED25519,
		    "only with signing = \"cms\", \"ecdsa\" or \"ed25519\"" },
		{ "digests", 1u << SCHEME_CMS | 1u << SCHEME_ECDSA | 1u << SCHEME_MANIFEST,
		    "only with signing = \"cms\", \"ecdsa\" or \"manifest\"" },
	};

	for (size_t i = 0; i < ITEMS(rules); i++) {
		const struct config_setting_t *node = setting_find(root, rules[i].name);

		if (node && !(rules[i].schemes & 1u << p->scheme))
			setting_wrong(e, node, "%s", rules[i].text);
	}
	if (p->scheme == SCHEME_CMS && !p->anchors_file[0])
		setting_missing(e, root, "anchors-file",
		    "with signing = \"cms\": the certificates (PEM) that its signatures lead to");
	if (p->scheme == SCHEME_MANIFEST && !p->manifest_path[0])
		setting_missing(e, root, "manifest-path",
		    "with signing = \"manifest\": a glob that its signed lists of digests fit");
}

static void read_signing(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	if (setting_find(root, "signing"))
		p->signing = p->scheme == SCHEME_NONE ? SIGNING_NONE : SIGNING_YES;
	if (p->scheme == SCHEME_CMS)
		memcpy(p->sidecar_suffix[0], ".p7s", sizeof(".p7s"));
	if (p->scheme == SCHEME_ECDSA || p->scheme == SCHEME_ED25519)
		memcpy(p->sidecar_suffix[0], ".sig", sizeof(".sig"));
	read_digests(e, root, p);
	read_suffixes(e, root, p);
	check_scheme(e, root, p);
}

static void read_zone(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *node = setting_find(root, "clock-zone");

	p->clock_zone.summer_s = p->clock_zone.winter_s;
	if (!node) {
		int west = -p->clock_zone.winter_s / 60;

		snprintf(p->clock_zone_text, sizeof(p->clock_zone_text),
		    west % 60 ? "UTC%s%d:%02d" : "UTC%s%d", west < 0 ? "-" : "", abs(west) / 60,
		    abs(west) % 60);
		return;
	}
	if (setting_find(root, "clock-utc-offset-minutes"))
		setting_wrong(e, node, "either this or clock-utc-offset-minutes");
	else if (zone_read(p->clock_zone_text, &p->clock_zone) < 0)
		setting_wrong(e, node, "%s", ZONE_ALLOWED);
}

void config_profile_read(struct setting_errors *e, const char *path, struct profile *out)
{
	const struct config_setting_t *root;
	struct setting_file *file;
	size_t used = 0;

	*out = (struct profile){
		.vendor = -1,
		.product = -1,
		.class = -1,
		.subclass = -1,
		.protocol = -1,
		.driver = DRIVER_PTP,
		.identity = IDENTITY_USB,
		.window_bytes = 8u << 20,
		.timeout_ms = 10000,
		.max_objects = 100000,
		.settle_s = 5,
		.full_percent = CHARGE_FULL,
		.charge_stall_minutes = 30,
		.unlock_s = 30,
	};
	if (setting_file_open(path, e, &file) < 0)
		return;
	root = setting_file_root(file);
	setting_read(e, root, profile_settings, ITEMS(profile_settings), out, NULL);
	if (!setting_find(root, "name"))
		setting_missing(e, root, "name", "how this profile is called in status and ledger");
	read_match(e, root, out);
	read_quirks(e, root, out);
	config_camera_read(e, root, out);
	read_signing(e, root, out);
	read_zone(e, root, out);
	for (size_t i = 0; i < setting_count(root); i++) {
		const struct config_setting_t *node = setting_member(root, i);
		const struct setting_choice *c = choice_of(lists, setting_name(node));

		if (c)
			read_globs(e, node, (enum object_kind)c->value, out, &used);
	}
	setting_file_close(file);
}
