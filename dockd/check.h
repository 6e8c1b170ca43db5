/*
 * check: one thing that doctor has looked at, made and handed on; pure.
 *
 * Used by the judges of the core (doctor_*.c) and of dockctl (ctl_doctor*.c). A finding says what
 * is so and what to do, and who does it; why it matters is told by its word, in dockctl.
 */
#ifndef DOCKD_CHECK_H
#define DOCKD_CHECK_H

#include "base/proto_check.h"

/* Where findings go, one by one. */
struct checks {
	void (*take)(void *arg, const struct proto_check *check);
	void *arg;
};

/* A finding; subject "" is the station. The rest is printed like printf into what. */
void check_say(const struct checks *to, enum check_level level, const char *check,
    const char *subject, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* "well", "unseen", "note", "warn", "bad" */
const char *check_word(enum check_level level);

/*
 * How bad it is that something ends then: a note where nothing is to be done yet; warn within 60
 * and 30 days, bad within 7 and after it. CHECK_WELL: later.
 */
enum check_level check_expiry(int64_t until_s, int64_t now_s);
/* "in 19 days (11 Dec 2026)", "today (...)", "3 days ago (...)"; UTC. Returns out. */
const char *check_day(int64_t at_s, int64_t now_s, char *out, size_t room);

#endif
