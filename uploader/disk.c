#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PATH_LEN 512

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static int add(struct disks *d, dev_t dev)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->disk[i] == dev)
			return 0;
	}
	if (d->n == DISKS_MAX)
		return -E2BIG;
	d->disk[d->n++] = dev;
	return 0;
}

/* Reads "MAJ:MIN" from a sysfs "dev" file. */
static int read_dev(const char *path, dev_t *out)
{
	char text[32] = "";
	unsigned maj, min;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || sscanf(text, "%u:%u", &maj, &min) != 2)
		return -ENODEV;
	*out = makedev(maj, min);
	return 0;
}

/* Adds what a stacked device stands on to the list; 0 found none, 1 some. */
static int add_slaves(const char *block, struct disks *todo)
{
	char path[PATH_LEN];
	struct dirent *e;
	int found = 0;
	int err = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/slaves", block) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!err && (e = readdir(dir))) {
		dev_t dev = 0;

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/slaves/%s/dev", block, e->d_name) >=
		    (int)sizeof(path)) {
			err = -ENAMETOOLONG;
			break;
		}
		err = read_dev(path, &dev);
		if (!err)
			err = add(todo, dev);
		found = 1;
	}
	closedir(dir);
	return err ? err : found;
}

static int resolve_one(const char *sysfs, dev_t dev, struct disks *todo, struct disks *out)
{
	char block[PATH_LEN - 64];
	char path[PATH_LEN];
	int err;

	snprintf(block, sizeof(block), "%s/dev/block/%u:%u", sysfs, major(dev), minor(dev));
	if (!exists(block))
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/partition", block);
	if (exists(path)) {
		snprintf(path, sizeof(path), "%s/../dev", block);
		err = read_dev(path, &dev);
		return err ? err : add(todo, dev);
	}
	err = add_slaves(block, todo);
	if (err != 0)
		return err < 0 ? err : 0;
	/* Loop, ram, zram and network block devices have no hardware behind them. */
	snprintf(path, sizeof(path), "%s/device", block);
	return exists(path) ? add(out, dev) : -ENODEV;
}

int disk_resolve(const char *sysfs, dev_t dev, struct disks *out)
{
	struct disks todo = { { dev }, 1 };
	int err = 0;

	out->n = 0;
	for (size_t i = 0; !err && i < todo.n; i++)
		err = resolve_one(sysfs, todo.disk[i], &todo, out);
	return err;
}

bool disk_is_remote(int fd)
{
	/* linux/magic.h and fs/: NFS, SMB1, CIFS, SMB2, Ceph, 9p, AFS (kAFS). */
	static const unsigned magics[] = { 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400,
		0x01021997, 0x5346414f };
	struct statfs s;

	if (fstatfs(fd, &s) < 0)
		return false;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		if ((unsigned)s.f_type == magics[i])
			return true;
	}
	return false;
}

bool disk_is_another(const char *sysfs, int clip, int folder)
{
	struct disks a, b;
	struct stat ca, fb;

	if (fstat(clip, &ca) < 0 || fstat(folder, &fb) < 0 || ca.st_dev == fb.st_dev)
		return false;
	if (disk_is_remote(folder))
		return !disk_is_remote(clip);
	if (disk_resolve(sysfs, ca.st_dev, &a) < 0 || disk_resolve(sysfs, fb.st_dev, &b) < 0)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		for (size_t j = 0; j < b.n; j++) {
			if (a.disk[i] == b.disk[j])
				return false;
		}
	}
	return a.n > 0 && b.n > 0;
}
