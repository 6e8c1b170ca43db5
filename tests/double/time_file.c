/*
 * time_file: time() as a test wants it, for programs that have no clock of their own to swap.
 *
 * CLOCK_FILE is as in clock_file.c: "OFFSET SYNCHRONISED [SET]", read at each asking. Without the variable:
 * the real time. What libcrypto and libcurl ask is answered here too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

time_t time(time_t *out)
{
	const char *path = getenv("CLOCK_FILE");
	FILE *f = path ? fopen(path, "re") : NULL;
	long long offset_s = 0, set_s = 0;
	int synchronised;
	struct timespec now;

	if (f && fscanf(f, "%lld %d %lld", &offset_s, &synchronised, &set_s) < 1)
		offset_s = 0;
	if (f)
		fclose(f);
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += (time_t)(offset_s + set_s);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
