#include "station_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char reason[PATH_MAX + 160];

static int refuse(int rc, const char *path, const char *what, const char **why)
{
	snprintf(reason, sizeof(reason), "%s: %s", path, what);
	*why = reason;
	return rc;
}

/* Writes a new key beside path and moves it there: a key that was used is a key that is on disk. */
static int make_key(const char *path, const char *name, struct note_signer **out)
{
	char copy[PATH_MAX], fresh[PATH_MAX];
	int fd, dir, rc;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy) ||
	    snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	unlink(fresh);
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : note_signer_make(fd, name, out);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		rc = -errno;
	if (rc == 0 && fsync(dir) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	close(dir);
	if (rc < 0) {
		note_signer_free(*out);
		*out = NULL;
	}
	return rc;
}

static int read_key(
    int fd, const char *path, const char *name, struct note_signer **out, const char **why)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return refuse(-errno, path, strerror(errno), why);
	if (!S_ISREG(st.st_mode))
		return refuse(-EINVAL, path, "the station's key must be a plain file", why);
	if (st.st_uid != geteuid())
		return refuse(-EPERM, path,
		    "the station's key belongs to another user: chown it to the one that dockd "
		    "runs as",
		    why);
	if (st.st_mode & 077)
		return refuse(-EPERM, path,
		    "others may read or change the station's key: chmod 600 it, and find out who "
		    "has",
		    why);
	rc = note_signer_read(fd, name, out);
	if (rc < 0)
		return refuse(rc, path,
		    "not an Ed25519 private key in PEM without a password: put the station's own "
		    "back from its backup",
		    why);
	return 0;
}

int station_key_open(
    const char *path, const char *name, bool make, struct note_signer **out, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;

	*out = NULL;
	if (fd < 0 && errno == ENOENT && !make)
		return -ENOENT;
	if (fd < 0 && errno == ENOENT) {
		rc = make_key(path, name, out);
		return rc < 0 ? refuse(rc, path, strerror(-rc), why) : 0;
	}
	if (fd < 0)
		return refuse(-errno, path, strerror(errno), why);
	rc = read_key(fd, path, name, out, why);
	close(fd);
	return rc;
}
