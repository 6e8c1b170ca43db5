/*
 * volume: walks sysfs from a device number down to what it is made of.
 *
 * Called by keeping. It reads sysfs and /proc/swaps only and changes nothing. What it cannot
 * tell (network, btrfs, overlay, a loop device) counts as not encrypted.
 */
#include "volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICES_MAX 64 /* block devices looked at below one volume */

/* Devices still to be looked at, as resolved sysfs folders. */
struct walk {
	char *todo[DEVICES_MAX];
	size_t n, seen;
};

static int push(struct walk *w, const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		return -errno;
	if (w->n == DEVICES_MAX || ++w->seen > DEVICES_MAX) {
		free(real);
		return -ELOOP;
	}
	w->todo[w->n++] = real;
	return 0;
}

static bool is_crypt(const char *device)
{
	char path[PATH_MAX], uuid[8] = "";
	ssize_t n = -1;
	int fd;

	if (snprintf(path, sizeof(path), "%s/dm/uuid", device) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, uuid, sizeof(uuid) - 1);
	close(fd);
	return n >= 6 && memcmp(uuid, "CRYPT-", 6) == 0;
}

/* Pushes what the device stands on. 1: something, 0: it is a disk of its own, or -errno. */
static int push_below(struct walk *w, const char *device)
{
	char path[PATH_MAX];
	struct dirent *e;
	int rc = 0, found = 0;
	DIR *d;

	if (snprintf(path, sizeof(path), "%s/partition", device) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (access(path, F_OK) == 0) {
		if (snprintf(path, sizeof(path), "%s/..", device) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		rc = push(w, path);
		return rc < 0 ? rc : 1;
	}
	snprintf(path, sizeof(path), "%s/slaves", device);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (rc == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/slaves/%s", device, e->d_name) >=
		    (int)sizeof(path))
			rc = -ENAMETOOLONG;
		else
			rc = push(w, path);
		found = 1;
	}
	closedir(d);
	return rc < 0 ? rc : found;
}

static int device_is_encrypted(const char *sys, dev_t dev)
{
	struct walk w = { .n = 0 };
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sys, major(dev), minor(dev));
	if (major(dev) == 0 || access(path, F_OK) < 0)
		return 0;
	rc = push(&w, path);
	if (rc == 0)
		rc = 1;
	while (rc == 1 && w.n > 0) {
		char *device = w.todo[--w.n];

		if (!is_crypt(device))
			rc = push_below(&w, device);
		free(device);
	}
	while (w.n > 0)
		free(w.todo[--w.n]);
	return rc;
}

int volume_is_encrypted(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return device_is_encrypted("/sys", st.st_dev);
}

int volume_is_mounted(const char *path)
{
	char above[PATH_MAX];
	struct stat here, there;

	if (snprintf(above, sizeof(above), "%s/..", path) >= (int)sizeof(above))
		return 0;
	return stat(path, &here) == 0 && stat(above, &there) == 0 && here.st_dev != there.st_dev;
}

static bool is_zram(const char *sys, dev_t dev)
{
	char path[PATH_MAX], *real;
	const char *name;
	bool zram;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sys, major(dev), minor(dev));
	real = realpath(path, NULL);
	if (!real)
		return false;
	name = strrchr(real, '/');
	zram = name && strncmp(name + 1, "zram", 4) == 0;
	free(real);
	return zram;
}

/* proc(5): space, tab, newline and backslash in a name are written as three octal digits. */
static void unescape(char *name)
{
	char *to = name;

	for (const char *p = name; *p; p++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

static int swaps_are_encrypted(const char *sys, const char *swaps)
{
	FILE *f = fopen(swaps, "re");
	char *line = NULL;
	size_t room = 0;
	int rc = 1;

	if (!f)
		return errno == ENOENT ? 1 : -errno;
	if (getline(&line, &room, f) < 0)
		rc = ferror(f) ? -EIO : 1; /* the heading */
	while (rc == 1 && getline(&line, &room, f) > 0) {
		struct stat st;

		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (stat(line, &st) < 0)
			rc = 0;
		else if (S_ISBLK(st.st_mode))
			rc = is_zram(sys, st.st_rdev) ? 1 : device_is_encrypted(sys, st.st_rdev);
		else
			rc = device_is_encrypted(sys, st.st_dev);
	}
	free(line);
	fclose(f);
	return rc;
}

int volume_swap_is_encrypted(void)
{
	return swaps_are_encrypted("/sys", "/proc/swaps");
}
