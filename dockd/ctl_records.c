#include "ctl_records.h"

#include "base/proto_ctl.h"
#include "ctl.h"
#include "ctl_ask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256u << 10)
#define NAME_LEN 96
#define DIGITS "16" /* of a record's number in a file's name */

_Static_assert(BLOCK > 2 * RECORD_LINE_MAX, "a line fits");

/* One file of records. */
struct piece {
	char name[NAME_LEN];
	uint64_t first, last; /* by its name; last 0: it does not say */
	int fd;               /* -1: opened when its turn comes */
};

struct records {
	int dir;
	struct piece *piece;
	size_t pieces, room, now;
	int fd;           /* of the piece under way, -1 none */
	bool live;        /* the daemon's: the end of the last file may be half a line */
	uint64_t line_no; /* in the piece, of the line handed out last */
	uint64_t next;    /* number of the next record */
	uint64_t twice;
	size_t at, filled; /* in block */
	bool ended;        /* of the piece */
	char checkpoint[4096], key[NOTE_VKEY_LEN];
	char why[400];
	struct record record;
	char block[BLOCK];
};

static int complain(struct records *r, int err, const char *what)
{
	const char *name = r->now < r->pieces ? r->piece[r->now].name : "the ledger";

	if (r->line_no)
		snprintf(r->why, sizeof(r->why), "%s line %" PRIu64 ": %s", name, r->line_no, what);
	else
		snprintf(r->why, sizeof(r->why), "%s: %s", name, what);
	return err;
}

static int add_piece(struct records *r, const char *name, uint64_t first, uint64_t last, int fd)
{
	if (r->pieces == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct piece *more = realloc(r->piece, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->piece = more;
		r->room = room;
	}
	r->piece[r->pieces] = (struct piece){ .first = first, .last = last, .fd = fd };
	snprintf(r->piece[r->pieces].name, NAME_LEN, "%s", name);
	r->pieces++;
	return 0;
}

/* By the first record; of those that begin alike the longest comes first. */
static int compare(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

/* "0000000000000001.jsonl" or "ledger-FROM-TO.jsonl"; false: no file of records. */
static bool read_name(const char *name, uint64_t *first, uint64_t *last)
{
	char again[NAME_LEN];

	*last = 0;
	if (sscanf(name, "ledger-%" DIGITS SCNu64 "-%" DIGITS SCNu64, first, last) == 2)
		snprintf(again, sizeof(again),
		    "ledger-%0" DIGITS PRIu64 "-%0" DIGITS PRIu64 ".jsonl", *first, *last);
	else if (sscanf(name, "%" DIGITS SCNu64, first) == 1)
		snprintf(again, sizeof(again), "%0" DIGITS PRIu64 ".jsonl", *first);
	else
		return false;
	return *first > 0 && strcmp(name, again) == 0 && (*last == 0 || *last >= *first);
}

static int list(struct records *r)
{
	int fd = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	uint64_t first, last;
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d))) {
		if (read_name(e->d_name, &first, &last))
			rc = add_piece(r, e->d_name, first, last, -1);
	}
	closedir(d);
	if (r->pieces > 0)
		qsort(r->piece, r->pieces, sizeof(*r->piece), compare);
	return rc == 0 && r->pieces == 0 ? -ENOENT : rc;
}

