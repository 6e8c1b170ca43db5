/*
 * vcam: a simulated camera process: one camera, one responder, one face to the host, one control
 * socket.
 *
 * Owned by vcam.c. One thread, one poll loop; nothing in it waits but that poll.
 */
#ifndef VCAM_VCAM_H
#define VCAM_VCAM_H

#include <poll.h>

#include "responder.h"

#define FACE_FDS 4
#define CONTROL_FDS 9

struct options {
	const char *scenario, *socket, *dock, *control, *ffs, *udc, *gadget;
};

struct vcam {
	struct camera camera;
	struct responder responder;
	const struct face *face;
	struct options options;
	bool plugged, quit, connected;
	uint64_t back_ns; /* it plugs itself in again then; 0: no */
	char port[64];
	char presence[32];
	uint64_t plugs, pulls, connections, superseded;
};

/* How a host meets the camera. */
struct face {
	/* Once, before anything else. 0 or -errno after a line on standard error. */
	int (*open)(struct vcam *v);
	/* The cable goes in at v->port; responder_plug has been called. 0 or -errno. */
	int (*plug)(struct vcam *v);
	/* The cable goes out: at once, whatever is under way. */
	void (*unplug)(struct vcam *v);
	/* What is told about the camera without opening it has changed (presence, serial). */
	void (*changed)(struct vcam *v);
	/* Fills fds with what to poll; returns how many (at most FACE_FDS). */
	unsigned (*watch)(struct vcam *v, struct pollfd *fds);
	/* After the poll. */
	void (*handle)(struct vcam *v, const struct pollfd *fds, unsigned n);
};

extern const struct face face_socket;
extern const struct face face_ffs;

/* Pulls the plug, as the control socket or a fault wants it. Nothing where it is out already. */
void vcam_unplug(struct vcam *v);

/* Puts the plug in at port. 0, -EBUSY (it is in already), or -errno. */
int vcam_plug(struct vcam *v, const char *port);

/* ---- control.c ---- */

/* Listens at path. 0 or -errno. */
int control_open(const char *path);

unsigned control_watch(struct pollfd *fds);
void control_handle(struct vcam *v, const struct pollfd *fds, unsigned n);

/* Answers waits that have come true or run out; returns ms until the next runs out, or -1. */
int control_check_waits(struct vcam *v);

#endif
