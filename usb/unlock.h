/*
 * unlock: a vendor's language in front of the mass-storage driver.
 *
 * A locked camera is met in the languages that its profile names, in that order; the first that it
 * answers tells its ids, clock and battery, and switches it to disk mode. The PIN is a mode switch,
 * never security: these are documented facts and public defaults. What a language may send is in
 * its own file as whole tables of commands; none of them writes to the medium.
 *
 * The languages are pure encoders and decoders (dv16.h, ambarella.h) and a thin act each.
 */
#ifndef DOCKD_UNLOCK_H
#define DOCKD_UNLOCK_H

#include "camera.h"

struct vendor_facts {
	char camera[PROTO_ID_TEXT_LEN]; /* its id code; "" not told */
	char officer[PROTO_ID_TEXT_LEN];
	char unit[PROTO_ID_TEXT_LEN];
	int battery_percent; /* -1 not told */
	int64_t clock_s;     /* its clock face; PROTO_NO_TIME */
	bool clock_settable, owner_settable;
};

/* "dv16", "ambarella-request", "ambarella-block", "ambarella-text"; as profiles write them. */
const char *unlock_word(enum unlock u);

#endif
