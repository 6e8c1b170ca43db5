#include "bundle_check.h"

#include "base/base64.h"
#include "base/receipt_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOCKINGS_MAX 32
#define MERGED_MAX 33
#define ORDERS_SHOWN 64

bool bundle_refuse(struct bundle_view *v, const char *form, ...)
{
	va_list args;

	va_start(args, form);
	vsnprintf(v->problem, sizeof(v->problem), form, args);
	va_end(args);
	return false;
}

static void copy(char *out, size_t room, const struct record *r, const char *key)
{
	const char *text = record_get_text(r, key);

	snprintf(out, room, "%s", text ? text : "");
}

static void hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- lines ---- */

/* One line of the file, from 1. */
struct scan {
	const char *at, *end;
	unsigned line;
	struct record record;
};

/* The next line, canonical; false and the problem. */
static bool next(struct bundle_view *v, struct scan *s, const char **text, size_t *len)
{
	const char *stop = memchr(s->at, '\n', (size_t)(s->end - s->at));

	s->line++;
	if (!stop)
		return bundle_refuse(v, "line %u: the bundle ends too early", s->line);
	*text = s->at;
	*len = (size_t)(stop - s->at);
	s->at = stop + 1;
	if (record_parse(*text, *len, &s->record) < 0)
		return bundle_refuse(v, "line %u: this is not written as a bundle is", s->line);
	return true;
}

static bool is(const struct record *r, const char *type)
{
	return strcmp(record_type(r), type) == 0;
}

/* ---- head and end ---- */

/* "STATION", or "anything/STATION". */
static bool is_named_for(const struct note_key *key, const char *station)
{
	size_t n = strlen(key->name), part = strlen(station);

	return part > 0 && n >= part && strcmp(key->name + n - part, station) == 0 &&
	    (n == part || key->name[n - part - 1] == '/');
}

static bool read_head(struct bundle_view *v, struct scan *s, const char *key, uint64_t *records)
{
	static const char *const fields[] = { "asset", "checkpoint", "id", "key", "length",
		"made-by", "omitted", "records", "sha256", "station", "type", "version" };
	const struct record *r = &s->record;
	const char *own, *why = "", *text;
	size_t len, by;

	if (!next(v, s, &text, &len))
		return false;
	if (!is(r, "bundle") || record_get_number(r, "version", 0) != 1)
		return bundle_refuse(v, "this is no proof bundle of a version that is known here");
	if (r->fields != sizeof(fields) / sizeof(fields[0]))
		return bundle_refuse(v, "line 1: fields are missing, or there are others");
	for (size_t i = 0; i < r->fields; i++) {
		if (strcmp(r->field[i].key, fields[i]) != 0)
			return bundle_refuse(v, "line 1: fields are missing, or there are others");
	}
	v->asset = (uint64_t)record_get_number(r, "asset", 0);
	v->omitted = (uint64_t)record_get_number(r, "omitted", 0);
	*records = (uint64_t)record_get_number(r, "records", 0);
	copy(v->station, sizeof(v->station), r, "station");
	own = record_get_text(r, "key");
	if (!own || note_key_parse(own, &v->key) < 0)
		return bundle_refuse(v, "line 1: the station's key is no verifier key");
	if (!is_named_for(&v->key, v->station))
		return bundle_refuse(v, "line 1: the key is not named for this station");
	v->key_given = key != NULL;
	if (key && strcmp(key, own) != 0)
		return bundle_refuse(v, "it is of another station's key: %s", own);
	copy(v->checkpoint_note, sizeof(v->checkpoint_note), r, "checkpoint");
	if (note_open(v->checkpoint_note, strlen(v->checkpoint_note), &v->key, 1, &len, &by, &why) <
	    0)
		return bundle_refuse(
		    v, "the checkpoint is not signed by the station's key: %s", why);
	if (tlog_checkpoint_parse(v->checkpoint_note, len, &v->checkpoint) < 0 ||
	    strcmp(v->checkpoint.origin, v->key.name) != 0)
		return bundle_refuse(v, "what is signed is no checkpoint of this station");
	return true;
}

