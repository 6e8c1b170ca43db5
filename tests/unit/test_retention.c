/*
 * retention: when something was recorded, where it stands on the way to its deadline, what may
 * never go by age, and what an order covers. Tables; no clock, no files.
 */
#include "../../dockd/retention_rules.h"

#include "../../dockd/ctl_time.h"
#include "../../dockd/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAY RETENTION_DAY_S
#define OCTOBER INT64_C(1792890000) /* 2026-10-25T01:00:00Z: London goes back from 02:00 to 01:00 */
#define NOW (OCTOBER + 12 * 3600)

static void put(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text);
}

static struct retention_class classes[RETENTION_CLASSES];

static void a_time_is_believed_only_where_it_is_proved(void **state)
{
	static const struct {
		int64_t mtime_s, offset_ms;
		bool synchronised, proved;
		int64_t recorded_s;
	} cases[] = {
		{ NOW - 3600, 0, true, true, NOW - 3600 },
		{ NOW - 3600, 90500, true, true, NOW - 3600 - 90 },
		{ NOW - 3600, -90500, true, true, NOW - 3600 + 90 },
		{ NOW - 3600, 0, false, false, NOW },
		{ NOW - 3600, PROTO_NO_TIME, true, false, NOW },
		{ NOW - 40 * DAY, 0, true, true, NOW - 40 * DAY },
		{ 100, 0, true, false, NOW },           /* 1970 */
		{ PROTO_NO_TIME, 0, true, false, NOW }, /* none */
		{ ASSET_EARLIEST_S, 0, true, true, ASSET_EARLIEST_S },
		{ ASSET_EARLIEST_S - 1, 0, true, false, NOW },
		{ NOW + RETENTION_AHEAD_S, 0, true, true, NOW + RETENTION_AHEAD_S },
		{ NOW + RETENTION_AHEAD_S + 1, 0, true, false, NOW },
		{ NOW + 400 * DAY, 400 * DAY * INT64_C(1000), true, false, NOW },
		{ NOW - DAY, (DAY + 1) * INT64_C(1000), true, false, NOW },
		{ NOW - DAY, -DAY * INT64_C(1000), true, true, NOW },
	};
	size_t n = retention_default_classes(classes);
	struct retention_told told;
	struct zone utc;

	(void)state;
	assert_int_equal(zone_read("UTC0", &utc), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retention_facts f = { KIND_CLIP, cases[i].mtime_s, &utc, cases[i].offset_ms,
			cases[i].synchronised, NOW };

		retention_tell(&f, classes, n, &told);
		if (told.proved != cases[i].proved || told.recorded_s != cases[i].recorded_s)
			fail_msg("case %zu: %d %lld", i, told.proved, (long long)told.recorded_s);
		assert_true(told.dispose_by_s == told.recorded_s + 31 * DAY);
		f.zone = NULL;
		retention_tell(&f, classes, n, &told);
		assert_false(told.proved);
	}
}

/* 01:30 of that Sunday comes twice on the face of the clock: one answer, a day of 86,400 seconds. */
static void the_october_sunday_has_one_answer(void **state)
{
	struct retention_facts f = { KIND_CLIP, OCTOBER + 1800, NULL, 0, true, NOW };
	size_t n = retention_default_classes(classes);
	struct retention_told told;
	struct zone london;

	(void)state;
	assert_int_equal(zone_read("GMT0BST,M3.5.0/1,M10.5.0", &london), 0);
	f.zone = &london;
	retention_tell(&f, classes, n, &told);
	assert_true(told.proved && told.recorded_s == OCTOBER - 1800);
	f.mtime_s = OCTOBER + 3 * 3600; /* 04:00 on the face, winter time */
	retention_tell(&f, classes, n, &told);
	assert_true(told.recorded_s == OCTOBER + 3 * 3600);
	assert_true(told.dispose_by_s - told.recorded_s == 31 * INT64_C(86400));
	f.mtime_s = OCTOBER - 3 * 3600; /* 22:00 on the face, summer time */
	retention_tell(&f, classes, n, &told);
	assert_true(told.recorded_s == OCTOBER - 4 * 3600);
}

static void logs_and_reports_have_no_date(void **state)
{
	static const struct {
		enum object_kind kind;
		const char *class;
		bool dated;
	} cases[] = {
		{ KIND_CLIP, "not-yet-categorised", true },
		{ KIND_SIDECAR, "not-yet-categorised", true },
		{ KIND_OTHER, "not-yet-categorised", true },
		{ KIND_LOG, "audit-log", false },
		{ KIND_REPORT, "activation-report", false },
	};
	size_t n = retention_default_classes(classes);
	struct retention_told told;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct retention_facts f = { .kind = cases[i].kind, .staged_s = NOW };

		retention_tell(&f, classes, n, &told);
		assert_string_equal(told.class->name, cases[i].class);
		assert_int_equal(told.dispose_by_s != PROTO_NO_TIME, cases[i].dated);
	}
}

