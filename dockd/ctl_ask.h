/*
 * ctl_ask: speaks to the control socket: a question, and the parts of its answer.
 *
 * Used by ctl and by those commands that ask more than one thing. Never shows anything.
 */
#ifndef DOCKD_CTL_ASK_H
#define DOCKD_CTL_ASK_H

#include "base/msg.h"

struct proto_ask;
struct proto_ctl_end;

#define CTL_PATIENCE_MS 60000 /* for an answer that is not parked */

/* Connects to the control socket. The descriptor, or -errno. */
int ask_open(const char *path);

/* One part of an answer; takes what it wants of m->fds (sets them to -1). 0 goes on, else ends. */
typedef int ask_part(void *context, struct msg *m);

/*
 * Asks, and gives each part of the answer to part (may be NULL: none expected). Pages are fetched
 * until the last for those asks that have pages. patience_ms: how long a silence may last, -1: for
 * ever. 0 with the END's text and status in *end; -ETIMEDOUT: silence; -EPIPE: the daemon went
 * away; -EPROTO; or what part returned. A refusal by the daemon is end->status and 0 here.
 */
int ask_all(int sock, const struct proto_ask *ask, int patience_ms, ask_part *part, void *context,
    struct proto_ctl_end *end);

#endif
