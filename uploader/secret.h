/*
 * secret: files that only the uploader's user reads: credentials, proxy passwords, S3 keys.
 *
 * Called by the drivers and trust. A name is a path or "credential:NAME" (a file of that name in
 * $CREDENTIALS_DIRECTORY, systemd.exec(5)). What was read is never logged, is wiped when it is
 * dropped, and core dumps are off (sandbox_basics). It says when a file has changed, so that it is
 * read again without a restart.
 */
#ifndef DOCKD_SECRET_H
#define DOCKD_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 65536

struct secret {
	char *text; /* NUL-terminated, without NUL inside; NULL not read */
	size_t len;
	/* of the file when it was read: another one is read again */
	int64_t changed_ns, size_bytes;
	uint64_t inode, device;
};

/* The path that a name stands for. 0, -EINVAL (no NAME, or a '/' in it), -ENOENT (systemd gave
 * none), -ENAMETOOLONG. */
int secret_path(const char *name, char *out, size_t size);

/* Reads it anew; what was held is wiped, or kept where that fails. 0 or -errno (-EFBIG; -EINVAL:
 * NUL in it, or no file). */
int secret_read(struct secret *s, const char *name);

/* Notes which file it is now, without reading it: for files that libcurl itself reads. */
void secret_mark(struct secret *s, const char *name);

/* Whether it is another file than was read or marked (one stat). False where it cannot be seen. */
bool secret_changed(const struct secret *s, const char *name);

void secret_wipe(struct secret *s);

#endif
