#include "ledger_read.h"

#include "ledger_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	at = rc == 0 ? segment_seek(l, fd, from, size) : 0;
	if (at == 0)
		*expect = first;
	else
		*expect = 0;
	while (rc == 0 && at < size) {
		size_t want = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES, used = 0;
		ssize_t got = segment_read(fd, l->block, want, at);
		char *stop;

		if (got < 0) {
			rc = (int)got;
			break;
		}
		while (rc == 0 && (stop = memchr(l->block + used, '\n', (size_t)got - used))) {
			size_t n = (size_t)(stop + 1 - (l->block + used));
			uint64_t seq = segment_parse(l, l->block + used, n);

			if (seq == 0 || (*expect && seq != *expect)) {
				rc = segment_bad_line(l, fd, first, at + used);
				break;
			}
			*expect = seq + 1;
			used += n;
			if (seq >= from)
				rc = fn(arg, seq, &l->scratch);
		}
		if (rc == 0 && used == 0)
			rc = segment_bad_line(l, fd, first, at);
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
		ssize_t got = segment_read(fd, l->block, want, at);
		char *stop;

		if (got < 0)
			return (int)got;
		while ((stop = memchr(l->block + used, '\n', (size_t)got - used))) {
			size_t n = (size_t)(stop + 1 - (l->block + used));
			uint64_t now = segment_parse(l, l->block + used, n);

			if (now == 0 || now > seq)
				return segment_bad_line(l, fd, first, at + used);
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
	return segment_bad_line(l, fd, first, at);
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
		rc = find_line(
		    l, fd, l->segment[i], segment_seek(l, fd, seq, size), size, seq, out, room);
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
	at = segment_seek(l, fd, seq, size);
	if (at > 0) {
		ssize_t got = segment_read(fd, l->block, RECORD_LINE_MAX, at);
		char *stop = got > 0 ? memchr(l->block, '\n', (size_t)got) : NULL;

		c->next = stop ? segment_parse(l, l->block, (size_t)(stop + 1 - l->block)) : 0;
		c->offset = at;
		rc = c->next > 0 ? 0 : segment_bad_line(l, fd, l->segment[c->segment], at);
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
	got = rc < 0 ? rc : segment_read(fd, l->block, (size_t)want, c->offset);
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
		rc = c->offset < size ? segment_bad_line(l, fd, l->segment[c->segment], c->offset) :
					is_missing(l, l->last);
	else if (rc == 0 && c->next > l->last && c->offset != size)
		rc = segment_bad_line(l, fd, l->segment[c->segment], c->offset);
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
