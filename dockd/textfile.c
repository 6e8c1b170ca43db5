#include "textfile.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void textfile_configure(struct textfile *t, const char *path)
{
	if (strcmp(t->path, path) != 0)
		textfile_end(t);
	snprintf(t->path, sizeof(t->path), "%s", path);
	t->failing = false;
	t->due = 0;
}

/* The folder it lies in; one that is made here is open to all, whatever the umask is. */
static void make_folder(const char *path)
{
	char folder[sizeof(((struct textfile *)0)->path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	if (mkdir(folder, 0755) == 0 && chmod(folder, 0755) < 0)
		log_warn("metrics-not-written", "path=\"%s\" reason=\"%s\"", log_text(folder),
		    strerror(errno));
}

static int write_new(const char *path, const struct control *c)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), r = 0;
	FILE *out;

	if (fd < 0)
		return -errno;
	out = fchmod(fd, 0644) == 0 ? fdopen(fd, "w") : NULL;
	if (!out) {
		r = -errno;
		close(fd);
		return r;
	}
	r = control_metrics_write(c, out);
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

void textfile_tick(struct textfile *t, uint64_t tick, const struct control *c)
{
	char fresh[sizeof(t->path) + 8];
	int r;

	if (!t->path[0] || tick < t->due)
		return;
	t->due = tick + TEXTFILE_TICKS;
	make_folder(t->path);
	snprintf(fresh, sizeof(fresh), "%s.new", t->path);
	r = write_new(fresh, c);
	if (r == 0 && rename(fresh, t->path) < 0)
		r = -errno;
	if (r < 0)
		unlink(fresh);
	if (r < 0 && !t->failing)
		log_warn("metrics-not-written", "path=\"%s\" reason=\"%s\"", log_text(t->path),
		    strerror(-r));
	t->failing = r < 0;
}

void textfile_end(struct textfile *t)
{
	if (t->path[0])
		unlink(t->path);
}
