/*
 * scenario: makes a camera from its JSON description.
 *
 * It reads the file once at start, and single objects that the control socket adds later. Keys, all
 * of them optional but storages:
 *   usb       vendor product release class subclass protocol packet speed serial (null = none)
 *             manufacturer model interface
 *   ptp       serial manufacturer model version extension
 *   ops       what it offers of partial64 partial proplist propvalue delete battery clock
 *   clock     {"offset": seconds}, "1970", or null for none;  battery percent;  events true/false
 *   rate      bytes a second of data phases, 0 = unbounded
 *   storages  [{id capacity free readonly name objects}]
 *   objects   [{path, size + seed | bytes | file, folder, protected, mtime (seconds, "now", null),
 *             name16 (UTF-16 units that the host sees in place of the path's last part)}]
 *   disk      it is a USB disk (no storages then): scenario_disk.c
 *   locked    it is a disk only after its vendor's words: scenario_locked.c
 *   faults    [{"name": ..., parameters}]
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scenario.h"

#define EPOCH_OF_TESTS 1767225600 /* 2026-01-01: the time of objects for which none is given */

const char *scenario_text(const json_t *from, const char *key, const char *usual)
{
	const json_t *v = json_object_get(from, key);

	if (!v)
		return usual;
	return json_is_string(v) ? json_string_value(v) : "";
}

int64_t scenario_number(const json_t *from, const char *key, int64_t usual)
{
	const json_t *v = json_object_get(from, key);

	if (json_is_string(v))
		return strtoll(json_string_value(v), NULL, 0);
	if (json_is_real(v))
		return (int64_t)json_real_value(v);
	return json_is_integer(v) ? json_integer_value(v) : usual;
}

void scenario_copy(char *to, size_t room, const json_t *from, const char *key, const char *usual)
{
	snprintf(to, room, "%s", scenario_text(from, key, usual));
}

static void load_identity(struct identity *id, const json_t *usb, const json_t *ptp, bool disk)
{
	id->vendor = (uint16_t)scenario_number(usb, "vendor", 0x1d6b);
	id->product = (uint16_t)scenario_number(usb, "product", disk ? 0x0104 : 0x0100);
	id->release = (uint16_t)scenario_number(usb, "release", 0x0100);
	id->class = (uint8_t)scenario_number(usb, "class", disk ? 8 : 6);
	id->subclass = (uint8_t)scenario_number(usb, "subclass", disk ? 6 : 1);
	id->protocol = (uint8_t)scenario_number(usb, "protocol", disk ? 0x50 : 1);
	id->packet = (uint16_t)scenario_number(usb, "packet", 512);
	id->speed_mbps = (uint16_t)scenario_number(usb, "speed", 480);
	TEXT(id->serial, usb, "serial", "BWC-0001");
	TEXT(id->manufacturer, usb, "manufacturer", "Example");
	TEXT(id->model, usb, "model", "BodyCam");
	TEXT(id->interface, usb, "interface", disk ? "" : "MTP");
	TEXT(id->ptp_serial, ptp, "serial", id->serial);
	TEXT(id->ptp_manufacturer, ptp, "manufacturer", id->manufacturer);
	TEXT(id->ptp_model, ptp, "model", id->model);
	TEXT(id->ptp_version, ptp, "version", "1.0");
	TEXT(id->extension, ptp, "extension", "microsoft.com: 1.0; android.com: 1.0;");
}

static uint32_t load_operations(const json_t *list)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} groups[] = { { "partial64", HAS_PARTIAL64 }, { "partial", HAS_PARTIAL },
		{ "proplist", HAS_PROPLIST }, { "propvalue", HAS_PROPVALUE },
		{ "delete", HAS_DELETE }, { "battery", HAS_BATTERY }, { "clock", HAS_CLOCK },
		{ "settings", HAS_SETTINGS } };
	uint32_t bits = 0;
	const json_t *item;
	size_t i;

	if (!list)
		return UINT32_MAX;
	json_array_foreach(list, i, item)
	{
		for (size_t k = 0; k < sizeof(groups) / sizeof(groups[0]); k++) {
			if (json_is_string(item) &&
			    strcmp(json_string_value(item), groups[k].name) == 0)
				bits |= groups[k].bit;
		}
	}
	return bits;
}

static void load_clock(struct camera *c, const json_t *clock)
{
	c->clock_known = !json_is_null(clock);
	if (json_is_string(clock)) /* "1970": starts at the epoch */
		c->clock_offset_s = -(int64_t)time(NULL);
	else
		c->clock_offset_s = scenario_number(clock, "offset", 0);
}

/* Units from a JSON array of numbers. */
static size_t units_of(const json_t *list, uint16_t units[NAME_UNITS_MAX])
{
	size_t n = json_array_size(list);

	if (n > NAME_UNITS_MAX)
		n = NAME_UNITS_MAX;
	for (size_t i = 0; i < n; i++)
		units[i] = (uint16_t)json_integer_value(json_array_get(list, i));
	return n;
}

static struct object *load_object(
    struct camera *c, const json_t *from, uint32_t storage, const char **why)
{
	const json_t *mtime = json_object_get(from, "mtime");
	const json_t *bytes = json_object_get(from, "bytes");
	struct object_plan plan = { 0 };
	uint16_t units[NAME_UNITS_MAX];
	struct object *o;

