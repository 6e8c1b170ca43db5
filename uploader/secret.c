#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL "credential:"

int secret_path(const char *name, char *out, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (strncmp(name, CREDENTIAL, strlen(CREDENTIAL)) != 0) {
		n = snprintf(out, size, "%s", name);
	} else {
		name += strlen(CREDENTIAL);
		if (!name[0] || name[0] == '.' || strchr(name, '/'))
			return -EINVAL;
		if (!folder || folder[0] != '/')
			return -ENOENT;
		n = snprintf(out, size, "%s/%s", folder, name);
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static void stamp(struct secret *s, const struct stat *st)
{
	/* Wraps in the year 2262; only equality counts. */
	s->changed_ns =
	    (int64_t)((uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec);
	s->size_bytes = st->st_size;
	s->inode = st->st_ino;
	s->device = st->st_dev;
}

static int fill(int fd, char *text, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, text + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return memchr(text, '\0', *len) ? -EINVAL : 0;
		*len += (size_t)n;
	}
	return -EFBIG;
}

int secret_read(struct secret *s, const char *name)
{
	char path[4096];
	struct stat st;
	char *text;
	size_t len = 0;
	int err = secret_path(name, path, sizeof(path));
	int fd;

	if (err < 0)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	text = calloc(1, SECRET_MAX + 1);
	err = !text ? -ENOMEM : fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (err == 0)
		err = fill(fd, text, SECRET_MAX, &len);
	close(fd);
	if (err < 0) {
		if (text)
			explicit_bzero(text, SECRET_MAX);
		free(text);
		return err;
	}
	secret_wipe(s);
	s->text = text;
	s->len = len;
	stamp(s, &st);
	return 0;
}

bool secret_changed(const struct secret *s, const char *name)
{
	struct secret now = { 0 };
	char path[4096];
	struct stat st;

	if (secret_path(name, path, sizeof(path)) < 0 || stat(path, &st) < 0)
		return false;
	stamp(&now, &st);
	return now.changed_ns != s->changed_ns || now.size_bytes != s->size_bytes ||
	    now.inode != s->inode || now.device != s->device;
}

void secret_mark(struct secret *s, const char *name)
{
	char path[4096];
	struct stat st;

	if (secret_path(name, path, sizeof(path)) == 0 && stat(path, &st) == 0)
		stamp(s, &st);
}

void secret_wipe(struct secret *s)
{
	if (s->text)
		explicit_bzero(s->text, SECRET_MAX);
	free(s->text);
	memset(s, 0, sizeof(*s));
}
