#include "docking.h"

#include "bays.h"
#include "books.h"
#include "child.h"
#include "clock.h"
#include "configuration.h"
#include "pin.h"
#include "pulling.h"
#include "unlocking.h"

#include "base/handover.h"
#include "base/log.h"
#include "base/proto_object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_RANGE_S (INT64_C(1) << 40)

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

/* ---- beginning and end ---- */

/* Forgets what a docking knew; the bay itself stays. */
static void forget(struct bay *b)
{
	memset(&b->camera, 0, sizeof(b->camera));
	memset(&b->unlock, 0, sizeof(b->unlock));
	memset(&b->charge, 0, sizeof(b->charge));
	b->docking = 0;
	b->known = b->identity_proved = b->doubled = b->clock_known = b->clock_done = false;
	b->identity[0] = '\0';
	b->listings = 0;
	b->list_gap_s = 0;
	b->damaged = 0;
	b->no_room = b->linked = b->news = b->final = b->told_held = b->partial = b->erase_wanted =
	    b->erase_scan = b->erased_some = false;
	b->erase_cursor = 0;
	b->not_erased_n = 0;
	b->trouble[0] = b->untold[0] = '\0';
	b->owner_told = false;
	b->reissues = 0;
	b->came_officer[0] = b->came_unit[0] = '\0';
	b->settings_told = 0;
	b->fault[0] = '\0';
	b->deaths = b->starved = 0;
	b->pulled_bytes = 0;
	b->found = 0;
	memset(&b->sum, 0, sizeof(b->sum));
	b->mishaps = 0;
	b->health.stale = true;
}

void docking_begin(struct bay *b)
{
	struct record *r = books_begin("docked");

	forget(b);
	b->docking = index_new_docking(ix(b));
	b->docked_at_s = clock_now_s();
	b->docked_us = bay_now_us();
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "bay", b->name);
	record_text(r, "port", b->port);
	record_number(r, "vendor", b->device.vendor);
	record_number(r, "product", b->device.product);
	record_text(r, "serial", b->device.serial);
	record_text(r, "model", b->device.model);
	record_text(r, "profile", b->profile->name);
	record_number(r, "speed", b->device.speed_mbps);
	books_write(b, r);
	log_info("docked",
	    "bay=%s docking=%" PRIu64 " serial=\"%s\" model=\"%s\" profile=%s speed-mbps=%u",
	    b->name, b->docking, log_text(b->device.serial), log_text(b->device.model),
	    b->profile->name, b->device.speed_mbps);
}

void docking_end(struct bay *b, const char *reason)
{
	struct record *r;

	if (!b->docking)
		return;
	unlocking_ended(b);
	r = books_begin("undocked");
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "reason", reason);
	record_number(r, "held", bay_holds_all(b) && !b->partial);
	books_write(b, r);
	listing_drop(ix(b), b->docking);
	log_info("undocked", "bay=%s docking=%" PRIu64 " reason=%s held=%s", b->name, b->docking,
	    reason, bay_holds_all(b) ? "all" : "not-all");
	forget(b);
}

int docking_attach(struct bay *b)
{
	const struct profile *p = b->profile;
	struct proto_attach a = {
		.version = PROTO_VERSION,
		.driver = p->driver,
		.quirks = p->quirks,
		.window_bytes = p->window_bytes,
		.timeout_ms = p->timeout_ms,
		.max_objects = p->max_objects,
	};
	char why[PROTO_TEXT_LEN * 2];
	int r;

	if (unlocking_spent(b, why, sizeof(why)) ||
	    pin_read(p->pin_file, a.pin, why, sizeof(why)) < 0) {
		bay_fault(b, why);
		return 0;
	}
	for (size_t i = 0; i < PROTO_UNLOCKS; i++)
		a.unlock[i] = p->unlock[i];
	memcpy(a.pattern, p->pattern, sizeof(a.pattern));
	r = child_send(b->child, MSG_ATTACH, &a, &b->device_fd, 1);
	explicit_bzero(a.pin, sizeof(a.pin));
	close(b->device_fd);
	b->device_fd = -1;
	return r;
}

/* ---- what the worker says ---- */

/*
 * The serial number that its profile goes by; "" where it tells none. A camera without one on the
 * bus that told its own in a vendor's language goes by that; what a disk says of itself is none.
 */
