#include "light.h"

#include "base/log.h"
#include "lamp_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLOURS 3       /* channels of a multicolour lamp that we know: red, green, blue */
#define CHANNELS 8      /* channels that one lamp may have */
#define REOPEN_TICKS 40 /* a lamp that is missing is looked for again */
#define WHITE 0xffffffu

/* One lamp of the class folder. Kept for good once named: a station has as many as bays. */
struct lamp {
	struct lamp *next;
	char name[PROTO_NAME_LEN];
	char node[NAME_MAX + 1]; /* its folder in the class at the last opening */
	int brightness;          /* descriptor, -1: missing */
	int intensity;           /* descriptor, -1: one colour */
	unsigned max;
	unsigned channels;
	unsigned
	    shift[CHANNELS]; /* of the channel's byte in 0xRRGGBB; 32: a colour we do not mix */
	bool told;           /* that it is missing or cannot be written */
	bool station;
	unsigned state;    /* enum light_state or station_light */
	bool lit, written; /* what was written last, and whether anything was */
	uint32_t colour;   /* written last */
};

struct lights {
	struct lamp *first;
	char folder[PATH_MAX / 2];
};

/* ---- timing ---- */

/* Three flashes of one tick, one tick apart, then dark to the end of two and a half seconds. */
static bool triple_flash(uint64_t tick)
{
	unsigned at = (unsigned)(tick % 10);

	return at == 0 || at == 2 || at == 4;
}

bool light_is_lit(enum light_state state, uint64_t tick)
{
	switch (state) {
	case LIGHT_OFF:
		return false;
	case LIGHT_EMPTY:
		return tick % 20 == 0;
	case LIGHT_READING:
		return tick % 2 == 0;
	case LIGHT_CHARGING:
		return tick % 8 != 7;
	case LIGHT_TAKE:
		return tick % 12 != 11;
	case LIGHT_LEAVE:
		return triple_flash(tick);
	}
	return false;
}

bool light_station_is_lit(enum station_light state, uint64_t tick)
{
	switch (state) {
	case STATION_WELL:
		return true;
	case STATION_AWAY:
		return tick % 8 < 4;
	case STATION_NEEDS_IT:
		return triple_flash(tick);
	}
	return false;
}

uint32_t light_colour(enum light_state state)
{
	switch (state) {
	case LIGHT_OFF:
		return 0;
	case LIGHT_EMPTY:
		return WHITE;
	case LIGHT_READING:
		return 0x0000ff;
	case LIGHT_CHARGING:
		return 0xffa000;
	case LIGHT_TAKE:
		return 0x00ff00;
	case LIGHT_LEAVE:
		return 0xff0000;
	}
	return 0;
}

static uint32_t station_colour(enum station_light state)
{
	switch (state) {
	case STATION_WELL:
		return 0x00ff00;
	case STATION_AWAY:
		return 0xffa000;
	case STATION_NEEDS_IT:
		return 0xff0000;
	}
	return 0;
}

const char *light_word(enum light_state state)
{
	switch (state) {
	case LIGHT_OFF:
		return "off";
	case LIGHT_EMPTY:
		return "empty";
	case LIGHT_READING:
		return "reading";
	case LIGHT_CHARGING:
		return "charging";
	case LIGHT_TAKE:
		return "take";
	case LIGHT_LEAVE:
		return "leave";
	}
	return "?";
}

/* ---- lamps: Documentation/leds/leds-class.rst and leds-class-multicolor.rst of Linux ---- */

