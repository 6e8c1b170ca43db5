#include "ctl_bundle.h"

#include "base/base64.h"
#include "ctl_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOCKINGS_MAX 32
#define MERGED_MAX 33
#define READ_BYTES (1u << 20)

__attribute__((format(printf, 2, 3))) static bool refuse(
    struct bundle_view *v, const char *form, ...)
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
		return refuse(v, "line %u: the bundle ends too early", s->line);
	*text = s->at;
	*len = (size_t)(stop - s->at);
	s->at = stop + 1;
	if (record_parse(*text, *len, &s->record) < 0)
		return refuse(v, "line %u: this is not written as a bundle is", s->line);
	return true;
}

static bool is(const struct record *r, const char *type)
{
	return strcmp(record_type(r), type) == 0;
}

/* ---- head and end ---- */

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
		return refuse(v, "this is no proof bundle of a version that is known here");
	if (r->fields != sizeof(fields) / sizeof(fields[0]))
		return refuse(v, "line 1: fields are missing, or there are others");
	for (size_t i = 0; i < r->fields; i++) {
		if (strcmp(r->field[i].key, fields[i]) != 0)
			return refuse(v, "line 1: fields are missing, or there are others");
	}
	v->asset = (uint64_t)record_get_number(r, "asset", 0);
	v->omitted = (uint64_t)record_get_number(r, "omitted", 0);
	*records = (uint64_t)record_get_number(r, "records", 0);
	own = record_get_text(r, "key");
	if (!own || note_key_parse(own, &v->key) < 0)
		return refuse(v, "line 1: the station's key is no verifier key");
	v->key_given = key != NULL;
	if (key && strcmp(key, own) != 0)
		return refuse(v, "it is of another station's key: %s", own);
	copy(v->checkpoint_note, sizeof(v->checkpoint_note), r, "checkpoint");
	if (note_open(v->checkpoint_note, strlen(v->checkpoint_note), &v->key, 1, &len, &by, &why) <
	    0)
		return refuse(v, "the checkpoint is not signed by the station's key: %s", why);
	if (tlog_checkpoint_parse(v->checkpoint_note, len, &v->checkpoint) < 0 ||
	    strcmp(v->checkpoint.origin, v->key.name) != 0)
		return refuse(v, "what is signed is no checkpoint of this station");
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
		return refuse(v, "the bundle's end is missing");
	at--;
	while (at > 0 && v->bytes[at - 1] != '\n')
		at--;
	if (EVP_Digest(v->bytes, at, digest, &n, EVP_sha256(), NULL) != 1)
		return refuse(v, "the digest cannot be taken");
	hex(digest, n, now);
	n = (unsigned)snprintf(
	    wanted, sizeof(wanted), "{\"sha256\":\"%s\",\"type\":\"end\"}\n", now);
	if (v->size - at != n || memcmp(v->bytes + at, wanted, n) != 0)
		return refuse(
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
		return refuse(
		    v, "line %u: here should be the proof of record %" PRIu64, s->line, seq);
	for (len = strlen(p); len > 0; n++) {
		size_t hash = BASE64_LEN(TLOG_HASH_LEN);

		if (n == TLOG_DEPTH || len < hash || (len > hash && p[hash] != ' ') ||
		    base64_read(p, hash, path[n].bytes, TLOG_HASH_LEN) != TLOG_HASH_LEN)
			return refuse(v, "line %u: this is no proof", s->line);
		p += hash + (len > hash);
		len -= hash + (len > hash);
	}
	if (!tlog_is_in(v->checkpoint.size, seq - 1, leaf, path, n, &v->checkpoint.root))
		return refuse(v,
		    "line %u: record %" PRIu64
		    " is not proved: it, or its proof, is not what the station signed",
		    s->line - 1, seq);
	return true;
}

