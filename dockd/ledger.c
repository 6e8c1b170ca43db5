/*
 * ledger: segments of records on disk, appended and fdatasynced, never changed.
 *
 * Called by journal. Owns the open segment, the list of segments and the records not yet written.
 * It must never write in front of what is there, never go on after a failed write or fdatasync, and
 * never read more at open than the end of the last segment.
 */
#include "ledger.h"

#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef LEDGER_SEGMENT_BYTES
#define LEDGER_SEGMENT_BYTES (64 << 20) /* a segment this long is followed by a new one */
#endif
#define BUFFER_BYTES (256 << 10)
#define READ_BYTES (64 << 10)
#define NAME_LEN 32

_Static_assert(READ_BYTES > RECORD_LINE_MAX, "a line fits the reader");

struct ledger {
	int dir, fd; /* fd: the last segment, O_APPEND; -1 none yet */
	bool broken;
	uint64_t last;     /* committed */
	uint64_t next;     /* number of the next record */
	uint64_t *segment; /* first number of each, ascending */
	size_t segments, room;
	uint64_t size_bytes;    /* committed bytes of the last segment */
	uint64_t written_bytes; /* written, perhaps not committed */
	size_t used;            /* of buffer */
	char buffer[BUFFER_BYTES];
	char why[160];
	struct record scratch; /* replay parses into it */
	char block[READ_BYTES];
};

static void segment_name(uint64_t first, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "%016" PRIu64 ".jsonl", first);
}

static int segment_add(struct ledger *l, uint64_t first)
{
	size_t at = l->segments;

	if (l->segments == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		uint64_t *more = realloc(l->segment, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->segment = more;
		l->room = room;
	}
	while (at > 0 && l->segment[at - 1] > first)
		at--;
	memmove(&l->segment[at + 1], &l->segment[at], (l->segments - at) * sizeof(*l->segment));
	l->segment[at] = first;
	l->segments++;
	return 0;
}

static int segment_open(const struct ledger *l, uint64_t first, int flags)
{
	char name[NAME_LEN];
	int fd;

	segment_name(first, name);
	fd = openat(l->dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	return fd < 0 ? -errno : fd;
}

/* Lists the segments; other files in the folder are left alone. */
static int scan(struct ledger *l)
{
	int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	char name[NAME_LEN];
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		rc = -errno;
		close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d))) {
		uint64_t first = strtoull(e->d_name, NULL, 10);

		segment_name(first, name);
		if (first > 0 && strcmp(name, e->d_name) == 0)
			rc = segment_add(l, first);
	}
	closedir(d);
	return rc;
}

static ssize_t read_at(int fd, char *to, size_t n, uint64_t offset)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, to + got, n - got, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

/* Notes which line of which segment cannot be read. Only then are its lines counted. */
static int bad_line(struct ledger *l, int fd, uint64_t first, uint64_t offset)
{
	uint64_t line = 1, at = 0;
	char name[NAME_LEN];

	while (at < offset) {
		size_t want = offset - at < READ_BYTES ? (size_t)(offset - at) : READ_BYTES;
		ssize_t got = read_at(fd, l->block, want, at);

		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			line += l->block[i] == '\n';
		at += (uint64_t)got;
	}
	segment_name(first, name);
	snprintf(l->why, sizeof(l->why), "ledger/%s line %" PRIu64 " cannot be read", name, line);
	return -EBADMSG;
}

/*
 * The last line that ends at or before `end`: *start is where it begins, *stop one past its newline
 * (both 0: there is none). The line itself is in l->block. 0, -EBADMSG (too long) or -errno.
 */
static int last_line(struct ledger *l, int fd, uint64_t end, uint64_t *start, uint64_t *stop)
{
	uint64_t from = end > 2 * RECORD_LINE_MAX ? end - 2 * RECORD_LINE_MAX : 0;
	ssize_t got = read_at(fd, l->block, (size_t)(end - from), from);
	size_t n, begin;

	*start = *stop = 0;
	if (got < 0)
		return (int)got;
	n = (size_t)got;
	while (n > 0 && l->block[n - 1] != '\n')
		n--;
	if (n == 0)
		return from == 0 ? 0 : -EBADMSG;
	begin = n - 1;
	while (begin > 0 && l->block[begin - 1] != '\n')
		begin--;
	if (begin == 0 && from > 0)
		return -EBADMSG;
	*start = from + begin;
	*stop = from + n;
	memmove(l->block, l->block + begin, n - begin);
	return 0;
}

