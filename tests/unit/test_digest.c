/*
 * digest: against the vectors of FIPS 180-4 and against libcrypto's one-call digest of the same
 * bytes, at every edge of block and leaf.
 */
#include "../../dockd/verify/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define LEAF (1u << 16) /* small, so that the edges are cheap to reach */
#define BIG_LEAF (4u << 20)

static int file(const void *bytes, size_t len)
{
	int fd = memfd_create("digest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

static void sha256(const uint8_t *bytes, size_t len, uint8_t *md)
{
	assert_int_equal(EVP_Digest(bytes, len, md, NULL, EVP_sha256(), NULL), 1);
}

static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 2654435761u >> 13);
	return p;
}

/* Digests len bytes and checks whole and leaves against digests made the plain way. */
static void check_length(struct digest *d, size_t leaf, size_t len)
{
	uint8_t *bytes = pattern(len);
	int clip = file(bytes, len);
	int leaves = file("", 0);
	struct digest_sum sum;
	uint8_t md[DIGEST_LEN];
	uint8_t got[DIGEST_LEN];
	int leaves_err = -1;

	assert_int_equal(digest_file(d, clip, leaves, &sum, &leaves_err), 0);
	assert_int_equal(leaves_err, 0);
	assert_int_equal(sum.length_bytes, len);
	assert_int_equal(sum.leaves, (len + leaf - 1) / leaf);
	sha256(bytes, len, md);
	assert_memory_equal(sum.sha256, md, sizeof(md));
	assert_int_equal(lseek(leaves, 0, SEEK_END), (off_t)(sum.leaves * DIGEST_LEN));
	for (size_t i = 0; i < sum.leaves; i++) {
		size_t at = i * leaf;

		sha256(bytes + at, len - at < leaf ? len - at : leaf, md);
		assert_int_equal(
		    pread(leaves, got, sizeof(got), (off_t)(i * DIGEST_LEN)), DIGEST_LEN);
		assert_memory_equal(got, md, sizeof(md));
	}
	close(clip);
	close(leaves);
	free(bytes);
}

static void test_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 7 * LEAF + 13 };
	struct digest *d = digest_new(LEAF);

	(void)state;
	assert_non_null(d);
	/* The same contexts again and again: nothing of one clip may show in the next. */
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_length(d, LEAF, lengths[i]);
	digest_free(d);
}

static void test_real_leaf(void **state)
{
	struct digest *d = digest_new(BIG_LEAF);

	(void)state;
	assert_non_null(d);
	check_length(d, BIG_LEAF, (1u << 20) + 1);
	check_length(d, BIG_LEAF, BIG_LEAF);
	check_length(d, BIG_LEAF, 2 * BIG_LEAF + (1u << 20));
	digest_free(d);
}

/* FIPS 180-4's examples (csrc.nist.gov, "SHA256.pdf"): the empty message and "abc". */
static void test_vectors(void **state)
{
	static const uint8_t empty[DIGEST_LEN] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
		0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
		0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };
	static const uint8_t abc[DIGEST_LEN] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct digest *d = digest_new(LEAF);
	struct digest_sum sum;
	int leaves = file("", 0);
	int none = file("", 0);
	int three = file("abc", 3);
	int err;

	(void)state;
	assert_int_equal(digest_file(d, none, leaves, &sum, &err), 0);
	assert_memory_equal(sum.sha256, empty, sizeof(empty));
	assert_int_equal(sum.leaves, 0);
	/* The descriptor stands at the end of the file: reading begins at its first byte anyway. */
	assert_int_equal(digest_file(d, three, leaves, &sum, &err), 0);
	assert_memory_equal(sum.sha256, abc, sizeof(abc));
	assert_int_equal(sum.leaves, 1);
	close(leaves);
	close(none);
	close(three);
	digest_free(d);
}

static void test_unreadable(void **state)
{
	struct digest *d = digest_new(LEAF);
	int leaves = file("", 0);
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pipe_fds[2];
	struct digest_sum sum;
	int err;

	(void)state;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(digest_file(d, folder, leaves, &sum, &err), -EISDIR);
	assert_int_equal(digest_file(d, pipe_fds[0], leaves, &sum, &err), -ESPIPE);
	assert_int_equal(digest_file(d, -1, leaves, &sum, &err), -EBADF);
	close(folder);
	close(leaves);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	digest_free(d);
}

/* Leaves that cannot be written: the digest of the whole is there all the same, and no leaf counts. */
static void test_leaves_fail(void **state)
{
	struct digest *d = digest_new(LEAF);
	uint8_t *bytes = pattern(3 * LEAF);
	int clip = file(bytes, 3 * LEAF);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	uint8_t md[DIGEST_LEN];
	struct digest_sum sum;
	int err = 0;

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(digest_file(d, clip, full, &sum, &err), 0);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(sum.leaves, 0);
	sha256(bytes, 3 * LEAF, md);
	assert_memory_equal(sum.sha256, md, sizeof(md));
	close(clip);
	close(full);
	free(bytes);
	digest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_real_leaf),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_leaves_fail),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
