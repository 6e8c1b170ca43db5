/*
 * exfat_boot: reads and checks the boot regions of exFAT. Numbers in comments are sections of the
 * specification.
 */
#include "exfat_boot.h"

#include "../../dockd/base/buf.h"

#include <errno.h>

#define SECTORS 12 /* 2.1, 2.2: of each boot region */

static uint64_t le(const uint8_t *p, size_t n)
{
	struct buf b = buf_of(p, n);

	return buf_le(&b, n);
}

bool exfat_boot_read(const uint8_t *p, struct exfat_boot *out)
{
	uint64_t heap_sectors;

	if (memcmp(p + 3, "EXFAT   ", 8) != 0 || p[510] != 0x55 || p[511] != 0xAA)
		return false;
	for (size_t i = 11; i < 64; i++) { /* MustBeZero, where FAT has its own fields */
		if (p[i] != 0)
			return false;
	}
	out->volume_sectors = le(p + 72, 8);
	out->fat_sector = (uint32_t)le(p + 80, 4);
	out->fat_sectors = (uint32_t)le(p + 84, 4);
	out->heap_sector = (uint32_t)le(p + 88, 4);
	out->clusters = (uint32_t)le(p + 92, 4);
	out->root = (uint32_t)le(p + 96, 4);
	out->flags = (uint16_t)le(p + 106, 2);
	out->sector_shift = p[108];
	out->cluster_shift = p[109];
	out->fats = p[110];
	if (out->sector_shift < 9 || out->sector_shift > 12 ||
	    out->cluster_shift > 25 - out->sector_shift || out->fats < 1 || out->fats > 2)
		return false;
	heap_sectors = (uint64_t)out->clusters << out->cluster_shift;
	return out->clusters > 0 && out->clusters <= 0xFFFFFFF5u && out->root >= 2 &&
	    out->root - 2 < out->clusters && out->fat_sector >= 2 * SECTORS &&
	    out->fat_sector + (uint64_t)out->fats * out->fat_sectors <= out->heap_sector &&
	    (uint64_t)out->fat_sectors << out->sector_shift >= 4 * (out->clusters + 2ull) &&
	    out->volume_sectors < 1ull << 48 &&
	    out->heap_sector + heap_sectors <= out->volume_sectors;
}

/* Whether the region's checksum is right (3.4). 1, 0 or -errno. */
static int sum_check(struct source *s, uint64_t region, unsigned sector_shift)
{
	uint8_t sector[4096];
	uint64_t len = 1ull << sector_shift;
	uint32_t sum = 0;

	for (size_t n = 0; n < SECTORS; n++) {
		int r = source_read(s, region + n * len, sector, len);

		if (r != 0)
			return r == -EIO ? 0 : r;
		for (size_t i = 0; n < SECTORS - 1 && i < len; i++) {
			/* VolumeFlags and PercentInUse change and are left out. */
			if (n > 0 || (i != 106 && i != 107 && i != 112))
				sum = (sum << 31 | sum >> 1) + sector[i];
		}
		for (size_t i = 0; n == SECTORS - 1 && i < len; i += 4) {
			if (le(sector + i, 4) != sum)
				return 0;
		}
	}
	return 1;
}

/* A region's boot sector. 2: sound; 1: can be read, its checksum is wrong; 0: none; -errno. */
static int region_read(struct source *s, uint64_t at, unsigned shift, struct exfat_boot *out)
{
	uint8_t sector[512];
	int r = source_read(s, at, sector, sizeof(sector));

	if (r != 0)
		return r == -EIO ? 0 : r;
	if (!exfat_boot_read(sector, out) || (shift && out->sector_shift != shift))
		return 0;
	r = sum_check(s, at, out->sector_shift);
	return r < 0 ? r : 1 + r;
}

int exfat_boot_find(struct source *s, uint64_t base, struct exfat_boot *out, const char **wrong)
{
	struct exfat_boot other, worse;
	int main = region_read(s, base, 0, out);
	bool poor = false;

	if (main < 0 || main == 2)
		return main < 0 ? main : 1;
	for (unsigned shift = 9; shift <= 12; shift++) {
		int r = region_read(s, base + ((uint64_t)SECTORS << shift), shift, &other);

		if (r < 0)
			return r;
		if (r == 2) {
			*out = other;
			*wrong = "main boot region damaged, read by its backup";
			return 1;
		}
		if (r == 1 && !poor) {
			worse = other;
			poor = true;
		}
	}
	if (main == 0 && !poor)
		return 0;
	if (main == 0)
		*out = worse;
	*wrong = "both boot regions have wrong checksums";
	return 1;
}
