/*
 * state: the state folder, opened: journal, staging, checkpoint, and the record that a run begins.
 *
 * Called by core at start, all or nothing. What it says of a failure is for people: where, and why.
 */
#ifndef DOCKD_STATE_H
#define DOCKD_STATE_H

#include "checkpoint.h"
#include "config.h"
#include "journal.h"
#include "staging.h"

struct state {
	const char *dir;
	bool beside; /* an empty folder in the real one's stead: no key and no predecessor */
	bool kept;   /* the configuration in force is the last good one */
	struct journal *journal;
	struct staging *staging;
	struct checkpoint *checkpoint;
	char why[PROTO_TEXT_LEN * 3];
};

/* 0; or -errno with why, and nothing is open. Ends the program where `replaces` is not what it says. */
int state_open(struct state *s, const struct config *c);

/* Of the disk, its rights or the key, which a person mends; not of what is written there. */
bool state_may_be_mended(int rc);

#endif
