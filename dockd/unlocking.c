#include "unlocking.h"

#include "bays.h"
#include "books.h"
#include "clock.h"
#include "docking.h"
#include "index_unlock.h"

#include "base/handover.h"
#include "base/language.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UNLOCKS_MAX 3    /* in one docking */
#define RESTART_FACTOR 2 /* of unlock-seconds: the service, too, needs time to come back */
#define CLASS_MASS_STORAGE 0x08

static struct index *ix(const struct bay *b)
{
	return journal_index(b->house->journal);
}

/* ---- records ---- */

/* By what a device on a port is known again after a restart of the service. */
static void face_of(const struct proto_arrived *a, char out[UNLOCK_FACE_LEN])
{
	if (a->serial[0])
		snprintf(out, UNLOCK_FACE_LEN, "%04x:%04x %s", a->vendor, a->product, a->serial);
	else
		snprintf(out, UNLOCK_FACE_LEN, "%04x:%04x at %u-%u", a->vendor, a->product, a->bus,
		    a->device);
}

static void record_outcome(struct bay *b, const char *result, const char *text)
{
	struct record *r = books_begin("unlocked");
	char face[UNLOCK_FACE_LEN];

	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "result", result);
	if (strcmp(result, "disk") == 0 || strcmp(result, "another") == 0) {
		face_of(&b->device, face);
		record_text(r, "face", face);
	}
	if (strcmp(result, "disk") == 0) {
		record_number(r, "capacity", (int64_t)b->camera.capacity_bytes);
		record_number(r, "free", (int64_t)b->camera.free_bytes);
	}
	if (text[0])
		record_text(r, "text", text);
	books_write(b, r);
	b->unlock.open = false;
}

/* It cannot go on by itself: the outcome, and what a person is to do. */
static void give_up(struct bay *b, const char *result, const char *why)
{
	record_outcome(b, result, "");
	log_warn(
	    "not-unlocked", "bay=%s docking=%" PRIu64 " result=%s", b->name, b->docking, result);
	bay_fault(b, why);
}

/* ---- whose disk it is ---- */

/* By the id that it told in its language; so is one whose profile goes by USB, which tells none. */
static bool goes_by_its_own_id(const struct bay *b)
{
	return b->profile->identity != IDENTITY_USB || !b->unlock.usb_serial[0];
}

enum owner { OWNER_SAME, OWNER_CARRIED, OWNER_ANOTHER };

/*
 * A locked camera told its id; the disk that came in its place tells none. By USB serial numbers:
 * the locked one's own, or one by which this camera came back before, is its disk; one of another
 * camera, or not the one of this camera, is another's. Many cameras may share a number: one that
 * several came back by says nothing.
 */
static enum owner owner_of(struct bay *b)
{
	const struct bay_unlock *u = &b->unlock;
	const char *usb = b->device.serial;
	struct face_history known;
	char face[UNLOCK_FACE_LEN];

	if (!goes_by_its_own_id(b) || !u->serial[0] || (u->open && !u->returned))
		return OWNER_SAME;
	face_of(&b->device, face);
	if (!usb[0] || index_face(ix(b), u->serial, face, b->docking, &known) < 0)
		return OWNER_CARRIED;
	if (known.seen || strcmp(usb, u->usb_serial) == 0)
		return known.others ? OWNER_CARRIED : OWNER_SAME;
	if (u->open && (known.others == 1 || (known.another && !known.others)))
		return OWNER_ANOTHER;
	return OWNER_CARRIED;
}

/* ---- telling it to ---- */

bool unlocking_plan(struct bay *b)
{
	struct record *r;

	if (b->unlock.look) {
		b->unlock.look = false;
		b->plan = PLAN_LOOK;
		return true;
	}
	if (!(b->camera.features & CAMERA_LOCKED))
		return false;
	if (b->unlock.tries >= UNLOCKS_MAX) {
		give_up(b, "still-locked",
		    "the camera was told three times to show its files and is still locked: take it "
		    "out, switch it off and on, put it in again");
		return true;
	}
	b->unlock.tries++;
	r = books_begin("unlock");
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "language", language_word((enum unlock)b->camera.unlock));
	record_number(r, "try", b->unlock.tries);
	books_ids(b, r);
	books_write(b, r);
	log_info("unlock", "bay=%s docking=%" PRIu64 " language=%s try=%u", b->name, b->docking,
	    language_word((enum unlock)b->camera.unlock), b->unlock.tries);
	b->plan = PLAN_UNLOCK;
	return true;
}

