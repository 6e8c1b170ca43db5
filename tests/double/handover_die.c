/*
 * Test double for handover(): DIE_AT="name:n" kills this process with SIGKILL at the n-th passing
 * of that point; HANDOVER_LOG=FILE appends the name of each point passed, so that a test can tell
 * which exist. Once DIE_MARK=FILE exists the process lives on: one death per mark.
 */
#include "../../dockd/base/handover.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *name)
{
	const char *path = getenv("HANDOVER_LOG");
	char line[80];
	size_t len = strlen(name);
	int fd;

	if (!path || len > sizeof(line) - 2)
		return;
	memcpy(line, name, len);
	line[len] = '\n';
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	if (write(fd, line, len + 1) < 0) {
		close(fd);
		return;
	}
	close(fd);
}

void handover(const char *name)
{
	static unsigned long passed;
	const char *at = getenv("DIE_AT");
	const char *mark = getenv("DIE_MARK");
	size_t len = strlen(name);
	int fd;

	note(name);
	if (!at || strncmp(at, name, len) != 0 || at[len] != ':')
		return;
	if (++passed != strtoul(at + len + 1, NULL, 10))
		return;
	if (mark) {
		fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			return;
		close(fd);
	}
	kill(getpid(), SIGKILL);
}
