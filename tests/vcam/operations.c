/*
 * operations: the PTP and MTP operations of a simulated camera.
 *
 * Called by responder.c with one whole command; it queues data and response there. Sources: PIMA
 * 15740:2000 (0x10xx), MTP 1.1 (0x98xx), Android's extensions (0x95C1).
 */
#include "operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../dockd/base/buf.h"

static const uint16_t object_props[] = { 0xdc01, 0xdc02, 0xdc03, 0xdc04, 0xdc07, 0xdc08, 0xdc09,
	0xdc0b, 0xdc41 };
#define OBJECT_PROPS (sizeof(object_props) / sizeof(object_props[0]))

void operation_give(struct responder *r, struct dataset *d)
{
	struct faults *fs = &r->camera->faults;
	struct fault *f;

	if (d->last_string && faults_take(fs, HURT_STRING_PAST_END, r->command.code, NULL))
		d->bytes[d->last_string - 1] = 255;
	f = d->first_array ? faults_take(fs, HURT_ARRAY_COUNT, r->command.code, NULL) : NULL;
	if (f)
		buf_put_le(d->bytes + d->first_array - 1, (uint64_t)f->value, 4);
	responder_data(r, d->bytes, d->len);
	responder_answer(r, OK, NULL, 0);
	dataset_free(d);
}

static struct object *named(struct responder *r, uint32_t handle)
{
	return contents_get(&r->camera->contents, handle - r->handle_base);
}

static uint64_t told_size(struct responder *r, const struct object *o)
{
	struct fault *f = faults_take(&r->camera->faults, HURT_INFO_SIZE, 0, o->path);

	return f ? o->size + (uint64_t)f->value : o->size;
}

static int64_t told_time(struct responder *r, const struct object *o)
{
	if (faults_take(&r->camera->faults, HURT_NO_TIME, 0, o->path))
		return NO_TIME;
	return o->mtime;
}

static uint16_t format_of(const struct object *o)
{
	const char *dot = strrchr(o->path, '.');

	if (o->folder)
		return 0x3001; /* Association */
	if (dot && strcasecmp(dot, ".mp4") == 0)
		return 0xb982;
	if (dot && strcasecmp(dot, ".jpg") == 0)
		return 0x3801;
	if (dot && (strcasecmp(dot, ".txt") == 0 || strcasecmp(dot, ".log") == 0))
		return 0x3004;
	return 0x3000;
}

/* ---- session ---- */

static void open_session(struct responder *r)
{
	if (r->session) {
		r->stats.stale_opens++;
		r->next_transaction = 1;
		responder_answer(r, SESSION_ALREADY_OPEN, &r->session_id, 1);
		return;
	}
	if (r->command.params[0] == 0) {
		responder_answer(r, INVALID_PARAMETER, NULL, 0);
		return;
	}
	r->session = true;
	r->session_id = r->command.params[0];
	r->next_transaction = 1;
	r->stats.sessions++;
	if (faults_take(&r->camera->faults, HURT_HANDLES_CHANGE, 0, NULL))
		r->handle_base += 100003;
	responder_answer(r, OK, NULL, 0);
}

static void close_session(struct responder *r)
{
	r->session = false;
	responder_answer(r, OK, NULL, 0);
}

/* ---- storages ---- */

static void get_storage_ids(struct responder *r)
{
	const struct contents *c = &r->camera->contents;
	struct dataset d = { 0 };

	dataset_put_count(&d, (uint32_t)c->storages);
	for (size_t i = 0; i < c->storages; i++)
		dataset_put(&d, c->storage[i].id, 4);
	operation_give(r, &d);
}

/* The index of a storage, or -1. */
static int storage_index(const struct contents *c, uint32_t id)
{
	for (size_t i = 0; i < c->storages; i++) {
		if (c->storage[i].id == id)
			return (int)i;
	}
	return -1;
}

