/*
 * bundle_ledger: an index, a ledger and the tree over it in a folder of their own, and bundles made
 * of them. For the tests of proof bundles; what write.h writes goes into both. The includer has
 * included cmocka.h and says in tree what is signed.
 */
#ifndef TEST_BUNDLE_LEDGER_H
#define TEST_BUNDLE_LEDGER_H

#include "../../dockd/bundle.h"
#include "../../dockd/ledger_read.h"

#include "folder.h"
#include "write.h"

#include <errno.h>

static char dir[128];
static struct index *ix;
static struct ledger *led;
static struct tlog_hash kept[20000];
static uint64_t leaves, kept_n;
static struct bundle_tree tree;

static inline int read_kept(void *arg, uint64_t index, struct tlog_hash *out)
{
	(void)arg;
	if (index >= kept_n)
		return -ENOENT;
	*out = kept[index];
	return 0;
}

/* For tree.prove. */
static inline int prove_one(void *arg, uint64_t record, struct tlog_hash out[TLOG_DEPTH])
{
	(void)arg;
	return tlog_prove(tree.size, record - 1, read_kept, NULL, out);
}

static inline void open_ledger(void)
{
	char path[256];

	folder_make(dir);
	folder_path(path, dir, "index.sqlite");
	assert_int_equal(index_open(path, &ix), 0);
	folder_path(path, dir, "ledger");
	assert_int_equal(ledger_open(path, &led, NULL), 0);
	leaves = kept_n = 0;
}

static inline void close_ledger(void)
{
	ledger_close(led);
	index_close(ix);
	folder_drop(dir);
}

static void put(void)
{
	uint64_t number;

	assert_int_equal(ledger_append(led, &rec, &number), 0);
	assert_int_equal(index_apply(ix, number, &rec), 0);
}

/* Commits; all that is committed is in the tree then, of which this is the edge. */
static inline void grow_tree(struct tlog_edge *edge)
{
	static char line[RECORD_LINE_MAX];
	struct tlog_hash leaf;

	assert_int_equal(ledger_commit(led), 0);
	assert_int_equal(tlog_edge_read(leaves, read_kept, NULL, edge), 0);
	while (leaves < ledger_last(led)) {
		int n = ledger_line(led, ++leaves, line, sizeof(line));

		assert_true(n > 0);
		tlog_leaf(line, (size_t)n, &leaf);
		kept_n += tlog_edge_add(edge, &leaf, &kept[kept_n]);
	}
	tree.size = leaves;
}

/* The bundle of an asset with a NUL behind it; the caller frees it and closes out->fd. */
static inline char *bundle_bytes(uint64_t asset, struct bundle *out)
{
	char *bytes;

	assert_int_equal(bundle_make(ix, led, &tree, asset, out), 0);
	bytes = calloc(1, out->size_bytes + 1);
	assert_non_null(bytes);
	assert_int_equal(read(out->fd, bytes, out->size_bytes), (ssize_t)out->size_bytes);
	return bytes;
}

#endif
