#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int sealed_new(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}

int sealed_shut(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return 0;
}

int sealed_bytes(const char *name, const void *bytes, size_t n)
{
	int fd = sealed_new(name), rc;

	if (fd < 0)
		return fd;
	rc = write(fd, bytes, n) == (ssize_t)n ? sealed_shut(fd) : -EIO;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}