static void get_storage_info(struct responder *r)
{
	const struct contents *c = &r->camera->contents;
	int i = storage_index(c, r->command.params[0]);
	struct dataset d = { 0 };

	if (i < 0) {
		responder_answer(r, INVALID_STORAGE, NULL, 0);
		return;
	}
	dataset_put(&d, 3, 2); /* fixed RAM */
	dataset_put(&d, 2, 2); /* hierarchical */
	dataset_put(&d, c->storage[i].read_only ? 1 : 0, 2);
	dataset_put(&d, c->storage[i].capacity, 8);
	dataset_put(&d, c->storage[i].free, 8);
	dataset_put(&d, ANY, 4);
	dataset_put_text(&d, c->storage[i].name);
	dataset_put_text(&d, c->storage[i].name);
	operation_give(r, &d);
}

/* ---- listing ---- */

/* Whether o is listed for this storage and parent (0 = every object, ANY = the top). */
static bool listed(
    const struct contents *c, const struct object *o, uint32_t storage, uint32_t parent)
{
	if (o->gone || (storage != ANY && c->storage[o->storage].id != storage))
		return false;
	if (parent == 0)
		return true;
	if (parent == ANY)
		return o->parent == 0;
	return o->parent == parent || o->alias == parent;
}

/* The folder that always has more gets a folder of its own kind. */
static void extend_endless(struct responder *r, uint32_t folder)
{
	struct contents *c = &r->camera->contents;
	struct object_plan plan = { .path = "MORE", .folder = true, .mtime = NO_TIME };
	struct object *o = contents_get(c, folder);
	const char *why;

	if (!o || folder != r->camera->endless)
		return;
	plan.storage = o->storage;
	o = contents_add_to(c, folder, &plan, &why);
	if (o)
		r->camera->endless = o->number;
	r->camera->faults.fired[HURT_ENDLESS_LISTING]++;
}

/* Checks storage and parent of a listing command. 0, or the response code. */
static uint16_t listing_of(struct responder *r, uint32_t *parent)
{
	const struct contents *c = &r->camera->contents;
	uint32_t storage = r->command.params[0];
	uint32_t handle = r->command.params[2];

	if (storage != ANY && storage_index(c, storage) < 0)
		return INVALID_STORAGE;
	*parent = handle;
	if (handle == 0 || handle == ANY)
		return 0;
	*parent = handle - r->handle_base;
	if (!contents_get(c, *parent))
		return INVALID_HANDLE;
	if (!c->objects[*parent - 1]->folder)
		return INVALID_PARENT;
	return 0;
}

static void get_object_handles(struct responder *r)
{
	struct contents *c = &r->camera->contents;
	uint32_t format = r->command.params[1];
	struct dataset d = { 0 };
	uint32_t parent, n = 0;
	uint16_t wrong = listing_of(r, &parent);

	if (wrong) {
		responder_answer(r, wrong, NULL, 0);
		return;
	}
	extend_endless(r, parent);
	dataset_put_count(&d, 0);
	for (size_t i = 0; i < c->count; i++) {
		const struct object *o = c->objects[i];

		if (!listed(c, o, r->command.params[0], parent) ||
		    (format && format != ANY && format != format_of(o)))
			continue;
		dataset_put(&d, o->number + r->handle_base, 4);
		n++;
	}
	if (r->command.code == 0x1006) {
		dataset_free(&d);
		responder_answer(r, OK, &n, 1);
		return;
	}
	buf_put_le(d.bytes, n, 4);
	operation_give(r, &d);
}

