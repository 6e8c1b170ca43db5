/* md5_lanes: against RFC 1321's own examples, and against libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../uploader/md5_lanes.c"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>

#define LEN_MAX 400u

static void in_lane(unsigned lane, const uint8_t *bytes, size_t len, uint8_t md5[MD5_BYTES])
{
	const uint8_t *from[MD5_LANES] = { NULL };
	size_t whole = len - len % MD5_BLOCK_BYTES;
	struct md5_lanes m;

	memset(&m, 0xa5, sizeof(m));
	md5_lanes_begin(&m, lane);
	from[lane] = bytes;
	md5_lanes_add(&m, from, len / MD5_BLOCK_BYTES);
	md5_lanes_end(&m, lane, bytes + whole, len, md5);
}

/* RFC 1321 A.5 */
static void published(void **state)
{
	static const struct {
		const char *text, *md5;
	} examples[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "a", "0cc175b9c0f1b6a831c399e269772661" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		    "d174ab98d277d9f5a5611c2c9f419d9f" },
		{ "1234567890123456789012345678901234567890123456789012345678901234567890123456"
		  "7890",
		    "57edf4a22be3c955ac49da2e2107b67a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const char *text = examples[i].text;
		uint8_t md5[MD5_BYTES];
		char hex[2 * MD5_BYTES + 1];

		for (unsigned lane = 0; lane < MD5_LANES; lane++) {
			in_lane(lane, (const uint8_t *)text, strlen(text), md5);
			for (unsigned k = 0; k < MD5_BYTES; k++)
				snprintf(hex + 2 * k, 3, "%02x", md5[k]);
			assert_string_equal(hex, examples[i].md5);
		}
	}
}

/* Other bytes in each lane, and other lengths: those that are done stay as they are. */
static void side_by_side(void **state)
{
	static uint8_t bytes[MD5_LANES][LEN_MAX];

	(void)state;
	for (unsigned l = 0; l < MD5_LANES; l++) {
		for (unsigned k = 0; k < LEN_MAX; k++)
			bytes[l][k] = (uint8_t)(k * k * 31 + k * 7 + l * 101 + (k >> 4));
	}
	for (size_t len = 0; len + 65 * MD5_LANES < LEN_MAX; len++) {
		uint8_t ours[MD5_BYTES], theirs[MD5_BYTES];
		struct md5_lanes m;
		bool more = true;

		for (unsigned l = 0; l < MD5_LANES; l++)
			md5_lanes_begin(&m, l);
		for (size_t at = 0; more; at += MD5_BLOCK_BYTES) {
			const uint8_t *from[MD5_LANES] = { NULL };

			more = false;
			for (unsigned l = 0; l < MD5_LANES; l++) {
				if (at + MD5_BLOCK_BYTES > len + 65 * l)
					continue;
				from[l] = bytes[l] + at;
				more = true;
			}
			md5_lanes_add(&m, from, 1);
		}
		for (unsigned l = 0; l < MD5_LANES; l++) {
			size_t n = len + 65 * l;

			md5_lanes_end(&m, l, bytes[l] + n - n % MD5_BLOCK_BYTES, n, ours);
			EVP_Digest(bytes[l], n, theirs, NULL, EVP_md5(), NULL);
			assert_memory_equal(ours, theirs, MD5_BYTES);
		}
	}
}

/* The length is of 64 bits. */
static void longer_than_half_a_gib(void **state)
{
	static uint8_t piece[1 << 16];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *from[MD5_LANES] = { piece };
	uint8_t ours[MD5_BYTES], theirs[MD5_BYTES];
	uint64_t all = 0;
	struct md5_lanes m = { 0 };

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(EVP_DigestInit_ex(ctx, EVP_md5(), NULL), 1);
	md5_lanes_begin(&m, 0);
	while (all <= 1u << 29) {
		md5_lanes_add(&m, from, sizeof(piece) / MD5_BLOCK_BYTES);
		assert_int_equal(EVP_DigestUpdate(ctx, piece, sizeof(piece)), 1);
		all += sizeof(piece);
	}
	md5_lanes_end(&m, 0, NULL, all, ours);
	assert_int_equal(EVP_DigestFinal_ex(ctx, theirs, NULL), 1);
	EVP_MD_CTX_free(ctx);
	assert_memory_equal(ours, theirs, MD5_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published),
		cmocka_unit_test(side_by_side),
		cmocka_unit_test(longer_than_half_a_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
