/*
 * index_health: what went wrong in the dockings of a bay and of a camera, and how fast a camera has
 * been: as the ledger has it, so that it outlives restarts.
 */
#ifndef DOCKD_INDEX_HEALTH_H
#define DOCKD_INDEX_HEALTH_H

#include "index.h"

#define HEALTH_DOCKINGS 20 /* so many of the last ones are judged */

enum mishap {
	MISHAP_CONTACT = 1, /* the camera was lost in the midst of a pull */
	MISHAP_WORKER,      /* it or its worker gave up */
	MISHAP_RECOVERY,    /* it had to be reset, and went on */
	MISHAP_CURRENT,     /* its port took too much current */
	MISHAP_CHARGE,      /* its battery did not rise */
};

struct health_docking {
	uint64_t docking;
	char port[PROTO_PORT_LEN];
	char camera[PROTO_TEXT_LEN + 4]; /* identity; before that is known, the USB serial */
	uint32_t errors;
	uint32_t kinds; /* bits 1 << enum mishap */
	uint32_t speed_mbps;
};

/* The last HEALTH_DOCKINGS dockings at a port, or of a camera, newest first. Count or -errno. */
int index_health_port(struct index *ix, const char *port, struct health_docking *out, size_t room);
int index_health_camera(
    struct index *ix, const char *camera, struct health_docking *out, size_t room);

/* The fastest that this camera has been seen, Mbit/s; 0: never. */
uint32_t index_best_speed(struct index *ix, const char *camera);

/* The over-current count of a port as the ledger has it last, of this boot; 0: none. */
uint32_t index_over_current(struct index *ix, const char *port, const char *boot);

const char *mishap_word(enum mishap what); /* "contact" */

#endif
