/*
 * partition: which stretches of a medium may hold a file system.
 *
 * Called by the mass-storage driver. Reads MBR (with extended ones), GPT (its second copy where the
 * first is damaged) or neither: a file system from the first block on. Pure over a source. Sources:
 * UEFI 2.10 chapter 5; for MBR the de facto layout that all systems read.
 */
#ifndef DOCKD_PARTITION_H
#define DOCKD_PARTITION_H

#include "source.h"

#include <stdbool.h>

#define PARTITIONS_MAX 16

struct partition {
	uint64_t offset_bytes, size_bytes; /* within the medium */
	uint8_t type;                      /* MBR type byte; 0 where GPT or bare */
};

enum partition_table { TABLE_NONE = 0, TABLE_MBR, TABLE_GPT };

struct partitions {
	enum partition_table table;
	struct partition at[PARTITIONS_MAX]; /* in the order of the table; empty ones left out */
	size_t n;
	unsigned damaged; /* entries that cannot be (past the end, overlapping), bad checksums */
	char text[96];    /* the first of them; "" */
};

/*
 * A boot sector of FAT or exFAT that looks like an MBR is bare, and so is a medium without any
 * partition: one stretch, the whole of it (volume_open says what it looks like). An entry that goes
 * past the end is cut there; overlapping ones are told and both given. n 0 only where the medium is
 * empty or its tables hold nothing that can be. 0, or an -errno of the source other than -EIO.
 */
int partitions_read(struct source *s, struct partitions *out);

/* Whether these 512 bytes are the boot sector of a FAT or exFAT file system. */
bool partition_is_boot(const uint8_t sector[512]);

/* "GPT", "MBR", "bare". */
const char *partition_word(enum partition_table table);

#endif
