/*
 * ctl_doctor_machine: the kernel, its clock chip, the time service, memory for USB transfers, and the
 * device nodes and drivers of what is plugged into bays. Reads; changes nothing.
 */
#include "ctl_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define RTC_OFF_S 60
#define MB_A_BAY 2          /* 4 x 256 KiB in flight, twice while a worker follows another */
#define LANDLOCK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION, landlock_create_ruleset(2) */

/* The number in a file below sys; -1 there is none. */
static int64_t number_in(const char *sys, const char *name)
{
	char path[PATH_MAX];
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", sys, name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%lld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static void clock_chip(const struct doctor_look *l)
{
	int64_t chip_s = number_in(l->sys, "class/rtc/rtc0/since_epoch");
	int64_t off_s = chip_s > l->now_s ? chip_s - l->now_s : l->now_s - chip_s;

	if (chip_s < 0)
		check_say(l->to, CHECK_NOTE, "clock-chip", "",
		    "IT: without one the clock is wrong after each boot until the network is there",
		    "this machine shows no clock chip");
	else if (off_s > RTC_OFF_S)
		check_say(l->to, CHECK_WARN, "clock-chip", "",
		    "IT: once the clock is synchronised (not before: it would be spoilt), hwclock "
		    "--systohc --utc; where it comes back, change the board's battery",
		    "the clock chip is %" PRId64
		    " s off: so would the time be after a boot without "
		    "network",
		    off_s);
	else
		check_say(l->to, CHECK_WELL, "clock-chip", "", "", "the clock chip agrees");
}

/* Whether a line of chrony's configuration names a server with NTS (chrony.conf(5)). */
static bool names_nts(const char *path)
{
	char *line = NULL;
	size_t room = 0;
	bool nts = false;
	FILE *f = fopen(path, "re");

	while (f && getline(&line, &room, f) > 0) {
		const char *s = line + strspn(line, " \t");

		if ((strncmp(s, "server ", 7) == 0 || strncmp(s, "pool ", 5) == 0) &&
		    strstr(s, " nts"))
			nts = true;
	}
	free(line);
	if (f)
		fclose(f);
	return nts;
}

static void authentic_time(const struct doctor_look *l)
{
	bool chrony = access("/run/chrony/chronyd.pid", F_OK) == 0 ||
	    access("/etc/chrony/chrony.conf", F_OK) == 0;

	if (chrony && names_nts("/etc/chrony/chrony.conf"))
		check_say(
		    l->to, CHECK_WELL, "time-source", "", "", "chrony asks a server with NTS");
	else
		check_say(l->to, CHECK_NOTE, "time-source", "",
		    "IT: chrony with \"server NAME iburst nts\", where the network has such a server",
		    "the time is not authenticated (no NTS): whoever is on the line can set this "
		    "clock");
}

static void memory(const struct doctor_look *l)
{
	int64_t mb = number_in(l->sys, "module/usbcore/parameters/usbfs_memory_mb");
	size_t bays = l->config && l->config->bays_n ? l->config->bays_n : 8;
	int64_t need = (int64_t)bays * MB_A_BAY;

	if (mb < 0)
		check_say(l->to, CHECK_UNSEEN, "usb-memory", "", "",
		    "this kernel shows no limit of USB memory (is usbcore there?)");
	else if (mb != 0 && mb < need)
		check_say(l->to, CHECK_WARN, "usb-memory", "",
		    "IT: install 60-dockd-memory.rules, or echo 256 "
		    ">/sys/module/usbcore/parameters/usbfs_memory_mb",
		    "%" PRId64 " MiB for all USB transfers; %zu bays need %" PRId64, mb, bays,
		    need);
	else
		check_say(l->to, CHECK_WELL, "usb-memory", "", "", "%" PRId64 " MiB%s", mb,
		    mb == 0 ? " (no limit)" : "");
}

static void sandbox(const struct doctor_look *l)
{
	char path[PATH_MAX];
	struct utsname u;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);

	if (uname(&u) < 0)
		snprintf(u.release, sizeof(u.release), "?");
	snprintf(path, sizeof(path), "%s/sys/kernel/seccomp/actions_avail", l->proc);
	if (access(path, F_OK) < 0)
		check_say(l->to, CHECK_BAD, "sandbox", "seccomp",
		    "IT: a kernel with CONFIG_SECCOMP_FILTER; every kernel of Debian has it",
		    "kernel %.60s has no seccomp filters: no program of dockd starts", u.release);
	else
		check_say(l->to, CHECK_WELL, "sandbox", "seccomp", "", "kernel %.60s filters calls",
		    u.release);
	if (abi < 1)
		check_say(l->to, CHECK_BAD, "sandbox", "landlock",
		    "IT: boot with landlock in lsm= (Debian's kernels have it); dockd-hotplug does not "
		    "start without",
		    "kernel %.60s has no Landlock%s", u.release,
		    errno == EOPNOTSUPP ? ": it is switched off at boot" : "");
	else
		check_say(
		    l->to, CHECK_WELL, "sandbox", "landlock", "", "Landlock of version %ld", abi);
}

