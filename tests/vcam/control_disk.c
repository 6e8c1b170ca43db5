/*
 * control_disk: what tests can ask and change of a camera that is a disk.
 *
 * Part of the control socket (control.h). It writes to an image only at a test's word: the camera
 * that records while it is docked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

static const struct {
	const char *name;
	size_t place;
} counters[] = {
	{ "writes_seen", offsetof(struct disk, writes_seen) },
	{ "reads", offsetof(struct disk, reads) },
	{ "ejects", offsetof(struct disk, ejects) },
	{ "resets", offsetof(struct disk, resets) },
	{ "checks", offsetof(struct disk, checks) },
	{ "phase_errors", offsetof(struct disk, phase_errors) },
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter(const struct disk *d, size_t i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)d + counters[i].place, sizeof(value));
	return value;
}

static struct unit *unit_called(const struct vcam *v, const char *name)
{
	struct disk *d = v->camera.disk;

	for (unsigned i = 0; d && i < d->units; i++) {
		if (strcmp(d->unit[i].name, name) == 0)
			return &d->unit[i];
	}
	return NULL;
}

static const struct {
	const char *name;
	size_t place;
} lock_counters[] = {
	{ "logins", offsetof(struct locked, logins) },
	{ "wrong_pins", offsetof(struct locked, wrong_pins) },
	{ "pin_reads", offsetof(struct locked, pin_reads) },
	{ "unlocks", offsetof(struct locked, unlocks) },
	{ "owner_writes", offsetof(struct locked, owner_writes) },
};
#define LOCK_COUNTERS (sizeof(lock_counters) / sizeof(lock_counters[0]))

static uint64_t lock_counter(const struct locked *l, size_t i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)l + lock_counters[i].place, sizeof(value));
	return value;
}

static bool lock_value(const struct locked *l, const char *key, uint64_t *value)
{
	*value = l->open;
	if (strcmp(key, "unlocked") == 0)
		return true;
	for (size_t i = 0; i < LOCK_COUNTERS; i++) {
		*value = lock_counter(l, i);
		if (strcmp(lock_counters[i].name, key) == 0)
			return true;
	}
	*value = 0;
	return false;
}

static void lock_stats(const struct locked *l, json_t *out)
{
	const struct owner *o = &l->owner;

	for (size_t i = 0; i < LOCK_COUNTERS; i++)
		json_object_set_new(
		    out, lock_counters[i].name, json_integer((json_int_t)lock_counter(l, i)));
	json_object_set_new(out, "unlocked", json_boolean(l->open));
	json_object_set_new(out, "info",
	    json_pack("{s:s, s:s, s:s, s:s, s:s}", "serial", o->serial, "user_no", o->user_no,
		"user_name", o->user_name, "unit_no", o->unit_no, "unit_name", o->unit_name));
}

bool control_disk_value(const struct vcam *v, const char *key, uint64_t *value)
{
	const struct disk *d = v->camera.disk;
	const struct unit *u;

	if (v->camera.locked && lock_value(v->camera.locked, key, value))
		return true;
	for (size_t i = 0; d && i < COUNTERS; i++) {
		if (strcmp(counters[i].name, key) == 0) {
			*value = counter(d, i);
			return true;
		}
	}
	u = strncmp(key, "bytes:", 6) == 0 ? unit_called(v, key + 6) : NULL;
	if (u)
		*value = u->sent_bytes;
	return u != NULL;
}

void control_disk_stats(const struct vcam *v, json_t *out)
{
	const struct disk *d = v->camera.disk;
	json_t *units;

	if (!d)
		return;
	if (v->camera.locked)
		lock_stats(v->camera.locked, out);
	for (size_t i = 0; i < COUNTERS; i++)
		json_object_set_new(out, counters[i].name, json_integer((json_int_t)counter(d, i)));
	units = json_array();
	for (unsigned i = 0; i < d->units; i++) {
		const struct unit *u = &d->unit[i];

		json_array_append_new(units,
		    json_pack("{s:s, s:I, s:I, s:b, s:I}", "name", u->name, "size",
			(json_int_t)u->size_bytes, "block", (json_int_t)u->block_bytes, "present",
			u->present && !u->ejected, "sent", (json_int_t)u->sent_bytes));
	}
	json_object_set_new(out, "luns", units);
}

json_t *control_sent(struct vcam *v, char **words, size_t n, const char *rest)
{
	const struct unit *u = unit_called(v, words[1]);
	uint64_t from = n > 2 ? strtoull(words[2], NULL, 0) : 0;
	uint64_t upto = n > 3 ? strtoull(words[3], NULL, 0) : UINT64_MAX;

	(void)rest;
	if (!u)
		return control_no("no such logical unit");
	return json_pack("{s:b, s:I}", "ok", 1, "sent", (json_int_t)unit_sent(u, from, upto));
}

/* Writes what a file holds into the image that stands open as fd, from byte at on. */
static int copy_into(const struct unit *u, uint64_t at, const char *path)
{
	char image[64], bytes[4096];
	int from, to, r = 0;
	ssize_t n = 0;

	snprintf(image, sizeof(image), "/proc/self/fd/%d", u->file);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	to = open(image, O_WRONLY | O_CLOEXEC);
	r = to < 0 ? -errno : 0;
	while (r == 0 && (n = read(from, bytes, sizeof(bytes))) > 0) {
		if (pwrite(to, bytes, (size_t)n, (off_t)at) != n)
			r = -EIO;
		at += (uint64_t)n;
	}
	if (to >= 0)
		close(to);
	close(from);
	return n < 0 ? -EIO : r;
}

json_t *control_poke(struct vcam *v, char **words, size_t n, const char *rest)
{
	const struct unit *u = unit_called(v, words[1]);
	int r;

	(void)n;
	(void)rest;
	if (!u || u->file < 0)
		return control_no("no such image");
	r = copy_into(u, strtoull(words[2], NULL, 0), words[3]);
	return r < 0 ? control_no(strerror(-r)) : control_yes();
}

json_t *control_medium(struct vcam *v, char **words, size_t n, const char *rest)
{
	struct unit *u = unit_called(v, words[1]);

	(void)n;
	(void)rest;
	if (!u)
		return control_no("no such logical unit");
	u->present = strcmp(words[2], "in") == 0;
	u->ejected = false;
	if (u->present)
		u->attention = (struct sense){ 6, 0x28, 0 };
	return control_yes();
}
