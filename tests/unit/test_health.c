/*
 * health: what is the bay's fault, what the camera's, and what the ledger keeps of both; resources
 * of host controllers.
 */
#include "../../dockd/controllers.h"
#include "../../dockd/health.c"
#include "../../dockd/index_inner.h"

#include "fresh_index.h"

/* ---- what health asks of the core; nothing here comes so far ---- */

struct index *journal_index(struct journal *j)
{
	(void)j;
	return ix;
}

int journal_write(struct journal *j, struct record *r)
{
	(void)j;
	(void)r;
	return 0;
}

const char *staging_boot(const struct staging *s)
{
	(void)s;
	return "boot";
}

struct bay *bays_find(struct bays *h, const char *port)
{
	(void)h;
	(void)port;
	return NULL;
}

struct record *books_begin(const char *type)
{
	record_begin(&rec, type);
	return &rec;
}

void books_write(struct bay *b, struct record *r)
{
	(void)b;
	(void)r;
}

/* ---- judging ---- */

static struct health_docking rows[HEALTH_DOCKINGS];
static size_t n;

static void row(const char *port, const char *camera, uint32_t errors)
{
	struct health_docking *d = &rows[n++];

	memset(d, 0, sizeof(*d));
	d->docking = 100 - n;
	snprintf(d->port, sizeof(d->port), "%s", port);
	snprintf(d->camera, sizeof(d->camera), "%s", camera);
	d->errors = errors;
	d->kinds = errors ? 1u << MISHAP_CONTACT : 0;
}

static void it_is_the_bay(void **state)
{
	(void)state;
	n = 0;
	row("1-1", "A", 1);
	row("1-1", "B", 0);
	row("1-1", "B", 2);
	assert_int_equal(health_judge(rows, n, "A", NULL, 0), 0);
	row("1-1", "C", 1);
	assert_int_equal(health_judge(rows, n, "A", NULL, 0), AILMENT_BAY);
	assert_int_equal(health_judge(rows, n, "", NULL, 0), AILMENT_BAY);
	rows[1].kinds = 1u << MISHAP_CURRENT;
	rows[0].errors = 0;
	assert_int_equal(health_judge(rows, n, "A", NULL, 0), AILMENT_CURRENT);
}

static void it_is_the_camera(void **state)
{
	struct health_docking of_a[4];

	(void)state;
	n = 0;
	row("1-1", "A", 1);
	row("1-2", "A", 1);
	row("1-2", "A", 1);
	memcpy(of_a, rows, 3 * sizeof(of_a[0]));
	assert_true(health_camera_ails(of_a, 3));
	assert_false(health_camera_ails(of_a, 2));
	/* a bay in which that camera alone has errors is well */
	n = 0;
	row("1-1", "A", 1);
	row("1-1", "A", 1);
	row("1-1", "A", 1);
	row("1-1", "B", 0);
	assert_int_equal(health_judge(rows, n, "A", of_a, 3), AILMENT_CAMERA);
	/* but for what others have there too */
	row("1-1", "B", 1);
	row("1-1", "C", 1);
	row("1-1", "C", 1);
	assert_int_equal(health_judge(rows, n, "A", of_a, 3), AILMENT_CAMERA | AILMENT_BAY);
}

static void it_cannot_be_told(void **state)
{
	(void)state;
	n = 0;
	for (unsigned i = 0; i < 3; i++)
		row("1-1", "A", 1);
	assert_int_equal(health_judge(rows, n, "A", rows, n), AILMENT_EITHER);
	/* cameras that tell no serial number may all be the same one */
	n = 0;
	row("1-1", "unproved:1:4", 1);
	row("1-1", "unproved:1:5", 1);
	row("1-1", "unproved:1:6", 1);
	assert_int_equal(health_judge(rows, n, "unproved:1:6", rows, 1), AILMENT_EITHER);
}

static void slow(void **state)
{
	struct proto_arrived a = { .speed_mbps = 480, .usb_version = 0x0200, .interfaces = 1 };

	(void)state;
	a.interface[0].class = 8;
	assert_false(health_is_slow(&a, 0));
	assert_false(health_is_slow(&a, 480));
	assert_true(health_is_slow(&a, 5000));
	a.speed_mbps = 12;
	assert_true(health_is_slow(&a, 0));
	a.usb_version = 0x0110;
	assert_false(health_is_slow(&a, 0));
	assert_true(health_is_slow(&a, 480));
	a.usb_version = 0x0210;
	a.interface[0].class = 0xff;
	assert_false(health_is_slow(&a, 12));
	a.interface[0].class = 6;
	assert_true(health_is_slow(&a, 12));
	a.speed_mbps = 0;
	assert_false(health_is_slow(&a, 480));
}

static void fill(void **state)
{
	static struct profile p = { .erasable = true };
	static struct bays house;
	static struct bay b = { .house = &house, .profile = &p };

	(void)state;
	assert_int_equal(health_fill(&b), 255);
	b.known = true;
	assert_int_equal(health_fill(&b), 255);
	b.camera.capacity_bytes = 1000;
	b.camera.free_bytes = 500;
	assert_int_equal(health_fill(&b), 50);
	b.camera.free_bytes = 0;
	assert_int_equal(health_fill(&b), 100);
	b.camera.free_bytes = 1001;
	assert_int_equal(health_fill(&b), 255);
	b.camera.capacity_bytes = UINT64_MAX;
	b.camera.free_bytes = UINT64_MAX / 4;
	assert_int_equal(health_fill(&b), 75);
	assert_non_null(not_emptied(&b));
	b.camera.features = CAMERA_ERASES;
	assert_non_null(strstr(not_emptied(&b), "never"));
	house.settings.erase = true;
	assert_null(not_emptied(&b));
	p.erasable = false;
	assert_non_null(not_emptied(&b));
	p.driver = DRIVER_MSC;
	b.camera.features = 0;
	assert_non_null(strstr(not_emptied(&b), "disk"));
	p.overwrites_oldest = true;
	assert_null(not_emptied(&b));
}

