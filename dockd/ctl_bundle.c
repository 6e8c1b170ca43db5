#include "ctl_bundle.h"

#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_ask.h"
#include "ctl_command.h"
#include "ctl_json.h"
#include "ctl_ledger.h"
#include "ctl_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (1u << 20)

_Static_assert(BUNDLE_KEYS >= CTL_REPEATS, "each --receipt-key has a place");

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
	return ctl_fail(CTL_FAILED, "%s: %s", path,
	    rc == -EFBIG ? "too large for a proof bundle" : strerror(-rc));
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

static void hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

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
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(-rc));
	}
	if (v->good && (length != v->length || strcmp(now, v->sha256) != 0))
		v->good = bundle_refuse(v,
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
