/*
 * staging: every path and system call on the evidence files of the station.
 *
 * Called by bay, intake and uplink. All names are built here from numbers. It must never follow a
 * link, never put one file over another, and never call a copy sealed while anyone can write it.
 */
#include "staging.h"

#include "base/handover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SEED_MAX (16u << 20)
#define KEPT_MAX 10000
#define NAME_LEN 48

struct staging {
	int root;
	uint64_t reserve_bytes;
	bool refusing; /* the last pull was refused for space */
	char boot[40];
};

/* "00/3e/0000000000003e81.part": 256 numbers a folder, 65,536 folders. */
static void name_of(char name[NAME_LEN], uint64_t number, const char *suffix)
{
	snprintf(name, NAME_LEN, "%02x/%02x/%016" PRIx64 "%s", (unsigned)(number >> 16) & 0xff,
	    (unsigned)(number >> 8) & 0xff, number, suffix);
}

static int open_file(struct staging *s, uint64_t number, const char *suffix, int flags)
{
	char name[NAME_LEN];
	int fd;

	name_of(name, number, suffix);
	fd = openat(s->root, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	return fd < 0 ? -errno : fd;
}

/* The folder (levels 1 or 2) of this number, for fsync; levels 0: the root itself. */
static int open_folder(struct staging *s, uint64_t number, unsigned levels)
{
	char name[NAME_LEN];
	int fd;

	name_of(name, number, "");
	name[levels == 0 ? 0 : 3 * levels - 1] = '\0';
	fd = openat(s->root, levels ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int sync_folder(struct staging *s, uint64_t number, unsigned levels)
{
	int fd = open_folder(s, number, levels), rc;

	if (fd < 0)
		return fd;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* Makes both folders of this number, durably. */
static int make_folders(struct staging *s, uint64_t number)
{
	char name[NAME_LEN];
	int rc = 0;

	for (unsigned level = 1; level <= 2 && rc == 0; level++) {
		name_of(name, number, "");
		name[3 * level - 1] = '\0';
		if (mkdirat(s->root, name, 0700) == 0)
			rc = sync_folder(s, number, level - 1);
		else if (errno != EEXIST)
			rc = -errno;
	}
	return rc;
}

/* Takes a write lease: only the sole open file description of an inode can have one. */
static int lease(int fd)
{
	/* Whoever opens the file meanwhile breaks the lease: a signal, and SIGIO would kill. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return -errno;
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
		return 0;
	return errno == EAGAIN ? -EBUSY : -errno;
}

/* Tries that a lease is given here, and refused while another description is open. */
static int probe(struct staging *s)
{
	int one = openat(s->root, "probe", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), two,
	    rc;

	if (one < 0)
		return -errno;
	two = openat(s->root, "probe", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (two < 0) {
		rc = -errno;
		goto out;
	}
	rc = lease(one);
	close(two);
	if (rc == -EBUSY)
		rc = lease(one);
	else
		rc = -EOPNOTSUPP;
	if (rc < 0)
		rc = -EOPNOTSUPP;
out:
	close(one);
	unlinkat(s->root, "probe", 0);
	return rc;
}

static int read_boot(struct staging *s)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, s->boot, 36);
	close(fd);
	return n == 36 ? 0 : -EIO;
}

int staging_open(const char *state_dir, uint64_t reserve_bytes, struct staging **out)
{
	struct staging *s = calloc(1, sizeof(*s));
	struct staging_space space = { 0 };
	int rc, dir = -1;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->root = -1;
	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = dir < 0 ? -errno : 0;
	if (rc == 0 && mkdirat(dir, "staging", 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (rc == 0) {
		s->root = openat(dir, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		rc = s->root < 0 || fsync(dir) < 0 ? -errno : read_boot(s);
	}
	if (rc == 0)
		rc = probe(s);
	if (rc == 0)
		rc = staging_space(s, &space);
	if (rc < 0)
		goto out;
	s->reserve_bytes = reserve_bytes;
	if (reserve_bytes == 0) {
		s->reserve_bytes = space.total_bytes / 20;
		if (s->reserve_bytes < 2ull << 30)
			s->reserve_bytes = 2ull << 30;
		s->reserve_bytes += 256u << 20;
	}
	*out = s;
	s = NULL;
out:
	if (dir >= 0)
		close(dir);
	staging_close(s);
	return rc;
}

void staging_close(struct staging *s)
{
	if (!s)
		return;
	if (s->root >= 0)
		close(s->root);
	free(s);
}

const char *staging_boot(const struct staging *s)
{
	return s->boot;
}

int staging_space(struct staging *s, struct staging_space *out)
{
	struct statvfs v;

	*out = (struct staging_space){ .reserve_bytes = s->reserve_bytes };
	if (fstatvfs(s->root, &v) < 0)
		return -errno;
	out->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	out->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	out->inodes = v.f_files;
	out->inodes_free = v.f_favail;
	return 0;
}

bool staging_admits(struct staging *s, uint64_t bytes)
{
	uint64_t keep = s->reserve_bytes + (s->refusing ? s->reserve_bytes / 2 : 0);
	struct staging_space space = { 0 };

	if (staging_space(s, &space) < 0)
		return false;
	s->refusing =
	    keep < s->reserve_bytes || space.free_bytes < keep || space.free_bytes - keep < bytes;
	return !s->refusing;
}

bool staging_tight(struct staging *s)
{
	struct staging_space space;

	return staging_space(s, &space) == 0 && space.free_bytes < s->reserve_bytes / 2 * 3;
}

int staging_part(struct staging *s, uint64_t number, uint64_t size_bytes)
{
	struct stat st;
	int rc = 0, fd;

	if (size_bytes > INT64_MAX)
		return -EFBIG;
	rc = make_folders(s, number);
	if (rc < 0)
		return rc;
	fd = open_file(s, number, ".part", O_RDWR | O_CREAT);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EBADF;
	else if (size_bytes > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) < 0)
		rc = errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
	if (rc == 0)
		return fd;
	/* What a refused reservation took is given back; the bytes that are there stay. */
	if (rc == -ENOSPC && ftruncate(fd, st.st_size) < 0)
		rc = -EIO;
	close(fd);
	return rc;
}

int64_t staging_part_length(struct staging *s, uint64_t number)
{
	char name[NAME_LEN];
	struct stat st;

	name_of(name, number, ".part");
	if (fstatat(s->root, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? (int64_t)st.st_size : -EBADF;
}

uint64_t staging_part_held(struct staging *s, uint64_t number)
{
	char name[NAME_LEN];
	struct stat st;

	name_of(name, number, ".part");
	if (fstatat(s->root, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

int staging_cut(struct staging *s, uint64_t number, uint64_t length_bytes)
{
	int fd = open_file(s, number, ".part", O_RDWR), rc = 0;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if ((uint64_t)st.st_size < length_bytes)
		rc = -EMSGSIZE;
	else if (ftruncate(fd, (off_t)length_bytes) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* Renames within the folder of number; -EEXIST rather than over another file. */
static int rename_new(struct staging *s, uint64_t number, const char *from, const char *to)
{
	char old[NAME_LEN], new[NAME_LEN];
	struct stat st;

	name_of(old, number, from);
	name_of(new, number, to);
	if (renameat2(s->root, old, s->root, new, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* The filesystem does not know the flag; nobody but this process makes names here. */
	if (fstatat(s->root, new, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(s->root, old, s->root, new) < 0 ? -errno : 0;
}

static int remove_file(struct staging *s, uint64_t number, const char *suffix)
{
	char name[NAME_LEN];

	name_of(name, number, suffix);
	return unlinkat(s->root, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int staging_set_aside(struct staging *s, uint64_t number, unsigned *kept)
{
	const char *from = staging_part_length(s, number) >= 0 ? ".part" : "";
	char to[24];
	int rc = -EEXIST;

	for (unsigned n = 1; n < KEPT_MAX && rc == -EEXIST; n++) {
		snprintf(to, sizeof(to), ".kept-%u", n);
		rc = rename_new(s, number, from, to);
		*kept = n;
	}
	if (rc < 0)
		return rc;
	return sync_folder(s, number, 2);
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		bytes += w;
		n -= (size_t)w;
	}
	return 0;
}

int staging_seed(struct staging *s, uint64_t number, uint64_t from, uint64_t length_bytes)
{
	uint64_t left = length_bytes;
	int rc = 0, in, out;
	char block[16384];

	if (length_bytes > SEED_MAX)
		return -EFBIG;
	in = open_file(s, from, "", O_RDONLY);
	if (in < 0)
		return in;
	out = staging_part(s, number, length_bytes);
	if (out < 0) {
		close(in);
		return out;
	}
	if (ftruncate(out, 0) < 0)
		rc = -errno;
	while (rc == 0 && left > 0) {
		ssize_t n = read(in, block, left < sizeof(block) ? (size_t)left : sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			rc = n < 0 ? -errno : -EMSGSIZE;
		else
			rc = write_all(out, block, (size_t)n);
		left -= rc == 0 ? (uint64_t)n : 0;
	}
	if (rc < 0 && ftruncate(out, 0) < 0)
		rc = -EIO;
	close(in);
	close(out);
	return rc;
}

/* Died between rename and record: NUMBER is there already. Made durable again, that is all. */
static int seal_again(struct staging *s, uint64_t number, uint64_t size_bytes)
{
	uint64_t have;
	int fd, rc = 0;

	if (!staging_sealed(s, number, &have))
		return -ENOENT;
	if (have != size_bytes)
		return -EMSGSIZE;
	fd = open_file(s, number, "", O_RDONLY);
	if (fd < 0)
		return fd;
	if (fsync(fd) < 0)
		rc = -EIO;
	else if (fchmod(fd, 0400) < 0)
		rc = -errno;
	close(fd);
	return rc < 0 ? rc : sync_folder(s, number, 2);
}

int staging_seal(struct staging *s, uint64_t number, uint64_t size_bytes)
{
	int fd = open_file(s, number, ".part", O_RDWR), rc;
	struct stat st;

	if (fd == -ENOENT)
		return seal_again(s, number, size_bytes);
	if (fd < 0)
		return fd;
	/* The lease comes first: what is measured and synced under it cannot change any more. */
	rc = lease(fd);
	if (rc < 0)
		goto out;
	if (fstat(fd, &st) < 0) {
		rc = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size_bytes) {
		rc = -EMSGSIZE;
		goto out;
	}
	handover("staging-fsync");
	if (fsync(fd) < 0) {
		rc = -EIO;
		goto out;
	}
	handover("staging-rename");
	rc = rename_new(s, number, ".part", "");
	if (rc == 0 && fchmod(fd, 0400) < 0)
		rc = -errno;
	if (rc == 0)
		rc = sync_folder(s, number, 2);
out:
	close(fd);
	return rc;
}

bool staging_sealed(struct staging *s, uint64_t number, uint64_t *size_bytes)
{
	char name[NAME_LEN];
	struct stat st;

	name_of(name, number, "");
	if (fstatat(s->root, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (size_bytes)
		*size_bytes = (uint64_t)st.st_size;
	return true;
}

int staging_read(struct staging *s, uint64_t number)
{
	return open_file(s, number, "", O_RDONLY);
}

int staging_retire(struct staging *s, uint64_t number)
{
	int rc = remove_file(s, number, ""), part = remove_file(s, number, ".part");

	if (rc == 0)
		rc = part;
	if (rc == 0)
		rc = sync_folder(s, number, 2);
	return rc == -ENOENT ? 0 : rc;
}

bool staging_keeps(struct staging *s, uint64_t number)
{
	char name[NAME_LEN];

	name_of(name, number, ".kept-1"); /* the first that is set aside */
	return faccessat(s->root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int staging_dispose(struct staging *s, uint64_t number)
{
	char name[NAME_LEN], suffix[24];
	int rc = 0;

	for (unsigned n = 1; n < KEPT_MAX && rc == 0; n++) {
		snprintf(suffix, sizeof(suffix), ".kept-%u", n);
		name_of(name, number, suffix);
		if (faccessat(s->root, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			break;
		rc = remove_file(s, number, suffix);
	}
	return rc < 0 ? rc : staging_retire(s, number);
}

int staging_numbers(struct staging *s, unsigned folder, uint64_t *numbers, size_t room)
{
	int fd = open_folder(s, (uint64_t)folder << 8, 2), n = 0;
	struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -errno;
	}
	while ((size_t)n < room && (e = readdir(dir))) {
		char *end;
		uint64_t number = strtoull(e->d_name, &end, 16);

		if (*end == '\0' && end - e->d_name == 16 && (number >> 8 & 0xffff) == folder)
			numbers[n++] = number;
	}
	closedir(dir);
	return n;
}
