/*
 * index_unlock: how far the unlocking of a docking's camera had come.
 */
#ifndef DOCKD_INDEX_UNLOCK_H
#define DOCKD_INDEX_UNLOCK_H

#include "index.h"

#define UNLOCK_FACE_LEN 192

struct unlocking_state {
	bool wrong_pin;  /* the camera refused the PIN, and no person has asked again since */
	int64_t began_s; /* an UNLOCK whose outcome is not on record; 0 none */
	char officer[PROTO_ID_TEXT_LEN], unit[PROTO_ID_TEXT_LEN]; /* that the locked one told */
	char face[UNLOCK_FACE_LEN]; /* of the device whose files could be read; "" not so far */
};

/* What the books know of a disk by which a camera of this id came back. */
struct face_history {
	bool seen;       /* by this camera, in an earlier docking */
	unsigned others; /* cameras that came back by it, this one aside */
	bool another;    /* this camera came back by another one before */
};

/* Of this docking. 0, -ENOENT: nothing of that kind was ever tried. */
int index_unlocking(struct index *ix, uint64_t docking, struct unlocking_state *out);
/* Before this docking. 0 or -errno. */
int index_face(struct index *ix, const char *camera, const char *face, uint64_t docking,
    struct face_history *out);

#endif
