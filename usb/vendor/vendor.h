/*
 * vendor: what the vendors' languages have in common as bytes: ids in fixed fields, a clock face.
 *
 * Used by dv16 and ambarella. Pure. Names of people that stand beside the ids are never copied out
 * of a block: there is no field for them here.
 */
#ifndef DOCKD_VENDOR_H
#define DOCKD_VENDOR_H

#include "../../dockd/base/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vendor_facts {
	char camera[PROTO_ID_TEXT_LEN]; /* its serial number; "" not told */
	char officer[PROTO_ID_TEXT_LEN];
	char unit[PROTO_ID_TEXT_LEN];
	char model[PROTO_ID_TEXT_LEN]; /* code of maker and model */
	int battery_percent;           /* -1 not told */
};

/*
 * An id in a field of this width: what is before the first NUL, without blanks at its ends. What
 * is no printable ASCII, or is filling (0xFF), is no id: out is "" then. width < PROTO_ID_TEXT_LEN.
 */
void vendor_id(const uint8_t *field, size_t width, char out[PROTO_ID_TEXT_LEN]);

/* A serial number of nothing but zeros is what cameras have that nobody gave one: "" then. */
void vendor_serial(const uint8_t *field, size_t width, char out[PROTO_ID_TEXT_LEN]);

/* Writes an id into a field, filled with zeros; "" leaves the field alone. false: too long for it. */
bool vendor_id_put(uint8_t *field, size_t width, const char *id);

struct vendor_time {
	uint16_t year;
	uint8_t month, day, hour, minute, second;
};

/* A clock face from seconds since 1970, years 1970 to 9999. false: outside of them. */
bool vendor_time(int64_t clock_s, struct vendor_time *out);

/* And back; PROTO_NO_TIME for what is no date. */
int64_t vendor_time_s(const struct vendor_time *t);

#endif
