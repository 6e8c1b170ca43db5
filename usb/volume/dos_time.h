/*
 * dos_time: the moments in directory entries of FAT and exFAT.
 *
 * Called by fat.c and exfat.c. Pure. They are clock faces: what the camera showed, in no zone.
 */
#ifndef DOCKD_DOS_TIME_H
#define DOCKD_DOS_TIME_H

#include <stdint.h>

/*
 * The clock face read as UTC, seconds since 1970, even; INT64_MIN (VOLUME_NO_TIME) where it is zero
 * or no moment: month 13, 30 February, second 60. Sources: fatgen103, "Date and Time Formats"; exFAT
 * 7.4.8, whose timestamp is the date in the upper half and the time in the lower.
 */
int64_t dos_time(uint16_t date, uint16_t time);

#endif