static const char *serial_of(const struct bay *b)
{
	const char *usb = unlocking_usb_serial(b);

	bool told = b->camera.unlock != UNLOCK_NONE || b->unlock.open || b->unlock.done;

	if (b->profile->identity == IDENTITY_USB && (usb[0] || !told))
		return usb;
	return b->camera.serial;
}

/* Assets are kept under the serial number alone, whatever else the two cameras say. */
static bool identity_is_elsewhere(struct bay *b)
{
	const char *serial = serial_of(b);
	bool found = false;

	for (size_t i = 0; i < b->house->n; i++) {
		struct bay *o = b->house->bay[i];

		if (o == b || !o->docking || !o->known || !o->profile || o->state == BAY_LEFT)
			continue;
		if (serial[0] && strcmp(serial_of(o), serial) == 0) {
			o->doubled = true;
			o->identity_proved = false;
			books_trouble(o,
			    "another camera with the same serial number is docked: "
			    "nothing is erased from either; find out which is which");
			found = true;
		}
	}
	return found;
}

/* Decides under which identity this camera's assets are kept. */
static void identify(struct bay *b)
{
	const char *serial = serial_of(b);

	b->doubled = identity_is_elsewhere(b);
	b->identity_proved = serial[0] && !b->doubled;
	if (b->identity_proved)
		snprintf(b->identity, sizeof(b->identity), "%s", serial);
	else
		snprintf(
		    b->identity, sizeof(b->identity), "unproved:%s:%" PRIu64, b->name, b->docking);
	if (b->doubled)
		books_trouble(b,
		    "another camera with the same serial number is docked: "
		    "nothing is erased from either; find out which is which");
	else if (b->identity_proved && b->unlock.carried)
		books_trouble(b,
		    "the disk that came back for the unlocked camera cannot be compared with it: if "
		    "the camera was changed meanwhile, its clips stand under the wrong one");
	else if (!b->identity_proved)
		books_trouble(b,
		    "the camera tells no serial number: its clips are kept under this bay's name "
		    "and nothing is erased from it; tell whose it is");
	if (b->unlock.carried)
		b->identity_proved = false;
}

/*
 * Back within the time of a docking, but not provably the camera that it began with: another one.
 * true: it came in the place of one that was being unlocked, and says nothing of itself.
 */
static bool begin_anew_if_another(struct bay *b)
{
	struct proto_camera camera = b->camera;
	bool unlocked = b->unlock.tries > 0;

	if (b->known || !b->identity[0] || strcmp(b->identity, serial_of(b)) == 0 ||
	    unlocking_is_same(b, serial_of(b)))
		return false;
	docking_end(b, "left");
	docking_begin(b);
	b->camera = camera;
	return unlocked && camera.unlock == UNLOCK_NONE;
}

/* An id goes into the ledger: visible ASCII without blanks, and nothing behind it. */
static void clean_id(char *id, size_t room)
{
	size_t len = strnlen(id, room - 1);

	while (len > 0 && id[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '"' || id[i] == '\\')
			id[i] = '_';
	}
	memset(id + len, 0, room - len);
}

static void see_charge(struct bay *b)
{
	if (!(b->camera.features & CAMERA_BATTERY))
		return;
	charge_tell(&b->charge, b->camera.battery_percent, b->profile->full_percent, b->looked_ms,
	    b->profile->charge_stall_minutes * UINT64_C(60000));
	if (b->charge.stalled && !b->charge.told) {
		b->charge.told = true;
		health_mishap(b, MISHAP_CHARGE);
	}
}

