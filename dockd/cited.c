#include "cited.h"

#include "index_proof.h"
#include "ledger_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int cited_read(struct journal *j, struct cited *out)
{
	static char line[RECORD_LINE_MAX];
	static struct record r;
	const char *key, *root;
	int n;

	memset(out, 0, sizeof(*out));
	n = index_began(journal_index(j), &out->record);
	if (n == -ENOENT)
		return 0;
	if (n == 0)
		n = ledger_line(journal_ledger(j), out->record, line, sizeof(line));
	if (n < 0 || record_parse(line, (size_t)n, &r) < 0)
		return n < 0 ? n : -EBADMSG;
	out->size = (uint64_t)record_get_number(&r, "checkpoint-size", 0);
	key = record_get_text(&r, "key");
	root = record_get_text(&r, "checkpoint-root");
	snprintf(out->key, sizeof(out->key), "%s", key ? key : "");
	snprintf(out->root, sizeof(out->root), "%s", root ? root : "");
	return 0;
}
