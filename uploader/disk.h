/*
 * disk: whether two folders are on different disks, as far as that can be told.
 *
 * Reads sysfs only. Called by the dir driver. Where it cannot tell it says so: a copy on the
 * station's own disk must never count as a second copy.
 */
#ifndef DOCKD_DISK_H
#define DOCKD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DISKS_MAX 32
#define DISK_SYSFS "/sys"

/* The whole physical disks under one block device. */
struct disks {
	dev_t disk[DISKS_MAX];
	size_t n;
};

/*
 * Resolves dev through partitions, device-mapper and md by sysfs ("/sys") to whole disks that have
 * a device behind them. 0; -ENODEV where any part is not such a disk (loop, ram, overlay, tmpfs,
 * btrfs and other anonymous devices); -E2BIG.
 */
int disk_resolve(const char *sysfs, dev_t dev, struct disks *out);

/* Whether fd lies on a file system that another machine serves (NFS, SMB, Ceph, 9p, AFS). */
bool disk_is_remote(int fd);

/*
 * Whether what lies at folder is certain to survive the loss of the disk (or server) that clip
 * lies on. False where it cannot be told.
 */
bool disk_is_another(const char *sysfs, int clip, int folder);

#endif