void unlocking_began(struct bay *b)
{
	struct bay_unlock *u = &b->unlock;

	u->open = true;
	u->done = u->returned = false;
	u->language = b->camera.unlock;
	memcpy(u->serial, b->camera.serial, sizeof(u->serial));
	memcpy(u->officer, b->camera.officer, sizeof(u->officer));
	memcpy(u->unit, b->camera.unit, sizeof(u->unit));
	memcpy(u->usb_serial, b->device.serial, sizeof(u->usb_serial));
}

static void tell_pin(const struct bay *b, char *out, size_t room)
{
	snprintf(out, room,
	    "the camera wants another PIN: mend pin-file %.100s of profile %s, then dockctl retry",
	    b->profile->pin_file[0] ? b->profile->pin_file : "(none is set)", b->profile->name);
}

bool unlocking_spent(const struct bay *b, char *why, size_t room)
{
	struct unlocking_state s;

	if (!b->docking || index_unlocking(journal_index(b->house->journal), b->docking, &s) < 0 ||
	    !s.wrong_pin)
		return false;
	tell_pin(b, why, room);
	return true;
}

const char *unlocking_answered(struct bay *b, const struct msg *m)
{
	struct proto_status s;
	char text[PROTO_TEXT_LEN * 2];

	memcpy(&s, m->body, sizeof(s));
	if (s.status == 0) {
		/* it is still here: what it shows now is asked for in the next turn */
		b->unlock.look = true;
		b->state = BAY_READY;
		return NULL;
	}
	if (s.status == -EACCES) {
		tell_pin(b, text, sizeof(text));
		give_up(b, "wrong-pin", text);
		/* who it is may be told only to the right one */
		b->known = false;
		if (!b->identity_proved)
			b->identity[0] = '\0';
		return NULL;
	}
	if (s.status == -ENOMEDIUM) {
		give_up(b, "no-card", "the camera has no card: put one in, or have it looked at");
		return NULL;
	}
	if (s.status == -EMEDIUMTYPE) {
		give_up(b, "unreadable",
		    "the camera's card cannot be read: have it formatted in the camera, or have it "
		    "looked at");
		return NULL;
	}
	log_warn("unlock-refused", "bay=%s status=%d reason=\"%s\"", b->name, s.status,
	    log_text(s.text));
	give_up(b, "refused",
	    "the camera refuses to show its files: take it out, switch it off and on, put it in "
	    "again");
	return NULL;
}

/* ---- away ---- */

bool unlocking_is_away(const struct bay *b)
{
	return b->state == BAY_UNLOCKING && !b->child;
}

bool unlocking_away(struct bay *b)
{
	if (!b->unlock.open)
		return false;
	if (unlocking_is_away(b))
		return true;         /* known already */
	if (b->state == BAY_FAULT) { /* a person has taken it out */
		record_outcome(b, "absent", "");
		return false;
	}
	bay_drop_worker(b);
	b->state = BAY_UNLOCKING;
	b->leaving_us = 0;
	b->fault[0] = '\0';
	b->known = false;
	b->due_us = bay_now_us() + b->profile->unlock_s * BAY_SECOND_US;
	handover("unlocking-away");
	log_info("unlock-away", "bay=%s docking=%" PRIu64, b->name, b->docking);
	return true;
}

void unlocking_tick(struct bay *b, uint64_t now_us)
{
	static const char why[] = "the camera was switched to disk mode and did not come back: "
				  "take it out, put it in again";

	if (!unlocking_is_away(b) || now_us < b->due_us)
		return;
	give_up(b, "absent", why);
	docking_end(b, "left");
	b->profile = NULL;
	b->due_us = 0;
	snprintf(b->fault, sizeof(b->fault), "%s", why);
}

/* ---- back ---- */

static bool is_disk(const struct proto_arrived *a)
{
	for (uint32_t i = 0; i < a->interfaces && i < PROTO_INTERFACES; i++) {
		if (a->interface[i].class == CLASS_MASS_STORAGE)
			return true;
	}
	return a->class == CLASS_MASS_STORAGE;
}

static bool is_same_device(const struct proto_arrived *a, const struct proto_arrived *b)
{
	return a->vendor == b->vendor && a->product == b->product &&
	    strcmp(a->serial, b->serial) == 0;
}

/* A camera that is named by its USB serial number and comes back under another one is another. */
static bool contradicts(
    const struct profile *p, const char *usb_serial, const struct proto_arrived *a)
{
	return p->identity == IDENTITY_USB && usb_serial[0] && a->serial[0] &&
	    strcmp(usb_serial, a->serial) != 0;
}

