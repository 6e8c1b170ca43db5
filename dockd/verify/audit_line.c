/*
 * audit_line: JSON of one line into a struct; see audit_line.h.
 *
 * The depth of a line is bounded before the JSON reader sees it, as that recurses.
 */
#include "audit_line.h"

#include "audit_facts.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define DEPTH_MAX 8

enum field {
	FILE_NAME = 1 << 0,
	STOPPED = 1 << 1, /* size, sha256 */
	PERCENT = 1 << 2,
	FROM_TO = 1 << 3,
	START = 1 << 4, /* version, serial */
	USER_ID = 1 << 5,
	REASON = 1 << 6,
	ERROR_TEXT = 1 << 7,
};

static const struct {
	const char *name;
	unsigned fields;
} events[AUDIT_EVENTS] = {
	[AUDIT_UNKNOWN] = { "unknown", 0 },
	[AUDIT_LOG_START] = { "log-start", START },
	[AUDIT_POWER_ON] = { "power-on", 0 },
	[AUDIT_POWER_OFF] = { "power-off", REASON },
	[AUDIT_RECORD_START] = { "record-start", FILE_NAME },
	[AUDIT_RECORD_STOP] = { "record-stop", FILE_NAME | STOPPED },
	[AUDIT_MUTE] = { "mute", 0 },
	[AUDIT_UNMUTE] = { "unmute", 0 },
	[AUDIT_BUFFER_ON] = { "buffer-on", 0 },
	[AUDIT_BUFFER_OFF] = { "buffer-off", 0 },
	[AUDIT_BATTERY] = { "battery", PERCENT },
	[AUDIT_CLOCK_SET] = { "clock-set", FROM_TO },
	[AUDIT_DOCKED] = { "docked", 0 },
	[AUDIT_UNDOCKED] = { "undocked", 0 },
	[AUDIT_USER] = { "user", USER_ID },
	[AUDIT_DELETE] = { "delete", FILE_NAME },
	[AUDIT_CARD_REMOVED] = { "card-removed", 0 },
	[AUDIT_CARD_INSERTED] = { "card-inserted", 0 },
	[AUDIT_ERROR] = { "error", ERROR_TEXT },
	[AUDIT_HEARTBEAT] = { "heartbeat", 0 },
};

const char *audit_event_name(enum audit_event event)
{
	return events[event].name;
}

/* ---- time ---- */

static bool digits(const char **at, int n, int max, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	*at += n;
	*out = v;
	return v <= max;
}

/* Since 1970-01-01; years are counted from March, so that a leap day is the last of one. */
static int64_t days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool is_date(int year, int month, int day)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1970 && month >= 1 && day >= 1 &&
	    day <= lengths[month - 1] + (month == 2 && leap);
}

static bool sign(const char **at, char c)
{
	return *(*at)++ == c;
}

/* "Z", "+hh:mm", "-hh:mm" to the end of the text, in minutes */
static bool offset(const char *at, int *minutes)
{
	char first = *at++;
	int hours, rest;

	*minutes = 0;
	if (first == 'Z')
		return *at == '\0';
	if ((first != '+' && first != '-') || !digits(&at, 2, 23, &hours) || *at != ':')
		return false;
	at++;
	if (!digits(&at, 2, 59, &rest) || *at != '\0')
		return false;
	*minutes = (first == '-' ? -1 : 1) * (hours * 60 + rest);
	return true;
}

static int64_t fraction(const char **at)
{
	int64_t ms = 0, unit = 100;

	while (**at >= '0' && **at <= '9') {
		ms += (*(*at)++ - '0') * unit;
		unit /= 10;
	}
	return ms;
}

bool audit_time(const char *text, int64_t *ms)
{
	int year, month, day, hour, minute, second, east;
	int64_t parts = 0;

	if (!digits(&text, 4, 9999, &year) || !sign(&text, '-') || !digits(&text, 2, 12, &month) ||
	    !sign(&text, '-') || !digits(&text, 2, 31, &day) || !sign(&text, 'T') ||
	    !digits(&text, 2, 23, &hour) || !sign(&text, ':') || !digits(&text, 2, 59, &minute) ||
	    !sign(&text, ':') || !digits(&text, 2, 60, &second))
		return false;
	if (!is_date(year, month, day))
		return false;
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return false;
		parts = fraction(&text);
	}
	if (!offset(text, &east))
		return false;
	*ms = ((days(year, month, day) * 24 + hour) * 60 + minute - east) * 60000 + second * 1000 +
	    parts;
	/* with its offset it may be later than the year 9999: no sum of such times is let in */
	return *ms >= 0 && *ms < INT64_C(253402300800000);
}

