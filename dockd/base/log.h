/*
 * log: key=value lines, one event a line, each with an event id.
 *
 * Called by every program. Writes to the file that log_open named, else to standard error. Text
 * from outside goes through log_text only. It never blocks on anything but that write, and never
 * rotates: SIGHUP => log_reopen. A flood of one event is cut short (dockd(8), LOG) and told as one
 * line, `suppressed`. Where standard error is the journal's, lines begin with their priority
 * (sd-daemon(3)).
 *
 *   2026-11-21T03:04:05.678Z level=info prog=dockd event=docked bay=3 camera="BWC-0001"
 */
#ifndef DOCKD_LOG_H
#define DOCKD_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL = 0, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

/*
 * Names the program and where lines go: path NULL = standard error. 0 or -errno (then lines still
 * go to standard error). Opened O_APPEND, 0640.
 */
int log_open(const char *program, const char *path);

/* Opens the same path again (after rotation). 0 or -errno: the old file stays. */
int log_reopen(void);

/*
 * Descriptors 0 to 2 that whoever started us has closed become /dev/null: else the next file that
 * is opened, a clip or the ledger, would be what messages are written into. First thing in main;
 * log_open does it.
 */
void log_standard(void);

/*
 * Now and then, from a loop: tells what was kept back a minute ago, and tries again where lines
 * cannot be written. Cheap.
 */
void log_turn(void);

/*
 * Why lines are not where log_open put them, -errno: they cannot be written (they go to standard
 * error, and `log-gap` counts them once it works), or the file cannot be opened anew. 0: they are.
 */
int log_failure(void);

struct log_counts {
	uint64_t lines[4];   /* by enum log_level; those that were kept back included */
	uint64_t suppressed; /* of them */
};
/* Since the start of this process. */
void log_counts(struct log_counts *out);

void log_set_level(enum log_level level);

/* One line. event is a fixed word ("docked"); fmt gives the key=value pairs after it, "" for none. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_event(LOG_DEBUG_LEVEL, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO_LEVEL, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN_LEVEL, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR_LEVEL, event, __VA_ARGS__)

/*
 * Text from outside, made safe for a quoted value: printable ASCII stays, the rest and '"' and
 * '\\' become \\xNN; cut at 160 bytes of input with "...". Returns one of eight static buffers in
 * turn, so at most eight in one log_event call.
 */
const char *log_text(const char *text);

/* Logs the reason at error level and exits 1. Only before a program's loop, and for no memory. */
_Noreturn void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
