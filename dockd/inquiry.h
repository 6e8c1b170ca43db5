/*
 * inquiry: the audit of a docking: its logs judged against its clips, and the activation report.
 *
 * Called by core each turn. A docking is audited once all that its camera showed is held and
 * checked, or it has ended; again only where something of it came later. Which wait are rows of the
 * index. The logs are read by dockd-verify alone, which writes the report into a staging file; that
 * is sealed, checked and sent like anything else. What it finds is written down and said; it stops
 * nothing.
 */
#ifndef DOCKD_INQUIRY_H
#define DOCKD_INQUIRY_H

#include "bays.h"
#include "config.h"
#include "judge.h"
#include "verifier.h"

struct inquiry;

struct inquiry_parts {
	struct journal *journal;
	struct staging *staging;
	struct verifier *verifier;
	struct bays *bays;
	struct judge *judge;
};

struct inquiry_handlers {
	void (*made)(void *arg, uint64_t asset); /* a report's part is whole: intake seals it */
};

struct inquiry *inquiry_new(
    const struct inquiry_parts *parts, const struct inquiry_handlers *handlers, void *arg);
void inquiry_free(struct inquiry *q);
/* The configuration stays the caller's, until the next call. */
void inquiry_configure(struct inquiry *q, const struct config *c);

/* Chooses a docking and writes that its report begins; after the commit, act asks. */
void inquiry_plan(struct inquiry *q);
void inquiry_act(struct inquiry *q);
/* A person asks: what failed is tried at once. */
void inquiry_retry(struct inquiry *q);

/* Nothing is being audited, and nothing could be. */
bool inquiry_idle(const struct inquiry *q);
/* Why audits do not come to an end, and what to do; "" when they do. */
const char *inquiry_trouble(const struct inquiry *q);

#endif
