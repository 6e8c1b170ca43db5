/*
 * light: each state is told from on and off alone, and lamps in a folder like /sys/class/leds.
 */
#include "../../dockd/light.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLES 60 /* fifteen seconds of ticks */

/*
 * What an onlooker makes of a lamp who knows nothing but when it was lit, and may have begun to
 * look at any moment. Runs of equal samples that begin and end within sight are counted.
 */
static enum light_state decode(const bool *lit, size_t n)
{
	unsigned on_longest = 0, off_longest = 0, on_shortest = SAMPLES, off_shortest = SAMPLES;
	unsigned flashes = 0, run = 0;
	bool whole = false;

	for (size_t i = 0; i < n; i++) {
		run++;
		if (i + 1 < n && lit[i + 1] == lit[i])
			continue;
		if (whole && i + 1 < n) {
			unsigned *longest = lit[i] ? &on_longest : &off_longest;
			unsigned *shortest = lit[i] ? &on_shortest : &off_shortest;

			*longest = run > *longest ? run : *longest;
			*shortest = run < *shortest ? run : *shortest;
			flashes += lit[i];
		}
		whole = true;
		run = 0;
	}
	if (flashes == 0)
		return lit[0] ? LIGHT_TAKE : LIGHT_OFF;
	if (on_shortest >= 6)
		return on_longest >= 10 ? LIGHT_TAKE : LIGHT_CHARGING;
	if (off_shortest == 1 && off_longest >= 4)
		return LIGHT_LEAVE;
	return off_longest >= 12 ? LIGHT_EMPTY : LIGHT_READING;
}

static void timing_alone_tells_the_state(void **state)
{
	bool lit[SAMPLES];

	(void)state;
	for (unsigned s = LIGHT_OFF; s <= LIGHT_LEAVE; s++) {
		for (uint64_t start = 0; start < 240; start++) {
			for (size_t i = 0; i < SAMPLES; i++)
				lit[i] = light_is_lit((enum light_state)s, start + i);
			assert_int_equal(decode(lit, SAMPLES), s);
		}
	}
}

static unsigned lit_ticks(enum light_state s, unsigned from, unsigned n)
{
	unsigned lit = 0;

	for (unsigned i = from; i < from + n; i++)
		lit += light_is_lit(s, i);
	return lit;
}

static void timing_is_as_designed(void **state)
{
	(void)state;
	assert_int_equal(LIGHT_TICK_MS, 250);
	assert_int_equal(lit_ticks(LIGHT_OFF, 0, 240), 0);
	assert_int_equal(lit_ticks(LIGHT_EMPTY, 0, 240), 12);     /* a wink every 5 s */
	assert_int_equal(lit_ticks(LIGHT_READING, 0, 240), 120);  /* even, 2 Hz */
	assert_int_equal(lit_ticks(LIGHT_CHARGING, 0, 240), 210); /* 1.75 s on, 0.25 s off */
	assert_int_equal(lit_ticks(LIGHT_TAKE, 0, 240), 220);     /* a wink off every 3 s */
	assert_int_equal(lit_ticks(LIGHT_LEAVE, 0, 240), 72);     /* three flashes in 2.5 s */
	for (unsigned i = 0; i < 40; i++)
		assert_true(light_station_is_lit(STATION_WELL, i));
	assert_true(light_station_is_lit(STATION_AWAY, 3));
	assert_false(light_station_is_lit(STATION_AWAY, 4));
	assert_true(light_station_is_lit(STATION_NEEDS_IT, 2));
	assert_false(light_station_is_lit(STATION_NEEDS_IT, 1));
}

/* ---- lamps ---- */

struct leds {
	char folder[64];
};

static void put(const struct leds *d, const char *lamp, const char *attribute, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", d->folder, lamp);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", d->folder, lamp, attribute);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The first line; a sysfs file would hold nothing else. */
static const char *get(const struct leds *d, const char *lamp, const char *attribute)
{
	static char line[128];
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", d->folder, lamp, attribute);
	f = fopen(path, "re");
	assert_non_null(f);
	line[0] = '\0';
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int setup(void **state)
{
	static struct leds d;

	snprintf(d.folder, sizeof(d.folder), "/tmp/test_light.XXXXXX");
	*state = &d;
	return mkdtemp(d.folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const lamps[] = { "bay1", "bay2", "station" };
	static const char *const attributes[] = { "brightness", "max_brightness", "trigger",
		"multi_index", "multi_intensity" };
	struct leds *d = *state;
	char path[256];

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 5; k++) {
			snprintf(
			    path, sizeof(path), "%s/%s/%s", d->folder, lamps[i], attributes[k]);
			unlink(path);
		}
		snprintf(path, sizeof(path), "%s/%s", d->folder, lamps[i]);
		rmdir(path);
	}
	return rmdir(d->folder);
}