static void get_object_info(struct responder *r)
{
	const struct contents *c = &r->camera->contents;
	const struct object *o = named(r, r->command.params[0]);
	struct dataset d = { 0 };
	uint64_t size;

	if (!o) {
		responder_answer(r, INVALID_HANDLE, NULL, 0);
		return;
	}
	size = told_size(r, o);
	dataset_put(&d, c->storage[o->storage].id, 4);
	dataset_put(&d, format_of(o), 2);
	dataset_put(&d, o->protected ? 1 : 0, 2);
	dataset_put(&d, size > UINT32_MAX ? UINT32_MAX : size, 4);
	dataset_put(&d, 0, 2); /* thumbnail: format, size, width, height */
	dataset_put(&d, 0, 12);
	dataset_put(&d, 0, 12); /* picture: width, height, depth */
	dataset_put(&d, o->parent ? o->parent + r->handle_base : 0, 4);
	dataset_put(&d, o->folder ? 1 : 0, 2);
	dataset_put(&d, 0, 4);
	dataset_put(&d, 0, 4);
	dataset_put_units(&d, o->name, o->name_units);
	dataset_put_time(&d, told_time(r, o));
	dataset_put_time(&d, told_time(r, o));
	dataset_put_text(&d, "");
	operation_give(r, &d);
}

/* ---- object properties (MTP 1.1 appendix B) ---- */

static uint16_t prop_type(uint16_t prop)
{
	switch (prop) {
	case 0xdc01:
	case 0xdc0b:
		return 6;
	case 0xdc02:
	case 0xdc03:
		return 4;
	case 0xdc04:
		return 8;
	case 0xdc41:
		return 10;
	case 0xdc07:
	case 0xdc08:
	case 0xdc09:
		return 0xffff;
	}
	return 0;
}

static void put_prop(struct responder *r, struct dataset *d, const struct object *o, uint16_t prop)
{
	switch (prop) {
	case 0xdc01:
		dataset_put(d, r->camera->contents.storage[o->storage].id, 4);
		break;
	case 0xdc02:
		dataset_put(d, format_of(o), 2);
		break;
	case 0xdc03:
		dataset_put(d, o->protected ? 1 : 0, 2);
		break;
	case 0xdc04:
		dataset_put(d, told_size(r, o), 8);
		break;
	case 0xdc07:
		dataset_put_units(d, o->name, o->name_units);
		break;
	case 0xdc08:
	case 0xdc09:
		dataset_put_time(d, told_time(r, o));
		break;
	case 0xdc0b:
		dataset_put(d, o->parent ? o->parent + r->handle_base : 0, 4);
		break;
	case 0xdc41:
		dataset_put(d, 0x5643414d00000000u | o->number, 16);
		break;
	}
}

static void get_props_supported(struct responder *r)
{
	struct dataset d = { 0 };

	dataset_put_u16s(&d, object_props, OBJECT_PROPS);
	operation_give(r, &d);
}

static void get_prop_desc(struct responder *r)
{
	uint16_t prop = (uint16_t)r->command.params[0];
	static const uint8_t width[] = { [4] = 2, [6] = 4, [8] = 8, [10] = 16 };
	uint16_t type = prop_type(prop);
	struct dataset d = { 0 };

	if (!type) {
		responder_answer(r, INVALID_PROP_CODE, NULL, 0);
		return;
	}
	dataset_put(&d, prop, 2);
	dataset_put(&d, type, 2);
	dataset_put(&d, 0, 1);
	dataset_put(&d, 0, type == 0xffff ? 1 : width[type]);
	dataset_put(&d, 0, 4);
	dataset_put(&d, 0, 1);
	operation_give(r, &d);
}

static void get_prop_value(struct responder *r)
{
	const struct object *o = named(r, r->command.params[0]);
	uint16_t prop = (uint16_t)r->command.params[1];
	struct dataset d = { 0 };

	if (!o || !prop_type(prop)) {
		responder_answer(r, o ? INVALID_PROP_CODE : INVALID_HANDLE, NULL, 0);
		return;
	}
	put_prop(r, &d, o, prop);
	operation_give(r, &d);
}