/* ---- what the ledger keeps ---- */

static void put(void)
{
	apply_at(APPLY_FROM_S);
}

static void dock(uint64_t docking, const char *port, const char *camera, int64_t speed)
{
	record_begin(&rec, "docked");
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "bay", port);
	record_text(&rec, "port", port);
	record_text(&rec, "serial", camera);
	record_text(&rec, "profile", "p");
	record_number(&rec, "speed", speed);
	put();
	record_begin(&rec, "camera");
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "camera", camera);
	put();
}

static void mishap(uint64_t docking, const char *what)
{
	record_begin(&rec, "mishap");
	record_number(&rec, "docking", (int64_t)docking);
	record_text(&rec, "what", what);
	put();
}

static void kept(void **state)
{
	struct health_docking d[HEALTH_DOCKINGS];

	(void)state;
	for (uint64_t i = 1; i <= 25; i++)
		dock(i, "1-1", "A", 5000);
	dock(26, "1-2", "A", 480);
	dock(27, "1-1", "B", 480);
	mishap(26, "worker");
	mishap(26, "contact");
	mishap(26, "of a later version");
	assert_int_equal(index_health_port(ix, "1-1", d, HEALTH_DOCKINGS), HEALTH_DOCKINGS);
	assert_int_equal(d[0].docking, 27);
	assert_string_equal(d[0].camera, "B");
	assert_int_equal(d[0].errors, 0);
	assert_int_equal(index_health_camera(ix, "A", d, HEALTH_DOCKINGS), HEALTH_DOCKINGS);
	assert_int_equal(d[0].docking, 26);
	assert_int_equal(d[0].errors, 3);
	assert_int_equal(d[0].kinds, 1u << MISHAP_WORKER | 1u << MISHAP_CONTACT | 1);
	assert_int_equal(d[0].speed_mbps, 480);
	assert_string_equal(d[1].port, "1-1");
	assert_int_equal(index_best_speed(ix, "A"), 5000);
	assert_int_equal(index_best_speed(ix, "B"), 480);
	assert_int_equal(index_best_speed(ix, "C"), 0);
	/* a person has seen to it */
	record_begin(&rec, "retry");
	record_text(&rec, "bay", "1-2");
	record_text(&rec, "reason", "cleaned");
	record_number(&rec, "uid", 0);
	put();
	assert_int_equal(index_health_port(ix, "1-2", d, HEALTH_DOCKINGS), 1);
	assert_int_equal(d[0].errors, 0);
	dock(20030, "1-3", "C", 480); /* old ones go */
	assert_int_equal(index_health_port(ix, "1-2", d, HEALTH_DOCKINGS), 0);
}

static void current(void **state)
{
	struct health_docking d[HEALTH_DOCKINGS];

	(void)state;
	dock(1, "1-1", "A", 480);
	dock(2, "1-1", "B", 480);
	assert_int_equal(index_over_current(ix, "1-1", "boot"), 0);
	record_begin(&rec, "over-current");
	record_text(&rec, "port", "1-1");
	record_number(&rec, "count", 2);
	record_text(&rec, "boot", "boot");
	put();
	assert_int_equal(index_over_current(ix, "1-1", "boot"), 2);
	assert_int_equal(index_over_current(ix, "1-1", "another"), 0);
	assert_int_equal(index_health_port(ix, "1-1", d, HEALTH_DOCKINGS), 2);
	assert_int_equal(d[0].kinds, 1u << MISHAP_CURRENT);
	assert_int_equal(d[1].errors, 0);
}

/* ---- controllers ---- */

static void resources(void **state)
{
	struct proto_controller row = { .name = "c", .buses = 6, .slots = 10, .endpoints = 57 };
	struct controllers c = { .n = 0 };
	char text[256];

	(void)state;
	controllers_take(&c, &row);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_WELL);
	assert_ptr_equal(controllers_of(&c, 2), &c.row[0]);
	assert_null(controllers_of(&c, 3));
	row.endpoints_max = 64;
	controllers_take(&c, &row);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_WELL);
	row.endpoints = 58;
	controllers_take(&c, &row);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_NEAR);
	controllers_text(&c.row[0], text, sizeof(text));
	assert_non_null(strstr(text, "58 endpoints"));
	controllers_configure(&c, 0, 128);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_WELL);
	controllers_configure(&c, 11, 128);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_NEAR);
	row.unconfigured = 1;
	controllers_take(&c, &row);
	assert_int_equal(controllers_judge(&c.row[0]), RESOURCES_OUT);
	row.buses = 0;
	controllers_take(&c, &row);
	assert_int_equal(c.n, 0);
	for (unsigned i = 0; i < CONTROLLERS_MAX + 3; i++) {
		row.buses = 2;
		snprintf(row.name, sizeof(row.name), "c%u", i);
		controllers_take(&c, &row);
	}
	assert_int_equal(c.n, CONTROLLERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_bay),
		cmocka_unit_test(it_is_the_camera),
		cmocka_unit_test(it_cannot_be_told),
		cmocka_unit_test(slow),
		cmocka_unit_test(fill),
		cmocka_unit_test_setup_teardown(kept, setup_index, teardown_index),
		cmocka_unit_test_setup_teardown(current, setup_index, teardown_index),
		cmocka_unit_test(resources),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
