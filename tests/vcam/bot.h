/*
 * bot: the bulk-only transport of a simulated mass-storage camera: CBW, data, CSW.
 *
 * Part of the responder, which hands it what comes on bulk-out and sends what it queues. Source:
 * USB Mass Storage Class, Bulk-Only Transport 1.0; its 13 cases (section 6.7) are
 * numbered in bot.c.
 */
#ifndef VCAM_BOT_H
#define VCAM_BOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk.h"

struct responder;
struct transfer;

#define CBW_BYTES 31u
#define CSW_BYTES 13u
#define DATA_OUT_MAX 512u /* what a vendor's command may bring */
#define DATA_IN_MAX 512u  /* what an answer holds that is no payload */

enum bot_status { BOT_PASSED, BOT_FAILED, BOT_PHASE };

struct bot {
	uint8_t cdb[16];
	uint8_t lun;
	uint32_t tag, length; /* dCBWTag, dCBWDataTransferLength */
	bool in;
	bool broken;       /* halts stay until Reset Recovery (6.6.1) */
	bool residue_lies; /* a fault has set the residue of the CSW that is queued */
	uint32_t take;     /* bytes of data-out still to come; the command runs when they are in */
	bool discard;      /* they are thrown away */
	uint32_t wanted;
	enum bot_status status; /* once they are thrown away */
	uint8_t out[DATA_OUT_MAX];
	uint32_t out_len;
};

/* What a command wants to do, said by scsi.c and the vendor's commands. */
struct answer {
	uint8_t in[DATA_IN_MAX];
	uint32_t in_len;
	struct unit *payload; /* or data-in is this unit's */
	uint64_t from, bytes;
	uint32_t out_len; /* data-out that it wants */
	bool failed;      /* the unit's sense says why; what data there is goes first */
};

/* One OUT transfer. 0, -EPIPE, -EAGAIN, as responder_out. */
int bot_out(struct responder *r, const uint8_t *data, size_t len);

/* Class requests: Bulk-Only Mass Storage Reset, Get Max LUN (-EPIPE: stalls). */
void bot_reset(struct responder *r);
int bot_max_lun(struct responder *r);

/* A payload fault says that the data of t end where they are; status and sense are for the CSW. */
void bot_cut(struct responder *r, struct transfer *t, enum bot_status status);

/* ---- scsi.c ---- */

/* Carries out the command in r->bot, or says what data-out it wants first. */
void scsi_run(struct responder *r, struct answer *a);

/* The data-out that was wanted is in r->bot.out. */
void scsi_data(struct responder *r, struct answer *a);

/* The command fails with this sense; data that a holds stay. */
void scsi_fail(struct responder *r, struct answer *a, uint8_t key, uint8_t asc, uint8_t ascq);

#endif
