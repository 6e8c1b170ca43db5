/*
 * folder: a folder of its own for a unit test, and its end. Included by the tests of the core's
 * storage; it has no other users.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int folder_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_make(char path[128])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, 128, "%.90s/dockd-unit-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		abort();
}

static inline void folder_drop(const char *path)
{
	nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_path(char out[256], const char *folder, const char *name)
{
	snprintf(out, 256, "%s/%s", folder, name);
}

static inline void file_put(const char *folder, const char *name, const void *bytes, size_t n)
{
	char path[256];
	int fd;

	folder_path(path, folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	close(fd);
}

/* The whole file, NUL behind it; the caller frees. */
static inline char *file_get(const char *folder, const char *name, size_t *n)
{
	char path[256], *bytes;
	struct stat st;
	int fd;

	folder_path(path, folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes || read(fd, bytes, (size_t)st.st_size) != st.st_size)
		abort();
	bytes[st.st_size] = '\0';
	*n = (size_t)st.st_size;
	close(fd);
	return bytes;
}

#endif
