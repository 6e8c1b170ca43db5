#include "ctl_bundle.h"

#include "asset.h"
#include "ctl.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARTS 8
#define WIDTH 78

/* The sheet's parts, in this order; each a list of sentences. */
enum part { FILE_ITSELF, RECORDED, TAKEN_OFF, UNCHANGED, STORED, ERASED, HANDS, UNKNOWN };

static const struct {
	const char *key, *title;
} parts[PARTS] = {
	[FILE_ITSELF] = { "file", "The file" },
	[RECORDED] = { "recorded", "When it was recorded" },
	[TAKEN_OFF] = { "taken_off", "How it came to the station" },
	[UNCHANGED] = { "unchanged", "Whether it is unchanged" },
	[STORED] = { "stored", "Where it is stored" },
	[ERASED] = { "camera_copy", "What became of the camera's copy" },
	[HANDS] = { "people", "What people did with it" },
	[UNKNOWN] = { "not_known", "What is not known" },
};

/* What is being written, and what the records have said so far. */
struct sheet {
	const struct bundle_view *v;
	json_t *part[PARTS];
	struct record record; /* the one being looked at */
	bool clock_known, clock_proved, recorded_told;
	uint64_t interrupted;
	char signature[32], signature_text[PROTO_TEXT_LEN * 2];
	bool time_unproved, confirmed;
	char camera[PROTO_TEXT_LEN + 4];
};

__attribute__((format(printf, 3, 4))) static void say(
    struct sheet *s, enum part part, const char *form, ...)
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

/* "21 November 2026, 14:03:05" of a number of seconds; "" where that is no time. */
static const char *date_of(int64_t seconds, char out[64])
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
		date_of(timegm(&tm), out);
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
	say(s, FILE_ITSELF, "Camera %s held it as \"%s\" (%s), %" PRId64 " bytes.", s->camera,
	    text_of(s, "path"), text_of(s, "kind"), number_of(s, "size"));
	if (text_of(s, "officer")[0] || text_of(s, "unit")[0])
		say(s, FILE_ITSELF,
		    "The camera said that it was issued to officer id \"%s\", unit id \"%s\".",
		    text_of(s, "officer"), text_of(s, "unit"));
	if (number_of(s, "cut") && record_has(&s->record, "told"))
		say(s, FILE_ITSELF,
		    "The camera's file system is damaged: its table says %" PRId64 " bytes, and "
		    "the %" PRId64 " bytes here are all that can be read.",
		    number_of(s, "told"), number_of(s, "size"));
	else if (number_of(s, "cut"))
		say(s, FILE_ITSELF,
		    "The camera's file system is damaged and ends it early: the bytes here are all "
		    "that can be read.");
	if (number_of(s, "shared"))
		say(s, FILE_ITSELF,
		    "The camera's file system is damaged and gives parts of it to another file too.");
	if (number_of(s, "unfinished"))
		say(s, FILE_ITSELF,
		    "The camera never wrote down its size, though it gave it room on its card: "
		    "the recording is unfinished, and none of its bytes are here.");
	if (number_of(s, "protected"))
		say(s, FILE_ITSELF, "The camera showed it as protected against deletion.");
	if (record_has(&s->record, "mtime"))
		say(s, RECORDED, "The camera's own clock showed %s when it wrote the file.",
		    date_of(number_of(s, "mtime"), at));
	else
		say(s, RECORDED, "The camera gave no time for the file.");
}

static void docked(struct sheet *s)
{
	char at[64];

	say(s, TAKEN_OFF,
	    "The camera was put into bay %s on %s (docking %" PRId64 "; USB serial \"%s\").",
	    text_of(s, "bay"), when(s, at), number_of(s, "docking"), text_of(s, "serial"));
}

