#include "state.h"

#include "manager.h"
#include "policy.h"
#include "predecessor.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* why: a sentence, or "" where rc says it. */
static int fails(struct state *s, int rc, const char *where, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%.120s%s%.200s", where, where[0] ? ": " : "",
	    why[0] ? why : strerror(-rc));
	return rc;
}

/* The key, the newest checkpoint, and in a new folder the station that this one replaces. */
static int open_checkpoint(struct state *s, const struct config *c)
{
	struct checkpoint_settings settings = {
		.state_dir = s->dir,
		.station = c->station,
		.key_file = s->beside ? "" : c->key_file,
		.every_s = c->checkpoint_s,
	};
	const char *path = c->replaces.checkpoint, *why = "";
	int r = checkpoint_open(&settings, s->journal, &s->checkpoint, &why);

	if (r < 0)
		return fails(s, r, "", why);
	if (s->beside || journal_records(s->journal) > 0 || !c->replaces.station[0])
		return 0;
	r = predecessor_cite(s->journal, c->replaces.station, path, &why);
	if (r < 0)
		fatal("path=%s reason=\"replaces: %s (%s)\"", path, why, strerror(-r));
	return 0;
}

static int begin(struct state *s, const struct config *c)
{
	struct record r;
	int rc;

	record_begin(&r, "began");
	record_text(&r, "station", c->station);
	record_text(&r, "version", DOCKD_VERSION);
	record_text(&r, "boot", staging_boot(s->staging));
	if (s->kept)
		record_text(&r, "configuration", "kept");
	checkpoint_tell(s->checkpoint, &r);
	journal_write(s->journal, &r);
	policy_tell(s->journal, c, NULL);
	policy_route(s->journal, c);
	rc = journal_commit(s->journal);
	return rc < 0 ? fails(s, rc, s->dir, journal_why(s->journal)) : 0;
}

static int open_journal(struct state *s, const struct config *c)
{
	const char *why = "";
	int r;

	journal_watch(manager_replaying);
	r = journal_open(s->dir, c->station, &s->journal, &why);
	journal_watch(NULL);
	if (r < 0)
		return fails(s, r, s->dir, why ? why : "");
	if (journal_rebuilt(s->journal)[0])
		log_warn("index-rebuilt", "records=%" PRIu64 " reason=\"%s\"",
		    journal_records(s->journal), journal_rebuilt(s->journal));
	return 0;
}

int state_open(struct state *s, const struct config *c)
{
	int r = open_journal(s, c);

	if (r < 0)
		return r;
	r = staging_open(s->dir, c->reserve_bytes, &s->staging);
	if (r < 0)
		fails(s, r, s->dir,
		    r == -EOPNOTSUPP ? "this file system has no file leases: use a local disk" :
				       "");
	if (r == 0)
		r = open_checkpoint(s, c);
	if (r == 0)
		r = begin(s, c);
	if (r == 0)
		return 0;
	if (s->checkpoint)
		checkpoint_close(s->checkpoint);
	if (s->staging)
		staging_close(s->staging);
	journal_close(s->journal);
	s->checkpoint = NULL;
	s->staging = NULL;
	s->journal = NULL;
	return r;
}

bool state_may_be_mended(int rc)
{
	switch (-rc) {
	case EBUSY:   /* another dockd: it is the one that is to be asked */
	case EREMOTE: /* another station's folder */
	case EBADMSG: /* a ledger that cannot be read */
	case ENOMEM:
		return false;
	}
	return true;
}
