#include "config_receipts.h"

#include "config_moment.h"

#include "base/note.h"

#include <string.h>

#define KEY_ALLOWED "a verifier key: \"NAME+HHHHHHHH+BASE64\" (C2SP signed note, Ed25519)"

struct draft_key {
	char key[NOTE_VKEY_LEN];
	char from[CONFIG_MOMENT_LEN], until[CONFIG_MOMENT_LEN];
};

bool config_receipt_path_good(const char *text)
{
	if (text[0] != '/' || text[1] == '\0')
		return false;
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~' || *text == '?' || *text == '#')
			return false;
	}
	return true;
}

static bool good_key(const char *text)
{
	struct note_key key;

	return note_key_parse(text, &key) == 0;
}

static const struct setting key_settings[] = {
	{ .name = "key",
	    .type = SETTING_TEXT,
	    SETTING_AT(draft_key, key),
	    .good = good_key,
	    .allowed = KEY_ALLOWED },
	{ .name = "from",
	    .type = SETTING_TEXT,
	    SETTING_AT(draft_key, from),
	    .good = config_moment_good,
	    .allowed = CONFIG_MOMENT_ALLOWED },
	{ .name = "until",
	    .type = SETTING_TEXT,
	    SETTING_AT(draft_key, until),
	    .good = config_moment_good,
	    .allowed = CONFIG_MOMENT_ALLOWED },
};

static void read_group(
    struct setting_errors *e, const struct config_setting_t *node, struct config_receipt_key *out)
{
	struct draft_key d = { 0 };
	bool seen[3] = { false };

	setting_read(e, node, key_settings, 3, &d, seen);
	if (!seen[0])
		setting_missing(e, node, "key", KEY_ALLOWED);
	memcpy(out->vkey, d.key, sizeof(out->vkey));
	if (!config_moment_span(d.from, d.until, &out->from_s, &out->until_s))
		setting_wrong(e, setting_find(node, "until"), "a time after from");
}

static void read_key(
    struct setting_errors *e, const struct config_setting_t *node, struct config_receipt_key *out)
{
	const char *text = setting_text(node);

	*out = (struct config_receipt_key){ .from_s = PROTO_NO_TIME, .until_s = PROTO_NO_TIME };
	if (setting_is_group(node))
		read_group(e, node, out);
	else if (text && strlen(text) < sizeof(out->vkey) && good_key(text))
		memcpy(out->vkey, text, strlen(text) + 1);
	else
		setting_wrong(e, node, KEY_ALLOWED ", or { key = ...; from = ...; until = ...; }");
}

void config_receipts_read(
    struct setting_errors *e, const struct config_setting_t *node, struct config_destination *d)
{
	const struct config_setting_t *list = setting_find(node, "receipt-keys");
	const struct config_setting_t *path = setting_find(node, "receipt-path");

	d->receipt_keys_n = 0;
	if (list &&
	    (!setting_is_list(list) || setting_count(list) == 0 ||
		setting_count(list) > CONFIG_RECEIPT_KEYS)) {
		setting_wrong(e, list, "a list of 1 to %d keys", CONFIG_RECEIPT_KEYS);
		return;
	}
	for (size_t i = 0; list && i < setting_count(list); i++)
		read_key(e, setting_member(list, i), &d->receipt_key[d->receipt_keys_n++]);
	if (list && !path)
		setting_wrong(e, list, "only together with receipt-path");
	if (path && !list)
		setting_wrong(e, path, "only together with receipt-keys");
}
