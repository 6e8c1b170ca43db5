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

enum lamp_presence { LAMP_MISSING = 1, LAMP_NOT_PERMITTED, LAMP_THERE };

/* What a lamp is mapped to. */
enum lamp_use { LAMP_OF_NOTHING = 1, LAMP_OF_BAY, LAMP_OF_STATION };

struct proto_lamp {
	char lamp[PROTO_NAME_LEN]; /* in /sys/class/leds; "" missing */
	char name[PROTO_NAME_LEN]; /* as the configuration names it, or may: it lasts */
	char bay[PROTO_NAME_LEN];  /* LAMP_OF_BAY: its name; else "" */
	uint32_t use;              /* enum lamp_use */
	uint32_t presence;         /* enum lamp_presence */
	uint32_t channels;         /* colours of a multicolour lamp; 0 plain */
	uint32_t state;            /* by use: enum light_state, enum station_light, 0 */
	uint32_t testing;          /* 1: it shows the test, not its state */
	uint32_t pad;
};
_Static_assert(sizeof(struct proto_lamp) == 216, "crank PROTO_VERSION");

#endif
