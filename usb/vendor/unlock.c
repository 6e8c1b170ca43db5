/*
 * unlock: the driver of cameras that show their files only after a vendor's command.
 *
 * Owns the order in which languages are tried, what is told of a locked camera, and the hand-over to
 * msc_driver. Called by camera_main as any driver. See unlock.h; it never sends a command that is in
 * none of the languages' tables.
 */
#include "unlock.h"

#include "../disk/scsi.h"
#include "dv16.h"

#include "../../dockd/base/language.h"
#include "../../dockd/base/proto_object.h"
#include "../../dockd/base/proto_probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMMAND_MS 3000    /* of one vendor command over bulk-only transport */
#define LEAVE_MS 10000     /* after the switch: to leave, or to become ready in place */
#define COMING_MS 8000     /* for a medium that says that it is coming up */
#define UNREADABLE_MS 3000 /* for a file system to be seen on a medium that is ready */
#define STEP_MS 200        /* between two looks */
#define ATTENTIONS 4       /* UNIT ATTENTION conditions in a row */
#define SENSE_BYTES 18

enum readiness { READY, COMING, EMPTY, BROKEN };

struct camera {
	struct locked locked;
	struct proto_attach attach;
	const struct language *language; /* that it answered; NULL none */
	bool is_locked;
	struct camera *disk; /* msc_driver's; NULL while locked */
	struct vendor_facts facts;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const char *locked_pin(const struct locked *l, const char *fallback)
{
	return l->pin[0] ? l->pin : fallback;
}

/* ---- the device as a disk ---- */

static void fetch_sense(struct locked *l, struct scsi_sense *out)
{
	uint8_t cdb[SCSI_CDB_MAX], data[SENSE_BYTES] = { 0 };
	struct bot_result result = { 0 };

	memset(out, 0, sizeof(*out));
	if (bot_command(&l->bot, 0, cdb, scsi_request_sense(cdb, sizeof(data)), data, sizeof(data),
		true, &result) == 0 &&
	    result.passed)
		scsi_sense_read(data, result.moved, out);
}

int locked_command(struct locked *l, const uint8_t *cdb, size_t cdb_len, void *data, uint32_t len,
    bool in, uint32_t *moved)
{
	struct bot_result result = { 0 };
	struct scsi_sense sense;
	int r = bot_command(&l->bot, 0, cdb, cdb_len, data, len, in, &result);

	*moved = 0;
	if (r < 0)
		return transport_gone(l->transport) ? -ENODEV : r;
	if (!result.passed) {
		fetch_sense(l, &sense);
		return -EREMOTEIO;
	}
	*moved = result.moved < len ? result.moved : len;
	return 0;
}

static enum readiness readiness(struct locked *l)
{
	uint8_t cdb[SCSI_CDB_MAX];

	for (int i = 0; i < ATTENTIONS; i++) {
		struct bot_result result = { 0 };
		struct scsi_sense sense;

		if (bot_command(
			&l->bot, 0, cdb, scsi_test_unit_ready(cdb), NULL, 0, false, &result) < 0)
			return BROKEN;
		if (result.passed)
			return READY;
		fetch_sense(l, &sense);
		if (sense.key == 0x06) /* UNIT ATTENTION: said once, asked again */
			continue;
		return sense.asc == 0x04 ? COMING : EMPTY;
	}
	return COMING;
}

/* As readiness, but waits for a medium that is coming up. */
static enum readiness settled(struct locked *l)
{
	uint64_t end = now_ms() + COMING_MS;
	enum readiness r = readiness(l);

	while (r == COMING && now_ms() < end && !transport_gone(l->transport)) {
		transport_run(l->transport, STEP_MS);
		r = readiness(l);
	}
	return r;
}

static bool names_family(struct locked *l)
{
	uint8_t cdb[SCSI_CDB_MAX], data[36] = { 0 };
	struct scsi_inquiry inquiry;
	uint32_t moved = 0;

	return locked_command(l, cdb, scsi_inquiry(cdb, -1, sizeof(data)), data, sizeof(data), true,
		   &moved) == 0 &&
	    scsi_inquiry_read(data, moved, &inquiry) && dv16_is(inquiry.vendor, inquiry.product);
}

/* ---- finding the interface ---- */

static bool is_disk(const struct usb_interface *i)
{
	return i->class == 0x08 && i->protocol == 0x50 && i->in && i->out;
}

/* The disk's interface, else the first with two bulk pipes. */
static bool choose(struct transport *t, struct usb_interface *out)
{
	struct usb_interface all[DESCRIPTOR_INTERFACES];
	size_t n = camera_interfaces(t, all);
	bool disk = false;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n && !disk; i++) {
		if (is_disk(&all[i]) || (!out->in && all[i].in && all[i].out)) {
			*out = all[i];
			disk = is_disk(&all[i]);
		}
	}
	return disk;
}

