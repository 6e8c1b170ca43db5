/*
 * ambarella: the three languages that cameras on USB ids 4255:0001 speak, as bytes.
 *
 * Called by language_amba.c and the fuzzers. Pure. The three have nothing in common but the ids, so
 * each is told apart by what it answers. Sources: "request": alexankitty/Ambarella-A9-Body-Cam-
 * Automation, lib/bodycam.py; "text": BigBadMuttuH/AmbaBodyCam, AmbaDevice.cs; "block": a published
 * host program for 4255:0001 with its table of commands. tests/vcam/LANGUAGES.md says what is
 * documented and what is assumed. Nothing that sets a password, network or SIM is here.
 */
#ifndef DOCKD_AMBARELLA_H
#define DOCKD_AMBARELLA_H

#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- request: vendor control requests to the device ---- */

#define AMBA_REQUEST_BYTES 64
#define AMBA_REQUEST_ANSWER_BYTES 10
#define AMBA_REQUEST_LOGIN 85 /* bRequest; its answer is read by the same, the disk mode's too */
#define AMBA_REQUEST_DISK 80
#define AMBA_REQUEST_VALUE 0x0080
#define AMBA_REQUEST_PIN "000000" /* assumed */

/* false: a PIN longer than the block. */
bool amba_request_login(uint8_t out[AMBA_REQUEST_BYTES], const char *pin);
void amba_request_disk(uint8_t out[AMBA_REQUEST_BYTES]);
/*
 * 1: right PIN; 0: wrong; -1: no answer of this language (assumed: byte 2 is 0 or 1 in it; the
 * source says only that 1 is right).
 */
int amba_request_answer(const uint8_t *bytes, size_t len);

/* ---- block: a1 b2 c3 d4, also by vendor control requests ---- */

#define AMBA_BLOCK_REQUEST 85
#define AMBA_BLOCK_VALUE 0x00aa /* to the camera; the answer is read with 0 */
#define AMBA_BLOCK_HEAD_BYTES 9
#define AMBA_BLOCK_IDS_BYTES 100
#define AMBA_BLOCK_BYTES_MAX (AMBA_BLOCK_HEAD_BYTES + AMBA_BLOCK_IDS_BYTES)
#define AMBA_BLOCK_TIME_BYTES 7
#define AMBA_BLOCK_PIN "000000" /* assumed */

enum amba_block {
	AMBA_BLOCK_PING,
	AMBA_BLOCK_USER_LOGIN,
	AMBA_BLOCK_BATTERY,
	AMBA_BLOCK_SYNC_TIME,
	AMBA_BLOCK_READ_IDS,
	AMBA_BLOCK_WRITE_IDS,
	AMBA_BLOCK_STORAGE,
};

/*
 * The block of a command with its data (len bytes, filled with zeros up to what the command has).
 * Its length, at most AMBA_BLOCK_BYTES_MAX; 0: more data than the command has.
 */
size_t amba_block_put(
    uint8_t out[AMBA_BLOCK_BYTES_MAX], enum amba_block command, const void *data, size_t len);

/* The data of an answer, or NULL: too short, or the camera refused. *len: how many bytes. */
const uint8_t *amba_block_answer(const uint8_t *bytes, size_t got, size_t *len);

bool amba_block_is_ping(const uint8_t *data, size_t len);
int amba_block_battery(const uint8_t *data, size_t len); /* 0 to 100, or -1 */
/* Ids out of the 100 bytes; the two names in them stay there. false: too short. */
bool amba_block_ids_read(const uint8_t *data, size_t len, struct vendor_facts *out);
/* As dv16_info_put; 8 for the officer, 16 for the unit. */
bool amba_block_ids_put(uint8_t block[AMBA_BLOCK_IDS_BYTES], const char *officer, const char *unit);
bool amba_block_time_put(uint8_t out[AMBA_BLOCK_TIME_BYTES], int64_t clock_s);
/* The clock face in an answer to SYNC_TIME; PROTO_NO_TIME. */
int64_t amba_block_time(const uint8_t *data, size_t len);

/* ---- text: one line each way over the bulk pipes ---- */

#define AMBA_TEXT_OUT 0x01
#define AMBA_TEXT_IN 0x81
#define AMBA_TEXT_MAX 64
#define AMBA_TEXT_PIN "00000000"
#define AMBA_TEXT_FILLING "12345678"

enum amba_text { AMBA_TEXT_VER, AMBA_TEXT_GDV, AMBA_TEXT_SDT, AMBA_TEXT_STM, AMBA_TEXT_ATH };

/* A command as text with its NUL; its length without, or 0: a PIN or a time that does not fit. */
size_t amba_text_login(char out[AMBA_TEXT_MAX], const char *pin);
size_t amba_text_put(char out[AMBA_TEXT_MAX], enum amba_text command, int64_t clock_s);

/* 1: "Ver;OK" is in it; 0: another answer to it; -1: no line of this language at all. */
int amba_text_login_answer(const uint8_t *bytes, size_t len);
/* Whether an answer to a command is not an error: it begins with the command's word. */
bool amba_text_is_done(const uint8_t *bytes, size_t len, enum amba_text command);
/* The camera's id, from an answer to GDV. false: none in it. */
bool amba_text_id(const uint8_t *bytes, size_t len, struct vendor_facts *out);

#endif
