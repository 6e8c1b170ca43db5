#include "clock.h"

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_steady_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int64_t clock_ahead_ms(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return clock_now_ms() - ((int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000);
}

int64_t clock_now_s(void)
{
	return clock_now_ms() / 1000;
}

/* Time services, by what they leave in /run while they work. */
static const struct {
	const char *path, *name;
} services[] = {
	{ "/run/systemd/timesync/synchronized", "systemd-timesyncd" },
	{ "/run/chrony/chronyd.pid", "chrony" },
	{ "/run/ntpd.pid", "ntpsec" },
};

void clock_state(struct clock_state *out)
{
	struct timex t = { .modes = 0 };
	const char *name = "none seen";
	int state = adjtimex(&t);

	out->synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
	out->error_ms = state >= 0 ? t.maxerror / 1000 : -1;
	for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (access(services[i].path, F_OK) == 0)
			name = services[i].name;
	}
	snprintf(out->source, sizeof(out->source), "%s", name);
}
