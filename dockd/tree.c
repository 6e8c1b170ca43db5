#include "tree.h"

#include "ledger_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 2048 /* hashes: more than 64 KiB of the shortest lines give */

struct tree {
	int fd;
	struct tlog_edge edge;
	struct ledger_cursor at;
	bool placed; /* at stands behind the last record taken in */
	size_t used;
	struct tlog_hash batch[BATCH]; /* not yet written */
};

int tree_open(const char *ledger_dir, struct tree **out)
{
	struct tree *t = calloc(1, sizeof(*t));
	int dir, rc;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	dir = open(ledger_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->fd = dir < 0 ? -1 : openat(dir, "tree", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = t->fd < 0 ? -errno : 0;
	if (dir >= 0)
		close(dir);
	if (rc < 0)
		free(t);
	else
		*out = t;
	return rc;
}

void tree_close(struct tree *t)
{
	if (!t)
		return;
	close(t->fd);
	free(t);
}

static int read_hash(void *arg, uint64_t index, struct tlog_hash *out)
{
	struct tree *t = arg;
	ssize_t n = pread(t->fd, out, sizeof(*out), (off_t)(index * sizeof(*out)));

	if (n == sizeof(*out))
		return 0;
	return n < 0 ? -errno : -ENODATA;
}

int tree_cut(struct tree *t, uint64_t leaves)
{
	off_t size = (off_t)(tlog_stored_count(leaves) * sizeof(struct tlog_hash));
	struct tlog_edge edge;
	struct stat st;
	int rc;

	if (fstat(t->fd, &st) < 0)
		return -errno;
	if (st.st_size < size)
		return -ENODATA;
	rc = tlog_edge_read(leaves, read_hash, t, &edge);
	if (rc == 0 && st.st_size > size && ftruncate(t->fd, size) < 0)
		rc = -errno;
	if (rc < 0)
		return rc;
	t->edge = edge;
	t->placed = false;
	t->used = 0;
	return 0;
}

uint64_t tree_size(const struct tree *t)
{
	return t->edge.size;
}

static int take(void *arg, uint64_t seq, const char *line, size_t len)
{
	struct tree *t = arg;
	struct tlog_hash leaf;

	(void)seq;
	if (BATCH - t->used < TLOG_DEPTH)
		return -EAGAIN;
	tlog_leaf(line, len, &leaf);
	t->used += tlog_edge_add(&t->edge, &leaf, t->batch + t->used);
	return 0;
}

/* Writes the batch, which ends where the tree of this size ends. */
static int flush(struct tree *t)
{
	uint64_t at = tlog_stored_count(t->edge.size) - t->used;
	const char *from = (const char *)t->batch;
	size_t left = t->used * sizeof(t->batch[0]);
	off_t to = (off_t)(at * sizeof(t->batch[0]));

	while (left > 0) {
		ssize_t n = pwrite(t->fd, from, left, to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		to += n;
		left -= (size_t)n;
	}
	t->used = 0;
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* From the first record again, over whatever the file holds. */
static void forget(struct tree *t)
{
	t->edge.size = 0;
	t->used = 0;
	t->placed = false;
}

int tree_follow(struct tree *t, struct ledger *l, uint64_t until_us)
{
	uint64_t before;
	int rc = 0, n;

	if (!t->placed) {
		rc = ledger_cursor_begin(l, &t->at, t->edge.size + 1);
		if (rc < 0)
			return rc;
		t->placed = true;
	}
	do {
		before = t->edge.size;
		n = ledger_cursor_read(l, &t->at, UINT64_MAX, take, t);
		rc = flush(t);
		if (rc < 0) {
			/* what stands in the file is still good up to before this batch */
			if (tree_cut(t, before) < 0)
				forget(t);
			return rc;
		}
		if (n < 0 && n != -EAGAIN)
			return n;
	} while (n != 0 && now_us() < until_us);
	return n != 0;
}

int tree_sync(struct tree *t)
{
	return fdatasync(t->fd) < 0 ? -errno : 0;
}

int tree_root(struct tree *t, uint64_t size, struct tlog_hash *out)
{
	return size > t->edge.size ? -ENODATA : tlog_root(size, read_hash, t, out);
}

int tree_prove(struct tree *t, uint64_t size, uint64_t index, struct tlog_hash out[TLOG_DEPTH])
{
	return size > t->edge.size ? -ENODATA : tlog_prove(size, index, read_hash, t, out);
}

int tree_prove_growth(
    struct tree *t, uint64_t size, uint64_t old, struct tlog_hash out[TLOG_DEPTH * 2])
{
	return size > t->edge.size ? -ENODATA : tlog_prove_growth(size, old, read_hash, t, out);
}

int tree_stored(struct tree *t, uint64_t index, unsigned n, struct tlog_hash *out)
{
	uint64_t first = tlog_stored_index(0, index);
	ssize_t got;

	if (index >= t->edge.size)
		return -ENODATA;
	got = pread(t->fd, out, n * sizeof(*out), (off_t)(first * sizeof(*out)));
	if (got < 0)
		return -errno;
	return (size_t)got == n * sizeof(*out) ? 0 : -ENODATA;
}
