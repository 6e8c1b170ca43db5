/* Who has no role and connects again and again; and no descriptor left. */
#include "../../dockd/listener.c"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#define MANY 200

struct door {
	sd_event *event;
	struct listener *l;
	char path[64];
	bool strangers; /* who comes now */
	unsigned taken;
	int kept[MANY];
	unsigned kept_n;
	int caller[MANY];
	unsigned callers;
};

static bool take_one(void *arg, int sock, uid_t *uid)
{
	struct door *d = arg;

	*uid = 4711;
	d->taken++;
	if (d->strangers)
		close(sock);
	else
		d->kept[d->kept_n++] = sock;
	return d->strangers;
}

static int setup(void **state)
{
	static struct door d;

	d = (struct door){ 0 };
	snprintf(d.path, sizeof(d.path), "/tmp/test_listener.%d", (int)getpid());
	assert_true(sd_event_new(&d.event) >= 0);
	assert_int_equal(listener_open(d.event, d.path, (gid_t)-1, 0600, take_one, &d, &d.l), 0);
	assert_int_equal(listen(d.l->sock, MANY), 0); /* so that they can all come first */
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct door *d = *state;

	for (unsigned i = 0; i < d->callers; i++)
		close(d->caller[i]);
	for (unsigned i = 0; i < d->kept_n; i++)
		close(d->kept[i]);
	listener_close(d->l);
	sd_event_unref(d->event);
	unlink(d->path);
	return 0;
}

static void call(struct door *d, unsigned n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, d->path, strlen(d->path) + 1);
	for (; n > 0; n--) {
		int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		assert_true(s >= 0);
		assert_int_equal(connect(s, (struct sockaddr *)&to, sizeof(to)), 0);
		d->caller[d->callers++] = s;
	}
}

/* Events that are there now. */
static unsigned run(struct door *d)
{
	unsigned n = 0;

	while (n < MANY && sd_event_run(d->event, 0) > 0)
		n++;
	return n;
}

static bool waiting(const struct door *d)
{
	struct pollfd p = { .fd = d->l->sock, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void strangers_cost_one_event_a_pause(void **state)
{
	struct door *d = *state;

	d->strangers = true;
	call(d, MANY);
	assert_int_equal(run(d), 1);
	assert_int_equal(d->taken, BATCH);
	assert_true(waiting(d)); /* and no event of it */
	while (waiting(d))
		assert_true(sd_event_run(d->event, UINT64_MAX) > 0);
	assert_int_equal(d->taken, MANY);
}

static void who_has_a_role_makes_no_pause(void **state)
{
	struct door *d = *state;

	call(d, MANY);
	run(d);
	assert_int_equal(d->kept_n, MANY);
	assert_false(waiting(d));
}

static void who_has_a_role_gets_in_behind_strangers(void **state)
{
	struct door *d = *state;

	d->strangers = true;
	call(d, BATCH);
	run(d);
	call(d, 1);
	assert_int_equal(run(d), 0);
	d->strangers = false;
	while (d->kept_n == 0)
		assert_true(sd_event_run(d->event, UINT64_MAX) > 0);
}

/* No new descriptor for this process. */
static void starve(rlim_t most, struct rlimit *old)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, old), 0);
	none = (struct rlimit){ most, old->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void without_descriptors_strangers_hold_nobody_up(void **state)
{
	struct door *d = *state;
	struct rlimit old;

	d->strangers = true;
	call(d, 5);
	starve((rlim_t)d->caller[4], &old); /* the spare one's number can be had again */
	run(d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(d->taken, 5);
	assert_true(d->l->spare >= 0);
}

static void without_descriptors_it_waits_and_does_not_spin(void **state)
{
	struct door *d = *state;
	struct rlimit old;
	unsigned n;

	call(d, 3);
	starve(0, &old);
	n = run(d);
	assert_true(n <= 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(d->taken, 0);
	assert_true(waiting(d));
	while (d->kept_n < 3)
		assert_true(sd_event_run(d->event, UINT64_MAX) > 0);
	assert_true(d->l->spare >= 0);
}

static void it_knows_whether_it_can_be_found(void **state)
{
	struct door *d = *state;
	const char *const here[] = { d->path }, *const nowhere[] = { d->path, "/nonexistent/sock" };
	char beside[80];

	snprintf(beside, sizeof(beside), "%s.try", d->path);
	assert_true(listener_is_there(d->l));
	assert_int_equal(listener_may_open(here, 1), 0);
	assert_int_equal(listener_may_open(nowhere, 2), -ENOENT);
	assert_int_equal(access(beside, F_OK), -1);
	call(d, 1); /* the one that is there was left alone */
	run(d);
	assert_int_equal(d->taken, 1);
	unlink(d->path);
	assert_false(listener_is_there(d->l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_cost_one_event_a_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_a_role_makes_no_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_has_a_role_gets_in_behind_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    without_descriptors_strangers_hold_nobody_up, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    without_descriptors_it_waits_and_does_not_spin, setup, teardown),
		cmocka_unit_test_setup_teardown(it_knows_whether_it_can_be_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