/* Whether o belongs to a property list asked for by handle (number, 0 or ANY) and depth. */
static bool in_prop_list(
    const struct contents *c, const struct object *o, uint32_t number, uint32_t depth)
{
	if (o->gone)
		return false;
	if (number == ANY || (number == 0 && depth == ANY))
		return true;
	if (depth == 0)
		return number == 0 || o->number == number;
	if (depth == 1)
		return o->parent == number;
	for (size_t up = 0; o && up < c->count; up++) {
		if (o->parent == number)
			return true;
		o = contents_get(c, o->parent);
	}
	return false;
}

static void get_prop_list(struct responder *r)
{
	const struct contents *c = &r->camera->contents;
	const uint32_t *p = r->command.params;
	uint32_t number = p[0] == ANY || p[0] == 0 ? p[0] : p[0] - r->handle_base;
	struct dataset d = { 0 };
	uint32_t n = 0;

	if (number != ANY && number != 0 && !contents_get(c, number)) {
		responder_answer(r, INVALID_HANDLE, NULL, 0);
		return;
	}
	if (p[2] == 0 || (p[4] > 1 && p[4] != ANY)) {
		responder_answer(
		    r, p[2] == 0 ? BY_GROUP_UNSUPPORTED : BY_DEPTH_UNSUPPORTED, NULL, 0);
		return;
	}
	extend_endless(r, number);
	dataset_put_count(&d, 0);
	for (size_t i = 0; i < c->count; i++) {
		const struct object *o = c->objects[i];

		if (!in_prop_list(c, o, number, p[4]) || (p[1] && p[1] != format_of(o)))
			continue;
		for (size_t k = 0; k < OBJECT_PROPS; k++) {
			if (p[2] != ANY && p[2] != object_props[k])
				continue;
			dataset_put(&d, o->number + r->handle_base, 4);
			dataset_put(&d, object_props[k], 2);
			dataset_put(&d, prop_type(object_props[k]), 2);
			put_prop(r, &d, o, object_props[k]);
			n++;
		}
	}
	buf_put_le(d.bytes, n, 4);
	operation_give(r, &d);
}

/* ---- reading and deleting ---- */

static void send_object(struct responder *r, struct object *o, uint64_t offset, uint64_t len)
{
	if (offset < o->high && faults_take(&r->camera->faults, HURT_OTHER_BYTES, 0, o->path)) {
		o->seed += 77;
		for (uint64_t i = 0; o->bytes && i < o->size; i++)
			o->bytes[i] ^= 1;
	}
	if (offset + len > o->high)
		o->high = offset + len;
	responder_payload(r, o, offset, len);
}

static void get_object(struct responder *r)
{
	struct object *o = named(r, r->command.params[0]);

	if (!o || o->folder) {
		responder_answer(r, INVALID_HANDLE, NULL, 0);
		return;
	}
	send_object(r, o, 0, o->size);
	responder_answer(r, OK, NULL, 0);
}

static void get_partial(struct responder *r)
{
	const uint32_t *p = r->command.params;
	bool wide = r->command.code == 0x95c1;
	struct object *o = named(r, p[0]);
	uint64_t offset = wide ? p[1] | (uint64_t)p[2] << 32 : p[1];
	uint64_t len = wide ? p[3] : p[2];
	struct fault *f;
	uint32_t sent;

	if (!o || o->folder || offset > o->size) {
		responder_answer(r, o && !o->folder ? INVALID_PARAMETER : INVALID_HANDLE, NULL, 0);
		return;
	}
	if (len > o->size - offset)
		len = o->size - offset;
	send_object(r, o, offset, len);
	sent = (uint32_t)len;
	f = faults_take(&r->camera->faults, HURT_PARTIAL_LIES, 0, NULL);
	if (f)
		sent += (uint32_t)f->value;
	responder_answer(r, OK, &sent, 1);
}

