#include "binding.h"

#include "base/handover.h"
#include "base/log.h"

#include "index_binding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NO_MARK "none" /* bound, and it says no more what it is */
#define SHOWN 80       /* bytes of an identity in a text for people */

static struct record *begin(const char *type, const char *destination, const char *identity)
{
	static struct record r;

	record_begin(&r, type);
	record_text(&r, "destination", destination);
	record_text(&r, "identity", identity);
	return &r;
}

bool binding_meets(struct journal *j, const char *destination, const char *identity)
{
	static struct bound b;
	int rc = index_bound(journal_index(j), destination, &b);

	if (rc < 0 && rc != -ENOENT)
		return false;
	if (!b.identity[0] && !identity[0])
		return true;
	if (strcmp(b.identity, identity) == 0 && !b.other[0])
		return true;
	if (!b.identity[0] || strcmp(b.identity, identity) == 0) {
		journal_write(j, begin("bound", destination, identity));
		log_info(
		    "bound", "destination=%s identity=\"%s\"", destination, log_text(identity));
		handover("binding-bound");
		return true;
	}
	identity = identity[0] ? identity : NO_MARK;
	if (strcmp(b.other, identity) != 0) {
		journal_write(j, begin("another", destination, identity));
		handover("binding-another");
	}
	log_error("destination-another",
	    "destination=%s identity=\"%s\" reason=\"not used: another one than it was, see "
	    "dockctl rebind\"",
	    destination, log_text(identity));
	return false;
}

int binding_mean(
    struct journal *j, const char *destination, const char *identity, const char *reason, uid_t uid)
{
	static struct bound b;
	int rc = index_bound(journal_index(j), destination, &b);
	struct record *r;

	if (rc < 0)
		return rc;
	if (!b.other[0])
		return -EALREADY;
	r = begin("rebound", destination, identity);
	record_text(r, "reason", reason);
	record_number(r, "uid", uid);
	journal_write(j, r);
	log_warn("rebound", "destination=%s identity=\"%s\" uid=%u", destination,
	    log_text(identity), (unsigned)uid);
	handover("binding-rebound");
	return 0;
}

void binding_text(struct journal *j, const char *destination, char *out, size_t room)
{
	static struct bound b;

	out[0] = '\0';
	if (index_bound(journal_index(j), destination, &b) < 0 || !b.other[0])
		return;
	if (strcmp(b.other, NO_MARK) == 0)
		snprintf(out, room,
		    "it was \"%.*s\" and bears no mark now: is the disk or NAS mounted? Not used; "
		    "if it was emptied on purpose: dockctl rebind %s",
		    SHOWN, b.identity, destination);
	else
		snprintf(out, room,
		    "it was \"%.*s\" and is \"%.*s\" now: not used; if that is meant: dockctl "
		    "rebind %s",
		    SHOWN, b.identity, SHOWN, b.other, destination);
}
