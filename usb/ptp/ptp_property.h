/*
 * ptp_property: one device property as a camera describes it, and a new value for it.
 *
 * Pure; called by ptp_configure and the fuzzer. Integers of up to 64 bits and strings: arrays and
 * 128-bit numbers are not read and not written. Source: ISO 15740 clauses 5.3 and 13.3.3.
 */
#ifndef DOCKD_PTP_PROPERTY_H
#define DOCKD_PTP_PROPERTY_H

#include "ptp.h"

#define PTP_TYPE_TEXT 0xFFFFu

struct ptp_setting {
	uint16_t code;
	uint16_t type; /* 0x0001 ... 0x0008, PTP_TYPE_TEXT */
	bool settable;
	uint64_t number; /* as it stands in the dataset, not extended */
	char text[PTP_TEXT_LEN];
};

/* Reads a DevicePropDesc. false: it ends too early, or has a type that is not read here. */
bool ptp_property_read(const uint8_t *bytes, size_t len, struct ptp_setting *out);

/*
 * Lays out value (decimal, or 0x and hexadecimal; printable ASCII for a string) as this property's
 * type. Its bytes; 0 where it is no value of that type, or room (256 at least) does not do.
 */
size_t ptp_property_write(
    const struct ptp_setting *p, const char *value, uint8_t *out, size_t room);

/* Whether the property has this value now. */
bool ptp_property_is(const struct ptp_setting *p, const char *value);

#endif
