/*
 * sysfs: see the header. Attributes: Documentation/ABI/{stable,testing}/sysfs-bus-usb and
 * sysfs-devices of the kernel; names of ports: Documentation/driver-api/usb/usb.rst.
 */
#include "sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/bus/usb/devices"

bool sysfs_is_port(const char *name)
{
	const char *p = name;

	if (strlen(name) >= PROTO_PORT_LEN)
		return false;
	for (int part = 0;; part++) {
		if (!isdigit((unsigned char)*p))
			return false;
		while (isdigit((unsigned char)*p))
			p++;
		if (*p == '\0')
			return part > 0;
		if (*p++ != (part == 0 ? '-' : '.'))
			return false;
	}
}

/* Cuts text to room bytes with its NUL, never within a UTF-8 character. */
static void cut_text(char *to, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len >= room) {
		len = room - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memset(to, 0, room);
	memcpy(to, text, len);
}

/* One attribute without its newline; "" where it cannot be read. Kernel: at most a page. */
static void read_text(int dir, const char *name, char *to, size_t room)
{
	char text[1024] = { 0 };
	ssize_t n = -1;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	cut_text(to, room, text);
}

/* A number of at most max, or -1: the attribute is absent, empty or something else. */
static long read_number(int dir, const char *name, int base, long max)
{
	char text[32], *end;
	long v;

	read_text(dir, name, text, sizeof(text));
	if (!isxdigit((unsigned char)text[0]))
		return -1;
	errno = 0;
	v = strtol(text, &end, base);
	/* "1.5" is the one fraction there is: the speed of the slowest devices. */
	if (errno || end == text || (*end != '\0' && *end != '.') || v > max)
		return -1;
	return v;
}

/* As read_number, with 0 for an attribute that is absent. */
static unsigned read_or_0(int dir, const char *name, int base, long max)
{
	long v = read_number(dir, name, base, max);

	return v < 0 ? 0 : (unsigned)v;
}

static int open_folder(const char *root, const char *port)
{
	char path[512];
	int n = snprintf(path, sizeof(path), "%s" DEVICES "%s%s", root, *port ? "/" : "", port);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysfs_list(const char *root, char (*ports)[PROTO_PORT_LEN], size_t max, bool *more)
{
	int fd = open_folder(root, "");
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	*more = false;
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (!sysfs_is_port(e->d_name))
			continue;
		if (n == max) {
			*more = true;
			break;
		}
		cut_text(ports[n++], PROTO_PORT_LEN, e->d_name);
	}
	closedir(d);
	return (int)n;
}

static int by_number(const void *a, const void *b)
{
	return ((const struct proto_interface *)a)->number -
	    ((const struct proto_interface *)b)->number;
}

