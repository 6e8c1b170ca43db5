/*
 * disk: one logical unit of a mass-storage camera as a source of bytes, and as a stream.
 *
 * Called by the mass-storage driver. Owns readiness (UNIT ATTENTION, medium coming up), capacity,
 * how much one READ may ask for, a small cache for tables, and retries of single reads. It sends
 * no command but those of scsi.h.
 */
#ifndef DOCKD_DISK_H
#define DOCKD_DISK_H

#include "../volume/source.h"
#include "bot.h"
#include "scsi.h"

#define DISK_LINES 16
#define DISK_LINE_BYTES (16u << 10)
#define DISK_REFUSED 8
#define DISK_READ_MAX (BOT_READS * BOT_PIECE_BYTES) /* of one READ */
#define DISK_READ_SMALL BOT_SMALL_BYTES             /* what every device takes */

/* A stretch of the medium that is cached. */
struct disk_line {
	uint64_t number; /* offset / DISK_LINE_BYTES; valid where len > 0 */
	uint64_t used;   /* when, for the choice of what is forgotten first */
	uint32_t len;
};

struct disk {
	struct source source; /* first: &disk->source is what partition and volume read */
	struct bot *bot;
	unsigned lun;
	struct scsi_inquiry inquiry;
	char serial[64]; /* VPD page 0x80; "" none */
	bool write_protected;
	uint64_t blocks;
	uint32_t read_bytes; /* of one READ: what the unit takes, at most DISK_READ_MAX;
	                        DISK_READ_SMALL with small-reads, given or found out */
	unsigned patience_ms;
	unsigned errors;         /* reads that the medium refused */
	struct scsi_sense sense; /* of the last one */
	uint64_t bad_bytes;      /* where it was */
	bool filled;             /* it was none of sense: the residue said that bytes were fill */
	struct disk_line line[DISK_LINES];
	uint8_t *lines; /* their bytes; NULL before the first read */
	uint64_t clock;
	uint64_t missed;                /* number of the line last read, for reading ahead */
	uint64_t refused[DISK_REFUSED]; /* blocks that are not asked for again, the newest ones */
	unsigned refusals;
	bool large;        /* a READ of more than DISK_READ_SMALL came */
	unsigned troubles; /* large READs that failed while small ones did not */
	size_t wide_bytes; /* room for one READ of the stream; 0: disk_wide is due */
};

/* A stretch to be streamed; any alignment, within the medium. */
struct disk_range {
	uint64_t offset_bytes, len;
};

/*
 * Makes the unit ready and asks what it is. 0; -ENOMEDIUM: no card in it; -ENOTSUP: no disk;
 * -EIO: never ready, or no capacity that can be; -errno of the bus. disk_close frees it.
 */
int disk_open(struct bot *b, unsigned lun, unsigned patience_ms, struct disk *out);
void disk_close(struct disk *d);

/* Why the last read failed, for people. */
const char *disk_trouble(const struct disk *d);

/* Forgets cached blocks. */
void disk_forget(struct disk *d);

/*
 * Before streaming so many bytes, and with 0 after it: buffers. 0 or -ENOMEM.
 */
int disk_wide(struct disk *d, uint64_t bytes);

/*
 * The ranges one after the other, for long pulls: take is called with each piece in order while the
 * next ones are already on their way; nothing is copied. A negative answer of take ends it and is
 * returned. 0; -EIO: the medium cannot give what follows the last piece (bad_bytes, sense); -errno
 * of the bus. Where it is unplugged, what had come by then is taken before -ENODEV.
 */
int disk_stream(struct disk *d, const struct disk_range *ranges, size_t n,
    int (*take)(void *arg, const uint8_t *bytes, size_t len), void *arg);

#endif
