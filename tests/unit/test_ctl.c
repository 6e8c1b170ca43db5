/*
 * dockctl: what it asks, what it shows, how it exits.
 */
#include "../../dockd/base/proto_hotplug.h"
#include "../../dockd/base/proto_light.h"
#include "../../dockd/base/proto_station.h"
#include "ctl_daemon.h"

#include <pwd.h>
#include <time.h>

static void tell_status(int sock)
{
	struct proto_ctl_status s = { .station = "north",
		.version = "9.9",
		.generation = 7,
		.assets = 1204,
		.receipted = 1200,
		.unsent_bytes = 1234567890,
		.oldest_unsent_s = 1700000000,
		.bays = 40,
		.occupied = 3,
		.station_light = STATION_AWAY,
		.accept_level = LEVEL_SIGNED,
		.disk_free_bytes = 5000000000,
		.text = "start dockd-hotplug" };

	asked(sock, ASK_STATUS);
	tell(sock, MSG_STATUS, &s);
	tell(sock, MSG_DESTINED,
	    &(struct proto_ctl_destination){ .name = "es",
		.driver = "tus",
		.connected = 1,
		.away = 1,
		.queued = 4,
		.allowed_per_s = RATE_UNLIMITED,
		.expected_s = INT64_MAX,
		.text = "no route to host" });
	tell(sock, MSG_DESTINED,
	    &(struct proto_ctl_destination){ .name = "nas",
		.driver = "dir",
		.connected = 1,
		.active = 2,
		.queued = 31,
		.bytes_per_s = 150000,
		.allowed_per_s = 250000,
		.expected_s = time(NULL) + 9600,
		.oldest_expected_s = time(NULL) + 600,
		.oldest_deadline_s = 1700000000 });
	tell_end(sock, 0, 0, "");
}

static void tell_bay(int sock, const char *name, unsigned light)
{
	struct proto_ctl_bay b = { .port = "1-2",
		.state = "ready",
		.camera = "BWC-1",
		.light = light,
		.battery_percent = -1,
		.clock_offset_ms = INT64_MIN,
		.docking = 3,
		.held = 2,
		.features = 9 };

	snprintf(b.bay, sizeof(b.bay), "%s", name);
	tell(sock, MSG_BAY, &b);
}

/* ---- status, bay, watch ---- */

static void tell_roots(int sock)
{
	struct proto_ctl_root root = { .port = "1-2",
		.cameras = 8,
		.pulls = 3,
		.waiting = 4,
		.minutes_left = 41,
		.bytes_per_s = 34000000,
		.pending_bytes = 83000000000 };
	struct proto_controller host = { .name = "0000:00:14.0",
		.slots = 12,
		.endpoints = 60,
		.endpoints_max = 64,
		.unconfigured = 1 };

	EXPECT(asked(sock, ASK_ROOTS).cursor == 0);
	EXPECT(msg_send(sock, MSG_ROOT, 0, 0, &root, NULL, 0) == 0);
	EXPECT(msg_send(sock, MSG_HOST, 0, 0, &host, NULL, 0) == 0);
	tell_end(sock, 0, 0, "");
}

static void play_status_and_bays(int sock)
{
	tell_status(sock);
	EXPECT(asked(sock, ASK_BAYS).cursor == 0);
	tell_bay(sock, "4", LIGHT_TAKE);
	tell_end(sock, 0, 0, "");
}

static void play_status_and_roots(int sock)
{
	tell_status(sock);
	tell_roots(sock);
}