static void delete_object(struct responder *r)
{
	struct contents *c = &r->camera->contents;
	struct faults *fs = &r->camera->faults;
	struct object *o = named(r, r->command.params[0]);
	uint16_t code = OK;
	struct fault *f;

	if (!o) {
		responder_answer(
		    r, r->command.params[0] == ANY ? ACCESS_DENIED : INVALID_HANDLE, NULL, 0);
		return;
	}
	f = faults_take(fs, HURT_DELETE_REFUSED, 0, o->path);
	if (f) {
		code = (uint16_t)f->value;
	} else if (faults_take(fs, HURT_DELETE_VANISHED, 0, o->path)) {
		contents_remove(c, o, false);
		code = INVALID_HANDLE;
	} else if (o->protected) {
		code = WRITE_PROTECTED;
	} else if (c->storage[o->storage].read_only) {
		code = STORE_READ_ONLY;
	} else if (!faults_take(fs, HURT_DELETE_LIES, 0, o->path)) {
		c->storage[o->storage].free += o->size;
		contents_remove(c, o, true);
		responder_say(r, EVENT_OBJECT_REMOVED, o->number + r->handle_base);
	}
	responder_answer(r, code, NULL, 0);
}

static const struct operation {
	uint16_t code;
	uint32_t group; /* offered only where the camera has one of it; 0 = always */
	void (*run)(struct responder *r);
} operations[] = {
	{ 0x1001, 0, device_get_info },
	{ 0x1002, 0, open_session },
	{ 0x1003, 0, close_session },
	{ 0x1004, 0, get_storage_ids },
	{ 0x1005, 0, get_storage_info },
	{ 0x1006, 0, get_object_handles },
	{ 0x1007, 0, get_object_handles },
	{ 0x1008, 0, get_object_info },
	{ 0x1009, 0, get_object },
	{ 0x100b, HAS_DELETE, delete_object },
	{ 0x1014, HAS_BATTERY | HAS_CLOCK | HAS_SETTINGS, device_get_prop },
	{ 0x1015, HAS_BATTERY | HAS_CLOCK | HAS_SETTINGS, device_get_prop },
	{ 0x1016, HAS_CLOCK | HAS_SETTINGS, device_set_prop },
	{ 0x101b, HAS_PARTIAL, get_partial },
	{ 0x9801, HAS_PROPVALUE | HAS_PROPLIST, get_props_supported },
	{ 0x9802, HAS_PROPVALUE | HAS_PROPLIST, get_prop_desc },
	{ 0x9803, HAS_PROPVALUE, get_prop_value },
	{ 0x9805, HAS_PROPLIST, get_prop_list },
	{ 0x95c1, HAS_PARTIAL64, get_partial },
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static bool offered(const struct responder *r, const struct operation *op)
{
	return !op->group || (r->camera->operations & op->group) != 0;
}

size_t operation_offered(const struct responder *r, uint16_t *codes)
{
	size_t n = 0;

	for (size_t i = 0; i < OPERATIONS; i++) {
		if (offered(r, &operations[i]))
			codes[n++] = operations[i].code;
	}
	return n;
}

/* Session and transaction rules (PIMA 15740 9.3). 0, or the response code. */
static uint16_t check_order(struct responder *r)
{
	const struct command *c = &r->command;

	if (c->code == 0x1002 || (c->code == 0x1001 && !r->session))
		return 0;
	if (!r->session)
		return SESSION_NOT_OPEN;
	if (c->transaction != r->next_transaction)
		r->stats.bad_transactions++;
	if (c->transaction < r->next_transaction || c->transaction == ANY)
		return INVALID_TRANSACTION;
	r->next_transaction = c->transaction + 1;
	return 0;
}

void operation_run(struct responder *r)
{
	uint16_t wrong = check_order(r);

	if (wrong) {
		responder_answer(r, wrong, NULL, 0);
		return;
	}
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (operations[i].code == r->command.code && offered(r, &operations[i])) {
			operations[i].run(r);
			return;
		}
	}
	responder_answer(r, NOT_SUPPORTED, NULL, 0);
}