/* ---- what is plugged into bays ---- */

static bool is_bay(const struct doctor_look *l, const char *port, const char **name)
{
	for (size_t i = 0; l->config && i < l->config->bays_n; i++) {
		if (strcmp(l->config->bay[i].port, port) == 0) {
			*name = l->config->bay[i].name;
			return true;
		}
	}
	return false;
}

static void node(const struct doctor_look *l, const char *bay, const char *port)
{
	char name[128], path[PATH_MAX];
	int64_t bus, device;
	struct stat st;

	snprintf(name, sizeof(name), "bus/usb/devices/%.80s/busnum", port);
	bus = number_in(l->sys, name);
	snprintf(name, sizeof(name), "bus/usb/devices/%.80s/devnum", port);
	device = number_in(l->sys, name);
	if (bus < 0 || device < 0)
		return;
	snprintf(path, sizeof(path), "%s/bus/usb/%03" PRId64 "/%03" PRId64, l->dev, bus, device);
	if (stat(path, &st) < 0)
		check_say(
		    l->to, CHECK_UNSEEN, "devices", bay, "", "%.160s: %s", path, strerror(errno));
	else if (l->config->core_gid != (gid_t)-1 && st.st_gid != l->config->core_gid)
		check_say(l->to, CHECK_BAD, "devices", bay,
		    "IT: install dockd's udev rules (60-dockd.rules), then udevadm trigger "
		    "--subsystem-match=usb; see that no later rule takes the group away",
		    "%.100s belongs to group %u, not to %u: dockd-hotplug may not open it", path,
		    (unsigned)st.st_gid, (unsigned)l->config->core_gid);
	else if (st.st_mode & S_IRWXO)
		check_say(l->to, CHECK_WARN, "devices", bay,
		    "IT: dockd's udev rules make it 0660; look which later rule opens it",
		    "%.120s is open to everybody on this PC: they could read and erase the camera",
		    path);
	else
		check_say(l->to, CHECK_WELL, "devices", bay, "", "%.160s is dockd's", path);
}

/* "1-2.3:1.0" of port "1-2.3": whether usb-storage or uas has it. */
static void drivers(const struct doctor_look *l, const char *bay, const char *port)
{
	char folder[PATH_MAX], path[PATH_MAX + 300], driver[PATH_MAX];
	size_t len = strlen(port);
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/bus/usb/devices", l->sys);
	d = opendir(folder);
	while (d && (e = readdir(d))) {
		const char *last;
		ssize_t n;

		if (strncmp(e->d_name, port, len) != 0 || e->d_name[len] != ':')
			continue;
		snprintf(path, sizeof(path), "%s/%s/driver", folder, e->d_name);
		n = readlink(path, driver, sizeof(driver) - 1);
		if (n <= 0)
			continue;
		driver[n] = '\0';
		last = strrchr(driver, '/');
		last = last ? last + 1 : driver;
		if (strcmp(last, "usb-storage") == 0 || strcmp(last, "uas") == 0)
			check_say(l->to, CHECK_BAD, "kernel-drivers", bay,
			    "IT: install dockd's udev rules (60-dockd.rules) and modprobe.d file, then "
			    "plug the camera in again",
			    "the kernel's %s has the camera's disk: it may be mounted and written to",
			    last);
	}
	if (d)
		closedir(d);
}

static void plugged(const struct doctor_look *l)
{
	char folder[PATH_MAX];
	const char *bay;
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/bus/usb/devices", l->sys);
	d = opendir(folder);
	while (d && (e = readdir(d))) {
		if (!is_bay(l, e->d_name, &bay))
			continue;
		node(l, bay, e->d_name);
		drivers(l, bay, e->d_name);
	}
	if (d)
		closedir(d);
}

void doctor_machine(const struct doctor_look *l)
{
	clock_chip(l);
	authentic_time(l);
	memory(l);
	sandbox(l);
	plugged(l);
}
