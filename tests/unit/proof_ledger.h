/*
 * proof_ledger: a small signed ledger in a folder, for the tests of what checks one. The includer
 * has included cmocka.h.
 */
#ifndef TEST_PROOF_LEDGER_H
#define TEST_PROOF_LEDGER_H

#include "../../dockd/base/record.h"
#include "../../dockd/tlog.h"

#include "folder.h"

#define LINES_MAX 200

static struct note_signer *signer;
static char vkey[NOTE_VKEY_LEN], checkpoint_text[2048];
static char lines[LINES_MAX][600]; /* with newline; line n is record n + 1 */
static size_t lines_n;

static inline void new_signer(const char *name)
{
	char path[] = "/tmp/dockd-unit-key-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	note_signer_free(signer);
	assert_int_equal(note_signer_make(fd, name, &signer), 0);
	assert_int_equal(note_key_format(note_signer_key(signer), vkey, sizeof(vkey)), 0);
	close(fd);
}

/* Numbers and dates a record and takes it on. */
static inline void add_line(struct record *r)
{
	char when[40];
	int n;

	assert_true(lines_n < LINES_MAX);
	snprintf(when, sizeof(when), "2026-11-21T12:%02u:%02u.000Z", (unsigned)lines_n / 60,
	    (unsigned)lines_n % 60);
	record_number(r, "seq", (int64_t)lines_n + 1);
	record_text(r, "time", when);
	record_text(r, "salt", "00112233445566778899aabbccddeeff");
	n = record_format(r, lines[lines_n], sizeof(lines[0]));
	assert_true(n > 0);
	lines[lines_n++][n] = '\0';
}

static inline void sign_lines(size_t size, char *out, size_t room)
{
	struct tlog_checkpoint c = { .size = size };
	struct tlog_hash leaf, stored[TLOG_DEPTH];
	struct tlog_edge edge = { 0 };
	char text[512];

	for (size_t i = 0; i < size; i++) {
		tlog_leaf(lines[i], strlen(lines[i]) - 1, &leaf);
		tlog_edge_add(&edge, &leaf, stored);
	}
	tlog_edge_root(&edge, &c.root);
	snprintf(c.origin, sizeof(c.origin), "%s", note_signer_key(signer)->name);
	assert_true(tlog_checkpoint_format(&c, text, sizeof(text)) > 0);
	assert_true(note_sign(signer, text, out, room) > 0);
}

/* Records from..to (from 1) as a file. */
static inline void put_lines(const char *folder, const char *name, size_t from, size_t to)
{
	static char all[LINES_MAX * sizeof(lines[0])];
	size_t n = 0;

	for (size_t i = from; i <= to; i++) {
		memcpy(all + n, lines[i - 1], strlen(lines[i - 1]));
		n += strlen(lines[i - 1]);
	}
	file_put(folder, name, all, n);
}

#endif