static void days_21_24_and_30(void **state)
{
	static const struct {
		int64_t at;
		int stage;
	} cases[] = {
		{ 0, 0 },
		{ 21 * DAY - 1, 0 },
		{ 21 * DAY, DUE_LISTED },
		{ 24 * DAY - 1, DUE_LISTED },
		{ 24 * DAY, DUE_MARKED },
		{ 30 * DAY - 1, DUE_MARKED },
		{ 30 * DAY, DUE_NOW },
		{ 31 * DAY, DUE_NOW },
		{ 4000 * DAY, DUE_NOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    retention_stage(NOW + 31 * DAY, NOW + cases[i].at), cases[i].stage);
	assert_int_equal(retention_stage(PROTO_NO_TIME, NOW), 0);
}

static const char *refused(struct asset *a, struct dispose_facts f)
{
	const char *why;

	f.asset = a;
	why = retention_refuses(&f);
	return why ? why : "";
}

static void what_may_never_go_by_age(void **state)
{
	const struct dispose_facts good = { .receipted = true, .docked_s = NOW };
	struct asset a = { .number = 1, .kind = KIND_CLIP, .recorded_proved = true };
	struct dispose_facts f = good;

	(void)state;
	a.dispose_by_s = NOW + 7 * DAY;
	put(a.signature, sizeof(a.signature), "unsigned");
	assert_string_equal(refused(&a, f), "");
	f.docked_s = NOW + 1;
	assert_non_null(strstr(refused(&a, f), "under 7 days"));
	f.docked_s = 0;
	assert_non_null(strstr(refused(&a, f), "under 7 days"));
	f = good;
	f.preserved = true;
	assert_non_null(strstr(refused(&a, f), "preservation order"));
	f = good;
	f.receipted = false;
	assert_non_null(strstr(refused(&a, f), "receipt"));
	f = good;
	f.finding = true;
	assert_non_null(strstr(refused(&a, f), "finding"));
	f = good;
	f.camera_signs = true;
	assert_non_null(strstr(refused(&a, f), "signature"));
	put(a.signature, sizeof(a.signature), "mismatch");
	assert_non_null(strstr(refused(&a, good), "signature"));
	put(a.signature, sizeof(a.signature), "valid");
	assert_string_equal(refused(&a, f), "");
	f = good;
	f.camera_empties = true;
	assert_non_null(strstr(refused(&a, f), "still on its camera"));
	a.erased = true;
	assert_string_equal(refused(&a, f), "");
	f.flagged = true;
	assert_non_null(strstr(refused(&a, f), "flagged"));
	f.flagged = false;
	a.needs_person = true;
	assert_non_null(strstr(refused(&a, good), "trouble"));
	a.needs_person = false;
	a.recorded_proved = false;
	assert_non_null(strstr(refused(&a, good), "not proved"));
}

static void an_order_covers_in_doubt(void **state)
{
	struct asset a = {
		.number = 7, .docking = 3, .pulled_docking = 4, .recorded_proved = true
	};
	struct order o = { .number = 1, .scope = ORDER_ASSET, .value = "7" };

	(void)state;
	put(a.camera, sizeof(a.camera), "A");
	put(a.class, sizeof(a.class), "x");
	a.recorded_s = NOW;
	assert_true(order_covers(&o, &a));
	put(o.value, sizeof(o.value), "77");
	assert_false(order_covers(&o, &a));
	o.scope = ORDER_DOCKING;
	put(o.value, sizeof(o.value), "4");
	assert_true(order_covers(&o, &a));
	put(o.value, sizeof(o.value), "5");
	assert_false(order_covers(&o, &a));
	o.scope = ORDER_CAMERA;
	put(o.value, sizeof(o.value), "A");
	assert_true(order_covers(&o, &a));
	o.lifted_s = 1;
	assert_false(order_covers(&o, &a));
	o = (struct order){ .scope = ORDER_PERIOD, .from_s = NOW - DAY, .until_s = NOW + DAY };
	assert_true(order_covers(&o, &a));
	a.recorded_s = NOW + DAY + ORDER_AFTER_S - 1;
	assert_true(order_covers(&o, &a));
	a.recorded_s++;
	assert_false(order_covers(&o, &a));
	a.recorded_proved = false; /* arrived later than that, recorded nobody knows when */
	assert_true(order_covers(&o, &a));
	a.recorded_s = NOW - DAY - ORDER_BEFORE_S - 1; /* arrived before it began */
	assert_false(order_covers(&o, &a));
	put(o.value, sizeof(o.value), "B");
	a.recorded_s = NOW;
	assert_false(order_covers(&o, &a));
	o.scope = 0; /* of a later version */
	assert_true(order_covers(&o, &a));
}

static void times_are_read_as_they_are_meant(void **state)
{
	static const struct {
		const char *text;
		bool end;
		int64_t at;
	} cases[] = {
		{ "-", false, PROTO_NO_TIME },
		{ "2026-10-25T01:00:00Z", false, OCTOBER },
		{ "2026-10-25T02:00+01:00", false, OCTOBER },
		{ "2026-10-25 01:30", false, OCTOBER - 1800 }, /* comes twice: the first */
		{ "2026-10-25T01:30", true, OCTOBER + 1800 },  /* and the last */
		{ "2026-10-25", false, OCTOBER - 2 * 3600 },
		{ "2026-10-25", true, OCTOBER + 23 * 3600 },
		{ "2026-10-25Z", true, OCTOBER + 23 * 3600 },
	};
	static const char *const bad[] = { "", "2026", "2026-02-30", "2026-13-01", "25.10.2026",
		"2026-10-25T24:00", "2026-10-25T01:00:00X", "2026-03-29T01:30", "2026-10-25T01",
		"x" };
	int64_t at;

	(void)state;
	setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!time_read(cases[i].text, cases[i].end, &at) || at != cases[i].at)
			fail_msg("%s: %lld", cases[i].text, (long long)at);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (time_read(bad[i], false, &at))
			fail_msg("%s is read as %lld", bad[i], (long long)at);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_believed_only_where_it_is_proved),
		cmocka_unit_test(the_october_sunday_has_one_answer),
		cmocka_unit_test(logs_and_reports_have_no_date),
		cmocka_unit_test(days_21_24_and_30),
		cmocka_unit_test(what_may_never_go_by_age),
		cmocka_unit_test(an_order_covers_in_doubt),
		cmocka_unit_test(times_are_read_as_they_are_meant),
	};

	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
