/*
 * clock: what time it is at this station, and how well that is known.
 *
 * The one place from which the core takes the time of day; tests link tests/double/clock_file.c in
 * its place. What waits for a while in memory (uplink's back-off) takes clock_steady_ms, so that
 * tests move that on as well; time limits of processes are CLOCK_MONOTONIC and not its business.
 */
#ifndef DOCKD_CLOCK_H
#define DOCKD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* CLOCK_REALTIME, milliseconds and seconds since 1970. */
int64_t clock_now_ms(void);
int64_t clock_now_s(void);
/* CLOCK_MONOTONIC, milliseconds; in tests moved on by the same file. Never goes back. */
uint64_t clock_steady_ms(void);

/* The time of day minus the time since boot, sleep included: changes only where it is set. ms. */
int64_t clock_ahead_ms(void);

struct clock_state {
	bool synchronised; /* the kernel is told so by a time service (adjtimex(2), STA_UNSYNC) */
	int64_t error_ms;  /* its estimate of the largest error; -1 not known */
	char
	    source[64]; /* the time service: "systemd-timesyncd", "chrony", "ntpsec", "none seen" */
};

/* Cheap enough for every docking, not for every record. */
void clock_state(struct clock_state *out);

#endif
