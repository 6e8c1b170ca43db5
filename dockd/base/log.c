#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program = "?";
static char *file;
static int out = STDERR_FILENO;
static enum log_level threshold = LOG_INFO_LEVEL;

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

int log_open(const char *name, const char *path)
{
	int fd;

	program = name;
	free(file);
	file = NULL;
	if (!path)
		return 0;
	file = strdup(path);
	if (!file)
		return -ENOMEM;
	fd = open_file(path);
	if (fd < 0)
		return fd;
	out = fd;
	return 0;
}

int log_reopen(void)
{
	int fd;

	if (!file)
		return 0;
	fd = open_file(file);
	if (fd < 0)
		return fd;
	if (out != STDERR_FILENO)
		close(out);
	out = fd;
	return 0;
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

static void log_va(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[4096];
	struct timespec now;
	struct tm tm;
	size_t used;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line + used, sizeof(line) - used, ".%03ldZ level=%s prog=%s event=%s%s",
	    now.tv_nsec / 1000000, names[level], program, event, fmt[0] ? " " : "");
	used += (size_t)n;
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	if (n > 0)
		used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	line[used++] = '\n';
	while (write(out, line, used) < 0 && errno == EINTR)
		;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (level < threshold)
		return;
	va_start(ap, fmt);
	log_va(level, event, fmt, ap);
	va_end(ap);
}

const char *log_text(const char *text)
{
	static char ring[8][160 * 4 + 4];
	static unsigned next;
	char *buf = ring[next++ % 8];
	size_t used = 0;
	size_t i;

	for (i = 0; text[i] && i < 160; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			buf[used++] = (char)c;
		else
			used += (size_t)snprintf(buf + used, 5, "\\x%02x", c);
	}
	memcpy(buf + used, text[i] ? "..." : "", text[i] ? 4 : 1);
	return buf;
}

_Noreturn void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_ERROR_LEVEL, "fatal", fmt, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}
