#include "ledger_check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static bool is_same(const struct tlog_hash *a, const struct tlog_hash *b)
{
	return memcmp(a->bytes, b->bytes, TLOG_HASH_LEN) == 0;
}

int ledger_check_begin(struct ledger_check *k, struct ledger *l, struct tree *t, uint64_t size,
    const struct tlog_hash *root)
{
	memset(k, 0, sizeof(*k));
	k->ledger = l;
	k->tree = t;
	k->size = size;
	k->root = *root;
	return ledger_cursor_begin(l, &k->at, 1);
}

/* A line's hash is not the stored one. If the stored one is provably signed, the line was changed. */
static int differs(struct ledger_check *k, uint64_t seq, const struct tlog_hash *stored)
{
	struct tlog_hash path[TLOG_DEPTH];
	int n = tree_prove(k->tree, k->size, seq - 1, path);

	if (n >= 0 && tlog_is_in(k->size, seq - 1, stored, path, (size_t)n, &k->root)) {
		k->changed = seq;
		return -EKEYREJECTED;
	}
	k->tree_differs = true;
	return 0;
}

static int check_line(void *arg, uint64_t seq, const char *line, size_t len)
{
	struct ledger_check *k = arg;
	struct tlog_hash leaf, is[TLOG_DEPTH], stored[TLOG_DEPTH];
	unsigned n;

	tlog_leaf(line, len, &leaf);
	n = tlog_edge_add(&k->edge, &leaf, is);
	if (tree_stored(k->tree, seq - 1, n, stored) < 0)
		k->tree_differs = true;
	else if (!is_same(&leaf, &stored[0]))
		return differs(k, seq, &stored[0]);
	else if (memcmp(is, stored, n * sizeof(is[0])) != 0)
		k->tree_differs = true;
	return 0;
}

int ledger_check_go(struct ledger_check *k, uint64_t until_us)
{
	struct timespec now;
	struct tlog_hash root;
	int n;

	do {
		n = ledger_cursor_read(k->ledger, &k->at, k->size, check_line, k);
		if (n < 0)
			return n;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (n > 0 && (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 < until_us);
	if (n > 0)
		return 1;
	tlog_edge_root(&k->edge, &root);
	return k->edge.size == k->size && is_same(&root, &k->root) ? 0 : -EKEYREJECTED;
}
