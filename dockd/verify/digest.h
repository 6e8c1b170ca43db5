/*
 * digest: SHA-256 of a clip, whole and by leaf, in one reading.
 *
 * Called by verify's main. Knows nothing of messages. It must never trust a length that it did not
 * read itself, and never hold more than one block of the clip.
 */
#ifndef DOCKD_VERIFY_DIGEST_H
#define DOCKD_VERIFY_DIGEST_H

#include <stdint.h>

#define DIGEST_LEN 32

struct digest;

struct digest_sum {
	uint64_t length_bytes; /* what could be read: the length of the file */
	uint64_t leaves;       /* written to the leaves file, in order, DIGEST_LEN bytes each */
	uint8_t sha256[DIGEST_LEN];
};

/*
 * Everything that loads or allocates: made before the sandbox goes up. leaf_bytes is how much of
 * the clip a leaf covers, the last one less; a multiple of 64 KiB. NULL: no memory or no SHA-256.
 */
struct digest *digest_new(uint64_t leaf_bytes);
void digest_free(struct digest *d);

/*
 * Reads the file behind clip from its first byte to its end and writes the digest of each leaf to
 * the file behind leaves, at its position. An empty file has no leaves.
 *
 * 0; -ENOMEM: sum is void; another -errno of reading: sum is of the bytes before it. *leaves_err is
 * 0, or the -errno for which leaves are missing from the file. Neither descriptor is synced.
 */
int digest_file(struct digest *d, int clip, int leaves, struct digest_sum *sum, int *leaves_err);

#endif