static void read_interface(int device, const char *name, struct proto_interface *to)
{
	int dir = openat(device, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(to, 0, sizeof(*to));
	if (dir < 0)
		return;
	to->number = (uint8_t)read_or_0(dir, "bInterfaceNumber", 16, UINT8_MAX);
	to->class = (uint8_t)read_or_0(dir, "bInterfaceClass", 16, UINT8_MAX);
	to->subclass = (uint8_t)read_or_0(dir, "bInterfaceSubClass", 16, UINT8_MAX);
	to->protocol = (uint8_t)read_or_0(dir, "bInterfaceProtocol", 16, UINT8_MAX);
	read_text(dir, "interface", to->name, sizeof(to->name));
	close(dir);
}

/* Interfaces are folders "PORT:CONFIGURATION.NUMBER" and exist for the active configuration. */
static void read_interfaces(int device, const char *port, struct proto_arrived *facts)
{
	size_t len = strlen(port);
	struct dirent *e;
	int copy = openat(device, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while (facts->interfaces < PROTO_INTERFACES && (e = readdir(d))) {
		if (strncmp(e->d_name, port, len) != 0 || e->d_name[len] != ':')
			continue;
		read_interface(device, e->d_name, &facts->interface[facts->interfaces++]);
	}
	closedir(d);
	qsort(facts->interface, facts->interfaces, sizeof(facts->interface[0]), by_number);
}

/* "version" is bcdUSB as the kernel prints it, " 2.00" or " 3.20": digits of BCD around a dot. */
static uint16_t read_version(int device)
{
	char text[16], *end;
	unsigned long whole, part;

	read_text(device, "version", text, sizeof(text));
	whole = strtoul(text, &end, 16);
	if (end == text || *end != '.' || whole > 0xff || !isxdigit((unsigned char)end[1]))
		return 0;
	part = strtoul(end + 1, &end, 16);
	return *end == '\0' && part <= 0xff ? (uint16_t)(whole << 8 | part) : 0;
}

static uint32_t read_presence(int device)
{
	/* Kernels without the attribute let every device in. */
	if (read_number(device, "authorized", 10, UINT8_MAX) == 0)
		return PRESENCE_NOT_AUTHORISED;
	if (read_number(device, "bConfigurationValue", 10, UINT8_MAX) <= 0)
		return PRESENCE_NOT_CONFIGURED;
	return PRESENCE_READY;
}

static uint16_t read_power(int device)
{
	char text[16];

	read_text(device, "power/control", text, sizeof(text));
	return strcmp(text, "auto") == 0 ? POWER_MAY_SLEEP : POWER_AWAKE;
}

int sysfs_read(const char *root, const char *port, struct proto_arrived *facts)
{
	long bus, device;
	int dir, err = 0;

	memset(facts, 0, sizeof(*facts));
	if (!sysfs_is_port(port))
		return -EINVAL;
	dir = open_folder(root, port);
	if (dir < 0)
		return dir;
	cut_text(facts->port, sizeof(facts->port), port);
	bus = read_number(dir, "busnum", 10, UINT16_MAX);
	device = read_number(dir, "devnum", 10, 127); /* USB 2.0, 9.4.6 */
	if (bus < 1 || device < 1) {
		/* A folder whose attributes are already gone is a device that is leaving. */
		err = bus < 0 || device < 0 ? -ENOENT : -EINVAL;
		goto out;
	}
	facts->bus = (uint16_t)bus;
	facts->device = (uint16_t)device;
	facts->vendor = (uint16_t)read_or_0(dir, "idVendor", 16, UINT16_MAX);
	facts->product = (uint16_t)read_or_0(dir, "idProduct", 16, UINT16_MAX);
	facts->release = (uint16_t)read_or_0(dir, "bcdDevice", 16, UINT16_MAX);
	facts->class = (uint8_t)read_or_0(dir, "bDeviceClass", 16, UINT8_MAX);
	facts->subclass = (uint8_t)read_or_0(dir, "bDeviceSubClass", 16, UINT8_MAX);
	facts->protocol = (uint8_t)read_or_0(dir, "bDeviceProtocol", 16, UINT8_MAX);
	facts->speed_mbps = (uint16_t)read_or_0(dir, "speed", 10, UINT16_MAX);
	facts->usb_version = read_version(dir);
	facts->presence = read_presence(dir);
	facts->power = read_power(dir);
	read_interfaces(dir, port, facts);
	read_text(dir, "serial", facts->serial, sizeof(facts->serial));
	read_text(dir, "manufacturer", facts->manufacturer, sizeof(facts->manufacturer));
	read_text(dir, "product", facts->model, sizeof(facts->model));
out:
	close(dir);
	return err;
}

/* ---- what a controller has to bear ---- */

unsigned sysfs_endpoints(const char *root, const char *port)
{
	size_t len = strlen(port);
	int dir = sysfs_is_port(port) ? open_folder(root, port) : -EINVAL;
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	unsigned n = 1;
	struct dirent *e;

	if (!d) {
		if (dir >= 0)
			close(dir);
		return n;
	}
	while ((e = readdir(d))) {
		int interface;

		if (strncmp(e->d_name, port, len) != 0 || e->d_name[len] != ':')
			continue;
		interface = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (interface < 0)
			continue;
		/* USB 2.0, 9.6.5: at most 15 in, 15 out */
		n += read_or_0(interface, "bNumEndpoints", 16, 30);
		close(interface);
	}
	closedir(d);
	return n;
}

/*
 * Endpoints that a controller of this kind can have open at once; 0: not known, which is the rule:
 * what the chip itself says lies in a register that only root can read. Panther Point: Linux
 * drivers/usb/host/xhci-pci.c sets limit_active_eps. Lynx Point (8-series): the same kind of limit,
 * as makers of hubs publish it.
 */
static uint32_t endpoints_max_of(unsigned vendor, unsigned product)
{
	if (vendor != 0x8086)
		return 0;
	if (product == 0x1e31)
		return 64;
	return product == 0x8c31 || product == 0x9c31 ? 96 : 0;
}

/* The folder above the root hub's is the controller's: ".../0000:00:14.0/usb1". */
int sysfs_controller(const char *root, unsigned bus, struct proto_controller *out)
{
	char name[16], target[512], *end, *begin;
	int devices = open_folder(root, ""), dir;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	if (devices < 0)
		return devices;
	snprintf(name, sizeof(name), "usb%u", bus);
	n = bus >= 1 && bus <= 31 ? readlinkat(devices, name, target, sizeof(target) - 1) : -1;
	dir = n < 0 ? -1 : openat(devices, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(devices);
	if (dir < 0)
		return -ENOENT;
	target[n] = '\0';
	end = strrchr(target, '/');
	if (end)
		*end = '\0';
	begin = end ? strrchr(target, '/') : NULL;
	cut_text(out->name, sizeof(out->name), begin ? begin + 1 : name);
	out->buses = 1u << bus;
	out->endpoints_max = endpoints_max_of(
	    read_or_0(dir, "../vendor", 0, UINT16_MAX), read_or_0(dir, "../device", 0, UINT16_MAX));
	close(dir);
	return 0;
}

/* "1-2" and "1-2-port3" make "1-2.3"; the root hub's "usb1-port3" is "1-3". */
static bool name_port(const char *hub, const char *folder, struct proto_over_current *out)
{
	size_t len = strlen(hub);
	bool is_root = strncmp(hub, "usb", 3) == 0;
	unsigned long port;
	char *end;
	int n;

	if (strncmp(folder, hub, len) != 0 || strncmp(folder + len, "-port", 5) != 0 ||
	    !isdigit((unsigned char)folder[len + 5]))
		return false;
	port = strtoul(folder + len + 5, &end, 10);
	if (*end != '\0' || port == 0 || port > UINT8_MAX)
		return false;
	n = snprintf(out->port, sizeof(out->port), "%s%s%lu", is_root ? hub + 3 : hub,
	    is_root ? "-" : ".", port);
	return n > 0 && (size_t)n < sizeof(out->port) && sysfs_is_port(out->port);
}

size_t sysfs_over_current(
    const char *root, const char *hub, struct proto_over_current *out, size_t max)
{
	bool is_root = strncmp(hub, "usb", 3) == 0;
	char path[160];
	size_t n = 0;
	struct dirent *e;
	DIR *d;
	int dir;

	if (is_root)
		snprintf(path, sizeof(path), "%s/%s-0:1.0", hub, hub + 3);
	else
		snprintf(path, sizeof(path), "%s/%s:1.0", hub, hub);
	dir = open_folder(root, path);
	d = dir < 0 ? NULL : fdopendir(dir);
	if (!d) {
		if (dir >= 0)
			close(dir);
		return 0;
	}
	while (n < max && (e = readdir(d))) {
		char count[256 + 24];
		long value;

		memset(&out[n], 0, sizeof(out[n]));
		if (!name_port(hub, e->d_name, &out[n]))
			continue;
		snprintf(count, sizeof(count), "%s/over_current_count", e->d_name);
		value = read_number(dirfd(d), count, 10, UINT32_MAX);
		if (value >= 0)
			out[n++].count = (uint32_t)value;
	}
	closedir(d);
	return n;
}
