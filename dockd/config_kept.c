#include "config_kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT "configuration"
#define FRESH KEPT ".new"
#define FILE_NAME "dockd.conf"
#define PROFILES "profiles"
#define FILE_MAX (1u << 20) /* as setting_file_open reads */

/* ---- one file ---- */

/* The whole of a file, for free(); NULL with errno. */
static char *read_whole(int at, const char *name, size_t *len)
{
	char *text = malloc(FILE_MAX + 1);
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = 0;

	*len = 0;
	while (text && fd >= 0 && *len <= FILE_MAX &&
	    (n = read(fd, text + *len, FILE_MAX + 1 - *len)) > 0)
		*len += (size_t)n;
	if (!text || fd < 0 || n < 0 || *len > FILE_MAX) {
		if (text && fd >= 0 && n >= 0)
			errno = EFBIG;
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static int write_whole(int at, const char *name, const char *text, size_t len)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = 0;

	if (fd < 0)
		return -errno;
	while (len > 0 && rc == 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			rc = -errno;
		else
			text += n, len -= (size_t)n;
	}
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int copy(const char *from, int at, const char *name)
{
	size_t len;
	char *text = read_whole(AT_FDCWD, from, &len);
	int rc = text ? write_whole(at, name, text, len) : -errno;

	free(text);
	return rc;
}

static bool is_same(const char *from, int at, const char *name)
{
	size_t a_len, b_len;
	char *a = read_whole(AT_FDCWD, from, &a_len), *b = read_whole(at, name, &b_len);
	bool same = a && b && a_len == b_len && memcmp(a, b, a_len) == 0;

	free(a);
	free(b);
	return same;
}

/* ---- the folder ---- */

/* Two profiles of one name may come from two folders: the number keeps them and their order. */
static void name_profile(char *name, size_t room, const struct config *c, size_t n)
{
	const char *base = strrchr(c->profile_file[n], '/');

	snprintf(name, room, PROFILES "/%02zu-%s", n, base ? base + 1 : c->profile_file[n]);
}

/* The files of a folder of ours, and it; one level of folders below it. */
static void remove_tree(int at, const char *name, unsigned levels)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0 && errno == EISDIR && levels > 0)
			remove_tree(fd, e->d_name, levels - 1);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	unlinkat(at, name, AT_REMOVEDIR);
}

static size_t count(int at)
{
	int fd = openat(at, PROFILES, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return n;
}

static bool is_kept(int folder, const char *path, const struct config *c)
{
	int at = openat(folder, KEPT, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char name[300];
	bool same;

	if (at < 0)
		return false;
	same = path ? is_same(path, at, FILE_NAME) : faccessat(at, FILE_NAME, F_OK, 0) < 0;
	same = same && count(at) == c->profiles_n;
	for (size_t i = 0; i < c->profiles_n && same; i++) {
		name_profile(name, sizeof(name), c, i);
		same = is_same(c->profile_file[i], at, name);
	}
	close(at);
	return same;
}

static int sync_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

static int copy_all(int folder, const char *path, const struct config *c)
{
	char name[300];
	int at, rc = 0;

	remove_tree(folder, FRESH, 1);
	if (mkdirat(folder, FRESH, 0700) < 0)
		return -errno;
	at = openat(folder, FRESH, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (at < 0)
		return -errno;
	if (mkdirat(at, PROFILES, 0700) < 0)
		rc = -errno;
	if (rc == 0 && path)
		rc = copy(path, at, FILE_NAME);
	for (size_t i = 0; i < c->profiles_n && rc == 0; i++) {
		name_profile(name, sizeof(name), c, i);
		rc = copy(c->profile_file[i], at, name);
	}
	if (rc == 0)
		rc = sync_folder(at, PROFILES);
	if (rc == 0 && fsync(at) < 0)
		rc = -errno;
	close(at);
	return rc;
}

static struct config *read_from(const char *folder, const char *sub)
{
	char path[512], profiles[512], *errors = NULL;
	struct config *c = NULL;

	if (snprintf(path, sizeof(path), "%s/%s/" FILE_NAME, folder, sub) < (int)sizeof(path) &&
	    snprintf(profiles, sizeof(profiles), "%s/%s/" PROFILES, folder, sub) <
		(int)sizeof(profiles))
		c = config_new(access(path, F_OK) == 0 ? path : NULL, profiles, &errors);
	free(errors);
	return c;
}

/* The fresh one takes the kept one's place in one step where the file system can. */
static int put_in_place(int folder)
{
	if (renameat(folder, FRESH, folder, KEPT) < 0) {
		if (renameat2(folder, FRESH, folder, KEPT, RENAME_EXCHANGE) < 0) {
			remove_tree(folder, KEPT, 1);
			if (renameat(folder, FRESH, folder, KEPT) < 0)
				return -errno;
		}
	}
	remove_tree(folder, FRESH, 1);
	return fsync(folder) < 0 ? -errno : 0;
}

int config_kept_save(const char *folder, const char *path, const struct config *c)
{
	int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	struct config *again;

	if (at < 0)
		return -errno;
	if (is_kept(at, path, c)) {
		close(at);
		return 0;
	}
	rc = copy_all(at, path, c);
	if (rc == 0) {
		again = read_from(folder, FRESH);
		rc = again ? 0 : -ESTALE;
		free(again);
	}
	if (rc == 0)
		rc = put_in_place(at);
	else
		remove_tree(at, FRESH, 1);
	close(at);
	return rc;
}

struct config *config_kept_read(const char *folder, int64_t *since_s)
{
	char path[512];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/" KEPT, folder) >= (int)sizeof(path) ||
	    stat(path, &st) < 0)
		return NULL;
	*since_s = st.st_mtime;
	return read_from(folder, KEPT);
}

bool config_kept_has_file(const char *folder)
{
	char path[512];

	return snprintf(path, sizeof(path), "%s/" KEPT "/" FILE_NAME, folder) < (int)sizeof(path) &&
	    access(path, F_OK) == 0;
}
