/*
 * bay_rules: text of udev rules for the bays. Called by main alone. It reads names of links in sysfs,
 * of hubs' ports, and nothing of a device.
 *
 * Authorisation of interfaces: Documentation/usb/authorization.rst of Linux. A controller's default is
 * taken away, so no driver is asked for an interface before the rules have said yes to it.
 */
#include "bay_rules.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ports {
	char name[BAY_PORTS][PROTO_PORT_LEN];
	size_t n;
};

static void add(struct ports *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->name[i], name) == 0)
			return;
	}
	if (p->n < BAY_PORTS)
		snprintf(p->name[p->n++], PROTO_PORT_LEN, "%s", name);
}

/* "1-2.3" is port 3 of hub "1-2"; "1-2" is port 2 of hub "usb1". */
static void above(const char *port, char hub[PROTO_PORT_LEN], const char **number)
{
	const char *last = strrchr(port, '.');

	if (last) {
		snprintf(hub, PROTO_PORT_LEN, "%.*s", (int)(last - port), port);
	} else {
		last = strchr(port, '-');
		snprintf(hub, PROTO_PORT_LEN, "usb%.*s", (int)(last - port), port);
	}
	*number = last + 1;
}

/* Whether digits, and dots and one dash between them, are all of it. */
static bool is_port(const char *name)
{
	return name[0] && !name[strspn(name, "0123456789-.")] && strchr(name, '-');
}

/* "usb2-port2" => "2-2", "2-2-port1" => "2-2.1", as the kernel names a hub's ports in sysfs. */
static bool port_of_link(const char *name, char port[PROTO_PORT_LEN])
{
	const char *number = strstr(name, "-port");
	int n;

	if (!number)
		return false;
	if (strncmp(name, "usb", 3) == 0)
		n = snprintf(port, PROTO_PORT_LEN, "%.*s-%s", (int)(number - name - 3), name + 3,
		    number + 5);
	else
		n = snprintf(
		    port, PROTO_PORT_LEN, "%.*s.%s", (int)(number - name), name, number + 5);
	return n > 0 && n < PROTO_PORT_LEN && is_port(port);
}

/* The same socket on the controller's bus of another speed, where the kernel knows it. */
static void add_peer(struct ports *p, const char *sys, const char *port)
{
	char hub[PROTO_PORT_LEN], path[PATH_MAX], target[PATH_MAX], peer[PROTO_PORT_LEN];
	const char *number, *name;
	bool root;
	ssize_t n;

	above(port, hub, &number);
	root = strncmp(hub, "usb", 3) == 0;
	snprintf(path, sizeof(path), "%s/bus/usb/devices/%s%s:1.0/%s-port%s/peer", sys,
	    root ? hub + 3 : hub, root ? "-0" : "", hub, number);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	if (port_of_link(name ? name + 1 : target, peer))
		add(p, peer);
}

/* "1-2.1:*|1-2.2:*" and the like. */
static void names(FILE *out, const struct ports *p, const char *tail)
{
	for (size_t i = 0; i < p->n; i++)
		fprintf(out, "%s%s%s", i ? "|" : "", p->name[i], tail);
}

/* The hubs above all ports, roots too, or the roots alone. */
static void hubs(const struct ports *p, bool roots, struct ports *out)
{
	for (size_t i = 0; i < p->n; i++) {
		char port[PROTO_PORT_LEN], hub[PROTO_PORT_LEN];
		const char *number;

		memcpy(port, p->name[i], sizeof(port));
		for (;;) {
			above(port, hub, &number);
			if (!roots || strncmp(hub, "usb", 3) == 0)
				add(out, hub);
			if (strncmp(hub, "usb", 3) == 0)
				break;
			memcpy(port, hub, sizeof(port));
		}
	}
}

int bay_rules_write(FILE *out, const struct config *c, const char *sys)
{
	struct ports *all = calloc(3, sizeof(*all)), *bays, *above_them, *roots;

	if (!all)
		return -ENOMEM;
	bays = &all[0];
	above_them = &all[1];
	roots = &all[2];
	for (size_t i = 0; i < c->bays_n; i++)
		add(bays, c->bay[i].port);
	for (size_t i = 0; i < c->bays_n; i++)
		add_peer(bays, sys, c->bay[i].port);
	hubs(bays, false, above_them);
	hubs(bays, true, roots);
	if (bays->n == 0) {
		free(all);
		return -EINVAL;
	}
	fputs("# 59-dockd-bays.rules: made by dockd --udev-rules from the bays of the station's\n"
	      "# configuration; make it anew when these change. See dockd(8), \"Only cameras\".\n\n"
	      "ACTION==\"remove\", GOTO=\"dockd_bays_end\"\n"
	      "SUBSYSTEM!=\"usb|block\", GOTO=\"dockd_bays_end\"\n"
	      "# Ports that are no bays are nothing to dockd.\n"
	      "ENV{DOCKD_BAY}=\"no\"\nKERNELS==\"",
	    out);
	names(out, bays, "");
	fputs("\", ENV{DOCKD_BAY}=\"yes\"\nSUBSYSTEM!=\"usb\", GOTO=\"dockd_bays_end\"\n"
	      "ENV{DEVTYPE}==\"usb_interface\", GOTO=\"dockd_bays_interface\"\n"
	      "# The dock's hubs are never suspended.\nKERNEL==\"",
	    out);
	names(out, above_them, "");
	fputs("\", TEST==\"power/control\", ATTR{power/control}=\"on\"\n"
	      "# On these controllers no driver gets an interface before it is let through below.\n"
	      "KERNEL==\"",
	    out);
	names(out, roots, "");
	fputs(
	    "\", TEST==\"interface_authorized_default\", "
	    "ATTR{interface_authorized_default}=\"0\"\nGOTO=\"dockd_bays_end\"\n\n"
	    "LABEL=\"dockd_bays_interface\"\nACTION!=\"add\", GOTO=\"dockd_bays_end\"\n"
	    "ENV{DOCKD_BAY}==\"yes\", GOTO=\"dockd_bays_guest\"\n"
	    "# Not in a bay: as ever. Its driver has been passed over and is asked now.\n"
	    "ATTR{authorized}==\"0\", ATTR{authorized}=\"1\", "
	    "RUN+=\"/bin/sh -c 'echo $kernel >/sys/bus/usb/drivers_probe'\"\n"
	    "GOTO=\"dockd_bays_end\"\n\n"
	    "# In a bay: still image (6), mass storage (8) and vendor's own (255) for dockd, which\n"
	    "# claims them itself; no driver is loaded or asked. All else, keyboards, network\n"
	    "# adapters, modems and hubs too, is not to be had.\n"
	    "LABEL=\"dockd_bays_guest\"\n"
	    "ENV{MODALIAS}=\"\"\n"
	    "ENV{INTERFACE}==\"6/*|8/*|255/*\", ATTR{authorized}=\"1\", "
	    "GOTO=\"dockd_bays_end\"\n"
	    "ATTR{authorized}=\"0\"\n\nLABEL=\"dockd_bays_end\"\n",
	    out);
	free(all);
	return ferror(out) ? -EIO : 0;
}
