#include "part.h"

#include "../dockd/base/log.h"
#include "camera.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DURABLE_BYTES (64ull << 20)

static int failed(struct part *p, int err, const char *doing)
{
	if (p->error == 0) {
		p->error = -err;
		p->doing = doing;
	}
	return p->error;
}

void part_begin(struct part *p, int file, uint64_t offset_bytes)
{
	*p = (struct part){
		.file = file,
		.valid_bytes = offset_bytes,
		.durable_bytes = offset_bytes,
		.doing = "",
	};
}

int part_reaches(struct part *p)
{
	struct stat st;

	if (fstat(p->file, &st) < 0)
		return failed(p, errno, "fstat");
	return (uint64_t)st.st_size >= p->valid_bytes;
}

int part_write(struct part *p, uint64_t at_bytes, const uint8_t *bytes, size_t len)
{
	while (len > 0 && p->error == 0) {
		ssize_t n = pwrite(p->file, bytes, len, (off_t)at_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(p, n < 0 ? errno : EIO, "write");
		bytes += n;
		len -= (size_t)n;
		at_bytes += (uint64_t)n;
	}
	return p->error;
}

int part_compare(struct part *p, uint64_t at_bytes, const uint8_t *bytes, size_t len)
{
	uint8_t have[4096];

	while (len > 0) {
		size_t want = len < sizeof(have) ? len : sizeof(have);
		ssize_t n = pread(p->file, have, want, (off_t)at_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(p, errno, "read");
		if (n == 0 || memcmp(have, bytes, (size_t)n) != 0)
			return -EILSEQ;
		bytes += n;
		len -= (size_t)n;
		at_bytes += (uint64_t)n;
	}
	return 0;
}

int part_durable(struct part *p)
{
	if (p->valid_bytes == p->durable_bytes)
		return 0;
	if (fdatasync(p->file) < 0)
		return failed(p, errno, "fdatasync");
	p->durable_bytes = p->valid_bytes;
	camera_tell_durable(p->durable_bytes);
	return 0;
}

int part_valid(struct part *p, uint64_t to_bytes)
{
	uint64_t from = p->valid_bytes;

	p->valid_bytes = to_bytes;
	sync_file_range(p->file, (off_t)from, (off_t)(to_bytes - from), SYNC_FILE_RANGE_WRITE);
	return to_bytes - p->durable_bytes >= DURABLE_BYTES ? part_durable(p) : 0;
}

void part_cut(struct part *p)
{
	struct stat st;

	if (fstat(p->file, &st) < 0)
		return;
	if ((uint64_t)st.st_size > p->valid_bytes && ftruncate(p->file, (off_t)p->valid_bytes) < 0)
		log_warn("staging-not-cut", "errno=%d", errno);
}
