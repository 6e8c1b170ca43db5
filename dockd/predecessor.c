#include "predecessor.h"

#include "tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -EBADMSG: not a signed checkpoint of that station. */
static int check(const char *note, size_t len, const char *station, const char **why)
{
	struct tlog_checkpoint c;
	char origin[sizeof(c.origin)];
	const char *clause;
	size_t text_len = 0, which;
	int rc = note_open(note, len, NULL, 0, &text_len, &which, &clause);

	*why = "not a signed checkpoint, as `dockctl ledger checkpoint` prints it";
	if (rc != -ENOKEY || tlog_checkpoint_parse(note, text_len, &c) < 0)
		return -EBADMSG;
	*why = "a checkpoint of another station than replaces.station";
	snprintf(origin, sizeof(origin), "dockd/%s", station);
	return strcmp(origin, c.origin) == 0 ? 0 : -EBADMSG;
}

int predecessor_cite(struct journal *j, const char *station, const char *path, const char **why)
{
	char note[RECORD_TEXT_MAX];
	struct record r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
	ssize_t n;

	*why = "the old station's checkpoint cannot be read";
	if (fd < 0)
		return -errno;
	n = read(fd, note, sizeof(note));
	rc = n < 0 ? -errno : n == sizeof(note) ? -EFBIG : 0;
	close(fd);
	if (rc < 0)
		return rc;
	note[n] = '\0';
	rc = check(note, (size_t)n, station, why);
	if (rc < 0)
		return rc;
	record_begin(&r, "replaces");
	record_text(&r, "station", station);
	record_text(&r, "checkpoint", note);
	*why = "it cannot be put on record";
	return journal_write(j, &r);
}
