/*
 * link: the core's socket, to which hotplug and the uploaders connect.
 *
 * Owns RUN/core.sock and the connections. Called by core, bay (hotplug) and uplink (uploaders). Who
 * somebody is comes from the kernel (SO_PEERCRED) and the first message; a newcomer with the right
 * user and a good HELLO replaces the one before. A bad message ends the connection, never the core.
 */
#ifndef DOCKD_LINK_H
#define DOCKD_LINK_H

#include "base/msg.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

struct link;
struct peer;

struct link_handlers {
	/* Hotplug: connected (after WELCOME), a message (take fds out of it), gone. */
	void (*hotplug_up)(void *arg);
	void (*hotplug_message)(void *arg, struct msg *m);
	void (*hotplug_down)(void *arg);
	/* Uploader of destination `name`: whether there is one of that name, then the same. */
	bool (*uploader_known)(void *arg, const char *name);
	void (*uploader_up)(void *arg, const char *name, struct peer *p);
	void (*uploader_message)(void *arg, const char *name, struct peer *p, struct msg *m);
	void (*uploader_down)(void *arg, const char *name, struct peer *p);
};

/* path is replaced if a socket is there. gid (gid_t)-1: leave the group. 0 or -errno. */
int link_open(sd_event *event, const char *path, gid_t gid, uid_t hotplug_uid, uid_t uploader_uid,
    const char *station, const struct link_handlers *handlers, void *arg, struct link **out);
void link_close(struct link *l);
/* False: its socket's path is gone; who is connected stays so. */
bool link_is_there(const struct link *l);

/* 0, -ENOTCONN, or -errno; on error the connection is ended. */
int link_send_hotplug(struct link *l, unsigned type, const void *body);

/* 0 or -errno; on error the caller calls peer_drop. generation and slot go into the head. */
int peer_send(struct peer *p, unsigned type, unsigned slot, uint32_t generation, const void *body,
    const int *fds, unsigned nfds);
/* Ends a connection, with the reason for the log; its down handler is called. */
void peer_drop(struct peer *p, const char *why);
void link_drop_hotplug(struct link *l, const char *why);

#endif