/* The last line: the digest of all before it. */
static bool check_end(struct bundle_view *v)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char wanted[2 * EVP_MAX_MD_SIZE + 64], now[2 * EVP_MAX_MD_SIZE + 1];
	size_t at = v->size;
	unsigned n = 0;

	if (at == 0 || v->bytes[at - 1] != '\n')
		return bundle_refuse(v, "the bundle's end is missing");
	at--;
	while (at > 0 && v->bytes[at - 1] != '\n')
		at--;
	if (EVP_Digest(v->bytes, at, digest, &n, EVP_sha256(), NULL) != 1)
		return bundle_refuse(v, "the digest cannot be taken");
	hex(digest, n, now);
	n = (unsigned)snprintf(
	    wanted, sizeof(wanted), "{\"sha256\":\"%s\",\"type\":\"end\"}\n", now);
	if (v->size - at != n || memcmp(v->bytes + at, wanted, n) != 0)
		return bundle_refuse(
		    v, "the bundle is damaged: its last line is not the digest of the others");
	return true;
}

/* ---- records ---- */

static bool check_proof(
    struct bundle_view *v, struct scan *s, const struct tlog_hash *leaf, uint64_t seq)
{
	struct tlog_hash path[TLOG_DEPTH];
	const struct record *r = &s->record;
	const char *p, *text;
	size_t n = 0, len;

	if (!next(v, s, &text, &len))
		return false;
	p = record_get_text(r, "path");
	if (!is(r, "proof") || r->fields != 3 || !p ||
	    record_get_number(r, "index", -1) != (int64_t)seq - 1)
		return bundle_refuse(
		    v, "line %u: here should be the proof of record %" PRIu64, s->line, seq);
	for (len = strlen(p); len > 0; n++) {
		size_t hash = BASE64_LEN(TLOG_HASH_LEN);

		if (n == TLOG_DEPTH || len < hash || (len > hash && p[hash] != ' ') ||
		    base64_read(p, hash, path[n].bytes, TLOG_HASH_LEN) != TLOG_HASH_LEN)
			return bundle_refuse(v, "line %u: this is no proof", s->line);
		p += hash + (len > hash);
		len -= hash + (len > hash);
	}
	if (!tlog_is_in(v->checkpoint.size, seq - 1, leaf, path, n, &v->checkpoint.root))
		return bundle_refuse(v,
		    "line %u: record %" PRIu64
		    " is not proved: it, or its proof, is not what the station signed",
		    s->line - 1, seq);
	return true;
}

static bool read_records(struct bundle_view *v, struct scan *s, uint64_t records)
{
	uint64_t last = 0;

	if (records == 0 || records > BUNDLE_LINES_MAX)
		return bundle_refuse(v, "line 1: so many records are in no bundle");
	for (uint64_t i = 0; i < records; i++) {
		struct tlog_hash leaf;
		const char *text = NULL;
		size_t len = 0;
		int64_t seq;

		if (!next(v, s, &text, &len))
			return false;
		seq = record_get_number(&s->record, "seq", 0);
		if (seq <= 0 || (uint64_t)seq <= last || (uint64_t)seq > v->checkpoint.size)
			return bundle_refuse(v, "line %u: this is not the next record", s->line);
		last = (uint64_t)seq;
		v->line[v->lines].text = text;
		v->line[v->lines++].len = len;
		tlog_leaf(text, len, &leaf);
		if (!check_proof(v, s, &leaf, last))
			return false;
	}
	return true;
}

/*
 * Whose records may be here: the asset, what was merged into it, their dockings, and the
 * preservation orders over them.
 */
struct circle {
	uint64_t asset[MERGED_MAX], docking[DOCKINGS_MAX], order[ORDERS_SHOWN];
	size_t assets, dockings, orders;
};

static bool has(const uint64_t *list, size_t n, uint64_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == number)
			return true;
	}
	return false;
}

static void draw(const struct bundle_view *v, struct circle *c, struct record *r)
{
	c->asset[c->assets++] = v->asset;
	for (size_t i = 0; i < v->lines; i++) {
		uint64_t asset;

		record_parse(v->line[i].text, v->line[i].len, r);
		asset = (uint64_t)record_get_number(r, "asset", 0);
		if (is(r, "merged") && (uint64_t)record_get_number(r, "into", 0) == v->asset &&
		    c->assets < MERGED_MAX && !has(c->asset, c->assets, asset))
			c->asset[c->assets++] = asset;
	}
	for (size_t i = 0; i < v->lines; i++) {
		uint64_t docking;

		record_parse(v->line[i].text, v->line[i].len, r);
		docking = (uint64_t)record_get_number(r, "docking", 0);
		if (has(c->asset, c->assets, (uint64_t)record_get_number(r, "asset", 0)) &&
		    docking && c->dockings < DOCKINGS_MAX && !has(c->docking, c->dockings, docking))
			c->docking[c->dockings++] = docking;
	}
}

