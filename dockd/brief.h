/*
 * brief: what dockd-verify is told beside the bytes it judges: facts, a line each, in memory.
 *
 * Called by judge and inquiry. The lines are in the form of ledger records (base/record.h); which
 * there are is said in verify/facts.h and verify/audit_facts.h. The descriptor is a sealed memfd:
 * nobody changes it any more.
 */
#ifndef DOCKD_BRIEF_H
#define DOCKD_BRIEF_H

#include "index.h"
#include "index_docking.h"
#include "index_evidence.h"
#include "profile.h"

struct brief;

struct brief *brief_new(void); /* NULL: out of memory */
/* Adds a line; what does not fit a record is an error of brief_fd. */
void brief_add(struct brief *b, const struct record *r);
/* Ends it: a descriptor to read from, or -errno. b is gone in any case. */
int brief_fd(struct brief *b);

struct brief_signing {
	const struct profile *profile;
	const struct asset *asset;
	const struct docking *docking; /* in which it was found; NULL not known */
	const struct docking *clock;   /* that measured the clock that dated it; NULL not known */
	const struct docking *before;  /* the camera's docking before that one; NULL none */
	int64_t held_s; /* since when both file and signature are here, or PROTO_NO_TIME */
	const struct camera_key *keys;
	size_t keys_n;
};
/* All facts of a VERIFY_SIGNATURE: a descriptor or -errno. */
int brief_signing(const struct brief_signing *s);

#endif
