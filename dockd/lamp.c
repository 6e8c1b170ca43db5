#include "lamp.h"

#include "lamp_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLOURS 3 /* channels of a multicolour lamp that we mix: red, green, blue */

/* ---- attributes: Documentation/leds/leds-class.rst and leds-class-multicolor.rst of Linux ---- */

static int open_attribute(const char *folder, const char *name, const char *attribute, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", folder, name, attribute);
	return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

/* A whole attribute as text; "" where there is none. */
static void read_attribute(
    const char *folder, const char *name, const char *attribute, char *out, size_t room)
{
	int fd = open_attribute(folder, name, attribute, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);

	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* sysfs takes a value in one write from the start of the file. */
static int write_attribute(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = pwrite(fd, text, len, 0);

	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EIO;
}

/* Which byte of the colour goes to which channel, in the order of multi_index. */
static void read_channels(struct lamp *lamp, const char *folder)
{
	static const char *const names[COLOURS] = { "red", "green", "blue" };
	char text[256];
	char *word = text;

	read_attribute(folder, lamp->name, "multi_index", text, sizeof(text));
	while (lamp->channels < LAMP_CHANNELS) {
		size_t len;

		word += strspn(word, " \n");
		len = strcspn(word, " \n");
		if (len == 0)
			break;
		lamp->shift[lamp->channels] = 32;
		for (unsigned i = 0; i < COLOURS; i++) {
			if (strlen(names[i]) == len && memcmp(word, names[i], len) == 0)
				lamp->shift[lamp->channels] = 16 - 8 * i;
		}
		lamp->channels++;
		word += len;
	}
}

/* ---- one lamp ---- */

int lamp_open(struct lamp *lamp, const char *folder, const char *called)
{
	char text[32];
	int err;

	*lamp = (struct lamp){ .brightness = -1, .intensity = -1 };
	err = lamp_name_find(folder, called, lamp->name, sizeof(lamp->name));
	if (err)
		return err;
	lamp->brightness = open_attribute(folder, lamp->name, "brightness", O_WRONLY);
	if (lamp->brightness < 0)
		return -errno;
	read_attribute(folder, lamp->name, "max_brightness", text, sizeof(text));
	lamp->max = (unsigned)strtoul(text, NULL, 10);
	if (lamp->max == 0)
		lamp->max = 1;
	err = write_attribute(lamp->brightness, "0\n");
	if (err) {
		lamp_close(lamp);
		return err;
	}
	lamp->intensity = open_attribute(folder, lamp->name, "multi_intensity", O_WRONLY);
	if (lamp->intensity >= 0)
		read_channels(lamp, folder);
	return 0;
}

unsigned lamp_channels(const char *folder, const char *name)
{
	struct lamp lamp = { 0 };

	snprintf(lamp.name, sizeof(lamp.name), "%s", name);
	read_channels(&lamp, folder);
	return lamp.channels;
}

void lamp_close(struct lamp *lamp)
{
	if (lamp->brightness >= 0)
		close(lamp->brightness);
	if (lamp->intensity >= 0)
		close(lamp->intensity);
	lamp->brightness = lamp->intensity = -1;
	lamp->written = false;
}

static int write_colour(const struct lamp *lamp, uint32_t colour)
{
	char text[LAMP_CHANNELS * 12 + 2] = "";
	size_t used = 0;

	for (unsigned i = 0; i < lamp->channels; i++) {
		unsigned byte = lamp->shift[i] < 32 ? (colour >> lamp->shift[i]) & 0xff : 0;
		int n = snprintf(
		    text + used, sizeof(text) - used, "%s%u", i ? " " : "", byte * lamp->max / 255);

		used += (size_t)n;
	}
	memcpy(text + used, "\n", 2);
	return write_attribute(lamp->intensity, text);
}

int lamp_show(struct lamp *lamp, bool lit, uint32_t colour)
{
	char text[16];
	int err = 0;

	if (lamp->brightness < 0 || (lamp->written && lamp->lit == lit && lamp->colour == colour))
		return 0;
	if (lamp->channels > 0 && (!lamp->written || lamp->colour != colour))
		err = write_colour(lamp, colour);
	if (!err) {
		snprintf(text, sizeof(text), "%u\n", lit ? lamp->max : 0);
		err = write_attribute(lamp->brightness, text);
	}
	if (err) {
		lamp_close(lamp);
		return err;
	}
	lamp->lit = lit;
	lamp->colour = colour;
	lamp->written = true;
	return 0;
}