static struct bundle_receipt *receipt_of(struct bundle_view *v, const char *destination)
{
	for (size_t i = 0; i < v->receipts; i++) {
		if (strcmp(v->receipt[i].destination, destination) == 0)
			return &v->receipt[i];
	}
	if (v->receipts == BUNDLE_RECEIPTS)
		return NULL;
	v->receipt[v->receipts] =
	    (struct bundle_receipt){ .began_s = PROTO_NO_TIME, .retain_until_s = PROTO_NO_TIME };
	snprintf(v->receipt[v->receipts].destination, PROTO_NAME_LEN, "%s", destination);
	return &v->receipt[v->receipts++];
}

static void take_lock(struct bundle_receipt *out, const struct record *r)
{
	copy(out->lock, sizeof(out->lock), r, "lock");
	if (strcmp(out->lock, "none") == 0)
		out->lock[0] = '\0';
	out->retain_until_s = record_get_number(r, "retain-until", PROTO_NO_TIME);
}

/* Seconds of the record's own time; PROTO_NO_TIME where it has none. */
static int64_t written_s(const struct record *r)
{
	const char *when = record_get_text(r, "time");
	struct tm tm = { 0 };

	return when && strptime(when, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) :
								  PROTO_NO_TIME;
}

/* What a server calls an object: the last part of its address (dockd-receipt(5)). */
static void object_of(const char *address, char *out, size_t room)
{
	const char *slash = strrchr(address, '/');

	snprintf(out, room, "%s", slash ? slash + 1 : address);
	out[strcspn(out, "?")] = '\0';
}

/*
 * The first line of a receipt that does not say what the records say (dockd-receipt(5)), as
 * dockd-verify asked when it came; NULL: all do. Whether its key was in force then is not known
 * here.
 */
static const char *strange_line(const struct bundle_view *v, const struct record *r,
    const struct receipt_value line[RECEIPT_LINES], const struct bundle_receipt *out)
{
	char length[24], object[PROTO_ADDRESS_LEN];
	const char *address = record_get_text(r, "object");
	int64_t at_s = receipt_time(&line[RECEIPT_TIME]), put_down_s = written_s(r);

	snprintf(length, sizeof(length), "%" PRIu64, v->length);
	object_of(address ? address : "", object, sizeof(object));
	if (!receipt_equals(&line[RECEIPT_ORIGIN], out->signer))
		return "origin";
	if (!receipt_equals(&line[RECEIPT_SHA256], v->sha256) ||
	    !receipt_equals(&line[RECEIPT_LENGTH], length) ||
	    !receipt_equals(&line[RECEIPT_ASSET], v->id))
		return "file";
	if (!receipt_equals(&line[RECEIPT_STATION], v->station))
		return "station";
	if (!receipt_equals(&line[RECEIPT_OBJECT], object))
		return "object";
	if (!receipt_equals(&line[RECEIPT_VERSION], out->version[0] ? out->version : "-"))
		return "version";
	if (at_s == INT64_MIN || at_s != record_get_number(r, "server-time", PROTO_NO_TIME) ||
	    (out->began_s != PROTO_NO_TIME && at_s < out->began_s - RECEIPT_SLACK_S) ||
	    put_down_s == PROTO_NO_TIME || at_s > put_down_s + RECEIPT_SLACK_S)
		return "time";
	return NULL;
}

