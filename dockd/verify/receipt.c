/*
 * receipt: opens a signed note and compares its nine lines with what the core knows.
 *
 * It must never look at a line before a pinned key's signature on the whole has been found good,
 * and never take a line that is spelt otherwise than dockd-receipt(5) says.
 */
#include "receipt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum line_of { ORIGIN, FORM, SHA256, LENGTH, ASSET, STATION, OBJECT, VERSION, TIME, LINES };

static const char *const prefixes[LINES] = {
	[ORIGIN] = "",
	[FORM] = "dockd receipt v1",
	[SHA256] = "sha256 ",
	[LENGTH] = "length ",
	[ASSET] = "asset ",
	[STATION] = "station ",
	[OBJECT] = "object ",
	[VERSION] = "version ",
	[TIME] = "time ",
};

struct value {
	const char *at;
	size_t len;
};

__attribute__((format(printf, 3, 4))) static void judge(
    struct proto_judged *out, enum receipt_result result, const char *format, ...)
{
	va_list args;

	out->result = (uint32_t)result;
	va_start(args, format);
	vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}

/* The values of exactly these lines in this order; -1, or the line that is not there. */
static int split(const char *text, size_t len, struct value values[LINES])
{
	const char *at = text, *end = text + len;

	for (int i = 0; i < LINES; i++) {
		size_t skip = strlen(prefixes[i]);
		const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		if (!stop || (size_t)(stop - at) < skip || memcmp(at, prefixes[i], skip) != 0)
			return i;
		values[i] = (struct value){ at + skip, (size_t)(stop - at) - skip };
		if (i == FORM ? values[i].len != 0 : values[i].len == 0)
			return i;
		at = stop + 1;
	}
	return at == end ? -1 : LINES;
}

static bool equals(const struct value *v, const char *text)
{
	return strlen(text) == v->len && memcmp(v->at, text, v->len) == 0;
}

static unsigned two(const char *at)
{
	return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
}

/* "2026-11-21T14:30:05Z" (RFC 3339 section 5.6; UTC, whole seconds). PROTO_NO_TIME: it is not. */
static int64_t rfc3339(const struct value *v)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day, hour, minute, second;
	int64_t total;
	bool leap;

	if (v->len != sizeof(form) - 1)
		return PROTO_NO_TIME;
	for (size_t i = 0; i < v->len; i++) {
		bool digit = v->at[i] >= '0' && v->at[i] <= '9';

		if (form[i] == 'd' ? !digit : v->at[i] != form[i])
			return PROTO_NO_TIME;
	}
	year = two(v->at) * 100 + two(v->at + 2);
	month = two(v->at + 5);
	day = two(v->at + 8);
	hour = two(v->at + 11);
	minute = two(v->at + 14);
	second = two(v->at + 17);
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1] + (month == 2 && leap ? 1 : 0) || hour > 23 || minute > 59 ||
	    second > 59)
		return PROTO_NO_TIME;
	total = (int64_t)(year - 1970) * 365 + (year - 1969) / 4 - (year - 1901) / 100 +
	    (year - 1601) / 400;
	for (unsigned i = 1; i < month; i++)
		total += days[i - 1];
	total += (month > 2 && leap ? 1 : 0) + day - 1;
	return total * 86400 + hour * 3600 + minute * 60 + second;
}

/* The first of asset, digest, length, station, object that is another's; NULL: none. */
static const char *stranger(const struct receipt_facts *f, const struct value v[LINES])
{
	char length[24];

	snprintf(length, sizeof(length), "%" PRIu64, f->length_bytes);
	return !equals(&v[SHA256], f->sha256) ? "sha256" :
	    !equals(&v[LENGTH], length)       ? "length" :
	    !equals(&v[ASSET], f->asset)      ? "asset" :
	    !equals(&v[STATION], f->station)  ? "station" :
	    !equals(&v[OBJECT], f->object)    ? "object" :
						NULL;
}

static void judge_text(const struct receipt_facts *f, size_t key, const char *text, size_t len,
    struct proto_judged *out)
{
	struct value v[LINES];
	const char *other;
	int bad = split(text, len, v);

	if (bad >= 0) {
		judge(out, RECEIPT_UNREADABLE, "dockd-receipt(5): %s%s%s",
		    bad == LINES ? "something follows the line \"time\"" : "line ",
		    bad == LINES      ? "" :
			bad == ORIGIN ? "origin" :
					prefixes[bad],
		    bad == LINES ? "" : " is missing, empty, or not in its place");
		return;
	}
	out->time_s = rfc3339(&v[TIME]);
	if (out->time_s == PROTO_NO_TIME || !equals(&v[ORIGIN], f->key[key].name) ||
	    v[VERSION].len >= sizeof(out->version)) {
		judge(out, RECEIPT_UNREADABLE, "dockd-receipt(5): %s",
		    out->time_s == PROTO_NO_TIME ? "time is not YYYY-MM-DDTHH:MM:SSZ" :
			v[VERSION].len >= sizeof(out->version) ?
						   "version is longer than 127 bytes" :
						   "origin is not the name of the key that signed");
		return;
	}
	if (!equals(&v[VERSION], "-"))
		memcpy(out->version, v[VERSION].at, v[VERSION].len);
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
