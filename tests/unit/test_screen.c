/*
 * screen: dockctl status in 24 lines of 80 columns, whatever there is to tell.
 */
#include "../../dockd/ctl_screen.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1795521600

static struct screen screen;
static char *shown;
static size_t shown_len;

static int begin(void **state)
{
	(void)state;
	memset(&screen, 0, sizeof(screen));
	snprintf(screen.status.station, sizeof(screen.status.station), "north");
	snprintf(screen.status.time_source, sizeof(screen.status.time_source), "chrony");
	screen.status.station_light = STATION_WELL;
	screen.status.hotplug_connected = screen.status.clock_synchronised = 1;
	screen.status.disk_free_bytes = 400000000000;
	screen.status.disk_full_s = NOW + 12 * 86400 + 60;
	screen.destinations_n = 1;
	snprintf(screen.destination[0].name, PROTO_NAME_LEN, "store");
	snprintf(screen.destination[0].driver, 32, "tus");
	screen.destination[0].connected = 1;
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(shown);
	shown = NULL;
	return 0;
}

static void some_bays(size_t n, unsigned light)
{
	screen.bays_n = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(screen.bay[i].bay, PROTO_NAME_LEN, "%zu", i + 1);
		snprintf(screen.bay[i].camera, sizeof(screen.bay[i].camera), "BWC-%zu", i);
		screen.bay[i].light = light;
		screen.bay[i].docking = 1;
		screen.bay[i].battery_percent = 100;
	}
}

/* Shows it; whether it fits is asked of every screen. */
static const char *show(bool colour)
{
	FILE *out;
	unsigned lines = 0, columns = 0;

	free(shown);
	out = open_memstream(&shown, &shown_len);
	screen_show(out, &screen, NOW, colour);
	fclose(out);
	for (const char *s = shown; *s && !colour; s++) {
		columns = *s == '\n' ? 0 : columns + 1;
		lines += *s == '\n';
		assert_true(columns <= SCREEN_COLUMNS);
		assert_true(*s != '\033');
	}
	assert_true(lines <= SCREEN_LINES);
	return shown;
}

static void fill(char *text, size_t room, const char *with)
{
	size_t n = strlen(with);

	text[0] = '\0';
	for (size_t used = 0; used + n + 1 < room; used += n)
		memcpy(text + used, with, n + 1);
}

static void what_a_person_must_do_comes_first(void **state)
{
	const char *todo;

	(void)state;
	some_bays(8, LIGHT_TAKE);
	snprintf(screen.status.text, sizeof(screen.status.text), "start dockd-hotplug");
	screen.status.station_light = STATION_NEEDS_IT;
	todo = strstr(show(false), "\nTO DO      start dockd-hotplug\n");
	assert_non_null(todo);
	assert_true(strchr(shown, '\n') == todo);
	assert_non_null(strstr(shown, "full in 12 days"));
	assert_null(strstr(shown, "overdue"));
	screen.status.cameras_overdue = 480;
	assert_non_null(strstr(show(false),
	    "\nCameras    480 overdue: ask for them; which: dockctl camera list --overdue\n"));
	assert_non_null(strstr(shown, "\nMore: dockctl doctor"));
}

