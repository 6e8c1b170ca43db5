/*
 * ports: what is told of scans that disagree, in which order, and never twice; the same of what is
 * below each controller, and of ports that went over their current.
 */
#include "../../usb/hotplug/burden.h"
#include "../../usb/hotplug/ports.h"

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

/* ---- burden ---- */

static struct burden *burden;

static int setup_burden(void **state)
{
	(void)state;
	now = 1000;
	burden = burden_new();
	return burden ? 0 : -1;
}

static int teardown_burden(void **state)
{
	(void)state;
	burden_free(burden);
	return 0;
}

/* One scan of a controller with two buses: devices of 4 endpoints each. */
static void look(unsigned devices, unsigned unconfigured, bool at_once)
{
	struct proto_controller c = { .name = "0000:00:14.0", .endpoints_max = 64 };

	burden_begin(burden);
	for (unsigned bus = 1; bus <= 2; bus++) {
		c.buses = 1u << bus;
		burden_bus(burden, &c);
	}
	for (unsigned i = 0; i < devices; i++)
		burden_device(burden, 1 + i % 2, i < unconfigured ? 1 : 4, i >= unconfigured);
	burden_device(burden, 9, 4, true); /* of a bus that nobody knows */
	burden_end(burden, at_once, now);
	now += PORTS_SOON_MS;
}

static unsigned owed(struct burden_event *e)
{
	if (!burden_next(burden, e))
		return 0;
	burden_told(burden, e);
	return e->type;
}

static void counts_below_a_controller(void **state)
{
	struct burden_event e;

	(void)state;
	look(3, 0, true);
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	assert_string_equal(e.controller.name, "0000:00:14.0");
	assert_int_equal(e.controller.buses, 6);
	assert_int_equal(e.controller.slots, 3);
	assert_int_equal(e.controller.endpoints, 12);
	assert_int_equal(e.controller.endpoints_max, 64);
	assert_int_equal(owed(&e), 0);
	look(3, 0, false);
	assert_int_equal(owed(&e), 0);
	assert_false(burden_unsettled(burden));
	look(4, 0, false);
	assert_int_equal(owed(&e), 0);
	assert_true(burden_unsettled(burden));
	look(4, 0, false);
	assert_true(burden_next(burden, &e));
	look(4, 0, false); /* what could not be sent stays owed */
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	assert_int_equal(e.controller.slots, 4);
	burden_begin(burden); /* it is gone: told once, empty */
	burden_end(burden, false, now);
	burden_begin(burden);
	burden_end(burden, false, now);
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	assert_int_equal(e.controller.buses, 0);
	assert_int_equal(e.controller.slots, 0);
}

static void unconfigured_for_a_while(void **state)
{
	struct burden_event e;

	(void)state;
	look(3, 0, true);
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	for (unsigned i = 0; i < 5; i++) {
		look(4, 1, false);
		assert_int_equal(owed(&e), 0);
		assert_true(burden_unsettled(burden));
	}
	look(4, 0, false); /* it was on its way */
	look(4, 0, false);
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	assert_int_equal(e.controller.unconfigured, 0);
	look(5, 1, false);
	now += BURDEN_SETTLE_MS;
	look(5, 1, false);
	assert_int_equal(owed(&e), MSG_CONTROLLER);
	assert_int_equal(e.controller.unconfigured, 1);
	assert_int_equal(e.controller.slots, 5);
}

static void see(const char *port, uint32_t count)
{
	struct proto_over_current o = { .count = count };

	snprintf(o.port, sizeof(o.port), "%s", port);
	burden_begin(burden);
	burden_port(burden, &o);
	burden_end(burden, false, now);
}

static void counts_of_over_current(void **state)
{
	struct burden_event e;

	(void)state;
	see("1-1.2", 0);
	assert_int_equal(owed(&e), 0);
	see("1-1.2", 2);
	assert_int_equal(owed(&e), MSG_OVER_CURRENT);
	assert_string_equal(e.current.port, "1-1.2");
	assert_int_equal(e.current.count, 2);
	see("1-1.2", 2);
	assert_int_equal(owed(&e), 0);
	see("1-1.2", 0); /* the hub came anew */
	assert_int_equal(owed(&e), MSG_OVER_CURRENT);
	assert_int_equal(e.current.count, 0);
	see("1-1.2", 1);
	assert_int_equal(owed(&e), MSG_OVER_CURRENT);
	assert_int_equal(e.current.count, 1);
}

static void more_than_there_is_room_for(void **state)
{
	struct burden_event e;
	char text[16];
	unsigned n = 0;

	(void)state;
	burden_begin(burden);
	for (unsigned i = 0; i < BURDEN_PORTS + 9; i++) {
		struct proto_over_current o = { .count = 1 };

		snprintf(o.port, sizeof(o.port), "1-%u", i + 1);
		burden_port(burden, &o);
	}
	for (unsigned i = 0; i < BURDEN_CONTROLLERS + 9; i++) {
		struct proto_controller c = { .buses = 2 };

		snprintf(text, sizeof(text), "c%u", i);
		memcpy(c.name, text, sizeof(text));
		burden_bus(burden, &c);
	}
	burden_end(burden, true, now);
	while (owed(&e))
		n++;
	assert_int_equal(n, BURDEN_PORTS + BURDEN_CONTROLLERS);
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
		cmocka_unit_test_setup_teardown(
		    counts_below_a_controller, setup_burden, teardown_burden),
		cmocka_unit_test_setup_teardown(
		    unconfigured_for_a_while, setup_burden, teardown_burden),
		cmocka_unit_test_setup_teardown(
		    counts_of_over_current, setup_burden, teardown_burden),
		cmocka_unit_test_setup_teardown(
		    more_than_there_is_room_for, setup_burden, teardown_burden),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
