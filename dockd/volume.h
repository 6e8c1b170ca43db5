/*
 * volume: what kind of disk a folder lies on, from sysfs. Called by keeping.
 */
#ifndef DOCKD_VOLUME_H
#define DOCKD_VOLUME_H

/*
 * 1: every block device below path is dm-crypt somewhere down its stack (dm/uuid "CRYPT-...");
 * 0: it is not, or that cannot be told; -errno.
 */
int volume_is_encrypted(const char *path);

/*
 * 1: path is where a volume of its own is mounted: it has another device than the folder that it is
 * in; 0: it is not, or not there at all.
 */
int volume_is_mounted(const char *path);

/* 1: no swap, or all of it on dm-crypt (or zram, which is memory); 0: plain swap; -errno. */
int volume_swap_is_encrypted(void);

#endif