static void let_go(struct camera *c)
{
	struct locked *l = &c->locked;

	if (l->bot_up)
		bot_end(&l->bot);
	l->bot_up = false;
	if (l->claimed && !(c->attach.quirks & QUIRK_NO_RELEASE))
		transport_release(l->transport);
	l->claimed = false;
}

static int take_hold(struct camera *c, bool disk, struct proto_reason *why)
{
	struct locked *l = &c->locked;
	int r;

	if (!l->usb.in)
		return 0; /* control requests need no interface */
	r = transport_claim(l->transport, l->usb.number);
	if (r < 0)
		return camera_fault(why,
		    r == -ENODEV    ? FAULT_GONE :
			r == -EBUSY ? FAULT_BUSY :
				      FAULT_DESCRIPTORS,
		    "its interface cannot be claimed: %s", strerror(-r));
	l->claimed = true;
	if (!disk)
		return 0;
	r = bot_start(&l->bot, l->transport, &l->usb, c->attach.quirks,
	    l->timeout_ms < COMMAND_MS ? l->timeout_ms : COMMAND_MS);
	if (r < 0)
		return camera_fault(why, r == -ENODEV ? FAULT_GONE : FAULT_SILENT,
		    "it does not answer as a disk: %s", strerror(-r));
	l->bot_up = true;
	return 0;
}

/* ---- which language ---- */

static const struct language *language_at(uint32_t id)
{
	static const struct language *const all[] = { &dv16_language, &amba_request_language,
		&amba_block_language, &amba_text_language };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->id == id)
			return all[i];
	}
	return NULL;
}

/*
 * Tries them in the profile's order; after each that does not answer, halted pipes are cleared, so
 * that the next one meets the device as it was. tried: their words, for people.
 */
static int meet(struct camera *c, char *tried, size_t room)
{
	struct locked *l = &c->locked;
	size_t at = 0;

	tried[0] = '\0';
	for (size_t i = 0; i < PROTO_UNLOCKS && c->attach.unlock[i]; i++) {
		const struct language *language = language_at(c->attach.unlock[i]);
		int r = language ? language->meet(l) : -ENOTSUP;

		if (r == 0) {
			c->language = language;
			return 0;
		}
		if (r == -ENODEV)
			return r;
		if (l->claimed && !l->bot_up) {
			transport_clear_halt(l->transport, l->usb.out);
			transport_clear_halt(l->transport, l->usb.in);
		}
		l->pin_state = PIN_UNTRIED;
		if (at < room)
			at += (size_t)snprintf(tried + at, room - at, "%s%s", at ? ", " : "",
			    language_word((enum unlock)c->attach.unlock[i]));
	}
	return -ENOTSUP;
}

static int ask_facts(struct camera *c, struct proto_reason *why)
{
	struct vendor_facts told = { .battery_percent = -1 };
	int r = c->language->facts(&c->locked, &told);

	if (r == -ENODEV || transport_gone(c->locked.transport))
		return camera_fault(why, FAULT_GONE, "it left while it was asked for its ids");
	if (r < 0)
		return camera_fault(why, FAULT_SILENT, "asked for its ids in %s: %s",
		    language_word(c->language->id), strerror(-r));
	if (c->disk && !told.camera[0] && !told.model[0] && told.battery_percent < 0)
		c->facts.battery_percent = -1; /* it speaks no more: whose it is stands as told */
	else
		c->facts = told;
	return 0;
}

/* From here on it is a disk. */
static int hand_over(struct camera *c, struct proto_reason *why)
{
	int r = msc_driver.open(c->locked.transport, &c->attach, &c->disk, why);

	if (r < 0)
		c->disk = NULL;
	else
		c->is_locked = false;
	return r;
}

/* Whether a disk that does not name the DV16 family may be asked in any language of the profile. */
static bool has_other_languages(const struct camera *c)
{
	for (size_t i = 0; i < PROTO_UNLOCKS && c->attach.unlock[i]; i++) {
		if (c->attach.unlock[i] != UNLOCK_DV16)
			return true;
	}
	return false;
}

/*
 * A device with a disk's interface. One that does not name the DV16 family is left to msc_driver
 * without a word in any language where it is ready, or where no other language is to be tried.
 */
