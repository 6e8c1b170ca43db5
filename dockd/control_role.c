/*
 * control_role: questions by people who may not ask them. Each is refused; the first of a minute is
 * put on record and into the log, with how many there were since.
 */
#include "control_client.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define TOLD_AGAIN_US (60 * BAY_SECOND_US)

/* The place of this asker and question, else the oldest one, taken over. */
static struct control_denied *place(struct control *c, uid_t uid, unsigned ask)
{
	struct control_denied *oldest = &c->denied[0];

	for (unsigned i = 0; i < CONTROL_DENIED; i++) {
		struct control_denied *d = &c->denied[i];

		if (d->at_us && d->uid == uid && d->ask == ask)
			return d;
		if (d->at_us < oldest->at_us)
			oldest = d;
	}
	*oldest = (struct control_denied){ .uid = uid, .ask = ask };
	return oldest;
}

static void tell(struct control *c, struct control_denied *d)
{
	char needs[128];
	struct record r;

	role_words(role_for(d->ask), needs, sizeof(needs));
	record_begin(&r, "denied");
	record_text(&r, "what", role_ask_word(d->ask));
	record_number(&r, "uid", d->uid);
	if (d->more)
		record_number(&r, "more", (int64_t)d->more);
	journal_write(c->p.journal, &r);
	log_warn("denied", "uid=%u what=%s needs=\"%s\" more=%" PRIu64, (unsigned)d->uid,
	    role_ask_word(d->ask), needs, d->more);
}

int control_deny(struct client *k)
{
	struct control_denied *d = place(k->control, k->uid, k->ask.ask);
	char needs[128], text[192];

	if (d->at_us && bay_now_us() - d->at_us < TOLD_AGAIN_US) {
		d->more++;
	} else {
		tell(k->control, d);
		d->at_us = bay_now_us();
		d->more = 0;
	}
	snprintf(text, sizeof(text), "this needs the role %s: see ROLES in dockctl(1)",
	    role_words(role_for(k->ask.ask), needs, sizeof(needs)));
	return client_end(k, -EPERM, 0, text);
}