static bool read_records(struct bundle_view *v, struct scan *s, uint64_t records)
{
	uint64_t last = 0;

	if (records == 0 || records > BUNDLE_LINES_MAX)
		return refuse(v, "line 1: so many records are in no bundle");
	for (uint64_t i = 0; i < records; i++) {
		struct tlog_hash leaf;
		const char *text = NULL;
		size_t len = 0;
		int64_t seq;

		if (!next(v, s, &text, &len))
			return false;
		seq = record_get_number(&s->record, "seq", 0);
		if (seq <= 0 || (uint64_t)seq <= last || (uint64_t)seq > v->checkpoint.size)
			return refuse(v, "line %u: this is not the next record", s->line);
		last = (uint64_t)seq;
		v->line[v->lines].text = text;
		v->line[v->lines++].len = len;
		tlog_leaf(text, len, &leaf);
		if (!check_proof(v, s, &leaf, last))
			return false;
	}
	return true;
}

/* Whose records may be here: the asset, what was merged into it, and their dockings. */
struct circle {
	uint64_t asset[MERGED_MAX], docking[DOCKINGS_MAX];
	size_t assets, dockings;
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
	return v->receipts < BUNDLE_RECEIPTS ? &v->receipt[v->receipts++] : NULL;
}

/* dockd-receipt(5): what it must say of this file stands in its first lines. */
static void check_receipt(const struct bundle_view *v, const char *note,
    const struct bundle_keys *keys, struct bundle_receipt *out)
{
	char wanted[NOTE_NAME_LEN + 300];
	const char *why = "";
	size_t len, by;
	int rc, n;

	rc = note_open(note, strlen(note), keys->receipt, keys->receipts, &len, &by, &why);
	out->state = rc == -ENOKEY || keys->receipts == 0 ? RECEIPT_STATE_NO_KEY :
	    rc < 0                                        ? RECEIPT_STATE_WRONG :
							    RECEIPT_STATE_GOOD;
	snprintf(out->why, sizeof(out->why), "%s", why);
	if (out->state != RECEIPT_STATE_GOOD)
		return;
	snprintf(out->signer, sizeof(out->signer), "%s", keys->receipt[by].name);
	n = snprintf(wanted, sizeof(wanted),
	    "%s\ndockd receipt v1\nsha256 %s\nlength %" PRIu64 "\nasset %s\n", out->signer,
	    v->sha256, v->length, v->id);
	if ((size_t)n > len || memcmp(note, wanted, (size_t)n) != 0) {
		out->state = RECEIPT_STATE_WRONG;
		snprintf(out->why, sizeof(out->why), "it is of another file");
	}
}

static void take_receipt(
    struct bundle_view *v, const struct record *r, const struct bundle_keys *keys)
{
	char destination[PROTO_NAME_LEN];
	const char *note = record_get_text(r, "note");
	struct bundle_receipt *out;

	copy(destination, sizeof(destination), r, "destination");
	out = receipt_of(v, destination);
	if (!out)
		return;
	*out = (struct bundle_receipt){ .seq = (uint64_t)record_get_number(r, "seq", 0) };
	memcpy(out->destination, destination, sizeof(destination));
	copy(out->level, sizeof(out->level), r, "level");
	copy(out->when, sizeof(out->when), r, "time");
	copy(out->signer, sizeof(out->signer), r, "key");
	if (note)
		check_receipt(v, note, keys, out);
}

