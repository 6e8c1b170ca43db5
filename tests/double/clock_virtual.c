/*
 * clock_virtual: time and disk as the simulated week has them, in place of dockd/clock.c.
 *
 * Also what the linker gives the core's own files in place of clock_gettime, time, fallocate,
 * fstatvfs and unlinkat (--wrap): their time is the virtual one, and the disk is as large as the
 * plan says and fills with the lengths of sparse files. Libraries keep the real ones.
 */
#include "../../dockd/clock.h"

#include "../sim/week.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define STEADY_S 100000
#define FILES_MAX 16384

int64_t virtual_us;
uint64_t virtual_disk_bytes, virtual_used_bytes;

static struct {
	ino_t inode;
	uint64_t bytes;
} files[FILES_MAX];

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
time_t __wrap_time(time_t *out);
int __wrap_fallocate(int fd, int mode, off_t from, off_t length);
int __wrap_fstatvfs(int fd, struct statvfs *out);
int __real_fstatvfs(int fd, struct statvfs *out);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_prlimit(
    pid_t pid, enum __rlimit_resource what, const struct rlimit *limit, struct rlimit *old);

int64_t clock_now_ms(void)
{
	return WEEK_BEGINS_S * 1000 + virtual_us / 1000;
}

int64_t clock_now_s(void)
{
	return clock_now_ms() / 1000;
}

uint64_t clock_steady_ms(void)
{
	return STEADY_S * UINT64_C(1000) + (uint64_t)virtual_us / 1000;
}

int64_t clock_ahead_ms(void)
{
	return 0;
}

void clock_state(struct clock_state *out)
{
	*out = (struct clock_state){ .synchronised = true, .error_ms = 5 };
	snprintf(out->source, sizeof(out->source), "simulated");
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	int64_t us = id == CLOCK_REALTIME ? WEEK_BEGINS_S * SECOND_US : STEADY_S * SECOND_US;

	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return __real_clock_gettime(id, out);
	us += virtual_us;
	out->tv_sec = us / SECOND_US;
	out->tv_nsec = us % SECOND_US * 1000;
	return 0;
}

time_t __wrap_time(time_t *out)
{
	time_t now = (time_t)clock_now_s();

	if (out)
		*out = now;
	return now;
}

static void account(ino_t inode, uint64_t bytes)
{
	size_t i = (size_t)inode % FILES_MAX;

	while (files[i].inode && files[i].inode != inode)
		i = (i + 1) % FILES_MAX;
	virtual_used_bytes += bytes - files[i].bytes;
	files[i].inode = inode;
	files[i].bytes = bytes;
}

/* What is reserved counts as used, as it does on a real disk. */
int __wrap_fallocate(int fd, int mode, off_t from, off_t length)
{
	struct stat st;

	(void)mode;
	(void)from;
	if (fstat(fd, &st) == 0)
		account(st.st_ino, (uint64_t)length);
	return 0;
}

int __wrap_fstatvfs(int fd, struct statvfs *out)
{
	int r = __real_fstatvfs(fd, out);

	out->f_frsize = out->f_bsize = 4096;
	out->f_blocks = virtual_disk_bytes / 4096;
	out->f_bavail = out->f_bfree = virtual_used_bytes < virtual_disk_bytes ?
	    (virtual_disk_bytes - virtual_used_bytes) / 4096 :
	    0;
	return r;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		account(st.st_ino, 0);
	return __real_unlinkat(dir, name, flags);
}

/* Workers are played in this process: a limit for one of them would be ours. */
int __wrap_prlimit(
    pid_t pid, enum __rlimit_resource what, const struct rlimit *limit, struct rlimit *old)
{
	(void)pid;
	(void)what;
	(void)limit;
	(void)old;
	return 0;
}
