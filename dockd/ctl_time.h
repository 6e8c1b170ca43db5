/*
 * ctl_time: times that people write and read; pure but for the machine's time zone.
 *
 * ISO 8601: a date, or date and time with 'T' or a space between. "Z" or "+01:00" behind it says
 * which zone; without, it is this machine's local time. "-" is an open end.
 */
#ifndef DOCKD_CTL_TIME_H
#define DOCKD_CTL_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Seconds since 1970. end: a date alone is its last moment, not its first, and of an hour that
 * comes twice the later one counts. false: not of that form, or no such time.
 */
bool time_read(const char *text, bool end, int64_t *out);

/* "2026-10-25 01:30:00 +0100 (00:30:00 UTC)"; "any time" where none is known. */
const char *time_both(int64_t seconds, char *out, size_t room);

#endif
