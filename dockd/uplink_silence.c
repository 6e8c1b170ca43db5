/*
 * uplink_silence: an uploader that is there and says nothing: it hangs in a call that does not end.
 *
 * Called by uplink with each message, and each turn. With work in hand an uploader tells how far it
 * is once a second (base/PROTOCOL.md); a folder whose server is gone can hold it in the kernel for
 * days, where nobody can end it. Then its destination counts as away. It goes on by itself.
 */
#include "uplink_slot.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

#define SILENT_MS 120000 /* an fsync of a large file on a slow disk is no silence yet */

void uplink_hears(struct destination *d)
{
	d->heard_ms = waits_now_ms();
	if (!d->silent)
		return;
	d->silent = false;
	if (d->ready && !d->another)
		d->down_ms = 0;
	log_info(
	    "destination-back", "destination=%s reason=\"its uploader answers again\"", d->name);
}

/* Whether something is to be heard of it: it is greeted, or has work in hand. */
static bool is_expected(const struct destination *d)
{
	if (!d->peer)
		return false;
	return d->ready ? uplink_busy(d) > 0 : !d->trouble[0];
}

void uplink_listen(struct destination *d)
{
	uint64_t now = waits_now_ms();

	if (!is_expected(d)) {
		d->heard_ms = now;
		if (!d->peer)
			d->silent = false;
		return;
	}
	if (d->heard_ms == 0)
		d->heard_ms = now;
	if (d->silent || now - d->heard_ms < SILENT_MS)
		return;
	d->silent = true;
	if (d->down_ms == 0)
		d->down_ms = d->heard_ms;
	log_warn("destination-away",
	    "destination=%s state=silent reason=\"its uploader has said nothing for %" PRIu64
	    " s: %s\"",
	    d->name, (now - d->heard_ms) / 1000,
	    d->wire.driver == DESTINATION_DIR ? "its folder hangs" : "it hangs");
}

bool uplink_silence_text(const struct destination *d, char *out, size_t room)
{
	if (d->silent)
		snprintf(out, room,
		    "its uploader has said nothing for %" PRIu64
		    " min: %s; what waits goes on when that answers again, if not: systemctl restart "
		    "dockd-uploader@%s",
		    (waits_now_ms() - d->heard_ms) / 60000,
		    d->wire.driver == DESTINATION_DIR ?
			"its folder hangs, see to the NAS and its network" :
			"it hangs",
		    d->name);
	return d->silent;
}
