/*
 * ports: what is told of scans that disagree, in which order, and never twice.
 */
#include "../../usb/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ports *p;
static uint64_t now;

static struct proto_arrived camera(const char *port, uint16_t device, uint32_t presence)
{
	struct proto_arrived a = { .bus = 1, .device = device, .presence = presence };

	snprintf(a.port, sizeof(a.port), "%s", port);
	return a;
}

static void scan(const struct proto_arrived *a, size_t n, bool at_once)
{
	ports_begin(p);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ports_see(p, &a[i], now), 0);
	ports_end(p, at_once, now);
	now += PORTS_SOON_MS;
}

/* Takes the next event: its type, 0 for none. */
static unsigned next(struct ports_event *e)
{
	if (!ports_next(p, e))
		return 0;
	ports_told(p, e);
	return e->type;
}

static int setup(void **state)
{
	(void)state;
	now = 1000;
	p = ports_new();
	return p ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ports_free(p);
	return 0;
}

static void arrives_when_settled(void **state)
{
	struct proto_arrived a = camera("1-1", 2, PRESENCE_READY);
	struct ports_event e;

	(void)state;
	scan(&a, 1, false);
	assert_int_equal(next(&e), 0);
	assert_true(ports_unsettled(p));
	a.interfaces = 1; /* the kernel makes them one by one */
	scan(&a, 1, false);
	assert_int_equal(next(&e), 0);
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.interfaces, 1);
	assert_int_equal(e.arrived.generation, 1);
	assert_false(ports_unsettled(p));
	scan(&a, 1, false);
	assert_int_equal(next(&e), 0);
	assert_non_null(ports_find(p, "1-1", 1));
	assert_null(ports_find(p, "1-1", 2));
	assert_null(ports_find(p, "1-2", 1));
}

static void leaves(void **state)
{
	struct proto_arrived a = camera("1-1", 2, PRESENCE_READY);
	struct ports_event e;

	(void)state;
	scan(&a, 1, true);
	assert_int_equal(next(&e), MSG_ARRIVED);
	scan(NULL, 0, false);
	/* What could not be sent stays owed, whatever the next scan says. */
	assert_true(ports_next(p, &e));
	scan(NULL, 0, false);
	assert_int_equal(next(&e), MSG_LEFT);
	assert_string_equal(e.arrived.port, "1-1");
	assert_int_equal(e.arrived.generation, 1);
	assert_null(ports_find(p, "1-1", 1));
	scan(NULL, 0, false);
	assert_int_equal(next(&e), 0);
}

static void another_in_its_place(void **state)
{
	struct proto_arrived a = camera("1-1", 2, PRESENCE_READY);
	struct ports_event e;

	(void)state;
	scan(&a, 1, true);
	assert_int_equal(next(&e), MSG_ARRIVED);
	a.device = 3;
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_LEFT);
	assert_int_equal(e.arrived.generation, 1);
	assert_int_equal(next(&e), 0);
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.generation, 2);
	assert_null(ports_find(p, "1-1", 1));
	assert_non_null(ports_find(p, "1-1", 2));
}

static void back_with_the_same_address(void **state)
{
	struct proto_arrived a = camera("1-1", 2, PRESENCE_READY);
	struct ports_event e;

	(void)state;
	scan(&a, 1, true);
	assert_int_equal(next(&e), MSG_ARRIVED);
	scan(NULL, 0, false); /* LEFT is owed, and it is back before it could be told */
	scan(&a, 1, false);
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_LEFT);
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.generation, 2);
	assert_int_equal(next(&e), 0);
}

static void presence_changes(void **state)
{
	struct proto_arrived a = camera("1-1", 2, PRESENCE_NOT_CONFIGURED);
	struct ports_event e;

	(void)state;
	scan(&a, 1, false);
	scan(&a, 1, false);
	assert_int_equal(next(&e), 0); /* perhaps only not yet */
	now += PORTS_SETTLE_MS;
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.presence, PRESENCE_NOT_CONFIGURED);
	a.presence = PRESENCE_READY;
	scan(&a, 1, false);
	assert_true(ports_unsettled(p));
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.presence, PRESENCE_READY);
	assert_int_equal(e.arrived.generation, 1);
	a.presence = PRESENCE_NOT_AUTHORISED;
	scan(&a, 1, false);
	scan(&a, 1, false);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.presence, PRESENCE_NOT_AUTHORISED);
}

static void departures_first(void **state)
{
	struct proto_arrived two[] = { camera("1-1", 2, PRESENCE_READY),
		camera("1-2", 3, PRESENCE_READY) };
	struct ports_event e;

	(void)state;
	scan(&two[1], 1, true);
	assert_int_equal(next(&e), MSG_ARRIVED);
	scan(&two[0], 1, true);
	assert_int_equal(next(&e), MSG_LEFT);
	assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(e.arrived.generation, 2);
}

static void full(void **state)
{
	struct ports_event e;

	(void)state;
	ports_begin(p);
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		struct proto_arrived a = camera("", 2, PRESENCE_READY);

		snprintf(a.port, sizeof(a.port), "1-%u", i + 1);
		assert_int_equal(ports_see(p, &a, now), 0);
	}
	assert_int_equal(ports_see(p, &(struct proto_arrived){ .port = "2-1" }, now), -ENOSPC);
	ports_end(p, true, now);
	for (unsigned i = 0; i < PORTS_MAX; i++)
		assert_int_equal(next(&e), MSG_ARRIVED);
	assert_int_equal(next(&e), 0);
	scan(NULL, 0, false);
	for (unsigned i = 0; i < PORTS_MAX; i++)
		assert_int_equal(next(&e), MSG_LEFT);
	assert_int_equal(ports_see(p, &(struct proto_arrived){ .port = "2-1" }, now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arrives_when_settled, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(another_in_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(back_with_the_same_address, setup, teardown),
		cmocka_unit_test_setup_teardown(presence_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(departures_first, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
