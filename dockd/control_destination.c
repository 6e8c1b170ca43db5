/*
 * control_destination: whether a destination is the one that it was, for dockctl.
 *
 * Called by control for the questions named in each function. What changes something needs a reason
 * and is recorded with the user id that the kernel tells of the asker.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"
#include "index_binding.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void control_destination_needs(const struct control *c, char *text, size_t room)
{
	struct uplink_state d;

	for (size_t i = 0; uplink_state(c->p.uplink, i, &d) == 0; i++) {
		size_t used = strlen(text);

		if (d.another)
			snprintf(text + used, room - used, "%sdestination %s is another one: %s",
			    used ? "; " : "", d.name, d.trouble);
		else if (d.person)
			snprintf(text + used, room - used,
			    "%sdestination %s takes nothing: %.160s: mend that, then dockctl retry",
			    used ? "; " : "", d.name, d.trouble);
	}
}

int control_rebind(struct client *k)
{
	struct control *c = k->control;
	const char *name = k->ask.text;
	char text[PROTO_TEXT_LEN];
	uint64_t n = 0;
	int rc;

	if (!client_gave_reason(k))
		return 0;
	rc = uplink_rebind(c->p.uplink, name, k->ask.reason, k->uid);
	switch (rc) {
	case 0:
		if (journal_commit(c->p.journal) < 0)
			return client_end(k, -EIO, 0, "it cannot be put on record");
		reconcile_again(c->p.reconcile, name);
		index_doubted(control_index(c), name, &n);
		snprintf(text, sizeof(text),
		    "bound; it is asked for %" PRIu64 " files that it should have", n);
		bays_asset_changed(c->p.bays);
		return client_end(k, 0, 0, text);
	case -ENOENT:
		return client_end(k, rc, 0, "no destination of that name");
	case -ENOTCONN:
		return client_end(
		    k, -EAGAIN, 0, "it does not answer now: what it is, is not known");
	case -EALREADY:
		return client_end(k, 0, 0, "it is the one that it was: nothing to do");
	}
	return client_end(k, rc, 0, "the index cannot be read");
}