static void camera(struct sheet *s)
{
	const char *identity = text_of(s, "identity");
	double off;

	if (strcmp(identity, "proved") != 0 && identity[0])
		say(s, UNKNOWN,
		    "Which camera it was in docking %" PRId64
		    " is not certain: it has no serial number of its own, two have the "
		    "same, or its disk could not be compared with it (%s).",
		    number_of(s, "docking"), identity);
	if (!record_has(&s->record, "clock-offset-ms")) {
		say(s, RECORDED, "In docking %" PRId64 " the camera's clock could not be read.",
		    number_of(s, "docking"));
		return;
	}
	off = (double)number_of(s, "clock-offset-ms") / 1000;
	s->clock_known = true;
	say(s, RECORDED,
	    "In docking %" PRId64
	    ", before anything was changed, the camera's clock was %.1f seconds %s the station's.",
	    number_of(s, "docking"), off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
	if (!record_has(&s->record, "clock-synchronised"))
		return;
	if (number_of(s, "clock-synchronised")) {
		s->clock_proved = true;
		say(s, RECORDED, "The station's own clock was set by %s at that time.",
		    text_of(s, "clock-source")[0] ? text_of(s, "clock-source") : "a time server");
	} else {
		say(s, RECORDED,
		    "The station's own clock was not synchronised at that time, so this is no measure of"
		    " the true time.");
	}
}

static void clock_set(struct sheet *s)
{
	char at[64];

	say(s, RECORDED, "The camera's clock was then set right, on %s.", when(s, at));
}

static void pulled(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") != s->v->asset)
		return;
	if (strcmp(text_of(s, "result"), "done") == 0)
		say(s, TAKEN_OFF, "It was read off the camera completely on %s.", when(s, at));
	else
		s->interrupted++;
}

static void staged(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") == s->v->asset)
		say(s, TAKEN_OFF, "The station held it whole, %" PRId64 " bytes, from %s.",
		    number_of(s, "size"), when(s, at));
}

static void checked(struct sheet *s)
{
	char at[64];

	if ((uint64_t)number_of(s, "asset") == s->v->asset)
		say(s, UNCHANGED, "On %s the station took its digest, SHA-256: %s", when(s, at),
		    text_of(s, "sha256"));
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
		say(s, RECORDED, "Corrected by what was measured, that is %s.",
		    date_of(number_of(s, "recorded"), at));
	else
		say(s, RECORDED,
		    "Since that is not to be relied on, it counts as recorded on %s, when it came to"
		    " the station.",
		    date_of(number_of(s, "recorded"), at));
}

static void erased(struct sheet *s)
{
	const char *result = text_of(s, "result");
	char at[64];

	if (strcmp(result, "done") == 0)
		say(s, ERASED,
		    "It was erased from the camera on %s, after the receipts named above were on"
		    " record.",
		    when(s, at));
	else if (strcmp(result, "inferred") == 0 || strcmp(result, "gone") == 0)
		say(s, ERASED, "On %s it was no longer on the camera.", when(s, at));
	else
		say(s, ERASED, "On %s it was to be erased, and was not: %s.", when(s, at), result);
}

static void merged(struct sheet *s)
{
	if ((uint64_t)number_of(s, "into") == s->v->asset)
		say(s, TAKEN_OFF,
		    "The same bytes came from the same camera again (file %" PRId64
		    "); they were compared by digest and are kept once.",
		    number_of(s, "asset"));
}

static void confirmed(struct sheet *s)
{
	char at[64];

	s->confirmed = true;
	say(s, STORED, "On %s \"%s\" was asked again and still had it (%s).", when(s, at),
	    text_of(s, "destination"), text_of(s, "level"));
}

static void lost(struct sheet *s)
{
	char at[64];

	say(s, STORED, "On %s \"%s\" no longer had it: %s.", when(s, at), text_of(s, "destination"),
	    text_of(s, "text"));
}

static void finding(struct sheet *s)
{
	say(s, UNCHANGED, "A finding about the camera's own log, record %" PRId64 ": %s (%s).",
	    number_of(s, "seq"), text_of(s, "text"), text_of(s, "code"));
}

static void trouble(struct sheet *s)
{
	char at[64];

	say(s, TAKEN_OFF, "On %s the station needed a person: %s.", when(s, at),
	    text_of(s, "text"));
}

static void retired(struct sheet *s)
{
	char at[64];

	say(s, STORED, "The station's own copy was removed on %s (%s).", when(s, at),
	    text_of(s, "reason"));
}

static void audited(struct sheet *s)
{
	if (number_of(s, "opaque"))
		say(s, UNKNOWN,
		    "What the camera's own log of docking %" PRId64
		    " tells: it is of a form that is not understood here.",
		    number_of(s, "docking"));
	else if (number_of(s, "logs") == 0)
		say(s, UNKNOWN,
		    "What the camera's own log tells of docking %" PRId64 ": none came.",
		    number_of(s, "docking"));
	else
		say(s, UNCHANGED,
		    "The camera's own log of docking %" PRId64 " was read: %" PRId64
		    " lines, of which %" PRId64 " are damaged; findings: %" PRId64
		    " (those about this file stand here; the activation report has all).",
		    number_of(s, "docking"), number_of(s, "lines"), number_of(s, "damaged"),
		    number_of(s, "findings"));
}

static void held(struct sheet *s)
{
	char at[64];

	say(s, STORED, "On %s \"%s\" stated that %s.", when(s, at), text_of(s, "destination"),
	    number_of(s, "on") == HOLD_MARK ?
		"it keeps this station's mark, as an order to preserve it asks" :
		number_of(s, "on") ? "it holds it, as an order to preserve it asks" :
				     "it holds it no more, since no order asks for that");
}

static void preserve(struct sheet *s)
{
	char at[64], from[64] = "", until[64] = "";
	const char *value = text_of(s, "value");

	if (record_has(&s->record, "from"))
		date_of(number_of(s, "from"), from);
	if (record_has(&s->record, "until"))
		date_of(number_of(s, "until"), until);
	say(s, HANDS,
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

	say(s, HANDS, "On %s user %" PRId64 " lifted preservation order %" PRId64 ", reason: %s.",
	    when(s, at), number_of(s, "uid"), number_of(s, "order"), text_of(s, "reason"));
}

static void dispose_intent(struct sheet *s)
{
	char at[64];

	say(s, STORED, "On %s it was to be disposed of, by %s: at %s.", when(s, at),
	    strcmp(text_of(s, "by"), "age") == 0 ? "its age" : "order of a person",
	    text_of(s, "where"));
}

static void disposed(struct sheet *s)
{
	const char *result = text_of(s, "result"), *where = text_of(s, "where");
	char at[64];

	say(s, STORED, "On %s the copy at \"%s\" %s.", when(s, at), where,
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
	say(s, HANDS, "%s: %s%s%s%s%s by user %" PRId64 "%s%s%s%s.", when(s, at),
	    record_type(&s->record), what[0] ? " " : "", what, destination[0] ? " at " : "",
	    destination, number_of(s, "uid"), reason[0] ? ", reason: " : "", reason,
	    order[0] ? ", order: " : "", order);
}

/* ---- what follows from all of them ---- */

static const char *level_meaning(const char *level)
{
	static const struct {
		const char *level, *meaning;
	} meanings[] = {
		{ "local", "a copy on the station's own disk; this proves nothing about a store" },
		{ "length", "the store stated the length only" },
		{ "transfer-digest", "the store checked the bytes as they arrived" },
		{ "stored-digest", "the store stated the SHA-256 of what it holds" },
		{ "readback", "it was fetched again and compared, byte for byte by digest" },
		{ "signed", "the store signed that it holds these bytes" },
	};

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (strcmp(meanings[i].level, level) == 0)
			return meanings[i].meaning;
	}
	return "of a kind that is not known here";
}

/* What the store says of its own rules for this copy, by its newest word. */
static void tell_lock(struct sheet *s, const struct bundle_receipt *r)
{
	char until[64] = "";

	if (r->version[0])
		say(s, STORED, "\"%s\" calls it version %s.", r->destination, r->version);
	if (r->lock[0]) {
		if (r->retain_until_s != PROTO_NO_TIME)
			date_of(r->retain_until_s, until);
		say(s, STORED, "\"%s\" states that it is locked there against deletion (%s)%s%s.",
		    r->destination, r->lock, until[0] ? " until " : "", until);
	}
	if (r->held == HOLD_MARK)
		say(s, STORED,
		    "\"%s\" keeps this station's mark that it is preserved: no station of dockd's "
		    "removes it while that is there; the store itself knows no hold.",
		    r->destination);
	else if (r->held)
		say(s, STORED,
		    "\"%s\" states a legal hold on it: there it is not deleted while that is on.",
		    r->destination);
}

static void tell_receipts(struct sheet *s)
{
	for (size_t i = 0; i < s->v->receipts; i++) {
		const struct bundle_receipt *r = &s->v->receipt[i];
		struct tm tm = { 0 };
		char at[64];

		strptime(r->when, "%Y-%m-%dT%H:%M:%S", &tm);
		say(s, STORED, "\"%s\" has it since %s. Proof: %s - %s.", r->destination,
		    date_of(timegm(&tm), at), r->level, level_meaning(r->level));
		if (strcmp(r->level, "signed") == 0)
			say(s, STORED, "The receipt of \"%s\" is %s.", r->destination,
			    receipt_state_word(r->state));
		tell_lock(s, r);
	}
	if (s->v->receipts == 0)
		say(s, STORED, "No store has given a receipt for it yet.");
}

static void tell_signature(struct sheet *s)
{
	const char *word = s->signature[0] ? s->signature : "unsigned";

	say(s, UNCHANGED, "Signature of the camera: %s - %s.", word, signature_sentence(word));
	if (s->signature_text[0])
		say(s, UNCHANGED, "This rests on: %s.", s->signature_text);
	if (strcmp(word, "valid") == 0)
		say(s, UNCHANGED,
		    "A valid signature shows that the file is as the camera signed it. It does not show"
		    " what happened before the camera, what the pictures mean, or%s that the camera's"
		    " clock was right.",
		    s->time_unproved ? " (nothing bounds its time)" : "");
	else
		say(s, UNCHANGED,
		    "Whether the file is as the camera made it is therefore not shown by a signature."
		    " From the moment of the digest above on, any change would show.");
}

static void tell_unknown(struct sheet *s)
{
	const struct bundle_view *v = s->v;

	if (!s->clock_known)
		say(s, UNKNOWN,
		    "How far the camera's clock was off. The time of recording is not proved.");
	else if (!s->clock_proved)
		say(s, UNKNOWN,
		    "Whether the station's clock was right when it measured the camera's.");
	if (!v->key_given)
		say(s, UNKNOWN,
		    "Whether the key is the station's: it came with the bundle. Compare it with one that"
		    " you know.");
	if (v->omitted)
		say(s, UNKNOWN, "%" PRIu64 " more records about the file are not in the bundle.",
		    v->omitted);
	say(s, UNKNOWN,
	    "Whether the station wrote more about the file after record %" PRIu64
	    ", or the bundle leaves a record out: the whole ledger shows that.",
	    v->checkpoint.size);
	say(s, UNKNOWN,
	    "Who wore the camera, and who the users with these numbers are: no names stand in the"
	    " ledger.");
	say(s, UNKNOWN, "What happened to the file on the camera before it was docked.");
}

static void write_sheet(struct sheet *s)
{
	const struct bundle_view *v = s->v;

	for (size_t i = 0; i < v->lines; i++) {
		record_parse(v->line[i].text, v->line[i].len, &s->record);
		for (size_t k = 0; k < sizeof(tellers) / sizeof(tellers[0]); k++) {
			if (is(s, tellers[k].type))
				tellers[k].tell(s);
		}
		hand(s);
	}
	if (s->interrupted)
		say(s, TAKEN_OFF,
		    "Reading was interrupted (%" PRIu64
		    "x) and taken up again; the digest is of the whole file.",
		    s->interrupted);
	if (v->id[0])
		say(s, FILE_ITSELF, "Its number at every station (from camera and digest): %s",
		    v->id);
	if (!v->sha256[0])
		say(s, UNCHANGED, "Its digest has not been taken yet.");
	tell_signature(s);
	tell_receipts(s);
	if (json_array_size(s->part[ERASED]) == 0)
		say(s, ERASED, "dockd has not erased it from the camera.");
	if (json_array_size(s->part[HANDS]) == 0)
		say(s, HANDS, "Nobody gave the station an order about it that is on record here.");
	tell_unknown(s);
}

/* ---- showing ---- */

/* A sentence behind a dash, broken at spaces. */
static void print_wrapped(const char *text)
{
	const char *start = "- ";

	while (*text) {
		size_t n = strlen(text), room = WIDTH - 4;

		if (n > room) {
			n = room;
			while (n > 0 && text[n] != ' ')
				n--;
			if (n == 0)
				n = strcspn(text, " ");
		}
		printf("  %s%.*s\n", start, (int)n, text);
		text += n + (text[n] == ' ');
		start = "  ";
	}
}

static void print_sheet(const struct sheet *s)
{
	const struct bundle_view *v = s->v;
	char vkey[NOTE_VKEY_LEN] = "";

	note_key_format(&v->key, vkey, sizeof(vkey));
	printf("STATEMENT ABOUT FILE %" PRIu64 " OF STATION %s\n\n", v->asset, v->key.name);
	puts("Made from a proof bundle alone. Each sentence rests on records that the station");
	puts("wrote when it happened, and that it cannot change since without this showing.");
	printf("All times are UTC. The %zu records were checked: each is one of the %" PRIu64 "\n",
	    v->lines, v->checkpoint.size);
	printf("that are signed with the key\n  %s\n", vkey);
	for (size_t i = 0; i < PARTS; i++) {
		printf("\n%s\n", parts[i].title);
		for (size_t k = 0; k < json_array_size(s->part[i]); k++)
			print_wrapped(json_string_value(json_array_get(s->part[i], k)));
	}
}

static json_t *sheet_json(const struct sheet *s)
{
	const struct bundle_view *v = s->v;
	char vkey[NOTE_VKEY_LEN] = "";
	json_t *o;

	note_key_format(&v->key, vkey, sizeof(vkey));
	o = json_pack("{ss ss sb sI sI ss ss sI sI}", "station", v->key.name, "key", vkey,
	    "key_given", v->key_given, "asset", (json_int_t)v->asset, "length",
	    (json_int_t)v->length, "sha256", v->sha256, "camera", s->camera, "records",
	    (json_int_t)v->lines, "checkpoint_size", (json_int_t)v->checkpoint.size);
	for (size_t i = 0; i < PARTS; i++)
		json_object_set(o, parts[i].key, s->part[i]);
	return o;
}

int statement_run(struct ctl *c)
{
	static struct bundle_view v;
	struct sheet *s;
	int code;

	if (c->args_n != 1)
		return ctl_usage("statement takes the number of a file, or a bundle");
	code = bundle_take(c, c->args[0], true, &v);
	if (code == CTL_OK && !v.good) {
		ctl_fail(
		    CTL_FAILED, "the proof bundle is no good, so nothing is stated: %s", v.problem);
		code = CTL_FAILED;
	}
	s = calloc(1, sizeof(*s));
	if (code == CTL_OK && s) {
		s->v = &v;
		for (size_t i = 0; i < PARTS; i++)
			s->part[i] = json_array();
		write_sheet(s);
		if (!c->json)
			print_sheet(s);
		else if (!json_line(stdout, sheet_json(s)))
			code = CTL_FAILED;
		for (size_t i = 0; i < PARTS; i++)
			json_decref(s->part[i]);
	}
	free(s);
	bundle_free(&v);
	return code;
}
