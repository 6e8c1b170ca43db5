/* s3_sum: digests of what is sent, one transfer after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../uploader/s3_sum.c"

#include <sys/mman.h>

#define SLOTS 3
#define SIZE (2u * SLICE_BYTES)

static struct s3 store;
static struct destination dest = { .own = &store };
static struct s3_upload own[SLOTS];
static struct transfer slot[SLOTS];

/* The driver's way to say that it failed, which is transfer.c's. */
enum act_result transfer_fail(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
{
	(void)fmt;
	t->failed.failure = failure;
	return ACT_FAILED;
}

static int setup(void **state)
{
	static uint8_t bytes[SIZE];

	(void)state;
	memset(&store, 0, sizeof(store));
	memset(own, 0, sizeof(own));
	memset(slot, 0, sizeof(slot));
	for (unsigned i = 0; i < SLOTS; i++) {
		struct transfer *t = &slot[i];

		memset(bytes, (int)i, sizeof(bytes));
		t->dest = &dest;
		t->own = &own[i];
		t->state = TRANSFER_TURN;
		t->upload.size_bytes = SIZE;
		t->fd = memfd_create("clip", MFD_CLOEXEC);
		assert_int_equal(write(t->fd, bytes, SIZE), SIZE);
		assert_int_equal(
		    EVP_Digest(bytes, SIZE, t->upload.sha256, NULL, EVP_sha256(), NULL), 1);
		assert_int_equal(s3_sum_new(&own[i].sum), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SLOTS; i++) {
		s3_sum_free(&own[i].sum);
		close(slot[i].fd);
	}
	return 0;
}

/* A turn of the loop: which of them has its digest now. */
static unsigned turn(void)
{
	unsigned done = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (slot[i].state != TRANSFER_TURN)
			continue;
		if (s3_sum_file(&slot[i], false) == ACT_DONE) {
			slot[i].state = TRANSFER_WAIT;
			done |= 1u << i;
		}
	}
	return done;
}

static void one_after_the_other(void **state)
{
	(void)state;
	assert_int_equal(turn(), 0);
	assert_int_equal(own[0].sum.at_bytes, SLICE_BYTES);
	assert_int_equal(own[1].sum.at_bytes, 0);
	assert_int_equal(turn(), 1u << 0);
	assert_int_equal(own[1].sum.at_bytes, SLICE_BYTES);
	assert_int_equal(own[2].sum.at_bytes, 0);
	/* The next one of the first slot comes after those that wait already. */
	slot[0].state = TRANSFER_TURN;
	s3_sum_drop(&own[0].sum);
	assert_int_equal(turn(), 1u << 1);
	assert_int_equal(turn(), 1u << 2);
	(void)turn();
	assert_int_equal(turn(), 1u << 0);
}

/* Who is held back in the middle of it, or ends there, is waited for by nobody. */
static void held_back(void **state)
{
	(void)state;
	assert_int_equal(turn(), 0);
	slot[0].state = TRANSFER_HOLD;
	assert_int_equal(turn(), 0);
	s3_sum_yield(&slot[1]);
	slot[1].state = TRANSFER_IDLE;
	assert_int_equal(turn(), 0);
	assert_int_equal(turn(), 1u << 2);
	slot[0].state = TRANSFER_TURN;
	assert_int_equal(turn(), 1u << 0); /* it goes on where it was */
}

static void ahead_of_need(void **state)
{
	(void)state;
	slot[0].state = TRANSFER_WAIT;
	assert_int_equal(s3_sum_take(&slot[0], 0, SIZE), ACT_AGAIN);
	assert_int_equal(own[0].sum.at_bytes, SLICE_BYTES);
	assert_int_equal(turn(), 0);
	assert_int_equal(own[1].sum.at_bytes, SLICE_BYTES);
	assert_int_equal(s3_sum_take(&slot[0], 0, SIZE), ACT_AGAIN);
	assert_int_equal(own[0].sum.at_bytes, SLICE_BYTES);
}

/* MD5 alone does not stand for a check of the copy. */
static void checked_when_asked(void **state)
{
	(void)state;
	while (s3_sum_file(&slot[0], false) == ACT_AGAIN)
		;
	assert_false(own[0].sum.both);
	assert_int_equal(s3_sum_file(&slot[0], true), ACT_AGAIN);
	assert_int_equal(s3_sum_file(&slot[0], true), ACT_DONE);
	assert_true(own[0].sum.both);
	slot[1].upload.sha256[0] ^= 1;
	assert_int_equal(s3_sum_file(&slot[1], true), ACT_AGAIN);
	assert_int_equal(s3_sum_file(&slot[1], true), ACT_FAILED);
	assert_int_equal(slot[1].failed.failure, UPLOAD_SOURCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(held_back, setup, teardown),
		cmocka_unit_test_setup_teardown(ahead_of_need, setup, teardown),
		cmocka_unit_test_setup_teardown(checked_when_asked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
