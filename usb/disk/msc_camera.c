#include "msc_camera.h"

#include "../../dockd/base/log.h"
#include "../../dockd/base/proto_object.h"
#include "../../dockd/base/proto_probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 10000u /* for a medium that is coming up */

enum { CLASS_STORAGE = 0x08, BULK_ONLY = 0x50 };

int msc_fault(int r, const char *doing, struct proto_reason *why)
{
	if (r == -ENOMEDIUM)
		return camera_fault(why, FAULT_MEDIUM, "%s: the card is out", doing);
	if (r == -EPROTO)
		return camera_fault(
		    why, FAULT_PROTOCOL, "%s: answers that cannot be, also after reset", doing);
	return camera_trouble(why, r, doing);
}

/* ---- contact ---- */

static const struct usb_interface *choose(const struct usb_interface *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].in && list[i].out && list[i].class == CLASS_STORAGE &&
		    list[i].protocol == BULK_ONLY && list[i].subclass >= BOT_UFI &&
		    list[i].subclass <= BOT_SCSI)
			return &list[i];
	}
	return NULL;
}

static void note_odd(struct camera *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note_odd(struct camera *c, const char *fmt, ...)
{
	va_list ap;

	if (c->odd[0])
		return;
	va_start(ap, fmt);
	vsnprintf(c->odd, sizeof(c->odd), fmt, ap);
	va_end(ap);
}

static void add_volume(struct camera *c, unsigned unit, unsigned number, const struct partition *p)
{
	if (c->volumes == MSC_VOLUMES) {
		note_odd(c, "unit %u: more than %u volumes", unit, MSC_VOLUMES);
		c->unread++;
		return;
	}
	c->volume[c->volumes++] = (struct msc_volume){
		.unit = unit,
		.storage = unit << 16 | number,
		.partition = *p,
	};
}

int msc_use(struct camera *c, size_t at)
{
	struct msc_volume *v = &c->volume[at];
	const char *why = "";
	int r;

	if (c->open && c->open_at == at)
		return 0;
	volume_close(c->open);
	c->open = NULL;
	r = volume_open(&c->unit[v->unit].disk.source, &v->partition, &c->open, &why);
	if (r < 0) {
		c->open = NULL;
		note_odd(c, "unit %u, partition %u: %s", v->unit, v->storage & 0xFFFF, why);
		return r;
	}
	c->open_at = at;
	v->kind = volume_kind(c->open);
	return 0;
}

void msc_forget(struct camera *c)
{
	if (!c->open)
		return;
	disk_forget(msc_disk(c));
	volume_forget(c->open);
}

/* The volumes of one unit; what is on it and cannot be read is noted. 0 or -errno. */
static int find_volumes(struct camera *c, unsigned unit)
{
	struct msc_unit *u = &c->unit[unit];
	struct partitions parts;
	int r = partitions_read(&u->disk.source, &parts);

	if (r < 0)
		return r;
	u->table = parts.table;
	if (parts.damaged && u->disk.errors > 0)
		note_odd(c, "unit %u: its partition table: %s", unit, disk_trouble(&u->disk));
	else if (parts.damaged)
		note_odd(c, "unit %u: its partition table is damaged", unit);
	c->damaged += parts.damaged > 0;
	for (size_t i = 0; i < parts.n; i++) {
		size_t at = c->volumes;

		add_volume(c, unit, (unsigned)i + 1, &parts.at[i]);
		if (c->volumes == at)
			break;
		r = msc_use(c, at);
		if (r == -ENOTSUP) {
			c->volumes = at;
			c->unread++;
		} else if (r < 0 && r != -EIO)
			return r;
	}
	if (parts.n == 0) {
		note_odd(c, "unit %u: no partition and no file system", unit);
		c->unread++;
	}
	return 0;
}

static int open_units(struct camera *c, struct proto_reason *why)
{
	enum fault fault = FAULT_MEDIUM;
	int r = -ENOTSUP;

	for (unsigned i = 0; i < c->bot.luns && i < MSC_UNITS; i++) {
		struct msc_unit *u = &c->unit[i];

		r = disk_open(&c->bot, i, PATIENCE_MS, &u->disk);
		if (r == 0) {
			u->there = true;
			r = find_volumes(c, i);
		} else if (r == -ENOMEDIUM) {
			note_odd(c, "unit %u: no card in it", i);
			r = 0;
		} else if (r == -ENOTSUP) {
			note_odd(c, "unit %u: no disk (device type %u)", i, u->disk.inquiry.type);
			r = 0;
		} else if (r == -EIO) {
			note_odd(c, "unit %u: %s", i, disk_trouble(&u->disk));
			c->unread++;
			r = 0;
		}
		if (r < 0)
			return msc_fault(r, "disk", why);
		if (u->disk.filled) /* no card that is formatted mends that */
			fault = FAULT_PROTOCOL;
	}
	if (c->volumes == 0)
		return camera_fault(why, fault, "%s", c->odd[0] ? c->odd : "no file system on it");
	return 0;
}

static int msc_open(struct transport *t, const struct proto_attach *attach, struct camera **out,
    struct proto_reason *why)
{
	struct usb_interface list[DESCRIPTOR_INTERFACES];
	const struct usb_interface *usb;
	struct camera *c;
	size_t n;
	int r;

	n = camera_interfaces(t, list);
	usb = choose(list, n);
	if (!usb)
		return camera_not_mine(why, t,
		    "no disk in its descriptors that is read here "
		    "(08/06/50, 08/05/50 or 08/04/50)");
	r = camera_claim(t, usb->number, why);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return camera_fault(why, FAULT_MEMORY, "no memory");
	*out = c;
	c->attach = *attach;
	c->transport = t;
	r = bot_start(&c->bot, t, usb, attach->quirks, camera_timeout_ms(attach));
	if (r < 0)
		return msc_fault(r, "disk", why);
	return open_units(c, why);
}

static void msc_close(struct camera *c)
{
	if (!c)
		return;
	volume_close(c->open);
	for (unsigned i = 0; i < MSC_UNITS; i++)
		disk_close(&c->unit[i].disk);
	bot_end(&c->bot);
	free(c);
}

static int msc_idle(struct camera *c, struct proto_reason *why)
{
	transport_run(c->transport, 0);
	return transport_gone(c->transport) ? msc_fault(-ENODEV, "waiting", why) : 0;
}

/* ---- identity and room ---- */

/* Counted once after each listing: it may read whole tables. 0 or -errno. */
static int count_room(struct camera *c)
{
	c->capacity_bytes = c->free_bytes = 0;
	for (size_t i = 0; i < c->volumes; i++) {
		uint64_t capacity = 0, left = 0;
		int r = msc_use(c, i);

		if (r == 0)
			r = volume_free(c->open, &capacity, &left);
		if (r < 0 && r != -EIO)
			return r;
		if (r == 0 && capacity <= INT64_MAX - c->capacity_bytes) {
			c->capacity_bytes += capacity;
			c->free_bytes += left < capacity ? left : capacity;
		}
	}
	c->counted = true;
	return 0;
}

static const struct msc_unit *first_unit(const struct camera *c)
{
	return &c->unit[c->volume[0].unit];
}

static int msc_look(struct camera *c, struct proto_camera *out, struct proto_reason *why)
{
	const struct disk *first = &first_unit(c)->disk;
	int r = c->counted ? 0 : count_room(c);

	memset(out, 0, sizeof(*out));
	if (r < 0)
		return msc_fault(r, "free space", why);
	out->features = CAMERA_PARTIAL64;
	out->clock_s = PROTO_NO_TIME;
	out->capacity_bytes = c->capacity_bytes;
	out->free_bytes = c->free_bytes;
	out->storages = (uint32_t)c->volumes;
	out->recoveries = c->bot.recoveries;
	out->block_bytes = first->source.block_bytes;
	for (unsigned i = 0; i < MSC_UNITS; i++) {
		if (c->unit[i].there && c->unit[i].disk.write_protected)
			out->features |= CAMERA_READ_ONLY;
		if (c->unit[i].there && !out->serial[0])
			camera_text(out->serial, sizeof(out->serial), c->unit[i].disk.serial);
	}
	camera_text(out->manufacturer, sizeof(out->manufacturer), first->inquiry.vendor);
	camera_text(out->model, sizeof(out->model), first->inquiry.product);
	camera_text(out->firmware, sizeof(out->firmware), first->inquiry.revision);
	return 0;
}

static void msc_describe(struct camera *c, struct proto_probed *out)
{
	char text[4 * PROTO_TEXT_LEN] = "";
	size_t len = 0;

	out->driver = DRIVER_MSC;
	out->luns = 0;
	for (unsigned i = 0; i < MSC_UNITS; i++)
		out->luns += c->unit[i].there;
	for (size_t i = 0; i < c->volumes && len < PROTO_TEXT_LEN; i++) {
		const struct msc_volume *v = &c->volume[i];
		const struct msc_unit *u = &c->unit[v->unit];
		const char *table = partition_word(u->table);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s%s, %u-byte blocks",
		    i ? "; " : "", v->kind ? volume_word(v->kind) : "too damaged to be read",
		    u->table == TABLE_NONE ? "" : "on ", table, u->disk.source.block_bytes);
	}
	camera_text(out->medium, sizeof(out->medium), text);
	if (!out->text[0])
		camera_text(out->text, sizeof(out->text), c->odd);
}

/* ---- what is not done here ---- */

static int msc_erase(struct camera *c, const struct proto_erase *erase, struct proto_erased *out,
    struct proto_reason *why)
{
	(void)c;
	(void)erase;
	(void)why;
	memset(out, 0, sizeof(*out));
	out->result = ERASE_REFUSED;
	snprintf(out->text, sizeof(out->text),
	    "a disk has no command of its own to erase a file, and its file system is not written");
	return 0;
}

static int msc_set_clock(
    struct camera *c, int64_t clock_s, struct proto_status *out, struct proto_reason *why)
{
	(void)c;
	(void)clock_s;
	(void)why;
	memset(out, 0, sizeof(*out));
	out->status = -ENOTSUP;
	snprintf(out->text, sizeof(out->text), "a disk has no clock that can be set");
	return 0;
}

const struct driver msc_driver = {
	.open = msc_open,
	.look = msc_look,
	.list = msc_list,
	.fetch = msc_fetch,
	.erase = msc_erase,
	.set_clock = msc_set_clock,
	.describe = msc_describe,
	.idle = msc_idle,
	.close = msc_close,
};
