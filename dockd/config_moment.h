/*
 * config_moment: points in time as dockd.conf writes them; pure.
 *
 * Called by what reads keys and their validity. RFC 3339, section 5.6, or a day alone, which stands
 * for its beginning in UTC. There is always a zone: a station that is moved keeps its meaning.
 */
#ifndef DOCKD_CONFIG_MOMENT_H
#define DOCKD_CONFIG_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_MOMENT_LEN 32
#define CONFIG_MOMENT_ALLOWED                                                                      \
	"a day, \"2026-09-21\" (from its beginning, UTC), or a time, \"2026-09-21T08:00:00Z\""

/* Seconds since 1970; false where it is none: no such day, a fraction, a leap second. */
bool config_moment(const char *text, int64_t *out);
/* The same question, for a table of settings. */
bool config_moment_good(const char *text);

/*
 * The moments from which on and until when something counts; one that is "" is left as it was. Both
 * texts are good. False where until is not after from.
 */
bool config_moment_span(const char *from, const char *until, int64_t *from_s, int64_t *until_s);

#endif