static void check_receipt(const struct bundle_view *v, const struct record *r, const char *note,
    const struct bundle_keys *keys, struct bundle_receipt *out)
{
	struct receipt_value line[RECEIPT_LINES];
	const char *why = "", *strange;
	size_t len, by;
	int rc;

	rc = note_open(note, strlen(note), keys->receipt, keys->receipts, &len, &by, &why);
	out->state = rc == -ENOKEY || keys->receipts == 0 ? RECEIPT_STATE_NO_KEY :
	    rc < 0                                        ? RECEIPT_STATE_WRONG :
							    RECEIPT_STATE_GOOD;
	snprintf(out->why, sizeof(out->why), "%s", why);
	if (out->state != RECEIPT_STATE_GOOD)
		return;
	snprintf(out->signer, sizeof(out->signer), "%s", keys->receipt[by].name);
	strange = receipt_split(note, len, line) >= 0 ? "form" : strange_line(v, r, line, out);
	if (!strange)
		return;
	out->state = RECEIPT_STATE_WRONG;
	snprintf(out->why, sizeof(out->why), "it is of another %s than the records", strange);
}

/* What is there now was begun then: receipts of before are another object's. */
static void take_begun(struct bundle_view *v, const struct record *r)
{
	char destination[PROTO_NAME_LEN];
	struct bundle_receipt *out;

	copy(destination, sizeof(destination), r, "destination");
	out = receipt_of(v, destination);
	if (out)
		out->began_s = written_s(r);
}

static void take_receipt(
    struct bundle_view *v, const struct record *r, const struct bundle_keys *keys)
{
	char destination[PROTO_NAME_LEN];
	const char *note = record_get_text(r, "note");
	struct bundle_receipt *out;
	int64_t began_s;

	copy(destination, sizeof(destination), r, "destination");
	out = receipt_of(v, destination);
	if (!out)
		return;
	began_s = out->began_s;
	*out = (struct bundle_receipt){ .seq = (uint64_t)record_get_number(r, "seq", 0),
		.began_s = began_s };
	memcpy(out->destination, destination, sizeof(destination));
	copy(out->level, sizeof(out->level), r, "level");
	copy(out->when, sizeof(out->when), r, "time");
	copy(out->signer, sizeof(out->signer), r, "key");
	copy(out->version, sizeof(out->version), r, "version");
	take_lock(out, r);
	out->held = (uint32_t)record_get_number(r, "held", 0);
	if (note)
		check_receipt(v, r, note, keys, out);
}

/* What was stated later of the same object. */
static void take_stated(struct bundle_view *v, const struct record *r)
{
	char destination[PROTO_NAME_LEN];
	struct bundle_receipt *out;

	copy(destination, sizeof(destination), r, "destination");
	out = receipt_of(v, destination);
	if (!out || !out->seq)
		return;
	if (record_has(r, "lock"))
		take_lock(out, r);
	if (is(r, "held") || is(r, "release-intent")) /* told to let go of it: perhaps over */
		out->held = (uint32_t)record_get_number(r, "on", 0);
	else if (record_has(r, "held"))
		out->held = (uint32_t)record_get_number(r, "held", 0);
}

/* ---- what the records say of the file ---- */

static uint64_t number_in(const char *text)
{
	char *end = NULL;
	uint64_t number = text && text[0] >= '1' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;

	return end && *end == '\0' ? number : 0;
}

/* An order over this file, as far as its scope and value tell; or the lift of such a one. */
static bool is_its_order(const struct bundle_view *v, struct circle *c, const struct record *r)
{
	uint64_t order = (uint64_t)record_get_number(r, "order", 0);
	const char *scope = record_get_text(r, "scope"), *value = record_get_text(r, "value");
	bool its;

	if (is(r, "lift"))
		return has(c->order, c->orders, order);
	if (!is(r, "preserve") || !scope || !value)
		return false;
	if (strcmp(scope, "asset") == 0)
		its = (v->id[0] && strcmp(value, v->id) == 0) ||
		    has(c->asset, c->assets, number_in(value));
	else if (strcmp(scope, "docking") == 0)
		its = has(c->docking, c->dockings, number_in(value));
	else
		its = !value[0] || !v->camera[0] || strcmp(value, v->camera) == 0;
	if (its && c->orders < ORDERS_SHOWN)
		c->order[c->orders++] = order;
	return its;
}

static bool is_about_it(const struct bundle_view *v, struct circle *c, const struct record *r)
{
	uint64_t asset = is(r, "audited") ? 0 : (uint64_t)record_get_number(r, "asset", 0);

	if (asset)
		return has(c->asset, c->assets, asset);
	return has(c->docking, c->dockings, (uint64_t)record_get_number(r, "docking", 0)) ||
	    is_its_order(v, c, r);
}

