/*
 * ptp_listing: walks a PTP camera's folders and tells every file.
 *
 * Part of the PTP driver. Depth first, without recursion: a stack of folders whose handles are
 * asked for when they are entered. A handle is told once, whatever the camera answers; depth,
 * objects and folders are bounded.
 */
#include "../name.h"
#include "../pattern.h"
#include "ptp_camera.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 32
#define OBJECT_NAME_ROOM (PTP_TEXT_LEN + 20)
#define LIST_WORTH 4 /* objects of a folder from which on one answer for all is worth asking */
#define LIST_BYTES_MAX (2u << 20)

struct folder {
	uint32_t *handles;
	size_t count, next;
	size_t path_len; /* of the folder's own path */
	uint8_t *list; /* its objects' properties in one answer, in the order of handles; or NULL */
	struct buf at; /* in list */
	uint32_t left; /* elements of list still to come */
};

struct walk {
	struct camera *camera;
	struct proto_listed *out;
	struct folder stack[DEPTH_MAX];
	size_t depth;
	uint32_t *seen; /* open addressing; 0 is free, and no valid handle */
	size_t seen_size, seen_count;
	char path[DEPTH_MAX * OBJECT_NAME_ROOM];
};

/* ---- handles seen ---- */

static void put_seen(uint32_t *table, size_t size, uint32_t handle)
{
	size_t at = (handle * 2654435761u) & (size - 1);

	while (table[at] != 0)
		at = (at + 1) & (size - 1);
	table[at] = handle;
}

/* Whether the handle was met before; it is remembered from now on. 1, 0 or -ENOMEM. */
static int seen_before(struct walk *w, uint32_t handle)
{
	size_t at = (handle * 2654435761u) & (w->seen_size - 1);

	for (; w->seen[at] != 0; at = (at + 1) & (w->seen_size - 1)) {
		if (w->seen[at] == handle)
			return 1;
	}
	if (2 * (w->seen_count + 1) > w->seen_size) {
		size_t size = 2 * w->seen_size;
		uint32_t *table = calloc(size, sizeof(*table));

		if (!table)
			return -ENOMEM;
		for (size_t i = 0; i < w->seen_size; i++) {
			if (w->seen[i])
				put_seen(table, size, w->seen[i]);
		}
		free(w->seen);
		w->seen = table;
		w->seen_size = size;
	}
	put_seen(w->seen, w->seen_size, handle);
	w->seen_count++;
	return 0;
}

/* Notes the first thing that could not be read. */
static void note(struct walk *w, int status, const char *what, uint32_t handle, uint16_t code)
{
	if (w->out->status)
		return;
	w->out->status = status;
	snprintf(w->out->text, sizeof(w->out->text), "%s 0x%08x: the camera answers 0x%04x", what,
	    handle, code);
}

/* ---- all of a folder in one answer (MTP 1.1 E.2: GetObjectPropList) ---- */

static void drop_list(struct folder *f)
{
	free(f->list);
	f->list = NULL;
}

static bool list_begin(struct folder *f, size_t len)
{
	f->at = buf_of(f->list, len);
	f->left = buf_u32(&f->at);
	return !f->at.broken;
}

/*
 * Asks for it, and keeps it where the camera tells of the first object what ObjectInfo tells, since
 * that is what is compared before pulling and erasing. 0 or -errno; it is not used where anything
 * is odd.
 */
static int ask_list(struct walk *w, struct folder *f, uint32_t folder)
{
	const uint32_t params[] = { folder, 0, 0xFFFFFFFFu, 0, 1 };
	struct camera *c = w->camera;
	struct session *s = &c->session;
	struct ptp_object known, told;
	uint16_t code;
	int r;

	if (!c->prop_list || f->count < LIST_WORTH || folder == PTP_ROOT)
		return 0;
	r = ptp_object_info(c, f->handles[0], &known, &code);
	if (r < 0 || code != PTP_OK)
		return r;
	r = session_call(s, PTP_GET_OBJECT_PROP_LIST, params, 5, LIST_BYTES_MAX);
	if (r < 0)
		return r;
	if (s->reply.code != PTP_OK) {
		c->prop_list = false;
		return 0;
	}
	if (s->reply.payload_bytes > s->body_len || s->body_len == 0)
		return 0;
	f->list = malloc(s->body_len);
	if (!f->list)
		return -ENOMEM;
	memcpy(f->list, s->body, s->body_len);
	if (!list_begin(f, s->body_len) ||
	    !ptp_object_from_list(&f->at, &f->left, f->handles[0], &told) ||
	    told.format != known.format || told.protection != known.protection ||
	    told.mtime_s != known.mtime_s || strcmp(told.name, known.name) != 0 ||
	    (told.format != PTP_FORMAT_FOLDER && told.size_bytes != known.size_bytes)) {
		c->prop_list = false;
		drop_list(f);
		return 0;
	}
	list_begin(f, s->body_len);
	return 0;
}

/* What the camera says of the folder's next object. As ptp_object_info. */
static int next_info(
    struct walk *w, struct folder *f, uint32_t handle, struct ptp_object *o, uint16_t *code)
{
	*code = PTP_OK;
	if (f->list && ptp_object_from_list(&f->at, &f->left, handle, o))
		return 0;
	if (f->list) {
		log_info("camera-list-odd", "handle=0x%08x", handle);
		w->camera->prop_list = false;
		drop_list(f);
	}
	return ptp_object_info(w->camera, handle, o, code);
}

