/*
 * doctor_station: clock, disk, encryption, ledger and intake, judged from facts alone.
 */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GOOD_ERROR_MS 1000
#define FEW_INODES 1000
#define FULL_SOON_DAYS 7.0
#define FULL_NOW_DAYS 1.0
#define WAITS_LONG_S (INT64_C(3) * FILLING_DAY_S)

void doctor_clock(const struct checks *to, const struct clock_state *clock)
{
	bool none = strcmp(clock->source, "none seen") == 0;
	char error[48] = "";

	if (clock->error_ms >= 0)
		snprintf(error, sizeof(error), ", %" PRId64 ".%03" PRId64 " s off at most",
		    clock->error_ms / 1000, clock->error_ms % 1000);
	if (!clock->synchronised)
		check_say(to, CHECK_BAD, "clock", "",
		    none ? "IT: install chrony or enable systemd-timesyncd, and name a time "
			   "server in it that this station reaches" :
			   "IT: look why the time service reaches no server: chronyc sources, or "
			   "timedatectl timesync-status",
		    "the station's clock is not synchronised (time service: %s)", clock->source);
	else if (clock->error_ms > GOOD_ERROR_MS)
		check_say(to, CHECK_WARN, "clock", "",
		    "IT: a nearer or steadier time server; chronyc sources, or timedatectl "
		    "timesync-status",
		    "synchronised by %s%s", none ? "a service not known here" : clock->source,
		    error);
	else
		check_say(to, CHECK_WELL, "clock", "", "", "synchronised by %s%s",
		    none ? "a service not known here" : clock->source, error);
}

void doctor_clock_ahead(const struct checks *to, int64_t ahead_s)
{
	if (ahead_s)
		check_say(to, CHECK_WARN, "clock", "ahead",
		    "evidence manager: where the date is right, and dockctl due: dockctl settle clock "
		    "--reason TEXT; else IT: see to the time service and its servers first",
		    "the time of day went ahead by %" PRId64
		    " days at once: nothing is disposed of by "
		    "age until a person says that it is right",
		    ahead_s / 86400);
}

/* "41 GB" */
static const char *size_text(uint64_t bytes, char *out, size_t room)
{
	double gb = (double)bytes / 1e9;

	snprintf(out, room, gb < 9.95 ? "%.1f GB" : "%.0f GB", gb);
	return out;
}

static void forecast(const struct doctor_disk *d, int64_t now_s, char *out, size_t room)
{
	char when[64];

	if (d->filling.full_s == 0)
		snprintf(out, room, "when it is full is not known before a day of work");
	else if (d->filling.full_s == INT64_MAX)
		snprintf(out, room, "at this rate it does not fill up");
	else
		snprintf(out, room, "at this rate full %s",
		    check_day(d->filling.full_s, now_s, when, sizeof(when)));
}

static void doctor_space(const struct checks *to, const struct doctor_disk *d, int64_t now_s)
{
	static const char advice[] =
	    "IT: mend the line or widen its timetable so that files can go; give the volume more "
	    "room; dockctl export makes a copy but no room";
	char have[32], reserve[32], when[96], oldest[64] = "nothing waits to be sent";
	bool waits_long =
	    d->oldest_unsent_s > 0 && now_s - d->oldest_unsent_s > (int64_t)WAITS_LONG_S;
	enum check_level level = CHECK_WELL;

	if (d->oldest_unsent_s > 0)
		snprintf(oldest, sizeof(oldest), "the oldest clip waits for %" PRId64 " days",
		    now_s > d->oldest_unsent_s ? (now_s - d->oldest_unsent_s) / FILLING_DAY_S : 0);
	forecast(d, now_s, when, sizeof(when));
	if (waits_long || d->free_bytes / 3 < d->reserve_bytes / 2)
		level = CHECK_WARN;
	if (d->filling.full_s > 0 && d->filling.days_left >= 0) {
		if (d->filling.days_left < FULL_SOON_DAYS)
			level = CHECK_WARN;
		if (d->filling.days_left < FULL_NOW_DAYS)
			level = CHECK_BAD;
	}
	if (d->free_bytes <= d->reserve_bytes)
		level = CHECK_BAD;
	check_say(to, level, "disk", "", level == CHECK_WELL ? "" : advice,
	    "%s free, %s of it in reserve; %s; %s", size_text(d->free_bytes, have, sizeof(have)),
	    size_text(d->reserve_bytes, reserve, sizeof(reserve)), when, oldest);
}

void doctor_disk(const struct checks *to, const struct doctor_disk *d, int64_t now_s)
{
	doctor_space(to, d, now_s);
	if (d->inodes == 0)
		return;
	if (d->inodes_free < FEW_INODES || d->inodes_free < d->inodes / 50)
		check_say(to, d->inodes_free < FEW_INODES ? CHECK_BAD : CHECK_WARN, "disk",
		    "inodes",
		    "IT: remove what is not dockd's from this volume, or make it anew with more "
		    "inodes",
		    "%" PRIu64 " of %" PRIu64 " inodes are left below %s", d->inodes_free,
		    d->inodes, d->path);
	else
		check_say(to, CHECK_WELL, "disk", "inodes", "", "%" PRIu64 " inodes are left",
		    d->inodes_free);
}

static void volume_says(const struct checks *to, const char *subject, int encrypted,
    const char *yes, const char *no, const char *advice)
{
	if (encrypted == 1)
		check_say(to, CHECK_WELL, "encryption", subject, "", "%s", yes);
	else if (encrypted == 0)
		check_say(to, CHECK_BAD, "encryption", subject, advice, "%s", no);
	else
		check_say(to, CHECK_WARN, "encryption", subject, advice,
		    "whether it is encrypted cannot be told: %s", strerror(-encrypted));
}