/* What the newest records say of it. */
static void take_file(struct bundle_view *v, const struct record *r)
{
	if ((uint64_t)record_get_number(r, "asset", 0) != v->asset)
		return;
	if (is(r, "found"))
		copy(v->camera, sizeof(v->camera), r, "camera");
	if (!is(r, "checked"))
		return;
	copy(v->sha256, sizeof(v->sha256), r, "sha256");
	copy(v->id, sizeof(v->id), r, "id");
	v->length = (uint64_t)record_get_number(r, "length", 0);
}

static void take_sent(struct bundle_view *v, const struct record *r, const struct bundle_keys *keys)
{
	if ((uint64_t)record_get_number(r, "asset", 0) != v->asset ||
	    !record_get_text(r, "destination"))
		return;
	if (is(r, "upload") || is(r, "created"))
		take_begun(v, r);
	else if (is(r, "receipted"))
		take_receipt(v, r, keys);
	else if (is(r, "held") || is(r, "release-intent") || is(r, "confirmed"))
		take_stated(v, r);
}

static bool read_facts(struct bundle_view *v, const struct bundle_keys *keys, struct record *r)
{
	struct circle c = { .assets = 0 };
	size_t kept = 0;

	draw(v, &c, r);
	for (size_t i = 0; i < v->lines; i++) {
		record_parse(v->line[i].text, v->line[i].len, r);
		take_file(v, r);
	}
	for (size_t i = 0; i < v->lines; i++) {
		record_parse(v->line[i].text, v->line[i].len, r);
		if (!is_about_it(v, &c, r))
			return bundle_refuse(v, "record %" PRId64 " is not about this file",
			    record_get_number(r, "seq", 0));
		take_sent(v, r, keys);
	}
	for (size_t i = 0; i < v->receipts; i++) {
		if (v->receipt[i].state == RECEIPT_STATE_WRONG)
			return bundle_refuse(v, "the receipt of %s is no good: %s",
			    v->receipt[i].destination, v->receipt[i].why);
		if (v->receipt[i].seq) /* else begun there, and no more */
			v->receipt[kept++] = v->receipt[i];
	}
	v->receipts = kept;
	return true;
}

/* What the head says of the file is what the records say. */
static bool check_head(struct bundle_view *v, struct record *r)
{
	const char *end = memchr(v->bytes, '\n', v->size);
	const char *id, *sha256;

	record_parse(v->bytes, (size_t)(end - v->bytes), r);
	id = record_get_text(r, "id");
	sha256 = record_get_text(r, "sha256");
	if (v->sha256[0] &&
	    (!id || !sha256 || strcmp(id, v->id) != 0 || strcmp(sha256, v->sha256) != 0 ||
		(uint64_t)record_get_number(r, "length", -1) != v->length))
		return bundle_refuse(
		    v, "line 1: its digest, length or id is not that of the records");
	return true;
}

void bundle_check(char *bytes, size_t n, const struct bundle_keys *keys, struct bundle_view *out)
{
	struct scan *s = calloc(1, sizeof(*s));
	uint64_t records = 0;

	memset(out, 0, sizeof(*out));
	out->bytes = bytes;
	out->size = n;
	if (!s) {
		bundle_refuse(out, "out of memory");
		return;
	}
	s->at = bytes;
	s->end = bytes + n;
	if (check_end(out) && read_head(out, s, keys->key, &records) &&
	    read_records(out, s, records)) {
		const char *end = memrchr(bytes, '\n', n - 1);

		if (s->at != end + 1)
			bundle_refuse(
			    out, "line %u: there is more than the bundle says", s->line + 1);
		else
			out->good =
			    read_facts(out, keys, &s->record) && check_head(out, &s->record);
	}
	free(s);
}

void bundle_free(struct bundle_view *v)
{
	free(v->bytes);
	v->bytes = NULL;
}

const char *receipt_state_word(enum receipt_state s)
{
	switch (s) {
	case RECEIPT_STATE_UNSIGNED:
		return "not signed";
	case RECEIPT_STATE_NO_KEY:
		return "signed, not checked: none of the keys given with --receipt-key signed it";
	case RECEIPT_STATE_GOOD:
		return "signed, and the signature is good";
	case RECEIPT_STATE_WRONG:
		return "no good";
	}
	return "?";
}
