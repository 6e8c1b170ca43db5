#include "draft.h"

#include "base/kind.h"
#include "base/language.h"
#include "base/proto_camera.h"
#include "base/proto_hotplug.h"
#include "base/proto_probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct page {
	char *out;
	size_t room, used;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (p->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(p->out + p->used, p->room - p->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= p->room - p->used)
		p->full = true;
	else
		p->used += (size_t)n;
}

/* Within a comment: one line, visible ASCII. */
static void put_remark(struct page *p, const char *text)
{
	for (; *text; text++)
		put(p, "%c", *text >= ' ' && *text <= '~' ? *text : '?');
}

/*
 * As a glob in quotes that fits this text: what globs or libconfig would take for something else is
 * '?', and what is no visible ASCII '*', whatever bytes a character has.
 */
static void put_glob(struct page *p, const char *text)
{
	bool star = false;

	put(p, "\"");
	for (; *text; text++) {
		bool plain = *text >= ' ' && *text <= '~';

		if (plain)
			put(p, "%c", strchr("*?[]\\\"", *text) ? '?' : *text);
		else if (!star)
			put(p, "*");
		star = !plain;
	}
	put(p, "\"");
}

/* ---- by what it is known ---- */

/* Ids that many makers share: the product text has to tell them apart. */
static bool ids_are_shared(const struct proto_arrived *a)
{
	static const uint16_t vendors[] = { 0x0525, 0x1209, 0x18d1, 0x1d6b, 0x4255 };

	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		if (a->vendor == vendors[i])
			return true;
	}
	return a->vendor == 0;
}

