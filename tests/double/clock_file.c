/*
 * clock_file: the time of day as a test wants it, in place of dockd/clock.c.
 *
 * CLOCK_FILE names a file with one line: "OFFSET SYNCHRONISED [SET]", seconds that have passed beyond
 * the real ones, 0 or 1, and by how many seconds the time of day alone was set. Read at each asking, so that a test moves the clock of a running program. Without the
 * variable: the real time, synchronised.
 */
#include "../../dockd/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void told(long long *offset_s, int *synchronised, long long *set_s)
{
	const char *path = getenv("CLOCK_FILE");
	FILE *f = path ? fopen(path, "re") : NULL;

	*offset_s = *set_s = 0;
	*synchronised = 1;
	if (!f)
		return;
	if (fscanf(f, "%lld %d %lld", offset_s, synchronised, set_s) < 2) {
		*offset_s = 0;
		*synchronised = 0;
	}
	fclose(f);
}

int64_t clock_now_ms(void)
{
	struct timespec now;
	long long offset_s, set_s;
	int synchronised;

	told(&offset_s, &synchronised, &set_s);
	clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec + offset_s + set_s) * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_steady_ms(void)
{
	static uint64_t latest;
	struct timespec now;
	long long offset_s, set_s;
	int synchronised;
	uint64_t ms;

	told(&offset_s, &synchronised, &set_s);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (offset_s > 0)
		ms += (uint64_t)offset_s * 1000;
	if (ms > latest)
		latest = ms;
	return latest;
}

int64_t clock_ahead_ms(void)
{
	long long offset_s, set_s;
	int synchronised;

	told(&offset_s, &synchronised, &set_s);
	return set_s * 1000;
}

int64_t clock_now_s(void)
{
	return clock_now_ms() / 1000;
}

void clock_state(struct clock_state *out)
{
	long long offset_s, set_s;
	int synchronised;

	told(&offset_s, &synchronised, &set_s);
	*out = (struct clock_state){ .synchronised = synchronised, .error_ms = 5 };
	snprintf(out->source, sizeof(out->source), "test");
}