static const char *on_camera(struct bay *b, const struct msg *m)
{
	uint64_t free_bytes = b->camera.free_bytes;
	bool unlocked, apart;

	memcpy(&b->camera, m->body, sizeof(b->camera));
	clean_id(b->camera.officer, sizeof(b->camera.officer));
	clean_id(b->camera.unit, sizeof(b->camera.unit));
	unlocked = unlocking_camera(b);
	apart = begin_anew_if_another(b);
	if (b->reissues == 0) {
		memcpy(b->came_officer, b->camera.officer, sizeof(b->came_officer));
		memcpy(b->came_unit, b->camera.unit, sizeof(b->came_unit));
	}
	if (b->camera.battery_percent > 100)
		b->camera.features &= ~CAMERA_BATTERY;
	if ((b->camera.features & CAMERA_CLOCK) && b->camera.clock_s != PROTO_NO_TIME) {
		int64_t face_s;

		if (b->camera.clock_s < -CLOCK_RANGE_S || b->camera.clock_s > CLOCK_RANGE_S ||
		    b->camera.read_at_ms < 0 || b->camera.read_at_ms / 1000 > CLOCK_RANGE_S)
			return "CAMERA: a clock out of any range";
		face_s = b->camera.clock_s -
		    zone_offset_s(&b->profile->clock_zone, b->camera.read_at_ms / 1000);
		if (!b->clock_done) {
			b->clock_offset_ms = face_s * 1000 - b->camera.read_at_ms;
			b->clock_known = true;
		}
	}
	b->looked_ms = clock_steady_ms();
	see_charge(b);
	b->health.stale = true;
	b->fault[0] = '\0'; /* it answers again: what its last worker died of is over */
	if (b->state == BAY_LOOKING) {
		/* what its first words tell is the end of what another worker left */
		if (b->camera.recoveries > b->recoveries)
			health_mishap(b, MISHAP_RECOVERY);
		b->recoveries = b->camera.recoveries;
		/* it wrote or lost something since: what it shows now is not known */
		if (b->camera.free_bytes != free_bytes && b->final) {
			b->final = false;
			b->list_gap_s = 0;
		}
		if (unlocked)
			unlocking_done(b);
		b->state = BAY_READY;
		return NULL;
	}
	if (!b->known) {
		identify(b);
		if (apart)
			books_trouble(b,
			    "the disk that came back for an unlocked camera is not that camera's: it is "
			    "kept apart; look which camera is in the bay");
		/* told of its first face; of the second where that leaves a doubt */
		if ((!unlocked && !b->unlock.tries) || (b->unlock.carried && b->unlock.open))
			books_camera(b);
	}
	if (unlocked)
		unlocking_done(b);
	b->known = true;
	b->recoveries = b->camera.recoveries;
	b->state = BAY_READY;
	return NULL;
}

static const char *on_clock_set(struct bay *b, const struct msg *m)
{
	struct proto_status s;
	struct record *r;

	memcpy(&s, m->body, sizeof(s));
	b->state = BAY_READY;
	if (s.status < 0) {
		log_warn("clock-not-set", "bay=%s reason=\"%s\"", b->name, log_text(s.text));
		return NULL;
	}
	r = books_begin("clock");
	record_number(r, "docking", (int64_t)b->docking);
	if (b->clock_known)
		record_number(r, "offset-ms", b->clock_offset_ms);
	record_number(r, "set-to", b->clock_set_s);
	books_write(b, r);
	if (b->clock_known)
		log_info("clock-set", "bay=%s was-off-ms=%" PRId64, b->name, b->clock_offset_ms);
	else
		log_info("clock-set", "bay=%s was-off-ms=unknown", b->name);
	b->clock_offset_ms = 0;
	return NULL;
}

static const char *on_object(struct bay *b, const struct msg *m)
{
	struct proto_object o;

	memcpy(&o, m->body, sizeof(o));
	if (o.kind < KIND_CLIP || o.kind > KIND_IGNORED)
		return "OBJECT of a kind that does not exist";
	if (o.size_bytes > INT64_MAX)
		return "OBJECT with a size past any disk";
	if (!o.path[0])
		return "OBJECT without a path";
	if (++b->rows > b->profile->max_objects)
		return "more OBJECTs than max-objects";
	if (o.kind != KIND_IGNORED && listing_add(ix(b), b->docking, &o) < 0)
		return "its listing cannot be kept";
	return NULL;
}

