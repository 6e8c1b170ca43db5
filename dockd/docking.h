/*
 * docking: one docked camera and what its worker says: who it is, its clock, its listing, what was
 * erased; what was pulled is pulling's. Called by bay only, with messages of that camera's worker.
 *
 * It writes journal records and moves the bay's state; it never touches the files' bytes. What the
 * worker is told to do is errand's.
 */
#ifndef DOCKD_DOCKING_H
#define DOCKD_DOCKING_H

#include "bay.h"

#include "base/msg.h"

/* Starts or ends a docking in the books. */
void docking_begin(struct bay *b);
void docking_end(struct bay *b, const char *reason);

/* The worker was started: sends ATTACH with the device's descriptor (closed here). 0 or -errno. */
int docking_attach(struct bay *b);

/* A message of the worker. Returns NULL, or why the worker must be killed. */
const char *docking_message(struct bay *b, const struct msg *m);

/* The camera left or the worker ended while something was under way: closes the books on it. */
void docking_interrupted(struct bay *b, const char *result);

#endif