/* Parses the line of n bytes (newline included) in text; its number, or 0. */
static uint64_t parse_line(struct ledger *l, const char *text, size_t n)
{
	int64_t seq;

	if (n < 2 || record_parse(text, n - 1, &l->scratch) < 0)
		return 0;
	seq = record_get_number(&l->scratch, "seq", 0);
	return seq > 0 ? (uint64_t)seq : 0;
}

/*
 * Finds the last whole record of a segment. A last line without newline, or with NUL bytes (blocks
 * that never reached the disk), is the trace of an append that was never committed: *keep is where
 * it begins. *seq is 0 in a segment without records.
 */
static int tail(struct ledger *l, int fd, uint64_t first, uint64_t *seq, uint64_t *keep)
{
	uint64_t start, stop, end;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	end = (uint64_t)st.st_size;
	for (;;) {
		rc = last_line(l, fd, end, &start, &stop);
		if (rc == -EBADMSG)
			return bad_line(l, fd, first, end);
		if (rc < 0)
			return rc;
		*keep = stop;
		*seq = 0;
		if (stop == 0)
			return 0;
		*seq = parse_line(l, l->block, (size_t)(stop - start));
		if (*seq >= first)
			return 0;
		if (!memchr(l->block, '\0', (size_t)(stop - start)))
			return bad_line(l, fd, first, start);
		end = start;
	}
}

static int sync_dir(int dir)
{
	return fsync(dir) < 0 ? -errno : 0;
}

/*
 * Opens the last segment, cuts off a torn tail and makes what is left durable: a process that died
 * between write and fdatasync leaves records that are only in the page cache.
 */
static int open_last(struct ledger *l)
{
	uint64_t first = l->segment[l->segments - 1], seq = 0, keep = 0, before = 0;
	struct stat st;
	int rc, fd;

	l->fd = segment_open(l, first, O_RDWR | O_APPEND);
	if (l->fd < 0)
		return l->fd;
	/* After a failed fdatasync the cache may hold what the disk does not: read the disk. */
	posix_fadvise(l->fd, 0, 0, POSIX_FADV_DONTNEED);
	rc = tail(l, l->fd, first, &seq, &keep);
	if (rc < 0)
		return rc;
	if (fstat(l->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != keep && ftruncate(l->fd, (off_t)keep) < 0)
		return -errno;
	if (fsync(l->fd) < 0)
		return -errno;
	l->size_bytes = l->written_bytes = keep;
	if (seq == 0 && l->segments > 1) {
		uint64_t earlier = l->segment[l->segments - 2];

		fd = segment_open(l, earlier, O_RDONLY);
		if (fd < 0)
			return fd;
		rc = tail(l, fd, earlier, &before, &keep);
		if (rc == 0 && before + 1 != first)
			rc = bad_line(l, fd, earlier, keep);
		close(fd);
		if (rc < 0)
			return rc;
	}
	l->last = seq ? seq : first - 1;
	return sync_dir(l->dir);
}

int ledger_open(const char *dir, struct ledger **out, const char **why)
{
	static char reason[160];
	struct ledger *l = calloc(1, sizeof(*l));
	int rc = 0;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	l->fd = l->dir = -1;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (rc == 0) {
		l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = l->dir < 0 ? -errno : scan(l);
	}
	if (rc == 0 && l->segments > 0)
		rc = open_last(l);
	if (rc < 0) {
		snprintf(
		    reason, sizeof(reason), "%s", l->why[0] ? l->why : "ledger cannot be opened");
		if (why)
			*why = reason;
		ledger_close(l);
		return rc;
	}
	l->next = l->last + 1;
	*out = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->dir >= 0)
		close(l->dir);
	free(l->segment);
	free(l);
}

