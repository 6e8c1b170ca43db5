/*
 * dir: the driver for a folder or a mounted NAS.
 *
 * Owns the folder's layout: AB/ASSETID, AB/ASSETID.json beside it, AB/ASSETID.part while it is
 * written, and .dockd-destination, whose absence tells of a vanished mount. Called by transfer.c.
 * A camera's name is only ever text inside the JSON, never part of a path. All blocking work is
 * done in slices, so that the core is heard between them; a disk or server that hangs in fsync
 * holds up this process, which serves no other destination.
 */
#include "disk.h"
#include "transfer.h"

#include "../dockd/base/handover.h"
#include "../dockd/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SLICE_BYTES (4u << 20)
#define BUFFER_BYTES (256u << 10)
#define DURABLE_BYTES (64u << 20) /* fdatasync at least so often: no minutes of it at the end */
#define MARKER ".dockd-destination"
#define MARKER_LEN 32
#define ID_LEN 64
#define SYSFS "/sys"

struct dir {
	int folder;
	dev_t device;
	ino_t inode;
	char marker[MARKER_LEN + 1]; /* "": not seen yet */
};

struct dir_upload {
	int place;  /* the folder AB */
	int file;   /* of what is written or read back */
	bool whole; /* it stands under its final name */
	bool compared, renamed;
	uint64_t at_bytes;      /* of the comparison or the reading back */
	uint64_t present_bytes; /* size found on disk */
	uint64_t durable_bytes;
	EVP_MD_CTX *back;
};

static unsigned char buffer[2][BUFFER_BYTES];

/* ---- the folder ---- */

static void say_ready(struct destination *d, int status, enum receipt_level level, const char *text)
{
	d->ready.status = status;
	d->ready.level = level;
	snprintf(d->ready.text, sizeof(d->ready.text), "%s", text);
	d->told = true;
}

static int read_marker(int folder, char *out)
{
	int fd = openat(folder, MARKER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, MARKER_LEN);
	close(fd);
	out[MARKER_LEN] = '\0';
	if (n != MARKER_LEN || strspn(out, "0123456789abcdef") != MARKER_LEN)
		return -EINVAL;
	return 0;
}

/* First use: marks the folder as this destination's. */
static int make_marker(struct dir *s)
{
	unsigned char raw[MARKER_LEN / 2];
	char text[MARKER_LEN + 2];
	int err = 0;
	int fd;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	text[MARKER_LEN] = '\n';
	fd = openat(s->folder, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, MARKER_LEN + 1) != MARKER_LEN + 1 || fsync(fd) < 0)
		err = -EIO;
	if (close(fd) < 0 || fsync(s->folder) < 0)
		err = -EIO;
	if (err < 0) {
		unlinkat(s->folder, MARKER, 0);
		return err;
	}
	memcpy(s->marker, text, MARKER_LEN);
	return 0;
}

static int dir_open(struct destination *d)
{
	struct dir *s = d->own ? d->own : calloc(1, sizeof(*s));
	struct disks disks;
	char text[sizeof(d->ready.text)];
	struct stat st;
	bool told;
	int fd;

	if (!s)
		return -ENOMEM;
	if (!d->own)
		s->folder = -1;
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
	if (s->folder >= 0)
		close(s->folder);
	s->folder = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	if (read_marker(fd, s->marker) < 0)
		s->marker[0] = '\0';
	told = disk_is_remote(fd) || disk_resolve(SYSFS, st.st_dev, &disks) == 0;
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
	struct dir *s = d->own;
	char marker[MARKER_LEN + 1] = "";
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
	close(s->folder);
	s->folder = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	memcpy(s->marker, marker, sizeof(marker));
	return 0;
}

/* Nothing is written to a folder that is not the one that it was. */
static enum act_result check_folder(struct transfer *t)
{
	const char *where = t->dest->conf.where;
	const struct dir *s = t->dest->own;
	char marker[MARKER_LEN + 1];
	struct stat st;
	int err = 0;

	if (stat(where, &st) < 0)
		err = -errno;
	else if (st.st_dev != s->device || st.st_ino != s->inode)
		err = adopt_folder(t->dest);
	if (err < 0 && err != -ESTALE)
		return transfer_fail(t, UPLOAD_DESTINATION, "%.160s: %s", where, strerror(-err));
	if (!err && !s->marker[0] && !t->upload.address[0])
		return ACT_DONE;
	if (err < 0 || read_marker(s->folder, marker) < 0 || strcmp(marker, s->marker) != 0)
		return transfer_fail(t, UPLOAD_DESTINATION,
		    "%.120s: " MARKER " is gone or has changed: is the disk or NAS mounted?",
		    where);
	return ACT_DONE;
}

static enum act_result trouble(struct transfer *t, const char *what, int err)
{
	enum upload_failure f = UPLOAD_DESTINATION;

