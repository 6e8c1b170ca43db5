#include "policy.h"

#include "index_policy.h"
#include "index_queue.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS (CONFIG_DESTINATIONS * PROTO_NAME_LEN)

static bool is_configured(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->destinations_n; i++) {
		if (strcmp(c->destination[i].name, name) == 0)
			return true;
	}
	return false;
}

/* What waited for a destination that there is no more waits for it no more: that is told. */
static void tell_removed(struct index *ix, const struct config *c)
{
	char name[PROTO_NAME_LEN];

	for (size_t i = 0; index_destination(ix, i, name) == 0; i++) {
		uint64_t count = 0, bytes = 0;

		if (is_configured(c, name) || index_queued(ix, name, &count, &bytes) < 0)
			continue;
		log_warn("destination-removed", "destination=%s waiting=%" PRIu64 " bytes=%" PRIu64,
		    name, count, bytes);
	}
}

void policy_route(struct journal *j, const struct config *c)
{
	struct index_route routes[CONFIG_DESTINATIONS];

	for (size_t i = 0; i < c->destinations_n; i++)
		routes[i] = (struct index_route){ c->destination[i].name, c->destination[i].takes,
			c->destination[i].deliver_s };
	tell_removed(journal_index(j), c);
	index_set_routes(journal_index(j), routes, c->destinations_n, c->any);
}

static void add(char *out, const char *between, const char *word)
{
	size_t used = strlen(out);

	snprintf(out + used, WORDS - used, "%s%s", used ? between : "", word);
}

static const char *driver_word(uint32_t driver)
{
	static const char *const words[] = {
		[DESTINATION_DIR] = "dir", [DESTINATION_TUS] = "tus", [DESTINATION_S3] = "s3"
	};

	return words[driver];
}

/* "clip,log" */
static const char *kinds_words(uint32_t kinds, char *out)
{
	out[0] = '\0';
	for (int kind = KIND_CLIP; kind <= KIND_REPORT; kind++) {
		if (kinds >> kind & 1)
			add(out, ",", kind_word((enum object_kind)kind));
	}
	return out;
}

static void fill(struct record *r, const struct config *c)
{
	char names[WORDS] = "", drivers[WORDS] = "", takes[WORDS] = "", kinds[WORDS];

	for (size_t i = 0; i < c->destinations_n; i++) {
		const struct config_destination *d = &c->destination[i];

		add(names, " ", d->name);
		add(drivers, " ", driver_word(d->wire.driver));
		add(takes, " ", kinds_words(d->takes, kinds));
	}
	record_begin(r, "policy");
	record_text(r, "erase", c->erase ? "when-receipted" : "never");
	record_text(r, "dispose", c->dispose ? "on" : "off");
	record_text(r, "accept", level_word(c->accept));
	record_text(r, "take-when", c->take_when_server ? "server" : "station");
	record_text(r, "need", c->any ? "any" : "all");
	record_number(r, "switch-after-minutes", c->switch_s / 60);
	record_number(r, "confirm-after-days", c->confirm_after_days);
	record_text(r, "destinations", names);
	record_text(r, "drivers", drivers);
	record_text(r, "takes", takes);
}

void policy_tell(struct journal *j, const struct config *c, const struct config *was)
{
	static char line[RECORD_LINE_MAX], before[RECORD_LINE_MAX];
	static struct record r;
	int len, before_len = 0;

	if (was) {
		fill(&r, was);
		before_len = record_format(&r, before, sizeof(before));
	}
	fill(&r, c);
	len = record_format(&r, line, sizeof(line));
	if (len > 0 && len == before_len && memcmp(line, before, (size_t)len) == 0)
		return;
	journal_write(j, &r);
}