static void status_for_people_and_programs(void **state)
{
	json_t *s, *d;

	(void)state;
	assert_int_equal(dockctl(play_status_and_bays, "status"), CTL_OK);
	assert_non_null(strstr(t.out, "server away: clips are kept here"));
	assert_non_null(strstr(t.out, "NOT WATCHED"));
	assert_non_null(strstr(t.out, "1.2 GB"));
	assert_non_null(strstr(t.out, "TO DO      start dockd-hotplug"));
	assert_non_null(strstr(t.out, "out of reach: no route to host"));
	assert_non_null(strstr(t.out, "take it"));
	assert_non_null(strstr(t.out, "all 4 expected never, were it to answer now"));
	assert_non_null(strstr(t.out, "sending 2 at 1.2 Mbit/s"));
	assert_int_equal(dockctl(play_status_and_roots, "--json status"), CTL_OK);
	s = parsed();
	d = json_array_get(json_object_get(s, "roots"), 0);
	assert_string_equal(text_at(d, "port"), "1-2");
	assert_int_equal(number_at(d, "minutes_left"), 41);
	assert_int_equal(number_at(d, "pulls"), 3);
	d = json_array_get(json_object_get(s, "controllers"), 0);
	assert_true(json_is_null(json_object_get(d, "slots_max")));
	assert_int_equal(number_at(d, "endpoints_max"), 64);
	assert_string_equal(text_at(s, "station"), "north");
	assert_int_equal(number_at(s, "receipted"), 1200);
	assert_string_equal(text_at(s, "oldest_unsent"), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(s, "station_light"), "away");
	assert_true(json_is_false(json_object_get(s, "hotplug")));
	d = json_object_get(s, "destinations");
	assert_int_equal(json_array_size(d), 2);
	assert_true(json_is_true(json_object_get(json_array_get(d, 0), "away")));
	assert_string_equal(text_at(json_array_get(d, 0), "expected"), "never");
	assert_true(json_is_null(json_object_get(json_array_get(d, 0), "bytes_per_s")));
	assert_true(json_is_null(json_object_get(json_array_get(d, 0), "allowed_per_s")));
	assert_string_equal(text_at(json_array_get(d, 1), "name"), "nas");
	assert_int_equal(number_at(json_array_get(d, 1), "bytes_per_s"), 150000);
	assert_string_equal(
	    text_at(json_array_get(d, 1), "urgent_deadline"), "2023-11-14T22:13:20Z");
	json_decref(s);
}

static void play_pages(int sock)
{
	EXPECT(asked(sock, ASK_BAYS).cursor == 0);
	tell_bay(sock, "1", LIGHT_TAKE);
	tell_bay(sock, "2", LIGHT_READING);
	tell_end(sock, 0, 2, "");
	EXPECT(asked(sock, ASK_BAYS).cursor == 2);
	tell_bay(sock, "3", LIGHT_EMPTY);
	tell_end(sock, 0, 0, "");
}

static void play_pages_and_roots(int sock)
{
	play_pages(sock);
	tell_roots(sock);
}

static void pages_are_fetched_to_the_last(void **state)
{
	json_t *s, *list;

	(void)state;
	assert_int_equal(dockctl(play_pages, "bay --json"), CTL_OK);
	s = parsed();
	list = json_object_get(s, "bays");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(text_at(json_array_get(list, 2), "light"), "empty");
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "battery_percent")));
	json_decref(s);
	assert_int_equal(dockctl(play_pages_and_roots, "bay"), CTL_OK);
	assert_non_null(strstr(t.out, "reading: leave it in"));
	assert_non_null(
	    strstr(t.out, "1-2: 8 cameras, 3 pulled at 34 MB/s, 83 GB to read, 41 min\n"));
	assert_non_null(
	    strstr(t.out, "USB 0000:00:14.0, 12 devices, 60 of 64 endpoints, 1 NOT CONFIGURED\n"));
}

static void play_one_bay(int sock)
{
	EXPECT(strcmp(asked(sock, ASK_BAYS).text, "7") == 0);
	tell_bay(sock, "7", LIGHT_CHARGING);
	tell_end(sock, 0, 0, "");
}

static void play_no_bay(int sock)
{
	asked(sock, ASK_BAYS);
	tell_end(sock, -ENOENT, 0, "no bay of that name\x1b[31m");
}

