/*
 * ctl_probe: `dockctl camera probe`: what is plugged in at a bay, and a profile drafted for it.
 *
 * Called by ctl_camera. All that the device told is text from outside. With --profile the draft is
 * written to a new file; one that is there is never overwritten.
 */
#include "ctl.h"

#include "ctl_command.h"
#include "ctl_json.h"
#include "draft.h"

#include "base/language.h"
#include "base/proto_camera.h"
#include "base/proto_ctl.h"
#include "base/proto_hotplug.h"
#include "base/proto_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 200000 /* a device with many files is listed in that time */
#define DRAFT_BYTES 16384

static int part_probe(void *context, struct msg *m)
{
	struct ctl *c = context;

	if (m->head.type != MSG_PROBE)
		return -EPROTO;
	memcpy(c->probe, m->body, sizeof(*c->probe));
	c->shown++;
	return 0;
}

static const char *driver_word(unsigned driver)
{
	return driver == DRIVER_PTP ? "ptp" : driver == DRIVER_MSC ? "msc" : "none";
}

/* ---- for people ---- */

static void say(const char *label, const char *text)
{
	char clean[TEXT_ESCAPED(512)];

	if (text[0])
		printf("%-13s%s\n", label, text_clean(text, true, clean, sizeof(clean)));
}

