/*
 * bay_view: what a bay shows to people: its light, its state's word, the sentence beside it. Pure:
 * facts of one struct bay in, words out.
 */
#include "bay.h"
#include "bays.h"

#include <stdio.h>

#define CLOCK_FAULT_MS 300000 /* a clock that is off by more and cannot be set */

static bool is_charged(const struct bay *b)
{
	if (b->camera.features & CAMERA_BATTERY)
		return b->camera.battery_percent >= b->profile->full_percent;
	return bay_now_us() - b->docked_us >= b->profile->charge_minutes * 60 * UINT64_C(1000000);
}

static bool clock_is_wrong(const struct bay *b)
{
	return b->clock_known &&
	    (b->clock_offset_ms > CLOCK_FAULT_MS || b->clock_offset_ms < -CLOCK_FAULT_MS);
}

static bool is_nearly_full(const struct bay *b)
{
	return b->profile->room_bytes && b->camera.capacity_bytes &&
	    b->camera.free_bytes < b->profile->room_bytes;
}

/* Nobody reads it, and that lasts: the station has nothing for a worker. */
static bool is_starved(const struct bay *b)
{
	return (b->state == BAY_CLOSED || b->state == BAY_OPENING) && b->starved > BAY_DEATHS_MAX;
}

bool bay_holds_all(const struct bay *b)
{
	return b->final && b->sum.checked == b->sum.objects;
}

enum light_state bay_light(const struct bay *b)
{
	switch (b->state) {
	case BAY_EMPTY:
	case BAY_LEFT:
		return b->house->hotplug ? LIGHT_EMPTY : LIGHT_OFF;
	case BAY_FOREIGN:
		return b->configured ? LIGHT_LEAVE : LIGHT_OFF;
	case BAY_BLOCKED:
	case BAY_FAULT:
		return LIGHT_LEAVE;
	case BAY_UNLOCKING: /* away or not, it is not to be taken */
		return LIGHT_READING;
	case BAY_CLOSED:
	case BAY_OPENING:
	case BAY_ATTACHING:
	case BAY_CLOCK:
	case BAY_CONFIGURING:
	case BAY_PROBING:
	case BAY_LISTING:
	case BAY_READY:
	case BAY_FETCHING:
	case BAY_COMPARING:
	case BAY_ERASING:
	case BAY_LOOKING:
		break;
	}
	if (b->state == BAY_CLOSED &&
	    (bays_are_shut(b->house) || !journal_works(b->house->journal)))
		return LIGHT_LEAVE;
	if (is_starved(b))
		return LIGHT_LEAVE;
	if (b->sum.pending &&
	    (b->no_room || bays_stop_why(b->house)[0] || !journal_works(b->house->journal)))
		return LIGHT_LEAVE;
	if (b->state == BAY_FETCHING || b->state == BAY_ERASING || b->state == BAY_COMPARING)
		return LIGHT_READING;
	if (b->trouble[0] || b->sum.troubled)
		return b->sum.pending ? LIGHT_READING : LIGHT_LEAVE;
	if (!bay_holds_all(b) ||
	    (b->house->settings.take_when_server && b->sum.receipted < b->sum.objects))
		return LIGHT_READING;
	if (clock_is_wrong(b) || is_nearly_full(b))
		return LIGHT_LEAVE;
	return is_charged(b) ? LIGHT_TAKE : LIGHT_CHARGING;
}

const char *bay_state_word(const struct bay *b)
{
	static const char *const words[] = {
		[BAY_EMPTY] = "empty",
		[BAY_FOREIGN] = "foreign",
		[BAY_BLOCKED] = "blocked",
		[BAY_CLOSED] = "waiting",
		[BAY_OPENING] = "opening",
		[BAY_ATTACHING] = "opening",
		[BAY_CLOCK] = "setting-clock",
		[BAY_CONFIGURING] = "configuring",
		[BAY_UNLOCKING] = "unlocking",
		[BAY_PROBING] = "probing",
		[BAY_LISTING] = "listing",
		[BAY_READY] = "idle",
		[BAY_FETCHING] = "reading",
		[BAY_COMPARING] = "comparing",
		[BAY_ERASING] = "erasing",
		[BAY_LOOKING] = "idle",
		[BAY_FAULT] = "fault",
		[BAY_LEFT] = "left",
	};

	return words[b->state];
}

void bay_text(const struct bay *b, char *out, size_t room)
{
	const char *text = "";

	if (b->state == BAY_EMPTY || b->state == BAY_LEFT)
		text = "";
	else if (b->fault[0])
		text = b->fault;
	else if (b->no_room && b->sum.pending)
		text = "the station's disk is full: it goes on by itself when there is room";
	else if (b->trouble[0])
		text = b->trouble;
	else if (b->sum.troubled)
		text = "some of its files need a person: see dockctl queue";
	else if ((b->sum.pending && bays_stop_why(b->house)[0]) ||
	    (b->state == BAY_CLOSED && bays_are_shut(b->house)))
		text = bays_stop_why(b->house);
	else if (!b->final && !journal_works(b->house->journal))
		text = journal_why(b->house->journal);
	else if (b->final && clock_is_wrong(b))
		text = "the camera's clock is wrong and cannot be set from here: set it by hand";
	else if (b->final && b->profile && is_nearly_full(b))
		text = "the camera is nearly full: its clips are held here but not erased from it";
	else if (b->final && b->charge.stalled)
		text = "its battery does not rise here: put the camera into another bay";
	snprintf(out, room, "%s", text);
}
