/*
 * staging: the files that hold what came off the cameras, on the station's disk.
 *
 * Owns STATE/staging/ (0700, two levels of folders by number). Called by bay, intake and uplink. A
 * name is always the asset's number in 16 hex digits: NUMBER.part while it is pulled, NUMBER when
 * sealed, NUMBER.kept-N for a copy set aside as evidence. It
 * never reads what the files hold, and never retries a failed fsync: such a file is pulled again.
 */
#ifndef DOCKD_STAGING_H
#define DOCKD_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct staging;

/*
 * Opens or makes the folder; tries that F_SETLEASE works there (-EOPNOTSUPP: refuse this volume).
 * reserve_bytes 0 = max(5 % of the volume, 2 GiB) + 256 MiB.
 */
int staging_open(const char *state_dir, uint64_t reserve_bytes, struct staging **out);
void staging_close(struct staging *s);

/* The running boot's id (36 characters, /proc/sys/kernel/random/boot_id). */
const char *staging_boot(const struct staging *s);

struct staging_space {
	uint64_t free_bytes, reserve_bytes, total_bytes;
	uint64_t inodes, inodes_free; /* 0, 0: this file system counts none */
};
int staging_space(struct staging *s, struct staging_space *out);

/*
 * Whether a pull of so many further bytes may begin: it must leave the reserve free. Once refused,
 * pulls are admitted again only from 1.5 x the reserve on (hysteresis).
 */
bool staging_admits(struct staging *s, uint64_t bytes);

/* Less than 1.5 x the reserve is free. */
bool staging_tight(struct staging *s);

/*
 * NUMBER.part read-write, made if absent, space for size_bytes reserved with FALLOC_FL_KEEP_SIZE
 * (so that its length is what was written). fd or -errno (-ENOSPC).
 */
int staging_part(struct staging *s, uint64_t number, uint64_t size_bytes);
/* Bytes in NUMBER.part now; -ENOENT: there is none. */
int64_t staging_part_length(struct staging *s, uint64_t number);
/* What NUMBER.part has of the disk already, written or reserved; 0 where there is none. */
uint64_t staging_part_held(struct staging *s, uint64_t number);
/* Cuts NUMBER.part back (power cut: only the durable part counts). 0 or -errno. */
int staging_cut(struct staging *s, uint64_t number, uint64_t length_bytes);
/* Renames NUMBER.part or NUMBER to NUMBER.kept-N, N the first free one, which goes to *kept. */
int staging_set_aside(struct staging *s, uint64_t number, unsigned *kept);
/*
 * Starts NUMBER.part as a copy of the first length_bytes of sealed FROM (a log that grew). At most
 * 16 MiB, else -EFBIG: pull it whole.
 */
int staging_seed(struct staging *s, uint64_t number, uint64_t from, uint64_t length_bytes);

/*
 * NUMBER.part becomes NUMBER: length checked, fsync, a write lease proves that no writer is left,
 * mode 0400, rename, fsync of the folder. 0; -EMSGSIZE other length; -EBUSY somebody still writes;
 * -EIO fsync failed: the copy is bad, never fsync it again.
 */
int staging_seal(struct staging *s, uint64_t number, uint64_t size_bytes);
bool staging_sealed(struct staging *s, uint64_t number, uint64_t *size_bytes);

/*
 * Numbers of the sealed copies in one of the 65,536 folders, up to room (the rest when these are
 * gone). Count, or -ENOENT: there is no such folder; -errno.
 */
int staging_numbers(struct staging *s, unsigned folder, uint64_t *numbers, size_t room);

/* Sealed copy, read-only, as a new open file description each time. fd or -errno. */
int staging_read(struct staging *s, uint64_t number);
/* Removes NUMBER and its .part (retired or merged). 0 or -errno; absent is fine. */
int staging_retire(struct staging *s, uint64_t number);
/* Whether a NUMBER.kept-N is there. */
bool staging_keeps(struct staging *s, uint64_t number);
/* As staging_retire, and every NUMBER.kept-N: nothing of it stays. */
int staging_dispose(struct staging *s, uint64_t number);

#endif
