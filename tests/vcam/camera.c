#include "camera.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t camera_clock(const struct camera *c)
{
	return (int64_t)time(NULL) + c->clock_offset_s;
}

static const char *serial_as_hurt(struct camera *c, const char *serial)
{
	struct fault *f;

	if (faults_take(&c->faults, HURT_NO_SERIAL, 0, NULL))
		return "";
	f = faults_take(&c->faults, HURT_SERIAL, 0, NULL);
	return f ? f->text : serial;
}

const char *camera_usb_serial(struct camera *c)
{
	return serial_as_hurt(c, c->id.serial);
}

const char *camera_ptp_serial(struct camera *c)
{
	return serial_as_hurt(c, c->id.ptp_serial);
}

/* ---- faults that are a change of the tree ---- */

static struct object *add_folder(struct camera *c, const char *path, const char **why)
{
	struct object_plan plan = { .path = path, .folder = true, .mtime = NO_TIME };
	struct object *o = contents_find(&c->contents, path);

	return o ? o : contents_add(&c->contents, &plan, why);
}

static bool make_self_folder(struct camera *c, const char **why)
{
	struct object *o = add_folder(c, "SELF", why);

	if (o)
		o->alias = o->number;
	return o != NULL;
}

static bool make_cycle(struct camera *c, const char **why)
{
	struct object *a = add_folder(c, "CYCLE", why);
	struct object *b = a ? add_folder(c, "CYCLE/BACK", why) : NULL;

	if (b)
		a->alias = b->number;
	return b != NULL;
}

static bool make_many(struct camera *c, int64_t n, const char **why)
{
	struct object *folder = add_folder(c, "MANY", why);
	struct object_plan plan = { .size = 100, .mtime = 1767225600 };
	char path[64];

	for (int64_t i = 0; folder && i < n; i++) {
		snprintf(path, sizeof(path), "MANY/C%07lld.MP4", (long long)i);
		plan.path = path;
		plan.seed = (uint64_t)i + 5000000;
		if (!contents_add_to(&c->contents, folder->number, &plan, why))
			return false;
	}
	return folder != NULL;
}

static bool make_hostile_names(struct camera *c, const char **why)
{
	static const uint16_t long_name[NAME_UNITS_MAX] = { [0 ... NAME_UNITS_MAX - 1] = 'L' };
	static const struct {
		uint16_t units[24];
		size_t n;
	} names[] = {
		{ u"../../etc/passwd", 16 },
		{ u"..", 2 },
		{ u".", 1 },
		{ u"/etc/shadow", 11 },
		{ u"a/b.mp4", 7 },
		{ u"nul\0inside.mp4", 14 },
		{ { 0xd800, 'h', 'i', 'g', 'h' }, 5 },
		{ { 'l', 'o', 'w', 0xdc00 }, 4 },
		{ { 0xdc00, 0xd800 }, 2 },
		{ u"", 0 },
		{ u"new\nline\x1b[31m.mp4", 17 },
		{ u" \x202e"
		  u"4pm.exe",
		    9 },
		{ u"%s%n.mp4", 8 },
		{ u"back\\slash.mp4", 14 },
		{ { 0xd83d, 0xde93, '.', 'm', 'p', '4' }, 6 },
	};
	struct object *folder = add_folder(c, "NAMES", why);
	struct object_plan plan = { .size = 1000, .mtime = 1767225600 };
	char path[64];

	for (size_t i = 0; folder && i <= sizeof(names) / sizeof(names[0]); i++) {
		bool named = i < sizeof(names) / sizeof(names[0]);

		snprintf(path, sizeof(path), "NAMES/%02zu", i);
		plan.path = path;
		plan.seed = 6000000 + i;
		plan.name = named ? names[i].units : long_name;
		plan.name_units = named ? names[i].n : NAME_UNITS_MAX;
		if (!contents_add_to(&c->contents, folder->number, &plan, why))
			return false;
	}
	return folder != NULL;
}

static bool make_duplicates(struct camera *c, const char **why)
{
	static const uint16_t name[] = u"SAME.MP4";
	struct object *folder = add_folder(c, "TWINS", why);
	struct object_plan plan = { .mtime = 1767225600, .name = name, .name_units = 8 };
	char path[64];

	for (unsigned i = 0; folder && i < 3; i++) {
		snprintf(path, sizeof(path), "TWINS/%u", i);
		plan.path = path;
		plan.size = 1000 + 500 * (i / 2); /* two of one size, one of another */
		plan.seed = 7000000 + i;
		if (!contents_add_to(&c->contents, folder->number, &plan, why))
			return false;
	}
	return folder != NULL;
}

static bool change_tree(struct camera *c, const struct fault *f, const char **why)
{
	struct object *o;
	bool made;

	switch ((int)f->kind) {
	case HURT_ENDLESS_LISTING:
		o = add_folder(c, "ENDLESS", why);
		c->endless = o ? o->number : 0;
		return o != NULL;
	case HURT_SELF_FOLDER:
		made = make_self_folder(c, why);
		break;
	case HURT_PARENT_CYCLE:
		made = make_cycle(c, why);
		break;
	case HURT_MANY_OBJECTS:
		made = make_many(c, f->value, why);
		break;
	case HURT_HOSTILE_NAMES:
		made = make_hostile_names(c, why);
		break;
	case HURT_DUPLICATE_NAMES:
		made = make_duplicates(c, why);
		break;
	case HURT_CLOCK_1970:
		c->clock_offset_s = -(int64_t)time(NULL);
		made = true;
		break;
	default:
		return true;
	}
	c->faults.fired[f->kind]++;
	return made;
}

struct fault *camera_hurt(
    struct camera *c, const char *name, char *const *words, size_t n, const char **why)
{
	struct fault *f = faults_add(&c->faults, name, words, n, why);

	return f && change_tree(c, f, why) ? f : NULL;
}
