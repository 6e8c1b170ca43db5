/*
 * dir: the driver for a folder or a mounted NAS.
 *
 * Owns what is written there: a file under NAME.part until it is whole, and ASSETID.json beside an
 * asset. Called by transfer.c. A camera's name is only ever text inside the JSON. All blocking work
 * is done in slices, so that the core is heard between them; a disk or server that hangs in fsync
 * holds up this process, which serves no other destination.
 */
#include "dir.h"

#include "disk.h"
#include "facts.h"
#include "http.h"

#include "../dockd/base/handover.h"
#include "../dockd/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10)
#define DURABLE_BYTES (64u << 20) /* fdatasync at least so often: no minutes of it at the end */

static unsigned char buffer[2][BUFFER_BYTES];

/* ---- one clip ---- */

static void file_name(const struct transfer *t, const char *suffix, char *out, size_t size)
{
	const struct dir_upload *u = t->own;

	snprintf(out, size, "%s%s", u->spot.name, suffix);
}

static enum act_result not_plain(struct transfer *t)
{
	transfer_state(t, "layout");
	return transfer_fail(t, UPLOAD_REFUSED,
	    facts_is_side(&t->upload) ? "the name is not one of letters, digits, '.', '_', '-'" :
					"the asset id is not 64 hex digits");
}

static enum act_result bad_source(struct transfer *t, int err)
{
	transfer_state(t, "source");
	return transfer_fail(t, UPLOAD_SOURCE, "the station's copy: %s", strerror(err));
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
	u->plain = folder_spot(&t->upload, t->dest->station, &u->spot);
	t->own = u;
	if (u->back)
		return 0;
	dir_end(t);
	return -ENOMEM;
}

enum act_result dir_open_place(struct transfer *t, bool make)
{
	struct dir_upload *u = t->own;

	if (u->place < 0)
		u->place = folder_place(t->dest->own, &u->spot, make);
	return u->place < 0 ? folder_trouble(t, "folder", -u->place) : ACT_DONE;
}

enum act_result dir_lock_part(struct transfer *t)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct dir_upload *u = t->own;
	char name[FOLDER_NAME_LEN + 16];
	struct stat here, there;
	bool busy = fcntl(u->file, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES);

	file_name(t, ".part", name, sizeof(name));
	/* Who had the lock until now may have given it its name, or given it up. */
	if (!busy)
		busy = fstat(u->file, &here) < 0 ||
		    fstatat(u->place, name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
		    here.st_ino != there.st_ino || here.st_dev != there.st_dev;
	if (!busy)
		return ACT_DONE;
	transfer_state(t, "busy");
	return transfer_fail(t, UPLOAD_LATER, "another program is writing this clip there");
}

/*
 * Opens what is there of the clip: whole, or the .part (made when it is missing). Another writer
 * at the same .part (a second station, the same clip) is waited for. A side object is written anew.
 */
static enum act_result open_file(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char name[FOLDER_NAME_LEN + 16];
	enum act_result r;
	struct stat st;
	int fd;

	drop_file(u);
	file_name(t, "", name, sizeof(name));
	fd = facts_is_side(&t->upload) ? -ENOENT : folder_file(u->place, name, O_RDONLY);
	/* what is there and cannot be read just now is not written over */
	if (fd == -FOLDER_NO_FILE || fd == -EAGAIN)
		return folder_trouble(t, name, -fd);
	u->whole = fd >= 0;
	if (!u->whole) {
		file_name(t, ".part", name, sizeof(name));
		fd = folder_file(u->place, name, O_RDWR | O_CREAT);
		if (fd < 0)
			return folder_trouble(t, name, -fd);
	}
	u->file = fd;
	if (!u->whole) {
		r = dir_lock_part(t);
		if (r != ACT_DONE)
			return r;
		if (facts_is_side(&t->upload) && ftruncate(u->file, 0) < 0)
			return folder_trouble(t, name, errno);
	}
	if (fstat(u->file, &st) < 0)
		return folder_trouble(t, name, errno);
	u->present_bytes = (uint64_t)st.st_size;
	u->at_bytes = 0;
	u->compared = false;
	return ACT_DONE;
}

