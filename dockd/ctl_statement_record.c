#include "ctl_statement.h"

#include "asset.h"
#include "bundle_check.h"
#include "ctl_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void statement_say(struct sheet *s, enum part part, const char *form, ...)
{
	static char text[3000], clean[TEXT_ESCAPED(sizeof(text))];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	json_array_append_new(
	    s->part[part], json_string(text_clean(text, true, clean, sizeof(clean))));
}

static const char *text_of(const struct sheet *s, const char *key)
{
	const char *text = record_get_text(&s->record, key);

	return text ? text : "";
}

static int64_t number_of(const struct sheet *s, const char *key)
{
	return record_get_number(&s->record, key, 0);
}

static bool is(const struct sheet *s, const char *type)
{
	return strcmp(record_type(&s->record), type) == 0;
}

const char *statement_date(int64_t seconds, char out[64])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm))
		strftime(out, 64, "%-d %B %Y, %H:%M:%S", &tm);
	return out;
}

/* The time of the record. */
static const char *when(const struct sheet *s, char out[64])
{
	struct tm tm = { 0 };
	const char *rest = strptime(text_of(s, "time"), "%Y-%m-%dT%H:%M:%S", &tm);

	if (rest)
		statement_date(timegm(&tm), out);
	else
		snprintf(out, 64, "an unknown time");
	return out;
}

/* ---- what each record says ---- */

static void found(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") != s->v->asset)
		return;
	snprintf(s->camera, sizeof(s->camera), "%s", text_of(s, "camera"));
	statement_say(s, FILE_ITSELF, "Camera %s held it as \"%s\" (%s), %" PRId64 " bytes.",
	    s->camera, text_of(s, "path"), text_of(s, "kind"), number_of(s, "size"));
	if (text_of(s, "officer")[0] || text_of(s, "unit")[0])
		statement_say(s, FILE_ITSELF,
		    "The camera said that it was issued to officer id \"%s\", unit id \"%s\".",
		    text_of(s, "officer"), text_of(s, "unit"));
	if (number_of(s, "cut") && record_has(&s->record, "told"))
		statement_say(s, FILE_ITSELF,
		    "The camera's file system is damaged: its table says %" PRId64 " bytes, and "
		    "the %" PRId64 " bytes here are all that can be read.",
		    number_of(s, "told"), number_of(s, "size"));
	else if (number_of(s, "cut"))
		statement_say(s, FILE_ITSELF,
		    "The camera's file system is damaged and ends it early: the bytes here are all "
		    "that can be read.");
	if (number_of(s, "shared"))
		statement_say(s, FILE_ITSELF,
		    "The camera's file system is damaged and gives parts of it to another file too.");
	if (number_of(s, "unfinished"))
		statement_say(s, FILE_ITSELF,
		    "The camera never wrote down its size, though it gave it room on its card: "
		    "the recording is unfinished, and none of its bytes are here.");
	if (number_of(s, "protected"))
		statement_say(
		    s, FILE_ITSELF, "The camera showed it as protected against deletion.");
	if (record_has(&s->record, "mtime"))
		statement_say(s, RECORDED,
		    "The camera's own clock showed %s when it wrote the file.",
		    statement_date(number_of(s, "mtime"), at));
	else
		statement_say(s, RECORDED, "The camera gave no time for the file.");
}

static void docked(struct sheet *s)
{
	char at[64];

	statement_say(s, TAKEN_OFF,
	    "The camera was put into bay %s on %s (docking %" PRId64 "; USB serial \"%s\").",
	    text_of(s, "bay"), when(s, at), number_of(s, "docking"), text_of(s, "serial"));
}