static void one_bay_by_name(void **state)
{
	json_t *b;

	(void)state;
	assert_int_equal(dockctl(play_one_bay, "--json bay 7"), CTL_OK);
	b = parsed();
	assert_string_equal(text_at(b, "bay"), "7");
	assert_string_equal(text_at(json_object_get(b, "features"), ""), "(none)");
	assert_int_equal(json_array_size(json_object_get(b, "features")), 2);
	json_decref(b);
	assert_int_equal(dockctl(play_one_bay, "bay 7"), CTL_OK);
	assert_non_null(strstr(t.out, "Battery    not known"));
	assert_int_equal(dockctl(play_no_bay, "bay 8"), CTL_FAILED);
	assert_string_equal(t.err, "dockctl: no bay of that name\\x1B[31m\n");
}

static void play_watch(int sock)
{
	for (int i = 0; i < 2; i++) {
		tell_status(sock);
		tell_roots(sock);
		asked(sock, ASK_BAYS);
		tell_bay(sock, "1", LIGHT_TAKE);
		tell_end(sock, 0, 0, "");
		EXPECT(asked(sock, ASK_CHANGED).cursor == 7);
		if (i == 0)
			tell_end(sock, 0, 0, "");
	}
}

static void watch_goes_on_until_the_daemon_ends(void **state)
{
	char *second;

	(void)state;
	assert_int_equal(dockctl(play_watch, "--json watch"), CTL_NO_DAEMON);
	second = strchr(t.out, '\n');
	assert_non_null(second);
	assert_ptr_equal(strchr(second + 1, '\n'), t.out + strlen(t.out) - 1);
	*second = '\0';
	json_decref(parsed());
}

/* ---- clip, queue ---- */

static void play_clip(int sock)
{
	struct proto_ctl_asset a = asset(17);

	EXPECT(asked(sock, ASK_ASSET).number == 17);
	tell(sock, MSG_ASSET, &a);
	tell(sock, MSG_UPLOADING,
	    &(struct proto_ctl_upload){ .number = 17,
		.destination = "es",
		.rung = RUNG_SENT,
		.offset_bytes = 5,
		.address = "https://es/f/1" });
	tell_end(sock, 0, 0, "");
}

static void clip_with_its_uploads_and_no_escapes(void **state)
{
	json_t *a;

	(void)state;
	assert_int_equal(dockctl(play_clip, "clip 17 --json"), CTL_OK);
	a = parsed();
	assert_string_equal(text_at(a, "rung"), "checked");
	assert_string_equal(text_at(a, "path"),
	    "DCIM/\x1b[2J\xe2\x80\xae"
	    "4pm.\\xFF.mp4");
	assert_true(json_is_null(json_object_get(a, "mtime")));
	assert_string_equal(
	    text_at(json_array_get(json_object_get(a, "uploads"), 0), "address"), "https://es/f/1");
	json_decref(a);
	assert_int_equal(dockctl(play_clip, "clip 17"), CTL_OK);
	assert_null(strchr(t.out, '\x1b'));
	assert_null(strstr(t.out, "\xe2\x80\xae"));
	assert_non_null(strstr(t.out, "DCIM/\\x1B[2J\\xE2\\x80\\xAE4pm.\\xFF.mp4"));
	assert_non_null(strstr(t.out, "being sent, 5 B there"));
	assert_non_null(strstr(t.out, "Why        never"));
}

static void play_queue(int sock)
{
	struct proto_ask ask = asked(sock, ASK_ASSETS);
	struct proto_ctl_asset a = asset(1);

	EXPECT(ask.flags == ASSETS_QUEUED && ask.cursor == 0);
	tell(sock, MSG_ASSET, &a);
	tell_end(sock, 0, 1, "");
	ask = asked(sock, ASK_ASSETS);
	EXPECT(ask.flags == ASSETS_QUEUED && ask.cursor == 1);
	a = asset(2);
	tell(sock, MSG_ASSET, &a);
	tell_end(sock, 0, 0, "");
	tell_status(sock);
}

