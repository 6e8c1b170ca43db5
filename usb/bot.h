/*
 * bot: USB mass storage, bulk-only transport: one command, its data, its status.
 *
 * Owns the two bulk pipes, tags, and recovery: stalls, phase errors, Reset Recovery, port reset.
 * Called by disk.c (SCSI reads) and by the vendor languages that wrap their commands in it. Source:
 * USB Mass Storage Class, Bulk-Only Transport 1.0 (sections named at the functions).
 */
#ifndef DOCKD_BOT_H
#define DOCKD_BOT_H

#include "descriptor.h"
#include "transport.h"

#define BOT_CBW_BYTES 31
#define BOT_CSW_BYTES 13
#define BOT_COMMAND_MAX 16
#define BOT_READS 4 /* bulk-IN transfers in flight of one command */

struct bot {
	struct transport *transport;
	struct usb_interface usb;
	uint32_t quirks;
	unsigned timeout_ms;
	uint32_t tag;
	unsigned recoveries; /* stalls cleared, resets */
	unsigned luns;       /* 1 to 16, after bot_start */
	void *inner;
};

struct bot_result {
	bool passed;      /* CSW status 0; false: 1, ask for sense */
	uint32_t moved;   /* bytes of data that really came or went */
	uint32_t residue; /* as told; not believed over moved */
};

/*
 * Claims nothing: the interface is claimed already. Asks Get Max LUN (a stall means one).
 * 0 or -errno.
 */
int bot_start(struct bot *b, struct transport *t, const struct usb_interface *usb, uint32_t quirks,
    unsigned timeout_ms);
void bot_end(struct bot *b);

/*
 * One command; cdb_len is at most BOT_COMMAND_MAX; in: data comes from the device, else it goes to
 * it. len 0: no data. 0: see *out; -errno: it failed also after recovery (-ETIMEDOUT silent,
 * -ENODEV gone, -EPROTO answers that cannot be, -EPIPE).
 */
int bot_command(struct bot *b, unsigned lun, const uint8_t *cdb, size_t cdb_len, void *data,
    uint32_t len, bool in, struct bot_result *out);

#endif
