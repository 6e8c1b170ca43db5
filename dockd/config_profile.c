#include "config_profile.h"

#include <errno.h>
#include <string.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))

static const struct setting_choice drivers[] = { { "ptp", DRIVER_PTP }, { NULL, 0 } };
static const struct setting_choice identities[] = {
	{ "usb", IDENTITY_USB },
	{ "mtp", IDENTITY_MTP },
	{ NULL, 0 },
};
static const struct setting_choice signings[] = {
	{ "none", SIGNING_NONE },
	{ "yes", SIGNING_YES },
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

/* clang-format off */
static const struct setting profile_settings[] = {
	{ .name = "name", .type = SETTING_TEXT, SETTING_AT(profile, name), .good = setting_is_name,
	  .allowed = SETTING_NAME_ALLOWED },
	{ .name = "match", .type = SETTING_LATER },
	{ .name = "driver", .type = SETTING_CHOICE, SETTING_AT(profile, driver),
	  .choices = drivers },
	{ .name = "identity", .type = SETTING_CHOICE, SETTING_AT(profile, identity),
	  .choices = identities },
	{ .name = "signing", .type = SETTING_CHOICE, SETTING_AT(profile, signing),
	  .choices = signings },
	{ .name = "logs", .type = SETTING_CHOICE, SETTING_AT(profile, logs), .choices = logs },
	{ .name = "erasable", .type = SETTING_BOOL, SETTING_AT(profile, erasable) },
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
	{ .name = "clock-utc-offset-minutes", .type = SETTING_NUMBER,
	  SETTING_AT(profile, clock_utc_offset_minutes), .min = -840, .max = 840 },
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
			    "\"no-reset-request\"");
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
	};
	if (setting_file_open(path, e, &file) < 0)
		return;
	root = setting_file_root(file);
	setting_read(e, root, profile_settings, ITEMS(profile_settings), out, NULL);
	if (!setting_find(root, "name"))
		setting_missing(e, root, "name", "how this profile is called in status and ledger");
	read_match(e, root, out);
	read_quirks(e, root, out);
	for (size_t i = 0; i < setting_count(root); i++) {
		const struct config_setting_t *node = setting_member(root, i);
		const struct setting_choice *c = choice_of(lists, setting_name(node));

		if (c)
			read_globs(e, node, (enum object_kind)c->value, out, &used);
	}
	setting_file_close(file);
}
