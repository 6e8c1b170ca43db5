#include "lamp_name.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
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
