/*
 * ctl_doctor_process: programs on this machine that open cameras by themselves, who holds a bay's
 * device just now, and programs of dockd that still run as they were before an upgrade.
 *
 * Reads /proc. What belongs to others only root sees; that is told. A process may call itself what it
 * likes: only what it runs counts, where that can be seen.
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
#include <sys/stat.h>
#include <unistd.h>

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

/* The last part of a path. */
static void take_name(const char *path, char out[PROTO_NAME_LEN])
{
	const char *last = strrchr(path, '/');

	snprintf(out, PROTO_NAME_LEN, "%.63s", last ? last + 1 : path);
}

static void name_by_argument(
    const struct doctor_look *l, const char *pid, struct doctor_process *out)
{
	char path[PATH_MAX], line[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%.20s/cmdline", l->proc, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	line[n] = '\0';
	take_name(line, out->name);
	out->ours = strncmp(out->name, "dockd", 5) == 0;
	out->told = true;
}

/* Whether nobody but the owner of this program, dockctl, could have put that file there. A path proves
 * nothing: a process may have mounted what it likes for itself alone. */
static bool is_of_our_owner(const char *exe)
{
	struct stat self, other;

	return stat("/proc/self/exe", &self) == 0 && stat(exe, &other) == 0 &&
	    other.st_uid == self.st_uid && !(other.st_mode & (S_IWGRP | S_IWOTH));
}

void doctor_process(const struct doctor_look *l, const char *pid, struct doctor_process *out)
{
	static const char gone[] = " (deleted)";
	char path[PATH_MAX], exe[PATH_MAX];
	size_t tail = sizeof(gone) - 1;
	ssize_t n;

	*out = (struct doctor_process){ 0 };
	snprintf(path, sizeof(path), "%s/%.20s/exe", l->proc, pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0 && errno == EACCES)
		name_by_argument(l, pid, out);
	if (n <= 0)
		return;
	exe[n] = '\0';
	out->old = (size_t)n > tail && strcmp(exe + (size_t)n - tail, gone) == 0;
	if (out->old)
		exe[(size_t)n - tail] = '\0';
	take_name(exe, out->name);
	out->ours = strncmp(out->name, "dockd", 5) == 0 && is_of_our_owner(path);
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
		    "%s (process %.20s): %s", name, pid, meddlers[i].why);
		return 1;
	}
	return 0;
}

/* After an upgrade without a restart: what it runs is no longer on disk. */
static void tell_old(const struct doctor_look *l, const char *pid, const struct doctor_process *p)
{
	if (p->ours && p->old)
		check_say(l->to, CHECK_WARN, "versions", p->name,
		    "IT: systemctl restart dockd dockd-hotplug 'dockd-uploader@*', when no camera is "
		    "being read",
		    "process %.20s still runs a program that has been replaced on disk", pid);
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
static bool holds(const struct doctor_look *l, const char *pid, const struct doctor_process *p)
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
		if (strncmp(held, usb, strlen(usb)) != 0 || p->ours)
			continue;
		bay = bay_of(l, held);
		if (bay)
			check_say(l->to, CHECK_BAD, "conflicts", bay,
			    "IT: end that program and keep it from this PC",
			    "%s (process %.20s) has the camera's device open: %.80s", p->name, pid,
			    held);
	}
	closedir(d);
	return true;
}

void doctor_processes(const struct doctor_look *l)
{
	unsigned found = 0, seen = 0, unseen = 0;
	struct doctor_process p;
	struct dirent *e;
	DIR *d = opendir(l->proc);

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		doctor_process(l, e->d_name, &p);
		if (!p.name[0])
			continue;
		seen++;
		found += meddles(l, e->d_name, p.name);
		tell_old(l, e->d_name, &p);
		if (!holds(l, e->d_name, &p) || (p.told && p.ours))
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
		    "%u processes of others: their names are what they say themselves", unseen);
}
