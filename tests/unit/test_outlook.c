/*
 * outlook: what a line carries, measured from an uploader's messages; who will be late, and when
 * that is said. The index and the clock are those of the test.
 */
#include "../../dockd/outlook.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MB UINT64_C(1000000)
#define NOON_S INT64_C(1795521600)

static uint64_t now_ms_;
static struct index_ahead queue[3 * ROWS];
static size_t queue_n;
static struct destination d, other;
static struct uplink u;

uint64_t waits_now_ms(void)
{
	return now_ms_;
}

int64_t clock_now_s(void)
{
	return NOON_S + (int64_t)now_ms_ / 1000;
}

struct index *journal_index(struct journal *j)
{
	return (struct index *)j;
}

int index_queued(struct index *index, const char *destination, uint64_t *count, uint64_t *bytes)
{
	(void)index;
	*count = *bytes = 0;
	for (size_t i = 0; i < queue_n && strcmp(destination, "court") == 0; i++) {
		*count += 1;
		*bytes += queue[i].size_bytes;
	}
	return 0;
}

int index_ahead(struct index *index, const char *destination, size_t room,
    int (*fn)(void *arg, const struct index_ahead *row), void *arg)
{
	(void)index;
	(void)destination;
	for (size_t i = 0; i < queue_n && i < room; i++) {
		if (fn(arg, &queue[i]) != 0)
			return (int)i + 1;
	}
	return (int)(queue_n < room ? queue_n : room);
}

int index_hours(struct index *index, const char *destination,
    int (*fn)(void *arg, const struct index_hour *hour), void *arg)
{
	size_t i = 0;

	(void)index;
	(void)destination;
	while (i < queue_n) {
		struct index_hour h = { .deadline_s = queue[i].deadline_s / 3600 * 3600 };
		int64_t hour = queue[i].deadline_s / 3600;

		for (; i < queue_n && queue[i].deadline_s / 3600 == hour; i++) {
			h.bytes += queue[i].size_bytes;
			h.count++;
		}
		if (fn(arg, &h) != 0)
			break;
	}
	return 0;
}

uint64_t index_expedites(const struct index *index)
{
	uint64_t n = 0;

	(void)index;
	for (size_t i = 0; i < queue_n; i++)
		n += queue[i].expedited;
	return n;
}

unsigned uplink_busy(const struct destination *at)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROTO_SLOTS; i++)
		n += at->slot[i].state != SLOT_FREE;
	return n;
}

static int fresh(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	memset(&other, 0, sizeof(other));
	memset(&u, 0, sizeof(u));
	now_ms_ = 1000;
	queue_n = 0;
	snprintf(d.name, sizeof(d.name), "court");
	d.peer = (struct peer *)&d;
	d.ready = true;
	d.wire = (struct proto_destination){ .driver = DESTINATION_TUS,
		.slots = 1,
		.bytes_per_s = RATE_UNLIMITED,
		.chunk_min_bytes = 1 << 18 };
	d.deliver_s = 72 * 3600;
	snprintf(other.name, sizeof(other.name), "cloud");
	other.peer = (struct peer *)&other;
	other.ready = true;
	u.n = 1;
	u.destination[0] = &d;
	u.destination[1] = &other;
	return 0;
}

static void waits(uint64_t asset, uint64_t bytes, int64_t due_s)
{
	queue[queue_n++] =
	    (struct index_ahead){ .asset = asset, .size_bytes = bytes, .deadline_s = due_s };
}

static struct slot *begins(uint64_t asset, uint64_t size_bytes)
{
	d.slot[0] = (struct slot){ .state = SLOT_SENT,
		.generation = ++d.generation,
		.asset = asset,
		.size_bytes = size_bytes };
	outlook_turn(&u, &d);
	return &d.slot[0];
}