uint64_t ledger_last(const struct ledger *l)
{
	return l->last;
}

const char *ledger_why(const struct ledger *l)
{
	return l->why;
}

/* Begins the segment whose first record is the first one in the buffer. */
static int new_segment(struct ledger *l, uint64_t first)
{
	int fd = segment_open(l, first, O_RDWR | O_APPEND | O_CREAT | O_EXCL), rc;

	if (fd < 0)
		return fd;
	rc = sync_dir(l->dir);
	if (rc == 0)
		rc = segment_add(l, first);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->size_bytes = l->written_bytes = 0;
	return 0;
}

/* Writes the buffer at the end of the segment; durable only after ledger_commit. */
static int flush(struct ledger *l)
{
	size_t done = 0;

	while (done < l->used) {
		ssize_t n = write(l->fd, l->buffer + done, l->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	l->written_bytes += l->used;
	l->used = 0;
	return 0;
}

/* The salt makes a record's hash tell nothing of what the record may say. */
static int stamp(struct record *r, uint64_t seq)
{
	int64_t now_ms = clock_now_ms();
	time_t now_s = now_ms / 1000;
	uint8_t salt[16];
	struct tm tm;
	char text[40];
	size_t n;

	gmtime_r(&now_s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(now_ms % 1000));
	record_number(r, "seq", (int64_t)seq);
	record_text(r, "time", text);
	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return -EIO;
	record_hex(r, "salt", salt, sizeof(salt));
	return 0;
}

int ledger_append(struct ledger *l, struct record *r, uint64_t *seq)
{
	int rc, n;

	if (l->broken)
		return -EIO;
	rc = stamp(r, l->next);
	/* A new segment begins only between commits: what one commit covers lies in one file. */
	if (rc == 0 && l->next == l->last + 1 &&
	    (l->fd < 0 || l->size_bytes >= LEDGER_SEGMENT_BYTES))
		rc = new_segment(l, l->next);
	if (rc == 0 && BUFFER_BYTES - l->used < RECORD_LINE_MAX)
		rc = flush(l);
	if (rc < 0) {
		l->broken = true;
		return rc;
	}
	n = record_format(r, l->buffer + l->used, BUFFER_BYTES - l->used);
	if (n < 0)
		return n;
	l->used += (size_t)n;
	*seq = l->next++;
	return 0;
}

bool ledger_pending(const struct ledger *l)
{
	return l->next != l->last + 1;
}

int ledger_commit(struct ledger *l)
{
	int rc;

	if (l->broken)
		return -EIO;
	if (!ledger_pending(l))
		return 0;
	rc = flush(l);
	if (rc == 0 && fdatasync(l->fd) < 0)
		rc = -errno;
	if (rc < 0) {
		l->broken = true;
		return rc;
	}
	l->size_bytes = l->written_bytes;
	l->last = l->next - 1;
	return 0;
}

/*
 * Where in the segment to begin reading for record `from`: the start of a line whose number is not
 * greater. Halves the range; a line that cannot be read there is left for the reader to name.
 */
static uint64_t seek(struct ledger *l, int fd, uint64_t from, uint64_t size)
{
	uint64_t low = 0, high = size;

	while (high - low > READ_BYTES) {
		uint64_t middle = low + (high - low) / 2, seq;
		ssize_t got = read_at(fd, l->block, 2 * RECORD_LINE_MAX, middle);
		char *start, *stop;

		if (got <= 0)
			return low;
		start = memchr(l->block, '\n', (size_t)got);
		if (!start)
			return low;
		start++;
		stop = memchr(start, '\n', (size_t)(l->block + got - start));
		if (!stop)
			return low;
		seq = parse_line(l, start, (size_t)(stop + 1 - start));
		if (seq == 0)
			return low;
		if (seq > from)
			high = middle;
		else
			low = middle + (uint64_t)(start - l->block);
	}
	return low;
}

/* Hands on the records of one segment; *expect is the next number. */
static int replay_segment(struct ledger *l, size_t index, uint64_t from, uint64_t *expect,
    int (*fn)(void *arg, uint64_t seq, const struct record *r), void *arg)
{
	uint64_t first = l->segment[index], size, at;
	bool is_last = index + 1 == l->segments;
	int fd = segment_open(l, first, O_RDONLY), rc = 0;
	struct stat st;

	if (fd < 0)
		return fd;
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	size = is_last ? l->size_bytes : (uint64_t)st.st_size;
	at = rc == 0 ? seek(l, fd, from, size) : 0;
	if (at == 0)
		*expect = first;
	else
		*expect = 0;
	while (rc == 0 && at < size) {
		size_t want = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES, used = 0;
		ssize_t got = read_at(fd, l->block, want, at);
		char *stop;

		if (got < 0) {
			rc = (int)got;
			break;
		}
		while (rc == 0 && (stop = memchr(l->block + used, '\n', (size_t)got - used))) {
			size_t n = (size_t)(stop + 1 - (l->block + used));
			uint64_t seq = parse_line(l, l->block + used, n);

			if (seq == 0 || (*expect && seq != *expect)) {
				rc = bad_line(l, fd, first, at + used);
				break;
			}
			*expect = seq + 1;
			used += n;
			if (seq >= from)
				rc = fn(arg, seq, &l->scratch);
		}
		if (rc == 0 && used == 0)
			rc = bad_line(l, fd, first, at);
		at += used;
	}
	close(fd);
	return rc;
}

int ledger_replay(struct ledger *l, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, const struct record *r), void *arg)
{
	uint64_t expect = 0;
	size_t i = l->segments;
	int rc = 0;

	if (from > l->last)
		return 0;
	while (i > 0 && l->segment[i - 1] > from)
		i--;
	if (i > 0)
		i--;
	for (; rc == 0 && i < l->segments && l->segment[i] <= l->last; i++) {
		if (expect && expect != l->segment[i]) {
			snprintf(l->why, sizeof(l->why),
			    "ledger: records %" PRIu64 " to %" PRIu64 " are missing", expect,
			    l->segment[i] - 1);
			return -EBADMSG;
		}
		rc = replay_segment(l, i, from, &expect, fn, arg);
	}
	return rc;
}

/* Looks for record seq from `at` on; as ledger_line. */
static int find_line(struct ledger *l, int fd, uint64_t first, uint64_t at, uint64_t size,
    uint64_t seq, char *out, size_t room)
{
	while (at < size) {
		size_t want = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES, used = 0;
		ssize_t got = read_at(fd, l->block, want, at);
		char *stop;

		if (got < 0)
			return (int)got;
		while ((stop = memchr(l->block + used, '\n', (size_t)got - used))) {
			size_t n = (size_t)(stop + 1 - (l->block + used));
			uint64_t now = parse_line(l, l->block + used, n);

			if (now == 0 || now > seq)
				return bad_line(l, fd, first, at + used);
			if (now == seq && n > room)
				return -ENOSPC;
			if (now == seq) {
				memcpy(out, l->block + used, n - 1);
				return (int)n - 1;
			}
			used += n;
		}
		if (used == 0)
			break;
		at += used;
	}
	return bad_line(l, fd, first, at);
}

int ledger_line(struct ledger *l, uint64_t seq, char *out, size_t room)
{
	size_t i = l->segments;
	uint64_t size;
	struct stat st;
	int fd, rc;

	if (seq == 0 || seq > l->last)
		return -ENOENT;
	while (i > 0 && l->segment[i - 1] > seq)
		i--;
	if (i == 0)
		return -ENOENT;
	i--;
	fd = segment_open(l, l->segment[i], O_RDONLY);
	if (fd < 0)
		return fd;
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	size = i + 1 == l->segments ? l->size_bytes : (uint64_t)st.st_size;
	if (rc == 0)
		rc = find_line(l, fd, l->segment[i], seek(l, fd, seq, size), size, seq, out, room);
	close(fd);
	return rc;
}

/* ---- lines, as bytes ---- */

static int is_missing(struct ledger *l, uint64_t before)
{
	snprintf(l->why, sizeof(l->why), "a record before number %" PRIu64 " is missing", before);
	return -EBADMSG;
}

/* Opens the segment that the cursor stands in; its committed length into *size. */
static int cursor_open(struct ledger *l, const struct ledger_cursor *c, uint64_t *size)
{
	int fd = segment_open(l, l->segment[c->segment], O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	*size = fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
	if (c->segment + 1 == l->segments)
		*size = l->size_bytes;
	return fd;
}

int ledger_cursor_begin(struct ledger *l, struct ledger_cursor *c, uint64_t seq)
{
	uint64_t size, at;
	int fd, rc = 0;

	memset(c, 0, sizeof(*c));
	c->next = 1;
	while (c->segment + 1 < l->segments && l->segment[c->segment + 1] <= seq)
		c->next = l->segment[++c->segment];
	if (l->segments == 0 || seq == c->next)
		return 0;
	fd = cursor_open(l, c, &size);
	if (fd < 0)
		return fd;
	at = seek(l, fd, seq, size);
	if (at > 0) {
		ssize_t got = read_at(fd, l->block, RECORD_LINE_MAX, at);
		char *stop = got > 0 ? memchr(l->block, '\n', (size_t)got) : NULL;

		c->next = stop ? parse_line(l, l->block, (size_t)(stop + 1 - l->block)) : 0;
		c->offset = at;
		rc = c->next > 0 ? 0 : bad_line(l, fd, l->segment[c->segment], at);
	}
	close(fd);
	while (rc >= 0 && c->next < seq && (rc = ledger_cursor_read(l, c, seq - 1, NULL, NULL)) > 0)
		;
	return rc < 0 ? rc : c->next == seq ? 0 : is_missing(l, seq);
}

int ledger_cursor_read(
    struct ledger *l, struct ledger_cursor *c, uint64_t last, ledger_line_fn *fn, void *arg)
{
	uint64_t size, want, first = c->next;
	size_t used = 0;
	ssize_t got;
	char *stop;
	int fd, rc = 0;

	last = last < l->last ? last : l->last;
	if (c->next > last)
		return 0;
	fd = cursor_open(l, c, &size);
	if (fd >= 0 && c->offset == size && c->segment + 1 < l->segments) {
		close(fd);
		c->segment++;
		c->offset = 0;
		fd = cursor_open(l, c, &size);
	}
	if (fd < 0)
		return fd;
	if (c->offset == 0 && c->next != l->segment[c->segment])
		rc = is_missing(l, l->segment[c->segment]);
	want = size - c->offset < READ_BYTES ? size - c->offset : READ_BYTES;
	got = rc < 0 ? rc : read_at(fd, l->block, (size_t)want, c->offset);
	while (got > 0 && rc == 0 && c->next <= last &&
	    (stop = memchr(l->block + used, '\n', (size_t)got - used))) {
		size_t len = (size_t)(stop - (l->block + used));

		rc = fn ? fn(arg, c->next, l->block + used, len) : 0;
		used += len + 1;
		c->offset += rc == 0 ? len + 1 : 0;
		c->next += rc == 0;
	}
	if (got < 0)
		rc = (int)got;
	else if (rc == 0 && c->next == first)
		rc = c->offset < size ? bad_line(l, fd, l->segment[c->segment], c->offset) :
					is_missing(l, l->last);
	else if (rc == 0 && c->next > l->last && c->offset != size)
		rc = bad_line(l, fd, l->segment[c->segment], c->offset);
	close(fd);
	return rc < 0 ? rc : (int)(c->next - first);
}

int ledger_segment(struct ledger *l, uint64_t n, char *name, size_t room, uint64_t *size_bytes)
{
	char text[NAME_LEN];
	struct stat st;
	int fd, rc;

	if (n >= l->segments)
		return -ENOENT;
	segment_name(l->segment[n], text);
	if (strlen(text) >= room)
		return -ENOSPC;
	fd = segment_open(l, l->segment[n], O_RDONLY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	memcpy(name, text, strlen(text) + 1);
	*size_bytes = n + 1 == l->segments ? l->size_bytes : (uint64_t)st.st_size;
	return fd;
}
