/*
 * ctl_doctor_words: why each thing that doctor looks at matters; the table of dockd-doctor(7).
 */
#include "ctl_doctor.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *check, *why;
} words[] = {
	{ "binding",
	    "Receipts of another server under the same name would let cameras be emptied." },
	{ "certificate",
	    "When it ends, connections to the destination are refused, and nothing is sent." },
	{ "clock",
	    "Recording times, retention and disposal rest on the station's clock; an advocate "
	    "will ask how it was known." },
	{ "credentials", "Files stay here until the destination lets this station in again." },
	{ "destination", "Files stay here, and cameras are not emptied, until it is reached." },
	{ "disk", "When it is full nothing more is taken off cameras, and they fill up in turn." },
	{ "encryption", "Whoever carries this PC or its disk away can read the recordings." },
	{ "hotplug", "Without it no camera is seen: the bays stay dark." },
	{ "intake", "Recordings stay on the cameras, where they can be lost or overwritten." },
	{ "ledger", "The continuity of evidence rests on this record being whole and unchanged." },
	{ "pins", "With no pinned key in force nothing is sent." },
	{ "preserve", "A preservation order reaches only stores that can be told of it." },
	{ "proof", "Cameras are emptied only on proof; what proves too little never empties one." },
	{ "receipt-keys", "Receipts signed by a key that does not count empty no camera." },
	{ "server-identity",
	    "What answers is not proved to be the evidence server: nothing is sent." },
};

const char *doctor_why(const char *check)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].check, check) == 0)
			return words[i].why;
	}
	return "";
}
