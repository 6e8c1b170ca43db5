#include "ledger_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void segment_name(uint64_t first, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "%016" PRIu64 ".jsonl", first);
}

int segment_open(const struct ledger *l, uint64_t first, int flags)
{
	char name[NAME_LEN];
	int fd;

	segment_name(first, name);
	fd = openat(l->dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	return fd < 0 ? -errno : fd;
}

ssize_t segment_read(int fd, char *to, size_t n, uint64_t offset)
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

int segment_bad_line(struct ledger *l, int fd, uint64_t first, uint64_t offset)
{
	uint64_t line = 1, at = 0;
	char name[NAME_LEN];

	while (at < offset) {
		size_t want = offset - at < READ_BYTES ? (size_t)(offset - at) : READ_BYTES;
		ssize_t got = segment_read(fd, l->block, want, at);

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
	ssize_t got = segment_read(fd, l->block, (size_t)(end - from), from);
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

uint64_t segment_parse(struct ledger *l, const char *text, size_t n)
{
	int64_t seq;

	if (n < 2 || record_parse(text, n - 1, &l->scratch) < 0)
		return 0;
	seq = record_get_number(&l->scratch, "seq", 0);
	return seq > 0 ? (uint64_t)seq : 0;
}

int segment_tail(struct ledger *l, int fd, uint64_t first, uint64_t *seq, uint64_t *keep)
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
			return segment_bad_line(l, fd, first, end);
		if (rc < 0)
			return rc;
		*keep = stop;
		*seq = 0;
		if (stop == 0)
			return 0;
		*seq = segment_parse(l, l->block, (size_t)(stop - start));
		if (*seq >= first)
			return 0;
		if (!memchr(l->block, '\0', (size_t)(stop - start)))
			return segment_bad_line(l, fd, first, start);
		end = start;
	}
}

uint64_t segment_seek(struct ledger *l, int fd, uint64_t from, uint64_t size)
{
	uint64_t low = 0, high = size;

	while (high - low > READ_BYTES) {
		uint64_t middle = low + (high - low) / 2, seq;
		ssize_t got = segment_read(fd, l->block, 2 * RECORD_LINE_MAX, middle);
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
		seq = segment_parse(l, start, (size_t)(stop + 1 - start));
		if (seq == 0)
			return low;
		if (seq > from)
			high = middle;
		else
			low = middle + (uint64_t)(start - l->block);
	}
	return low;
}
