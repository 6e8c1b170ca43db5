#include "dir.h"

#include "facts.h"

#include "../dockd/base/handover.h"
#include "../dockd/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTION_MAX 65536

static enum act_result cannot(struct transfer *t, const char *text)
{
	transfer_state(t, "cannot");
	return transfer_fail(t, UPLOAD_CANNOT, "%s", text);
}

static enum act_result differs(struct transfer *t, const char *text)
{
	transfer_state(t, "differs");
	return transfer_fail(t, UPLOAD_DIFFERS, "%s", text);
}

/* Nothing is concluded about a file unless the folder is the one that it was, and is there. */
static enum act_result check(struct transfer *t)
{
	const struct dir_upload *u = t->own;

	if (!u->plain || strcmp(u->spot.address, t->address) != 0)
		return cannot(t, "the address on record is not of this folder's layout");
	return folder_check(t);
}

static enum act_result missing(struct transfer *t)
{
	enum act_result r = check(t);

	if (r != ACT_DONE)
		return r;
	(void)transfer_ask(t, UPLOAD_LOST, "the folder is there, the file is not in it");
	return ACT_GONE;
}

static enum act_result open_place(struct transfer *t)
{
	struct dir_upload *u = t->own;
	enum act_result r = check(t);

	if (r != ACT_DONE)
		return r;
	if (u->place >= 0)
		close(u->place);
	u->place = folder_place(t->dest->own, &u->spot, false);
	if (u->place == -ENOENT)
		return missing(t);
	return u->place < 0 ? folder_trouble(t, "folder", -u->place) : ACT_DONE;
}

static enum act_result other_size(struct transfer *t, uint64_t size_bytes)
{
	transfer_state(t, "differs");
	return transfer_fail(t, UPLOAD_DIFFERS, "it has %llu bytes there instead of %llu",
	    (unsigned long long)size_bytes, (unsigned long long)t->upload.size_bytes);
}

/* Opens the file for reading back; its size and kind are looked at first. */
static enum act_result open_file(struct transfer *t)
{
	struct dir_upload *u = t->own;
	struct stat st;
	int err;

	if (fstatat(u->place, u->spot.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? missing(t) : folder_trouble(t, "file", errno);
	if (!S_ISREG(st.st_mode))
		return differs(t, "what is there is not a file");
	if ((uint64_t)st.st_size != t->upload.size_bytes)
		return other_size(t, (uint64_t)st.st_size);
	err = dir_open_back(u);
	if (err == -ENOENT)
		return missing(t);
	return err < 0 ? folder_trouble(t, "open", -err) : ACT_DONE;
}

/* ACT_DONE: all of it was read, and it has the digest that it must have. */
static enum act_result read_back(struct transfer *t)
{
	struct dir_upload *u = t->own;
	const struct proto_receipt *p = &t->receipt;
	enum act_result r = dir_read_slice(t);

	if (r == ACT_AGAIN)
		return r;
	close(u->file);
	u->file = -1;
	if (r != ACT_DONE)
		return r;
	if (p->length_bytes != t->upload.size_bytes ||
	    memcmp(p->sha256, t->upload.sha256, sizeof(p->sha256)) != 0)
		return differs(t, "it has another SHA-256 there");
	return ACT_DONE;
}

enum act_result dir_confirm(struct transfer *t)
{
	struct dir_upload *u = t->own;
	struct proto_receipt *p = &t->receipt;
	enum act_result r;

	if (u->file < 0) {
		r = open_place(t);
		if (r == ACT_DONE)
			r = open_file(t);
		return r == ACT_DONE ? ACT_AGAIN : r;
	}
	r = read_back(t);
	if (r != ACT_DONE)
		return r;
	/* Whether that is another disk than the clip's was said by the receipt of its upload. */
	p->level = t->dest->ready.level;
	p->raw_len = (uint32_t)snprintf((char *)p->raw, sizeof(p->raw),
	    "destination %s, read again %llu bytes", ((struct folder *)t->dest->own)->marker,
	    (unsigned long long)p->length_bytes);
	return ACT_DONE;
}

/* ---- removal ---- */

/* The text of ASSETID.json, NUL-terminated, or NULL. The caller frees it. */
static char *read_description(const struct dir_upload *u)
{
	char name[FOLDER_NAME_LEN + 16];
	char *text = NULL;
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "%s.json", u->spot.name);
	fd = folder_file(u->place, name, O_RDONLY);
	if (fd < 0)
		return NULL;
	text = calloc(1, DESCRIPTION_MAX + 1);
	if (text)
		n = read(fd, text, DESCRIPTION_MAX);
	close(fd);
	if (n > 0)
		return text;
	free(text);
	return NULL;
}

enum dir_described dir_described(const struct transfer *t)
{
	char *text = read_description(t->own);
	json_t *j = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *asset = json_string_value(json_object_get(j, "asset"));
	const char *sha256 = json_string_value(json_object_get(j, "sha256"));
	const char *station = json_string_value(json_object_get(j, "station"));
	enum dir_described what = DESCRIBED_NOT;
	struct facts facts;