static const char *on_listed(struct bay *b, const struct msg *m)
{
	struct proto_listed l;
	struct record *r;
	int err;

	memcpy(&l, m->body, sizeof(l));
	if (b->house->ending) { /* cut short by us: the next start lists anew */
		b->state = BAY_READY;
		return NULL;
	}
	r = books_begin("listed");
	record_number(r, "docking", (int64_t)b->docking);
	record_number(r, "objects", l.objects);
	record_number(r, "skipped", l.skipped);
	record_number(r, "truncated", l.truncated);
	record_number(r, "again", b->listings > 0);
	if (l.damaged)
		record_number(r, "damaged", l.damaged);
	if (l.text[0])
		record_text(r, "text", l.text);
	books_write(b, r);
	log_info("listed",
	    "bay=%s docking=%" PRIu64
	    " objects=%u skipped=%u truncated=%u damaged=%u status=%d text=\"%s\"",
	    b->name, b->docking, l.objects, l.skipped, l.truncated, l.damaged, l.status,
	    log_text(l.text));
	err = listing_end(ix(b), b->docking, b->identity, clock_now_s());
	if (err < 0) {
		log_error("listing", "bay=%s reason=\"%s\"", b->name, strerror(-err));
		return "its listing cannot be kept";
	}
	b->partial = l.status < 0 || l.truncated || l.skipped;
	b->damaged = l.damaged;
	if (b->damaged)
		books_trouble(b,
		    "the camera's file system is damaged: what can be read is taken; format nothing, "
		    "have the camera looked at before it is used again");
	if (l.truncated)
		books_trouble(b,
		    "more objects than max-objects: those listed are taken, the rest stays; raise "
		    "max-objects in the profile, and clear nothing off the camera before");
	else if (b->partial && !b->damaged)
		books_trouble(b,
		    "part of the camera could not be read: what can be read is taken; keep the camera, "
		    "format nothing, have it looked at");
	b->listings++;
	b->health.stale = true;
	b->listed_us = bay_now_us();
	b->linked = b->news = false;
	b->erase_wanted = true;
	b->state = BAY_READY;
	handover("docking-listed");
	return NULL;
}

static const char *on_erased(struct bay *b, const struct msg *m)
{
	static const char *const words[] = {
		[ERASE_DONE] = "done",
		[ERASE_GONE] = "gone",
		[ERASE_CHANGED] = "changed",
		[ERASE_REFUSED] = "refused",
		[ERASE_UNSURE] = "unsure",
	};
	struct proto_erased e;

	memcpy(&e, m->body, sizeof(e));
	if (e.result < ERASE_DONE || e.result > ERASE_UNSURE)
		return "ERASED with a result that does not exist";
	b->state = BAY_READY;
	books_erased(b, b->asset.number, words[e.result], e.text);
	b->erased_some = true;
	handover("docking-erased");
	if (e.result == ERASE_REFUSED || e.result == ERASE_UNSURE) {
		if (b->not_erased_n < BAY_NOT_ERASED)
			b->not_erased[b->not_erased_n++] = b->asset.number;
		books_trouble(b, "the camera did not erase what it was told to: it fills up");
	}
	return NULL;
}

/* What went wrong, for people: first what it means for them, then what the worker saw. */
static void tell_fault(const struct proto_reason *r, char *out, size_t room)
{
	static const char *const words[] = {
		[FAULT_PROTOCOL] =
		    "the camera answers nonsense: switch it off and on, else have it looked at",
		[FAULT_SILENT] =
		    "the camera does not answer: take it out, switch it off and on, put it back",
		[FAULT_GONE] =
		    "the camera lost contact: push it in again, clean the bay's contacts",
		[FAULT_DESCRIPTORS] = "the camera describes itself wrongly: have it looked at",
		[FAULT_SANDBOX] = "this computer's kernel cannot run dockd safely",
		[FAULT_BUSY] = "another program on this computer holds the camera",
		[FAULT_CORE] =
		    "dockd and dockd-camera do not fit together: install the package again",
		[FAULT_MEMORY] = "this computer has no memory left for USB",
		[FAULT_MEDIUM] =
		    "no card in the camera, or it cannot be read: format nothing, have it looked at",
	};
	bool known = r->code < sizeof(words) / sizeof(words[0]) && words[r->code];

	snprintf(out, room, "%s%s%.150s%s", known ? words[r->code] : "", known ? " (" : "", r->text,
	    known ? ")" : "");
}