/* The interface that its driver uses. */
static const struct proto_interface *used_interface(const struct proto_ctl_probe *p)
{
	const struct proto_arrived *a = &p->device;
	size_t n = a->interfaces < PROTO_INTERFACES ? a->interfaces : PROTO_INTERFACES;

	for (size_t i = 0; i < n; i++) {
		unsigned class = a->interface[i].class;

		if (p->probed.driver == DRIVER_PTP ? class == 6 : class == 8)
			return &a->interface[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (a->interface[i].class == 0xFF)
			return &a->interface[i];
	}
	return n ? &a->interface[0] : NULL;
}

static void put_match(struct page *p, const struct proto_ctl_probe *probe)
{
	const struct proto_arrived *a = &probe->device;
	const struct proto_interface *used = used_interface(probe);
	/* one that matches already must be outweighed */
	bool closely = ids_are_shared(a) || probe->profile[0];

	put(p, "match = { vendor = 0x%04x; product = 0x%04x;", (unsigned)a->vendor,
	    (unsigned)a->product);
	if (used)
		put(p, " class = %u; subclass = %u; protocol = %u;", (unsigned)used->class,
		    (unsigned)used->subclass, (unsigned)used->protocol);
	if (used && closely && used->name[0]) {
		put(p, "\n\tinterface = ");
		put_glob(p, used->name);
		put(p, ";");
	}
	if (closely && a->model[0]) {
		put(p, "\n\tmodel = ");
		put_glob(p, a->model);
		put(p, ";");
	}
	put(p, " };\n");
}

/* ---- who it is ---- */

bool draft_serial_is_real(const char *serial)
{
	static const char *const dummies[] = { "0123456789ABCDEF", "123456789ABCDEF",
		"123456789ABCDE", "1234567890ABCDEF", "0123456789", "1234567890", "123456789",
		"12345678", "123456", "SERIALNUMBER", "UNKNOWN", "NONE", "N/A" };
	size_t n = strlen(serial);

	if (n < 4 || strspn(serial, "0") == n || strspn(serial, "?") == n)
		return false;
	for (size_t i = 0; i < sizeof(dummies) / sizeof(dummies[0]); i++) {
		if (strcasecmp(serial, dummies[i]) == 0)
			return false;
	}
	return strspn(serial, (const char[]){ serial[0], '\0' }) != n;
}

/*
 * A device that nothing read, with the ids of a family whose other languages are met only by a
 * login: not asked by a probe. See the shipped profile ambarella.
 */
static bool may_be_ambarella(const struct proto_ctl_probe *probe)
{
	return probe->probed.driver == 0 && probe->device.vendor == 0x4255 &&
	    probe->device.product == 0x0001;
}

static void put_unlock(struct page *p, const struct proto_ctl_probe *probe)
{
	uint32_t language = probe->probed.camera.unlock;

	if (may_be_ambarella(probe))
		put(p,
		    "# Which of them it speaks was not asked: asking costs a try of its PIN.\n"
		    "unlock = ( \"%s\", \"%s\", \"%s\" );\n",
		    language_word(UNLOCK_AMBA_BLOCK), language_word(UNLOCK_AMBA_REQUEST),
		    language_word(UNLOCK_AMBA_TEXT));
	else if (language)
		put(p, "unlock = ( \"%s\" );\n", language_word((enum unlock)language));
}

static void put_identity(struct page *p, const struct proto_ctl_probe *probe)
{
	const struct proto_probed *d = &probe->probed;

	if (draft_serial_is_real(probe->device.serial))
		put(p, "identity = \"usb\";\n");
	else if (draft_serial_is_real(d->camera.serial) && d->driver == DRIVER_PTP)
		put(p, "identity = \"mtp\";\n");
	else if (draft_serial_is_real(d->camera.serial) && d->camera.unlock)
		put(p, "identity = \"vendor\";\n");
	else
		put(p,
		    "# It tells no serial number to go by: its files are kept under its bay's name.\n"
		    "identity = \"%s\";\n",
		    d->camera.unlock || may_be_ambarella(probe) ? "vendor" : "usb");
}

/* ---- which files are what ---- */

static const char *const known[][16] = {
	[KIND_CLIP] = { ".mp4", ".mov", ".avi", ".mkv", ".m4v", ".ts", ".3gp", ".mpg", ".wav",
	    ".mp3", ".aac", ".m4a", ".jpg", ".jpeg", ".h264", NULL },
	[KIND_SIDECAR] = { ".p7s", ".sig", ".json", ".xml", ".srt", ".gps", ".vtt", ".md5",
	    ".sha256", NULL },
	[KIND_LOG] = { ".log", ".jsonl", ".txt", ".csv", NULL },
};

static unsigned kind_of(const char *suffix)
{
	for (unsigned kind = 0; kind < sizeof(known) / sizeof(known[0]); kind++) {
		for (size_t i = 0; i < 16 && known[kind][i]; i++) {
			if (strcmp(known[kind][i], suffix) == 0)
				return kind;
		}
	}
	return 0;
}

/* A suffix is the worker's: a dot, then letters and digits; anything else is no pattern. */
static bool is_suffix(const char *text)
{
	return text[0] == '.' && text[1] &&
	    text[1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

static void put_list(
    struct page *p, const struct proto_probed *d, const char *name, enum object_kind kind)
{
	bool begun = false;

	for (size_t i = 0; i < PROTO_SUFFIXES && d->suffix[i].suffix[0]; i++) {
		const char *suffix = d->suffix[i].suffix;

		if (!is_suffix(suffix) || kind_of(suffix) != (unsigned)kind)
			continue;
		if (begun)
			put(p, ", \"*%s\"", suffix);
		else
			put(p, "%s = ( \"*%s\"", name, suffix);
		begun = true;
	}
	if (begun)
		put(p, " );\n");
}

static void put_seen(struct page *p, const struct proto_probed *d)
{
	if (!d->suffix[0].suffix[0])
		return;
	put(p, "\n# What it held, of %" PRIu32 " files%s:\n", d->objects,
	    d->truncated ? " (there are more)" : "");
	for (size_t i = 0; i < PROTO_SUFFIXES && d->suffix[i].suffix[0]; i++) {
		put(p, "#   %" PRIu32 " ", d->suffix[i].files);
		put_remark(p, d->suffix[i].suffix);
		put(p, ", most in \"");
		put_remark(p, d->suffix[i].folder);
		put(p, "\"\n");
	}
	put(p, "# What fits no pattern below is taken in as well.\n");
	put_list(p, d, "clips", KIND_CLIP);
	put_list(p, d, "sidecars", KIND_SIDECAR);
	put_list(p, d, "logs-paths", KIND_LOG);
}

/* ---- what only a person can find out ---- */

static void put_unknown(struct page *p, const struct proto_ctl_probe *probe)
{
	const struct proto_probed *d = &probe->probed;

	put(p,
	    "\n# What a probe cannot know. Ask the maker, then take the \"#\" away; until then nothing\n"
	    "# rests on it.\n"
	    "# How are its recordings signed? \"none\" if they are not.\n"
	    "#signing = \"none\";\n"
	    "# Does it keep an audit log? \"yes\" or \"none\".\n"
	    "#logs = \"none\";\n");
	if (d->driver == DRIVER_PTP)
		put(p,
		    "# May its files be erased here, once they are receipted?\n"
		    "#erasable = true;\n");
	put(p,
	    "# Does it overwrite its oldest recordings by itself?\n"
	    "#overwrites-oldest = true;\n");
	if (d->camera.features & CAMERA_CLOCK_SET)
		put(p, "# May its clock be set to the station's?\n#set-clock = true;\n");
	if (d->camera.unlock || may_be_ambarella(probe))
		put(p,
		    "# A PIN of its own, where the public default has been changed; readable by root alone.\n"
		    "#pin-file = \"/etc/dockd/camera-pin\";\n");
}

int draft_write(const struct proto_ctl_probe *probe, char *out, size_t room)
{
	const struct proto_arrived *a = &probe->device;
	const struct proto_probed *d = &probe->probed;
	struct page p = { .out = out, .room = room };

	if (d->driver != DRIVER_PTP && d->driver != DRIVER_MSC && !may_be_ambarella(probe))
		return -ENOTSUP;
	put(&p, "# Drafted by dockctl camera probe for \"");
	put_remark(&p, a->manufacturer);
	put(&p, "\" \"");
	put_remark(&p, a->model);
	put(&p, "\".\nname = \"draft-%04x-%04x%s%s\";\n", (unsigned)a->vendor, (unsigned)a->product,
	    d->camera.unlock ? "-" : "",
	    d->camera.unlock ? language_word((enum unlock)d->camera.unlock) : "");
	put_match(&p, probe);
	put(&p, "driver = \"%s\";\n", d->driver == DRIVER_PTP ? "ptp" : "msc");
	put_unlock(&p, probe);
	put_identity(&p, probe);
	put_seen(&p, d);
	put_unknown(&p, probe);
	return p.full ? -ENOSPC : (int)p.used;
}
