/*
 * control_client: who asks on the control socket, and how he is answered.
 *
 * Included by control*.c only; control.c owns the clients.
 */
#ifndef DOCKD_CONTROL_CLIENT_H
#define DOCKD_CONTROL_CLIENT_H

#include "base/proto_ctl.h"
#include "index_retention.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

struct control;

#define CONTROL_PAGE 16 /* rows a page */

struct client {
	struct control *control;
	int sock;
	uid_t uid;
	uint32_t roles; /* a set of enum role */
	uint64_t since_us;
	sd_event_source *io;
	bool parked;
	struct proto_ask ask;
	uint64_t until_us; /* 0: no limit */
	uint64_t order;    /* PRESERVE, LIFT: the order; DISPOSE: the asset */
	struct due_place due;
	uint64_t passed; /* WAIT_ALL_RUNG: assets up to this number had got there */
};

/* 0 or -errno; the row counts only when it went out whole. fd: -1 none; it stays the caller's. */
int client_send(struct client *k, unsigned type, const void *body, int fd);
/* Ends the answer. cursor: where the next page begins, 0: this was the last. */
int client_end(struct client *k, int status, uint64_t cursor, const char *text);

/* Whether it gave one; where not, the answer has been ended. */
bool client_gave_reason(struct client *k);

/* Parks it: for as long as it asked, or for this where it did not say. control.c ends that. */
void client_park(struct client *k, unsigned seconds);

#endif
