/*
 * light: the rhythms in their table, and lamps in a folder like /sys/class/leds.
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

/* Whole stretches of one rhythm, in ticks: how long it is lit and dark, at least and at most. */
struct stretches {
	size_t on_min, on_max, off_min, off_max;
};

static struct stretches measure(const char *rhythm)
{
	struct stretches s = { SIZE_MAX, 0, SIZE_MAX, 0 };
	size_t n = strlen(rhythm), begin = 0;

	while (begin < n && (rhythm[begin] == rhythm[(begin + n - 1) % n]))
		begin++;
	for (size_t i = 0; i < n;) {
		char what = rhythm[(begin + i) % n];
		size_t len = 0;

		while (i < n && rhythm[(begin + i) % n] == what) {
			len++;
			i++;
		}
		if (what == '#') {
			s.on_min = len < s.on_min ? len : s.on_min;
			s.on_max = len > s.on_max ? len : s.on_max;
		} else {
			s.off_min = len < s.off_min ? len : s.off_min;
			s.off_max = len > s.off_max ? len : s.off_max;
		}
	}
	return s;
}

/* Rows that moves, of bays and of the station, and the test. */
static size_t rows_that_move(const struct light_row *rows[LIGHT_STATES + 4])
{
	size_t n = 0;

	for (unsigned i = LIGHT_EMPTY; i < LIGHT_STATES; i++)
		rows[n++] = light_row(i);
	for (unsigned i = STATION_WELL; i <= STATION_NEEDS_IT; i++)
		rows[n++] = light_station_row(i);
	rows[n++] = light_test_row();
	return n;
}

static void an_eye_tells_without_counting(void **state)
{
	(void)state;
	for (unsigned i = LIGHT_EMPTY; i < LIGHT_STATES; i++) {
		struct stretches a = measure(light_row(i)->rhythm);

		for (unsigned k = i + 1; k <= LIGHT_STATES; k++) {
			struct stretches b = measure(
			    k < LIGHT_STATES ? light_row(k)->rhythm : light_test_row()->rhythm);
			size_t differs = (a.on_max >= 2 * b.on_max) + (b.on_max >= 2 * a.on_max) +
			    (a.off_max >= 2 * b.off_max) + (b.off_max >= 2 * a.off_max);

			if (differs == 0)
				fail_msg("%s and %u", light_word(i), k);
		}
		/* nothing else is ever lit for as long as "take it", by far */
		if (i != LIGHT_TAKE)
			assert_true(measure(light_row(LIGHT_TAKE)->rhythm).on_max >= 2 * a.on_max);
	}
}

static void every_state_moves_within_the_time_that_an_eye_is_given(void **state)
{
	const struct light_row *row[LIGHT_STATES + 4];
	size_t n = rows_that_move(row);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct stretches s = measure(row[i]->rhythm);

		assert_in_range(s.on_max * LIGHT_TICK_MS, 1, LIGHT_WATCH_S * 1000 - 1);
		assert_in_range(s.off_max * LIGHT_TICK_MS, 1, LIGHT_WATCH_S * 1000 - 1);
	}
	assert_false(light_row_is_lit(light_row(LIGHT_OFF), 3));
	assert_ptr_equal(light_row(99), light_row(LIGHT_OFF));
	assert_ptr_equal(light_station_row(0), light_row(LIGHT_OFF));
	assert_true(light_row_is_lit(light_row(LIGHT_TAKE), 12 * UINT64_C(1000000000)));
	assert_false(light_row_is_lit(light_row(LIGHT_TAKE), 12 * UINT64_C(1000000000) - 1));
}

static void every_row_is_whole(void **state)
{
	const struct light_row *row[LIGHT_STATES + 4];
	size_t n = rows_that_move(row);

	(void)state;
	row[n++] = light_row(LIGHT_OFF);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(row[i]->word);
		assert_true(row[i]->title[0] && row[i]->timing[0] && row[i]->summary[0]);
		/* one state, one name: what dockctl shows begins with what the card says */
		assert_memory_equal(row[i]->summary, row[i]->title, strlen(row[i]->title));
		assert_non_null(strchr(":", row[i]->summary[strlen(row[i]->title)]));
		assert_true(row[i]->means[0] && row[i]->todo[0] && row[i]->who[0]);
		assert_int_equal(strspn(row[i]->rhythm, "#."), strlen(row[i]->rhythm));
		assert_int_equal(row[i]->colour != 0, row[i]->hue[0] != '\0');
	}
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
	put(d, "bay1", "brightness", "7\n");
	lights_set(l, "bay1", LIGHT_TAKE);
	assert_string_equal(get(d, "bay1", "brightness"), "0"); /* ends a trigger */
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
		cmocka_unit_test(an_eye_tells_without_counting),
		cmocka_unit_test(every_state_moves_within_the_time_that_an_eye_is_given),
		cmocka_unit_test(every_row_is_whole),
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