static int open_disk(struct camera *c, struct proto_reason *why)
{
	struct locked *l = &c->locked;
	enum readiness ready;
	char tried[96];
	int r = -ENOTSUP;

	l->family = names_family(l);
	if (!l->family && !has_other_languages(c))
		return hand_over(c, why);
	ready = settled(l);
	if (l->family || ready != READY)
		r = meet(c, tried, sizeof(tried));
	if (r == -ENODEV)
		return camera_fault(why, FAULT_GONE, "it left while it was asked what it is");
	if (r < 0 || ready == READY) {
		if (r == 0 && (r = ask_facts(c, why)) < 0)
			return r;
		r = hand_over(c, why);
		/* a unit without a file system that speaks the language: files come after UNLOCK */
		if (r < 0 && !(c->language && why->code == FAULT_MEDIUM))
			return r;
	}
	c->is_locked = !c->disk;
	return 0;
}

static int open_other(struct camera *c, struct proto_reason *why)
{
	char tried[96];
	int r = meet(c, tried, sizeof(tried));

	if (r == -ENODEV)
		return camera_fault(why, FAULT_GONE, "it left while it was asked what it is");
	if (r < 0) {
		camera_fault(
		    why, FAULT_DESCRIPTORS, "no disk, and it answers in none of: %s", tried);
		return -ENOTSUP;
	}
	c->is_locked = true;
	return 0;
}