static void says(struct slot *s, unsigned type, uint64_t offset, uint64_t sent)
{
	static struct msg m;
	struct proto_progress p = { .offset_bytes = offset, .sent_bytes = sent };
	struct proto_failed f = {
		.failure = UPLOAD_LATER, .offset_bytes = offset, .sent_bytes = sent
	};

	m.head.type = (uint16_t)type;
	memcpy(m.body, type == MSG_FAILED ? (void *)&f : &p,
	    type == MSG_FAILED ? sizeof(f) : sizeof(p));
	outlook_heard(&d, s, &m);
	s->offset_bytes = offset;
	if (type != MSG_PROGRESS)
		s->state = SLOT_FREE;
}

static void passes(uint64_t ms)
{
	now_ms_ += ms;
	outlook_turn(&u, &d);
}

/* So many seconds at so many bytes in each; what is there at the beginning was there before. */
static void carries(struct slot *s, uint64_t from, unsigned seconds, uint64_t per_s)
{
	says(s, MSG_PROGRESS, from, 0);
	for (unsigned i = 1; i <= seconds; i++) {
		says(s, MSG_PROGRESS, from + i * per_s, i * per_s);
		passes(1000);
	}
}

static uint64_t pace(void)
{
	return d.outlook.pace.bytes_per_s;
}

static void counts_what_arrived_while_it_was_sent(void **state)
{
	(void)state;
	passes(3600 * 1000); /* of idleness, which is no slowness */
	carries(begins(1, 5000 * MB), 3000 * MB, 20, MB);
	assert_in_range(pace(), 950000, 1050000);
	d.breaker.open = true;
	for (int i = 0; i < 3600; i++)
		passes(1000);
	assert_in_range(pace(), 900000, 1050000);
}

static void what_small_files_take_says_nothing(void **state)
{
	(void)state;
	carries(begins(1, 1000), 0, 60, 10);
	assert_int_equal(pace(), 0);
}

static void a_bound_that_is_reached_is_not_the_line(void **state)
{
	struct slot *s;

	(void)state;
	carries(begins(1, 90000 * MB), 0, 1200, MB);
	assert_in_range(pace(), 990000, 1000000);
	d.wire.bytes_per_s = 200000;
	s = begins(2, 90000 * MB);
	carries(s, 0, 1200, 200000);
	assert_in_range(pace(), 950000, 1000000);
	/* and one that is not reached is */
	s = begins(3, 90000 * MB);
	carries(s, 0, 7200, 20000);
	assert_in_range(pace(), 20000, 200000);
}

static void what_is_lost_again_and_again_is_told(void **state)
{
	char text[512];

	(void)state;
	d.wire.driver = DESTINATION_S3;
	d.wire.part_bytes = 16 * MB;
	waits(1, 500 * MB, NOON_S + 72 * 3600);
	for (int i = 0; i < 8; i++) {
		struct slot *s = begins(1, 500 * MB);

		says(s, MSG_PROGRESS, 0, 0);
		for (uint64_t sent = 1; sent <= 100; sent++) {
			says(s, MSG_PROGRESS, 0, sent * 100000);
			passes(1000);
		}
		says(s, MSG_FAILED, 0, 10 * MB);
		passes(30000);
	}
	assert_int_equal(d.outlook.trouble, FORECAST_NEVER);
	assert_true(outlook_text(&u, text, sizeof(text)));
	assert_non_null(strstr(text, "part-bytes"));
	/* the same line with tus: small requests get through */
	d.wire.driver = DESTINATION_TUS;
	carries(begins(1, 500 * MB), 0, 400, 100000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
}

static void says_it_before_the_deadline_and_not_twice_a_minute(void **state)
{
	char text[512];
	struct slot *s;

	(void)state;
	waits(1, 1800 * MB, NOON_S + 7000);
	waits(2, 3600 * MB, NOON_S + 7200); /* an hour and a half at 1 MB/s, and it has two hours */
	s = begins(1, 1800 * MB);
	carries(s, 0, 60, MB);
	s->state = SLOT_PLANNED; /* nothing moves from here on */
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	assert_in_range(d.outlook.urgent_expected_s, NOON_S + 5300, NOON_S + 5500);
	assert_false(outlook_text(&u, text, sizeof(text)));
	waits(3, 4000 * MB, NOON_S + 7200); /* and now it has not */
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_LATE);
	assert_true(outlook_text(&u, text, sizeof(text)));
	assert_non_null(strstr(text, "court: a file that is due by Tue 24 Nov 14:00 is expected"));
	queue_n = 2;
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_LATE); /* not at once */
	queue[0].deadline_s += 5 * 3600;
	queue[1].deadline_s += 5 * 3600;
	for (int i = 0; i < 90; i++)
		passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	queue[0].deadline_s = clock_now_s() - 1;
	passes(31000);
	assert_int_equal(d.outlook.trouble, FORECAST_PAST);
	queue_n = 0; /* all there: nothing is to be done any more */
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
}