/* ---- JSON ---- */

/* Whether brackets outside strings nest no deeper than allowed. */
static bool is_shallow(const char *line, size_t len)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > DEPTH_MAX)
			return false;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

static bool get_time(const json_t *line, const char *key, int64_t *ms)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text && audit_time(text, ms);
}

static bool get_sha256(const json_t *line, const char *key, uint8_t *sha256)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text && audit_sha256(text, sha256);
}

static bool get_count(const json_t *line, const char *key, int64_t max, uint64_t *n)
{
	const json_t *value = json_object_get(line, key);
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < 0 || v > max)
		return false;
	*n = (uint64_t)v;
	return true;
}

/* A text, cut at a whole character where it is too long. */
static bool get_text(const json_t *line, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(line, key));
	size_t len;

	if (!text)
		return false;
	len = strnlen(text, room);
	if (len == room) {
		len = room - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

static bool get_file(const json_t *line, struct audit_line *out)
{
	const char *text = json_string_value(json_object_get(line, "file"));

	return text && text[0] && strlen(text) < sizeof(out->file) &&
	    get_text(line, "file", out->file, sizeof(out->file));
}

/* What the event has to have; NULL, or what is wrong. */
static const char *take_fields(const json_t *line, unsigned fields, struct audit_line *out)
{
	uint64_t n = 0;

	if ((fields & FILE_NAME) && !get_file(line, out))
		return "its file is missing or not a text";
	if (fields & STOPPED) {
		out->has_size = get_count(line, "size", AUDIT_SEQ_MAX, &out->size_bytes);
		out->has_sha256 = get_sha256(line, "sha256", out->sha256);
		if (!out->has_size && json_object_get(line, "size"))
			return "its size is not a number of bytes";
		if (!out->has_sha256 && json_object_get(line, "sha256"))
			return "its sha256 is not 64 hex digits";
	}
	if (fields & PERCENT) {
		if (!get_count(line, "percent", 100, &n))
			return "its percent is not 0 to 100";
		out->percent = (uint32_t)n;
	}
	if ((fields & FROM_TO) &&
	    (!get_time(line, "from", &out->from_ms) || !get_time(line, "to", &out->to_ms)))
		return "its from or to is not a time";
	if (fields & START) {
		if (!get_count(line, "version", 1000000, &n) || n < 1)
			return "its version is missing";
		out->version = (uint32_t)n;
		if (!get_text(line, "serial", out->text, sizeof(out->text)))
			return "its serial is missing";
	}
	if ((fields & USER_ID) && !get_text(line, "id", out->text, sizeof(out->text)))
		return "its id is missing";
	if (fields & REASON)
		get_text(line, "reason", out->text, sizeof(out->text));
	if (fields & ERROR_TEXT)
		get_text(line, "text", out->text, sizeof(out->text));
	return NULL;
}

static const char *take(const json_t *line, struct audit_line *out)
{
	const char *name = json_string_value(json_object_get(line, "event"));
	uint64_t n;

	if (!json_is_object(line))
		return "not a JSON object";
	if (!get_count(line, "seq", AUDIT_SEQ_MAX, &out->seq) || out->seq == 0)
		return "its seq is not a number from 1";
	if (!get_time(line, "time", &out->time_ms))
		return "its time is not a time of RFC 3339";
	if (!get_sha256(line, "prev", out->prev))
		return "its prev is not 64 hex digits";
	if (!name || !name[0])
		return "it has no event";
	if (get_count(line, "heartbeat", 86400, &n))
		out->heartbeat_s = (uint32_t)n;
	for (unsigned i = 1; i < AUDIT_EVENTS; i++) {
		if (strcmp(name, events[i].name) == 0) {
			out->event = (enum audit_event)i;
			return take_fields(line, events[i].fields, out);
		}
	}
	return NULL;
}

int audit_line_parse(const char *line, size_t len, struct audit_line *out, const char **why)
{
	json_t *object = NULL;

	memset(out, 0, offsetof(struct audit_line, file));
	out->file[0] = '\0';
	out->text[0] = '\0';
	*why = "nested too deeply";
	if (is_shallow(line, len)) {
		object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
		*why = object ? take(object, out) : "not JSON";
	}
	json_decref(object);
	return *why ? -EBADMSG : 0;
}
