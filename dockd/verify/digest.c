/*
 * digest: SHA-256 of a clip, whole and by leaf, in one reading. FIPS 180-4, by libcrypto's EVP.
 */
#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_BYTES (1u << 20)

struct digest {
	EVP_MD *md;
	EVP_MD_CTX *whole;
	EVP_MD_CTX *leaf;
	uint64_t leaf_bytes;
	uint8_t *block;
};

struct digest *digest_new(uint64_t leaf_bytes)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->leaf_bytes = leaf_bytes;
	d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->whole = EVP_MD_CTX_new();
	d->leaf = EVP_MD_CTX_new();
	d->block = malloc(BLOCK_BYTES);
	if (!d->md || !d->whole || !d->leaf || !d->block ||
	    EVP_DigestInit_ex2(d->whole, d->md, NULL) != 1 ||
	    EVP_DigestInit_ex2(d->leaf, d->md, NULL) != 1) {
		digest_free(d);
		return NULL;
	}
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	free(d->block);
	EVP_MD_CTX_free(d->leaf);
	EVP_MD_CTX_free(d->whole);
	EVP_MD_free(d->md);
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

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Closes the leaf and opens the next. After one leaf has failed no more are written: no gaps. */
static int end_leaf(struct digest *d, int leaves, struct digest_sum *sum, int *leaves_err)
{
	uint8_t md[DIGEST_LEN];

	if (EVP_DigestFinal_ex(d->leaf, md, NULL) != 1 ||
	    EVP_DigestInit_ex2(d->leaf, d->md, NULL) != 1)
		return -ENOMEM;
	if (*leaves_err == 0)
		*leaves_err = write_all(leaves, md, sizeof(md));
	if (*leaves_err == 0)
		sum->leaves++;
	return 0;
}

int digest_file(struct digest *d, int clip, int leaves, struct digest_sum *sum, int *leaves_err)
{
	uint64_t in_leaf = 0;
	ssize_t n;

	*sum = (struct digest_sum){ 0 };
	*leaves_err = 0;
	if (EVP_DigestInit_ex2(d->whole, d->md, NULL) != 1 ||
	    EVP_DigestInit_ex2(d->leaf, d->md, NULL) != 1)
		return -ENOMEM;
	posix_fadvise(clip, 0, 0, POSIX_FADV_SEQUENTIAL);
	do {
		uint64_t room = d->leaf_bytes - in_leaf;
		size_t want = room < BLOCK_BYTES ? (size_t)room : BLOCK_BYTES;

		n = read_at(clip, d->block, want, sum->length_bytes);
		if (n <= 0)
			break;
		if (EVP_DigestUpdate(d->whole, d->block, (size_t)n) != 1 ||
		    EVP_DigestUpdate(d->leaf, d->block, (size_t)n) != 1)
			return -ENOMEM;
		sum->length_bytes += (uint64_t)n;
		in_leaf += (uint64_t)n;
		if (in_leaf == d->leaf_bytes && end_leaf(d, leaves, sum, leaves_err) < 0)
			return -ENOMEM;
		in_leaf %= d->leaf_bytes;
	} while (n > 0);
	if (in_leaf > 0 && end_leaf(d, leaves, sum, leaves_err) < 0)
		return -ENOMEM;
	if (EVP_DigestFinal_ex(d->whole, sum->sha256, NULL) != 1)
		return -ENOMEM;
	return n < 0 ? (int)n : 0;
}
