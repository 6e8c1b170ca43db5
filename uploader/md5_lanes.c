#include "md5_lanes.h"

#include <string.h>

/* A vector; compilers make of it what the processor has. */
typedef uint32_t lanes __attribute__((vector_size(4 * MD5_LANES)));

/* RFC 1321 3.4: the integer part of 4294967296 times abs(sin(i)) */
static const uint32_t sines[64] = { 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf,
	0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51,
	0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6,
	0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942,
	0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8,
	0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82,
	0xbd3af235, 0x2ad7d2bb, 0xeb86d391 };

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_word(uint8_t *p, uint32_t w)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(w >> 8 * i);
}

void md5_lanes_begin(struct md5_lanes *m, unsigned lane)
{
	static const uint32_t first[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

	for (unsigned i = 0; i < 4; i++)
		m->state[i][lane] = first[i];
}

#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) ((y) ^ ((z) & ((x) ^ (y))))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, a, b, c, d, i, k, s)                                                               \
	do {                                                                                       \
		(a) += f(b, c, d) + w[(k)&15] + sines[i];                                          \
		(a) = ((a) << (s) | (a) >> (32 - (s))) + (b);                                      \
	} while (0)
/* Four steps: which word each takes, and how far it turns. */
#define STEPS(f, i, first, by, s1, s2, s3, s4)                                                     \
	do {                                                                                       \
		STEP(f, a, b, c, d, i, first, s1);                                                 \
		STEP(f, d, a, b, c, (i) + 1, (first) + (by), s2);                                  \
		STEP(f, c, d, a, b, (i) + 2, (first) + 2 * (by), s3);                              \
		STEP(f, b, c, d, a, (i) + 3, (first) + 3 * (by), s4);                              \
	} while (0)

static void block(lanes state[4], const lanes w[16])
{
	lanes a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 16; i += 4)
		STEPS(F, i, i, 1, 7, 12, 17, 22);
	for (unsigned i = 16; i < 32; i += 4)
		STEPS(G, i, 5 * i + 1, 5, 5, 9, 14, 20);
	for (unsigned i = 32; i < 48; i += 4)
		STEPS(H, i, 3 * i + 5, 3, 4, 11, 16, 23);
	for (unsigned i = 48; i < 64; i += 4)
		STEPS(I, i, 7 * i, 7, 6, 10, 15, 21);
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void md5_lanes_add(struct md5_lanes *m, const uint8_t *const from[MD5_LANES], size_t blocks)
{
	static const uint8_t nothing[MD5_BLOCK_BYTES];
	lanes state[4], w[16];

	memcpy(state, m->state, sizeof(state));
	for (size_t n = 0; n < blocks; n++) {
		const uint8_t *p[MD5_LANES];

		for (unsigned l = 0; l < MD5_LANES; l++)
			p[l] = from[l] ? from[l] + n * MD5_BLOCK_BYTES : nothing;
		for (unsigned i = 0; i < 16; i++) {
			for (unsigned l = 0; l < MD5_LANES; l++)
				w[i][l] = word(p[l] + 4 * i);
		}
		block(state, w);
	}
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned l = 0; l < MD5_LANES; l++) {
			if (from[l])
				m->state[i][l] = state[i][l];
		}
	}
}

/* RFC 1321 3.1, 3.2: a 1 bit, zeros, and the length in bits. */
void md5_lanes_end(struct md5_lanes *m, unsigned lane, const uint8_t *rest, uint64_t all_bytes,
    uint8_t md5[MD5_BYTES])
{
	uint8_t last[2 * MD5_BLOCK_BYTES] = { 0 };
	const uint8_t *from[MD5_LANES] = { NULL };
	size_t len = all_bytes % MD5_BLOCK_BYTES;
	size_t blocks = len < MD5_BLOCK_BYTES - 8 ? 1 : 2;

	if (len)
		memcpy(last, rest, len);
	last[len] = 0x80;
	put_word(last + blocks * MD5_BLOCK_BYTES - 8, (uint32_t)(all_bytes << 3));
	put_word(last + blocks * MD5_BLOCK_BYTES - 4, (uint32_t)(all_bytes >> 29));
	from[lane] = last;
	md5_lanes_add(m, from, blocks);
	for (unsigned i = 0; i < 4; i++)
		put_word(md5 + 4 * i, m->state[i][lane]);
}
