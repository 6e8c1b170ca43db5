/*
 * msc_listing: tells every file on the volumes of a disk.
 *
 * Part of the mass-storage driver. The camera may be writing while it is read, and no lock stands
 * between us: all is read twice, the tables forgotten in between, and told only the second time;
 * where the two differ, a third reading shows whether it has come to rest.
 */
#include "../../dockd/base/proto_object.h"
#include "../name.h"
#include "../pattern.h"
#include "msc_camera.h"

#include <errno.h>
#include <stdio.h>

struct reading {
	struct camera *camera;
	struct proto_listed *out;
	uint32_t storage;
	bool tells; /* OBJECTs; else for the digests alone */
	bool stopped;
	uint32_t rows;
	uint64_t names, all; /* digests: which files there are; with their sizes and times */
};

/* Told apart is what changes by itself, not what somebody forges. */
static uint64_t mix(uint64_t digest, uint64_t value)
{
	return (digest ^ value) * 0x9E3779B97F4A7C15ull + (digest >> 29);
}

static bool visit(void *arg, const char *path, bool path_cut, const struct volume_file *file)
{
	struct reading *r = arg;
	uint64_t name = name_hash(path, strlen(path));
	struct proto_object object = {
		.storage = r->storage,
		.handle = file->entry,
		.kind = pattern_kind(&r->camera->attach, path),
		.size_bytes = file->size_bytes,
		.told_bytes = file->told_bytes,
		.mtime_s = file->mtime_s == VOLUME_NO_TIME ? PROTO_NO_TIME : file->mtime_s,
	};

	if (r->rows >= r->camera->attach.max_objects) {
		r->out->truncated = 1;
		return false;
	}
	if (camera_stopping()) {
		r->stopped = true;
		return false;
	}
	r->rows++;
	r->names = mix(mix(mix(r->names, name), r->storage), file->entry);
	r->all = mix(mix(mix(r->all, name), r->storage), file->entry);
	r->all = mix(mix(r->all, file->size_bytes), (uint64_t)file->mtime_s);
	r->all = mix(r->all, file->flags);
	if (!r->tells)
		return true;
	if (file->flags & VOLUME_READ_ONLY)
		object.flags |= OBJECT_PROTECTED;
	if (file->flags & VOLUME_NAME_ODD)
		object.flags |= OBJECT_NAME_ODD;
	if (file->flags & VOLUME_CUT)
		object.flags |= OBJECT_CUT;
	if (file->flags & VOLUME_SHARED)
		object.flags |= OBJECT_SHARED;
	if (file->flags & VOLUME_UNFINISHED)
		object.flags |= OBJECT_UNFINISHED;
	if (path_cut)
		object.flags |= OBJECT_PATH_CUT;
	camera_text(object.path, sizeof(object.path), path);
	camera_tell_object(&object);
	r->out->objects++;
	return true;
}

static void note(struct reading *r, int status, const char *text)
{
	if (status < 0 && r->out->status == 0)
		r->out->status = status;
	if (!r->out->text[0])
		camera_text(r->out->text, sizeof(r->out->text), text);
}

/* One volume. 0, what it could not give noted; -errno where nothing more can be read. */
static int read_volume(struct reading *r, size_t at)
{
	struct camera *c = r->camera;
	struct volume_report report = { 0 };
	char text[PROTO_TEXT_LEN];
	int err;

	r->storage = c->volume[at].storage;
	err = msc_use(c, at);
	if (err == 0) {
		msc_forget(c);
		err = volume_walk(c->open, visit, r, &report);
	}
	if (err == -EIO || err == -ENOTSUP) {
		snprintf(text, sizeof(text), "volume 0x%08x: too damaged to be read", r->storage);
		if (r->tells) {
			note(r, -EIO, text);
			r->out->damaged++;
		}
		return 0;
	}
	if (err < 0 || !r->tells)
		return err;
	r->out->damaged += report.damaged;
	r->out->skipped += report.unread;
	if (report.unread)
		note(r, -EIO, report.text[0] ? report.text : "folders that the card cannot give");
	else if (report.damaged)
		note(r, 0, report.text);
	return 0;
}

/* All volumes once. */
static int read_all(struct reading *r, struct camera *c, struct proto_listed *out, bool tells)
{
	*r = (struct reading){ .camera = c, .out = out, .tells = tells };
	for (size_t i = 0; i < c->volumes; i++) {
		int err = read_volume(r, i);

		if (err < 0 || r->stopped)
			return err;
	}
	return 0;
}

int msc_list(struct camera *c, struct proto_listed *out, struct proto_reason *why)
{
	struct reading before, told = { 0 }, after;
	int r;

	memset(out, 0, sizeof(*out));
	r = read_all(&before, c, out, false);
	out->truncated = 0;
	if (r == 0 && !before.stopped)
		r = read_all(&told, c, out, true);
	after = told = r == 0 && !before.stopped ? told : before;
	if (r == 0 && !told.stopped && told.all != before.all)
		r = read_all(&after, c, out, false);
	if (r < 0)
		return msc_fault(r, "listing", why);
	c->counted = false;
	if (before.stopped || told.stopped || after.stopped) {
		out->status = -ECANCELED;
		camera_text(out->text, sizeof(out->text), "stopped");
	} else if (after.names != told.names) {
		note(&told, -EIO, "the camera is writing: files come and go while it is listed");
	} else if (after.all != told.all) {
		note(&told, 0, "the camera is writing: files change while they are listed");
	}
	/* what is there and was not opened is as good as a folder that the card cannot give */
	out->skipped += c->unread;
	out->damaged += c->damaged;
	if (c->odd[0])
		note(&told, c->unread ? -EIO : 0, c->odd);
	return 0;
}
