#include "checkpoint.h"

#include "base/handover.h"
#include "base/log.h"
#include "cited.h"
#include "clock.h"
#include "ledger.h"
#include "ledger_check.h"
#include "station_key.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US UINT64_C(1000000)
#define SLICE_US 4000         /* of a turn, for the tree or the check */
#define UNSURE_SLICE_US 15000 /* while intake waits for it */
#define GAP_US 12000          /* between slices of the check */
#define AGAIN_US (10 * SECOND_US)
#define CHECK_US (24 * 3600 * SECOND_US)
#define NOW_US (10 * SECOND_US) /* checkpoint_now waits this long for the tree */

enum standing {
	STANDING_GOOD,
	STANDING_UNSURE, /* the tree is made anew; then it is compared with the checkpoint */
	STANDING_CONTRADICTED,
};

struct checkpoint {
	struct journal *journal;
	struct tree *tree;
	struct note_signer *signer; /* NULL: the key is gone */
	struct note_key key;
	char origin[NOTE_NAME_LEN];
	int dir; /* STATE/ledger */
	enum standing standing;
	bool unrecorded; /* the contradiction has no record yet */
	bool kept;       /* it stands in STATE/ledger/contradiction */
	bool told_trouble;
	uint64_t every_us, signed_us, wait_us;
	char reason[160], trouble[400];
	char note[CHECKPOINT_NOTE_MAX];
	struct tlog_checkpoint newest; /* size 0: none */
	struct cited cited;
	struct ledger_check check;
	bool checking;
	uint64_t check_due_us, checked;
	int64_t checked_s; /* when the last full check ended well; 0 none since the start */
};

static struct ledger *ledger(const struct checkpoint *c)
{
	return journal_ledger(c->journal);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* ---- small files of STATE/ledger ---- */

/* Its text, NUL behind it. Length; -ENOENT; -EFBIG: it does not fit; -errno. */
static int get_file(int dir, const char *name, char *out, size_t room)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	out[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, out, room);
	if (n < 0)
		n = -errno;
	else if ((size_t)n == room)
		n = -EFBIG;
	out[n > 0 ? n : 0] = '\0';
	close(fd);
	return (int)n;
}

/* Whole and on disk, or as it was. */
static int put_file(int dir, const char *name, const char *text)
{
	size_t n = strlen(text);
	char fresh[64];
	int fd, rc = 0;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		rc = -EIO;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0)
		handover("checkpoint-written");
	if (rc == 0 && renameat(dir, fresh, dir, name) < 0)
		rc = -errno;
	if (rc == 0)
		handover("checkpoint-renamed");
	if (rc == 0 && fsync(dir) < 0)
		rc = -errno;
	return rc;
}

/* ---- contradictions ---- */

static void set_trouble(struct checkpoint *c)
{
	snprintf(c->trouble, sizeof(c->trouble),
	    "THE LEDGER CONTRADICTS WHAT WAS SIGNED: %s. Nothing is taken in or erased, uploads "
	    "go on. Keep the state folder for examination; set the station up anew in an empty "
	    "one, with replaces (dockd.conf(5))",
	    c->reason);
}

