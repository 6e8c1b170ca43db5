/*
 * ledger: segments of records on disk, appended and fdatasynced, never changed.
 *
 * Called by journal. Owns the open segment, the list of segments and the records not yet written.
 * It must never write in front of what is there, never go on after a failed write or fdatasync, and
 * never read more at open than the end of the last segment.
 */
#include "ledger.h"

#include "clock.h"
#include "ledger_segment.h"

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
	rc = segment_tail(l, l->fd, first, &seq, &keep);
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
		rc = segment_tail(l, fd, earlier, &before, &keep);
		if (rc == 0 && before + 1 != first)
			rc = segment_bad_line(l, fd, earlier, keep);
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

/* ---- lines, as bytes ---- */
