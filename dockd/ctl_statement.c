#include "ctl_statement.h"

#include "asset.h"
#include "ctl.h"
#include "ctl_bundle.h"
#include "ctl_command.h"
#include "ctl_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH 78

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

/* ---- what follows from all records ---- */

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
		statement_say(s, STORED, "\"%s\" calls it version %s.", r->destination, r->version);
	if (r->lock[0]) {
		if (r->retain_until_s != PROTO_NO_TIME)
			statement_date(r->retain_until_s, until);
		statement_say(s, STORED,
		    "\"%s\" states that it is locked there against deletion (%s)%s%s.",
		    r->destination, r->lock, until[0] ? " until " : "", until);
	}
	if (r->held == HOLD_MARK)
		statement_say(s, STORED,
		    "\"%s\" keeps this station's mark that it is preserved: no station of dockd's "
		    "removes it while that is there; the store itself knows no hold.",
		    r->destination);
	else if (r->held)
		statement_say(s, STORED,
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
		statement_say(s, STORED, "\"%s\" has it since %s. Proof: %s - %s.", r->destination,
		    statement_date(timegm(&tm), at), r->level, level_meaning(r->level));
		if (strcmp(r->level, "signed") == 0)
			statement_say(s, STORED, "The receipt of \"%s\" is %s.", r->destination,
			    receipt_state_word(r->state));
		tell_lock(s, r);
	}
	if (s->v->receipts == 0)
		statement_say(s, STORED, "No store has given a receipt for it yet.");
}

static void tell_signature(struct sheet *s)
{
	const char *word = s->signature[0] ? s->signature : "unsigned";

	statement_say(
	    s, UNCHANGED, "Signature of the camera: %s - %s.", word, signature_sentence(word));
	if (s->signature_text[0])
		statement_say(s, UNCHANGED, "This rests on: %s.", s->signature_text);
	if (strcmp(word, "valid") == 0)
		statement_say(s, UNCHANGED,
		    "A valid signature shows that the file is as the camera signed it. It does not show"
		    " what happened before the camera, what the pictures mean, or%s that the camera's"
		    " clock was right.",
		    s->time_unproved ? " (nothing bounds its time)" : "");
	else
		statement_say(s, UNCHANGED,
		    "Whether the file is as the camera made it is therefore not shown by a signature."
		    " From the moment of the digest above on, any change would show.");
}

static void tell_unknown(struct sheet *s)
{
	const struct bundle_view *v = s->v;

	if (!s->clock_known)
		statement_say(s, UNKNOWN,
		    "How far the camera's clock was off. The time of recording is not proved.");
	else if (!s->clock_proved)
		statement_say(s, UNKNOWN,
		    "Whether the station's clock was right when it measured the camera's.");
	if (!v->key_given)
		statement_say(s, UNKNOWN,
		    "Whether the key is the station's: it came with the bundle. Compare it with one that"
		    " you know.");
	if (v->omitted)
		statement_say(s, UNKNOWN,
		    "%" PRIu64 " more records about the file are not in the bundle.", v->omitted);
	statement_say(s, UNKNOWN,
	    "Whether the station wrote more about the file after record %" PRIu64
	    ", or the bundle leaves a record out: the whole ledger shows that.",
	    v->checkpoint.size);
	statement_say(s, UNKNOWN,
	    "Who wore the camera, and who the users with these numbers are: no names stand in the"
	    " ledger.");
	statement_say(s, UNKNOWN, "What happened to the file on the camera before it was docked.");
}

static void write_sheet(struct sheet *s)
{
	const struct bundle_view *v = s->v;

	for (size_t i = 0; i < v->lines; i++) {
		record_parse(v->line[i].text, v->line[i].len, &s->record);
		statement_record(s);
	}
	if (s->interrupted)
		statement_say(s, TAKEN_OFF,
		    "Reading was interrupted (%" PRIu64
		    "x) and taken up again; the digest is of the whole file.",
		    s->interrupted);
	if (v->id[0])
		statement_say(s, FILE_ITSELF,
		    "Its number at every station (from camera and digest): %s", v->id);
	if (!v->sha256[0])
		statement_say(s, UNCHANGED, "Its digest has not been taken yet.");
	tell_signature(s);
	tell_receipts(s);
	if (json_array_size(s->part[ERASED]) == 0)
		statement_say(s, ERASED, "dockd has not erased it from the camera.");
	if (json_array_size(s->part[HANDS]) == 0)
		statement_say(
		    s, HANDS, "Nobody gave the station an order about it that is on record here.");
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
