/*
 * ctl_doctor_process: programs on this machine that open cameras by themselves, who holds a bay's
 * device just now, and programs of dockd that still run as they were before an upgrade.
 *
 * Reads /proc. What belongs to others only root sees; that is told.
 */
#include "ctl_doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_SHOWN 48

/* What opens cameras by itself. */
static const struct {
	const char *name;
	enum check_level level;
	const char *why;
} meddlers[] = {
	{ "gvfs-mtp-volume-monitor", CHECK_WARN, "it opens MTP cameras for the desktop" },
	{ "gvfsd-mtp", CHECK_WARN, "it holds an MTP camera for the desktop" },
	{ "gvfs-gphoto2-volume-monitor", CHECK_WARN, "it opens PTP cameras for the desktop" },
	{ "gvfsd-gphoto2", CHECK_WARN, "it holds a PTP camera for the desktop" },
	{ "mtp-probe", CHECK_WARN, "it asks every new device whether it speaks MTP" },
	{ "udisksd", CHECK_NOTE, "it shows and mounts disks; dockd's udev rules keep it off bays" },
	{ "ModemManager", CHECK_NOTE,
	    "it probes serial ports; dockd's udev rules keep it off bays" },
};

void doctor_process_name(const struct doctor_look *l, const char *pid, char *out, size_t room)
{
	char path[PATH_MAX], line[PATH_MAX];
	const char *last;
	ssize_t n;
	int fd;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%s/%.20s/cmdline", l->proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	line[n] = '\0';
	last = strrchr(line, '/');
	snprintf(out, room, "%s", last ? last + 1 : line);
}

static unsigned meddles(const struct doctor_look *l, const char *pid, const char *name)
{
	for (size_t i = 0; i < sizeof(meddlers) / sizeof(meddlers[0]); i++) {
		if (strcmp(name, meddlers[i].name) != 0)
			continue;
		check_say(l->to, meddlers[i].level, "conflicts", name,
		    meddlers[i].level == CHECK_NOTE ?
			"IT: remove it where this PC is a station alone: apt remove it, or mask its unit" :
			"IT: remove it (apt remove gvfs-backends, libmtp-runtime), or let nobody log in "
			"to a desktop on this PC",
		    "%s (process %s): %s", name, pid, meddlers[i].why);
		return 1;
	}
	return 0;
}

bool doctor_process_is_ours(const char *name)
{
	return strncmp(name, "dockd", 5) == 0;
}

/* After an upgrade without a restart: what it runs is no longer on disk. 1: it could be seen. */
static int is_old(const struct doctor_look *l, const char *pid, const char *name)
{
	static const char gone[] = " (deleted)";
	char path[PATH_MAX], exe[PATH_MAX];
	ssize_t n;

	if (!doctor_process_is_ours(name))
		return 1;
	snprintf(path, sizeof(path), "%s/%.20s/exe", l->proc, pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return errno != EACCES;
	exe[n] = '\0';
	if ((size_t)n > sizeof(gone) && strcmp(exe + n - (sizeof(gone) - 1), gone) == 0)
		check_say(l->to, CHECK_WARN, "versions", name,
		    "IT: systemctl restart dockd dockd-hotplug 'dockd-uploader@*', when no camera is "
		    "being read",
		    "process %s still runs a program that has been replaced on disk", pid);
	return 1;
}

/* "/dev/bus/usb/001/005" of a device in a bay => the bay's name. */
static const char *bay_of(const struct doctor_look *l, const char *held)
{
	char path[PATH_MAX];

	for (size_t i = 0; l->config && i < l->config->bays_n; i++) {
		static const char *const names[] = { "busnum", "devnum" };
		int number[2] = { -1, -1 };

		for (int k = 0; k < 2; k++) {
			FILE *f;

			snprintf(path, sizeof(path), "%s/bus/usb/devices/%.80s/%s", l->sys,
			    l->config->bay[i].port, names[k]);
			f = fopen(path, "re");
			if (f && fscanf(f, "%d", &number[k]) != 1)
				number[k] = -1;
			if (f)
				fclose(f);
		}
		if (number[0] < 0 || number[1] < 0)
			continue;
		snprintf(path, sizeof(path), "%s/bus/usb/%03d/%03d", l->dev, number[0], number[1]);
		if (strcmp(path, held) == 0)
			return l->config->bay[i].name;
	}
	return NULL;
}

/* false: it may not be looked at. */
static bool holds(const struct doctor_look *l, const char *pid, const char *name)
{
	char folder[PATH_MAX], path[PATH_MAX + 32], held[PATH_MAX], usb[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/%.20s/fd", l->proc, pid);
	snprintf(usb, sizeof(usb), "%s/bus/usb/", l->dev);
	d = opendir(folder);
	if (!d)
		return errno != EACCES;
	while ((e = readdir(d))) {
		const char *bay;
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%.20s", folder, e->d_name);
		n = readlink(path, held, sizeof(held) - 1);
		if (n <= 0)
			continue;
		held[n] = '\0';
		if (strncmp(held, usb, strlen(usb)) != 0 || doctor_process_is_ours(name))
			continue;
		bay = bay_of(l, held);
		if (bay)
			check_say(l->to, CHECK_BAD, "conflicts", bay,
			    "IT: end that program and keep it from this PC",
			    "%.48s (process %s) has the camera's device open: %.80s", name, pid,
			    held);
	}
	closedir(d);
	return true;
}

void doctor_processes(const struct doctor_look *l)
{
	unsigned found = 0, seen = 0, unseen = 0;
	char name[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(l->proc);

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		doctor_process_name(l, e->d_name, name, sizeof(name));
		if (!name[0])
			continue;
		seen++;
		name[NAME_MAX_SHOWN] = '\0';
		found += meddles(l, e->d_name, name);
		if (!holds(l, e->d_name, name) || !is_old(l, e->d_name, name))
			unseen++;
	}
	if (d)
		closedir(d);
	if (seen == 0)
		check_say(l->to, CHECK_UNSEEN, "conflicts", "", "", "%s shows no process", l->proc);
	else if (found == 0)
		check_say(
		    l->to, CHECK_WELL, "conflicts", "", "", "nothing runs that opens cameras");
	if (unseen)
		check_say(l->to, CHECK_UNSEEN, "conflicts", "devices",
		    "as root doctor would also look at who holds a bay's device, and at old programs",
		    "%u processes of others", unseen);
}
