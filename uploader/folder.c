#include "folder.h"

#include "disk.h"

#include "../dockd/base/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LEN 64

void folder_identify(struct destination *d)
{
	const struct folder *s = d->own;

	d->ready.identity[0] = '\0';
	if (s->marker[0])
		snprintf(d->ready.identity, sizeof(d->ready.identity), "dir %s", s->marker);
}

static void say_ready(struct destination *d, int status, enum receipt_level level, const char *text)
{
	d->ready.status = status;
	d->ready.level = level;
	d->ready.can = READY_CONFIRMS | READY_FINDS | READY_ABANDONS |
	    (d->conf.flags & DESTINATION_DISPOSE ? READY_REMOVES : 0);
	snprintf(d->ready.text, sizeof(d->ready.text), "%s", text);
	folder_identify(d);
	d->told = true;
}

int folder_file(int in, const char *name, int flags)
{
	int fd = openat(in, name, flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : 0;
	struct stat st;

	/* a pipe that nobody reads, a socket; a folder: such is not to be written */
	if (err == -ENXIO || err == -EISDIR)
		return fstatat(in, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) ?
		    -FOLDER_NO_FILE :
		    err;
	if (err < 0)
		return err;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -FOLDER_NO_FILE;
	if (err < 0)
		close(fd);
	return err < 0 ? err : fd;
}

static int read_marker(int folder, char *out)
{
	int fd = folder_file(folder, FOLDER_MARKER, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, out, FOLDER_MARKER_LEN);
	close(fd);
	out[FOLDER_MARKER_LEN] = '\0';
	if (n != FOLDER_MARKER_LEN || strspn(out, "0123456789abcdef") != FOLDER_MARKER_LEN)
		return -EINVAL;
	return 0;
}

int folder_mark(struct folder *s)
{
	unsigned char raw[FOLDER_MARKER_LEN / 2];
	char text[FOLDER_MARKER_LEN + 2];
	int err = 0;
	int fd;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	text[FOLDER_MARKER_LEN] = '\n';
	fd = openat(
	    s->fd, FOLDER_MARKER, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* another station that shares the folder was a moment earlier: its mark is the folder's */
	if (fd < 0 && errno == EEXIST)
		return read_marker(s->fd, s->marker) == 0 ? 0 : -EBUSY;
	if (fd < 0)
		return -errno;
	if (write(fd, text, FOLDER_MARKER_LEN + 1) != FOLDER_MARKER_LEN + 1 || fsync(fd) < 0)
		err = -EIO;
	if (close(fd) < 0 || fsync(s->fd) < 0)
		err = -EIO;
	if (err < 0) {
		unlinkat(s->fd, FOLDER_MARKER, 0);
		return err;
	}
	memcpy(s->marker, text, FOLDER_MARKER_LEN);
	return 0;
}

int folder_open(struct destination *d)
{
	struct folder *s = d->own ? d->own : calloc(1, sizeof(*s));
	struct disks disks;
	char text[sizeof(d->ready.text)];
	struct stat st;
	bool told;
	int fd;

	if (!s)
		return -ENOMEM;
	if (!d->own)
		s->fd = -1;
	d->own = s;
	fd = open(d->conf.where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		int err = errno;

		snprintf(text, sizeof(text), "%.160s: %s", d->conf.where, strerror(err));
		if (fd >= 0)
			close(fd);
		say_ready(d, -err, LEVEL_NONE, text);
		return 0;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	if (read_marker(fd, s->marker) < 0)
		s->marker[0] = '\0';
	d->ready.identity[0] = '\0';
	if (s->marker[0])
		snprintf(d->ready.identity, sizeof(d->ready.identity), "dir %s", s->marker);
	told = disk_is_remote(fd) || disk_resolve(DISK_SYSFS, st.st_dev, &disks) == 0;
	say_ready(d, 0, told ? LEVEL_READBACK : LEVEL_LOCAL,
	    told ? "" : "cannot tell which disk this folder is on: its copies count as local ones");
	return 0;
}

/*
 * The folder is another one than before: mounted anew, or a mount has vanished and left an empty
 * folder on the station's disk. Only the marker tells which.
 */
static int adopt_folder(struct destination *d)
{
	struct folder *s = d->own;
	char marker[FOLDER_MARKER_LEN + 1] = "";
	struct stat st;
	int err = 0;
	int fd = open(d->conf.where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (read_marker(fd, marker) < 0)
		marker[0] = '\0';
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (s->marker[0] && strcmp(marker, s->marker) != 0)
		err = -ESTALE;
	if (err < 0) {
		close(fd);
		return err;
	}
	close(s->fd);
	s->fd = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	memcpy(s->marker, marker, sizeof(marker));
	return 0;
}

void folder_look(struct destination *d)
{
	struct folder *s = d->own;
	char marker[FOLDER_MARKER_LEN + 1] = "";
	int fd = open(d->conf.where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read_marker(fd, marker) < 0)
		marker[0] = '\0';
	close(fd);
	if (!s->marker[0] && marker[0])
		(void)adopt_folder(d);
	d->ready.identity[0] = '\0';
	if (marker[0])
		snprintf(d->ready.identity, sizeof(d->ready.identity), "dir %s", marker);
}

/* Nothing is written to a folder that is not the one that it was. */
enum act_result folder_check(struct transfer *t)
{
	const char *where = t->dest->conf.where;
	const struct folder *s = t->dest->own;
	char marker[FOLDER_MARKER_LEN + 1];
	struct stat st;
	enum upload_failure f = t->job == MSG_UPLOAD ? UPLOAD_DESTINATION : UPLOAD_AWAY;
	int err = 0;

	if (stat(where, &st) < 0)
		err = -errno;
	else if (st.st_dev != s->device || st.st_ino != s->inode)
		err = adopt_folder(t->dest);
	transfer_state(t, "not-mounted");
	if (err < 0 && err != -ESTALE)
		return transfer_fail(t, f, "%.160s: %s", where, strerror(-err));
	if (!err && !s->marker[0] && !t->upload.address[0] && t->job == MSG_UPLOAD) {
		transfer_state(t, "");
		return ACT_DONE;
	}
	if (err < 0 || read_marker(s->fd, marker) < 0 || strcmp(marker, s->marker) != 0)
		return transfer_fail(t, f,
		    "%.120s: " FOLDER_MARKER " is gone or has changed: is the disk or NAS mounted?",
		    where);
	transfer_state(t, "");
	return ACT_DONE;
}

static const char *trouble_word(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return "full";
	case EFBIG:
		return "too-large";
	case EACCES:
	case EPERM:
	case EROFS:
		return "access";
	case ENOENT:
	case ENOTDIR:
	case ESTALE:
		return "not-mounted";
	case EINTR:
	case EAGAIN:
	case ENOMEM:
	case EBUSY:
		return "busy";
	}
	return "disk";
}

enum act_result folder_trouble(struct transfer *t, const char *what, int err)
{
	enum upload_failure f = t->job == MSG_UPLOAD ? UPLOAD_DESTINATION : UPLOAD_AWAY;

	if (err == FOLDER_NO_FILE) {
		transfer_state(t, "differs");
		return transfer_fail(t, t->job == MSG_UPLOAD ? UPLOAD_REFUSED : UPLOAD_DIFFERS,
		    "%s is there but is not a file", what);
	}
	transfer_state(t, trouble_word(err));
	if (err == ENOSPC || err == EDQUOT)
		return transfer_fail(t, UPLOAD_LATER, "%s: the destination is full (%s): make room",
		    what, strerror(err));
	if (err == EFBIG && t->job == MSG_UPLOAD) /* it alone: the others fit */
		return transfer_fail(t, UPLOAD_REFUSED,
		    "%s: it is larger than this folder's file system takes (FAT: 4 GiB), or than "
		    "LimitFSIZE= of its uploader",
		    what);
	/* one file that cannot be read is no disk that is away */
	if (err == EIO && t->job != MSG_UPLOAD)
		f = UPLOAD_LATER;
	if (err == EINTR || err == EAGAIN || err == ENOMEM || err == EBUSY)
		f = UPLOAD_LATER;
	return transfer_fail(t, f, "%s: %s", what, strerror(err));
}

/* ---- where things lie ---- */

static bool is_id(const char *text)
{
	return strlen(text) == ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

/* A name that the station gives: one plain part of a path, and none of the names made here. */
static bool is_own_name(const char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(text);

	if (n == 0 || n > FOLDER_NAME_LEN - 16 || strspn(text, letters) != n || text[0] == '.')
		return false;
	return n < 5 || strcmp(text + n - 5, ".part") != 0;
}

bool folder_spot(const struct proto_upload *u, const char *station, struct spot *out)
{
	bool ledger = u->kind == KIND_LEDGER || u->kind == KIND_CHECKPOINT;

	memset(out, 0, sizeof(*out));
	if (ledger) {
		if (!is_own_name(u->name) || !is_own_name(station))
			return false;
		snprintf(out->outer, sizeof(out->outer), "ledger");
		snprintf(out->inner, sizeof(out->inner), "%s", station);
		snprintf(out->name, sizeof(out->name), "%.*s", FOLDER_NAME_LEN - 1, u->name);
		snprintf(out->address, sizeof(out->address), "ledger/%s/%s", station, out->name);
		return true;
	}
	if (!is_id(u->asset))
		return false;
	snprintf(out->outer, sizeof(out->outer), "%.2s", u->asset);
	snprintf(out->name, sizeof(out->name), "%.64s%s", u->asset,
	    u->kind == KIND_BUNDLE ? ".bundle" : "");
	snprintf(out->address, sizeof(out->address), "%s/%s", out->outer, out->name);
	return true;
}

/* The folder `name` in `in`. A descriptor or -errno. */
static int enter(int in, const char *name, bool make)
{
	int fd;

	if (make && mkdirat(in, name, 0700) == 0) {
		if (fsync(in) < 0)
			return -errno;
	} else if (make && errno != EEXIST) {
		return -errno;
	}
	fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int folder_place(const struct folder *f, const struct spot *spot, bool make)
{
	int outer = enter(f->fd, spot->outer, make);
	int inner;

	if (outer < 0 || !spot->inner[0])
		return outer;
	inner = enter(outer, spot->inner, make);
	close(outer);
	return inner;
}
