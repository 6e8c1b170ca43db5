/*
 * index_camera: the cameras that have been docked here, by serial number, and when that was last.
 */
#ifndef DOCKD_INDEX_CAMERA_H
#define DOCKD_INDEX_CAMERA_H

#include "index.h"

struct known_camera {
	uint64_t number;                 /* of the row */
	char camera[PROTO_TEXT_LEN + 4]; /* identity */
	char profile[PROTO_NAME_LEN];
	char officer[PROTO_ID_TEXT_LEN],
	    unit[PROTO_ID_TEXT_LEN]; /* ids it told last, or as assigned */
	uint64_t docking;            /* the last one */
	uint64_t dockings, files, findings;
	int64_t last_s; /* when it was here last: docked or, later, taken */
	bool docked;    /* it is here */
	bool forgotten; /* a person said that it is lost or retired; ends when it is docked again */
};

/*
 * Those whose row is behind `after`, in order. overdue_s: only those overdue since: not here, not
 * forgotten, and last here before; INT64_MAX: all. Count or -errno.
 */
int index_cameras(
    struct index *ix, uint64_t after, int64_t overdue_s, struct known_camera *out, size_t room);
/* One of them. 0, -ENOENT, -errno. */
int index_camera(struct index *ix, const char *camera, struct known_camera *out);
/* How many there are that are not forgotten, and how many of them are overdue. 0 or -errno. */
int index_cameras_count(struct index *ix, int64_t overdue_s, uint64_t *known, uint64_t *overdue);

#endif
