/*
 * docking: what is done with one docked camera: who it is, its clock, its listing, the pulls, the
 * erasing. Called by bay only, with messages of that camera's worker.
 *
 * Order: CAMERA, clock, LIST, pulls, LIST again (sizes final when two listings settle_s apart
 * agree), erasing of what the gate lets go, a last LIST. It writes journal records; it never
 * touches the files' bytes.
 */
#ifndef DOCKD_DOCKING_H
#define DOCKD_DOCKING_H

#include "bay.h"

/* The worker was started: sends ATTACH with the device's descriptor (closed here). 0 or -errno. */
int docking_attach(struct bay *b);

/* A message of the worker. Returns NULL, or why the worker must be killed. */
const char *docking_message(struct bay *b, const struct msg *m);

/* The camera left or the worker ended while something was under way: closes the books on it. */
void docking_interrupted(struct bay *b, const char *result);

/* state READY: what next? Writes intents and sets b->plan. may_pull: the scheduler's leave. */
void docking_plan(struct bay *b, bool may_pull);
/* Does what was planned. */
void docking_act(struct bay *b);

/*
 * Why this asset is not erased from its camera: the gate's code and sentence ("receipt-level: ...").
 * "" when it is erased. Where its camera is not docked, what a docking now would find.
 */
const char *docking_gate_text(const struct bays *h, const struct asset *a);

/* Starts or ends a docking in the books. */
void docking_begin(struct bay *b);
void docking_end(struct bay *b, const char *reason);

#endif
