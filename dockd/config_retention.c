#include "config_retention.h"

#include <string.h>

#define ITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define KINDS_ALLOWED "a list of: clip sidecar log other report, each in one class only"

/* clang-format off */
static const struct setting class_settings[] = {
	{ .name = "class", .type = SETTING_TEXT, SETTING_AT(retention_class, name),
	  .good = setting_is_name, .allowed = SETTING_NAME_ALLOWED },
	{ .name = "kinds", .type = SETTING_LATER },
	{ .name = "days", .type = SETTING_NUMBER, SETTING_AT(retention_class, days),
	  .min = 1, .max = 36500 },
};
/* clang-format on */

static const struct {
	const char *word;
	enum object_kind kind;
} kinds[] = {
	{ "clip", KIND_CLIP },
	{ "sidecar", KIND_SIDECAR },
	{ "log", KIND_LOG },
	{ "other", KIND_OTHER },
	{ "report", KIND_REPORT },
};

static uint32_t kind_of(const struct config_setting_t *node)
{
	const char *word = setting_text(node);

	for (size_t i = 0; word && i < ITEMS(kinds); i++) {
		if (strcmp(word, kinds[i].word) == 0)
			return 1u << kinds[i].kind;
	}
	return 0;
}

static void read_kinds(struct setting_errors *e, const struct config_setting_t *group,
    struct retention_class *class, uint32_t taken)
{
	const struct config_setting_t *list = setting_find(group, "kinds");

	if (!list) {
		setting_missing(e, group, "kinds", KINDS_ALLOWED);
		return;
	}
	if (!setting_is_list(list) || setting_count(list) == 0) {
		setting_wrong(e, list, "%s", KINDS_ALLOWED);
		return;
	}
	for (size_t i = 0; i < setting_count(list); i++) {
		uint32_t kind = kind_of(setting_member(list, i));

		if (!kind || ((class->kinds | taken) & kind))
			setting_wrong(e, setting_member(list, i), "%s", KINDS_ALLOWED);
		class->kinds |= kind;
	}
}

void config_retention_read(
    struct setting_errors *e, const struct config_setting_t *root, struct config *c)
{
	const struct config_setting_t *list = setting_find(root, "retention");
	uint32_t taken = 0;

	if (!list)
		return;
	c->retention_n = 0;
	if (!setting_is_list(list) || setting_count(list) > RETENTION_CLASSES) {
		setting_wrong(e, list,
		    "a list of at most %d: ( { class = ...; kinds = (...); days = ...; }, ... )",
		    RETENTION_CLASSES);
		return;
	}
	for (size_t i = 0; i < setting_count(list); i++) {
		const struct config_setting_t *node = setting_member(list, i);
		struct retention_class *class = &c->retention[c->retention_n];
		bool seen[ITEMS(class_settings)] = { false };

		memset(class, 0, sizeof(*class));
		if (!setting_is_group(node)) {
			setting_wrong(e, node, "{ class = ...; kinds = (...); days = ...; }");
			continue;
		}
		setting_read(e, node, class_settings, ITEMS(class_settings), class, seen);
		if (!seen[0])
			setting_missing(e, node, "class", SETTING_NAME_ALLOWED);
		read_kinds(e, node, class, taken);
		taken |= class->kinds;
		c->retention_n++;
	}
}