/* Behind so many that they are not looked at one by one, some that will be late are told of. */
static void behind_thousands_nothing_goes_untold(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= ROWS; i++) /* logs: two thousand seconds at 1 MB/s */
		waits(i, MB, NOON_S + 72 * 3600);
	carries(begins(1, MB * 60), 0, 60, MB);
	d.slot[0] = (struct slot){ .state = SLOT_FREE };
	assert_int_equal(d.outlook.pace.bytes_per_s, MB);
	for (uint64_t i = 1; i <= ROWS; i++) /* and as many clips, due when they can be there */
		waits(ROWS + i, MB, NOON_S + 5 * 3600);
	waits(2 * ROWS + 1, MB, NOON_S + 72 * 3600);
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	for (size_t i = ROWS; i < 2 * ROWS; i++) /* or not: the last of all still is in time */
		queue[i].deadline_s = NOON_S + 3600;
	d.outlook.judged_ms = 0;
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_LATE);
	assert_int_equal(d.outlook.urgent_deadline_s, NOON_S + 3600);
}

static void what_has_been_away_for_so_long_may_stay_away(void **state)
{
	(void)state;
	d.breaker.open = true;
	waits(1, 5 * MB, NOON_S + 10 * 3600);
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	assert_int_equal(d.outlook.expected_s, 0);
	now_ms_ += 4 * 3600 * 1000;
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	now_ms_ += 3600 * 1000;
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_LATE);
}

static void any_destination_in_time_is_enough(void **state)
{
	char text[512];

	(void)state;
	waits(1, MB, NOON_S - 5);
	u.n = 2;
	passes(1000);
	assert_true(outlook_text(&u, text, sizeof(text)));
	u.any = true;
	assert_false(outlook_text(&u, text, sizeof(text)));
	other.breaker.open = true;
	assert_true(outlook_text(&u, text, sizeof(text)));
}

static void one_file_is_expected_by_its_place(void **state)
{
	(void)state;
	d.wire.slots = 2;
	pace_saw(&d.outlook.pace, 60000, 60 * MB, 0);
	waits(1, 600 * MB, 0);
	waits(2, 600 * MB, 0);
	waits(3, 600 * MB, 0);
	assert_int_equal(outlook_expected(&u, &d, 4), 0);
	assert_in_range(outlook_expected(&u, &d, 1), NOON_S + 895, NOON_S + 905);
	assert_in_range(outlook_expected(&u, &d, 3), NOON_S + 1795, NOON_S + 1805);
	begins(1, 600 * MB)->offset_bytes = 300 * MB;
	assert_in_range(outlook_expected(&u, &d, 1), NOON_S + 295, NOON_S + 305);
}

static void expects(uint64_t asset, int64_t after_s)
{
	assert_in_range(
	    outlook_expected(&u, &d, asset), NOON_S + after_s - 5, NOON_S + after_s + 5);
}

