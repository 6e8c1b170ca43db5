/*
 * doctor: what the core itself knows of the station's health, judged; pure.
 *
 * Called by control_doctor with facts that it has collected. Each function says one finding at
 * least for what it was asked about, also where all is well: what was not looked at is never told
 * as well. doctor_station.c judges the machine, doctor_line.c what is beyond the line.
 */
#ifndef DOCKD_DOCTOR_H
#define DOCKD_DOCTOR_H

#include "check.h"
#include "clock.h"
#include "filling.h"
#include "uplink.h"

/* ---- doctor_station.c ---- */

void doctor_clock(const struct checks *to, const struct clock_state *clock);
/* ahead_s: index_clock_doubt_s */
void doctor_clock_ahead(const struct checks *to, int64_t ahead_s);

struct doctor_disk {
	const char *path;
	uint64_t free_bytes, reserve_bytes, total_bytes;
	uint64_t inodes, inodes_free; /* 0, 0: the file system has no such number */
	struct filling filling;
	int64_t oldest_unsent_s; /* 0 nothing waits */
};
void doctor_disk(const struct checks *to, const struct doctor_disk *d, int64_t now_s);

/* Of volume_is_encrypted and volume_swap_is_encrypted: 1, 0, or -errno. */
void doctor_encryption(const struct checks *to, const char *path, int volume, int swap);

struct doctor_ledger {
	const char *trouble; /* the contradiction, "" none */
	const char *stopped; /* why it cannot be written, "" it can */
	uint64_t records, checked, signed_;
};
void doctor_ledger(const struct checks *to, const struct doctor_ledger *l);

/* stopped: why nothing is taken in, "" it is. */
void doctor_intake(const struct checks *to, bool hotplug, bool synced, const char *stopped);

/* One lamp: error 0 or -errno of finding and opening it. */
void doctor_lamp(const struct checks *to, const char *bay, const char *lamp, int error);
/* A bay of the configuration: whether any camera was ever in it, and what is in it now is unknown. */
void doctor_bay(
    const struct checks *to, const char *bay, const char *port, bool ever, bool foreign);
/* Of a USB host controller: what controllers_text says. */
void doctor_controller(const struct checks *to, const char *name, bool out, const char *text);
/* The program that runs is no longer that on disk; log: 0 or -errno of writing to it. */
void doctor_program(const struct checks *to, const char *version, bool replaced);
void doctor_log(const struct checks *to, const char *path, int error);
/* Why the configuration on disk is not in force; "" it is. */
void doctor_configuration_in_force(const struct checks *to, const char *refused);

/* ---- doctor_line.c ---- */

struct doctor_rules {
	bool erase;                /* erase = "when-receipted" */
	bool any;                  /* policy = "any" */
	enum receipt_level accept; /* accept-receipt */
};

/* Reach, credentials, proof, preserving, binding of one destination. */
void doctor_destination(
    const struct checks *to, const struct uplink_state *d, const struct doctor_rules *rules);

/* One certificate of a destination's connections: enum certificate_which, and when it is valid. */
void doctor_certificate(const struct checks *to, const char *destination, unsigned which,
    int64_t not_before_s, int64_t not_after_s, int64_t now_s);

/* A time in which something counts; PROTO_NO_TIME: open. */
struct doctor_window {
	int64_t from_s, until_s;
};
/* Pinned keys ("pins") or keys that sign receipts ("receipt-key"): whether one counts, and will. */
void doctor_windows(const struct checks *to, const char *check, const char *destination,
    const struct doctor_window *w, size_t n, int64_t now_s);

#endif
