#include "standing.h"

#include "config_kept.h"
#include "journal.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_FOLDER "/var/lib/dockd"

/*
 * The state folder as it is known before any configuration has been read: the service manager's
 * word (systemd.exec(5), StateDirectory=), else state_dir.
 */
static const char *folder_of(const char *state_dir)
{
	static char folder[256];
	const char *told = getenv("STATE_DIRECTORY");
	size_t len = told ? strcspn(told, ":") : 0;

	if (len == 0 || len >= sizeof(folder))
		return state_dir;
	memcpy(folder, told, len);
	folder[len] = '\0';
	return folder;
}

/* The file where there is one; NULL where there is none and never was: all are defaults. */
static const char *file_of(const struct standing *s, const char *state_dir)
{
	static const char usual[] = DOCKD_SYSCONFDIR "/dockd/dockd.conf";

	if (s->path)
		return s->path;
	if (access(usual, F_OK) < 0 && errno == ENOENT &&
	    !config_kept_has_file(folder_of(state_dir)))
		return NULL;
	return usual;
}

/* "FILE:LINE: what" is the first line of errors. Whether that is news. */
static bool refuse(struct standing *s, const char *errors)
{
	char was[sizeof(s->refused)], since[24] = "";
	int first = (int)strcspn(errors, "\n"), room = 120;
	bool more = errors[first] && errors[first + 1];
	time_t at = s->kept_since_s;
	struct tm tm;

	memcpy(was, s->refused, sizeof(was));
	if (s->kept && localtime_r(&at, &tm))
		strftime(since, sizeof(since), " of %Y-%m-%d %H:%M", &tm);
	snprintf(s->refused, sizeof(s->refused),
	    "the configuration on disk is refused: %.*s%s; the last good one%s is in force, "
	    "nothing is erased: mend it, it is read again by itself",
	    first < room ? first : room, errors, more ? " (and more)" : "", since);
	return strcmp(was, s->refused) != 0;
}

/* Whether it may run on its state folder; where not, *why (for free()) takes the place of errors. */
static bool fits(const struct config *c, char **why)
{
	char whose[PROTO_NAME_LEN];

	if (journal_station(c->state_dir, whose, sizeof(whose)) < 0 ||
	    strcmp(whose, c->station) == 0)
		return true;
	free(*why);
	if (asprintf(why,
		"station = \"%s\": %s belongs to station \"%s\": station in dockd.conf(5)",
		c->station, c->state_dir, whose) < 0)
		fatal("reason=\"out of memory\"");
	return false;
}

struct config *standing_start(
    struct standing *s, const char *path, const char *profiles_dir, char **errors)
{
	struct config *c, *kept;
	char *ignored = NULL;

	*s = (struct standing){ .path = path, .profiles_dir = profiles_dir };
	c = config_new(file_of(s, DEFAULT_FOLDER), profiles_dir, errors);
	if (c && fits(c, errors))
		return c;
	kept = config_kept_read(folder_of(c ? c->state_dir : DEFAULT_FOLDER), &s->kept_since_s);
	if (kept && fits(kept, &ignored)) {
		s->kept = true;
		refuse(s, *errors ? *errors : "it cannot be read");
		free(c);
		c = kept;
		free(*errors);
		*errors = NULL;
	} else {
		free(kept); /* a folder of another station is journal_open's to tell */
	}
	free(ignored);
	return c;
}

/* Whether what changed is nothing that a reload can take up, and what it means: at most 120 bytes. */
static bool needs_more(const struct config *c, const struct config *now, char *why, size_t room)
{
	const char *folder = strcmp(c->state_dir, now->state_dir) != 0 ? "state-dir" : "run-dir";

	if (strcmp(c->station, now->station) != 0) {
		snprintf(why, room,
		    "station = \"%.16s\": the state folder is station \"%.16s\"'s: put that back "
		    "(dockd.conf(5) says more)",
		    c->station, now->station);
		return true;
	}
	snprintf(
	    why, room, "%s has changed: it is taken up by systemctl restart dockd alone", folder);
	return strcmp(c->state_dir, now->state_dir) != 0 || strcmp(c->run_dir, now->run_dir) != 0;
}

struct config *standing_again(struct standing *s, const struct config *now, bool *news)
{
	char *errors = NULL, why[128];
	struct config *c = config_new(file_of(s, now->state_dir), s->profiles_dir, &errors);

	*news = false;
	if (c && needs_more(c, now, why, sizeof(why))) {
		*news = refuse(s, why);
		free(c);
		c = NULL;
	} else if (!c) {
		*news = refuse(s, errors ? errors : "it cannot be read");
	} else {
		s->refused[0] = '\0';
		s->kept = false;
	}
	free(errors);
	return c;
}

void standing_keep(struct standing *s, const struct config *c)
{
	int rc =
	    s->kept ? 0 : config_kept_save(folder_of(c->state_dir), file_of(s, c->state_dir), c);

	if (rc < 0)
		log_warn("configuration-not-kept", "path=%s reason=\"%s\"", folder_of(c->state_dir),
		    strerror(-rc));
}
