/*
 * digest: SHA-256, and what else a profile asks for, in one reading. FIPS 180-4, by libcrypto's EVP.
 */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES (1u << 20)

enum { SHA256, SHA384, SHA512, ALGORITHMS };

static const struct {
	const char *name;
	uint32_t bit; /* 0: always taken */
} algorithms[ALGORITHMS] = {
	[SHA256] = { "SHA256", 0 },
	[SHA384] = { "SHA384", DIGEST_SHA384 },
	[SHA512] = { "SHA512", DIGEST_SHA512 },
};

struct digest {
	EVP_MD *md[ALGORITHMS];
	EVP_MD_CTX *context[ALGORITHMS];
	uint8_t *block;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));
	bool good = d && (d->block = malloc(BLOCK_BYTES));

	for (unsigned i = 0; good && i < ALGORITHMS; i++) {
		d->md[i] = EVP_MD_fetch(NULL, algorithms[i].name, NULL);
		d->context[i] = EVP_MD_CTX_new();
		good = d->md[i] && d->context[i] &&
		    EVP_DigestInit_ex2(d->context[i], d->md[i], NULL) == 1;
	}
	if (good)
		return d;
	digest_free(d);
	return NULL;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < ALGORITHMS; i++) {
		EVP_MD_CTX_free(d->context[i]);
		EVP_MD_free(d->md[i]);
	}
	free(d->block);
	free(d);
}

/* Bytes read, fewer than len only at the end of the file, or -errno. */
static ssize_t read_at(int fd, uint8_t *bytes, size_t len, uint64_t offset)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, bytes + got, len - got, (off_t)(offset + got));

		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)got;
}

int digest_file(struct digest *d, int clip, uint32_t digests, struct proto_digest *sum)
{
	uint8_t *const out[ALGORITHMS] = { sum->sha256, sum->sha384, sum->sha512 };
	bool wanted[ALGORITHMS];
	ssize_t n;

	memset(sum, 0, sizeof(*sum));
	sum->digests = digests & DIGEST_ALL;
	for (unsigned i = 0; i < ALGORITHMS; i++) {
		wanted[i] = algorithms[i].bit == 0 || (digests & algorithms[i].bit);
		if (wanted[i] && EVP_DigestInit_ex2(d->context[i], d->md[i], NULL) != 1)
			return -ENOMEM;
	}
	posix_fadvise(clip, 0, 0, POSIX_FADV_SEQUENTIAL);
	while ((n = read_at(clip, d->block, BLOCK_BYTES, sum->length_bytes)) > 0) {
		for (unsigned i = 0; i < ALGORITHMS; i++) {
			if (wanted[i] && EVP_DigestUpdate(d->context[i], d->block, (size_t)n) != 1)
				return -ENOMEM;
		}
		sum->length_bytes += (uint64_t)n;
	}
	for (unsigned i = 0; i < ALGORITHMS; i++) {
		if (wanted[i] && EVP_DigestFinal_ex(d->context[i], out[i], NULL) != 1)
			return -ENOMEM;
	}
	return n < 0 ? (int)n : 0;
}