static const char *clock_face(int64_t clock_s, char *out, size_t room)
{
	time_t at = (time_t)clock_s;
	struct tm tm;

	if (clock_s == PROTO_NO_TIME || !gmtime_r(&at, &tm) ||
	    strftime(out, room, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
	return out;
}

static void show_device(const struct proto_ctl_probe *p)
{
	const struct proto_arrived *a = &p->device;
	char line[256];

	snprintf(line, sizeof(line), "%04x:%04x, release %x.%02x, %u Mbit/s", (unsigned)a->vendor,
	    (unsigned)a->product, (unsigned)a->release >> 8, (unsigned)a->release & 0xff,
	    (unsigned)a->speed_mbps);
	say("USB", line);
	say("Port", a->port);
	say("Maker", a->manufacturer);
	say("Model", a->model);
	say("USB serial", a->serial);
	for (size_t i = 0; i < a->interfaces && i < PROTO_INTERFACES; i++) {
		const struct proto_interface *f = &a->interface[i];

		snprintf(line, sizeof(line), "%u: class %02x/%02x/%02x %s", (unsigned)f->number,
		    (unsigned)f->class, (unsigned)f->subclass, (unsigned)f->protocol, f->name);
		say(i ? "" : "Interfaces", line);
	}
	say("Profile", p->profile[0] ? p->profile : "none matches it");
}

static void show_camera(const struct proto_probed *d)
{
	const struct proto_camera *c = &d->camera;
	char line[256], a[32], b[32];

	say("Read by", driver_word(d->driver));
	if (c->unlock)
		say("Language", language_word((enum unlock)c->unlock));
	say("Own serial", c->serial);
	say("Own maker", c->manufacturer);
	say("Own model", c->model);
	say("Firmware", c->firmware);
	say("Officer", c->officer);
	say("Unit", c->unit);
	if (c->features & CAMERA_BATTERY) {
		snprintf(line, sizeof(line), "%" PRIu32 " %%", c->battery_percent);
		say("Battery", line);
	}
	say("Clock shows", clock_face(c->clock_s, line, sizeof(line)));
	if (c->capacity_bytes) {
		snprintf(line, sizeof(line), "%s, %s free",
		    text_bytes(c->capacity_bytes, a, sizeof(a)),
		    text_bytes(c->free_bytes, b, sizeof(b)));
		say("Room", line);
	}
	say("Medium", d->medium);
	say("Remark", d->text);
	if (c->features & CAMERA_LOCKED)
		say("Locked", "its files can be read only after its vendor's command");
	for (size_t i = 0; i < PROTO_SUFFIXES && d->suffix[i].suffix[0]; i++) {
		snprintf(line, sizeof(line), "%" PRIu32 " %s, %s, most in %s", d->suffix[i].files,
		    d->suffix[i].suffix, text_bytes(d->suffix[i].bytes, a, sizeof(a)),
		    d->suffix[i].folder[0] ? d->suffix[i].folder : "/");
		say(i ? "" : "Files", line);
	}
	if (d->truncated)
		say("", "and more than were counted");
}

/* ---- for programs ---- */

static json_t *text_json(const char *text)
{
	char clean[TEXT_ESCAPED(512)];

	return json_string(text_clean(text, false, clean, sizeof(clean)));
}

static void put(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, text[0] ? text_json(text) : json_null());
}

static void put_number(json_t *o, const char *key, uint64_t number)
{
	json_object_set_new(
	    o, key, json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

static json_t *device_json(const struct proto_ctl_probe *p)
{
	const struct proto_arrived *a = &p->device;
	json_t *o = json_object(), *all = json_array();

	put(o, "port", a->port);
	put_number(o, "vendor", a->vendor);
	put_number(o, "product", a->product);
	put_number(o, "release", a->release);
	put_number(o, "speed_mbps", a->speed_mbps);
	put(o, "manufacturer", a->manufacturer);
	put(o, "model", a->model);
	put(o, "serial", a->serial);
	for (size_t i = 0; i < a->interfaces && i < PROTO_INTERFACES; i++) {
		json_t *f = json_object();

		put_number(f, "number", a->interface[i].number);
		put_number(f, "class", a->interface[i].class);
		put_number(f, "subclass", a->interface[i].subclass);
		put_number(f, "protocol", a->interface[i].protocol);
		put(f, "name", a->interface[i].name);
		json_array_append_new(all, f);
	}
	json_object_set_new(o, "interfaces", all);
	put(o, "profile", p->profile);
	return o;
}

static json_t *files_json(const struct proto_probed *d)
{
	json_t *all = json_array();

	for (size_t i = 0; i < PROTO_SUFFIXES && d->suffix[i].suffix[0]; i++) {
		json_t *one = json_object();

		put(one, "suffix", d->suffix[i].suffix);
		put_number(one, "files", d->suffix[i].files);
		put_number(one, "bytes", d->suffix[i].bytes);
		json_object_set_new(one, "folder", text_json(d->suffix[i].folder));
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *probe_json(const struct proto_ctl_probe *p, const char *draft)
{
	const struct proto_probed *d = &p->probed;
	const struct proto_camera *c = &d->camera;
	json_t *o = device_json(p);
	char face[64];

	put(o, "driver", d->driver ? driver_word(d->driver) : "");
	put(o, "language", c->unlock ? language_word((enum unlock)c->unlock) : "");
	json_object_set_new(o, "locked", json_boolean(c->features & CAMERA_LOCKED));
	put(o, "own_serial", c->serial);
	put(o, "own_manufacturer", c->manufacturer);
	put(o, "own_model", c->model);
	put(o, "firmware", c->firmware);
	put(o, "officer", c->officer);
	put(o, "unit", c->unit);
	json_object_set_new(o, "battery_percent",
	    c->features & CAMERA_BATTERY ? json_integer(c->battery_percent) : json_null());
	put(o, "clock", clock_face(c->clock_s, face, sizeof(face)));
	put_number(o, "capacity_bytes", c->capacity_bytes);
	put_number(o, "free_bytes", c->free_bytes);
	put(o, "medium", d->medium);
	put_number(o, "luns", d->luns);
	put_number(o, "objects", d->objects);
	json_object_set_new(o, "truncated", json_boolean(d->truncated));
	json_object_set_new(o, "text", text_json(d->text));
	json_object_set_new(o, "files", files_json(d));
	json_object_set_new(o, "draft", draft[0] ? json_string(draft) : json_null());
	return o;
}

/* ---- the draft ---- */

static int write_file(const char *path, const char *draft)
{
	size_t len = strlen(draft);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0) {
		return ctl_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
	}
	n = write(fd, draft, len);
	if (close(fd) < 0 || n != (ssize_t)len) {
		return ctl_fail(CTL_FAILED, "%s: it could not be written whole", path);
	}
	return CTL_OK;
}

static int show(struct ctl *c, const char *path)
{
	static char draft[DRAFT_BYTES];
	int err = draft_write(c->probe, draft, sizeof(draft));

	if (err < 0)
		draft[0] = '\0';
	if (c->json) {
		if (!json_line(stdout, probe_json(c->probe, draft)))
			return CTL_FAILED;
	} else {
		show_device(c->probe);
		show_camera(&c->probe->probed);
	}
	if (err < 0) {
		if (path)
			ctl_fail(CTL_FAILED, "nothing here can read it: no profile is drafted");
		return path ? CTL_FAILED : CTL_OK;
	}
	if (path)
		return write_file(path, draft);
	if (!c->json)
		printf("\n%s", draft);
	return CTL_OK;
}

int probe_run(struct ctl *c)
{
	static struct proto_ctl_probe row;
	struct proto_ask q = { .ask = ASK_PROBE };
	struct proto_ctl_end end;
	int err;

	if (c->args_n != 2 || !c->args[1][0] || strlen(c->args[1]) >= PROTO_NAME_LEN)
		return ctl_usage("camera probe takes the name of a bay, or a port such as 1-2.3");
	snprintf(q.text, sizeof(q.text), "%s", c->args[1]);
	c->probe = &row;
	err = ctl_ask(c, &q, PATIENCE_MS, part_probe, &end);
	if (err || end.status)
		return ctl_complain(err, &end);
	if (!c->shown)
		return ctl_complain(-EPROTO, &end);
	return show(c, ctl_option(c, OPTION_PROFILE));
}