static void the_worst_day_fits(void **state)
{
	(void)state;
	some_bays(8, LIGHT_LEAVE);
	for (size_t i = 0; i < 8; i++) {
		fill(screen.bay[i].text, sizeof(screen.bay[i].text), "it hangs ");
		fill(screen.bay[i].attention, sizeof(screen.bay[i].attention), "change the cable ");
		fill(screen.bay[i].camera, sizeof(screen.bay[i].camera), "W");
		fill(screen.bay[i].bay, sizeof(screen.bay[i].bay), "bay");
	}
	fill(screen.status.text, sizeof(screen.status.text), "do this and that; ");
	fill(screen.status.station, sizeof(screen.status.station), "north");
	screen.status.plaintext = screen.status.intake_stopped = 1;
	screen.status.station_light = STATION_NEEDS_IT;
	screen.status.assets = screen.status.receipted = screen.status.erased = UINT64_MAX;
	screen.status.unsent_bytes = UINT64_MAX;
	screen.status.cameras_overdue = 999999;
	screen.status.oldest_unsent_s = 1;
	screen.status.erase = 1;
	screen.status.accept_level = LEVEL_TRANSFER_DIGEST;
	screen.destination[0].away = 1;
	screen.destination[0].queued = screen.destination[0].queued_bytes = UINT64_MAX;
	fill(screen.destination[0].text, sizeof(screen.destination[0].text), "no route ");
	show(false);
	assert_non_null(strstr(shown, "... (dockctl doctor)\n"));
	assert_non_null(strstr(shown, "NOT ENCRYPTED: "));
	assert_non_null(strstr(shown, "NOTHING IS TAKEN IN"));
	assert_non_null(strstr(shown, "somebody: dockctl bay"));
	assert_non_null(strstr(shown, "\nCameras    999999 overdue: "));
	/* and eight destinations, two of them away, and nobody watching */
	screen.status.hotplug_connected = 0;
	screen.destinations_n = SCREEN_DESTINATIONS;
	for (size_t i = 1; i < SCREEN_DESTINATIONS; i++) {
		snprintf(screen.destination[i].name, PROTO_NAME_LEN, "d%zu", i);
		screen.destination[i].connected = 1;
	}
	show(false);
	assert_non_null(strstr(shown, "\n7 more: dockctl --json status\n"));
	assert_non_null(strstr(shown, "\n999999 cameras overdue. ")); /* no line is left for it */
	screen.bays_n = 2;
	screen.destination[7].connected = 0;
	assert_non_null(strstr(show(false), "\nd7 "));
}

static void what_is_the_matter_with_a_destination_is_said_once(void **state)
{
	const char *at;

	(void)state;
	screen.destination[0].connected = 0;
	snprintf(screen.destination[0].text, sizeof(screen.destination[0].text),
	    "its uploader is not connected: is it running?");
	at = strstr(show(false), "; its uploader is not connected: is it running?\n");
	assert_non_null(at);
	assert_null(strstr(at + 3, "its uploader"));
	snprintf(screen.destination[0].text, sizeof(screen.destination[0].text), "no route");
	assert_non_null(strstr(show(false), "; its uploader is not connected: no route\n"));
}

static void many_bays_are_summed_up_and_those_in_need_named(void **state)
{
	(void)state;
	some_bays(64, LIGHT_CHARGING);
	for (size_t i = 10; i < 20; i++)
		screen.bay[i].light = LIGHT_TAKE;
	screen.bay[6].light = screen.bay[40].light = LIGHT_LEAVE;
	snprintf(screen.bay[6].text, PROTO_TEXT_LEN, "its card cannot be read");
	show(false);
	assert_non_null(strstr(shown, "  leave it: call for help (7, 41)\n"));
	assert_non_null(strstr(shown, "   52  "));
	assert_non_null(strstr(shown, "   10  "));
	assert_non_null(strstr(shown, "\n7        its card cannot be read\n"));
}

static void colours_are_extra(void **state)
{
	(void)state;
	screen.status.plaintext = 1;
	show(true);
	assert_non_null(strstr(shown, "\033[31;1m           NOT ENCRYPTED: "));
	assert_non_null(strstr(show(false), "NOT ENCRYPTED: "));
	/* what a camera says cannot draw on the screen */
	some_bays(1, LIGHT_TAKE);
	snprintf(screen.bay[0].camera, PROTO_TEXT_LEN, "x\033[2J");
	show(false);
	assert_non_null(strstr(shown, "x\\x1B[2J"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_person_must_do_comes_first),
		TEST(the_worst_day_fits),
		TEST(what_is_the_matter_with_a_destination_is_said_once),
		TEST(many_bays_are_summed_up_and_those_in_need_named),
		TEST(colours_are_extra),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