static int open_attribute(
    const struct lights *l, const struct lamp *lamp, const char *attribute, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", l->folder, lamp->node, attribute);
	return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

/* A whole attribute as text; "" where there is none. */
static void read_attribute(
    const struct lights *l, const struct lamp *lamp, const char *attribute, char *out, size_t room)
{
	int fd = open_attribute(l, lamp, attribute, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);

	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* sysfs takes a value in one write from the start of the file. */
static int write_attribute(int fd, const char *text)
{
	size_t len = strlen(text);

	if (pwrite(fd, text, len, 0) != (ssize_t)len)
		return -errno;
	return 0;
}

/* Which byte of the colour goes to which channel, in the order of multi_index. */
static void read_channels(const struct lights *l, struct lamp *lamp)
{
	static const char *const names[COLOURS] = { "red", "green", "blue" };
	char text[256];
	char *word = text;

	read_attribute(l, lamp, "multi_index", text, sizeof(text));
	while (lamp->channels < CHANNELS) {
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

/* Once for each trouble; a lamp is an extra, so nothing else follows from it. */
static void tell_trouble(struct lamp *lamp, int err)
{
	if (!lamp->told)
		log_warn("light-missing", "light=\"%s\" error=\"%s\"", log_text(lamp->name),
		    strerror(-err));
	lamp->told = true;
}

static void open_lamp(const struct lights *l, struct lamp *lamp)
{
	char text[32];
	int trigger, err = lamp_name_find(l->folder, lamp->name, lamp->node, sizeof(lamp->node));

	lamp->channels = 0;
	lamp->written = false;
	lamp->brightness = err ? -1 : open_attribute(l, lamp, "brightness", O_WRONLY);
	if (lamp->brightness < 0) {
		tell_trouble(lamp, err ? err : -errno);
		return;
	}
	read_attribute(l, lamp, "max_brightness", text, sizeof(text));
	lamp->max = (unsigned)strtoul(text, NULL, 10);
	if (lamp->max == 0)
		lamp->max = 1;
	trigger = open_attribute(l, lamp, "trigger", O_WRONLY);
	if (trigger >= 0) {
		if (write_attribute(trigger, "none\n") < 0)
			tell_trouble(lamp, -errno);
		close(trigger);
	}
	lamp->intensity = open_attribute(l, lamp, "multi_intensity", O_WRONLY);
	if (lamp->intensity >= 0)
		read_channels(l, lamp);
	lamp->told = false;
}

static void close_lamp(struct lamp *lamp)
{
	if (lamp->brightness >= 0)
		close(lamp->brightness);
	if (lamp->intensity >= 0)
		close(lamp->intensity);
	lamp->brightness = lamp->intensity = -1;
}

static int write_colour(const struct lamp *lamp, uint32_t colour)
{
	char text[CHANNELS * 12 + 2] = "";
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

static void show(struct lamp *lamp, bool lit, uint32_t colour)
{
	char text[16];
	int err = 0;

	if (lamp->brightness < 0 || (lamp->written && lamp->lit == lit && lamp->colour == colour))
		return;
	if (lamp->channels > 0 && (!lamp->written || lamp->colour != colour))
		err = write_colour(lamp, colour);
	if (!err) {
		snprintf(text, sizeof(text), "%u\n", lit ? lamp->max : 0);
		err = write_attribute(lamp->brightness, text);
	}
	if (err) {
		tell_trouble(lamp, err);
		close_lamp(lamp);
		return;
	}
	lamp->lit = lit;
	lamp->colour = colour;
	lamp->written = true;
}

static struct lamp *lamp_named(struct lights *l, const char *name)
{
	struct lamp *lamp;

	for (lamp = l->first; lamp; lamp = lamp->next) {
		if (strcmp(lamp->name, name) == 0)
			return lamp;
	}
	lamp = calloc(1, sizeof(*lamp));
	if (!lamp)
		return NULL;
	snprintf(lamp->name, sizeof(lamp->name), "%s", name);
	lamp->brightness = lamp->intensity = -1;
	open_lamp(l, lamp);
	lamp->next = l->first;
	l->first = lamp;
	return lamp;
}

/* ---- all lamps ---- */

struct lights *lights_new(const char *leds_dir)
{
	struct lights *l = calloc(1, sizeof(*l));

	if (l)
		snprintf(l->folder, sizeof(l->folder), "%s", leds_dir);
	return l;
}

void lights_free(struct lights *l)
{
	struct lamp *next;

	if (!l)
		return;
	lights_all_off(l);
	for (struct lamp *lamp = l->first; lamp; lamp = next) {
		next = lamp->next;
		close_lamp(lamp);
		free(lamp);
	}
	free(l);
}

static void set(struct lights *l, const char *name, unsigned state, bool station)
{
	struct lamp *lamp = name[0] ? lamp_named(l, name) : NULL;

	if (!lamp)
		return;
	lamp->state = state;
	lamp->station = station;
}

void lights_set(struct lights *l, const char *name, enum light_state state)
{
	set(l, name, state, false);
}

void lights_set_station(struct lights *l, const char *name, enum station_light state)
{
	set(l, name, state, true);
}

void lights_tick(struct lights *l, uint64_t tick)
{
	for (struct lamp *lamp = l->first; lamp; lamp = lamp->next) {
		if (lamp->brightness < 0 && tick % REOPEN_TICKS == 0)
			open_lamp(l, lamp);
		if (lamp->station)
			show(lamp, light_station_is_lit(lamp->state, tick),
			    station_colour(lamp->state));
		else
			show(lamp, light_is_lit(lamp->state, tick), light_colour(lamp->state));
	}
}

void lights_all_off(struct lights *l)
{
	for (struct lamp *lamp = l->first; lamp; lamp = lamp->next) {
		lamp->written = false;
		show(lamp, false, lamp->colour);
	}
}
