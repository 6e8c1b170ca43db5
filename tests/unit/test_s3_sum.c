/* s3_sum: digests of what is sent, by the process that takes them (digester.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../uploader/s3_sum.c"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 3
#define PART (1u << 20)
#define SIZE (3u * PART - 5)

static struct s3 store;
static struct destination dest = { .own = &store };
static struct s3_upload own[SLOTS];
static struct transfer slot[SLOTS];
static struct s3_known parts[SLOTS][3];
static uint8_t bytes[SLOTS][SIZE];

/* The driver's way to say that it failed, which is transfer.c's. */
enum act_result transfer_fail(struct transfer *t, enum upload_failure failure, const char *fmt, ...)
{
	(void)fmt;
	t->failed.failure = failure;
	return ACT_FAILED;
}

void transfer_wake(struct transfer *t)
{
	t->state = TRANSFER_TURN;
}

uint64_t s3_part_size(const struct transfer *t, unsigned number)
{
	return number < 3 ? PART : t->upload.size_bytes - 2 * PART;
}

static int setup(void **state)
{
	(void)state;
	memset(&store, 0, sizeof(store));
	memset(own, 0, sizeof(own));
	memset(slot, 0, sizeof(slot));
	assert_int_equal(digester_start(&store.digester), 0);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct transfer *t = &slot[i];

		for (size_t k = 0; k < SIZE; k++)
			bytes[i][k] = (uint8_t)(k * 7 + (k >> 11) + i);
		t->dest = &dest;
		t->own = &own[i];
		t->slot = i;
		t->upload.size_bytes = SIZE;
		t->fd = memfd_create("clip", MFD_CLOEXEC);
		assert_int_equal(write(t->fd, bytes[i], SIZE), SIZE);
		assert_int_equal(
		    EVP_Digest(bytes[i], SIZE, t->upload.sha256, NULL, EVP_sha256(), NULL), 1);
		own[i].file = ++store.files;
		own[i].a.part_bytes = PART;
		own[i].parts_n = 3;
		own[i].part = parts[i];
		store.at[i] = t;
	}
	return 0;
}

static int teardown(void **state)
{
	int status;

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++)
		close(slot[i].fd);
	close(store.digester.fd);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0); /* it ends when we do */
	return 0;
}

/* Until something has come. */
static void hear(void)
{
	struct pollfd p = { .fd = store.digester.fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(s3_sum_hear(&dest), 0);
}

static const struct s3_sum *part(unsigned i, unsigned number, bool sha256)
{
	const struct s3_sum *sum;
	enum act_result r;

	while ((r = s3_sum_part(&slot[i], number, sha256, &sum)) == ACT_LOCAL)
		hear();
	assert_int_equal(r, ACT_DONE);
	return sum;
}

static void check(const struct s3_sum *s, unsigned i, unsigned number)
{
	size_t from = (number - 1) * PART, len = (size_t)s3_part_size(&slot[i], number);
	uint8_t sha256[PROTO_SHA256_LEN], md5[S3_MD5_LEN];

	EVP_Digest(bytes[i] + from, len, sha256, NULL, EVP_sha256(), NULL);
	EVP_Digest(bytes[i] + from, len, md5, NULL, EVP_md5(), NULL);
	assert_memory_equal(s->md5, md5, sizeof(md5));
	if (s->both)
		assert_memory_equal(s->sha256, sha256, sizeof(sha256));
}

static void whole(unsigned i, enum act_result wanted)
{
	enum act_result r;

	while ((r = s3_sum_whole(&slot[i])) == ACT_LOCAL || r == ACT_AGAIN) {
		if (r == ACT_LOCAL)
			hear();
	}
	assert_int_equal(r, wanted);
}

/* Files between each other: each one's parts, and in passing each one's whole. */
static void parts_and_the_whole(void **state)
{
	(void)state;
	for (unsigned number = 1; number <= 3; number++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			const struct s3_sum *s = part(i, number, i != 1);

			assert_int_equal(s->both, i != 1);
			check(s, i, number);
			s3_sum_drop_parts(&own[i]);
		}
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t asked = store.asked;

		assert_int_equal(own[i].whole_bytes, SIZE);
		whole(i, ACT_DONE);
		assert_int_equal(store.asked, asked);
	}
}

/* What was left out is read for the whole alone. */
static void not_in_order(void **state)
{
	(void)state;
	check(part(0, 3, true), 0, 3);
	check(part(0, 1, true), 0, 1);
	assert_int_equal(own[0].whole_bytes, PART);
	whole(0, ACT_DONE);
	slot[0].upload.sha256[5] ^= 1;
	whole(0, ACT_FAILED);
	assert_int_equal(slot[0].failed.failure, UPLOAD_SOURCE);
}

