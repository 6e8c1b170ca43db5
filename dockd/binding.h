/*
 * binding: whether a destination still is the store that it was.
 *
 * Called by uplink with each READY, and by control for `dockctl rebind`. What a destination is (its
 * server, bucket, folder) is recorded when it tells that for the first time; another one under the
 * same name is not used before a person says that it is meant. What follows from that for receipts
 * is the index's (index_binding).
 */
#ifndef DOCKD_BINDING_H
#define DOCKD_BINDING_H

#include "journal.h"

#include <sys/types.h>

/*
 * What answers under this name has told its identity ("" not known, or none yet). Whether it is the
 * one that it was, or is that from now on: records `bound`, or `another` where it is not.
 */
bool binding_meets(struct journal *j, const char *destination, const char *identity);

/*
 * A person: this identity is meant from now on. Records `rebound`. 0; -EALREADY: it is bound to
 * that one; -ENOENT: it was never bound to any.
 */
int binding_mean(struct journal *j, const char *destination, const char *identity,
    const char *reason, uid_t uid);

/* What is wrong where it is another one, and what to do, for people; "" where nothing is. */
void binding_text(struct journal *j, const char *destination, char *out, size_t room);

#endif
