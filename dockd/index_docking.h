/*
 * index_docking: when which camera stood in which bay.
 */
#ifndef DOCKD_INDEX_DOCKING_H
#define DOCKD_INDEX_DOCKING_H

#include "index.h"

struct docking {
	uint64_t number;
	int64_t began_s, ended_s; /* 0: still open */
	char bay[PROTO_NAME_LEN];
	char port[PROTO_PORT_LEN];
	char serial[PROTO_TEXT_LEN];     /* USB iSerial */
	char camera[PROTO_TEXT_LEN + 4]; /* identity, "" until told */
	char profile[PROTO_NAME_LEN];
	int64_t offset_ms; /* camera clock minus station when it came; PROTO_NO_TIME not known */
	bool synchronised; /* the station's own clock was, when offset_ms was measured */
	bool held;         /* when it ended, all that the camera showed was held and checked */
	uint64_t report;   /* asset: its activation report; 0 none yet */
};
int index_open_dockings(struct index *ix, struct docking *out, size_t room); /* count */
int index_docking(struct index *ix, uint64_t number, struct docking *out);

/* The docking of this camera before that one. 0, -ENOENT. */
int index_docking_before(
    struct index *ix, const char *camera, uint64_t number, struct docking *out);

/* Whether a docking in a bay of this name has ever begun. */
bool index_bay_seen(struct index *ix, const char *bay);

#endif
