#include "health.h"

#include "bays.h"
#include "books.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MISHAPS_MAX 8 /* recorded of one docking: the rest says nothing new */
#define CLASS_IMAGE 6
#define CLASS_DISK 8
#define OF_BAY (uint32_t)(AILMENT_BAY | AILMENT_CURRENT)

/* ---- judging: pure ---- */

/* A camera without an identity is another one in each docking's name; here it is one. */
static bool same_camera(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	    (strncmp(a, "unproved:", 9) == 0 && strncmp(b, "unproved:", 9) == 0);
}

/* Dockings with errors; *others: whether they are of different cameras (or ports). */
static unsigned count_bad(const struct health_docking *d, size_t n, bool by_port, bool *others)
{
	const struct health_docking *first = NULL;
	unsigned bad = 0;

	*others = false;
	for (size_t i = 0; i < n; i++) {
		if (d[i].errors == 0)
			continue;
		bad++;
		if (!first)
			first = &d[i];
		*others |= by_port ? strcmp(first->port, d[i].port) != 0 :
				     !same_camera(first->camera, d[i].camera);
	}
	return bad;
}

bool health_camera_ails(const struct health_docking *of_camera, size_t n)
{
	bool others;

	return count_bad(of_camera, n, true, &others) >= HEALTH_BAD_DOCKINGS && others;
}

uint32_t health_judge(const struct health_docking *at_port, size_t at_port_n, const char *camera,
    const struct health_docking *of_camera, size_t of_camera_n)
{
	bool others, camera_ails = health_camera_ails(of_camera, of_camera_n);
	struct health_docking rest[HEALTH_DOCKINGS];
	uint32_t ails = camera_ails ? AILMENT_CAMERA : 0;
	size_t n = 0;
	unsigned bad;

	for (size_t i = 0; i < at_port_n && n < HEALTH_DOCKINGS; i++) {
		if (at_port[i].kinds & 1u << MISHAP_CURRENT)
			ails |= AILMENT_CURRENT;
		/* what a bad camera does is not the bay's */
		if (!(camera_ails && same_camera(at_port[i].camera, camera)))
			rest[n++] = at_port[i];
	}
	bad = count_bad(rest, n, false, &others);
	if (bad >= HEALTH_BAD_DOCKINGS)
		ails |= others ? AILMENT_BAY : AILMENT_EITHER;
	return ails;
}

bool health_is_slow(const struct proto_arrived *a, uint32_t best_mbps)
{
	if (a->speed_mbps == 0)
		return false;
	if (a->speed_mbps < best_mbps)
		return true;
	if (a->speed_mbps > 12 || a->usb_version < 0x0200)
		return false;
	for (unsigned i = 0; i < a->interfaces && i < PROTO_INTERFACES; i++) {
		if (a->interface[i].class == CLASS_IMAGE || a->interface[i].class == CLASS_DISK)
			return true;
	}
	return false;
}

/* ---- records ---- */

void health_mishap(struct bay *b, enum mishap what)
{
	struct record *r;

	b->health.stale = true;
	if (!b->docking || b->mishaps >= MISHAPS_MAX)
		return;
	b->mishaps++;
	r = books_begin("mishap");
	record_number(r, "docking", (int64_t)b->docking);
	record_text(r, "what", mishap_word(what));
	books_write(b, r);
}

void health_over_current(struct bays *h, const struct proto_over_current *o)
{
	const char *boot = staging_boot(h->staging);
	struct bay *b = bays_find(h, o->port);
	struct record r;

	/* hotplug tells it anew when it is started; one that is 0 is of a hub that is found anew */
	if (o->count == 0 ||
	    o->count == index_over_current(journal_index(h->journal), o->port, boot))
		return;
	record_begin(&r, "over-current");
	record_text(&r, "port", o->port);
	record_number(&r, "count", o->count);
	record_text(&r, "boot", boot);
	journal_write(h->journal, &r);
	log_warn("over-current", "port=%s bay=%s count=%u", o->port, b ? b->name : "-", o->count);
	if (b)
		b->health.stale = true;
	else
		memcpy(h->current_port, o->port, sizeof(h->current_port));
}

