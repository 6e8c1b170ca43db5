#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *program = "?";
static char *file;
static int out = STDERR_FILENO;
static enum log_level threshold = LOG_INFO_LEVEL;
static bool to_journal;  /* standard error is the journal's */
static int not_reopened; /* -errno: lines go on into the old file */
static int not_written;  /* -errno of the last line; 0: it went out */
static uint64_t lost;    /* lines since it went wrong */
static uint64_t tried_ms;

#define AGAIN_MS 1000

static void at_end(void);

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

/* JOURNAL_STREAM (systemd.exec(5)): device and inode of the stream to the journal. */
static bool is_journal(int fd)
{
	const char *told = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return told && sscanf(told, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
	    st.st_dev == device && st.st_ino == inode;
}

void log_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int log_open(const char *name, const char *path)
{
	static bool ends;
	int fd;

	if (!ends)
		log_standard();
	if (!ends)
		ends = atexit(at_end) == 0;
	to_journal = is_journal(STDERR_FILENO);
	program = name;
	free(file);
	file = NULL;
	if (!path)
		return 0;
	file = strdup(path);
	if (!file)
		return -ENOMEM;
	fd = open_file(path);
	not_reopened = fd < 0 ? fd : 0;
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
	not_reopened = fd < 0 ? fd : 0;
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

/* ---- floods ---- */

/*
 * A bucket for each event, and where its line begins with a bay, a port or a destination for each of
 * those: what a hostile camera or server makes us say must not fill the disk. What is troubling
 * comes seldom: it has less.
 */
#define KEYS 512
#define PROBES 8
#define MINUTE_MS 60000
#define KEY_LEN 96

static const struct {
	unsigned at_once, per_minute; /* lines */
} allowed[] = {
	[LOG_DEBUG_LEVEL] = { 2000, 200 },
	[LOG_INFO_LEVEL] = { 2000, 200 },
	[LOG_WARN_LEVEL] = { 200, 20 },
	[LOG_ERROR_LEVEL] = { 200, 20 },
};

struct bucket {
	char key[KEY_LEN]; /* "upload-failed destination=store"; "" free */
	enum log_level level;
	uint64_t used;    /* thousandths of a line, until they have drained */
	uint64_t seen_ms; /* when that was worked out */
	uint64_t kept_back, since_ms;
};

static struct bucket bucket[KEYS];
static uint64_t kept_back_all; /* lines, not yet told */
static uint64_t swept_ms;
static struct log_counts counts;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- lines ---- */

static void put_line(char *line, size_t used)
{
	ssize_t n;

	line[used++] = '\n';
	do {
		n = write(out, line, used);
	} while (n < 0 && errno == EINTR);
	not_written = n < 0 ? -errno : (size_t)n < used ? -ENOSPC : 0;
	if (not_written == 0)
		return;
	lost++;
	if (out != STDERR_FILENO && write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere to tell it; log_failure does */
}

/* What stands before the pairs. Where in `line` the pairs begin. */
static size_t put_head(char *line, size_t room, enum log_level level, const char *event)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	static const char *const priorities[] = { "<7>", "<6>", "<4>", "<3>" }; /* sd-daemon.h */
	struct timespec now;
	struct tm tm;
	size_t used = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	if (to_journal && out == STDERR_FILENO)
		used = (size_t)snprintf(line, room, "%s", priorities[level]);
	used += strftime(line + used, room - used, "%Y-%m-%dT%H:%M:%S", &tm);
	return used +
	    (size_t)snprintf(line + used, room - used, ".%03ldZ level=%s prog=%s event=%s",
		now.tv_nsec / 1000000, names[level], program, event);
}

/* The lines of a bucket that were kept back, as one. */
static void tell(struct bucket *b, uint64_t now)
{
	char line[512];
	size_t used = put_head(line, sizeof(line), b->level, "suppressed");
	const char *of = strchr(b->key, ' ');

	used += (size_t)snprintf(line + used, sizeof(line) - used,
	    " what=%.*s of=\"%s\" lines=%" PRIu64 " seconds=%" PRIu64,
	    of ? (int)(of - b->key) : KEY_LEN, b->key, of ? of + 1 : "", b->kept_back,
	    (now - b->since_ms) / 1000);
	put_line(line, used);
	counts.suppressed += b->kept_back;
	kept_back_all -= b->kept_back;
	b->kept_back = 0;
}

/* Those that have been kept back for a minute, or all. */
static void sweep(uint64_t now, bool all)
{
	if (kept_back_all == 0 || (!all && now - swept_ms < 1000))
		return;
	swept_ms = now;
	for (size_t i = 0; i < KEYS; i++) {
		if (bucket[i].kept_back > 0 && (all || now - bucket[i].since_ms >= MINUTE_MS))
			tell(&bucket[i], now);
	}
}

/* Whether it goes again: the line that says what is missing is the try. */
static void try_again(uint64_t now)
{
	uint64_t gap = lost;
	char line[256];
	size_t used;

	if (now - tried_ms < AGAIN_MS)
		return;
	tried_ms = now;
	if (not_reopened)
		log_reopen();
	if (gap == 0)
		return;
	used = put_head(line, sizeof(line), LOG_WARN_LEVEL, "log-gap");
	used += (size_t)snprintf(line + used, sizeof(line) - used, " lines=%" PRIu64, gap);
	put_line(line, used);
	lost = not_written ? gap : 0;
}

void log_turn(void)
{
	if (kept_back_all > 0)
		sweep(now_ms(), false);
	if (not_reopened || lost > 0)
		try_again(now_ms());
}

int log_failure(void)
{
	return not_reopened ? not_reopened : lost > 0 ? not_written : 0;
}

static void at_end(void)
{
	sweep(now_ms(), true);
}

void log_counts(struct log_counts *out_counts)
{
	*out_counts = counts;
	out_counts->suppressed += kept_back_all;
}

/* ---- which bucket ---- */

static void name_key(char *key, const char *event, const char *pairs)
{
	static const char *const places[] = { "bay=", "port=", "destination=" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strncmp(pairs, places[i], strlen(places[i])) == 0)
			n = strcspn(pairs, " ");
	}
	snprintf(key, KEY_LEN, n > 0 ? "%s %.*s" : "%s%.*s", event, (int)n, pairs);
}

/* Its own, or one that is free for it; where there is none, whoever was heard of longest ago goes. */
static struct bucket *find(const char *key, enum log_level level, uint64_t now)
{
	struct bucket *oldest = NULL;
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	for (unsigned i = 0; i < PROBES; i++) {
		struct bucket *b = &bucket[(hash + i) % KEYS];

		if (strcmp(b->key, key) == 0)
			return b;
		if (!oldest || (oldest->key[0] && (!b->key[0] || b->seen_ms < oldest->seen_ms)))
			oldest = b;
	}
	if (oldest->kept_back > 0)
		tell(oldest, now);
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->key, sizeof(oldest->key), "%s", key);
	oldest->level = level;
	oldest->seen_ms = now;
	return oldest;
}