static void play_all_of_nothing(int sock)
{
	EXPECT(asked(sock, ASK_ASSETS).flags == 0);
	tell_end(sock, 0, 0, "");
	EXPECT(asked(sock, ASK_STATUS).cursor == 0);
	tell_end(sock, 0, 0, "");
}

static void queue_is_one_object_over_pages(void **state)
{
	json_t *q;

	(void)state;
	assert_int_equal(dockctl(play_queue, "--json queue"), CTL_OK);
	q = parsed();
	assert_int_equal(json_array_size(json_object_get(q, "assets")), 2);
	assert_int_equal(number_at(json_array_get(json_object_get(q, "assets"), 1), "number"), 2);
	assert_int_equal(json_array_size(json_object_get(q, "destinations")), 2);
	json_decref(q);
	assert_int_equal(dockctl(play_queue, "queue"), CTL_OK);
	assert_null(strchr(t.out, '\x1b'));
	assert_non_null(strstr(t.out, "all 31 expected"));
	assert_int_equal(dockctl(play_all_of_nothing, "--json queue --all"), CTL_OK);
	assert_string_equal(t.out, "{\"assets\":[],\"destinations\":[]}\n");
}

/* ---- wait, retry ---- */

static struct proto_ask wanted;
static int answer;

static void play_wanted(int sock)
{
	struct proto_ask ask = asked(sock, wanted.ask);

	ask.version = 0;
	EXPECT(memcmp(&ask, &wanted, sizeof(ask)) == 0);
	tell_end(sock, answer, 0, ask.ask == ASK_RETRY && !answer ? "bay 4 is tried again" : "");
}

static void play_refused(int sock)
{
	asked(sock, ASK_BAYS);
	tell_end(sock, -EPERM, 0, "this needs the role viewer: adduser USER dockd-viewer, as root");
}

/* "USER", as the daemon says it, is whoever asks. */
static void who_is_refused_is_told_by_name_how_to_be_let_in(void **state)
{
	const struct passwd *p = getpwuid(geteuid());
	char wanted_text[256];

	(void)state;
	assert_non_null(p);
	snprintf(wanted_text, sizeof(wanted_text),
	    "dockctl: not permitted: this needs the role viewer: adduser %s dockd-viewer, as root\n",
	    p->pw_name);
	assert_int_equal(dockctl(play_refused, "bay"), CTL_NOT_PERMITTED);
	assert_string_equal(t.err, wanted_text);
}

static void with_json_errors_and_orders_are_objects(void **state)
{
	(void)state;
	assert_int_equal(dockctl(play_refused, "--json bay"), CTL_NOT_PERMITTED);
	assert_string_equal(t.out, "");
	assert_memory_equal(t.err, "{\"error\":\"not permitted: this needs", 35);
	assert_non_null(strstr(t.err, "\"exit\":5}\n"));
	assert_int_equal(dockctl(NULL, "status --json"), CTL_NO_DAEMON);
	assert_non_null(strstr(t.err, "\"exit\":4}\n"));
	assert_int_equal(dockctl(NULL, "--frob status --json"), CTL_USAGE);
	assert_string_equal(t.err,
	    "{\"error\":\"--frob: there is no such option, or a value is missing or is one too "
	    "many\",\"exit\":2}\n");
	assert_int_equal(dockctl(NULL, "clip x --json"), CTL_USAGE);
	assert_string_equal(
	    t.err, "{\"error\":\"clip takes a number, as queue shows it\",\"exit\":2}\n");
	wanted = (struct proto_ask){ .reason = "x", .ask = ASK_RETRY, .text = "4" };
	answer = 0;
	assert_int_equal(dockctl(play_wanted, "--json retry bay 4 --reason x"), CTL_OK);
	assert_string_equal(t.out, "{\"ok\":true,\"text\":\"bay 4 is tried again\"}\n");
	answer = -ENOENT;
	assert_int_equal(dockctl(play_wanted, "--json retry bay 4 --reason x"), CTL_FAILED);
	assert_string_equal(t.err, "{\"error\":\"No such file or directory\",\"exit\":1}\n");
}

