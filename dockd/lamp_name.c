#include "lamp_name.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lamp_name_good(const char *text)
{
	const char *slash = strchr(text, '/');

	if (text[0] == '.')
		return false;
	return !slash ||
	    (strspn(text, "0123456789-.") == (size_t)(slash - text) && slash > text && slash[1] &&
		!strchr(slash + 1, '/'));
}

/*
 * Whether a link of the class folder leads below the device at this port and not below another one behind
 * it: the device's folder, then one of its interfaces' ("1-3/1-3:1.0", Documentation/ABI/stable/sysfs-bus-usb).
 */
static bool is_at(const char *link, const char *port, size_t len)
{
	char at[2 * NAME_MAX + 4];
	int n = snprintf(at, sizeof(at), "/%.*s/%.*s:", (int)len, port, (int)len, port);

	return n > 0 && (size_t)n < sizeof(at) && strstr(link, at);
}

static bool has_function(const char *name, const char *function)
{
	const char *colon = strrchr(name, ':');

	return colon && strcmp(colon + 1, function) == 0;
}

int lamp_name_find(const char *leds_dir, const char *name, char *out, size_t room)
{
	const char *slash = strchr(name, '/');
	const struct dirent *entry;
	DIR *folder = NULL;
	char link[PATH_MAX];
	int err = -ENODEV;

	if (!slash)
		return (size_t)snprintf(out, room, "%s", name) < room ? 0 : -ENAMETOOLONG;
	folder = opendir(leds_dir);
	while (folder && (entry = readdir(folder))) {
		ssize_t n = has_function(entry->d_name, slash + 1) ?
		    readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1) :
		    -1;

		link[n > 0 ? n : 0] = '\0';
		if (!is_at(link, name, (size_t)(slash - name)) ||
		    (!err && strcmp(entry->d_name, out) > 0))
			continue;
		if ((size_t)snprintf(out, room, "%s", entry->d_name) >= room) {
			err = -ENAMETOOLONG;
			break;
		}
		err = 0;
	}
	if (folder)
		closedir(folder);
	return err;
}

/* The last port on the way: "1-3/1-3:1.0", unlike "input3/input3::capslock". Its length; 0 none. */
static size_t last_port(const char *link, const char **port)
{
	size_t found = 0;

	for (const char *at = strchr(link, '/'); at; at = strchr(at + 1, '/')) {
		size_t len = strcspn(at + 1, "/");
		const char *next = at + 1 + len;

		if (at[1] >= '0' && at[1] <= '9' && next[0] == '/' &&
		    strncmp(next + 1, at + 1, len) == 0 && next[1 + len] == ':') {
			*port = at + 1;
			found = len;
		}
	}
	return found;
}

void lamp_name_of(const char *leds_dir, const char *lamp, char *out, size_t room)
{
	const char *colon = strrchr(lamp, ':'), *port = NULL;
	char path[PATH_MAX], link[PATH_MAX], found[NAME_MAX + 1];
	ssize_t n;
	size_t len;

	snprintf(out, room, "%s", lamp);
	snprintf(path, sizeof(path), "%s/%s", leds_dir, lamp);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	len = last_port(link, &port);
	if (len && colon && colon[1] && len + 1 + strlen(colon + 1) < room)
		snprintf(out, room, "%.*s/%s", (int)len, port, colon + 1);
	/* a second one of that function at the port can only be called by its own name */
	if (lamp_name_find(leds_dir, out, found, sizeof(found)) < 0 || strcmp(found, lamp) != 0)
		snprintf(out, room, "%s", lamp);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t lamp_name_list(const char *leds_dir, char (*out)[PROTO_NAME_LEN], size_t room)
{
	DIR *folder = opendir(leds_dir);
	const struct dirent *entry;
	size_t n = 0;

	while (folder && n < room && (entry = readdir(folder))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || len >= PROTO_NAME_LEN)
			continue;
		memcpy(out[n++], entry->d_name, len + 1);
	}
	if (folder)
		closedir(folder);
	qsort(out, n, sizeof(*out), by_name);
	return n;
}
