/*
 * signature: what the signature of one clip or log shows (DESIGN 6, dockd-signature(5)); pure.
 *
 * Called by judge_job; its schemes are in cms, sidecar and manifest. It sees the digest that was
 * taken already, never the clip. Bytes of the signature are hostile, anchors and revocation lists
 * are the station's own.
 */
#ifndef DOCKD_VERIFY_SIGNATURE_H
#define DOCKD_VERIFY_SIGNATURE_H

#include "facts.h"

#include <stdbool.h>

struct trust {
	const char *anchors, *crls; /* PEM, may be empty */
	size_t anchors_len, crls_len;
};

/* The two times at which a signer is judged. */
struct signing_time {
	int64_t recorded_s; /* never outside what bounds it; where nothing is told: docked_s */
	int64_t docked_s;
	bool proved; /* recorded_s lies between two times of the station's own clock */
};

/* Makes libcrypto load all that judging may need. 0 or -ENOMEM. */
int signature_prepare(void);

/*
 * Fills result, flags, time_s (signing time, as the signature says), signer and text. bytes: the
 * sidecar or signed list; len beyond SIDECAR_MAX: it is larger. 0, or -EBADMSG: the anchors or
 * revocation lists cannot be read, *why says what is wrong.
 */
int signature_judge(const struct signing_facts *f, const char *bytes, size_t len,
    const struct trust *trust, struct proto_judged *out, const char **why);

/* For the schemes: a result with its reason; what comes from outside is escaped. */
void judged_set(struct proto_judged *out, enum signature_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * What a good signature by an enrolled key is worth: true: it is this camera's, and not revoked
 * when this was docked. false: out says what it is.
 */
bool signing_key_judge(
    const struct signing_facts *f, const struct signing_key *k, struct proto_judged *out);

#endif
