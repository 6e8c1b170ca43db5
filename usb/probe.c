#include "probe.h"

#include "../dockd/base/proto_attach.h"
#include "../dockd/base/proto_object.h"
#include "../dockd/base/proto_probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIXES 64 /* kinds of files counted; what comes behind them is not told */

/* Counts of the listing: for each ending a folder that wins by majority (Boyer and Moore). */
static struct {
	struct proto_suffix suffix[SUFFIXES];
	uint32_t lead[SUFFIXES]; /* of the folder over all others so far */
	size_t n;
} seen;

/* The ending with its dot in lower case; "-" for none, or one that is no plain word. */
static void suffix_of(const char *path, char out[sizeof(seen.suffix[0].suffix)])
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');
	size_t n = dot ? strlen(dot) : 0;

	memset(out, 0, sizeof(seen.suffix[0].suffix));
	out[0] = '-';
	if (n < 2 || n >= sizeof(seen.suffix[0].suffix) || dot == path ||
	    (slash && dot == slash + 1))
		return;
	for (size_t i = 1; i < n; i++) {
		char c = dot[i] >= 'A' && dot[i] <= 'Z' ? (char)(dot[i] + 32) : dot[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
			memset(out + 1, 0, n);
			out[0] = '-';
			return;
		}
		out[i] = c;
	}
	out[0] = '.';
}

static void vote(size_t at, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PROTO_PATH_LEN], kept[sizeof(seen.suffix[0].folder)];

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	camera_text(kept, sizeof(kept), folder);
	if (seen.lead[at] == 0)
		memcpy(seen.suffix[at].folder, kept, sizeof(kept));
	if (strcmp(seen.suffix[at].folder, kept) == 0)
		seen.lead[at]++;
	else
		seen.lead[at]--;
}

void probe_object(const struct proto_object *o)
{
	char suffix[sizeof(seen.suffix[0].suffix)];
	size_t at = 0;

	suffix_of(o->path, suffix);
	while (at < seen.n && strcmp(seen.suffix[at].suffix, suffix) != 0)
		at++;
	if (at == SUFFIXES)
		return;
	if (at == seen.n)
		memcpy(seen.suffix[seen.n++].suffix, suffix, sizeof(suffix));
	seen.suffix[at].files++;
	if (o->size_bytes <= UINT64_MAX / 2 && seen.suffix[at].bytes <= UINT64_MAX / 2)
		seen.suffix[at].bytes += o->size_bytes;
	vote(at, o->path);
}

static int more_files(const void *a, const void *b)
{
	const struct proto_suffix *x = a, *y = b;

	return (x->files < y->files) - (x->files > y->files);
}

static void tell_suffixes(struct proto_probed *out)
{
	size_t n = seen.n < PROTO_SUFFIXES ? seen.n : PROTO_SUFFIXES;

	qsort(seen.suffix, seen.n, sizeof(seen.suffix[0]), more_files);
	memcpy(out->suffix, seen.suffix, n * sizeof(seen.suffix[0]));
}

/* ---- trying ---- */

/* A driver made contact: all that it tells. */
static int gather(const struct driver *driver, struct camera *c, enum camera_driver id,
    struct proto_probed *out, struct proto_reason *why)
{
	struct proto_listed listed;
	int r = driver->look(c, &out->camera, why);

	out->driver = id;
	if (r == 0 && !(out->camera.features & CAMERA_LOCKED)) {
		memset(&listed, 0, sizeof(listed));
		r = driver->list(c, &listed, why);
		out->objects = listed.objects;
		out->truncated = listed.truncated;
		camera_text(out->text, sizeof(out->text), listed.text);
		tell_suffixes(out);
	}
	if (r == 0 && driver->describe)
		driver->describe(c, out);
	driver->close(c);
	return r;
}

static bool has_class(struct transport *t, uint8_t class)
{
	struct usb_interface all[DESCRIPTOR_INTERFACES];
	size_t n = camera_interfaces(t, all);

	for (size_t i = 0; i < n; i++) {
		if (all[i].class == class)
			return true;
	}
	return false;
}

/* Tries one driver. 1: it made contact and *out is filled; 0: not its kind; -EIO. */
static int try_driver(const struct driver *driver, enum camera_driver id, struct transport *t,
    const struct proto_attach *attach, struct proto_probed *out, struct proto_reason *why)
{
	struct camera *c = NULL;
	int r = driver->open(t, attach, &c, why);

	if (r == -ENOTSUP)
		return 0;
	if (r == 0)
		r = gather(driver, c, id, out, why);
	return r < 0 ? r : 1;
}

static int try_all(struct transport *t, const struct proto_attach *attach, struct proto_probed *out,
    struct proto_reason *why)
{
	struct proto_attach a = *attach;
	bool disk = has_class(t, 8);
	int r;

	memset(a.unlock, 0, sizeof(a.unlock));
	memset(a.pattern, 0, sizeof(a.pattern));
	if (a.max_objects > PROBE_OBJECTS)
		a.max_objects = PROBE_OBJECTS;
	r = try_driver(&ptp_driver, DRIVER_PTP, t, &a, out, why);
	if (r != 0 || !(disk || has_class(t, 0xFF)))
		return r;
	/* Only what is met without a PIN: the others are met by a login, which costs a try of it. */
	a.unlock[0] = disk ? UNLOCK_DV16 : UNLOCK_AMBA_BLOCK;
	return try_driver(&unlock_driver, DRIVER_MSC, t, &a, out, why);
}

int probe_run(struct transport *t, const struct proto_attach *attach, struct proto_probed *out,
    struct proto_reason *why)
{
	int r;

	memset(out, 0, sizeof(*out));
	memset(why, 0, sizeof(*why));
	out->camera.clock_s = PROTO_NO_TIME;
	r = try_all(t, attach, out, why);
	if (r < 0 && why->code == FAULT_GONE)
		return -EIO;
	if (r < 0 && why->code == FAULT_MEDIUM)
		out->driver = DRIVER_MSC;
	if (r < 0)
		camera_text(out->text, sizeof(out->text), why->text);
	else if (r == 0)
		camera_text(out->text, sizeof(out->text),
		    has_class(t, 0xFF) ?
			"no PTP or MTP camera, no disk; it may speak ambarella-request or "
			"ambarella-text: not asked, as asking costs a try of its PIN" :
			"it is no PTP or MTP camera, no disk, and answers in no vendor's language "
			"known here");
	return 0;
}
