/*
 * exfat_boot: the boot region of an exFAT volume, or its backup where that one is damaged.
 *
 * Called by exfat.c. Source: Microsoft, "exFAT file system specification", section 3. Pure over a
 * source: what it gives fits together, but not yet the medium.
 */
#ifndef DOCKD_EXFAT_BOOT_H
#define DOCKD_EXFAT_BOOT_H

#include "source.h"

#include <stdbool.h>

struct exfat_boot {
	uint64_t volume_sectors;
	uint32_t fat_sector, fat_sectors, heap_sector, clusters, root;
	uint16_t flags;                       /* bit 0: ActiveFat, bit 1: VolumeDirty */
	unsigned sector_shift, cluster_shift; /* of sector bytes; of sectors per cluster */
	unsigned fats;
};

/* The fields of one boot sector of 512 bytes at least. false: not exFAT's, or they cannot be. */
bool exfat_boot_read(const uint8_t *sector, struct exfat_boot *out);

/*
 * Finds the boot region to go by, of the volume that begins at base: the main one where its checksum
 * is right, else the backup, else whichever can be read at all. 1; 0: neither; -errno of the source
 * but -EIO. *wrong: a fixed text where something was, else untouched.
 */
int exfat_boot_find(struct source *s, uint64_t base, struct exfat_boot *out, const char **wrong);

#endif
