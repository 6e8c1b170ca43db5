/*
 * manager: the only file that speaks to systemd. Called by core. It must never send a sign of life by
 * itself, from a timer of its own: what is alive is a loop that comes round.
 */
#include "manager.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static uint64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void manager_replaying(uint64_t done, uint64_t last)
{
	sd_notifyf(0,
	    "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=making the index from the ledger: %" PRIu64
	    " of %" PRIu64 " records",
	    done, last);
}

void manager_ready(void)
{
	sd_notify(0, "READY=1");
}

void manager_reloading(void)
{
	/* MONOTONIC_USEC tells this reload from the one before, for Type=notify-reload */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_us());
}

void manager_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void manager_alive(void)
{
	static uint64_t every_us, last_us;
	static bool asked;
	uint64_t now = monotonic_us();

	if (!asked) {
		asked = true;
		if (sd_watchdog_enabled(0, &every_us) <= 0)
			every_us = 0;
	}
	if (every_us == 0 || (last_us && now - last_us < every_us / 3))
		return;
	last_us = now;
	sd_notify(0, "WATCHDOG=1");
}

void manager_status(const char *line)
{
	static char told[512];

	if (strncmp(told, line, sizeof(told) - 1) == 0)
		return;
	snprintf(told, sizeof(told), "%s", line);
	sd_notifyf(0, "STATUS=%s", told);
}
