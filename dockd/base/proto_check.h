/*
 * proto_check: one thing that doctor looked at, a row of the answer to ASK_DOCTOR.
 *
 * What holds for every message is in proto.h.
 */
#ifndef DOCKD_PROTO_CHECK_H
#define DOCKD_PROTO_CHECK_H

#include "proto.h"

/* Worst last: dockctl's exit code is by the worst. */
enum check_level {
	CHECK_WELL = 1,
	CHECK_UNSEEN, /* could not be looked at by who asks: not well, not ill */
	CHECK_NOTE,   /* to be known, nothing to do yet */
	CHECK_WARN,   /* will be trouble */
	CHECK_BAD,    /* is trouble */
};

/* One thing that was looked at. Why it matters is in dockctl's table, by `check`. */
struct proto_check {
	uint32_t level; /* enum check_level */
	uint32_t pad;
	char check[32];               /* "clock", "disk", "certificate" ...: documented words */
	char subject[PROTO_NAME_LEN]; /* of what: a destination, a bay; "" the station */
	char what[PROTO_TEXT_LEN * 2];
	char advice[PROTO_TEXT_LEN * 2]; /* what to do, and who; "" where it is well */
};
_Static_assert(sizeof(struct proto_check) == 616, "crank PROTO_VERSION");

#endif
