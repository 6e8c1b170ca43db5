/*
 * digest: the digests of a clip, all of them in one reading.
 *
 * Called by verify's main. Knows nothing of messages. It must never trust a length that it did not
 * read itself, and never hold more than one block of the clip.
 */
#ifndef DOCKD_VERIFY_DIGEST_H
#define DOCKD_VERIFY_DIGEST_H

#include "../base/proto_verify.h"

struct digest;

/* Everything that loads or allocates: made before the sandbox goes up. NULL: no memory or SHA-2. */
struct digest *digest_new(void);
void digest_free(struct digest *d);

/*
 * Reads the file behind clip from its first byte to its end. SHA-256 is always taken, those in the
 * set `digests` (DIGEST_...) beside it. sum->digests says which are there.
 *
 * 0; -ENOMEM: sum is void; another -errno of reading: sum is of the bytes before it.
 */
int digest_file(struct digest *d, int clip, uint32_t digests, struct proto_digest *sum);

#endif
