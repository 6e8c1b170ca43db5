/*
 * reply: puts a camera's answer together from what the bulk-IN pipe gives.
 *
 * Owns the rules for where the data phase ends and the response begins: zero-length packets sent or
 * left out, a surplus byte in their place, a response behind the payload in the same transfer, a
 * head that comes alone, a length of 0xFFFFFFFF. Called by session and by the fuzzers. Pure.
 * Sources: Still Image 1.0 section 7 and annex D, MTP 1.1 annex H; the oddities are those that
 * libmtp and libgphoto2 handle (usb-glue, ptp.c).
 */
#ifndef DOCKD_REPLY_H
#define DOCKD_REPLY_H

#include "ptp.h"

enum reply_phase {
	REPLY_BEGIN = 0, /* nothing yet: a data head or the response may come */
	REPLY_PAYLOAD,   /* inside the data phase */
	REPLY_RESPONSE,  /* the data phase is over */
	REPLY_DONE,
};

struct reply {
	uint16_t operation;
	uint32_t transaction;
	bool ignore_headers;  /* a wrong code or transaction id is let pass */
	uint64_t payload_max; /* more than this is an error */
	bool exact;           /* payload_max is what was asked for: it settles an unknown length */

	enum reply_phase phase;
	bool had_data;
	bool unknown;           /* the length was 0xFFFFFFFF or had wrapped at 4 GiB */
	bool short_data;        /* the data phase ended before the length that its head told */
	uint64_t total_bytes;   /* of the data container, head included; 0 until known */
	uint64_t payload_bytes; /* so far */
	unsigned empties;       /* zero-length transfers that were passed over */
	uint16_t code;          /* of the response */
	uint32_t params[PTP_PARAMS];
	unsigned param_count;
};

struct reply_piece {
	const uint8_t *bytes;
	size_t len; /* 0: none in this transfer */
};

/* Readies r for one transaction. */
void reply_begin(struct reply *r, uint16_t operation, uint32_t transaction, uint64_t payload_max,
    bool exact, bool ignore_headers);

/*
 * Takes what one completed IN transfer brought; ended: it was not full, so a short packet ended it.
 * *piece is the payload among it. NULL, or what is wrong as a fixed text.
 */
const char *reply_feed(
    struct reply *r, const uint8_t *bytes, size_t len, bool ended, struct reply_piece *piece);

#endif