static void conditions_are_asked_as_meant(void **state)
{
	static const struct {
		const char *line;
		struct proto_ask ask;
	} cases[] = {
		{ "wait clip 9 receipted",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_ASSET_RUNG,
			.number = 9,
			.rung = RUNG_RECEIPTED } },
		{ "wait all staged --timeout 3",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_ALL_RUNG,
			.rung = RUNG_STAGED,
			.timeout_ms = 3000 } },
		{ "wait bay 4 take",
		    { .ask = ASK_WAIT,
			.wait_for = WAIT_BAY_LIGHT,
			.rung = LIGHT_TAKE,
			.text = "4" } },
		{ "wait --timeout 4000000 idle",
		    { .ask = ASK_WAIT, .wait_for = WAIT_IDLE, .timeout_ms = 4000000000 } },
		{ "wait dockings 12",
		    { .ask = ASK_WAIT, .wait_for = WAIT_DOCKINGS, .cursor = 12 } },
		{ "expedite 3 --reason x", { .reason = "x", .ask = ASK_EXPEDITE, .number = 3 } },
		{ "expedite clip 3 --reason x",
		    { .reason = "x", .ask = ASK_EXPEDITE, .number = 3 } },
		{ "expedite CAM-7 --reason x",
		    { .reason = "x", .ask = ASK_EXPEDITE, .text = "CAM-7" } },
		{ "expedite camera 7 --reason x",
		    { .reason = "x", .ask = ASK_EXPEDITE, .text = "7" } },
		{ "retry --reason x", { .reason = "x", .ask = ASK_RETRY } },
		{ "retry all --reason x", { .reason = "x", .ask = ASK_RETRY } },
		{ "retry clip 3 --reason x", { .reason = "x", .ask = ASK_RETRY, .number = 3 } },
		{ "retry bay x --reason x", { .reason = "x", .ask = ASK_RETRY, .text = "x" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wanted = cases[i].ask;
		answer = 0;
		assert_int_equal(dockctl(play_wanted, cases[i].line), CTL_OK);
		assert_string_equal(t.out, wanted.ask == ASK_RETRY ? "bay 4 is tried again\n" : "");
	}
}

static void exit_codes_tell_what_went_wrong(void **state)
{
	static const struct {
		int status, code;
	} cases[] = {
		{ -ETIMEDOUT, CTL_TIMED_OUT },
		{ -ENOENT, CTL_FAILED },
		{ -EPERM, CTL_NOT_PERMITTED },
		{ -EINVAL, CTL_FAILED },
		{ 0, CTL_OK },
	};

	(void)state;
	wanted = (struct proto_ask){ .ask = ASK_WAIT, .wait_for = WAIT_IDLE };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = cases[i].status;
		assert_int_equal(dockctl(play_wanted, "wait idle"), cases[i].code);
		assert_int_equal(t.err[0] == '\0', cases[i].code == CTL_OK);
	}
	assert_int_equal(dockctl(NULL, "status"), CTL_NO_DAEMON);
	assert_non_null(strstr(t.err, "dockd is not running"));
}