static void camera(struct sheet *s)
{
	const char *identity = text_of(s, "identity");
	double off;

	if (strcmp(identity, "proved") != 0 && identity[0])
		statement_say(s, UNKNOWN,
		    "Which camera it was in docking %" PRId64
		    " is not certain: it has no serial number of its own, two have the "
		    "same, or its disk could not be compared with it (%s).",
		    number_of(s, "docking"), identity);
	if (!record_has(&s->record, "clock-offset-ms")) {
		statement_say(s, RECORDED,
		    "In docking %" PRId64 " the camera's clock could not be read.",
		    number_of(s, "docking"));
		return;
	}
	off = (double)number_of(s, "clock-offset-ms") / 1000;
	s->clock_known = true;
	statement_say(s, RECORDED,
	    "In docking %" PRId64
	    ", before anything was changed, the camera's clock was %.1f seconds %s the station's.",
	    number_of(s, "docking"), off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
	if (!record_has(&s->record, "clock-synchronised"))
		return;
	if (number_of(s, "clock-synchronised")) {
		s->clock_proved = true;
		statement_say(s, RECORDED, "The station's own clock was set by %s at that time.",
		    text_of(s, "clock-source")[0] ? text_of(s, "clock-source") : "a time server");
	} else {
		statement_say(s, RECORDED,
		    "The station's own clock was not synchronised at that time, so this is no measure of"
		    " the true time.");
	}
}

static void clock_set(struct sheet *s)
{
	char at[64];

	statement_say(s, RECORDED, "The camera's clock was then set right, on %s.", when(s, at));
}

static void pulled(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") != s->v->asset)
		return;
	if (strcmp(text_of(s, "result"), "done") == 0)
		statement_say(
		    s, TAKEN_OFF, "It was read off the camera completely on %s.", when(s, at));
	else
		s->interrupted++;
}

static void staged(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") == s->v->asset)
		statement_say(s, TAKEN_OFF,
		    "The station held it whole, %" PRId64 " bytes, from %s.", number_of(s, "size"),
		    when(s, at));
}

static void checked(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") == s->v->asset)
		statement_say(s, UNCHANGED, "On %s the station took its digest, SHA-256: %s",
		    when(s, at), text_of(s, "sha256"));
	snprintf(s->signature, sizeof(s->signature), "%s", text_of(s, "signature"));
}

static void signature(struct sheet *s)
{
	snprintf(s->signature, sizeof(s->signature), "%s", text_of(s, "result"));
	snprintf(s->signature_text, sizeof(s->signature_text), "%s", text_of(s, "text"));
	s->time_unproved = number_of(s, "time-unproved") != 0;
}

static void retention(struct sheet *s)
{
	char at[64];

	if (!record_has(&s->record, "recorded") || s->recorded_told)
		return;
	s->recorded_told = true;
	if (number_of(s, "proved"))
		statement_say(s, RECORDED, "Corrected by what was measured, that is %s.",
		    statement_date(number_of(s, "recorded"), at));
	else
		statement_say(s, RECORDED,
		    "Since that is not to be relied on, it counts as recorded on %s, when it came to"
		    " the station.",
		    statement_date(number_of(s, "recorded"), at));
}

static void erased(struct sheet *s)
{
	const char *result = text_of(s, "result");
	char at[64];

	if (strcmp(result, "done") == 0)
		statement_say(s, ERASED,
		    "It was erased from the camera on %s, after the receipts named above were on"
		    " record.",
		    when(s, at));
	else if (strcmp(result, "inferred") == 0 || strcmp(result, "gone") == 0)
		statement_say(s, ERASED, "On %s it was no longer on the camera.", when(s, at));
	else
		statement_say(
		    s, ERASED, "On %s it was to be erased, and was not: %s.", when(s, at), result);
}

static void merged(struct sheet *s)
{
	if ((uint64_t)number_of(s, "into") == s->v->asset)
		statement_say(s, TAKEN_OFF,
		    "The same bytes came from the same camera again (file %" PRId64
		    "); they were compared by digest and are kept once.",
		    number_of(s, "asset"));
}

static void confirmed(struct sheet *s)
{
	char at[64];

	s->confirmed = true;
	statement_say(s, STORED, "On %s \"%s\" was asked again and still had it (%s).", when(s, at),
	    text_of(s, "destination"), text_of(s, "level"));
}

static void lost(struct sheet *s)
{
	char at[64];

	statement_say(s, STORED, "On %s \"%s\" no longer had it: %s.", when(s, at),
	    text_of(s, "destination"), text_of(s, "text"));
}

static void finding(struct sheet *s)
{
	statement_say(s, UNCHANGED,
	    "A finding about the camera's own log, record %" PRId64 ": %s (%s).",
	    number_of(s, "seq"), text_of(s, "text"), text_of(s, "code"));
}

static void trouble(struct sheet *s)
{
	char at[64];

	statement_say(s, TAKEN_OFF, "On %s the station needed a person: %s.", when(s, at),
	    text_of(s, "text"));
}

static void retired(struct sheet *s)
{
	char at[64];

	statement_say(s, STORED, "The station's own copy was removed on %s (%s).", when(s, at),
	    text_of(s, "reason"));
}

static void audited(struct sheet *s)
{
	if (number_of(s, "opaque"))
		statement_say(s, UNKNOWN,
		    "What the camera's own log of docking %" PRId64
		    " tells: it is of a form that is not understood here.",
		    number_of(s, "docking"));
	else if (number_of(s, "logs") == 0)
		statement_say(s, UNKNOWN,
		    "What the camera's own log tells of docking %" PRId64 ": none came.",
		    number_of(s, "docking"));
	else
		statement_say(s, UNCHANGED,
		    "The camera's own log of docking %" PRId64 " was read: %" PRId64
		    " lines, of which %" PRId64 " are damaged; findings: %" PRId64
		    " (those about this file stand here; the activation report has all).",
		    number_of(s, "docking"), number_of(s, "lines"), number_of(s, "damaged"),
		    number_of(s, "findings"));
}

static void held(struct sheet *s)
{
	char at[64];

	statement_say(s, STORED, "On %s \"%s\" stated that %s.", when(s, at),
	    text_of(s, "destination"),
	    number_of(s, "on") == HOLD_MARK ?
		"it keeps this station's mark, as an order to preserve it asks" :
		number_of(s, "on") ? "it holds it, as an order to preserve it asks" :
				     "it holds it no more, since no order asks for that");
}

static void release_intent(struct sheet *s)
{
	char at[64];

	statement_say(s, STORED,
	    "On %s \"%s\" was to be told to let go of its hold, since no order asked for it.",
	    when(s, at), text_of(s, "destination"));
}

static void preserve(struct sheet *s)
{
	char at[64], from[64] = "", until[64] = "";
	const char *value = text_of(s, "value");

	if (record_has(&s->record, "from"))
		statement_date(number_of(s, "from"), from);
	if (record_has(&s->record, "until"))
		statement_date(number_of(s, "until"), until);
	statement_say(s, HANDS,
	    "On %s user %" PRId64 " gave preservation order %" PRId64
	    " (%s%s%s%s%s%s%s), reason: %s. "
	    "Until it is lifted dockd disposes of nothing that it covers.",
	    when(s, at), number_of(s, "uid"), number_of(s, "order"), text_of(s, "scope"),
	    value[0] ? " " : "", value, from[0] ? " from " : "", from, until[0] ? " until " : "",
	    until, text_of(s, "reason"));
}

static void lift(struct sheet *s)
{
	char at[64];

	statement_say(s, HANDS,
	    "On %s user %" PRId64 " lifted preservation order %" PRId64 ", reason: %s.",
	    when(s, at), number_of(s, "uid"), number_of(s, "order"), text_of(s, "reason"));
}

static void dispose_intent(struct sheet *s)
{
	char at[64];

	statement_say(s, STORED, "On %s it was to be disposed of, by %s: at %s.", when(s, at),
	    strcmp(text_of(s, "by"), "age") == 0 ? "its age" : "order of a person",
	    text_of(s, "where"));
}

static void disposed(struct sheet *s)
{
	const char *result = text_of(s, "result"), *where = text_of(s, "where");
	char at[64];

	statement_say(s, STORED, "On %s the copy at \"%s\" %s.", when(s, at), where,
	    strcmp(result, "done") == 0     ? "was disposed of" :
		strcmp(result, "gone") == 0 ? "was found to be gone" :
					      "was to be disposed of, and could not be");
}

static const struct {
	const char *type;
	void (*tell)(struct sheet *s);
} tellers[] = {
	{ "found", found },
	{ "docked", docked },
	{ "camera", camera },
	{ "clock", clock_set },
	{ "pulled", pulled },
	{ "staged", staged },
	{ "checked", checked },
	{ "signature", signature },
	{ "retention", retention },
	{ "erased", erased },
	{ "merged", merged },
	{ "confirmed", confirmed },
	{ "lost", lost },
	{ "finding", finding },
	{ "trouble", trouble },
	{ "retired", retired },
	{ "audited", audited },
	{ "held", held },
	{ "release-intent", release_intent },
	{ "preserve", preserve },
	{ "lift", lift },
	{ "dispose-intent", dispose_intent },
	{ "disposed", disposed },
};

/* Every record with a user behind it. */
static void hand(struct sheet *s)
{
	const char *reason = text_of(s, "reason"), *order = text_of(s, "order");
	const char *destination = text_of(s, "destination"), *what = text_of(s, "what");
	char at[64];

	if (!record_has(&s->record, "uid") || is(s, "preserve") || is(s, "lift"))
		return; /* these have sentences of their own */
	statement_say(s, HANDS, "%s: %s%s%s%s%s by user %" PRId64 "%s%s%s%s.", when(s, at),
	    record_type(&s->record), what[0] ? " " : "", what, destination[0] ? " at " : "",
	    destination, number_of(s, "uid"), reason[0] ? ", reason: " : "", reason,
	    order[0] ? ", order: " : "", order);
}

void statement_record(struct sheet *s)
{
	for (size_t k = 0; k < sizeof(tellers) / sizeof(tellers[0]); k++) {
		if (is(s, tellers[k].type))
			tellers[k].tell(s);
	}
	hand(s);
}
