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
};

/*
 * 0: there may be none (n 0). A boot sector of FAT or exFAT that looks like an MBR is bare. An
 * -errno of the source other than -EIO.
 */
int partitions_read(struct source *s, struct partitions *out);

/* "GPT", "MBR", "bare". */
const char *partition_word(enum partition_table table);

#endif
