/*
 * Signed notes and what stands in them. The first byte says what the rest is: 'n' a note, 'c' a
 * checkpoint's text, 'p' a proof, 'b' a proof bundle without its last line, 'r' the records of a
 * bundle as if they were proved, 'l' the lines of a receipt as if they were signed.
 */
#include "../../dockd/bundle_check.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char pinned[] =
    "evidence.example/receipts+6a45cf3e+AUjb5Cr2PiKvuaC+SOYibTstUERSYO4Na0FSY/eMA2FA";

static void open_note(const char *text, size_t n)
{
	struct note_key key;
	const char *why = "";
	size_t len = 0, by = 9;
	int rc;

	if (note_key_parse(pinned, &key) < 0)
		abort();
	rc = note_open(text, n, &key, 1, &len, &by, &why);
	if (rc == 0 ? len > n || by != 0 : !why || !why[0])
		abort();
}

/* What is read is written in the same form, and read again as the same. */
static void parse_checkpoint(const char *text, size_t n)
{
	struct tlog_checkpoint c, again;
	char out[1024];
	int len;

	if (tlog_checkpoint_parse(text, n, &c) < 0)
		return;
	len = tlog_checkpoint_format(&c, out, sizeof(out));
	if (len < 0)
		return; /* longer than any of ours */
	if (tlog_checkpoint_parse(out, (size_t)len, &again) < 0 || again.size != c.size ||
	    strcmp(again.origin, c.origin) != 0 ||
	    memcmp(&again.root, &c.root, sizeof(c.root)) != 0)
		abort();
}

static void parse_proof(const char *text, size_t n)
{
	struct tlog_hash path[TLOG_DEPTH], leaf = { { 0 } }, root = { { 1 } };
	const char *note = NULL;
	uint64_t index = 0;
	int path_n = tlog_proof_parse(text, n, &index, path, &note);

	if (path_n < 0)
		return;
	if (path_n > TLOG_DEPTH || note < text || note > text + n)
		abort();
	if (index < UINT64_MAX && tlog_is_in(index + 1, index, &leaf, path, (size_t)path_n, &root))
		abort();
}

static void check_bundle(const char *text, size_t n)
{
	static struct bundle_view v;
	static const struct bundle_keys none;
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hexed[2 * EVP_MAX_MD_SIZE + 1];
	char *bytes = malloc(n + 200);
	unsigned len = 0;
	int end;

	if (!bytes || EVP_Digest(text, n, digest, &len, EVP_sha256(), NULL) != 1)
		abort();
	hex(digest, len, hexed);
	memcpy(bytes, text, n);
	end = snprintf(bytes + n, 200, "{\"sha256\":\"%s\",\"type\":\"end\"}\n", hexed);
	bundle_check(bytes, n + (size_t)end, &none, &v);
	if (v.good != !v.problem[0] || v.lines > BUNDLE_LINES_MAX || v.receipts > BUNDLE_RECEIPTS)
		abort();
	bundle_free(&v);
}

static void read_all_facts(const char *text, size_t n)
{
	static struct bundle_view v;
	static struct bundle_keys keys;
	static struct record r;
	const char *at = text, *end = text + n;

	memset(&v, 0, sizeof(v));
	v.asset = 1;
	snprintf(v.station, sizeof(v.station), "north");
	if (note_key_parse(pinned, &keys.receipt[0]) < 0)
		abort();
	keys.receipts = 1;
	while (at < end && v.lines < BUNDLE_LINES_MAX) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		if (record_parse(at, len, &r) == 0 && record_get_number(&r, "seq", 0) > 0) {
			v.line[v.lines].text = at;
			v.line[v.lines++].len = len;
		}
		at += len + 1;
	}
	if (read_facts(&v, &keys, &r) != !v.problem[0])
		abort();
	for (size_t i = 0; !v.problem[0] && i < v.receipts; i++) {
		if (!memchr(v.receipt[i].lock, 0, sizeof(v.receipt[i].lock)) || !v.receipt[i].seq)
			abort();
	}
}

/* What is good for this file is good for no other. */
static void read_lines(const char *text, size_t n)
{
	static struct bundle_view v = { .length = 9,
		.station = "dock-1",
		.id = "abababababababababababababababababababababababababababababababab",
		.sha256 = "4668e7c1fb1d9f256d66753ac3a621cf419cfb6b212962d9d5135cbf611983e5" };
	struct receipt_value line[RECEIPT_LINES];
	struct bundle_receipt out = { .signer = "evidence.example/receipts",
		.began_s = 1772409600 };
	static struct record r;

	if (receipt_split(text, n, line) >= 0)
		return;
	record_begin(&r, "receipted");
	record_text(&r, "time", "2026-03-03T00:00:00.000Z");
	record_text(&r, "object", "https://evidence.example/files/17");
	record_number(&r, "server-time", receipt_time(&line[RECEIPT_TIME]));
	if (strange_line(&v, &r, line, &out))
		return;
	v.length++;
	if (!strange_line(&v, &r, line, &out))
		abort();
	v.length--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'n':
		open_note(text, size - 1);
		break;
	case 'c':
		parse_checkpoint(text, size - 1);
		break;
	case 'p':
		parse_proof(text, size - 1);
		break;
	case 'b':
		check_bundle(text, size - 1);
		break;
	case 'r':
		read_all_facts(text, size - 1);
		break;
	case 'l':
		read_lines(text, size - 1);
		break;
	}
	return 0;
}