static void driver_close(struct camera *c)
{
	if (!c)
		return;
	msc_driver.close(c->disk);
	let_go(c);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static int driver_open(struct transport *t, const struct proto_attach *attach, struct camera **out,
    struct proto_reason *why)
{
	struct camera *c = calloc(1, sizeof(*c));
	bool disk;
	int r;

	if (!c)
		return camera_fault(why, FAULT_MEMORY, "out of memory");
	c->attach = *attach;
	c->facts.battery_percent = -1;
	c->locked.transport = t;
	c->locked.timeout_ms = attach->timeout_ms;
	c->locked.no_login = (attach->flags & ATTACH_PROBE) != 0;
	memcpy(c->locked.pin, attach->pin, sizeof(c->locked.pin));
	c->locked.pin[sizeof(c->locked.pin) - 1] = '\0';
	explicit_bzero(c->attach.pin, sizeof(c->attach.pin));
	disk = choose(t, &c->locked.usb);
	r = take_hold(c, disk, why);
	if (r == 0)
		r = disk ? open_disk(c, why) : open_other(c, why);
	if (r < 0) {
		driver_close(c);
		return r;
	}
	*out = c;
	return 0;
}

/* ---- what is asked of it ---- */

static int locked_fault(struct proto_reason *why)
{
	return camera_fault(
	    why, FAULT_CORE, "asked for files while the camera is locked: UNLOCK comes first");
}

/* Ids and, while it is locked, what else its language tells. */
static void merge(const struct camera *c, struct proto_camera *out)
{
	const struct vendor_facts *f = &c->facts;

	out->unlock = c->language->id;
	camera_text(out->serial, sizeof(out->serial), f->camera);
	camera_text(out->officer, sizeof(out->officer), f->officer);
	camera_text(out->unit, sizeof(out->unit), f->unit);
	if (f->model[0])
		camera_text(out->model, sizeof(out->model), f->model);
	if (f->battery_percent >= 0) {
		out->battery_percent = (uint32_t)f->battery_percent;
		out->features |= CAMERA_BATTERY;
	}
	if (c->is_locked)
		out->features |= CAMERA_LOCKED | (c->language->sets_clock ? CAMERA_CLOCK_SET : 0u) |
		    (c->language->sets_owner ? CAMERA_OWNER_SET : 0u);
}

static int driver_look(struct camera *c, struct proto_camera *out, struct proto_reason *why)
{
	int r;

	memset(out, 0, sizeof(*out));
	out->clock_s = PROTO_NO_TIME;
	/* as a disk it may speak no more: what it told before stands */
	if (c->language && (r = ask_facts(c, why)) < 0 && (!c->disk || why->code == FAULT_GONE))
		return r;
	if (c->disk) {
		r = msc_driver.look(c->disk, out, why);
		if (r < 0)
			return r;
		/* a disk's own serial number is not the camera's: its language tells that, or nothing */
		memset(out->serial, 0, sizeof(out->serial));
	}
	if (c->language)
		merge(c, out);
	return 0;
}

static int driver_list(struct camera *c, struct proto_listed *out, struct proto_reason *why)
{
	return c->disk ? msc_driver.list(c->disk, out, why) : locked_fault(why);
}

static int driver_fetch(struct camera *c, const struct proto_fetch *fetch, int file,
    struct proto_fetched *out, struct proto_reason *why)
{
	return c->disk ? msc_driver.fetch(c->disk, fetch, file, out, why) : locked_fault(why);
}

static int driver_erase(struct camera *c, const struct proto_erase *erase, struct proto_erased *out,
    struct proto_reason *why)
{
	return c->disk ? msc_driver.erase(c->disk, erase, out, why) : locked_fault(why);
}

/* What an act in a language came to. -EIO (and *why) only where the camera has gone. */
static int outcome(struct camera *c, int r, struct proto_status *out, struct proto_reason *why)
{
	const char *text = r == 0 ? "" :
	    r == -EACCES          ? "the camera wants another PIN" :
	    r == -EREMOTEIO       ? "the camera refuses it" :
	    r == -ENOMEDIUM       ? "the camera says that it has no card" :
	    r == -EMEDIUMTYPE     ? "its card has no file system that can be read" :
	    r == -EINVAL          ? "it is longer than the camera's field, or no time it can hold" :
				    strerror(-r);

	if (r == -ENODEV || transport_gone(c->locked.transport))
		return camera_fault(why, FAULT_GONE, "it left");
	memset(out, 0, sizeof(*out));
	out->status = r;
	camera_text(out->text, sizeof(out->text), text);
	return 0;
}

static int driver_set_clock(
    struct camera *c, int64_t clock_s, struct proto_status *out, struct proto_reason *why)
{
	if (c->disk)
		return msc_driver.set_clock(c->disk, clock_s, out, why);
	return outcome(c,
	    c->language->set_clock ? c->language->set_clock(&c->locked, clock_s) : -ENOTSUP, out,
	    why);
}

static int driver_configure(struct camera *c, const struct proto_configure *what,
    struct proto_status *out, struct proto_reason *why)
{
	bool owner = what->what == CONFIGURE_OWNER && !c->disk && c->language->set_owner;

	return outcome(c,
	    owner ? c->language->set_owner(&c->locked, what->officer, what->unit) : -ENOTSUP, out,
	    why);
}

/* A transport with nothing under way may not have noticed: asks for the device's status (USB 2.0, 9.4.5). */
static bool has_left(struct locked *l)
{
	uint8_t status[2];

	return transport_gone(l->transport) ||
	    transport_control(l->transport, 0x80, 0x00, 0, 0, status, sizeof(status), STEP_MS) ==
	    -ENODEV;
}

/*
 * After the switch: waits until it has left, or its medium has become ready. One that does neither
 * is told of as it is by the next LOOK: locked. -EMEDIUMTYPE: ready, without a file system.
 */
static int await(struct camera *c, struct proto_reason *why)
{
	uint64_t end = now_ms() + LEAVE_MS, unreadable = 0;

	while (now_ms() < end) {
		if (has_left(&c->locked))
			return camera_fault(why, FAULT_GONE, "it left for disk mode");
		if (c->locked.bot_up && readiness(&c->locked) == READY) {
			if (hand_over(c, why) == 0)
				return 0;
			if (!unreadable)
				unreadable = now_ms() + UNREADABLE_MS;
			if (why->code == FAULT_MEDIUM && now_ms() >= unreadable)
				return -EMEDIUMTYPE;
		}
		transport_run(c->locked.transport, STEP_MS);
	}
	return 0;
}

static int driver_unlock(struct camera *c, struct proto_status *out, struct proto_reason *why)
{
	int r;

	if (c->disk)
		return outcome(c, 0, out, why);
	r = c->language->unlock(&c->locked);
	if (r == 0 && (r = await(c, why)) < 0 && r != -EMEDIUMTYPE)
		return r;
	return outcome(c, r, out, why);
}

static void driver_describe(struct camera *c, struct proto_probed *out)
{
	if (c->disk && msc_driver.describe)
		msc_driver.describe(c->disk, out);
	else if (c->is_locked)
		camera_text(out->text, sizeof(out->text),
		    "locked: its files come after it was switched to disk mode");
}

static int driver_idle(struct camera *c, struct proto_reason *why)
{
	if (c->disk)
		return msc_driver.idle(c->disk, why);
	transport_run(c->locked.transport, 0);
	return transport_gone(c->locked.transport) ? camera_fault(why, FAULT_GONE, "it left") : 0;
}

const struct driver unlock_driver = {
	.open = driver_open,
	.look = driver_look,
	.list = driver_list,
	.fetch = driver_fetch,
	.erase = driver_erase,
	.set_clock = driver_set_clock,
	.unlock = driver_unlock,
	.configure = driver_configure,
	.describe = driver_describe,
	.idle = driver_idle,
	.close = driver_close,
};
