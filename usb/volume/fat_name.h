/*
 * fat_name: the names in a FAT folder's entries.
 *
 * Part of fat.c. Pure. Source: fatgen103, "FAT Directory Structure", "FAT Long Directory Entries".
 */
#ifndef DOCKD_FAT_NAME_H
#define DOCKD_FAT_NAME_H

#include "volume.h"

#define FAT_LONG_PARTS 20 /* of 13 units each */

/* A long name under way: its parts lie in front of the short entry, the last part first. */
struct fat_long {
	uint64_t where; /* the first of its entries */
	unsigned parts; /* it has; 0: none */
	unsigned left;  /* the part that came last; 1: all are there */
	uint8_t sum;
	uint8_t units_le[FAT_LONG_PARTS * 26];
};

/* Takes a part. What does not fit to those before begins anew or is forgotten. */
void fat_long_add(struct fat_long *l, const uint8_t entry[32], uint64_t where);

/* Whether it is whole and belongs to this short entry; one that does not is no name. */
bool fat_long_fits(const struct fat_long *l, const uint8_t entry[32]);

/* The clean name; returns whether it was odd. */
bool fat_long_name(const struct fat_long *l, char out[VOLUME_NAME_LEN]);

/* The clean name of a short entry (code page 437, NT's lower-case bits); whether it was odd. */
bool fat_short_name(const uint8_t entry[32], char out[VOLUME_NAME_LEN]);

#endif
