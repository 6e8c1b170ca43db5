#include "bundle.h"

#include "index_asset.h"
#include "index_order.h"
#include "index_proof.h"
#include "ledger_read.h"
#include "sealed.h"

#include "base/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOCKINGS_MAX 32
#define MERGED_MAX 32
#define PAGE 64
#define ORDERS_PAGE 8

_Static_assert(TLOG_HASH_LEN == PROTO_SHA256_LEN, "both are SHA-256");

/* A record that the bundle gets; its line is read once. */
struct proved {
	uint64_t seq;
	char *text; /* with newline; NULL: not read yet */
	size_t len;
};

struct making {
	const struct bundle_tree *tree;
	FILE *out;
	EVP_MD_CTX *md;
	size_t n;
	struct proved line_of[BUNDLE_RECORDS]; /* ascending */
	size_t dockings;
	uint64_t docking[DOCKINGS_MAX];
	unsigned omitted;
	uint64_t bytes;
	struct record record;
	char line[RECORD_LINE_MAX];
};

static int put_bytes(struct making *m, const char *bytes, size_t n)
{
	m->bytes += n;
	if (m->bytes > BUNDLE_MAX)
		return -EFBIG;
	if (EVP_DigestUpdate(m->md, bytes, n) != 1 || fwrite(bytes, 1, n, m->out) != n)
		return -EIO;
	return 0;
}

static int put_record(struct making *m)
{
	int n = record_format(&m->record, m->line, sizeof(m->line));

	return n < 0 ? n : put_bytes(m, m->line, (size_t)n);
}

/* Keeps the numbers ascending and each one once; the middle makes room where there are too many. */
static void take(struct making *m, uint64_t seq)
{
	struct proved *p = m->line_of;
	size_t at = m->n, half = BUNDLE_RECORDS / 2;

	while (at > 0 && p[at - 1].seq > seq)
		at--;
	if (at > 0 && p[at - 1].seq == seq)
		return;
	if (m->n < BUNDLE_RECORDS) {
		memmove(&p[at + 1], &p[at], (m->n - at) * sizeof(*p));
		m->n++;
	} else {
		m->omitted++;
		if (at == half)
			return;
		free(p[at < half ? half - 1 : half].text);
		if (at < half)
			memmove(&p[at + 1], &p[at], (half - 1 - at) * sizeof(*p));
		else
			memmove(&p[half], &p[half + 1], (--at - half) * sizeof(*p));
	}
	p[at] = (struct proved){ .seq = seq };
}

/* The line of a record, read at most once. 0 or -errno. */
static int line_of(struct making *m, struct ledger *l, struct proved *p)
{
	int len;

	if (p->text)
		return 0;
	len = ledger_line(l, p->seq, m->line, sizeof(m->line) - 1);
	if (len < 0)
		return len;
	m->line[len] = '\n';
	p->len = (size_t)len + 1;
	p->text = malloc(p->len);
	if (!p->text)
		return -ENOMEM;
	memcpy(p->text, m->line, p->len);
	return 0;
}

static int take_all(struct making *m, struct index *ix, enum mention what, uint64_t number)
{
	uint64_t page[PAGE], after = 0;
	int n;

	while ((n = index_mentions(ix, what, number, after, page, PAGE)) > 0) {
		for (int i = 0; i < n && page[i] <= m->tree->size; i++)
			take(m, page[i]);
		after = page[n - 1];
	}
	return n;
}

static void note_docking(struct making *m, uint64_t docking)
{
	for (size_t i = 0; i < m->dockings; i++) {
		if (m->docking[i] == docking)
			return;
	}
	if (docking > 0 && m->dockings < DOCKINGS_MAX)
		m->docking[m->dockings++] = docking;
}

/* Each order that covers this asset or covered it, and its end. */
static int take_orders(struct making *m, struct index *ix, uint64_t asset)
{
	static struct order page[ORDERS_PAGE];
	static struct asset a;
	uint64_t after = 0;
	int n = 0, rc = index_asset(ix, asset, &a);

	while (rc == 0 && (n = index_orders(ix, after, page, ORDERS_PAGE)) > 0) {
		for (int i = 0; i < n && rc >= 0; i++) {
			after = page[i].number;
			page[i].lifted_s = 0;
			if (order_covers(&page[i], &a))
				rc = take_all(m, ix, MENTION_ORDER, after);
		}
	}
	return rc < 0 ? rc : n < 0 ? n : 0;
}

/*
 * The records of the asset, of those merged into it, of the dockings that these name, and of the
 * preservation orders over them.
 */