	if (err == ENOSPC || err == EDQUOT)
		return transfer_fail(t, UPLOAD_LATER, "%s: the destination is full (%s): make room",
		    what, strerror(err));
	if (err == EINTR || err == EAGAIN || err == ENOMEM || err == EBUSY)
		f = UPLOAD_LATER;
	return transfer_fail(t, f, "%s: %s", what, strerror(err));
}

/* ---- one clip ---- */

static void file_name(const struct transfer *t, const char *suffix, char *out, size_t size)
{
	snprintf(out, size, "%.64s%s", t->upload.asset, suffix);
}

static bool asset_is_plain(const struct transfer *t)
{
	return strlen(t->upload.asset) == ID_LEN &&
	    strspn(t->upload.asset, "0123456789abcdef") == ID_LEN;
}

static void drop_file(struct dir_upload *u)
{
	if (u->file >= 0)
		close(u->file);
	u->file = -1;
}

static void dir_end(struct transfer *t)
{
	struct dir_upload *u = t->own;

	if (!u)
		return;
	drop_file(u);
	if (u->place >= 0)
		close(u->place);
	EVP_MD_CTX_free(u->back);
	free(u);
	t->own = NULL;
}

static int dir_begin(struct transfer *t)
{
	struct dir_upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->place = u->file = -1;
	u->back = EVP_MD_CTX_new();
	t->own = u;
	if (u->back)
		return 0;
	dir_end(t);
	return -ENOMEM;
}

static enum act_result open_place(struct transfer *t)
{
	struct dir_upload *u = t->own;
	const struct dir *s = t->dest->own;
	char fan[3] = { t->upload.asset[0], t->upload.asset[1], '\0' };

	if (u->place >= 0)
		return ACT_DONE;
	if (mkdirat(s->folder, fan, 0700) == 0) {
		if (fsync(s->folder) < 0)
			return trouble(t, "fsync of the folder", errno);
	} else if (errno != EEXIST) {
		return trouble(t, "folder", errno);
	}
	u->place = openat(s->folder, fan, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return u->place < 0 ? trouble(t, "folder", errno) : ACT_DONE;
}

/*
 * Opens what is there of the clip: whole, or the .part (made when it is missing). Another writer
 * at the same .part (a second station, the same clip) is waited for.
 */
static enum act_result open_file(struct transfer *t)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct dir_upload *u = t->own;
	char name[ID_LEN + 16];
	struct stat st;