/* ---- the walk ---- */

/* Asks for a folder's handles and puts it on the stack. path_len: of its path in w->path. */
static int enter(struct walk *w, uint32_t storage, uint32_t folder, size_t path_len)
{
	const uint32_t params[] = { storage, 0, folder };
	struct session *s = &w->camera->session;
	size_t max = w->camera->attach.max_objects + 1024;
	struct folder *f;
	long n;
	int r;

	if (w->depth == DEPTH_MAX) {
		note(w, -EIO, "too deep: folder", folder, 0);
		return 0;
	}
	r = session_call(s, PTP_GET_OBJECT_HANDLES, params, 3, 4 + 4 * max);
	if (r < 0)
		return r;
	if (s->reply.code != PTP_OK) {
		note(w, -EIO, "folder", folder, s->reply.code);
		return 0;
	}
	f = &w->stack[w->depth];
	*f = (struct folder){ .path_len = path_len };
	if (s->body_len >= 8) {
		f->handles = malloc(s->body_len);
		if (!f->handles)
			return -ENOMEM;
	}
	n = ptp_array_read(s->body, s->body_len, f->handles, f->handles ? s->body_len / 4 - 1 : 0);
	if (n < 0)
		note(w, -EIO, "folder", folder, s->reply.code);
	if (s->reply.payload_bytes > s->body_len)
		w->out->truncated = 1;
	f->count = n > 0 ? (size_t)n : 0;
	w->depth++;
	return ask_list(w, f, folder);
}

static void leave(struct walk *w)
{
	w->depth--;
	drop_list(&w->stack[w->depth]);
	free(w->stack[w->depth].handles);
}

static void tell(struct walk *w, uint32_t handle, const struct ptp_object *o, bool odd)
{
	struct proto_object object = {
		.storage = o->storage,
		.handle = handle,
		.kind = pattern_kind(&w->camera->attach, w->path),
		.size_bytes = o->size_bytes,
		.told_bytes = o->size_bytes,
		.mtime_s = o->mtime_s,
	};

	if (o->protection != 0)
		object.flags |= OBJECT_PROTECTED;
	if (odd)
		object.flags |= OBJECT_NAME_ODD;
	if (name_path(w->path, object.path))
		object.flags |= OBJECT_PATH_CUT;
	camera_tell_object(&object);
	w->out->objects++;
}

/* One object of the folder on top of the stack: told, or entered. */
static int visit(struct walk *w, uint32_t storage, uint32_t handle)
{
	struct folder *top = &w->stack[w->depth - 1];
	size_t base = top->path_len;
	char name[OBJECT_NAME_ROOM];
	struct ptp_object o;
	uint16_t code;
	bool odd;
	int r = handle == 0 || handle == PTP_ROOT ? 1 : seen_before(w, handle);

	if (r != 0) {
		drop_list(top);
		w->out->skipped++;
		return r < 0 ? r : 0;
	}
	r = next_info(w, top, handle, &o, &code);
	if (r < 0)
		return r;
	if (code != PTP_OK) {
		w->out->skipped++;
		note(w, -EIO, "object", handle, code);
		return 0;
	}
	odd = name_clean(o.name, o.name_odd, name, sizeof(name));
	o.storage = storage;
	snprintf(w->path + base, sizeof(w->path) - base, "%s%s", base ? "/" : "", name);
	if (o.format == PTP_FORMAT_FOLDER)
		return enter(w, storage, handle, strlen(w->path));
	tell(w, handle, &o, odd);
	return 0;
}

static int walk_storage(struct walk *w, uint32_t storage)
{
	uint32_t limit = w->camera->attach.max_objects;
	int r = enter(w, storage, PTP_ROOT, 0);

	while (r == 0 && w->depth > 0) {
		struct folder *top = &w->stack[w->depth - 1];

		if (w->out->objects >= limit || w->seen_count >= 2 * (size_t)limit) {
			if (top->next < top->count)
				w->out->truncated = 1;
			leave(w);
		} else if (top->next >= top->count || !top->handles) {
			leave(w);
		} else if (camera_stopping()) {
			w->out->status = -ECANCELED;
			snprintf(w->out->text, sizeof(w->out->text), "stopped");
			return 0;
		} else {
			r = visit(w, storage, top->handles[top->next++]);
		}
	}
	return r;
}

int ptp_list(struct camera *c, struct proto_listed *out, struct proto_reason *why)
{
	struct walk *w = calloc(1, sizeof(*w));
	uint32_t ids[PTP_LISTING_STORAGES];
	int n = 0;
	int r = -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (!w)
		goto out;
	c->session.renewed = false;
	w->camera = c;
	w->out = out;
	w->seen_size = 1024;
	w->seen = calloc(w->seen_size, sizeof(*w->seen));
	if (!w->seen)
		goto out;
	r = n = ptp_storage_ids(c, ids);
	/* Locked, busy or without its card: nothing was seen, which is not that nothing is there. */
	if (n == 0)
		note(w, -EIO, "no storage", 0, c->session.reply.code);
	for (int i = 0; i < n; i++) {
		r = walk_storage(w, ids[i]);
		while (w->depth > 0)
			leave(w);
		if (r < 0 || out->status == -ECANCELED)
			break;
	}
out:
	if (w)
		free(w->seen);
	free(w);
	return r < 0 ? ptp_fault(c, r, "listing", why) : 0;
}
