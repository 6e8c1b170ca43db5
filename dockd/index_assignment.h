/*
 * index_assignment: to whom a person has issued a camera, by ids alone.
 */
#ifndef DOCKD_INDEX_ASSIGNMENT_H
#define DOCKD_INDEX_ASSIGNMENT_H

#include "index.h"

struct assignment {
	char officer[PROTO_ID_TEXT_LEN]; /* "" nobody in particular */
	char unit[PROTO_ID_TEXT_LEN];
	int64_t given_s;
};

/* What was assigned last to this camera (its identity). 0, -ENOENT or -errno. */
int index_assignment(struct index *ix, const char *camera, struct assignment *out);

#endif