	facts_of(&t->upload, t->dest->station, &facts);
	if (asset && sha256)
		what = strcmp(asset, t->upload.asset) != 0 || strcmp(sha256, facts.text[0]) != 0 ?
		    DESCRIBED_ANOTHER :
		    station && strcmp(station, t->dest->station) != 0 ? DESCRIBED_ELSEWHERE :
									DESCRIBED_OURS;
	json_decref(j);
	free(text);
	return what;
}

/* ACT_DONE: what is there is this asset's. Without a description beside it all of it is read. */
static enum act_result check_file(struct transfer *t)
{
	struct dir_upload *u = t->own;
	enum act_result r;

	if (u->file >= 0)
		return read_back(t);
	r = open_file(t);
	if (r != ACT_DONE)
		return r;
	switch (dir_described(t)) {
	case DESCRIBED_OURS:
		close(u->file);
		u->file = -1;
		return ACT_DONE;
	case DESCRIBED_ANOTHER:
		return differs(t, "the description beside it is another's");
	case DESCRIBED_ELSEWHERE:
		transfer_state(t, "another-station");
		return transfer_fail(t, UPLOAD_CANNOT,
		    "another station has put it there since, and goes by it: dispose of it there");
	case DESCRIBED_NOT:
		break;
	}
	return ACT_AGAIN;
}

/* Copies of this asset that were found damaged and moved aside: they are footage too. */
static int drop_damaged(const struct dir_upload *u)
{
	char prefix[FOLDER_NAME_LEN + 16];
	int fd = openat(u->place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t len;
	int err = 0;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	len = (size_t)snprintf(prefix, sizeof(prefix), "%s.damaged-", u->spot.name);
	while (!err && (e = readdir(dir))) {
		const char *rest = e->d_name + len;

		if (strncmp(e->d_name, prefix, len) != 0 ||
		    rest[strspn(rest, "0123456789")] != '\0')
			continue;
		if (unlinkat(u->place, e->d_name, 0) < 0 && errno != ENOENT)
			err = -errno;
	}
	closedir(dir);
	return err;
}

static int drop(const struct dir_upload *u, const char *suffix)
{
	char name[FOLDER_NAME_LEN + 16];

	snprintf(name, sizeof(name), "%s%s", u->spot.name, suffix);
	return unlinkat(u->place, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* All that is this asset's, the file first: a removal that is cut short is done again. */
static enum act_result drop_all(struct transfer *t)
{
	static const char *const beside[] = { ".part", ".bundle", ".bundle.part", ".json",
		".json.part" };
	const struct dir_upload *u = t->own;
	bool asset = !facts_is_side(&t->upload);
	int err = drop(u, "");

	if (!err && fsync(u->place) < 0)
		err = -errno;
	handover("uploader-dir-remove");
	for (size_t i = 0; !err && i < sizeof(beside) / sizeof(beside[0]); i++)
		err = asset || i == 0 ? drop(u, beside[i]) : 0;
	if (!err && asset)
		err = drop_damaged(u);
	if (!err && fsync(u->place) < 0)
		err = -errno;
	return err < 0 ? folder_trouble(t, "removing", -err) : ACT_DONE;
}

enum act_result dir_remove(struct transfer *t)
{
	enum act_result r, dropped;

	if (!(t->dest->conf.flags & DESTINATION_DISPOSE))
		return cannot(
		    t, "this store is not dockd's to dispose of: its operator must remove it");
	if (t->upload.kind == KIND_LEDGER || t->upload.kind == KIND_CHECKPOINT)
		return cannot(t, "the continuity ledger is never removed");
	r = open_place(t);
	if (r == ACT_DONE)
		r = facts_is_side(&t->upload) ? ACT_DONE : check_file(t);
	if (r != ACT_DONE && (r != ACT_GONE || ((struct dir_upload *)t->own)->place < 0))
		return r;
	dropped = drop_all(t);
	return dropped == ACT_DONE ? r : dropped;
}

/* ---- abandon ---- */

/* ACT_DONE: nothing of it is whole there; whoever writes at it has been waited for. */
static enum act_result check_unfinished(struct transfer *t)
{
	struct dir_upload *u = t->own;
	char part[FOLDER_NAME_LEN + 16];
	enum act_result r;

	snprintf(part, sizeof(part), "%s.part", u->spot.name);
	u->file = openat(u->place, part, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (u->file < 0 && errno != ENOENT)
		return folder_trouble(t, part, errno);
	r = u->file < 0 ? missing(t) : dir_lock_part(t);
	if (faccessat(u->place, u->spot.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return cannot(t, "it is whole there: what is whole is left alone");
	return r;
}

enum act_result dir_abandon(struct transfer *t)
{
	const struct dir_upload *u = t->own;
	enum act_result r = open_place(t);
	int err;

	if (r == ACT_DONE)
		r = check_unfinished(t);
	if (r != ACT_DONE)
		return r;
	err = drop(u, ".part");
	if (!err)
		err = drop(u, ".json.part");
	if (!err && fsync(u->place) < 0)
		err = -errno;
	return err < 0 ? folder_trouble(t, "giving up", -err) : ACT_DONE;
}