/* Others have one byte for fifteen of an expedited one, and what is expedited shares the rest. */
static void an_expedited_one_has_the_line_but_a_sixteenth(void **state)
{
	(void)state;
	d.wire.slots = 4;
	pace_saw(&d.outlook.pace, 60000, 60 * MB, 0);
	for (uint64_t i = 1; i <= 6; i++)
		waits(i, 600 * MB, 0);
	queue[0].expedited = true;
	expects(1, 640);
	d.wire.slots = 1; /* nobody is beside it */
	expects(1, 600);
	d.wire.slots = 4;
	begins(1, 600 * MB)->offset_bytes = 300 * MB;
	expects(1, 320);
	/* two of them; with as many slots all of it is theirs */
	d.slot[0].state = SLOT_FREE;
	queue[1].expedited = true;
	expects(1, 1280);
	expects(2, 1280);
	d.wire.slots = 2;
	expects(1, 1200);
	d.wire.driver = DESTINATION_DIR; /* a folder's slots share evenly */
	queue[1].expedited = false;
	expects(1, 1200);
}

static void behind_an_expedited_one(void **state)
{
	(void)state;
	d.wire.slots = 2;
	pace_saw(&d.outlook.pace, 60000, 60 * MB, 0);
	waits(1, 600 * MB, 0);
	waits(2, 600 * MB, 0);
	waits(3, 600 * MB, 0);
	queue[0].expedited = true;
	begins(2, 600 * MB)->offset_bytes = 300 * MB;
	d.slot[1] = (struct slot){ .state = SLOT_SENT, .asset = 1, .size_bytes = 600 * MB };
	/* 640 s, in which it has got 40 MB, then 260 MB by halves */
	expects(2, 600 + 600);
	d.slot[0].offset_bytes = 590 * MB; /* through before that, by sixteenths */
	expects(2, 160);
	expects(3, 1210);
}

static void an_expedited_one_waits_for_no_hour(void **state)
{
	(void)state;
	pace_saw(&d.outlook.pace, 60000, 60 * MB, 0);
	d.wire.rate[0] = (struct proto_rate){ 0x7f, 8 * 60, 18 * 60, 0 };
	waits(1, 600 * MB, NOON_S + 4 * 3600);
	waits(2, 600 * MB, NOON_S + 48 * 3600);
	assert_true(outlook_expected(&u, &d, 1) > NOON_S + 6 * 3600);
	passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_LATE);
	queue[0].expedited = true;
	expects(1, 601);
	assert_true(outlook_expected(&u, &d, 2) > NOON_S + 6 * 3600);
	outlook_again(&d);
	passes(1000);
	assert_in_range(d.outlook.urgent_expected_s, NOON_S + 595, NOON_S + 605);
	for (int i = 0; i < 90; i++)
		passes(1000);
	assert_int_equal(d.outlook.trouble, FORECAST_WELL);
	d.wire.rate[0] = (struct proto_rate){ 0 };
	d.wire.bytes_per_s = 0;
	queue_n = 1;
	expects(1, 600 + (int64_t)now_ms_ / 1000);
	outlook_again(&d);
	passes(1000);
	assert_int_not_equal(d.outlook.trouble, FORECAST_NEVER);
	queue[0].expedited = false;
	assert_true(outlook_expected(&u, &d, 1) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_what_arrived_while_it_was_sent, fresh),
		cmocka_unit_test_setup(what_small_files_take_says_nothing, fresh),
		cmocka_unit_test_setup(a_bound_that_is_reached_is_not_the_line, fresh),
		cmocka_unit_test_setup(what_is_lost_again_and_again_is_told, fresh),
		cmocka_unit_test_setup(says_it_before_the_deadline_and_not_twice_a_minute, fresh),
		cmocka_unit_test_setup(behind_thousands_nothing_goes_untold, fresh),
		cmocka_unit_test_setup(what_has_been_away_for_so_long_may_stay_away, fresh),
		cmocka_unit_test_setup(any_destination_in_time_is_enough, fresh),
		cmocka_unit_test_setup(one_file_is_expected_by_its_place, fresh),
		cmocka_unit_test_setup(an_expedited_one_has_the_line_but_a_sixteenth, fresh),
		cmocka_unit_test_setup(behind_an_expedited_one, fresh),
		cmocka_unit_test_setup(an_expedited_one_waits_for_no_hour, fresh),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("outlook", tests, NULL, NULL);
}
