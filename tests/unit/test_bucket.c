/* bucket: what goes through in a time, in which order, and how long a caller is told to wait. */
#include "../../uploader/bucket.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PIECE 131072u

/* Asks as http does: takes, waits for as long as it is told, takes again. */
static uint64_t run(struct bucket *b, int64_t from_ms, int64_t until_ms, unsigned *asked)
{
	uint64_t sum = 0;

	for (int64_t now = from_ms; now < until_ms;) {
		unsigned wait = 0;
		size_t n = bucket_take(b, now, false, PIECE, &wait);

		(*asked)++;
		sum += n;
		assert_true(n > 0 || (wait >= 1 && wait <= 1000));
		now += n > 0 ? 0 : wait;
	}
	return sum;
}

static void rate_is_kept(void **state)
{
	static const uint64_t rates[] = { 1500, 8000, 65536, 1000003, 50000000, 1ull << 40 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket b;
		unsigned asked = 0;
		uint64_t sum;

		bucket_init(&b, rates[i], 1000);
		if (rates[i] > 1ull << 30) {
			unsigned wait;

			(void)bucket_take(&b, 2000, false, PIECE, &wait);
			assert_int_equal(b.tokens, b.burst - PIECE);
			continue;
		}
		sum = run(&b, 1000, 61000, &asked);
		assert_true(sum <= rates[i] * 60 + b.burst);
		assert_true(sum + b.burst + PIECE_MIN >= rates[i] * 60);
		/* In pieces, not in drops: no caller turns for nothing. */
		assert_true(asked <= 60 * 1000 && asked <= 2 * (sum / PIECE_MIN + 60));
	}
}

static void no_limit(void **state)
{
	struct bucket b;
	unsigned wait = 9;

	(void)state;
	bucket_init(&b, UINT64_MAX, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bucket_take(&b, 0, false, PIECE, &wait), PIECE);
	assert_int_equal(wait, 0);
}

static void nothing_at_all(void **state)
{
	struct bucket b;
	unsigned wait;

	(void)state;
	bucket_init(&b, 0, 0);
	assert_int_equal(bucket_take(&b, 1000000, false, PIECE, &wait), 0);
	assert_int_equal(wait, 1000);
	/* But what is expedited. */
	assert_int_equal(bucket_take(&b, 1000000, true, PIECE, &wait), PIECE);
	assert_int_equal(bucket_take(&b, 1000001, false, PIECE, &wait), 0);
	assert_int_equal(wait, 1000);
}

static void nothing_gathers_while_nothing_is_asked(void **state)
{
	struct bucket b;
	unsigned asked = 0;

	(void)state;
	bucket_init(&b, 100000, 0);
	assert_true(run(&b, 3600000, 3600001, &asked) <= b.burst);
}

static void a_new_rate_counts_at_once(void **state)
{
	struct bucket b;
	unsigned asked = 0;
	uint64_t sum;

	(void)state;
	bucket_init(&b, 100000000, 0);
	(void)run(&b, 0, 1000, &asked);
	bucket_rate(&b, 20000, 1000);
	sum = run(&b, 1000, 11000, &asked);
	assert_true(sum <= 10 * 20000 + BURST_MIN && sum >= 9 * 20000 - BURST_MIN);
	bucket_rate(&b, 0, 11000);
	assert_int_equal(run(&b, 11000, 20000, &asked), 0);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
	struct bucket b;
	unsigned asked = 0;
	unsigned wait;

	(void)state;
	bucket_init(&b, 20000, 100000);
	(void)run(&b, 100000, 101000, &asked);
	assert_int_equal(bucket_take(&b, 5000, false, PIECE, &wait), 0);
}

static void the_end_of_a_body_may_be_small(void **state)
{
	struct bucket b;
	unsigned wait;

	(void)state;
	bucket_init(&b, 20000, 0);
	assert_int_equal(bucket_take(&b, 1000, false, 3, &wait), 3);
}

static void what_was_not_used_comes_back(void **state)
{
	struct bucket b;
	unsigned wait;
	uint64_t before;

	(void)state;
	bucket_init(&b, 200000, 0);
	(void)bucket_take(&b, 1000, false, 1, &wait);
	before = b.tokens;
	assert_int_equal(bucket_take(&b, 1000, false, 20000, &wait), 20000);
	bucket_return(&b, 20000);
	assert_int_equal(b.tokens, before);
	bucket_return(&b, 1ull << 62);
	assert_int_equal(b.tokens, b.burst);
}

/* Both ask for all they can get: fifteen to one, whatever the rate is. */
static void expedited_goes_in_front(void **state)
{
	static const uint64_t rates[] = { 100000, 10000000, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t first = 0;
		uint64_t other = 0;
		struct bucket b;
		unsigned wait;

		bucket_init(&b, rates[i], 0);
		for (int64_t now = 1000; now < 101000; now++) {
			first += bucket_take(&b, now, true, PIECE, &wait);
			other += bucket_take(&b, now, false, PIECE, &wait);
		}
		assert_true(other > 0);
		assert_true(other <= first / SHARE + TRICKLE_MAX);
		assert_true(other >= first / SHARE / 2);
		if (rates[i] != UINT64_MAX)
			assert_true(first + other >= rates[i] * 99);
	}
}

static void others_have_all_again_when_it_is_over(void **state)
{
	struct bucket b;
	unsigned wait;

	(void)state;
	bucket_init(&b, UINT64_MAX, 0);
	(void)bucket_take(&b, 1000, true, PIECE, &wait);
	assert_true(bucket_take(&b, 1001, false, PIECE, &wait) < PIECE);
	assert_true(wait > 0);
	assert_int_equal(bucket_take(&b, 1000 + URGENT_MS, false, PIECE, &wait), PIECE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_kept),
		cmocka_unit_test(no_limit),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(nothing_gathers_while_nothing_is_asked),
		cmocka_unit_test(a_new_rate_counts_at_once),
		cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
		cmocka_unit_test(the_end_of_a_body_may_be_small),
		cmocka_unit_test(what_was_not_used_comes_back),
		cmocka_unit_test(expedited_goes_in_front),
		cmocka_unit_test(others_have_all_again_when_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