void health_again(struct bays *h)
{
	h->current_port[0] = '\0';
	for (size_t i = 0; i < h->n; i++)
		h->bay[i]->health.stale = true;
}

/* ---- what is shown ---- */

uint32_t health_fill(const struct bay *b)
{
	uint64_t all = b->camera.capacity_bytes, left = b->camera.free_bytes;

	if (!b->known || all == 0 || left > all)
		return 255;
	return (uint32_t)((double)(all - left) * 100 / (double)all);
}

/* Why nothing of it is erased from here; NULL: it is, or it makes room by itself. */
static const char *not_emptied(const struct bay *b)
{
	if (!b->profile || b->profile->overwrites_oldest)
		return NULL;
	if (b->profile->driver == DRIVER_MSC && !(b->camera.features & CAMERA_ERASES))
		return "a USB disk offers no erasing of its own";
	if (!b->profile->erasable)
		return "its profile says erasable = false";
	if (!(b->camera.features & CAMERA_ERASES))
		return "the camera offers no erasing";
	return b->house->settings.erase ? NULL : "erase = \"never\" is set";
}

static void add(char *text, size_t room, const char *what)
{
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s%s", used ? "; " : "", what);
}

static void judge(struct bay *b)
{
	struct health_docking at_port[HEALTH_DOCKINGS], of_camera[HEALTH_DOCKINGS];
	struct index *ix = journal_index(b->house->journal);
	struct health *h = &b->health;
	bool here = b->docking && b->state != BAY_LEFT;
	const char *camera = here ? b->identity[0] ? b->identity : b->device.serial : "";
	int n = index_health_port(ix, b->port, at_port, HEALTH_DOCKINGS);
	int of_n = camera[0] ? index_health_camera(ix, camera, of_camera, HEALTH_DOCKINGS) : 0;

	h->errors = h->kinds = 0;
	for (int i = 0; i < n; i++) {
		h->errors += at_port[i].errors;
		h->kinds |= at_port[i].kinds;
	}
	h->ails = health_judge(
	    at_port, n > 0 ? (size_t)n : 0, camera, of_camera, of_n > 0 ? (size_t)of_n : 0);
	if (here && health_is_slow(&b->device, index_best_speed(ix, camera)))
		h->ails |= AILMENT_SPEED;
	if (here && b->charge.stalled)
		h->ails |= AILMENT_CHARGE;
	if (here && b->device.power != POWER_AWAKE)
		h->ails |= AILMENT_SLEEP;
	/* what is to be done about it rests on whether all of it could be read */
	if (here && b->listings > 0 && health_fill(b) != 255 &&
	    health_fill(b) >= HEALTH_FILL_PERCENT && not_emptied(b))
		h->ails |= AILMENT_FILL;
}

