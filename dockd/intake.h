/*
 * intake: from "all bytes are in the part file" to "digested": sealing and verifying.
 *
 * Called by bay (pulled) and uplink (recheck of an old or touched copy), each turn by core. It
 * has digests taken by verifier; it reads no byte of an asset itself.
 */
#ifndef DOCKD_INTAKE_H
#define DOCKD_INTAKE_H

#include "journal.h"
#include "profile.h"
#include "staging.h"
#include "verifier.h"

struct intake;

struct intake_handlers {
	/* An asset was checked, merged, put back or found in trouble. */
	void (*changed)(void *arg, uint64_t asset);
};

struct intake *intake_new(struct journal *j, struct staging *s, struct verifier *v,
    const struct intake_handlers *handlers, void *arg);
void intake_free(struct intake *in);
/* Which digests a kind of camera signs; the profiles stay the caller's, until the next call. */
void intake_configure(struct intake *in, const struct profile *profiles, size_t n);

/* NUMBER.part is whole (or was sealed before a restart): seal it, record `staged`. */
void intake_pulled(struct intake *in, uint64_t asset);

enum recheck { RECHECK_NOT_NEEDED = 0, RECHECK_QUEUED, RECHECK_LATER };
/*
 * Before an upload: a copy older than 24 h, of another boot, or touched since its digest was taken
 * is hashed again first. QUEUED: ask again when `changed` was called for it.
 * LATER: too many wait already, ask again next turn.
 */
enum recheck intake_recheck(struct intake *in, const struct asset *a);
/* Hash it again whatever its age (an uploader could not read it, or sent other bytes). */
bool intake_doubt(struct intake *in, uint64_t asset);

/* Starts what may be started; records go to the journal first (verify changes nothing). */
void intake_plan(struct intake *in);
/* After the journal's commit: removes the copies of merged assets. */
void intake_act(struct intake *in);
/* A person asks: what failed before is tried again. */
void intake_retry(struct intake *in);
bool intake_idle(const struct intake *in);

#endif
