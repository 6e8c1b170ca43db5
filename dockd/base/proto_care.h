/*
 * proto_care: what dockctl doctor and dockctl light are told of the station itself.
 *
 * Rows of answers to proto_ctl.h's ASK_DOCTOR and ASK_LIGHT. What holds for every message is in
 * proto.h.
 */
#ifndef DOCKD_PROTO_CARE_H
#define DOCKD_PROTO_CARE_H

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

struct proto_lamp {
	char lamp[PROTO_NAME_LEN]; /* in /sys/class/leds */
	char bay[PROTO_NAME_LEN];  /* that it is mapped to, "station", or "" none */
	uint32_t present;          /* 1: it is there and can be written */
	uint32_t channels;         /* colours of a multicolour lamp; 0 plain */
	uint32_t state;            /* enum light_state, or of the station's enum station_light */
	uint32_t testing;          /* 1: it shows the test, not its state */
};
_Static_assert(sizeof(struct proto_lamp) == 144, "crank PROTO_VERSION");

#endif