static int take_text(int fd, char *out, size_t room)
{
	size_t n = 0;
	ssize_t got = 0;

	out[0] = '\0';
	while (n < room && (got = pread(fd, out + n, room - n, (off_t)n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += (size_t)got;
	}
	if (n == room) {
		out[0] = '\0';
		return -EFBIG;
	}
	out[n] = '\0';
	if (strlen(out) == n)
		return 0;
	out[0] = '\0';
	return -EBADMSG;
}

int records_read_text(int at, const char *path, char *out, size_t room)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

	out[0] = '\0';
	if (fd < 0)
		return -errno;
	rc = take_text(fd, out, room);
	close(fd);
	return rc;
}

/* A key is one line. */
static void trim(char *text)
{
	size_t n = strlen(text);

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

static struct records *make(void)
{
	struct records *r = calloc(1, sizeof(*r));

	if (r) {
		r->dir = r->fd = -1;
		r->next = 1;
	}
	return r;
}

/* Beside the files of records, or, of an export, in the folder above. */
static int read_beside(struct records *r, int above)
{
	int rc = records_read_text(r->dir, "checkpoint", r->checkpoint, sizeof(r->checkpoint));

	if (rc == -ENOENT)
		rc = records_read_text(above, "checkpoint", r->checkpoint, sizeof(r->checkpoint));
	if (rc < 0 && rc != -ENOENT)
		return rc;
	rc = records_read_text(r->dir, "key", r->key, sizeof(r->key));
	if (rc == -ENOENT)
		rc = records_read_text(above, "key", r->key, sizeof(r->key));
	trim(r->key);
	return rc == -ENOENT ? 0 : rc;
}

int records_open(const char *dir, struct records **out)
{
	struct records *r = make();
	int above = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	*out = NULL;
	if (!r || above < 0) {
		rc = r ? -errno : -ENOMEM;
		goto out;
	}
	r->dir = openat(above, "ledger", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0 && errno == ENOENT)
		r->dir = openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = r->dir < 0 ? -errno : list(r);
	if (rc == 0)
		rc = read_beside(r, above);
out:
	if (above >= 0)
		close(above);
	if (rc < 0)
		records_close(r);
	else
		*out = r;
	return rc;
}

/* ---- from the daemon ---- */

static struct records *asking;

static int part_segment(void *context, struct msg *m)
{
	struct records *r = asking;
	struct proto_ctl_segment s;
	uint64_t first, last;
	int rc;

	(void)context;
	if (m->head.type != MSG_SEGMENT || m->nfds != 1)
		return -EPROTO;
	memcpy(&s, m->body, sizeof(s));
	if (strcmp(s.name, "checkpoint") == 0)
		return take_text(m->fds[0], r->checkpoint, sizeof(r->checkpoint));
	if (strcmp(s.name, "key") == 0) {
		rc = take_text(m->fds[0], r->key, sizeof(r->key));
		trim(r->key);
		return rc;
	}
	if (!read_name(s.name, &first, &last))
		return -EPROTO;
	rc = add_piece(r, s.name, first, 0, m->fds[0]);
	if (rc == 0)
		m->fds[0] = -1;
	return rc;
}

int records_ask(struct ctl *c, struct records **out)
{
	struct proto_ctl_end end = { 0 };
	int err, code;

	*out = NULL;
	asking = make();
	if (!asking)
		return ctl_complain(-ENOMEM, NULL);
	asking->live = true;
	err = ctl_ask(
	    c, &(struct proto_ask){ .ask = ASK_LEDGER }, CTL_PATIENCE_MS, part_segment, &end);
	code = ctl_complain(err, &end);
	if (code == CTL_OK)
		*out = asking;
	else
		records_close(asking);
	asking = NULL;
	return code;
}

void records_close(struct records *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->pieces; i++) {
		if (r->piece[i].fd >= 0)
			close(r->piece[i].fd);
	}
	if (r->fd >= 0 && r->dir >= 0)
		close(r->fd);
	if (r->dir >= 0)
		close(r->dir);
	free(r->piece);
	free(r);
}

const char *records_checkpoint(const struct records *r)
{
	return r->checkpoint[0] ? r->checkpoint : NULL;
}

const char *records_key(const struct records *r)
{
	return r->key[0] ? r->key : NULL;
}

const char *records_why(const struct records *r)
{
	return r->why;
}

uint64_t records_twice(const struct records *r)
{
	return r->twice;
}

/* ---- line by line ---- */

static void end_piece(struct records *r)
{
	if (r->fd >= 0 && r->dir >= 0)
		close(r->fd);
	r->fd = -1;
	r->at = r->filled = 0;
	r->line_no = 0;
	r->ended = false;
}

/* The next piece that tells something new. 1, 0: there is none, -errno. */
static int begin_piece(struct records *r)
{
	while (r->now < r->pieces && r->piece[r->now].last && r->piece[r->now].last < r->next) {
		r->twice++;
		r->now++;
	}
	if (r->now == r->pieces)
		return 0;
	r->fd = r->piece[r->now].fd;
	if (r->fd < 0)
		r->fd = openat(r->dir, r->piece[r->now].name,
		    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (r->fd < 0)
		return complain(r, -errno, strerror(errno));
	if (r->dir < 0)
		lseek(r->fd, 0, SEEK_SET);
	if (r->piece[r->now].first > r->next) {
		char text[80];

		snprintf(text, sizeof(text), "records %" PRIu64 " to %" PRIu64 " are missing",
		    r->next, r->piece[r->now].first - 1);
		return complain(r, -EBADMSG, text);
	}
	return 1;
}

static int fill(struct records *r)
{
	ssize_t n;

	memmove(r->block, r->block + r->at, r->filled - r->at);
	r->filled -= r->at;
	r->at = 0;
	do {
		n = read(r->fd, r->block + r->filled, BLOCK - r->filled);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return complain(r, -errno, strerror(errno));
	r->ended = n == 0;
	r->filled += (size_t)n;
	return 0;
}

/* One line of the piece. 1, 0: its end, -EBADMSG. */
static int take_line(struct records *r, const char **line, size_t *len)
{
	for (;;) {
		char *start = r->block + r->at, *stop = memchr(start, '\n', r->filled - r->at);
		size_t left = r->filled - r->at;
		int rc;

		if (stop) {
			r->line_no++;
			*line = start;
			*len = (size_t)(stop - start);
			r->at += *len + 1;
			return 1;
		}
		if (left >= RECORD_LINE_MAX || (r->ended && left > 0 && !r->live)) {
			r->line_no++;
			return complain(
			    r, -EBADMSG, r->ended ? "its end is missing" : "this is no record");
		}
		if (r->ended)
			return 0;
		rc = fill(r);
		if (rc < 0)
			return rc;
	}
}

static int judge(struct records *r, const char *line, size_t len, struct records_line *out)
{
	char text[100];
	int64_t seq;

	if (record_parse(line, len, &r->record) < 0)
		return complain(r, -EBADMSG, "this is no record of a ledger");
	seq = record_get_number(&r->record, "seq", 0);
	if (seq > 0 && (uint64_t)seq < r->next && r->piece[r->now].last &&
	    (uint64_t)seq >= r->piece[r->now].first) {
		r->twice++;
		return 0;
	}
	if (seq <= 0 || (uint64_t)seq != r->next) {
		snprintf(text, sizeof(text),
		    "record %" PRIu64 " is missing: here is number %" PRId64, r->next, seq);
		return complain(r, -EBADMSG, text);
	}
	*out = (struct records_line){ r->next++, line, len, &r->record };
	return 1;
}

/* A file that says by its name where it ends must end there. */
static int check_end(struct records *r)
{
	const struct piece *p = &r->piece[r->now];

	if (p->last && p->last != r->next - 1)
		return complain(r, -EBADMSG, "it does not end with the record that its name says");
	return 0;
}

int records_next(struct records *r, struct records_line *out)
{
	const char *line = NULL;
	size_t len = 0;
	int rc;

	for (;;) {
		if (r->fd < 0) {
			rc = begin_piece(r);
			if (rc <= 0)
				return rc;
		}
		rc = take_line(r, &line, &len);
		if (rc < 0)
			return rc;
		if (rc == 1) {
			rc = judge(r, line, len, out);
			if (rc != 0)
				return rc;
			continue;
		}
		rc = check_end(r);
		if (rc < 0)
			return rc;
		end_piece(r);
		r->now++;
	}
}
