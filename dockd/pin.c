#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (PROTO_PIN_LEN + 2) /* a PIN, "\r\n", and one more to see that it is too long */

/* What the open file holds. Bytes, or -errno. */
static ssize_t fill(int fd, char bytes[FILE_BYTES])
{
	size_t len = 0;

	while (len < FILE_BYTES) {
		ssize_t n = read(fd, bytes + len, FILE_BYTES - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int take(const char *bytes, size_t len, char out[PROTO_PIN_LEN])
{
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	if (len > 0 && bytes[len - 1] == '\r')
		len--;
	if (len == 0 || len >= PROTO_PIN_LEN)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			return -EINVAL;
	}
	memcpy(out, bytes, len);
	return 0;
}

int pin_read(const char *path, char out[PROTO_PIN_LEN], char *why, size_t room)
{
	char bytes[FILE_BYTES];
	struct stat st;
	ssize_t n;
	int fd, r;

	memset(out, 0, PROTO_PIN_LEN);
	if (!path[0])
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		snprintf(why, room, "pin-file %.120s cannot be read: %s", path, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))) {
		close(fd);
		snprintf(why, room, "pin-file %.120s %s", path,
		    S_ISREG(st.st_mode) ?
			"can be read by others: chmod 600 it, and change the PIN" :
			"is no file");
		return -EPERM;
	}
	n = fill(fd, bytes);
	close(fd);
	r = n < 0 ? (int)n : take(bytes, (size_t)n, out);
	explicit_bzero(bytes, sizeof(bytes));
	if (r < 0)
		snprintf(why, room, "pin-file %.120s: %s", path,
		    r == -EINVAL ? "one line of 1 to 31 printable characters is wanted" :
				   strerror(-r));
	return r;
}