static int gather(struct making *m, struct index *ix, struct ledger *l, uint64_t asset)
{
	uint64_t merged[MERGED_MAX];
	int rc = take_all(m, ix, MENTION_ASSET, asset), n = 0;

	if (rc == 0)
		rc = n = index_merged(ix, asset, 0, merged, MERGED_MAX);
	for (int i = 0; rc >= 0 && i < n; i++)
		rc = take_all(m, ix, MENTION_ASSET, merged[i]);
	if (rc >= 0 && m->n == 0)
		rc = -ENOENT;
	for (size_t i = 0; rc >= 0 && i < m->n; i++) {
		struct proved *p = &m->line_of[i];

		rc = line_of(m, l, p);
		if (rc == 0)
			rc = record_parse(p->text, p->len - 1, &m->record);
		if (rc == 0)
			note_docking(m, (uint64_t)record_get_number(&m->record, "docking", 0));
	}
	for (size_t i = 0; rc >= 0 && i < m->dockings; i++)
		rc = take_all(m, ix, MENTION_DOCKING, m->docking[i]);
	if (rc >= 0)
		rc = take_orders(m, ix, asset);
	for (int i = 0; rc >= 0 && i < n; i++)
		rc = take_orders(m, ix, merged[i]);
	return rc < 0 ? rc : 0;
}

static int put_head(struct making *m, const struct asset *a)
{
	struct record *r = &m->record;

	record_begin(r, "bundle");
	record_number(r, "version", BUNDLE_VERSION);
	record_text(r, "made-by", "dockd " DOCKD_VERSION);
	record_text(r, "station", m->tree->station);
	record_text(r, "key", m->tree->key);
	record_text(r, "checkpoint", m->tree->checkpoint);
	record_number(r, "asset", (int64_t)a->number);
	record_text(r, "id", a->id);
	record_text(r, "sha256", a->sha256);
	record_number(r, "length", (int64_t)a->size_bytes);
	record_number(r, "records", (int64_t)m->n);
	record_number(r, "omitted", m->omitted);
	return put_record(m);
}

/* The ledger line as it is, and behind it its proof. */
static int put_proved(struct making *m, struct ledger *l, struct proved *p)
{
	char text[TLOG_DEPTH * (BASE64_LEN(TLOG_HASH_LEN) + 1) + 1] = "";
	struct tlog_hash path[TLOG_DEPTH];
	int rc = line_of(m, l, p), n;
	size_t used = 0;

	if (rc == 0)
		rc = put_bytes(m, p->text, p->len);
	if (rc < 0)
		return rc;
	n = m->tree->prove(m->tree->arg, p->seq, path);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (i > 0)
			text[used++] = ' ';
		base64_write(path[i].bytes, TLOG_HASH_LEN, text + used);
		used += BASE64_LEN(TLOG_HASH_LEN);
	}
	record_begin(&m->record, "proof");
	record_number(&m->record, "index", (int64_t)p->seq - 1);
	record_text(&m->record, "path", text);
	return put_record(m);
}

static int put_end(struct making *m, struct bundle *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *sofar = EVP_MD_CTX_new();
	unsigned n = 0;
	int rc;

	if (!sofar || EVP_MD_CTX_copy_ex(sofar, m->md) != 1 ||
	    EVP_DigestFinal_ex(sofar, digest, &n) != 1) {
		EVP_MD_CTX_free(sofar);
		return -EIO;
	}
	EVP_MD_CTX_free(sofar);
	record_begin(&m->record, "end");
	record_hex(&m->record, "sha256", digest, n);
	rc = put_record(m);
	if (rc == 0 && EVP_DigestFinal_ex(m->md, digest, &n) != 1)
		rc = -EIO;
	memcpy(out->sha256, digest, sizeof(out->sha256));
	return rc;
}

static int write_all(struct making *m, struct ledger *l, const struct asset *a, struct bundle *out)
{
	int rc = put_head(m, a);

	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = put_proved(m, l, &m->line_of[i]);
	if (rc == 0)
		rc = put_end(m, out);
	if (rc == 0 && fflush(m->out) != 0)
		rc = -errno;
	return rc;
}

/* A stream into a memfd, whose descriptor stays in out->fd. */
static int open_all(struct making *m, struct bundle *out)
{
	int again;

	out->fd = sealed_new("bundle");
	if (out->fd < 0)
		return out->fd;
	again = fcntl(out->fd, F_DUPFD_CLOEXEC, 3);
	m->out = again < 0 ? NULL : fdopen(again, "w");
	if (!m->out && again >= 0)
		close(again);
	m->md = EVP_MD_CTX_new();
	if (!m->out || !m->md || EVP_DigestInit_ex(m->md, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	return 0;
}

int bundle_make(struct index *ix, struct ledger *l, const struct bundle_tree *t, uint64_t asset,
    struct bundle *out)
{
	struct making *m = calloc(1, sizeof(*m));
	static struct asset a;
	int rc;

	*out = (struct bundle){ .fd = -1 };
	if (!m)
		return -ENOMEM;
	m->tree = t;
	rc = index_asset(ix, asset, &a);
	if (rc == 0)
		rc = gather(m, ix, l, asset);
	if (rc == 0)
		rc = open_all(m, out);
	if (rc == 0)
		rc = write_all(m, l, &a, out);
	if (m->out && fclose(m->out) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		rc = sealed_shut(out->fd);
	out->size_bytes = m->bytes;
	out->records = (unsigned)m->n;
	out->omitted = m->omitted;
	EVP_MD_CTX_free(m->md);
	for (size_t i = 0; i < m->n; i++)
		free(m->line_of[i].text);
	free(m);
	if (rc < 0 && out->fd >= 0) {
		close(out->fd);
		out->fd = -1;
	}
	return rc;
}
