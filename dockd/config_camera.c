#include "config_camera.h"

#include "base/language.h"

#include <string.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))

static bool some(const char *text)
{
	return text[0] != '\0';
}

/* clang-format off */
static const struct setting push_settings[] = {
	{ .name = "property", .type = SETTING_NUMBER, SETTING_AT(profile_push, code),
	  .min = PROFILE_PROPERTY_MIN, .max = 0xffff, .allowed = PROFILE_PROPERTY_ALLOWED },
	{ .name = "value", .type = SETTING_TEXT, SETTING_AT(profile_push, value), .good = some,
	  .allowed = "a number or words, as the property is" },
};
/* clang-format on */

static bool is_there(const struct profile *p, enum unlock u)
{
	for (size_t i = 0; i < PROTO_UNLOCKS; i++) {
		if (p->unlock[i] == u)
			return true;
	}
	return false;
}

static void read_unlock(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *node = setting_find(root, "unlock");

	if (!node)
		return;
	if (!setting_is_list(node) || setting_count(node) == 0 ||
	    setting_count(node) > PROTO_UNLOCKS) {
		setting_wrong(e, node, "a list of 1 to %d: ( \"dv16\", ... )", PROTO_UNLOCKS);
		return;
	}
	for (size_t i = 0; i < setting_count(node); i++) {
		const struct config_setting_t *item = setting_member(node, i);
		enum unlock u = language_of(setting_text(item));

		if (u == UNLOCK_NONE)
			setting_wrong(e, item, "%s", LANGUAGE_ALLOWED);
		else if (is_there(p, u))
			setting_wrong(e, item, "each language once");
		else
			p->unlock[i] = u;
	}
}

/* A property that is told twice would be written back and forth. */
static bool property_is_told(const struct profile *p, uint32_t code, size_t before)
{
	for (size_t i = 0; i < before; i++) {
		if (p->push[i].code == code)
			return true;
	}
	return code == p->owner_property;
}

static void read_push(
    struct setting_errors *e, const struct config_setting_t *item, size_t i, struct profile *p)
{
	bool seen[ITEMS(push_settings)] = { false };

	if (!setting_is_group(item)) {
		setting_wrong(e, item, "a group: { property = 0xD402; value = \"...\"; }");
		return;
	}
	setting_read(e, item, push_settings, ITEMS(push_settings), &p->push[i], seen);
	if (!seen[0])
		setting_missing(e, item, "property", PROFILE_PROPERTY_ALLOWED);
	if (!seen[1])
		setting_missing(e, item, "value", "what it shall be, in quotes");
	if (p->push[i].code && property_is_told(p, p->push[i].code, i))
		setting_wrong(e, setting_find(item, "property"), "each property once");
}

static void read_settings(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	const struct config_setting_t *node = setting_find(root, "settings");

	if (!node)
		return;
	if (!setting_is_list(node) || setting_count(node) == 0 ||
	    setting_count(node) > PROFILE_SETTINGS) {
		setting_wrong(e, node,
		    "a list of 1 to %d: ( { property = 0xD402; value = \"...\"; }, ... )",
		    PROFILE_SETTINGS);
		return;
	}
	for (size_t i = 0; i < setting_count(node); i++)
		read_push(e, setting_member(node, i), i, p);
}

static void refuse(struct setting_errors *e, const struct config_setting_t *root, const char *name,
    bool wrong, const char *text)
{
	const struct config_setting_t *node = setting_find(root, name);

	if (node && wrong)
		setting_wrong(e, node, "%s", text);
}

static void check_driver(
    struct setting_errors *e, const struct config_setting_t *root, const struct profile *p)
{
	bool disk = p->driver == DRIVER_MSC, locked = p->unlock[0] != UNLOCK_NONE;

	refuse(e, root, "unlock", !disk, "only with driver = \"msc\"");
	refuse(e, root, "pin-file", !setting_find(root, "unlock"), "only together with unlock");
	refuse(
	    e, root, "unlock-seconds", !setting_find(root, "unlock"), "only together with unlock");
	refuse(e, root, "erasable", disk && p->erasable,
	    "not with driver = \"msc\": no command is known by which such a camera erases files, "
	    "and its file system is never written");
	refuse(e, root, "identity", disk && p->identity == IDENTITY_MTP,
	    "\"mtp\" only with driver = \"ptp\"");
	refuse(e, root, "identity", p->identity == IDENTITY_VENDOR && !setting_find(root, "unlock"),
	    "\"vendor\" only together with unlock: a vendor's language tells it");
	refuse(e, root, "set-clock", disk && p->set_clock && !locked,
	    "not with driver = \"msc\" without unlock: a disk has no clock");
	refuse(e, root, "owner-property", disk, "only with driver = \"ptp\"");
	refuse(e, root, "settings", disk, "only with driver = \"ptp\"");
	refuse(e, root, "quirks", !disk && (p->quirks & QUIRK_SMALL_READS),
	    "\"small-reads\" only with driver = \"msc\"");
	refuse(e, root, "quirks", !disk && (p->quirks & QUIRK_IGNORE_RESIDUE),
	    "\"ignore-residue\" only with driver = \"msc\"");
}

void config_camera_read(
    struct setting_errors *e, const struct config_setting_t *root, struct profile *p)
{
	read_unlock(e, root, p);
	read_settings(e, root, p);
	check_driver(e, root, p);
}
