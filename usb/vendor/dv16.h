/*
 * dv16: the vendor commands of the "DV16" family as bytes, and what cameras answer to them.
 *
 * Called by language_dv16.c and the fuzzers. Pure. Source of every byte: the vendor's host library
 * as published in jjzqp/gitskills, python_ctypes_dll/USBJL.cpp and USBJL.h; tests/vcam/LANGUAGES.md
 * says what is documented and what is assumed. Only these commands exist here: the password, the id
 * code and raw flash cannot be written.
 */
#ifndef DOCKD_DV16_H
#define DOCKD_DV16_H

#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>

#define DV16_CDB_BYTES 16
#define DV16_INFO_BYTES 89
#define DV16_TIME_BYTES 7
#define DV16_ID_CODE_BYTES 6
#define DV16_DATA_MAX DV16_INFO_BYTES
#define DV16_PIN "000000" /* the public default (Eylog's wrapper) */

/* enum of USBJL.h; 9 to 11 (write all, SET_PASSWORD, SET_ID_CODE) are left out on purpose. */
enum dv16_command {
	DV16_INIT = 1,
	DV16_GET_ID_CODE = 2,
	DV16_GET_DEV_INFO = 3,
	DV16_WRITE_DEV_INFO = 4,
	DV16_SYNC_DEV_TIME = 5,
	DV16_SET_MSDC = 6,
	DV16_READ_BATTERY = 8,
	DV16_GET_SD_STATUS = 12,
	DV16_GET_PASSWORD = 13,
	DV16_GET_RETURN_STATUS = 14,
};

struct dv16_step {
	enum dv16_command command;
	bool in;       /* data comes from the camera */
	uint8_t bytes; /* of data; 0: none */
	bool asked;    /* the vendor asks GET_RETURN_STATUS after it */
};

/* NULL for a command that is not in the table. */
const struct dv16_step *dv16_step(enum dv16_command command);

void dv16_cdb(const struct dv16_step *step, uint8_t cdb[DV16_CDB_BYTES]);

/* Whether an INQUIRY's vendor and product are those of the family, as the vendor compares them. */
bool dv16_is(const char *vendor, const char *product);

/* Ids out of the 89 bytes; the two names in them stay there. false: too short. */
bool dv16_info_read(const uint8_t *bytes, size_t len, struct vendor_facts *out);

/*
 * Puts ids into a block that was read; "" leaves what stands there, as do the names. false: an id
 * is longer than its field (6 for the officer, 12 for the unit).
 */
bool dv16_info_put(uint8_t block[DV16_INFO_BYTES], const char *officer, const char *unit);

/* Maker's and model's code: never a serial number. false: too short. */
bool dv16_id_code_read(const uint8_t *bytes, size_t len, struct vendor_facts *out);

/* 0 to 100, or -1: no percentage. */
int dv16_battery_read(const uint8_t *bytes, size_t len);

/* First byte of GET_RETURN_STATUS: 0 is well. An answer without it is not well. */
bool dv16_status_is_ok(const uint8_t *bytes, size_t len);

/* First byte of GET_SD_STATUS: 0 is "no card". */
bool dv16_has_card(const uint8_t *bytes, size_t len);

/*
 * Whether this PIN is the one that the camera has just told. This is theatre: the camera hands its
 * password to anybody who asks, and obeys without it. The vendor's own program compares like this,
 * and so a station does not switch a camera over whose PIN it was not given; nothing is protected.
 */
bool dv16_pin_is(const uint8_t *bytes, size_t len, const char *pin);

/* false: a time that the field cannot hold. */
bool dv16_time_put(uint8_t out[DV16_TIME_BYTES], int64_t clock_s);

#endif
