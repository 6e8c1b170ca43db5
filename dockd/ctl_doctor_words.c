/*
 * ctl_doctor_words: why each thing that doctor looks at matters; the table of dockd-doctor(7).
 */
#include "ctl_doctor.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *check, *why;
} words[] = {
	{ "anchors",
	    "Without them signatures of cameras are not judged, or judged by what is out of date." },
	{ "bays",
	    "A bay that never sees a camera may be a wrong port, a dead cable, or a wrong name." },
	{ "binding",
	    "Receipts of another server under the same name would let cameras be emptied." },
	{ "cameras", "What a camera holds is nowhere else until it is docked; it may be lost." },
	{ "certificate",
	    "When it ends, connections to the destination are refused, and nothing is sent." },
	{ "clock",
	    "Recording times, retention and disposal rest on the station's clock; an advocate "
	    "will ask how it was known." },
	{ "clock-chip", "After a power cut without network the time of day rests on it." },
	{ "configuration",
	    "A bad configuration is not taken: the station goes on with the last good one." },
	{ "conflicts",
	    "Only one program can speak to a camera: it fails for dockd, or is written to." },
	{ "core-dumps",
	    "A picture of memory holds footage and keys, for whoever gets hold of the disk." },
	{ "credentials", "Files stay here until the destination lets this station in again." },
	{ "daemon", "Nothing is taken in, sent, or shown while it does not run." },
	{ "destination", "Files stay here, and cameras are not emptied, until it is reached." },
	{ "devices",
	    "What dockd-hotplug may not open is not read; what others may open is not safe." },
	{ "disk", "When it is full nothing more is taken off cameras, and they fill up in turn." },
	{ "encryption", "Whoever carries this PC or its disk away can read the recordings." },
	{ "hotplug", "Without it no camera is seen: the bays stay dark." },
	{ "intake", "Recordings stay on the cameras, where they can be lost or overwritten." },
	{ "kernel-drivers", "The kernel writes to disks that it has: evidence would be changed." },
	{ "key-backup",
	    "A station's key is its own; continuity over PCs rests on checkpoints elsewhere." },
	{ "lamps",
	    "An officer goes by the lamp alone: a dark one says nothing, or the wrong thing." },
	{ "ledger", "The continuity of evidence rests on this record being whole and unchanged." },
	{ "log", "What cannot be written to the log cannot be found out later." },
	{ "permissions",
	    "Who can read a secret can act as this station; who can write the state can change evidence." },
	{ "pins", "With no pinned key in force nothing is sent." },
	{ "preserve", "A preservation order reaches only stores that can be told of it." },
	{ "proof", "Cameras are emptied only on proof; what proves too little never empties one." },
	{ "receipt-keys", "Receipts signed by a key that does not count empty no camera." },
	{ "sandbox", "What a hostile camera or server could do rests on it." },
	{ "server-identity",
	    "What answers is not proved to be the evidence server: nothing is sent." },
	{ "time-source", "Whoever can shift the clock can shift recording times and retention." },
	{ "units", "What does not run, or not after a boot, leaves the station dark." },
	{ "usb-memory", "When it runs out, reads from cameras fail at shift change." },
	{ "usb-resources", "A controller without slots does not configure the next camera." },
	{ "versions", "Half an upgrade: old and new programs do not speak to each other." },
};

const char *doctor_why(const char *check)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].check, check) == 0)
			return words[i].why;
	}
	return "";
}
