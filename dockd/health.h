/*
 * health: what a person of IT must know of a bay while its camera is fine: errors that come back,
 * too much current, a speed that is less than it was, a camera that nobody empties.
 *
 * Called by bay, docking and arrival where something goes wrong (a record), and by bays each turn
 * for bays about which something has changed. It never touches a bay's light. What it knows of the
 * past is the ledger's, so a restart forgets nothing.
 */
#ifndef DOCKD_HEALTH_H
#define DOCKD_HEALTH_H

#include "index_health.h"

#include "base/proto_hotplug.h"

#define HEALTH_BAD_DOCKINGS 3 /* of the last HEALTH_DOCKINGS: so many with errors are no chance */
#define HEALTH_FILL_PERCENT 50

struct bay;
struct bays;

/* Bits of what is shown of a bay; each is said once in the log when it begins. */
enum ailment {
	AILMENT_BAY = 1,     /* errors with different cameras: it is the bay */
	AILMENT_CAMERA = 2,  /* errors of one camera in different bays: it is the camera */
	AILMENT_EITHER = 4,  /* one camera, one bay: cannot be told yet */
	AILMENT_CURRENT = 8, /* over-current */
	AILMENT_SPEED = 16,
	AILMENT_FILL = 32,
	AILMENT_CHARGE = 64, /* its battery does not rise here */
	AILMENT_SLEEP = 128, /* the kernel may cut the power of its port */
};

struct health {
	bool stale;                         /* to be judged again */
	uint32_t errors;                    /* of the last dockings at its port */
	uint32_t kinds;                     /* of these: bits 1 << enum mishap */
	uint32_t ails;                      /* enum ailment */
	uint32_t told;                      /* in the log */
	char attention[PROTO_TEXT_LEN * 2]; /* "" nothing */
};

/*
 * Pure: what the last dockings at a port say. camera: who is there now, "" nobody; of_camera: that
 * one's last dockings, anywhere. AILMENT_BAY, _CAMERA, _EITHER, _CURRENT, 0.
 */
uint32_t health_judge(const struct health_docking *at_port, size_t at_port_n, const char *camera,
    const struct health_docking *of_camera, size_t of_camera_n);
/* Pure: errors came back with this camera in different bays. */
bool health_camera_ails(const struct health_docking *of_camera, size_t n);
/* Pure: it could be faster: it was (best), or it is at full speed though made for high speed. */
bool health_is_slow(const struct proto_arrived *a, uint32_t best_mbps);

/* Something went wrong in the docking of this bay: recorded, a few times in each. */
void health_mishap(struct bay *b, enum mishap what);
/* A port took too much current; its count as the kernel has it. */
void health_over_current(struct bays *h, const struct proto_over_current *o);
/* Judges the bays about which something has changed. */
void health_turn(struct bays *h);
/* All of them are judged again: a person has seen to something, or settings changed. */
void health_again(struct bays *h);

/* How full the camera is, percent; 255 not known. */
uint32_t health_fill(const struct bay *b);
/* What of all bays a person must know, "" nothing. True: a person of IT must act. */
bool health_text(const struct bays *h, char *out, size_t room);

#endif
