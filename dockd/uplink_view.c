/*
 * uplink_view: what dockctl is shown of the destinations and of what is under way there.
 *
 * Called by control. It changes nothing.
 */
#include "binding.h"
#include "clock.h"
#include "uplink_slot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int uplink_state(const struct uplink *u, size_t n, struct uplink_state *out)
{
	static const char *const drivers[] = {
		[DESTINATION_DIR] = "dir", [DESTINATION_TUS] = "tus", [DESTINATION_S3] = "s3"
	};
	char text[sizeof(out->trouble)];
	const struct destination *d;

	if (n >= u->n)
		return -ENOENT;
	d = u->destination[n];
	memset(out, 0, sizeof(*out));
	memcpy(out->name, d->name, sizeof(out->name));
	snprintf(out->driver, sizeof(out->driver), "%s", drivers[d->wire.driver]);
	snprintf(out->trouble, sizeof(out->trouble), "%s",
	    d->trouble[0] ? d->trouble :
		d->peer   ? "" :
			    "its uploader is not connected: is dockd-uploader running?");
	binding_text(u->journal, d->name, text, sizeof(text));
	out->another = text[0] != '\0';
	memcpy(out->state, d->state, sizeof(out->state));
	if (text[0]) {
		memcpy(out->trouble, text, sizeof(out->trouble));
		snprintf(out->state, sizeof(out->state), "another");
	}
	if (uplink_silence_text(d, text, sizeof(text))) {
		memcpy(out->trouble, text, sizeof(out->trouble));
		snprintf(out->state, sizeof(out->state), "silent");
	}
	out->connected = d->peer && d->ready;
	out->away = d->breaker.open || !out->connected || d->silent;
	out->person = d->breaker.person || (d->peer && !d->ready && d->trouble[0]);
	out->active = uplink_busy(d);
	out->level = d->level;
	out->can = d->can;
	out->sent_bytes = d->sent_bytes;
	out->bytes_per_s = d->outlook.pace.bytes_per_s;
	out->allowed_per_s = d->outlook.allowed_per_s;
	out->expected_s = d->outlook.expected_s;
	out->urgent_expected_s = d->outlook.urgent_expected_s;
	out->urgent_deadline_s = d->outlook.urgent_deadline_s;
	out->late = outlook_word(d->outlook.trouble);
	return 0;
}

const struct tally *uplink_failures(const struct uplink *u)
{
	return &u->failures;
}

uint32_t uplink_can(const struct uplink *u, const char *destination)
{
	const struct destination *d = uplink_find(u, destination);

	return d && d->peer && d->ready ? d->can : 0;
}

bool uplink_is_folder(const struct uplink *u, const char *destination)
{
	const struct destination *d = uplink_find(u, destination);

	return d && d->wire.driver == DESTINATION_DIR;
}

void uplink_asset(
    struct uplink *u, const char *destination, uint64_t asset, struct uplink_asset *out)
{
	struct destination *d = uplink_find(u, destination);
	struct wait *w;
	uint64_t now = waits_now_ms();

	memset(out, 0, sizeof(*out));
	if (!d)
		return;
	out->expected_s = outlook_expected(u, d, asset);
	for (unsigned i = 0; i < PROTO_SLOTS; i++) {
		if (d->slot[i].state != SLOT_FREE && d->slot[i].asset == asset) {
			out->active = true;
			out->offset_bytes = d->slot[i].offset_bytes;
			out->sent_bytes = d->slot[i].sent_bytes;
		}
	}
	w = waits_of(&d->waits, asset, false);
	if (!w)
		return;
	out->attempts = w->attempts;
	snprintf(out->reason, sizeof(out->reason), "%s", w->reason);
	memcpy(out->state, w->state, sizeof(out->state));
	if (w->until_ms > now && w->until_ms != UINT64_MAX)
		out->next_try_s = clock_now_s() + (int64_t)((w->until_ms - now) / 1000);
}
