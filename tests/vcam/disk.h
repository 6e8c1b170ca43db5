/*
 * disk: the logical units of a simulated mass-storage camera, and the bytes on them.
 *
 * A unit is an image file that is only ever read; a test may write to the file meanwhile, as a
 * camera does that records while it is docked. Owns presence, readiness, sense, and the record of
 * what was sent. Called by scsi.c (commands), the responder (payload) and control.c.
 */
#ifndef VCAM_DISK_H
#define VCAM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_MAX 16u

struct extent {
	uint64_t from, upto;
};

struct sense {
	uint8_t key, asc, ascq;
};

struct unit {
	char name[8]; /* "lun0": how faults and tests call it */
	int file;
	uint64_t size_bytes; /* past the end of the file: zeros */
	uint32_t block_bytes;
	bool read_only, removable, present;
	bool ejected;           /* until it is plugged again */
	bool prevented;         /* PREVENT ALLOW MEDIUM REMOVAL */
	struct sense sense;     /* of the last command that failed */
	struct sense attention; /* to be told once; key 0: none */
	uint64_t sent_bytes;
	struct extent *sent; /* every piece that was sent, in order, neighbours joined */
	size_t count, room;
};

struct disk {
	struct unit unit[UNITS_MAX];
	unsigned units;
	char vendor[9], product[17], revision[5];
	uint32_t max_transfer; /* bytes that one READ may be, 0 = any */
	bool stalls;           /* ends a data phase early by a stall, not by a short packet */
	uint64_t writes_seen, reads, ejects, resets, checks, phase_errors;
};

/* Opens an image as the next unit. size_bytes 0: the file's. 0, or -errno: *why says what. */
int disk_add(struct disk *d, const char *path, uint64_t size_bytes, const char **why);

/* Fills buf with n bytes of the unit from offset. */
void unit_read(const struct unit *u, uint64_t offset, uint8_t *buf, size_t n);

/* Notes that these bytes went to the host. */
void unit_note(struct unit *u, uint64_t offset, uint64_t n);

/* How many bytes were sent of those from from to upto, repeats counted. */
uint64_t unit_sent(const struct unit *u, uint64_t from, uint64_t upto);

/* Whether the whole of n bytes from offset or a part of it was sent before. */
bool unit_was_sent(const struct unit *u, uint64_t offset, uint64_t n);

/* The camera is plugged: what was ejected is in again, and all units tell of a new medium. */
void disk_put_in(struct disk *d);

/* All units tell UNIT ATTENTION with this code once; their sense is forgotten. */
void disk_attention(struct disk *d, uint8_t asc, uint8_t ascq);

#endif
