/*
 * judge: the signature of each file of a camera that signs, judged once both have been checked.
 *
 * Called by core each turn. What waits to be judged are rows of the index (index_to_judge); the
 * bytes of a signature are looked into by dockd-verify alone, which is told what the core knows in
 * facts. No result stops an upload: it is written down, said in the log, and asked by the gate.
 */
#ifndef DOCKD_JUDGE_H
#define DOCKD_JUDGE_H

#include "journal.h"
#include "profile.h"
#include "staging.h"
#include "verifier.h"

struct judge;

struct judge_handlers {
	void (*judged)(void *arg, uint64_t asset);
};

struct judge *judge_new(struct journal *j, struct staging *s, struct verifier *v,
    const struct judge_handlers *handlers, void *arg);
void judge_free(struct judge *j);
/* The profiles stay the caller's, until the next call. */
void judge_configure(struct judge *j, const struct profile *profiles, size_t n);

/* Looks for pairs and asks; a bounded number a turn. Whether there are more to look at at once. */
bool judge_plan(struct judge *j);
/* An asset was checked: its place in the round may have been passed. */
void judge_changed(struct judge *j, uint64_t asset);
/* A person asks: what waits is tried at once. */
void judge_retry(struct judge *j);

/* Nothing is being judged, and nothing could be. */
bool judge_idle(const struct judge *j);
/* Why signatures wait, and what to do; "" when none does. */
const char *judge_trouble(const struct judge *j);

#endif