static void ahead_of_need(void **state)
{
	uint64_t asked;

	(void)state;
	assert_true(s3_sum_ahead(&slot[0], 2, true));
	assert_true(s3_sum_ahead(&slot[0], 3, true));
	asked = store.asked;
	assert_true(s3_sum_ahead(&slot[0], 2, true));
	assert_true(s3_sum_ahead(&slot[0], 2, false));
	check(part(0, 2, true), 0, 2);
	check(part(0, 3, true), 0, 3);
	assert_int_equal(store.asked, asked);
	/* MD5 alone is not enough where both are wanted. */
	check(part(0, 1, false), 0, 1);
	check(part(0, 1, true), 0, 1);
	assert_int_equal(store.asked, asked + 2);
	/* All its places are taken; what is needed now is had all the same. */
	for (asked = 0; s3_sum_ahead(&slot[0], 10 + (unsigned)asked, true); asked++)
		assert_true(asked < S3_SUMS);
	check(part(0, 2, true), 0, 2);
}

/* Many at once, of all lengths, are taken together; what cannot be read spoils no other. */
static void together(void **state)
{
	static const size_t len[] = { PART, PART + 1, PART - 63, 200000, 64, 63, 1, 0 };
	struct digest_question q = { .slot = 0, .flags = DIGEST_SHA256, .file = own[0].file };
	struct pollfd p = { .fd = store.digester.fd, .events = POLLIN };
	struct digest_answer a;

	(void)state;
	for (unsigned round = 0; round < 64; round++) {
		unsigned n = 3 + round % 6;

		for (unsigned i = 0; i < n; i++) {
			q.number = i;
			q.from_bytes = round;
			q.end_bytes = i == 2 ? SIZE + 1 : round + len[(i + round) % 8];
			assert_int_equal(digester_ask(&store.digester, &q, slot[0].fd), 0);
		}
		for (unsigned i = 0; i < n; i++) {
			uint8_t md5[S3_MD5_LEN], sha256[PROTO_SHA256_LEN];
			int err;

			while ((err = digester_hear(&store.digester, &a)) == -EAGAIN)
				assert_int_equal(poll(&p, 1, 30000), 1);
			assert_int_equal(err, 1);
			assert_int_equal(a.number, i);
			assert_int_equal(a.status, i == 2 ? -ENODATA : 0);
			if (i == 2)
				continue;
			EVP_Digest(
			    bytes[0] + round, len[(i + round) % 8], md5, NULL, EVP_md5(), NULL);
			EVP_Digest(bytes[0] + round, len[(i + round) % 8], sha256, NULL,
			    EVP_sha256(), NULL);
			assert_memory_equal(a.md5, md5, sizeof(md5));
			assert_memory_equal(a.sha256, sha256, sizeof(sha256));
		}
	}
}

/* Nobody gets the answer to what an ended transfer has asked in the same slot. */
static void slot_of_another(void **state)
{
	(void)state;
	assert_true(s3_sum_ahead(&slot[0], 1, true));
	own[0].file = ++store.files;
	s3_sum_drop_parts(&own[0]);
	slot[0].fd = dup2(slot[1].fd, slot[0].fd);
	memcpy(bytes[0], bytes[1], SIZE);
	memcpy(slot[0].upload.sha256, slot[1].upload.sha256, PROTO_SHA256_LEN);
	check(part(0, 1, true), 0, 1);
	whole(0, ACT_DONE);
}

static enum act_result file(unsigned i, bool with_check)
{
	enum act_result r;

	while ((r = s3_sum_file(&slot[i], with_check)) == ACT_LOCAL)
		hear();
	return r;
}

/* MD5 alone does not stand for a check of the copy. */
static void checked_when_asked(void **state)
{
	(void)state;
	own[0].part = own[1].part = NULL;
	assert_int_equal(file(0, false), ACT_DONE);
	assert_false(own[0].sum.both);
	assert_int_equal(file(0, true), ACT_DONE);
	assert_true(own[0].sum.both);
	slot[1].upload.sha256[0] ^= 1;
	assert_int_equal(file(1, true), ACT_FAILED);
	assert_int_equal(slot[1].failed.failure, UPLOAD_SOURCE);
}

static void shorter_than_it_was(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(slot[0].fd, SIZE - 1), 0);
	assert_int_equal(file(0, true), ACT_FAILED);
	assert_int_equal(slot[0].failed.failure, UPLOAD_SOURCE);
	check(part(0, 1, true), 0, 1);
}

static void its_end_is_seen(void **state)
{
	struct digester other;
	struct digest_answer a;
	struct digest_question q = { .slot = PROTO_SLOTS };
	struct pollfd p = { .events = POLLIN };
	int status;

	(void)state;
	assert_int_equal(digester_start(&other), 0);
	assert_int_equal(digester_hear(&other, &a), -EAGAIN);
	assert_int_equal(digester_ask(&other, &q, slot[0].fd), 0); /* there is no such slot */
	p.fd = other.fd;
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(digester_hear(&other, &a), -EPIPE);
	close(other.fd);
	assert_true(wait(&status) > 0);
	assert_int_not_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parts_and_the_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(not_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(ahead_of_need, setup, teardown),
		cmocka_unit_test_setup_teardown(together, setup, teardown),
		cmocka_unit_test_setup_teardown(slot_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(checked_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(shorter_than_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(its_end_is_seen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
