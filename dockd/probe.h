/*
 * probe: a person asks what is plugged in at a bay: it is opened, read and let go again.
 *
 * One at a time. Called by control (begin, take) and arrival, which hands over what befalls the
 * bay meanwhile. A foreign device is foreign again afterwards, a docked camera is read on; nothing
 * on it is changed, and it does not become a docking.
 */
#ifndef DOCKD_PROBE_H
#define DOCKD_PROBE_H

#include "bay.h"

#include "base/msg.h"
#include "base/proto_probe.h"

#include <sys/types.h>

struct probe {
	struct bay *bay; /* under way there; NULL none */
	uint64_t number; /* of the newest one; 0 none yet */
	uid_t uid;
	bool docked; /* read on afterwards */
	bool fault;  /* a fault again afterwards */
	bool reload; /* profiles have come meanwhile: a foreign device may match one */
	int status;  /* of the newest one, once bay is NULL: 0, or -errno with text */
	char text[PROTO_TEXT_LEN * 2];
	struct proto_ctl_probe row;
};

/* Begins one. NULL, or why it cannot be now. */
const char *probe_begin(struct bays *h, struct bay *b, uid_t uid);

bool probe_is_at(const struct bay *b);
/* Its worker was started: sends ATTACH with the device's descriptor (closed here). 0 or -errno. */
int probe_attach(struct bay *b);
/* A message of that worker. NULL, or why it must be killed. */
const char *probe_message(struct bay *b, const struct msg *m);
/* It came to nothing: the bay is as it was before. */
void probe_failed(struct bay *b, const char *why);
/* As probe_failed, but the device has gone or is another one: the caller sees to the bay. */
void probe_gone(struct bay *b);

#endif