static bool read_facts(struct bundle_view *v, const struct bundle_keys *keys, struct record *r)
{
	struct circle c = { .assets = 0 };

	draw(v, &c, r);
	for (size_t i = 0; i < v->lines; i++) {
		uint64_t asset, docking;

		record_parse(v->line[i].text, v->line[i].len, r);
		asset = is(r, "audited") ? 0 : (uint64_t)record_get_number(r, "asset", 0);
		docking = (uint64_t)record_get_number(r, "docking", 0);
		if (asset ? !has(c.asset, c.assets, asset) : !has(c.docking, c.dockings, docking))
			return refuse(v, "record %" PRId64 " is not about this file",
			    record_get_number(r, "seq", 0));
		if (asset != v->asset || !is(r, "checked"))
			continue;
		copy(v->sha256, sizeof(v->sha256), r, "sha256");
		copy(v->id, sizeof(v->id), r, "id");
		v->length = (uint64_t)record_get_number(r, "length", 0);
	}
	for (size_t i = 0; i < v->lines; i++) {
		record_parse(v->line[i].text, v->line[i].len, r);
		if (is(r, "receipted") && (uint64_t)record_get_number(r, "asset", 0) == v->asset)
			take_receipt(v, r, keys);
	}
	for (size_t i = 0; i < v->receipts; i++) {
		if (v->receipt[i].state == RECEIPT_STATE_WRONG)
			return refuse(v, "the receipt of %s is no good: %s",
			    v->receipt[i].destination, v->receipt[i].why);
	}
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
		return refuse(v, "line 1: its digest, length or id is not that of the records");
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
		refuse(out, "out of memory");
		return;
	}
	s->at = bytes;
	s->end = bytes + n;
	if (check_end(out) && read_head(out, s, keys->key, &records) &&
	    read_records(out, s, records)) {
		const char *end = memrchr(bytes, '\n', n - 1);

		if (s->at != end + 1)
			refuse(out, "line %u: there is more than the bundle says", s->line + 1);
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

/* ---- getting hold of one ---- */

static int read_all(int fd, char **bytes, size_t *n)
{
	char *all = malloc(BUNDLE_BYTES_MAX + 1);
	ssize_t got = 0;

	*n = 0;
	if (!all)
		return -ENOMEM;
	while (*n <= BUNDLE_BYTES_MAX &&
	    (got = pread(fd, all + *n, BUNDLE_BYTES_MAX + 1 - *n, (off_t)*n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		*n += (size_t)got;
	}
	if (got < 0 || *n > BUNDLE_BYTES_MAX) {
		free(all);
		return got < 0 ? -errno : -EFBIG;
	}
	*bytes = all;
	return 0;
}

struct fetched {
	char *bytes;
	size_t n;
};

static struct fetched fetched;

static int part_bundle(void *context, struct msg *m)
{
	(void)context;
	if (m->head.type != MSG_SEGMENT || m->nfds != 1 || fetched.bytes)
		return -EPROTO;
	return read_all(m->fds[0], &fetched.bytes, &fetched.n);
}

static int ask_bundle(struct ctl *c, uint64_t asset)
{
	struct proto_ask question = { .ask = ASK_BUNDLE, .number = asset };
	struct proto_ctl_end end = { 0 };
	int err = ctl_ask(c, &question, CTL_PATIENCE_MS, part_bundle, &end);
	int code = ctl_complain(err, &end);

	if (code == CTL_OK && !fetched.bytes)
		code = ctl_complain(-EPROTO, NULL);
	return code;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = fd < 0 ? -errno : 0;

	if (rc == 0) {
		rc = read_all(fd, &fetched.bytes, &fetched.n);
		close(fd);
	}
	if (rc == 0)
		return CTL_OK;
	fprintf(stderr, "dockctl: %s: %s\n", path,
	    rc == -EFBIG ? "too large for a proof bundle" : strerror(-rc));
	return CTL_FAILED;
}

int bundle_take(struct ctl *c, const char *which, bool may_ask, struct bundle_view *out)
{
	const char *key = ctl_option(c, OPTION_KEY);
	static char vkey[NOTE_VKEY_LEN], text[NOTE_VKEY_LEN];
	struct bundle_keys keys = { .key = key ? vkey : NULL };
	uint64_t asset;
	int code;

	if (key && ledger_key(key, vkey) < 0)
		return ctl_usage("--key takes a verifier key, or a file that holds one");
	for (unsigned i = 0; i < c->option[OPTION_RECEIPT_KEY].n; i++) {
		if (ledger_key(c->option[OPTION_RECEIPT_KEY].value[i], text) < 0 ||
		    note_key_parse(text, &keys.receipt[keys.receipts++]) < 0)
			return ctl_usage(
			    "--receipt-key takes a verifier key, or a file that holds one");
	}
	code = may_ask && ctl_number(which, INT64_MAX, &asset) ? ask_bundle(c, asset) :
								 open_file(which);
	if (code == CTL_OK)
		bundle_check(fetched.bytes, fetched.n, &keys, out);
	return code;
}

/* ---- verify-bundle ---- */

/* SHA-256 and length of a file. 0 or -errno. */
static int digest_file(const char *path, char out[65], uint64_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = fd < 0 ? -errno : 0;
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *block = malloc(READ_BYTES);
	unsigned n = 0;

	*length = 0;
	if (rc == 0 && (!md || !block || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1))
		rc = -ENOMEM;
	while (rc == 0) {
		ssize_t got = read(fd, block, READ_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		if (got < 0 || EVP_DigestUpdate(md, block, (size_t)got) != 1)
			rc = got < 0 ? -errno : -EIO;
		else
			*length += (uint64_t)got;
	}
	if (rc == 0 && EVP_DigestFinal_ex(md, digest, &n) != 1)
		rc = -EIO;
	if (rc == 0)
		hex(digest, n, out);
	free(block);
	EVP_MD_CTX_free(md);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Refuses the bundle where the file is not the one that it is about. */
static int check_file(struct bundle_view *v, const char *path)
{
	uint64_t length;
	char now[65];
	int rc = digest_file(path, now, &length);

	if (rc < 0) {
		fprintf(stderr, "dockctl: %s: %s\n", path, strerror(-rc));
		return CTL_FAILED;
	}
	if (v->good && (length != v->length || strcmp(now, v->sha256) != 0))
		v->good = refuse(v,
		    "the file is another one, or was changed: it has %" PRIu64
		    " bytes and SHA-256 %s; the station took %" PRIu64 " bytes with %s",
		    length, now, v->length, v->sha256[0] ? v->sha256 : "no digest");
	return CTL_OK;
}

static void print_json(const struct bundle_view *v, const char *file)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->receipts; i++) {
		const struct bundle_receipt *r = &v->receipt[i];

		json_array_append_new(list,
		    json_pack("{sI ss ss ss ss ss}", "record", (json_int_t)r->seq, "destination",
			r->destination, "level", r->level, "time", r->when, "signer", r->signer,
			"state", receipt_state_word(r->state)));
	}
	json_line(stdout,
	    json_pack("{sb ss sI ss ss sI sI sI ss sb sI sb so}", "good", v->good, "problem",
		v->problem, "asset", (json_int_t)v->asset, "id", v->id, "sha256", v->sha256,
		"length", (json_int_t)v->length, "records", (json_int_t)v->lines, "omitted",
		(json_int_t)v->omitted, "key_name", v->key.name, "key_given", v->key_given,
		"checkpoint_size", (json_int_t)v->checkpoint.size, "file_compared",
		v->good && file != NULL, "receipts", list));
}

static void print_text(const struct bundle_view *v, const char *file)
{
	char vkey[NOTE_VKEY_LEN] = "", clean[TEXT_ESCAPED(NOTE_NAME_LEN)];

	note_key_format(&v->key, vkey, sizeof(vkey));
	printf("proof bundle: %s\n", v->good ? "good" : "REFUSED");
	if (!v->good) {
		printf("  problem     %s\n", v->problem);
		return;
	}
	printf("  file        %s%" PRIu64 " bytes, SHA-256 %s\n", file ? "is this one: " : "",
	    v->length, v->sha256[0] ? v->sha256 : "not taken yet");
	printf("  records     %zu, each signed by the station as one of %" PRIu64 "\n", v->lines,
	    v->checkpoint.size);
	if (v->omitted)
		printf("  left out    %" PRIu64 " more records about it: see the whole ledger\n",
		    v->omitted);
	for (size_t i = 0; i < v->receipts; i++)
		printf("  receipt     %s, %s: %s%s%s\n", v->receipt[i].destination,
		    v->receipt[i].level, receipt_state_word(v->receipt[i].state),
		    v->receipt[i].signer[0] ? ", by " : "",
		    text_clean(v->receipt[i].signer, true, clean, sizeof(clean)));
	printf("  key         %s\n", vkey);
	if (!v->key_given)
		puts(
		    "              it came with the bundle: this is no proof of who made it; compare it with\n"
		    "              the one that you know to be the station's, or give that with --key");
}

int bundle_run(struct ctl *c)
{
	const char *file = ctl_option(c, OPTION_FILE);
	static struct bundle_view v;
	int code;

	if (c->args_n != 1)
		return ctl_usage("verify-bundle takes a file");
	code = bundle_take(c, c->args[0], false, &v);
	if (code == CTL_OK && file)
		code = check_file(&v, file);
	if (code == CTL_OK) {
		if (c->json)
			print_json(&v, file);
		else
			print_text(&v, file);
		code = v.good ? CTL_OK : CTL_FAILED;
	}
	bundle_free(&v);
	return code;
}