bool unlocking_is_back(const struct bay *b, const struct proto_arrived *a)
{
	if (!b->docking || !b->profile)
		return false;
	if (b->unlock.open)
		return (is_disk(a) || is_same_device(a, &b->device)) &&
		    !contradicts(b->profile, b->unlock.usb_serial, a);
	/* after it has left, a disk without a serial number may be any */
	return b->unlock.done && is_same_device(a, &b->device) &&
	    (a->serial[0] || b->state != BAY_LEFT);
}

bool unlocking_expects(struct bay *b)
{
	bool first = b->unlock.open && !b->unlock.returned;

	b->unlock.returned = true;
	return first;
}

static bool is_recent(const struct profile *p, const struct unlocking_state *s)
{
	return s->began_s > 0 &&
	    clock_now_s() - s->began_s <= (int64_t)p->unlock_s * RESTART_FACTOR;
}

bool unlocking_pending(const struct bays *h, const struct docking *open)
{
	const struct profile *p = profile_find(h->profiles, h->profiles_n, open->profile);
	struct unlocking_state s;

	return p && index_unlocking(journal_index(h->journal), open->number, &s) == 0 &&
	    is_recent(p, &s);
}

bool unlocking_adopts(struct bay *b, const struct docking *open, const struct proto_arrived *a)
{
	const struct profile *p =
	    profile_find(b->house->profiles, b->house->profiles_n, open->profile);
	struct unlocking_state s;
	char face[UNLOCK_FACE_LEN];

	if (!p || index_unlocking(ix(b), open->number, &s) < 0)
		return false;
	face_of(a, face);
	if (s.face[0])
		return strcmp(s.face, face) == 0;
	return is_recent(p, &s) && is_disk(a) && !contradicts(p, open->serial, a);
}

void unlocking_adopted(struct bay *b, const struct docking *open)
{
	struct unlocking_state s;

	if (index_unlocking(ix(b), b->docking, &s) < 0)
		return;
	b->unlock.open = s.began_s > 0;
	b->unlock.done = s.face[0] != '\0';
	b->unlock.tries = 1;
	memcpy(b->unlock.officer, s.officer, sizeof(b->unlock.officer));
	memcpy(b->unlock.unit, s.unit, sizeof(b->unlock.unit));
	/* unproved: it told none */
	snprintf(b->unlock.serial, sizeof(b->unlock.serial), "%.127s", b->identity);
	snprintf(b->unlock.usb_serial, sizeof(b->unlock.usb_serial), "%.127s", open->serial);
	b->unlock.returned = true;
}

bool unlocking_camera(struct bay *b)
{
	const struct bay_unlock *u = &b->unlock;
	struct proto_camera *c = &b->camera;

	b->unlock.carried = false;
	if ((!u->open && !u->done) || (c->features & CAMERA_LOCKED))
		return false;
	if (c->unlock == UNLOCK_NONE) {
		enum owner owner = owner_of(b);

		if (owner == OWNER_ANOTHER) {
			record_outcome(b, "another", "");
			log_warn("not-unlocked", "bay=%s docking=%" PRIu64 " result=another",
			    b->name, b->docking);
			return false;
		}
		b->unlock.carried = owner == OWNER_CARRIED;
		c->unlock = u->language;
		memcpy(c->serial, u->serial, sizeof(c->serial));
		memcpy(c->officer, u->officer, sizeof(c->officer));
		memcpy(c->unit, u->unit, sizeof(c->unit));
	}
	return true;
}

bool unlocking_is_same(const struct bay *b, const char *serial)
{
	const struct bay_unlock *u = &b->unlock;
	const char *told = goes_by_its_own_id(b) ? u->serial : u->usb_serial;

	/* a locked one that tells nothing may be any */
	return (u->open || u->done) && strcmp(serial, told) == 0 &&
	    (serial[0] || !(b->camera.features & CAMERA_LOCKED));
}

void unlocking_ended(struct bay *b)
{
	if (b->unlock.open)
		record_outcome(b, "absent", "");
}

void unlocking_done(struct bay *b)
{
	if (!b->unlock.open)
		return;
	record_outcome(b, "disk", "");
	b->unlock.done = true;
	handover("unlocking-back");
	log_info("unlocked",
	    "bay=%s docking=%" PRIu64 " camera=\"%s\" capacity=%" PRIu64 " free=%" PRIu64, b->name,
	    b->docking, log_text(b->identity), b->camera.capacity_bytes, b->camera.free_bytes);
}

const char *unlocking_usb_serial(const struct bay *b)
{
	return b->unlock.open || b->unlock.done ? b->unlock.usb_serial : b->device.serial;
}