static const char *on_reason(struct bay *b, const struct msg *m)
{
	struct proto_reason r;
	char text[PROTO_TEXT_LEN * 2];

	memcpy(&r, m->body, sizeof(r));
	if (m->head.type == MSG_NOT_MINE) {
		bay_fault(b, "this device does not speak the protocol that its profile names");
		log_warn("not-mine", "bay=%s profile=%s reason=\"%s\"", b->name, b->profile->name,
		    log_text(r.text));
		return NULL;
	}
	if (r.code == FAULT_GONE && unlocking_away(b))
		return NULL;
	log_warn("worker-fault", "bay=%s code=%u reason=\"%s\"", b->name, r.code, log_text(r.text));
	/* one that has gone in a pull is counted as that; what the host lacks is no bay's fault */
	if (r.code == FAULT_PROTOCOL || r.code == FAULT_SILENT || r.code == FAULT_DESCRIPTORS)
		health_mishap(b, MISHAP_WORKER);
	docking_interrupted(b, r.code == FAULT_GONE ? "left" : "fault");
	tell_fault(&r, text, sizeof(text));
	if (r.code == FAULT_SANDBOX || r.code == FAULT_DESCRIPTORS)
		bay_fault(b, text);
	else if (r.code == FAULT_MEMORY)
		bay_worker_starved(b, text);
	else
		bay_worker_lost(b, text);
	return NULL;
}

#define IN(state) (1u << (state))
static const struct {
	struct msg_rule rule;
	const char *(*fn)(struct bay *b, const struct msg *m);
} table[] = {
	{ { MSG_CAMERA, IN(BAY_ATTACHING) | IN(BAY_LOOKING), 0 }, on_camera },
	{ { MSG_NOT_MINE, IN(BAY_ATTACHING), 0 }, on_reason },
	{ { MSG_CLOCK_SET, IN(BAY_CLOCK), 0 }, on_clock_set },
	{ { MSG_CONFIGURED, IN(BAY_CONFIGURING), 0 }, configuration_told },
	{ { MSG_UNLOCKED, IN(BAY_UNLOCKING), 0 }, unlocking_answered },
	{ { MSG_OBJECT, IN(BAY_LISTING), 0 }, on_object },
	{ { MSG_LISTED, IN(BAY_LISTING), 0 }, on_listed },
	{ { MSG_DURABLE, IN(BAY_FETCHING), 0 }, pulling_durable },
	{ { MSG_FETCHED, IN(BAY_FETCHING) | IN(BAY_COMPARING), 0 }, pulling_fetched },
	{ { MSG_ERASED, IN(BAY_ERASING), 0 }, on_erased },
	{ { MSG_FAULT,
	      IN(BAY_ATTACHING) | IN(BAY_CLOCK) | IN(BAY_CONFIGURING) | IN(BAY_UNLOCKING) |
		  IN(BAY_LISTING) | IN(BAY_READY) | IN(BAY_FETCHING) | IN(BAY_COMPARING) |
		  IN(BAY_ERASING) | IN(BAY_LOOKING),
	      0 },
	    on_reason },
};

const char *docking_message(struct bay *b, const struct msg *m)
{
	b->sign_us = bay_now_us();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].rule.type != m->head.type)
			continue;
		if (!msg_allowed(&table[i].rule, 1, m, b->state))
			return "a message that is not due now";
		return table[i].fn(b, m);
	}
	return "a message that no camera worker sends";
}

void docking_interrupted(struct bay *b, const char *result)
{
	int64_t length;
	uint64_t again;

	if (b->state == BAY_FETCHING) {
		length = staging_part_length(b->house->staging, b->asset.number);
		if (length < 0)
			length = 0;
		again = b->offset_bytes < 65536 ? b->offset_bytes : 65536;
		if ((uint64_t)length < b->offset_bytes)
			b->offset_bytes = (uint64_t)length;
		if (strcmp(result, "left") == 0)
			health_mishap(b, MISHAP_CONTACT);
		books_pulled(
		    b, result, (uint64_t)length, (uint64_t)length - b->offset_bytes + again, "");
	}
	if (b->state == BAY_ERASING)
		log_warn("erase-interrupted", "bay=%s asset=%" PRIu64, b->name, b->asset.number);
	pulling_close_part(b);
	/* the request is over: said once */
	if (b->state == BAY_FETCHING || b->state == BAY_ERASING)
		b->state = BAY_READY;
}
