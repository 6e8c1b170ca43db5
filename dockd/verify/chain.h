/*
 * chain: whether a certificate led to an anchor when something was signed, and was not revoked.
 *
 * Called by cms. Purpose any; keys and signatures of 112 bits and more; certificates that come with
 * the signature help to build the path and prove nothing.
 */
#ifndef DOCKD_VERIFY_CHAIN_H
#define DOCKD_VERIFY_CHAIN_H

#include "signature.h"

#include "../base/proto_verify.h"

#include <openssl/x509.h>

struct chain {
	X509_STORE *anchors;
	STACK_OF(X509_CRL) * crls;
	STACK_OF(X509) * path; /* the certificate first, the anchor last */
	bool has_anchors;
	char note[160]; /* of what chain_judge found good: a clause for people */
};

/* Reads both PEM texts. 0, or -EBADMSG and *why. c is to be freed in any case. */
int chain_trust(struct chain *c, const struct trust *trust, const char **why);
void chain_free(struct chain *c);

/*
 * true: trusted when recorded and when docked, and c->note says how. false: out has
 * SIGNATURE_UNTRUSTED_SIGNER and why.
 */
bool chain_judge(struct chain *c, X509 *certificate, STACK_OF(X509) * others,
    const struct signing_time *when, struct proto_judged *out);

#endif
