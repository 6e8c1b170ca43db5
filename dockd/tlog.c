/*
 * tlog: the arithmetic of RFC 6962 trees, and their texts; pure.
 *
 * Called by tree, checkpoint and dockctl. Every loop is bounded by TLOG_DEPTH or by the length of
 * what it was given; nothing recurses. It must never accept a proof or a checkpoint in two
 * spellings.
 */
#include "tlog.h"

#include "base/base64.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_LEAVES (UINT64_C(1) << 62) /* so that no index overflows */
#define PROOF_FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH_TEXT BASE64_LEN(TLOG_HASH_LEN)

/* ---- hashes ---- */

/* SHA-256 of a byte and two parts. A fetched digest and a kept context: a million lines take them. */
static void hash(
    int first, const void *a, size_t a_len, const void *b, size_t b_len, struct tlog_hash *out)
{
	static EVP_MD_CTX *ctx;
	static EVP_MD *sha256;
	uint8_t byte = (uint8_t)first;

	if (!ctx) {
		ctx = EVP_MD_CTX_new();
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (!ctx || !sha256 || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1 ||
	    (first >= 0 && EVP_DigestUpdate(ctx, &byte, 1) != 1) ||
	    EVP_DigestUpdate(ctx, a, a_len) != 1 || EVP_DigestUpdate(ctx, b, b_len) != 1 ||
	    EVP_DigestFinal_ex(ctx, out->bytes, NULL) != 1)
		abort(); /* out of memory: there is no answer that would not be wrong */
}

void tlog_leaf(const void *line, size_t len, struct tlog_hash *out)
{
	hash(0x00, line, len, NULL, 0, out);
}

void tlog_node(const struct tlog_hash *left, const struct tlog_hash *right, struct tlog_hash *out)
{
	hash(0x01, left->bytes, TLOG_HASH_LEN, right->bytes, TLOG_HASH_LEN, out);
}

static bool is_same(const struct tlog_hash *a, const struct tlog_hash *b)
{
	return memcmp(a->bytes, b->bytes, TLOG_HASH_LEN) == 0;
}

/* ---- the store ---- */

uint64_t tlog_stored_index(unsigned level, uint64_t n)
{
	uint64_t index = level;

	/* the last leaf of the subtree is written first, then what it closes, lowest first */
	n = ((n + 1) << level) - 1;
	for (; n > 0; n >>= 1)
		index += n;
	return index;
}

uint64_t tlog_stored_count(uint64_t leaves)
{
	uint64_t count = 0;

	for (; leaves > 0; leaves >>= 1)
		count += leaves;
	return count;
}

unsigned tlog_edge_add(
    struct tlog_edge *e, const struct tlog_hash *leaf, struct tlog_hash out[TLOG_DEPTH])
{
	unsigned level = 0;

	out[0] = *leaf;
	for (; e->size >> level & 1; level++)
		tlog_node(&e->part[level], &out[level], &out[level + 1]);
	e->part[level] = out[level];
	e->size++;
	return level + 1;
}

void tlog_edge_root(const struct tlog_edge *e, struct tlog_hash *out)
{
	bool begun = false;

	for (unsigned level = 0; e->size >> level; level++) {
		if (!(e->size >> level & 1))
			continue;
		if (begun)
			tlog_node(&e->part[level], out, out);
		else
			*out = e->part[level];
		begun = true;
	}
	if (!begun)
		hash(-1, NULL, 0, NULL, 0, out);
}

int tlog_edge_read(uint64_t size, tlog_read *read, void *arg, struct tlog_edge *out)
{
	if (size > SIZE_MAX_LEAVES)
		return -EOVERFLOW;
	out->size = size;
	for (unsigned level = 0; size >> level; level++) {
		int rc = 0;

		if (size >> level & 1)
			rc = read(
			    arg, tlog_stored_index(level, (size >> level) - 1), &out->part[level]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * The hash of leaves first to first + n, of which first is a multiple of a power of two not below
 * n: joined from its whole subtrees, right to left.
 */
static int range(uint64_t first, uint64_t n, tlog_read *read, void *arg, struct tlog_hash *out)
{
	bool begun = false;

	for (unsigned level = 0; n >> level; level++) {
		struct tlog_hash part;
		int rc;

		if (!(n >> level & 1))
			continue;
		rc =
		    read(arg, tlog_stored_index(level, (first >> level) + (n >> level) - 1), &part);
		if (rc < 0)
			return rc;
		if (begun)
			tlog_node(&part, out, out);
		else
			*out = part;
		begun = true;
	}
	return 0;
}

int tlog_root(uint64_t size, tlog_read *read, void *arg, struct tlog_hash *out)
{
	struct tlog_edge edge;
	int rc = tlog_edge_read(size, read, arg, &edge);

	if (rc == 0)
		tlog_edge_root(&edge, out);
	return rc;
}

/* ---- proofs ---- */

/* The largest power of two below n, of n > 1. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static void reverse(struct tlog_hash *path, int n)
{
	for (int i = 0; i < n / 2; i++) {
		struct tlog_hash h = path[i];

		path[i] = path[n - 1 - i];
		path[n - 1 - i] = h;
	}
}

int tlog_prove(
    uint64_t size, uint64_t index, tlog_read *read, void *arg, struct tlog_hash out[TLOG_DEPTH])
{
	uint64_t first = 0, n = size;
	int count = 0, rc = 0;

	if (size > SIZE_MAX_LEAVES || index >= size)
		return -EINVAL;
	while (rc == 0 && n > 1) {
		uint64_t k = split(n);

		if (index - first < k) {
			rc = range(first + k, n - k, read, arg, &out[count++]);
			n = k;
		} else {
			rc = range(first, k, read, arg, &out[count++]);
			first += k;
			n -= k;
		}
	}
	reverse(out, count);
	return rc < 0 ? rc : count;
}

bool tlog_is_in(uint64_t size, uint64_t index, const struct tlog_hash *leaf,
    const struct tlog_hash *path, size_t path_n, const struct tlog_hash *root)
{
	uint64_t at = index, last = size - 1;
	struct tlog_hash h = *leaf;

	if (index >= size)
		return false;
	for (size_t i = 0; i < path_n; i++) {
		if (last == 0)
			return false;
		if (at & 1 || at == last) {
			tlog_node(&path[i], &h, &h);
			for (; !(at & 1) && at != 0; at >>= 1)
				last >>= 1;
		} else {
			tlog_node(&h, &path[i], &h);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && is_same(&h, root);
}

int tlog_prove_growth(
    uint64_t size, uint64_t old, tlog_read *read, void *arg, struct tlog_hash out[TLOG_DEPTH * 2])
{
	uint64_t first = 0, n = size;
	int count = 0, rc = 0;

	if (size > SIZE_MAX_LEAVES || old > size)
		return -EINVAL;
	if (old == 0)
		return 0;
	while (rc == 0 && first + n != old) {
		uint64_t k = split(n);

		if (old - first <= k) {
			rc = range(first + k, n - k, read, arg, &out[count++]);
			n = k;
		} else {
			rc = range(first, k, read, arg, &out[count++]);
			first += k;
			n -= k;
		}
	}
	/* a left edge that the old tree's root is not told apart from need not be given */
	if (rc == 0 && first > 0)
		rc = range(first, n, read, arg, &out[count++]);
	reverse(out, count);
	return rc < 0 ? rc : count;
}

/* RFC 9162, 2.1.4.2. */
bool tlog_has_grown(uint64_t size, const struct tlog_hash *root, uint64_t old,
    const struct tlog_hash *old_root, const struct tlog_hash *path, size_t path_n)
{
	uint64_t at = old - 1, last = size - 1;
	struct tlog_hash a, b;
	size_t i = 0;

	if (old > size)
		return false;
	if (old == 0) {
		tlog_root(0, NULL, NULL, &a);
		return path_n == 0 && is_same(&a, old_root);
	}
	if (old == size)
		return path_n == 0 && is_same(root, old_root);
	if (path_n == 0)
		return false;
	for (; at & 1; at >>= 1)
		last >>= 1;
	a = b = at == 0 ? *old_root : path[i++];
	for (; i < path_n; i++) {
		if (last == 0)
			return false;
		if (at & 1 || at == last) {
			tlog_node(&path[i], &a, &a);
			tlog_node(&path[i], &b, &b);
			for (; !(at & 1) && at != 0; at >>= 1)
				last >>= 1;
		} else {
			tlog_node(&b, &path[i], &b);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && is_same(&a, old_root) && is_same(&b, root);
}

/* ---- texts ---- */

/* The line at *text of *len bytes, which go on behind its newline. Its length; -EBADMSG: none. */
static int next_line(const char **text, size_t *len, const char **line)
{
	const char *stop = memchr(*text, '\n', *len);
	size_t n = stop ? (size_t)(stop - *text) : 0;

	if (!stop || n > INT32_MAX)
		return -EBADMSG;
	*line = *text;
	*text += n + 1;
	*len -= n + 1;
	return (int)n;
}

/* Decimal without leading zeros. */
static int read_number(const char *line, int n, uint64_t *out)
{
	uint64_t v = 0;

	if (n < 1 || n > 19 || (line[0] == '0' && n > 1))
		return -EBADMSG;
	for (int i = 0; i < n; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		v = v * 10 + (uint64_t)(line[i] - '0');
	}
	*out = v;
	return v > SIZE_MAX_LEAVES ? -EBADMSG : 0;
}

static int read_hash(const char *line, int n, struct tlog_hash *out)
{
	return n == (int)HASH_TEXT &&
		base64_read(line, (size_t)n, out->bytes, TLOG_HASH_LEN) == TLOG_HASH_LEN ?
	    0 :
	    -EBADMSG;
}

int tlog_checkpoint_format(const struct tlog_checkpoint *c, char *out, size_t room)
{
	char root[HASH_TEXT + 1];
	int n;

	base64_write(c->root.bytes, TLOG_HASH_LEN, root);
	n = snprintf(out, room, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
	return n < 0 || (size_t)n >= room ? -ENOSPC : n;
}

int tlog_checkpoint_parse(const char *text, size_t len, struct tlog_checkpoint *out)
{
	const char *line;
	int n = next_line(&text, &len, &line);

	memset(out, 0, sizeof(*out));
	if (n < 1 || (size_t)n >= sizeof(out->origin) || memchr(line, '\0', (size_t)n))
		return -EBADMSG;
	memcpy(out->origin, line, (size_t)n);
	n = next_line(&text, &len, &line);
	if (n < 0 || read_number(line, n, &out->size) < 0)
		return -EBADMSG;
	n = next_line(&text, &len, &line);
	if (n < 0 || read_hash(line, n, &out->root) < 0)
		return -EBADMSG;
	return len == 0 ? 0 : -EBADMSG;
}

int tlog_proof_format(uint64_t index, const struct tlog_hash *path, size_t path_n,
    const char *checkpoint_note, char *out, size_t room)
{
	int n = snprintf(out, room, PROOF_FIRST "index %" PRIu64 "\n", index);
	size_t used = (size_t)n;

	for (size_t i = 0; i < path_n; i++) {
		if (used + HASH_TEXT + 1 >= room)
			return -ENOSPC;
		base64_write(path[i].bytes, TLOG_HASH_LEN, out + used);
		used += HASH_TEXT;
		out[used++] = '\n';
	}
	if (used >= room)
		return -ENOSPC;
	n = snprintf(out + used, room - used, "\n%s", checkpoint_note);
	used += (size_t)n;
	return n < 0 || used >= room || used > INT32_MAX ? -ENOSPC : (int)used;
}

int tlog_proof_parse(const char *text, size_t len, uint64_t *index,
    struct tlog_hash out[TLOG_DEPTH], const char **note)
{
	const char *line;
	int n, count = 0;

	if (len < strlen(PROOF_FIRST) || memcmp(text, PROOF_FIRST, strlen(PROOF_FIRST)) != 0)
		return -EBADMSG;
	text += strlen(PROOF_FIRST);
	len -= strlen(PROOF_FIRST);
	n = next_line(&text, &len, &line);
	if (n < 7 || memcmp(line, "index ", 6) != 0 || read_number(line + 6, n - 6, index) < 0)
		return -EBADMSG;
	while ((n = next_line(&text, &len, &line)) > 0) {
		if (count == TLOG_DEPTH || read_hash(line, n, &out[count]) < 0)
			return -EBADMSG;
		count++;
	}
	if (n < 0)
		return -EBADMSG;
	*note = text;
	return count;
}