/* Whether the line may go out; counted where not. */
static bool admits(enum log_level level, const char *event, const char *pairs)
{
	uint64_t now = now_ms(), drained;
	char key[KEY_LEN];
	struct bucket *b;

	name_key(key, event, pairs);
	b = find(key, level, now);
	drained = (now - b->seen_ms) * allowed[level].per_minute / (MINUTE_MS / 1000);
	if (drained > 0) {
		b->used = b->used > drained ? b->used - drained : 0;
		b->seen_ms = now;
	}
	if (level > b->level)
		b->level = level;
	if (b->used + 1000 > allowed[level].at_once * UINT64_C(1000)) {
		if (b->kept_back++ == 0)
			b->since_ms = now;
		kept_back_all++;
		sweep(now, false);
		return false;
	}
	b->used += 1000;
	sweep(now, false);
	return true;
}

/* limited: false for what is said once and ends the program */
static void log_va(
    enum log_level level, bool limited, const char *event, const char *fmt, va_list ap)
{
	char line[4096];
	size_t used = put_head(line, sizeof(line), level, event);
	size_t pairs = used + 1;
	int n = 0;

	counts.lines[level]++;
	line[used++] = ' ';
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	if (n > 0)
		used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	else
		line[--used] = '\0';
	if (!limited || admits(level, event, n > 0 ? line + pairs : ""))
		put_line(line, used);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (level < threshold)
		return;
	va_start(ap, fmt);
	log_va(level, true, event, fmt, ap);
	va_end(ap);
}

const char *log_text(const char *text)
{
	static char ring[8][160 * 4 + 4];
	static unsigned next;
	char *buf = ring[next++ % 8];
	size_t used = 0, len = strnlen(text, 161);
	bool cut = len > 160;

	for (size_t i = 0; i < (cut ? 160 : len); i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			buf[used++] = (char)c;
		else
			used += (size_t)snprintf(buf + used, 5, "\\x%02x", c);
	}
	memcpy(buf + used, cut ? "..." : "", cut ? 4 : 1);
	return buf;
}

_Noreturn void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(LOG_ERROR_LEVEL, false, "fatal", fmt, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}
