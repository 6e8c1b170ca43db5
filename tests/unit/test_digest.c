/*
 * digest: against the vectors of FIPS 180-4 and against libcrypto's one-call digest of the same
 * bytes, at every edge of a block, for every set of digests.
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

#define BLOCK (1u << 20) /* of digest.c */

static int file(const void *bytes, size_t len)
{
	int fd = memfd_create("digest", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

static void plain(const uint8_t *bytes, size_t len, const EVP_MD *kind, uint8_t *md)
{
	assert_int_equal(EVP_Digest(bytes, len, md, NULL, kind, NULL), 1);
}

static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 2654435761u >> 13);
	return p;
}

/* Digests len bytes and checks each digest against one made the plain way. */
static void check_length(struct digest *d, uint32_t digests, size_t len)
{
	static const uint8_t none[PROTO_SHA512_LEN];
	uint8_t *bytes = pattern(len), md[EVP_MAX_MD_SIZE];
	int clip = file(bytes, len);
	struct proto_digest sum;

	assert_int_equal(digest_file(d, clip, digests, &sum), 0);
	assert_int_equal(sum.length_bytes, len);
	assert_int_equal(sum.digests, digests);
	plain(bytes, len, EVP_sha256(), md);
	assert_memory_equal(sum.sha256, md, sizeof(sum.sha256));
	plain(bytes, len, EVP_sha384(), md);
	assert_memory_equal(sum.sha384, digests & DIGEST_SHA384 ? md : none, sizeof(sum.sha384));
	plain(bytes, len, EVP_sha512(), md);
	assert_memory_equal(sum.sha512, digests & DIGEST_SHA512 ? md : none, sizeof(sum.sha512));
	close(clip);
	free(bytes);
}

static void test_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 13 };
	struct digest *d = digest_new();

	(void)state;
	assert_non_null(d);
	/* The same contexts again and again: nothing of one clip may show in the next. */
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint32_t set = 0; set <= DIGEST_ALL; set++)
			check_length(d, set, lengths[i]);
	}
	digest_free(d);
}

/* FIPS 180-4's examples (csrc.nist.gov, "SHA256.pdf"): the empty message and "abc". */
static void test_vectors(void **state)
{
	static const uint8_t empty[PROTO_SHA256_LEN] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c,
		0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64,
		0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };
	static const uint8_t abc[PROTO_SHA256_LEN] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf,
		0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96,
		0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct digest *d = digest_new();
	struct proto_digest sum;
	int none = file("", 0);
	int three = file("abc", 3);

	(void)state;
	assert_int_equal(digest_file(d, none, 0, &sum), 0);
	assert_memory_equal(sum.sha256, empty, sizeof(empty));
	/* The descriptor stands at the end of the file: reading begins at its first byte anyway. */
	assert_int_equal(digest_file(d, three, 0, &sum), 0);
	assert_memory_equal(sum.sha256, abc, sizeof(abc));
	close(none);
	close(three);
	digest_free(d);
}

static void test_unreadable(void **state)
{
	struct digest *d = digest_new();
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pipe_fds[2];
	struct proto_digest sum;

	(void)state;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(digest_file(d, folder, 0, &sum), -EISDIR);
	assert_int_equal(digest_file(d, pipe_fds[0], 0, &sum), -ESPIPE);
	assert_int_equal(digest_file(d, -1, 0, &sum), -EBADF);
	close(folder);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	digest_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