static void lamp_is_ours_and_follows_the_ticks(void **state)
{
	struct leds *d = *state;
	struct lights *l = lights_new(d->folder);

	put(d, "bay1", "max_brightness", "255\n");
	put(d, "bay1", "brightness", "0\n");
	put(d, "bay1", "trigger", "[usb-gadget] none\n");
	lights_set(l, "bay1", LIGHT_TAKE);
	assert_string_equal(get(d, "bay1", "trigger"), "none");
	for (unsigned tick = 0; tick < 24; tick++) {
		lights_tick(l, tick);
		assert_string_equal(get(d, "bay1", "brightness"), tick % 12 == 11 ? "0" : "255");
	}
	lights_set(l, "bay1", LIGHT_OFF);
	lights_tick(l, 24);
	assert_string_equal(get(d, "bay1", "brightness"), "0");
	lights_free(l);
}

static void only_changes_are_written(void **state)
{
	struct leds *d = *state;
	struct lights *l = lights_new(d->folder);

	put(d, "bay1", "max_brightness", "1\n");
	put(d, "bay1", "brightness", "0\n");
	lights_set(l, "bay1", LIGHT_TAKE);
	lights_tick(l, 0);
	put(d, "bay1", "brightness", "untouched\n"); /* same file, same descriptor */
	lights_set(l, "bay1", LIGHT_TAKE);
	lights_tick(l, 1);
	assert_string_equal(get(d, "bay1", "brightness"), "untouched");
	lights_tick(l, 11);
	assert_string_equal(get(d, "bay1", "brightness"), "0");
	lights_free(l);
}

static void colours_follow_multi_index(void **state)
{
	struct leds *d = *state;
	struct lights *l = lights_new(d->folder);

	put(d, "bay2", "max_brightness", "100\n");
	put(d, "bay2", "brightness", "0\n");
	put(d, "bay2", "multi_index", "blue white red green\n");
	put(d, "bay2", "multi_intensity", "\n");
	lights_set(l, "bay2", LIGHT_LEAVE);
	lights_tick(l, 0);
	assert_string_equal(get(d, "bay2", "multi_intensity"), "0 0 100 0");
	assert_string_equal(get(d, "bay2", "brightness"), "100");
	lights_set(l, "bay2", LIGHT_READING);
	lights_tick(l, 2);
	assert_string_equal(get(d, "bay2", "multi_intensity"), "100 0 0 0");
	lights_set(l, "bay2", LIGHT_CHARGING);
	lights_tick(l, 0);
	assert_string_equal(get(d, "bay2", "multi_intensity"), "0 0 100 62");
	lights_free(l);
}

static void all_off_and_free_leave_them_dark(void **state)
{
	struct leds *d = *state;
	struct lights *l = lights_new(d->folder);

	put(d, "bay1", "max_brightness", "255\n");
	put(d, "bay1", "brightness", "0\n");
	put(d, "station", "max_brightness", "9\n");
	put(d, "station", "brightness", "0\n");
	lights_set(l, "bay1", LIGHT_TAKE);
	lights_set_station(l, "station", STATION_WELL);
	lights_tick(l, 0);
	assert_string_equal(get(d, "bay1", "brightness"), "255");
	assert_string_equal(get(d, "station", "brightness"), "9");
	lights_all_off(l);
	assert_string_equal(get(d, "bay1", "brightness"), "0");
	assert_string_equal(get(d, "station", "brightness"), "0");
	lights_tick(l, 1);
	assert_string_equal(get(d, "bay1", "brightness"), "255");
	lights_free(l);
	assert_string_equal(get(d, "bay1", "brightness"), "0");
	assert_string_equal(get(d, "station", "brightness"), "0");
}

static void missing_lamp_is_told_once_and_found_later(void **state)
{
	struct leds *d = *state;
	struct lights *l = lights_new(d->folder);
	char log[256] = "";
	int pipefd[2], err;
	ssize_t n;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK), 0);
	err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_not_equal(dup2(pipefd[1], STDERR_FILENO), -1);
	lights_set(l, "bay1", LIGHT_TAKE);
	lights_set(l, "", LIGHT_TAKE);
	for (unsigned tick = 1; tick <= 80; tick++) {
		lights_set(l, "bay1", LIGHT_TAKE);
		lights_tick(l, tick);
	}
	assert_int_not_equal(dup2(err, STDERR_FILENO), -1);
	close(err);
	n = read(pipefd[0], log, sizeof(log) - 1);
	assert_true(n > 0);
	assert_non_null(strstr(log, "event=light-missing light=\"bay1\""));
	assert_ptr_equal(strchr(log, '\n'), log + n - 1);
	close(pipefd[0]);
	close(pipefd[1]);
	put(d, "bay1", "max_brightness", "255\n");
	put(d, "bay1", "brightness", "0\n");
	lights_tick(l, 120);
	assert_string_equal(get(d, "bay1", "brightness"), "255");
	lights_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timing_alone_tells_the_state),
		cmocka_unit_test(timing_is_as_designed),
		cmocka_unit_test_setup_teardown(
		    lamp_is_ours_and_follows_the_ticks, setup, teardown),
		cmocka_unit_test_setup_teardown(only_changes_are_written, setup, teardown),
		cmocka_unit_test_setup_teardown(colours_follow_multi_index, setup, teardown),
		cmocka_unit_test_setup_teardown(all_off_and_free_leave_them_dark, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    missing_lamp_is_told_once_and_found_later, setup, teardown),
	};

	return cmocka_run_group_tests_name("light", tests, NULL, NULL);
}
