/*
 * proto_light: the lights of bays and of the station, and the lamps that show them.
 *
 * LAMP is a row of ASK_LIGHT's answer; STATUS and BAY tell lights too. What holds for every
 * message is in proto.h.
 */
#ifndef DOCKD_PROTO_LIGHT_H
#define DOCKD_PROTO_LIGHT_H

#include "proto.h"

enum light_state {
	LIGHT_OFF = 0,
	LIGHT_EMPTY,
	LIGHT_READING,
	LIGHT_CHARGING,
	LIGHT_TAKE,
	LIGHT_LEAVE,
};

enum station_light { STATION_WELL = 1, STATION_AWAY, STATION_NEEDS_IT };

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