	plan.path = scenario_text(from, "path", "");
	plan.storage = (uint32_t)scenario_number(from, "storage", storage);
	plan.folder = json_is_true(json_object_get(from, "folder"));
	plan.protected = json_is_true(json_object_get(from, "protected"));
	plan.size = (uint64_t)scenario_number(from, "size", 0);
	plan.seed = (uint64_t)scenario_number(from, "seed", (int64_t)c->contents.count + 1);
	plan.mtime = json_is_null(mtime) ? NO_TIME : scenario_number(from, "mtime", EPOCH_OF_TESTS);
	if (json_is_string(mtime) && strcmp(json_string_value(mtime), "now") == 0)
		plan.mtime = camera_clock(c);
	plan.file = scenario_text(from, "file", NULL);
	if (json_is_string(bytes)) {
		plan.bytes = (const uint8_t *)json_string_value(bytes);
		plan.size = json_string_length(bytes);
	}
	if (json_object_get(from, "name16")) {
		plan.name_units = units_of(json_object_get(from, "name16"), units);
		plan.name = units;
	}
	if (!plan.path[0]) {
		*why = "an object needs a path";
		return NULL;
	}
	o = contents_add(&c->contents, &plan, why);
	if (o && !o->folder && c->contents.storage[o->storage].free > o->size)
		c->contents.storage[o->storage].free -= o->size;
	return o;
}

static int load_storages(struct camera *c, const json_t *list, const char **why)
{
	const json_t *from, *object;
	size_t i, k;

	json_array_foreach(list, i, from)
	{
		struct storage *s = &c->contents.storage[i];

		if (i >= sizeof(c->contents.storage) / sizeof(c->contents.storage[0])) {
			*why = "too many storages";
			return -EINVAL;
		}
		s->id = (uint32_t)scenario_number(from, "id", (int64_t)((i + 1) << 16 | 1));
		s->capacity = (uint64_t)scenario_number(from, "capacity", (int64_t)64 << 30);
		s->free = (uint64_t)scenario_number(from, "free", (int64_t)s->capacity);
		s->read_only = json_is_true(json_object_get(from, "readonly"));
		TEXT(s->name, from, "name", "SD card");
		c->contents.storages = i + 1;
		json_array_foreach(json_object_get(from, "objects"), k, object)
		{
			if (!load_object(c, object, (uint32_t)i, why)) {
				fprintf(stderr, "vcam: object %zu: %s\n", k,
				    scenario_text(object, "path", "?"));
				return -EINVAL;
			}
		}
	}
	return 0;
}

/* {"name": ..., key: value ...} to the words that camera_hurt takes. */
static int load_fault(struct camera *c, const json_t *from, const char **why)
{
	char words[8][160];
	char *list[8];
	size_t n = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)from, key, v)
	{
		if (strcmp(key, "name") == 0 || n == 8)
			continue;
		if (json_is_string(v))
			snprintf(words[n], sizeof(words[n]), "%s=%s", key, json_string_value(v));
		else
			snprintf(words[n], sizeof(words[n]), "%s=%lld", key,
			    (long long)json_integer_value(v));
		list[n] = words[n];
		n++;
	}
	return camera_hurt(c, scenario_text(from, "name", ""), list, n, why) ? 0 : -EINVAL;
}

int scenario_load(struct camera *c, const char *path)
{
	const char *why = "a scenario needs at least one storage";
	const json_t *fault;
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	size_t i;
	int r = -EINVAL;

	memset(c, 0, sizeof(*c));
	if (!root) {
		fprintf(stderr, "vcam: %s:%d: %s\n", path, error.line, error.text);
		return -EINVAL;
	}
	load_identity(&c->id, json_object_get(root, "usb"), json_object_get(root, "ptp"),
	    json_object_get(root, "disk") != NULL);
	c->operations = load_operations(json_object_get(root, "ops"));
	load_clock(c, json_object_get(root, "clock"));
	snprintf(c->name, sizeof(c->name), "vcam");
	c->mode = 1;
	c->battery = (uint8_t)scenario_number(root, "battery", 80);
	c->events = !json_is_false(json_object_get(root, "events"));
	c->rate = (uint64_t)scenario_number(root, "rate", 0);
	if (json_object_get(root, "disk")) {
		if (scenario_disk(c, json_object_get(root, "disk"), &why) < 0)
			goto out;
		if (json_object_get(root, "locked") &&
		    scenario_locked(
			c, json_object_get(root, "locked"), json_object_get(root, "usb"), &why) < 0)
			goto out;
	} else if (load_storages(c, json_object_get(root, "storages"), &why) < 0 ||
	    !c->contents.storages) {
		goto out;
	}
	json_array_foreach(json_object_get(root, "faults"), i, fault)
	{
		if (load_fault(c, fault, &why) < 0)
			goto out;
	}
	r = 0;
out:
	if (r < 0)
		fprintf(stderr, "vcam: %s: %s\n", path, why);
	json_decref(root);
	return r;
}

struct object *scenario_add(struct camera *c, const char *json, const char **why)
{
	json_t *root = json_loads(json, 0, NULL);
	struct object *o = NULL;

	*why = "not a JSON object";
	if (json_is_object(root))
		o = load_object(c, root, 0, why);
	json_decref(root);
	return o;
}
