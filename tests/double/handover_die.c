/*
 * Test double for handover(): DIE_AT="name:n" kills this process with SIGKILL at the n-th passing
 * of that point; HANDOVER_LOG=FILE appends the name of each point passed, so that a test can tell
 * which exist. DIE_MARK=FILE: one death for all processes that share it. It is made empty at start
 * and has a byte in it once somebody has died: a test waits for that, not for the file.
 *
 * Both files are opened before main, because the workers' sandbox opens nothing and kill(2) ends
 * it by SIGSYS (which is a death, too).
 */
#include "../../dockd/base/handover.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FD_FLOOR 100 /* out of the way of descriptors with agreed numbers */

static int log_fd = -1;
static int mark_fd = -1;

static int open_high(const char *variable)
{
	const char *path = getenv(variable);
	int fd, high;

	if (!path)
		return -1;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		abort();
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	close(fd);
	return high;
}

__attribute__((constructor)) static void open_files(void)
{
	log_fd = open_high("HANDOVER_LOG");
	mark_fd = open_high("DIE_MARK");
}

static void note(const char *name)
{
	char line[80];
	size_t len = strlen(name);

	if (log_fd < 0 || len > sizeof(line) - 2)
		return;
	memcpy(line, name, len);
	line[len] = '\n';
	if (write(log_fd, line, len + 1) < 0)
		abort();
}

/* With O_APPEND the position after a write is the end of it: 1 for the first of all writers. */
static int first_to_die(void)
{
	if (mark_fd < 0)
		return 1;
	return write(mark_fd, "x", 1) == 1 && lseek(mark_fd, 0, SEEK_CUR) == 1;
}

void handover(const char *name)
{
	static unsigned long passed;
	const char *at = getenv("DIE_AT");
	size_t len = strlen(name);

	note(name);
	if (!at || strncmp(at, name, len) != 0 || at[len] != ':')
		return;
	if (++passed != strtoul(at + len + 1, NULL, 10) || !first_to_die())
		return;
	kill(getpid(), SIGKILL);
	raise(SIGKILL); /* by tgkill: the uploader's and hotplug's sandboxes refuse kill(2) */
}