void doctor_encryption(const struct checks *to, const char *path, int volume, int swap)
{
	char yes[PROTO_TEXT_LEN], no[PROTO_TEXT_LEN];

	snprintf(yes, sizeof(yes), "%.90s lies on an encrypted volume", path);
	snprintf(no, sizeof(no), "%.60s lies on a plain volume: NOT ENCRYPTED", path);
	volume_says(to, "state-dir", volume, yes, no,
	    "IT: make an encrypted volume with dockd-provision volume, and take allow-plaintext "
	    "out of dockd.conf");
	volume_says(to, "swap", swap, "no swap, or all of it is encrypted",
	    "swap is not encrypted: what was in memory may be read from it",
	    "IT: dockd-provision volume --swap-random, or swapoff -a and take it out of "
	    "/etc/fstab");
}

void doctor_ledger(const struct checks *to, const struct doctor_ledger *l)
{
	if (l->trouble[0])
		check_say(to, CHECK_BAD, "ledger", "",
		    "evidence manager: keep this station as it is, have the ledger compared with "
		    "the copies at the destinations: dockctl ledger verify",
		    "%s", l->trouble);
	else if (l->stopped[0])
		check_say(to, CHECK_BAD, "ledger", "",
		    "IT: make the state folder writable again; dockd starts anew by itself", "%s",
		    l->stopped);
	else if (l->checked < l->records)
		check_say(to, CHECK_NOTE, "ledger", "", "",
		    "%" PRIu64 " of %" PRIu64
		    " records are checked since the start, without a contradiction",
		    l->checked, l->records);
	else
		check_say(to, CHECK_WELL, "ledger", "", "",
		    "all %" PRIu64 " records agree with what was signed", l->records);
}

void doctor_intake(const struct checks *to, bool hotplug, bool synced, const char *stopped)
{
	if (!hotplug)
		check_say(to, CHECK_BAD, "hotplug", "",
		    "IT: systemctl enable --now dockd-hotplug; journalctl -u dockd-hotplug says "
		    "why it ended",
		    "dockd-hotplug is not connected: no camera is seen");
	else
		check_say(to, synced ? CHECK_WELL : CHECK_NOTE, "hotplug", "", "",
		    synced ? "cameras that come and go are seen" :
			     "connected; it has not told of all devices yet");
	if (stopped[0])
		check_say(to, CHECK_BAD, "intake", "",
		    "IT: mend what it says; what is on the cameras stays there meanwhile",
		    "nothing is taken in: %s", stopped);
	else
		check_say(to, CHECK_WELL, "intake", "", "", "files are taken in");
}

void doctor_lamp(const struct checks *to, const char *bay, const char *lamp, int error)
{
	if (error == 0)
		check_say(to, CHECK_WELL, "lamps", bay, "", "%.100s is there", lamp);
	else
		check_say(to, CHECK_BAD, "lamps", bay,
		    error == -EACCES || error == -EPERM ?
			"IT: install dockd's udev rules, which give lamps to its group, then udevadm "
			"trigger --subsystem-match=leds" :
			"IT: plug its controller in, or correct light in dockd.conf; dockctl light "
			"shows which lamps there are",
		    "lamp %.100s: %s", lamp, strerror(-error));
}

void doctor_bay(const struct checks *to, const char *bay, const char *port, bool ever, bool foreign)
{
	if (foreign)
		check_say(to, CHECK_WARN, "bays", bay,
		    "IT: dockctl camera probe drafts a profile for it; where it is no camera, take it "
		    "out",
		    "what is in it (port %.60s) is nothing that a profile knows", port);
	else if (!ever)
		check_say(to, CHECK_NOTE, "bays", bay,
		    "IT: dock a camera there; dockctl bay shows on which port it comes",
		    "no camera has ever been in it (port %.60s)", port);
	else
		check_say(to, CHECK_WELL, "bays", bay, "", "cameras have been in it");
}

void doctor_controller(const struct checks *to, const char *name, bool out, const char *text)
{
	if (text[0])
		check_say(to, out ? CHECK_BAD : CHECK_WARN, "usb-resources", name,
		    "IT: plug further hubs into another controller, or add one", "%s", text);
	else
		check_say(
		    to, CHECK_WELL, "usb-resources", name, "", "slots and endpoints are left");
}

void doctor_program(const struct checks *to, const char *version, bool replaced)
{
	if (replaced)
		check_say(to, CHECK_WARN, "versions", "dockd",
		    "IT: systemctl restart dockd dockd-hotplug 'dockd-uploader@*', when no camera is "
		    "being read",
		    "dockd %s runs, and another one is installed", version);
	else
		check_say(to, CHECK_WELL, "versions", "dockd", "", "dockd %s runs", version);
}

void doctor_log(const struct checks *to, const char *path, int error)
{
	if (error)
		check_say(to, CHECK_WARN, "log", "",
		    "IT: make it writable for the user that dockd runs as; systemctl reload dockd "
		    "opens it again",
		    "%.160s: %s", path, strerror(-error));
	else
		check_say(to, CHECK_WELL, "log", "", "", "it can be written");
}

void doctor_configuration_in_force(const struct checks *to, const char *refused)
{
	if (refused[0])
		check_say(to, CHECK_BAD, "configuration", "in-force",
		    "IT: mend it, then systemctl reload dockd", "%s", refused);
	else
		check_say(
		    to, CHECK_WELL, "configuration", "in-force", "", "what is on disk is in force");
}
