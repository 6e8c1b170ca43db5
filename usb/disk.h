/*
 * disk: one logical unit of a mass-storage camera as a source of bytes, and as a stream.
 *
 * Called by the mass-storage driver. Owns readiness (UNIT ATTENTION, medium coming up), capacity,
 * how much one READ may ask for, a small cache for tables, and retries of single reads. It sends
 * no command but those of scsi.h.
 */
#ifndef DOCKD_DISK_H
#define DOCKD_DISK_H

#include "bot.h"
#include "scsi.h"
#include "source.h"

struct disk {
	struct source source; /* first: &disk->source is what partition and volume read */
	struct bot *bot;
	unsigned lun;
	struct scsi_inquiry inquiry;
	char serial[64]; /* VPD page 0x80; "" none */
	bool write_protected;
	uint32_t read_bytes; /* of one READ: what the device takes, at most 1 MiB */
	unsigned errors;     /* reads that the medium refused */
	void *inner;
};

/*
 * Makes the unit ready and asks what it is. 0; -ENOMEDIUM: no card in it; -ENOTSUP: no disk;
 * -errno of the bus. disk_close frees it.
 */
int disk_open(struct bot *b, unsigned lun, unsigned patience_ms, struct disk *out);
void disk_close(struct disk *d);

/* Forgets cached blocks. */
void disk_forget(struct disk *d);

/*
 * A stream of len bytes from offset_bytes (any alignment) on, for long pulls: take is called with
 * each piece in order while the next ones are already on their way; nothing is copied. A negative
 * answer of take ends it and is returned. 0; -EIO: the medium cannot give what follows the last
 * piece; -errno of the bus.
 */
int disk_stream(struct disk *d, uint64_t offset_bytes, uint64_t len,
    int (*take)(void *arg, const uint8_t *bytes, size_t len), void *arg);

#endif