/* One sentence for each ailment: what, where, and what to do. */
static void sentence(const struct bay *b, enum ailment what, char *out, size_t room)
{
	uint32_t best = index_best_speed(journal_index(b->house->journal), b->identity);
	const char *why = not_emptied(b);

	switch (what) {
	case AILMENT_CURRENT:
		snprintf(out, room,
		    "port %.40s took too much current: change cable and hub, then "
		    "dockctl retry bay %.20s",
		    b->port, b->name);
		break;
	case AILMENT_BAY:
		snprintf(out, room,
		    "%s (%u of late): clean its contacts, else "
		    "change its cable or hub port; then dockctl retry bay %.20s",
		    b->health.kinds == 1u << MISHAP_CHARGE ?
			"different cameras do not charge in it" :
			"errors with different cameras",
		    b->health.errors, b->name);
		break;
	case AILMENT_CAMERA:
		snprintf(out, room,
		    "camera %.32s has errors in different bays: have the camera looked at",
		    b->identity);
		break;
	case AILMENT_EITHER:
		snprintf(out, room,
		    "errors with one camera only (%u of late): try that camera in another bay "
		    "to tell whether it or the bay is at fault",
		    b->health.errors);
		break;
	case AILMENT_SPEED:
		snprintf(out, room,
		    "downgraded speed, %u Mbit/s instead of %u: clean contacts, other cable "
		    "or port",
		    b->device.speed_mbps, best > b->device.speed_mbps ? best : 480);
		break;
	case AILMENT_CHARGE:
		snprintf(out, room,
		    "camera %.32s does not charge here, it is at %u %%: put it into another bay; if "
		    "it charges there, clean this one's contacts or change its cable",
		    b->identity, b->camera.battery_percent);
		break;
	case AILMENT_SLEEP:
		snprintf(out, room,
		    "the kernel may put port %.40s to sleep, then it does not charge: power/control "
		    "must be \"on\"; is 60-dockd.rules in place, or does a power saver change it?",
		    b->port);
		break;
	case AILMENT_FILL:
		/* what was not read is not among what dockctl shows as receipted */
		snprintf(out, room, "camera %.32s is %u %% full and not emptied by dockd (%s): %s",
		    b->identity, health_fill(b), why ? why : "",
		    b->partial || b->damaged ?
			"format nothing, part of it was not read" :
			"have it formatted when dockctl bay shows all receipted");
		break;
	}
}

static void word(struct bay *b)
{
	static const struct {
		enum ailment what;
		const char *event;
	} all[] = { { AILMENT_CURRENT, "bay-unwell" }, { AILMENT_BAY, "bay-unwell" },
		{ AILMENT_CAMERA, "camera-unwell" }, { AILMENT_EITHER, "bay-unwell" },
		{ AILMENT_SPEED, "speed-downgraded" }, { AILMENT_FILL, "camera-filling" },
		{ AILMENT_CHARGE, "not-charging" }, { AILMENT_SLEEP, "port-may-sleep" } };
	struct health *h = &b->health;
	char text[PROTO_TEXT_LEN * 2];

	h->attention[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!(h->ails & all[i].what))
			continue;
		sentence(b, all[i].what, text, sizeof(text));
		add(h->attention, sizeof(h->attention), text);
		if (!(h->told & all[i].what))
			log_warn(all[i].event, "bay=%s docking=%" PRIu64 " reason=\"%s\"", b->name,
			    b->docking, log_text(text));
	}
	if ((h->told & OF_BAY) && !(h->ails & OF_BAY))
		log_info("bay-well", "bay=%s port=%s", b->name, b->port);
	h->told = h->ails;
}

void health_turn(struct bays *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct bay *b = h->bay[i];

		if (!b->health.stale)
			continue;
		b->health.stale = false;
		judge(b);
		word(b);
		h->health_changes++;
	}
}

bool health_text(const struct bays *h, char *out, size_t room)
{
	bool it = h->current_port[0] != '\0', first_it = false;
	const struct bay *first = NULL;
	unsigned n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < h->n; i++) {
		const struct bay *b = h->bay[i];

		if (!b->health.attention[0])
			continue;
		n++;
		/* what is the bay's is for IT; a camera's is its officer's or the sergeant's */
		if (!first || (!first_it && b->health.ails & OF_BAY)) {
			first = b;
			first_it = (b->health.ails & OF_BAY) != 0;
		}
		it |= first_it;
	}
	if (h->current_port[0])
		snprintf(out, room, "port %s, at no bay, took too much current: look at its cable",
		    h->current_port);
	if (first)
		snprintf(out + strlen(out), room - strlen(out), "%sbay %.20s: %.150s%s",
		    out[0] ? "; " : "", first->name, first->health.attention,
		    n > 1 ? " (and more bays: dockctl bay)" : "");
	return it;
}
