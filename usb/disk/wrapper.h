/*
 * wrapper: command and status wrappers of bulk-only transport, and what each transfer of a command
 * means when it is complete.
 *
 * Called by bot.c and the fuzzers. Pure: transfers go in, what is to be done next comes out. Source:
 * USB Mass Storage Class, Bulk-Only Transport 1.0 (sections named at the functions).
 */
#ifndef DOCKD_WRAPPER_H
#define DOCKD_WRAPPER_H

#include "../../dockd/base/buf.h"

#define WRAPPER_COMMAND_BYTES 31
#define WRAPPER_STATUS_BYTES 13
#define WRAPPER_CDB_MAX 16

/* A command block wrapper (5.1). cdb_len: at most WRAPPER_CDB_MAX; lun: 0 to 15. */
void wrapper_command(uint8_t out[WRAPPER_COMMAND_BYTES], uint32_t tag, uint32_t len, bool in,
    unsigned lun, const uint8_t *cdb, size_t cdb_len);

struct wrapper_status {
	uint32_t residue;
	uint8_t status; /* 0 passed, 1 failed, 2 phase error; others are reserved */
};

/* Whether these are a status wrapper of that command (6.3.1: length, signature, tag). */
bool wrapper_status_read(
    const uint8_t *bytes, size_t len, uint32_t tag, struct wrapper_status *out);

enum exchange_phase { EXCHANGE_DATA, EXCHANGE_STATUS, EXCHANGE_DONE };

/* One command, from its wrapper being sent to its status. */
struct exchange {
	uint32_t tag, len; /* len: of data that was asked for, or sent */
	uint32_t moved;    /* of data, that really came or went */
	enum exchange_phase phase;
	unsigned status_stalls, empties;
	struct wrapper_status status; /* EXCHANGE_DONE */
	bool odd;                     /* the status came where data was due, or with it */
};

enum exchange_next {
	EXCHANGE_GO_ON,      /* the next transfer: data, or the status */
	EXCHANGE_CLEAR_HALT, /* take back what is queued, clear the halt, then read the status */
	EXCHANGE_OVER,       /* the status is there */
	EXCHANGE_RESET,      /* out of step: Reset Recovery (5.3.4) */
};

/* A command with len bytes of data from the device; or, with all of them sent, to it. */
void exchange_begin(struct exchange *x, uint32_t tag, uint32_t len, bool in);

/*
 * One bulk-IN transfer of this command is complete: len bytes of asked, stalled or not. *data tells
 * how many bytes at its beginning are data.
 */
enum exchange_next exchange_take(
    struct exchange *x, const uint8_t *bytes, size_t len, size_t asked, bool stalled, size_t *data);

/*
 * How many of the moved bytes are data, once it is over: a device may fill up what it was asked for
 * and tells by the residue how much of it is fill (6.7.2).
 */
uint32_t exchange_valid(const struct exchange *x);

#endif