/* keep: it stands after a restart, too, whatever the ledger looks like then. */
static void contradict(struct checkpoint *c, bool keep, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void contradict(struct checkpoint *c, bool keep, const char *fmt, ...)
{
	va_list ap;

	if (c->standing == STANDING_CONTRADICTED)
		return;
	va_start(ap, fmt);
	vsnprintf(c->reason, sizeof(c->reason), fmt, ap);
	va_end(ap);
	c->standing = STANDING_CONTRADICTED;
	c->unrecorded = true;
	c->checking = false;
	c->kept = keep && put_file(c->dir, "contradiction", c->reason) == 0;
	set_trouble(c);
	log_error("ledger-contradiction", "reason=\"%s\" checkpoint=%" PRIu64 " records=%" PRIu64,
	    log_text(c->reason), c->newest.size, ledger_last(ledger(c)));
}

static void record_contradiction(struct checkpoint *c)
{
	struct record r;

	c->unrecorded = false;
	record_begin(&r, "contradiction");
	record_text(&r, "text", c->reason);
	if (c->newest.size)
		record_number(&r, "checkpoint-size", (int64_t)c->newest.size);
	journal_write(c->journal, &r);
}

/* The store of hashes is no good: it is made anew from the ledger. */
static void rebuild(struct checkpoint *c, const char *why)
{
	log_warn("tree-rebuilt", "reason=\"%s\" records=%" PRIu64, why, ledger_last(ledger(c)));
	tree_cut(c->tree, 0);
	c->checking = false;
}

/* The same, and until that is done it cannot be told whether the ledger is as it was signed. */
static void doubt(struct checkpoint *c, const char *why)
{
	rebuild(c, why);
	if (c->newest.size == 0)
		return;
	c->standing = STANDING_UNSURE;
	snprintf(c->trouble, sizeof(c->trouble),
	    "the ledger is being compared with its last checkpoint: nothing is taken in or erased "
	    "until that is done");
}

/* ---- start ---- */

static int open_key(struct checkpoint *c, const char *path, const char **why)
{
	const struct cited *cited = &c->cited;
	char vkey[NOTE_VKEY_LEN];
	int rc = station_key_open(path, c->origin, !cited->key[0], &c->signer, why);

	if (rc == -ENOENT) {
		contradict(c, false,
		    "the station's key is gone: put the file back from its backup (record %" PRIu64
		    " tells of it)",
		    cited->record);
		return note_key_parse(cited->key, &c->key) < 0 ? -EINVAL : 0;
	}
	if (rc < 0)
		return rc;
	c->key = *note_signer_key(c->signer);
	rc = note_key_format(&c->key, vkey, sizeof(vkey));
	if (rc == 0 && cited->key[0] && strcmp(vkey, cited->key) != 0)
		contradict(c, false,
		    "the station's key is another than the one that record %" PRIu64 " tells of",
		    cited->record);
	return rc;
}

/* Reads the newest checkpoint: what is wrong with it, or NULL. */
static const char *read_note(struct checkpoint *c)
{
	size_t text_len, which;
	const char *why;
	int n = get_file(c->dir, "checkpoint", c->note, sizeof(c->note)), rc;

	if (n == -ENOENT)
		return NULL;
	rc = n < 0 ? n : note_open(c->note, (size_t)n, &c->key, 1, &text_len, &which, &why);
	if (rc == 0)
		rc = tlog_checkpoint_parse(c->note, text_len, &c->newest);
	if (rc == 0 && strcmp(c->newest.origin, c->origin) == 0 && c->newest.size > 0)
		return NULL;
	memset(&c->newest, 0, sizeof(c->newest));
	c->note[0] = '\0';
	return rc == -ENOKEY    ? "its checkpoint is signed by another key" :
	    rc == -EKEYREJECTED ? "the signature of its checkpoint is wrong" :
	    rc == 0             ? "its checkpoint is another ledger's" :
				  "its checkpoint cannot be read";
}

/* The stored tree has the signed root, and the last signed line is in it. 0 or -errno. */
static int compare_end(struct checkpoint *c)
{
	static char line[RECORD_LINE_MAX];
	struct tlog_hash root, leaf, path[TLOG_DEPTH];
	uint64_t size = c->newest.size;
	int n = tree_root(c->tree, size, &root);

	if (n == 0)
		n = memcmp(&root, &c->newest.root, sizeof(root)) == 0 ? 0 : -EBADMSG;
	if (n == 0)
		n = ledger_line(ledger(c), size, line, sizeof(line));
	if (n < 0)
		return n;
	tlog_leaf(line, (size_t)n, &leaf);
	n = tree_prove(c->tree, size, size - 1, path);
	if (n < 0)
		return n;
	return tlog_is_in(size, size - 1, &leaf, path, (size_t)n, &root) ? 0 : -EBADMSG;
}

/* The comparison at start: constant in time, but for the depth of the tree. */
static void compare(struct checkpoint *c)
{
	const struct cited *cited = &c->cited;
	uint64_t last = ledger_last(ledger(c));
	const char *wrong;
	int rc;

	if (get_file(c->dir, "contradiction", c->reason, sizeof(c->reason)) > 0) {
		c->standing = STANDING_CONTRADICTED;
		c->kept = true;
		set_trouble(c);
		log_error(
		    "ledger-contradiction", "reason=\"%s\" since=earlier", log_text(c->reason));
	}
	wrong = read_note(c);
	if (wrong)
		contradict(c, true, "%s", wrong);
	else if (c->newest.size == 0 && cited->size > 0)
		contradict(c, true, "its checkpoint is gone; record %" PRIu64 " tells of one",
		    cited->record);
	else if (c->newest.size < cited->size)
		contradict(c, true,
		    "its checkpoint is older than the one that record %" PRIu64 " tells of",
		    cited->record);
	else if (c->newest.size > last)
		contradict(c, true,
		    "it ends with record %" PRIu64 ", but %" PRIu64 " records were signed", last,
		    c->newest.size);
	if (c->standing == STANDING_CONTRADICTED)
		return;
	rc = tree_cut(c->tree, c->newest.size);
	if (rc == 0 && c->newest.size > 0)
		rc = compare_end(c);
	if (rc < 0)
		doubt(c,
		    rc == -ENODATA ? "the hashes over the ledger are missing" :
				     "the hashes over the ledger are not those that were signed");
}

int checkpoint_open(const struct checkpoint_settings *settings, struct journal *j,
    struct checkpoint **out, const char **why)
{
	struct checkpoint *c = calloc(1, sizeof(*c));
	char path[PATH_MAX], key_path[PATH_MAX];
	int rc;

	*out = NULL;
	*why = "the ledger's checkpoint cannot be read";
	if (!c)
		return -ENOMEM;
	c->journal = j;
	c->every_us = settings->every_s * SECOND_US;
	snprintf(path, sizeof(path), "%s/ledger", settings->state_dir);
	snprintf(key_path, sizeof(key_path), "%s%s",
	    settings->key_file[0] ? settings->key_file : settings->state_dir,
	    settings->key_file[0] ? "" : "/station.key");
	snprintf(c->origin, sizeof(c->origin), "dockd/%s", settings->station);
	c->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = c->dir < 0 ? -errno : tree_open(path, &c->tree);
	if (rc == 0)
		rc = cited_read(j, &c->cited);
	if (rc == 0)
		rc = open_key(c, key_path, why);
	if (rc < 0) {
		checkpoint_close(c);
		return rc;
	}
	compare(c);
	*out = c;
	return 0;
}

void checkpoint_close(struct checkpoint *c)
{
	if (!c)
		return;
	tree_close(c->tree);
	note_signer_free(c->signer);
	if (c->dir >= 0)
		close(c->dir);
	free(c);
}

void checkpoint_tell(const struct checkpoint *c, struct record *began)
{
	char vkey[NOTE_VKEY_LEN];

	/* what contradicts an earlier record does not take its place */
	if (c->standing == STANDING_CONTRADICTED && c->cited.key[0])
		record_text(began, "key", c->cited.key);
	else if (note_key_format(&c->key, vkey, sizeof(vkey)) == 0)
		record_text(began, "key", vkey);
	if (c->newest.size > 0 && c->newest.size >= c->cited.size) {
		record_number(began, "checkpoint-size", (int64_t)c->newest.size);
		record_hex(began, "checkpoint-root", c->newest.root.bytes, TLOG_HASH_LEN);
	} else if (c->cited.size > 0) {
		record_number(began, "checkpoint-size", (int64_t)c->cited.size);
		record_text(began, "checkpoint-root", c->cited.root);
	}
}

/* ---- signing ---- */

/* The tree holds all that is committed and all that was signed. */
static int sign_all(struct checkpoint *c)
{
	struct tlog_checkpoint next = { .size = ledger_last(ledger(c)) };
	struct tlog_hash before;
	char text[512], note[CHECKPOINT_NOTE_MAX];
	int rc;

	if (c->newest.size == next.size)
		return 0;
	if (c->newest.size > 0 && tree_root(c->tree, c->newest.size, &before) == 0 &&
	    memcmp(&before, &c->newest.root, sizeof(before)) != 0) {
		doubt(c, "the hashes over the ledger are not those that were signed");
		return -EAGAIN;
	}
	memcpy(next.origin, c->origin, sizeof(next.origin));
	rc = tree_root(c->tree, next.size, &next.root);
	if (rc == 0)
		rc = tlog_checkpoint_format(&next, text, sizeof(text));
	if (rc > 0)
		rc = note_sign(c->signer, text, note, sizeof(note));
	if (rc > 0)
		rc = tree_sync(c->tree);
	if (rc == 0) {
		handover("checkpoint-tree");
		rc = put_file(c->dir, "checkpoint", note);
	}
	if (rc < 0)
		return rc;
	c->newest = next;
	memcpy(c->note, note, sizeof(c->note));
	return 0;
}

static void sign_when_due(struct checkpoint *c, uint64_t now)
{
	int rc;

	if (c->newest.size == ledger_last(ledger(c)) ||
	    (c->signed_us && now - c->signed_us < c->every_us))
		return;
	c->signed_us = now;
	rc = sign_all(c);
	if (rc < 0 && rc != -EAGAIN && !c->told_trouble)
		log_warn("checkpoint-not-signed", "reason=\"%s\"", strerror(-rc));
	c->told_trouble = rc < 0 && rc != -EAGAIN;
}

/* ---- following and checking ---- */

/* The tree made anew has all that was signed: is it the same? */
static void settle(struct checkpoint *c)
{
	struct tlog_hash root;

	if (tree_size(c->tree) < c->newest.size || tree_root(c->tree, c->newest.size, &root) < 0)
		return;
	if (memcmp(&root, &c->newest.root, sizeof(root)) != 0) {
		contradict(c, true, "its first %" PRIu64 " records are not those that were signed",
		    c->newest.size);
		return;
	}
	c->standing = STANDING_GOOD;
	c->trouble[0] = '\0';
	log_info("ledger-compared", "records=%" PRIu64, c->newest.size);
}

/* 1: more to do, 0: all in, -1: not now. */
static int follow(struct checkpoint *c, uint64_t until_us)
{
	int rc = tree_follow(c->tree, ledger(c), until_us);

	if (rc == -EBADMSG)
		contradict(c, true, "%s", ledger_why(ledger(c)));
	if (rc >= 0 || rc == -EBADMSG)
		return rc < 0 ? -1 : rc;
	if (!c->told_trouble)
		log_warn("checkpoint-not-signed", "reason=\"%s\"", strerror(-rc));
	c->told_trouble = true;
	c->wait_us = now_us() + AGAIN_US;
	return -1;
}

static void check_ended(struct checkpoint *c, int rc)
{
	c->checking = false;
	c->check_due_us = now_us() + CHECK_US;
	if (rc == -EKEYREJECTED && c->check.changed)
		contradict(
		    c, true, "record %" PRIu64 " is not the one that was signed", c->check.changed);
	else if (rc == -EKEYREJECTED)
		contradict(c, true, "its first %" PRIu64 " records are not those that were signed",
		    c->check.size);
	else if (rc == -EBADMSG)
		contradict(c, true, "%s", ledger_why(ledger(c)));
	else if (rc < 0)
		log_warn("ledger-not-checked", "reason=\"%s\"", strerror(-rc));
	else if (c->check.tree_differs)
		rebuild(c, "some hashes over the ledger are damaged; the ledger is not");
	else
		log_info("ledger-checked", "records=%" PRIu64, c->check.size);
	if (rc == 0 && !c->check.tree_differs)
		c->checked_s = clock_now_s();
}

/* A slice of the full check, begun at start and once a day. */
static void check(struct checkpoint *c, uint64_t now)
{
	int rc = 1;

	if (now < c->check_due_us || c->newest.size == 0)
		return;
	if (!c->checking)
		rc = ledger_check_begin(
		    &c->check, ledger(c), c->tree, c->newest.size, &c->newest.root);
	c->checking = true;
	if (rc >= 0)
		rc = ledger_check_go(&c->check, now + SLICE_US);
	c->checked = c->check.edge.size;
	c->check_due_us = now_us() + GAP_US;
	if (rc <= 0)
		check_ended(c, rc);
}

uint32_t checkpoint_turn(struct checkpoint *c)
{
	uint64_t now = now_us();
	bool unsure = c->standing == STANDING_UNSURE;
	int more;

	if (c->unrecorded)
		record_contradiction(c);
	if (c->standing == STANDING_CONTRADICTED)
		return 0;
	if (now < c->wait_us)
		return (uint32_t)((c->wait_us - now) / 1000 + 1);
	more = follow(c, now + (unsure ? UNSURE_SLICE_US : SLICE_US));
	if (unsure && c->standing == STANDING_UNSURE)
		settle(c);
	if (c->standing == STANDING_GOOD && more == 0) {
		sign_when_due(c, now);
		check(c, now);
	}
	if (c->unrecorded)
		record_contradiction(c);
	if (c->standing == STANDING_UNSURE)
		return 1;
	if (more > 0 || c->checking || tree_size(c->tree) < ledger_last(ledger(c)))
		return GAP_US / 1000;
	return 0;
}

int checkpoint_now(struct checkpoint *c)
{
	uint64_t until = now_us() + NOW_US;
	int more = 1;

	while (c->standing != STANDING_CONTRADICTED && more > 0 && now_us() < until)
		more = follow(c, until);
	if (c->standing == STANDING_UNSURE)
		settle(c);
	if (c->standing == STANDING_CONTRADICTED)
		return -EKEYREJECTED;
	if (c->standing == STANDING_UNSURE || more != 0)
		return -EAGAIN;
	c->signed_us = now_us();
	return sign_all(c);
}

/* ---- questions ---- */

const char *checkpoint_trouble(const struct checkpoint *c)
{
	return c->trouble;
}

const char *checkpoint_note(const struct checkpoint *c)
{
	return c->note;
}

uint64_t checkpoint_size(const struct checkpoint *c)
{
	return c->newest.size;
}

const struct note_key *checkpoint_key(const struct checkpoint *c)
{
	return &c->key;
}

int64_t checkpoint_signed_s(const struct checkpoint *c)
{
	struct stat st;

	return fstatat(c->dir, "checkpoint", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mtim.tv_sec : 0;
}

int64_t checkpoint_checked_s(const struct checkpoint *c)
{
	return c->checked_s;
}

uint64_t checkpoint_checked(const struct checkpoint *c)
{
	return c->checked;
}

int checkpoint_prove(struct checkpoint *c, uint64_t seq, struct tlog_hash out[TLOG_DEPTH])
{
	if (seq == 0 || seq > c->newest.size)
		return -ENOENT;
	if (c->standing != STANDING_GOOD)
		return c->standing == STANDING_UNSURE ? -EAGAIN : -EKEYREJECTED;
	if (tree_size(c->tree) < c->newest.size)
		return -EAGAIN;
	return tree_prove(c->tree, c->newest.size, seq - 1, out);
}

int checkpoint_prove_growth(
    struct checkpoint *c, uint64_t old, struct tlog_hash out[TLOG_DEPTH * 2])
{
	if (old > c->newest.size)
		return -ENOENT;
	if (c->standing != STANDING_GOOD)
		return c->standing == STANDING_UNSURE ? -EAGAIN : -EKEYREJECTED;
	if (tree_size(c->tree) < c->newest.size)
		return -EAGAIN;
	return tree_prove_growth(c->tree, c->newest.size, old, out);
}