	drop_file(u);
	file_name(t, "", name, sizeof(name));
	u->file = openat(u->place, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	u->whole = u->file >= 0;
	if (!u->whole) {
		file_name(t, ".part", name, sizeof(name));
		u->file = openat(u->place, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (u->file < 0)
			return trouble(t, name, errno);
		if (fcntl(u->file, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES))
			return transfer_fail(
			    t, UPLOAD_LATER, "another program is writing this clip there");
	}
	if (fstat(u->file, &st) < 0)
		return trouble(t, name, errno);
	if (!S_ISREG(st.st_mode))
		return transfer_fail(t, UPLOAD_REFUSED, "%s is there but is not a file", name);
	u->present_bytes = (uint64_t)st.st_size;
	u->at_bytes = 0;
	u->compared = false;
	return ACT_DONE;
}

static enum act_result dir_create(struct transfer *t)
{
	struct dir *s = t->dest->own;
	enum act_result r;
	int err;

	if (!asset_is_plain(t))
		return transfer_fail(t, UPLOAD_REFUSED, "the asset id is not 64 hex digits");
	r = check_folder(t);
	if (r != ACT_DONE)
		return r;
	if (!s->marker[0]) {
		err = make_marker(s);
		if (err < 0)
			return trouble(t, MARKER, -err);
	}
	snprintf(t->address, sizeof(t->address), "%.2s/%.64s", t->upload.asset, t->upload.asset);
	t->offset_known = false;
	return ACT_DONE;
}

/* ---- query: what is there is believed only as far as it equals the clip ---- */

/* Reads exactly len bytes, or fails with -errno; -ENODATA at the end of the file. */
static int read_all(int fd, unsigned char *to, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* A finished file that is not the clip: moved aside, never overwritten or removed. */
static enum act_result move_aside(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char name[ID_LEN + 16];
	char aside[ID_LEN + 48];

	file_name(t, "", name, sizeof(name));
	snprintf(aside, sizeof(aside), "%s.damaged-%lld", name, (long long)time(NULL));
	if (renameat(u->place, name, u->place, aside) < 0 || fsync(u->place) < 0)
		return trouble(t, aside, errno);
	log_warn("damaged-copy", "asset=%.16s moved-to=\"%s\"", name, aside);
	return open_file(t) == ACT_DONE ? ACT_AGAIN : ACT_FAILED;
}

static enum act_result compared(struct transfer *t, uint64_t equal_bytes)
{
	struct dir_upload *u = t->own;

	if (u->whole && (equal_bytes != u->present_bytes || equal_bytes != t->upload.size_bytes))
		return move_aside(t);
	if (!u->whole && equal_bytes != u->present_bytes &&
	    ftruncate(u->file, (off_t)equal_bytes) < 0)
		return trouble(t, "truncate", errno);
	u->compared = true;
	u->durable_bytes = 0;
	t->offset_bytes = equal_bytes;
	t->offset_known = true;
	return ACT_DONE;
}

static enum act_result compare_slice(struct transfer *t)
{
	struct dir_upload *u = t->own;
	uint64_t end =
	    u->present_bytes < t->upload.size_bytes ? u->present_bytes : t->upload.size_bytes;

	for (size_t done = 0; done < SLICE_BYTES && u->at_bytes < end; done += BUFFER_BYTES) {
		size_t len =
		    end - u->at_bytes < BUFFER_BYTES ? (size_t)(end - u->at_bytes) : BUFFER_BYTES;
		int err = read_all(t->fd, buffer[0], len, u->at_bytes);

		if (err < 0)
			return transfer_fail(
			    t, UPLOAD_SOURCE, "the station's copy: %s", strerror(-err));
		err = read_all(u->file, buffer[1], len, u->at_bytes);
		if (err < 0 || memcmp(buffer[0], buffer[1], len) != 0)
			return compared(t, u->at_bytes);
		u->at_bytes += len;
	}
	return u->at_bytes < end ? ACT_AGAIN : compared(t, end);
}

static enum act_result dir_query(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char expected[PROTO_ADDRESS_LEN];
	enum act_result r;

	if (u->file >= 0 && !u->compared)
		return compare_slice(t);
	if (!asset_is_plain(t))
		return transfer_fail(t, UPLOAD_REFUSED, "the asset id is not 64 hex digits");
	snprintf(expected, sizeof(expected), "%.2s/%.64s", t->upload.asset, t->upload.asset);
	if (strcmp(expected, t->address) != 0) {
		(void)transfer_ask(t, UPLOAD_LATER, "the address on record is not of this layout");
		return ACT_GONE;
	}
	r = check_folder(t);
	if (r == ACT_DONE)
		r = open_place(t);
	if (r == ACT_DONE)
		r = open_file(t);
	return r == ACT_DONE ? ACT_AGAIN : r;
}

/* ---- append ---- */

static enum act_result write_failed(struct transfer *t, const char *what, int err)
{
	struct dir_upload *u = t->own;
	char name[ID_LEN + 16];

	/* After EIO nobody knows which pages reached the disk: none of them is used again. */
	if (err == EIO) {
		file_name(t, ".part", name, sizeof(name));
		unlinkat(u->place, name, 0);
		drop_file(u);
	}
	return trouble(t, what, err);
}

static int write_all(int fd, const unsigned char *from, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static enum act_result dir_append(struct transfer *t)
{
	struct dir_upload *u = t->own;
	uint64_t size = t->upload.size_bytes;

	for (size_t done = 0; done < SLICE_BYTES && t->offset_bytes < size; done += BUFFER_BYTES) {
		uint64_t left = size - t->offset_bytes;
		size_t len = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
		int err = read_all(t->fd, buffer[0], len, t->offset_bytes);

		if (err < 0)
			return transfer_fail(
			    t, UPLOAD_SOURCE, "the station's copy: %s", strerror(-err));
		err = write_all(u->file, buffer[0], len, t->offset_bytes);
		if (err < 0)
			return write_failed(t, "write", -err);
		t->offset_bytes += len;
		t->sent_bytes += len;
	}
	if (t->offset_bytes - u->durable_bytes >= DURABLE_BYTES) {
		if (fdatasync(u->file) < 0)
			return write_failed(t, "fdatasync", errno);
		u->durable_bytes = t->offset_bytes;
	}
	return ACT_DONE;
}

/* ---- finish ---- */

static json_t *describe(const struct transfer *t)
{
	const struct proto_upload *q = &t->upload;
	char digest[2 * PROTO_SHA256_LEN + 1];
	json_t *j;

	for (size_t i = 0; i < PROTO_SHA256_LEN; i++)
		snprintf(digest + 2 * i, 3, "%02x", q->sha256[i]);
	j = json_pack("{s:s, s:s, s:I, s:s, s:s}", "asset", q->asset, "sha256", digest, "length",
	    (json_int_t)q->size_bytes, "station", t->dest->station, "kind",
	    destination_kind(q->kind));
	if (!j)
		return NULL;
	/* A name that is no UTF-8 is given byte by byte: nothing of it is dropped. */
	if (json_object_set_new(j, "name", json_string(q->name)) < 0) {
		json_t *bytes = json_array();

		for (size_t i = 0; q->name[i]; i++)
			json_array_append_new(bytes, json_integer((unsigned char)q->name[i]));
		json_object_set_new(j, "name-bytes", bytes);
	}
	json_object_set_new(j, "camera", json_string(q->camera));
	if (q->recorded_s != PROTO_NO_TIME)
		json_object_set_new(j, "recorded", json_integer(q->recorded_s));
	return j;
}

static int write_description(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char part[ID_LEN + 16], name[ID_LEN + 16];
	json_t *j = describe(t);
	char *text = j ? json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	int err = -ENOMEM;
	int fd = -1;

	if (!text)
		goto out;
	file_name(t, ".json.part", part, sizeof(part));
	file_name(t, ".json", name, sizeof(name));
	fd = openat(u->place, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	err = write_all(fd, (const unsigned char *)text, strlen(text), 0);
	if (!err && fsync(fd) < 0)
		err = -errno;
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && renameat(u->place, part, u->place, name) < 0)
		err = -errno;
out:
	free(text);
	json_decref(j);
	return err;
}

/* Durable, described, then under its final name: what has that name is whole. */
static enum act_result rename_whole(struct transfer *t)
{
	const struct dir *s = t->dest->own;
	struct dir_upload *u = t->own;
	char part[ID_LEN + 16], name[ID_LEN + 16];
	int err;

	/* It may stand there since a run that ended before its name was durable. */
	if (u->whole)
		return fsync(u->file) < 0 || fsync(u->place) < 0 || fsync(s->folder) < 0 ?
		    trouble(t, "fsync", errno) :
		    ACT_DONE;
	if (fdatasync(u->file) < 0)
		return write_failed(t, "fdatasync", errno);
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_DONTNEED);
	err = write_description(t);
	if (err < 0)
		return trouble(t, "description", -err);
	file_name(t, ".part", part, sizeof(part));
	file_name(t, "", name, sizeof(name));
	handover("uploader-dir-rename");
	if (renameat(u->place, part, u->place, name) < 0)
		return trouble(t, "rename", errno);
	if (fsync(u->place) < 0)
		return trouble(t, "fsync of the folder", errno);
	return ACT_DONE;
}

static enum act_result open_again(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char name[ID_LEN + 16];
	enum act_result r = rename_whole(t);

	if (r != ACT_DONE)
		return r;
	if (close(u->file) < 0) {
		u->file = -1;
		return trouble(t, "close", errno);
	}
	file_name(t, "", name, sizeof(name));
	u->file = openat(u->place, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (u->file < 0)
		return trouble(t, "open again", errno);
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_DONTNEED);
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_SEQUENTIAL);
	u->whole = u->renamed = true;
	u->at_bytes = 0;
	return EVP_DigestInit_ex(u->back, EVP_sha256(), NULL) == 1 ?
	    ACT_AGAIN :
	    transfer_fail(t, UPLOAD_LATER, "the digest failed");
}

static enum act_result give_receipt(struct transfer *t)
{
	struct dir_upload *u = t->own;
	struct proto_receipt *p = &t->receipt;
	const struct dir *s = t->dest->own;
	bool another = disk_is_another(SYSFS, t->fd, u->file);

	if (EVP_DigestFinal_ex(u->back, p->sha256, NULL) != 1)
		return transfer_fail(t, UPLOAD_LATER, "the digest failed");
	p->level = another ? LEVEL_READBACK : LEVEL_LOCAL;
	p->length_bytes = u->at_bytes;
	p->raw_len = (uint32_t)snprintf((char *)p->raw, sizeof(p->raw),
	    "destination %s, read back %llu bytes, %s", s->marker, (unsigned long long)u->at_bytes,
	    another ? "on another disk" :
		      "on the station's own disk, or on one that cannot be told");
	return ACT_DONE;
}

static enum act_result dir_finish(struct transfer *t)
{
	struct dir_upload *u = t->own;

	if (!u->renamed)
		return open_again(t);
	for (size_t done = 0; done < SLICE_BYTES; done += BUFFER_BYTES) {
		ssize_t n = pread(u->file, buffer[0], BUFFER_BYTES, (off_t)u->at_bytes);

		if (n < 0)
			return trouble(t, "reading back", errno);
		if (n == 0)
			return give_receipt(t);
		if (EVP_DigestUpdate(u->back, buffer[0], (size_t)n) != 1)
			return transfer_fail(t, UPLOAD_LATER, "the digest failed");
		u->at_bytes += (uint64_t)n;
	}
	return ACT_AGAIN;
}

const struct driver dir_driver = {
	.name = "dir",
	.id = DESTINATION_DIR,
	.open = dir_open,
	.begin = dir_begin,
	.create = dir_create,
	.query = dir_query,
	.append = dir_append,
	.finish = dir_finish,
	.end = dir_end,
};