/* Whole or begun, by this station or by another one that shares the folder. */
static bool is_there(struct transfer *t)
{
	const struct dir_upload *u = t->own;
	char part[FOLDER_NAME_LEN + 16];
	int place = folder_place(t->dest->own, &u->spot, false);
	bool there;

	if (place < 0)
		return false;
	file_name(t, ".part", part, sizeof(part));
	there = faccessat(place, u->spot.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(place, part, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	close(place);
	return there;
}

static enum act_result dir_create(struct transfer *t)
{
	const struct dir_upload *u = t->own;
	struct folder *s = t->dest->own;
	enum act_result r;
	int err;

	if (!u->plain)
		return not_plain(t);
	r = folder_check(t);
	if (r != ACT_DONE)
		return r;
	if (!s->marker[0]) {
		err = folder_mark(s);
		if (err < 0)
			return folder_trouble(t, FOLDER_MARKER, -err);
		folder_identify(t->dest);
		return ACT_AGAIN; /* the core is told who it is before anything lies there */
	}
	memcpy(t->address, u->spot.address, sizeof(t->address));
	t->found = !facts_is_side(&t->upload) && is_there(t);
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
	char name[FOLDER_NAME_LEN + 16];
	char aside[FOLDER_NAME_LEN + 48];

	file_name(t, "", name, sizeof(name));
	snprintf(aside, sizeof(aside), "%s.damaged-%lld", name, (long long)time(NULL));
	if (renameat(u->place, name, u->place, aside) < 0 || fsync(u->place) < 0)
		return folder_trouble(t, aside, errno);
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
		return folder_trouble(t, "truncate", errno);
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

	for (size_t done = 0; done < DIR_SLICE_BYTES && u->at_bytes < end; done += BUFFER_BYTES) {
		size_t len =
		    end - u->at_bytes < BUFFER_BYTES ? (size_t)(end - u->at_bytes) : BUFFER_BYTES;
		int err = read_all(t->fd, buffer[0], len, u->at_bytes);

		if (err < 0)
			return bad_source(t, -err);
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
	enum act_result r;

	if (u->file >= 0 && !u->compared)
		return compare_slice(t);
	if (!u->plain)
		return not_plain(t);
	if (strcmp(u->spot.address, t->address) != 0) {
		(void)transfer_ask(t, UPLOAD_LATER, "the address on record is not of this layout");
		return ACT_GONE;
	}
	r = folder_check(t);
	if (r == ACT_DONE)
		r = dir_open_place(t, true);
	if (r == ACT_DONE)
		r = open_file(t);
	return r == ACT_DONE ? ACT_AGAIN : r;
}

/* ---- append ---- */

static enum act_result write_failed(struct transfer *t, const char *what, int err)
{
	struct dir_upload *u = t->own;
	char name[FOLDER_NAME_LEN + 16];

	/* After EIO nobody knows which pages reached the disk: none of them is used again. Nor are those
	 * of a file that will never be whole. */
	if (err == EIO || err == EFBIG) {
		file_name(t, ".part", name, sizeof(name));
		unlinkat(u->place, name, 0);
		drop_file(u);
	}
	return folder_trouble(t, what, err);
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

/* How much of it the line has room for: a NAS is at the end of one. 0: when to ask again is set. */
static size_t pay(struct transfer *t, size_t want)
{
	int64_t now_ms = transfer_now_ms();
	unsigned wait_ms;
	size_t n =
	    bucket_take(&t->dest->room->line.bucket, now_ms, t->upload.urgency > 0, want, &wait_ms);

	if (n == 0)
		t->pause_until_ms = now_ms + wait_ms;
	return n;
}

static enum act_result dir_append(struct transfer *t)
{
	struct dir_upload *u = t->own;
	uint64_t size = t->upload.size_bytes, began = t->offset_bytes;

	for (size_t done = 0; done < DIR_SLICE_BYTES && t->offset_bytes < size;
	     done += BUFFER_BYTES) {
		uint64_t left = size - t->offset_bytes;
		size_t len = pay(t, left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES);
		int err;

		if (len == 0)
			return t->offset_bytes > began ? ACT_DONE : ACT_HELD;
		err = read_all(t->fd, buffer[0], len, t->offset_bytes);
		if (err < 0)
			return bad_source(t, -err);
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
	const char *name = t->upload.name;
	struct facts facts;
	json_t *j = json_object();

	facts_of(&t->upload, t->dest->station, &facts);
	for (size_t i = 0; j && i < facts.n; i++)
		json_object_set_new(j, facts.fact[i].key, json_string(facts.fact[i].value));
	json_object_set_new(j, "length", json_integer((json_int_t)t->upload.size_bytes));
	/* A name that is no UTF-8 is given byte by byte: nothing of it is dropped. */
	if (j && name[0] && !json_object_get(j, "name")) {
		json_t *bytes = json_array();

		for (size_t i = 0; name[i]; i++)
			json_array_append_new(bytes, json_integer((unsigned char)name[i]));
		json_object_set_new(j, "name-bytes", bytes);
	}
	return j;
}

static int write_description(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char part[FOLDER_NAME_LEN + 16], name[FOLDER_NAME_LEN + 16];
	json_t *j = describe(t);
	char *text = j ? json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	int err = -ENOMEM;
	int fd = -1;

	if (!text)
		goto out;
	file_name(t, ".json.part", part, sizeof(part));
	file_name(t, ".json", name, sizeof(name));
	fd = folder_file(u->place, part, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0) {
		err = fd;
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
	const struct folder *s = t->dest->own;
	struct dir_upload *u = t->own;
	char part[FOLDER_NAME_LEN + 16], name[FOLDER_NAME_LEN + 16];
	int err;

	/*
	 * It may stand there since a run that ended before its name was durable, or from another
	 * station: that one must not take away what this one has a receipt for.
	 */
	if (u->whole) {
		err = dir_described(t) == DESCRIBED_OURS ? 0 : write_description(t);
		if (err < 0)
			return folder_trouble(t, "description", -err);
		return fsync(u->file) < 0 || fsync(u->place) < 0 || fsync(s->fd) < 0 ?
		    folder_trouble(t, "fsync", errno) :
		    ACT_DONE;
	}
	if (fdatasync(u->file) < 0)
		return write_failed(t, "fdatasync", errno);
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_DONTNEED);
	err = facts_is_side(&t->upload) ? 0 : write_description(t);
	if (err < 0)
		return folder_trouble(t, "description", -err);
	file_name(t, ".part", part, sizeof(part));
	file_name(t, "", name, sizeof(name));
	handover("uploader-dir-rename");
	if (renameat(u->place, part, u->place, name) < 0)
		return folder_trouble(t, "rename", errno);
	if (fsync(u->place) < 0)
		return folder_trouble(t, "fsync of the folder", errno);
	return ACT_DONE;
}

int dir_open_back(struct dir_upload *u)
{
	int fd = u->file;

	u->file = -1;
	if (fd >= 0 && close(fd) < 0)
		return -errno;
	fd = folder_file(u->place, u->spot.name, O_RDONLY);
	if (fd < 0)
		return fd;
	u->file = fd;
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_DONTNEED);
	(void)posix_fadvise(u->file, 0, 0, POSIX_FADV_SEQUENTIAL);
	u->at_bytes = 0;
	return EVP_DigestInit_ex(u->back, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static enum act_result open_again(struct transfer *t)
{
	struct dir_upload *u = t->own;
	enum act_result r = rename_whole(t);
	int err;

	if (r != ACT_DONE)
		return r;
	err = dir_open_back(u);
	if (err < 0)
		return folder_trouble(t, "open again", -err);
	u->whole = u->renamed = true;
	return ACT_AGAIN;
}

enum act_result dir_read_slice(struct transfer *t)
{
	struct proto_receipt *p = &t->receipt;
	struct dir_upload *u = t->own;

	for (size_t done = 0; done < DIR_SLICE_BYTES; done += BUFFER_BYTES) {
		ssize_t n = pread(u->file, buffer[0], BUFFER_BYTES, (off_t)u->at_bytes);

		if (n < 0)
			return folder_trouble(t, "reading back", errno);
		p->length_bytes = u->at_bytes;
		if (n == 0)
			return EVP_DigestFinal_ex(u->back, p->sha256, NULL) == 1 ?
			    ACT_DONE :
			    transfer_fail(t, UPLOAD_LATER, "the digest failed");
		if (EVP_DigestUpdate(u->back, buffer[0], (size_t)n) != 1)
			return transfer_fail(t, UPLOAD_LATER, "the digest failed");
		u->at_bytes += (uint64_t)n;
	}
	return ACT_AGAIN;
}

static enum act_result dir_finish(struct transfer *t)
{
	struct dir_upload *u = t->own;
	struct proto_receipt *p = &t->receipt;
	const struct folder *s = t->dest->own;
	enum act_result r;
	bool another;

	if (!u->renamed)
		return open_again(t);
	r = dir_read_slice(t);
	if (r != ACT_DONE)
		return r;
	another = disk_is_another(DISK_SYSFS, t->fd, u->file);
	p->level = another ? LEVEL_READBACK : LEVEL_LOCAL;
	p->raw_len = (uint32_t)snprintf((char *)p->raw, sizeof(p->raw),
	    "destination %s, read back %llu bytes, %s", s->marker, (unsigned long long)u->at_bytes,
	    another ? "on another disk" :
		      "on the station's own disk, or on one that cannot be told");
	return ACT_DONE;
}

const struct driver dir_driver = {
	.name = "dir",
	.id = DESTINATION_DIR,
	.open = folder_open,
	.look = folder_look,
	.begin = dir_begin,
	.create = dir_create,
	.query = dir_query,
	.append = dir_append,
	.finish = dir_finish,
	.confirm = dir_confirm,
	.remove = dir_remove,
	.abandon = dir_abandon,
	.end = dir_end,
};