static void wrong_lines_are_usage_errors_without_a_daemon(void **state)
{
	static const char *const lines[] = { "", "frob", "--frob", "status x", "clip", "clip x",
		"clip 0", "clip -1", "clip 1x", "clip 99999999999999999999", "wait",
		"wait idle now", "wait bay 1 green", "wait clip 1 sealed", "wait all",
		"wait idle --timeout 0", "wait idle --timeout 5s", "status --timeout 5",
		"status --all", "expedite --reason x", "expedite 3", "expedite clip x --reason x",
		"expedite bay 1 --reason x", "queue --ledger", "retry clip --reason x",
		"retry clip x --reason x", "retry bay --reason x", "retry some --reason x", "retry",
		"export --reason x", "export DIR", "preserve --reason x", "preserve asset 1",
		"preserve camera --reason x", "preserve period 1 2 --reason x", "lift --reason x",
		"lift 1", "orders x", "due x", "dispose 1 --reason x", "dispose 1 --order x",
		"dispose x --reason x --order y", "watch x", "queue x", "bay 1 2" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (dockctl(NULL, lines[i]) != CTL_USAGE)
			fail_msg("%s: %s", lines[i], t.err);
	}
	assert_int_equal(dockctl(NULL, "help"), CTL_OK);
	assert_int_equal(dockctl(NULL, "--version"), CTL_OK);
	assert_string_equal(t.out, "dockctl " DOCKD_VERSION "\n");

	dockctl(NULL, "review x");
	assert_non_null(strstr(t.err, "  due, review "));
	assert_null(strstr(t.err, "  status "));
}

static void play_close(int sock)
{
	asked(sock, ASK_STATUS);
}

static void play_stranger(int sock)
{
	asked(sock, ASK_STATUS);
	tell(sock, MSG_BYE, NULL);
}

static void play_circle(int sock)
{
	asked(sock, ASK_BAYS);
	tell_end(sock, 0, 5, "");
	EXPECT(asked(sock, ASK_BAYS).cursor == 5);
	tell_end(sock, 0, 5, "");
}

static void a_daemon_that_misbehaves_ends_it(void **state)
{
	(void)state;
	assert_int_equal(dockctl(play_close, "status"), CTL_NO_DAEMON);
	assert_int_equal(dockctl(play_stranger, "status"), CTL_FAILED);
	assert_non_null(strstr(t.err, "of one version"));
	assert_int_equal(dockctl(play_circle, "bay"), CTL_FAILED);
}

/* ---- text ---- */

static void text_is_made_harmless(void **state)
{
	static const struct {
		const char *in, *terminal, *json;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5",
		    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5",
		    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa5" },
		{ "a\nb\x7f", "a\\x0Ab\\x7F", "a\nb\x7f" },
		{ "\xc2\x9b"
		  "31m",
		    "\\xC2\\x9B31m",
		    "\xc2\x9b"
		    "31m" },
		{ "\xe2\x81\xa6x", "\\xE2\\x81\\xA6x", "\xe2\x81\xa6x" },
		{ "\xc0\xaf", "\\xC0\\xAF", "\\xC0\\xAF" },
		{ "\xed\xa0\x80", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", "\\xF4\\x90\\x80\\x80" },
		{ "x\xe2\x82", "x\\xE2\\x82", "x\\xE2\\x82" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(
		    text_clean(cases[i].in, true, out, sizeof(out)), cases[i].terminal);
		assert_string_equal(
		    text_clean(cases[i].in, false, out, sizeof(out)), cases[i].json);
	}
	assert_string_equal(text_clean("ab\xc3\xa9", true, out, 5), "ab\xc3\xa9");
	assert_string_equal(text_clean("abc\xc3\xa9", true, out, 5), "abc");
	assert_string_equal(text_clean("a\x01", true, out, 5), "a");
}

static void sizes_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 9940, "9.9 kB" },
		{ 9960, "10 kB" }, { 999499, "999 kB" }, { 999500, "1.0 MB" },
		{ 1234567890, "1.2 GB" }, { UINT64_MAX, "18 EB" } };
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_bytes(cases[i].bytes, out, sizeof(out)), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(status_for_people_and_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_are_fetched_to_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(one_bay_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    watch_goes_on_until_the_daemon_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    clip_with_its_uploads_and_no_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(queue_is_one_object_over_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_is_refused_is_told_by_name_how_to_be_let_in, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    with_json_errors_and_orders_are_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(conditions_are_asked_as_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(exit_codes_tell_what_went_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    wrong_lines_are_usage_errors_without_a_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_misbehaves_ends_it, setup, teardown),
		cmocka_unit_test(text_is_made_harmless),
		cmocka_unit_test(sizes_are_short),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
