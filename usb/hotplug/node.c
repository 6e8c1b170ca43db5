/*
 * node: see the header. usbfs: the kernel's drivers/usb/core/devio.c and linux/usbdevice_fs.h.
 */
#include "node.h"

#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define USB_DEVICE_MAJOR 189 /* Documentation/admin-guide/devices.txt */
#define DEVICES_PER_BUS 128

/* USB-IF class codes. */
#define CLASS_STILL_IMAGE 0x06
#define CLASS_MASS_STORAGE 0x08
#define CLASS_VENDOR 0xff

static bool is_same(const char *root, const struct proto_arrived *facts)
{
	struct proto_arrived now;

	return sysfs_read(root, facts->port, &now) == 0 && now.bus == facts->bus &&
	    now.device == facts->device && now.vendor == facts->vendor &&
	    now.product == facts->product;
}

/* Bit n: interface n may be claimed. */
static uint32_t claim_mask(const struct proto_arrived *facts)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < facts->interfaces && i < PROTO_INTERFACES; i++) {
		const struct proto_interface *f = &facts->interface[i];

		if (f->number < 32 &&
		    (f->class == CLASS_STILL_IMAGE || f->class == CLASS_MASS_STORAGE ||
			f->class == CLASS_VENDOR))
			mask |= 1u << f->number;
	}
	return mask;
}

/*
 * DISCONNECT would take an interface away from another program as well as from a kernel driver, so
 * the holder is asked for first; a program shows as the driver "usbfs".
 */
static int detach_driver(int fd, unsigned interface)
{
	struct usbdevfs_getdriver holder = { .interface = interface };
	struct usbdevfs_ioctl command = {
		.ifno = (int)interface,
		.ioctl_code = USBDEVFS_DISCONNECT,
	};

	if (ioctl(fd, USBDEVFS_GETDRIVER, &holder) < 0)
		return errno == ENODATA ? 0 : -errno;
	if (strncmp(holder.driver, "usbfs", sizeof(holder.driver)) == 0)
		return -EBUSY;
	if (ioctl(fd, USBDEVFS_IOCTL, &command) < 0 && errno != ENODATA)
		return -errno;
	return 0;
}

static int check_node(int fd, const struct proto_arrived *facts)
{
	unsigned minor_wanted = (facts->bus - 1u) * DEVICES_PER_BUS + facts->device - 1u;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != USB_DEVICE_MAJOR ||
	    minor(st.st_rdev) != minor_wanted)
		return -ENODEV;
	return 0;
}

static int give_up_rights(int fd, uint32_t mask, const char **why)
{
	int err = 0;

	for (unsigned i = 0; i < 32 && err == 0; i++) {
		if (mask & (1u << i))
			err = detach_driver(fd, i);
	}
	if (err < 0) {
		*why = err == -EBUSY ? "another program on this station holds the camera" :
				       "its kernel driver would not let go";
		return err;
	}
	if (ioctl(fd, USBDEVFS_DROP_PRIVILEGES, &mask) < 0) {
		*why = "usbfs privileges could not be dropped";
		return -errno;
	}
	return 0;
}

int node_open(const char *root, const struct proto_arrived *facts, const char **why)
{
	uint32_t mask = claim_mask(facts);
	char path[64];
	int fd, err;

	*why = "it has left, or is another device now";
	if (!is_same(root, facts))
		return -ENODEV;
	if (mask == 0) {
		*why = "no interface that a camera would have";
		return -EPERM;
	}
	snprintf(path, sizeof(path), "/dev/bus/usb/%03u/%03u", facts->bus, facts->device);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		err = -errno;
		if (err == -ENOENT || err == -ENODEV)
			return -ENODEV;
		*why = "its device node cannot be opened: is it the group's? (udev rules)";
		return err;
	}
	err = check_node(fd, facts);
	if (err == 0 && !is_same(root, facts))
		err = -ENODEV;
	if (err == 0)
		err = give_up_rights(fd, mask, why);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}
