/*
 * probe_tlog: proofs out of a tree file, as the core makes them, for a test to give to somebody else:
 *
 *	probe_tlog TREE prove SIZE INDEX     the audit path of a leaf, a hash a line
 *	probe_tlog TREE grow SIZE OLD        that the tree of SIZE has grown out of the one of OLD
 */
#include "../../dockd/base/base64.h"
#include "../../dockd/tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int from_file(void *arg, uint64_t index, struct tlog_hash *out)
{
	return pread(*(int *)arg, out, sizeof(*out), (off_t)(index * sizeof(*out))) ==
		sizeof(*out) ?
	    0 :
	    -ENODATA;
}

int main(int argc, char **argv)
{
	struct tlog_hash path[2 * TLOG_DEPTH];
	char text[BASE64_LEN(TLOG_HASH_LEN) + 1];
	uint64_t size, other;
	int fd, n;

	if (argc != 5)
		return 2;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	size = strtoull(argv[3], NULL, 10);
	other = strtoull(argv[4], NULL, 10);
	n = strcmp(argv[2], "grow") == 0 ? tlog_prove_growth(size, other, from_file, &fd, path) :
					   tlog_prove(size, other, from_file, &fd, path);
	for (int i = 0; i < n; i++) {
		base64_write(path[i].bytes, TLOG_HASH_LEN, text);
		puts(text);
	}
	return n < 0;
}
