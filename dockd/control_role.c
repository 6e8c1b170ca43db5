/*
 * control_role: questions by people who may not ask them. Each is refused; the first of a minute is
 * put on record and into the log, with how many there were since.
 *
 * Anybody with an account may ask, as often as he likes: what is written of it is bounded. Each asker
 * and question has a place for a minute; who finds none is counted with all others like him.
 */
#include "control_answer.h"
#include "control_client.h"
#include "control_inner.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define TOLD_AGAIN_US (60 * BAY_SECOND_US)
#define OF_ONE_PERSON (CONTROL_DENIED / 4) /* places: the others' stay free */

static bool is_fresh(const struct control_denied *d)
{
	return d->at_us && bay_now_us() - d->at_us < TOLD_AGAIN_US;
}

/* The place of this asker and question, one that is free for it, or that of all others: the last. */
static struct control_denied *place(struct control *c, uid_t uid, unsigned ask)
{
	struct control_denied *others = &c->denied[CONTROL_DENIED - 1], *oldest = NULL;
	unsigned own = 0;

	for (struct control_denied *d = c->denied; d < others; d++) {
		if (d->at_us && d->uid == uid && d->ask == ask)
			return d;
		if (is_fresh(d))
			own += d->uid == uid;
		else if (!oldest || d->at_us < oldest->at_us)
			oldest = d;
	}
	if (!oldest || own >= OF_ONE_PERSON) {
		others->uid = (uid_t)-1;
		return others;
	}
	others->more += oldest->more; /* so that none is lost from the count */
	*oldest = (struct control_denied){ .uid = uid, .ask = ask };
	return oldest;
}

static void tell(struct control *c, const struct control_denied *d)
{
	const char *what = d->ask ? role_ask_word(d->ask) : "others";
	char needs[128];
	struct record r;

	role_words(role_for(d->ask), needs, sizeof(needs));
	record_begin(&r, "denied");
	record_text(&r, "what", what);
	record_number(&r, "uid", d->uid);
	if (d->more)
		record_number(&r, "more", (int64_t)d->more);
	journal_write(c->p.journal, &r);
	log_warn("denied", "uid=%u what=%s needs=\"%s\" more=%" PRIu64, (unsigned)d->uid, what,
	    needs, d->more);
}

int control_deny(struct client *k)
{
	struct control_denied *d = place(k->control, k->uid, k->ask.ask);
	const char *group = role_group(&k->control->roles, role_for(k->ask.ask));
	char needs[128], text[PROTO_TEXT_LEN * 2];

	if (is_fresh(d)) {
		d->more++;
	} else {
		tell(k->control, d);
		d->at_us = bay_now_us();
		d->more = 0;
	}
	role_words(role_for(k->ask.ask), needs, sizeof(needs));
	if (group[0])
		snprintf(text, sizeof(text),
		    "this needs the role %s: adduser USER %s, as root, then log in again (ROLES in "
		    "dockctl(1))",
		    needs, group);
	else
		snprintf(text, sizeof(text),
		    "this needs the role %s, and no group here gives it: ROLES in dockctl(1)",
		    needs);
	return client_end(k, -EPERM, 0, text);
}
