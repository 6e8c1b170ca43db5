/*
 * receipt: opens a signed note and compares its nine lines with what the core knows.
 *
 * It must never look at a line before a pinned key's signature on the whole has been found good,
 * and never take a line that is spelt otherwise than dockd-receipt(5) says.
 */
#include "receipt.h"

#include "../base/receipt_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void judge(
    struct proto_judged *out, enum receipt_result result, const char *format, ...)
{
	va_list args;

	out->result = (uint32_t)result;
	va_start(args, format);
	vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}

/* The first of asset, digest, length, station, object that is another's; NULL: none. */
static const char *stranger(
    const struct receipt_facts *f, const struct receipt_value v[RECEIPT_LINES])
{
	char length[24];

	snprintf(length, sizeof(length), "%" PRIu64, f->length_bytes);
	return !receipt_equals(&v[RECEIPT_SHA256], f->sha256) ? "sha256" :
	    !receipt_equals(&v[RECEIPT_LENGTH], length)       ? "length" :
	    !receipt_equals(&v[RECEIPT_ASSET], f->asset)      ? "asset" :
	    !receipt_equals(&v[RECEIPT_STATION], f->station)  ? "station" :
	    !receipt_equals(&v[RECEIPT_OBJECT], f->object)    ? "object" :
								NULL;
}

static void judge_text(const struct receipt_facts *f, size_t key, const char *text, size_t len,
    struct proto_judged *out)
{
	struct receipt_value v[RECEIPT_LINES];
	const char *other;
	int bad = receipt_split(text, len, v);

	if (bad >= 0) {
		judge(out, RECEIPT_UNREADABLE, "dockd-receipt(5): %s%s%s",
		    bad == RECEIPT_LINES ? "something follows the line \"time\"" : "line ",
		    bad == RECEIPT_LINES      ? "" :
			bad == RECEIPT_ORIGIN ? "origin" :
						receipt_prefix((enum receipt_line)bad),
		    bad == RECEIPT_LINES ? "" : " is missing, empty, or not in its place");
		return;
	}
	out->time_s = receipt_time(&v[RECEIPT_TIME]);
	if (out->time_s == PROTO_NO_TIME || !receipt_equals(&v[RECEIPT_ORIGIN], f->key[key].name) ||
	    v[RECEIPT_VERSION].len >= sizeof(out->version)) {
		judge(out, RECEIPT_UNREADABLE, "dockd-receipt(5): %s",
		    out->time_s == PROTO_NO_TIME ? "time is not YYYY-MM-DDTHH:MM:SSZ" :
			v[RECEIPT_VERSION].len >= sizeof(out->version) ?
						   "version is longer than 127 bytes" :
						   "origin is not the name of the key that signed");
		return;
	}
	if (!receipt_equals(&v[RECEIPT_VERSION], "-"))
		memcpy(out->version, v[RECEIPT_VERSION].at, v[RECEIPT_VERSION].len);
	other = stranger(f, v);
	if (other)
		judge(out, RECEIPT_OTHER_ASSET, "its %s is not that of this asset", other);
	else if ((f->from_s[key] != PROTO_NO_TIME && out->time_s < f->from_s[key]) ||
	    (f->until_s[key] != PROTO_NO_TIME && out->time_s >= f->until_s[key]))
		judge(out, RECEIPT_UNKNOWN_KEY, "its key was not in force at the receipt's time");
	else if (out->time_s < f->sent_s - RECEIPT_SLACK_S)
		judge(out, RECEIPT_WRONG_TIME, "its time is before the upload began");
	else if (out->time_s > f->now_s + RECEIPT_SLACK_S)
		judge(out, RECEIPT_WRONG_TIME, "its time is in the future");
	else
		judge(out, RECEIPT_GOOD, "the server has signed that it holds these bytes");
}

void receipt_judge(
    const struct receipt_facts *f, const char *bytes, size_t len, struct proto_judged *out)
{
	const char *why = "";
	size_t text_len, which = 0;

	switch (note_open(bytes, len, f->key, f->keys, &text_len, &which, &why)) {
	case 0:
		snprintf(out->signer, sizeof(out->signer), "%s", f->key[which].name);
		judge_text(f, which, bytes, text_len, out);
		return;
	case -ENOKEY:
		judge(out, RECEIPT_UNKNOWN_KEY, "%s", why);
		return;
	case -EKEYREJECTED:
		judge(out, RECEIPT_BAD_SIGNATURE, "%s", why);
		return;
	default:
		judge(out, RECEIPT_UNREADABLE, "%s", why);
		return;
	}
}
