/*
 * journal: ledger first, index after it, and one dockd on one folder of one station.
 *
 * Called by everything in the core that decides. Owns STATE/lock, STATE/station, the ledger and the
 * index. It must never commit the index before the ledger: the index may lag, never lead.
 */
#include "journal.h"

#include "base/handover.h"
#include "base/log.h"
#include "clock_set.h"
#include "ledger.h"
#include "ledger_read.h"
#include "witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLAY_COMMIT 5000 /* records a transaction while replaying */
#define BAD_MAX 3          /* damaged ones that are kept, each as large as it was */

struct journal {
	int dir, lock;
	struct ledger *ledger;
	struct index *index;
	char index_path[512];
	bool broken, restart_mends;
	struct witness *witness; /* made when it is first asked */
	char why[200];
	char rebuilt[64];
	char doubt[PROTO_TEXT_LEN * 2];
};

static char open_why[240];
static void (*watcher)(uint64_t done, uint64_t last);

void journal_watch(void (*on_replay)(uint64_t done, uint64_t last))
{
	watcher = on_replay;
}

static int take_lock(struct journal *j)
{
	j->lock = openat(j->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->lock < 0)
		return -errno;
	if (flock(j->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

static int write_station(struct journal *j, const char *station)
{
	size_t n = strlen(station);
	int fd = openat(
		j->dir, "station.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600),
	    rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, station, n) != (ssize_t)n)
		rc = -EIO;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && renameat(j->dir, "station.new", j->dir, "station") < 0)
		rc = -errno;
	if (rc == 0 && fsync(j->dir) < 0)
		rc = -errno;
	return rc;
}

int journal_station(const char *state_dir, char *out, size_t room)
{
	char path[512];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s/station", state_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read(fd, out, room - 1);
	close(fd);
	if (n <= 0)
		return n < 0 ? -EIO : -ENOENT;
	out[n] = '\0';
	return 0;
}

/* The folder belongs to the station whose name it bears; a new one takes this name. */
static int bind_station(struct journal *j, const char *station)
{
	char name[256];
	ssize_t n;
	int fd;

	fd = openat(j->dir, "station", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? write_station(j, station) : -errno;
	n = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	name[n] = '\0';
	if (strcmp(name, station) == 0)
		return 0;
	snprintf(
	    open_why, sizeof(open_why), "the state folder belongs to station \"%.100s\"", name);
	return -EREMOTE;
}

static int apply(void *arg, uint64_t seq, const struct record *r)
{
	struct journal *j = arg;
	int rc = index_apply(j->index, seq, r);

	if (rc == -EBADMSG)
		snprintf(open_why, sizeof(open_why),
		    "ledger record %" PRIu64 " (%s) cannot be applied", seq, record_type(r));
	if (rc == 0 && seq % REPLAY_COMMIT == 0) {
		rc = index_commit(j->index);
		if (watcher)
			watcher(seq, ledger_last(j->ledger));
	}
	return rc;
}

/* Brings the index up to the ledger. -EUCLEAN: it is corrupt, of another version or ahead. */
static int catch_up(struct journal *j)
{
	int rc = index_open(j->index_path, &j->index);

	if (rc == 0 && index_applied(j->index) > ledger_last(j->ledger))
		rc = -EUCLEAN;
	if (rc == 0 && index_applied(j->index) == 0 && ledger_last(j->ledger) > 0 && !j->rebuilt[0])
		snprintf(j->rebuilt, sizeof(j->rebuilt), "there was none");
	if (rc == 0)
		rc = ledger_replay(j->ledger, index_applied(j->index) + 1, apply, j);
	if (rc == -EBADMSG && ledger_why(j->ledger)[0])
		snprintf(open_why, sizeof(open_why), "%s", ledger_why(j->ledger));
	if (rc == 0)
		rc = index_commit(j->index);
	if (rc < 0) {
		index_close(j->index);
		j->index = NULL;
	}
	return rc;
}

/* index.sqlite becomes index.sqlite.bad-N, for whoever wants to know why; its WAL goes. */
static int set_aside(struct journal *j)
{
	char name[] = "index.sqlite.bad-0", next[] = "index.sqlite.bad-0";
	char *n = strrchr(name, '0'), *m = strrchr(next, '0');
	int rc;

	*n = '1';
	while (*n < '0' + BAD_MAX && faccessat(j->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		++*n;
	if (faccessat(j->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) { /* the oldest goes */
		for (*n = '1', *m = '2'; *n < '0' + BAD_MAX; ++*n, ++*m)
			renameat(j->dir, next, j->dir, name);
		unlinkat(j->dir, name, 0);
		unlinkat(j->dir, name, AT_REMOVEDIR);
	}
	rc = renameat(j->dir, "index.sqlite", j->dir, name) < 0 ? -errno : 0;
	unlinkat(j->dir, "index.sqlite-wal", 0);
	unlinkat(j->dir, "index.sqlite-shm", 0);
	if (rc == 0 && fsync(j->dir) < 0)
		rc = -errno;
	return rc == -ENOENT ? 0 : rc;
}

/* What a damaged index says is not believed: all of it is told again by the ledger. */
static int rebuild(struct journal *j, int why)
{
	int rc = set_aside(j);

	snprintf(j->rebuilt, sizeof(j->rebuilt), "%s",
	    index_failure() ? (why == -EIO ? "it cannot be read" : "it is damaged") :
			      "it is of another version, or ahead of the ledger");
	return rc == 0 ? catch_up(j) : rc;
}

static int open_all(struct journal *j, const char *state_dir, const char *station)
{
	const char *ledger_says = NULL;
	char path[512];
	int rc;

	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	j->dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return -errno;
	if (snprintf(path, sizeof(path), "%s/ledger", state_dir) >= (int)sizeof(path) ||
	    snprintf(j->index_path, sizeof(j->index_path), "%s/index.sqlite", state_dir) >=
		(int)sizeof(j->index_path))
		return -ENAMETOOLONG;
	rc = take_lock(j);
	if (rc == -EBUSY)
		snprintf(open_why, sizeof(open_why), "another dockd runs on this state folder");
	if (rc == 0)
		rc = bind_station(j, station);
	if (rc < 0)
		return rc;
	rc = ledger_open(path, &j->ledger, &ledger_says);
	if (rc < 0 && ledger_says)
		snprintf(open_why, sizeof(open_why), "%s", ledger_says);
	if (rc == 0 && fsync(j->dir) < 0)
		rc = -errno;
	if (rc < 0)
		return rc;
	rc = catch_up(j);
	return rc == -EUCLEAN || (rc < 0 && index_failure()) ? rebuild(j, rc) : rc;
}

int journal_open(const char *state_dir, const char *station, struct journal **out, const char **why)
{
	struct journal *j = calloc(1, sizeof(*j));
	int rc;

	*out = NULL;
	if (!j)
		return -ENOMEM;
	j->dir = j->lock = -1;
	open_why[0] = '\0';
	rc = open_all(j, state_dir, station);
	if (rc < 0) {
		if (!open_why[0])
			snprintf(open_why, sizeof(open_why), "state folder: %s", strerror(-rc));
		if (why)
			*why = open_why;
		journal_close(j);
		return rc;
	}
	*out = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	witness_free(j->witness);
	index_close(j->index);
	ledger_close(j->ledger);
	if (j->lock >= 0)
		close(j->lock);
	if (j->dir >= 0)
		close(j->dir);
	free(j);
}

struct index *journal_index(struct journal *j)
{
	return j->index;
}

struct ledger *journal_ledger(struct journal *j)
{
	return j->ledger;
}

static const char *advice(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return "make room on the disk of the state folder";
	case EIO:
	case EROFS:
		return "its disk fails: see the kernel's log, check the disk";
	case EMFILE:
	case ENFILE:
		return "raise the service's LimitNOFILE=, or look who holds so many files";
	}
	return "look at the state folder and its disk";
}

/* From here on nothing is written. A corrupt index is set aside now, so that a restart rebuilds. */
static int give_up(struct journal *j, const char *what, int rc)
{
	j->broken = true;
	snprintf(j->why, sizeof(j->why),
	    "the %s cannot be written: %s: %s; it is started again every minute", what,
	    strerror(-rc), advice(-rc));
	if (rc == -EUCLEAN && set_aside(j) == 0) {
		j->restart_mends = true;
		snprintf(j->why, sizeof(j->why),
		    "%s is damaged and set aside: the next start makes it anew from the ledger",
		    what);
	}
	return rc;
}

/* Answers of a damaged index permit nothing: what was decided by them is not committed. */
static int check_index(struct journal *j)
{
	int rc = index_failure();

	return rc < 0 ? give_up(j, "index", rc) : 0;
}

int journal_write(struct journal *j, struct record *r)
{
	uint64_t seq;
	int rc;

	clock_set_look(j); /* else a time of after a jump would be the latest of before it */
	if (j->broken)
		return -EIO;
	rc = r->overflow ? -EOVERFLOW : index_check(j->index, r);
	if (rc < 0)
		return give_up(j, rc == -EUCLEAN ? "index" : "record", rc);
	rc = ledger_append(j->ledger, r, &seq);
	if (rc < 0)
		return give_up(j, "ledger", rc);
	rc = index_apply(j->index, seq, r);
	return rc < 0 ? give_up(j, "index", rc) : 0;
}

int journal_commit(struct journal *j)
{
	bool pending;
	int rc;

	if (j->broken)
		return -EIO;
	rc = check_index(j);
	if (rc < 0)
		return rc;
	pending = ledger_pending(j->ledger);
	if (pending)
		handover("journal-append");
	rc = ledger_commit(j->ledger);
	if (rc < 0)
		return give_up(j, "ledger", rc);
	if (pending)
		handover("journal-committed");
	rc = index_commit(j->index);
	return rc < 0 ? give_up(j, "index", rc) : 0;
}

/* Made anew at this start, and still they differ: the fault is not the disk's. */
static void doubt(struct journal *j, uint64_t asset, const char *what)
{
	if (!j->doubt[0])
		snprintf(j->doubt, sizeof(j->doubt),
		    "file %" PRIu64 ": %s: nothing is erased, retired or disposed of by it; keep "
		    "the state folder and report it",
		    asset, what);
}

void journal_contradicted(struct journal *j, uint64_t asset, const char *cell)
{
	static const char text[] = "the index says of it what the ledger does not";

	log_error(
	    "index-contradicted", "asset=%" PRIu64 " cell=%s reason=\"%s\"", asset, cell, text);
	if (j->rebuilt[0])
		doubt(j, asset, text);
	else if (!j->broken)
		give_up(j, "index", -EUCLEAN);
}

int journal_vouches(struct journal *j, uint64_t asset, const char *place)
{
	const char *cell;
	int rc;

	if (j->broken)
		return -EIO;
	if (!j->witness)
		j->witness = witness_new(j->index, j->ledger);
	rc = j->witness ? witness_ask(j->witness, asset, place, &cell) : -ENOMEM;
	if (rc == 0 || rc == -EAGAIN)
		return rc;
	if (rc == -EKEYREJECTED) {
		journal_contradicted(j, asset, cell);
		return rc;
	}
	log_error("witness-failed", "asset=%" PRIu64 " reason=\"%s\"", asset,
	    ledger_why(j->ledger)[0] ? ledger_why(j->ledger) : strerror(-rc));
	doubt(j, asset, "its records in the ledger cannot be read");
	return rc;
}

const char *journal_doubt(const struct journal *j)
{
	return j->doubt;
}

bool journal_works(const struct journal *j)
{
	return !j->broken;
}

void journal_refuse(struct journal *j, const char *why)
{
	j->broken = true;
	snprintf(j->why, sizeof(j->why), "%s", why);
}

const char *journal_why(const struct journal *j)
{
	return j->why;
}

bool journal_restart_mends(const struct journal *j)
{
	return j->restart_mends;
}

const char *journal_rebuilt(const struct journal *j)
{
	return j->rebuilt;
}

uint64_t journal_records(const struct journal *j)
{
	return ledger_last(j->ledger);
}
